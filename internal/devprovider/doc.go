// Package devprovider is an OpenID provider for the demo and for tests: people with known
// passwords, a login page, a consent page, refresh, revocation and end-session, all on loopback.
//
// Given a record (Options.Record, package record) it is the provider that the record speaks of: its
// endpoints at its paths, several hosts below one origin (Placed), its prompts and pickers, its rules
// of refresh, sign-out, notices and revocation, its ways to know a client, its wire shapes and APIs.
// Where a record does not know, the provider does what is harder on a relying party.
//
// It owns: the provider's endpoints and pages, its signing keys, its sign-in sessions, the grants
// and tokens it gave out, the faults a test may switch on, and the counters and the log of requests
// that a test may read.
//
// It does not own: anything a relying party does, nor what records say. It shares no code with the
// packages it is used to test but the record's type, and reads a record as the provider that it is
// about, so that an error in one is not repeated in the other.
//
// It is not a provider for real use: passwords are shown on the login page, people are made up in
// memory, and nothing limits how often a password may be tried. It therefore serves loopback
// addresses only: New refuses another issuer host, Serve refuses another listener, and a request
// that arrives for another host or on another address is refused.
//
// Specifications, each with the part that is here:
//
//   - OpenID Connect Core 1.0: authorization code flow (3.1), prompt, max_age, login_hint and
//     id_token_hint (3.1.2.1), UserInfo (5.3), refresh (12)
//   - OpenID Connect Discovery 1.0: provider configuration (4)
//   - OpenID Connect RP-Initiated Logout 1.0
//   - OpenID Connect Back-Channel Logout 1.0: logout tokens (2.4), their delivery (2.5) without
//     retries
//   - OpenID Connect Front-Channel Logout 1.0: hidden frames with iss and sid (2, 3)
//   - RFC 6749: authorization code (4.1), refresh (6), client authentication (2.3), errors (5.2)
//   - RFC 6750: bearer tokens at UserInfo
//   - RFC 7009: token revocation
//   - RFC 7523: JWTs by which clients prove who they are (2.2, 3)
//   - RFC 8288: Link headers that lead to a list's next page
//   - RFC 7636: PKCE with S256 only
//   - RFC 9207: iss in the authorization response
//   - RFC 9700: exact redirect URIs (2.1), single-use codes (4.5), refresh rotation with reuse
//     detection (4.14)
//   - OAuth 2.0 Form Post Response Mode
package devprovider
