// Package admin is the operator's API: JSON over a unix socket that only the gateway's
// own user can open, or over an address with a credential, and the client that the
// commands use.
//
// It owns the wire format and its description (openapi.json, OpenAPI 3.1, which is written
// by hand and held against routes and answers by the tests), the credential, and who may
// ask: no browser ever. It ends sessions only through signout and acts on accounts only
// through people. Whoever gets in may do everything here; there is one role.
//
// Errors are problem documents (RFC 9457); the credential is a bearer token (RFC 6750
// section 2.1).
package admin
