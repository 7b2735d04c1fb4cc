// Package provider is the relying party: it speaks to one OpenID provider, as that
// provider's record says.
//
// It owns the connection to the provider (addresses, certificates, limits), the cached
// discovery document and key set, authorization and end-session URLs, the token,
// userinfo and revocation requests, the proof of who the client is, the provider's own
// lists of addresses and groups, and the decision whether an answer is believed.
//
// It owns no session, state or browser binding (package signin), does not decide when
// to refresh (package refresh) or what a sign-out does (package signout), and knows no
// provider by name (package record).
//
// Specifications: RFC 6749 sections 2.3, 4.1, 5 and 6; RFC 6750 section 2; RFC 7009;
// RFC 7517; RFC 7523 sections 2.2 and 3; RFC 7636 (S256 only); RFC 8288 section 3 (next
// alone); RFC 9207; RFC 9700; OpenID Connect Core 1.0 sections 3.1, 5.3, 5.7, 9, 10 and 12; Discovery 1.0 sections 3 and 4; RP-Initiated Logout 1.0 section 2; Back-Channel
// Logout 1.0 sections 2.4 and 2.6; Front-Channel Logout 1.0 section 2 (iss only).
package provider
