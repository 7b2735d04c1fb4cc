package sqlite

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
)

// Use spends a single-use value, durably: the first caller gets nil, all others
// signin.ErrUsed, until it is swept after until. A caller that gets
// session.ErrUnavailable must treat the value as spent.
func (st *Store) Use(ctx context.Context, now time.Time, key session.SeatHash, until time.Time) error {
	return st.db.writer.do(ctx, "spending a single-use value", func(c *conn) error {
		n, err := c.exec("INSERT INTO single_use (key, until) VALUES (?1, ?2) ON CONFLICT DO NOTHING", key[:], micros(until))
		if err == nil && n == 0 {
			err = signin.ErrUsed
		}
		return err
	})
}
