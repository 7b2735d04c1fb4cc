// Package web is the face that browsers meet: it finds the app that a request is for,
// asks the guard, and serves Cardea's own paths under /.cardea/.
//
// It owns host dispatch, the own paths, what a request without a session is answered,
// and the cookies. It decides nothing (guard does), ends nothing (signout does), and
// passes nothing on itself (an Upstream does). RFC 9110, RFC 9457, RFC 9470
// section 3, OpenID Connect RP-Initiated Logout 1.0 section 3.
package web
