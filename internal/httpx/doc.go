// Package httpx is what every face needs to know about HTTP: origins and cookie
// names, which requests are navigations, what forwarded headers are believed, which
// return targets are local, how a failure is told to programs, and how a unix socket is
// made.
//
// It owns no handler and no policy. RFC 9110, RFC 6265, RFC 7239, RFC 9457, and the
// Fetch Metadata request headers.
package httpx
