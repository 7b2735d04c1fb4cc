package sqlite

import (
	"context"
	"time"
)

// keepFinished is how long an outbox entry that no receipt speaks of can be looked at
// after it is finished.
const keepFinished = 24 * time.Hour

// sweepVaults finds nothing where every entry was finished by Finish. It is for entries
// that went another way: by an operator's hand, say. ?1 is not used.
const sweepVaults = "DELETE FROM vaults WHERE rowid IN (SELECT rowid FROM vaults WHERE ended = 1 AND" + noLogout + " LIMIT ?2)"

// Sweep removes what nothing can name any more: tombstones past their Until, with their
// seats and receipts, receipts and single-use values past theirs, finished outbox entries
// that no receipt speaks of, and vaults of ended sessions that no app's logout waits for.
// What an erasure had to leave in the write-ahead log goes as well.
// It removes at most limit (of all kinds together) and returns how many; the caller goes
// on while that equals limit.
func (st *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	limit = limitOrDefault(limit)
	swept := 0
	err := st.db.writer.do(ctx, "sweeping", func(c *conn) error {
		swept = 0
		at := micros(now)
		n, err := sweepEnds(c, at, limit)
		swept += n
		for _, query := range []string{
			"DELETE FROM receipts WHERE session IN (SELECT session FROM receipts WHERE until <= ?1 ORDER BY until LIMIT ?2)",
			"DELETE FROM single_use WHERE key IN (SELECT key FROM single_use WHERE until <= ?1 ORDER BY until LIMIT ?2)",
			"DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state <> 'pending' AND keep_until <= ?1 ORDER BY keep_until LIMIT ?2)",
			sweepVaults,
		} {
			if err != nil || swept == limit {
				return err
			}
			var removed int64
			removed, err = c.exec(query, at, limit-swept)
			swept += int(removed)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	st.db.sweepLog(ctx)
	return swept, nil
}

func sweepEnds(c *conn, at int64, limit int) (int, error) {
	type end struct {
		seq     int64
		session string
	}
	var ends []end
	err := c.each(func(scan func(...any) error) error {
		var e end
		err := scan(&e.seq, &e.session)
		ends = append(ends, e)
		return err
	}, "SELECT seq, coalesce(session, '') FROM ends WHERE until <= ?1 ORDER BY until LIMIT ?2", at, limit)
	if err != nil {
		return 0, err
	}
	for _, e := range ends {
		for _, query := range []string{
			"DELETE FROM seats WHERE session = ?1", "DELETE FROM receipts WHERE session = ?1", deleteVaults,
		} {
			if _, err := c.exec(query, e.session); err != nil {
				return 0, err
			}
		}
		if _, err := c.exec("DELETE FROM ends WHERE seq = ?1", e.seq); err != nil {
			return 0, err
		}
	}
	return len(ends), nil
}
