package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
)

// Stranded counts the accounts with an identity of a provider that goes and none of those
// that are left: these are named by their ids, and by their issuers, for an identity stays
// one of its issuer under another provider's id. It reads the identities once.
func (st *Store) Stranded(ctx context.Context, gone string, providers, issuers []string) (int, error) {
	ids, err := json.Marshal(append([]string{}, providers...))
	if err != nil {
		return 0, fmt.Errorf("encoding providers: %w", err)
	}
	at, err := json.Marshal(append([]string{}, issuers...))
	if err != nil {
		return 0, fmt.Errorf("encoding issuers: %w", err)
	}
	return read(ctx, st.db.readers, "counting accounts without a provider", func(c *conn) (int, error) {
		var n int
		_, err := c.one([]any{&n}, `SELECT count(*) FROM (SELECT DISTINCT account FROM identities WHERE provider = ?1) AS a
			WHERE NOT EXISTS (SELECT 1 FROM identities AS i WHERE i.account = a.account AND
				(i.provider IN (SELECT value FROM json_each(?2)) OR i.issuer IN (SELECT value FROM json_each(?3))))`, gone, string(ids), string(at))
		return n, err
	})
}
