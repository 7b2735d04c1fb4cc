// Package sqlitetest opens SQLite stores for tests: in a temporary folder, closed at the
// end of the test, and filled in bulk where a test or benchmark needs many sessions.
//
// It owns no promise of the store; package storetest says those.
package sqlitetest
