// Package sqlite keeps everything Cardea must remember in one SQLite file: sessions with
// their seats and vaults, tombstones, receipts, the outbox, single-use values, accounts,
// the gateway's clients at its providers and wrapped data keys.
//
// It owns the schema and its migrations, the lock of the data folder, the sealing of
// secret columns, copies for backups and their way back (a database is exchanged in one
// step, and no live session is in a copy), and three promises:
//
//   - What a caller was told of is on disk. Writes are committed in groups with
//     synchronous=FULL; only touches may be lost.
//   - Ended stays ended. Writes to sessions are conditional updates in the transaction
//     that looks for a tombstone; there is no upsert.
//   - A store that hangs holds nobody up. Every method returns within its context's
//     deadline or CallTimeout, whichever is sooner, with an error that wraps
//     session.ErrUnavailable; the goroutines that may be stuck inside SQLite meanwhile
//     are one writer and a few readers, however many callers there are.
//
// A write whose caller was told ErrUnavailable is not applied later, with one exception
// that no database can avoid: a caller that gives up while COMMIT itself is running does
// not learn its outcome. Every write is safe in that case: a session nobody got the
// cookie of expires, a conditional update meets its own version and conflicts, an end or
// an admission that is repeated finds itself done, and a single-use value stays spent.
//
// What is kept of apps' cookies is opaque here. It lives as long as its session, and
// after that only while an outbox entry for the app's own logout is pending.
//
// It decides nothing about sessions, sends nothing and seals nothing itself (keyring
// does). It stores times in microseconds, in UTC; finer parts are cut off.
package sqlite
