// Package people is what is done to an account, each act carried to its end: disabling,
// enabling and deleting it, by an operator, and unlinking an identity from it, by an
// operator or its person.
//
// It owns the order of the acts. An account is shut durably before its sessions end, so
// that a sign-in under way opens nothing; an identity is unlinked before what it opened
// ends; an account's sessions end before it is erased; and what a crash or an outage
// interrupted is finished by Run. It ends sessions only through signout and keeps nothing
// itself: stores do, and they refuse what comes too late.
package people
