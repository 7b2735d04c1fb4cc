// Package admin is the operator's API: JSON over a unix socket that only the gateway's
// own user can open, and the client that the commands use.
//
// It owns the wire format. It ends sessions only through signout, as the button does.
// Whoever can open the socket may do everything here; there is no other credential.
package admin
