// Package session is the server-side record of one browser's sign-in: its limits,
// its grant (the provider's tokens), its seats (one per app origin) and the tombstone
// that stays when it has ended.
//
// It owns the types, the limits and the hashing of seat values. It stores nothing
// (adapters do), decides nothing about a request (guard) and ends nothing (signout).
package session
