// Package people is what an operator does to a person: disabling, enabling and deleting
// an account, each carried to its end.
//
// It owns the order of the acts. An account is shut durably before its sessions end, so
// that a sign-in under way opens nothing; its sessions end before it is erased; and what
// a crash or an outage interrupted is finished by Run. It ends sessions only through
// signout and keeps nothing itself: stores do, and they refuse what comes too late.
package people
