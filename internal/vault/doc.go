// Package vault keeps the cookies of apps at the gateway instead of in the browser:
// what an app sets HttpOnly, which no script of a page can read, is taken out of its
// answers, held in the session, and put into the requests that go to the app. So the
// app's own sessions end with the session here, a copied browser cookie opens nothing,
// and the next person on the same browser inherits nothing.
//
// It owns the parsing of Set-Cookie, the rules of what is kept and what passes through
// to the browser, the jar of one session at one app, its form at rest, and what is hot
// in memory. It does not seal (the store does), does not end sessions (signout), calls
// no app (applogout) and does not decide which names are special (presets do).
//
// RFC 6265bis: sections 5.1 (dates, paths, domains), 5.6 and 5.7 (Set-Cookie), and 5.8.3
// (Cookie). It differs where a jar at a gateway has to: a cookie's key is name, host and
// path without the host-only flag, a name is either kept or in the browser, never in
// both, and cookies whose Domain reaches beyond the app's host are left to the browser.
package vault
