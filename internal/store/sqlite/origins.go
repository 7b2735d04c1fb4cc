package sqlite

import "context"

// Origins returns, once each and in order, where live sessions have seats.
func (st *Store) Origins(ctx context.Context) ([]string, error) {
	return read(ctx, st.db.readers, "reading where sessions have seats", func(c *conn) ([]string, error) {
		var list []string
		err := c.each(func(scan func(...any) error) error {
			var origin string
			err := scan(&origin)
			list = append(list, origin)
			return err
		}, "SELECT DISTINCT e.origin FROM seats e JOIN sessions s ON s.id = e.session ORDER BY e.origin")
		return list, err
	})
}
