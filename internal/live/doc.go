// Package live knows the open connections of this process by session: WebSockets,
// event streams, long polls, downloads.
//
// It owns the register and closes by session. It does not decide when (signout and
// guard do) nor how a protocol says goodbye (the connection's own Close does).
//
// A request that was admitted a moment before its session ended must not outlive the
// end: the register remembers for a while which sessions were closed and refuses
// their late connections, and sends late connections of a renewed session to its
// successor. Implements the second step of a sign-out (design, section 3).
package live
