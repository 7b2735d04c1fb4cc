// Package oidc is the protocol vocabulary that the rest of Cardea speaks: tokens,
// claims, requests to and answers from an OpenID provider, and the errors they end in.
//
// It owns names and plain data, random values and PKCE (RFC 7636). It makes no
// request and verifies no signature; package provider does. RFC 6749, RFC 7009,
// RFC 9207, OpenID Connect Core 1.0, RP-Initiated Logout 1.0,
// Back-Channel Logout 1.0 section 2.4.
package oidc
