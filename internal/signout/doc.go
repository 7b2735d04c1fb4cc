// Package signout ends sessions: End is the only way in which one ends, whatever
// asked for it.
//
// It owns the table of what each cause does, the order of an end (tombstone and
// outbox in one durable transaction, then every cache and live connection, then the
// participants), the receipt, and what is delivered later. It does not speak to
// browsers (web does) nor to providers itself (package provider does, behind
// interfaces). Clients tells which sessions a changed configuration has left without a
// provider: those are refused at once, and ended by Run. OpenID Connect RP-Initiated
// Logout 1.0, RFC 7009.
package signout
