// Package account is a person at Cardea: the account, its handle and its identities.
//
// It owns the types and the rules by which a handle is made. It stores nothing and
// admits nobody (access and signin do).
package account
