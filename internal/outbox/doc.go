// Package outbox delivers what participants must still be told after a session
// ended: token revocations, logout calls. Entries are durable, retried with backoff
// and visible until done.
//
// It owns the entry, the worker and the backoff. It knows no protocol: handlers do.
package outbox
