package sqlite

import (
	"context"

	"github.com/cardea-auth/cardea/internal/session"
)

// Clients returns what SetClients stored last, by provider; nothing before the first.
func (st *Store) Clients(ctx context.Context) ([]session.Client, error) {
	return read(ctx, st.db.readers, "reading clients", func(c *conn) ([]session.Client, error) {
		var list []session.Client
		err := c.each(func(scan func(...any) error) error {
			var x session.Client
			err := scan(&x.Provider, &x.Issuer, &x.ID)
			list = append(list, x)
			return err
		}, "SELECT provider, issuer, client FROM clients ORDER BY provider")
		return list, err
	})
}

// SetClients replaces what is stored of the gateway's clients, durably, all or nothing.
func (st *Store) SetClients(ctx context.Context, clients []session.Client) error {
	return st.db.writer.do(ctx, "writing clients", func(c *conn) error {
		if _, err := c.exec("DELETE FROM clients"); err != nil {
			return err
		}
		for _, x := range clients {
			if _, err := c.exec("INSERT INTO clients (provider, issuer, client) VALUES (?1, ?2, ?3)", x.Provider, x.Issuer, x.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// OpenedAs returns, once each and in order, what live sessions were opened as. It looks
// at one entry of the index for each, however many sessions there are.
func (st *Store) OpenedAs(ctx context.Context) ([]session.OpenedAs, error) {
	return read(ctx, st.db.readers, "reading what sessions were opened as", func(c *conn) ([]session.OpenedAs, error) {
		var list []session.OpenedAs
		var last session.OpenedAs
		for {
			// Two steps, because SQLite seeks only the first member of a row value.
			found, err := c.one([]any{&last.Client}, "SELECT client FROM sessions WHERE provider = ?1 AND client > ?2 ORDER BY client LIMIT 1",
				last.Provider, last.Client)
			if err == nil && !found {
				found, err = c.one([]any{&last.Provider, &last.Client}, "SELECT provider, client FROM sessions WHERE provider > ?1 ORDER BY provider, client LIMIT 1",
					last.Provider)
			}
			if err != nil || !found {
				return list, err
			}
			list = append(list, last)
		}
	})
}
