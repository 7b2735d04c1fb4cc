// Package storetest says by tests what a store promises. Every store runs the same
// suite unchanged: conditional updates, ends that nothing revives, exactly one winner of
// every race, handles that are given once, deliveries that survive. Faulty is a store
// that fails, hangs or loses answers on demand, for tests of what lies above a store.
//
// It owns the suite and the Store interface that it needs. It opens no store itself:
// the caller does, and tests of outages and crashes belong to each store's package.
package storetest
