// Package signin brings a browser from "no session" to a seat in one: attempts,
// callbacks, admission, accounts at their first admitted sign-in, and the handing of
// seats to other origins. A linking is an attempt with a mark: what is proven goes to the
// account of the live session that asked, and no session is opened.
//
// It owns the sealed attempt (state, nonce and PKCE verifier, bound to the browser and
// single use) and the rule that one browser has one session. It reads no cookie and
// writes no page (web does), and speaks to no provider itself (package provider does).
//
// A start stores nothing: the attempt travels in the state parameter. What this process
// remembers is bounded and may be lost at any time: whose turn it is among the callbacks
// of one browser, the session that a browser just opened (for callbacks that were sent
// before its cookie arrived), and the rounds of the last minute (against loops).
//
// OpenID Connect Core 1.0 sections 3.1.2 and 3.1.3, RFC 7636, RFC 9207, RFC 9700.
package signin
