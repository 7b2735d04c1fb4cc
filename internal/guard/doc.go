// Package guard gives the one verdict on a request: whose session it is, whether that
// session is alive, and whether this person may do this here now.
//
// It owns the verdict, the rules per path with their normaliser, the local cache of
// live sessions with its pushed invalidation, and the coalescing of activity. It signs
// nobody in (signin does), ends nothing (signout does), refreshes nothing (refresh
// does) and writes no answer (web does).
//
// # The cache
//
// The cache is a sharded map and not a general cache library: entries live for
// seconds, so that which one to evict hardly matters, while an invalidation must be
// complete the moment Drop returns, also for loads that have not come back yet. Every
// entry points to a cell, one per session; Drop stamps the cell with the next number
// of a sequence, and an entry counts only when its load began after the cell's last
// stamp. Only live sessions are cached. Without the store's heartbeat for a second
// nothing is answered from the cache.
//
// # Paths
//
// A path that different servers could read differently is judged under every reading
// and gets the strictest rule of them all (RFC 3986 sections 5.2.4 and 6.2.2): every
// policy, the smallest max_age, and of the authentication classes those that all lists
// have. Where none is left, nobody is let in.
package guard
