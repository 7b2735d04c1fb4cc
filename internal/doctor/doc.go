// Package doctor examines a configuration from outside: it asks providers and apps what a
// sign-in and a sign-out would ask them, and says what will go wrong before a person meets
// it, with the evidence and what to change.
//
// It changes nothing: it fetches public documents (OpenID Connect Discovery section 4, RFC
// 7517), makes authorization and end-session requests without cookies whose redirects it
// does not follow (RFC 6749 section 4.1.1, RP-Initiated Logout section 2), and redeems one
// code that nobody was given (RFC 6749 section 5.2). What it reports holds no secret,
// token, code or state.
//
// It does not know what kinds of providers there are: what differs among them comes from
// package record. It does not read the configuration; package app hands in plain values.
package doctor
