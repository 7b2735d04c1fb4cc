// Package account is a person at Cardea: the account, its handle and its identities.
//
// It owns the types, what accounts are selected by, and the rules by which a handle is
// made. It stores nothing, admits nobody (access and signin do) and shuts nobody out
// (people does).
package account
