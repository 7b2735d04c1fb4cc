// Package account is a person at Cardea: the account, its handle and its identities.
//
// It owns the types, what accounts are selected by, the rules by which a handle is made,
// the key that names an identity, and what may be compared as an e-mail address (OpenID
// Connect Core 1.0 section 5.7 says why that is little). It stores nothing, admits nobody (access and signin do) and shuts nobody out
// (people does).
package account
