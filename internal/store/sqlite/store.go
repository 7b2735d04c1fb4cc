package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Store keeps sessions, their vaults, ends, receipts, single-use values, accounts, the
// outbox and incidents. Its methods may be called concurrently; all of them return an error that wraps
// session.ErrUnavailable when the database does not answer in time (see the package
// comment).
type Store struct {
	db   *DB
	keys *keyring.Keyring
}

// Purposes under which columns are sealed; the record is the row's id, and for a vault
// the app too.
const (
	sealSessions = "sessions"
	sealOutbox   = "outbox"
	sealVaults   = "vaults"

	sealIncidents = "incidents"
)

// secrets is the sealed part of a session.
type secrets struct {
	ACR     string        `json:"acr,omitempty"`
	Claims  oidc.Claims   `json:"claims,omitempty"`
	Profile oidc.Profile  `json:"profile"`
	Grant   session.Grant `json:"grant"`
}

func (st *Store) sealSession(s *session.Session) ([]byte, error) {
	plain, err := json.Marshal(secrets{s.ACR, s.Claims, s.Profile, s.Grant})
	if err != nil {
		return nil, fmt.Errorf("encoding session %s: %w", s.ID, err)
	}
	defer clear(plain)
	sealed, err := st.keys.Seal(sealSessions, string(s.ID), plain)
	if err != nil {
		return nil, fmt.Errorf("sealing session %s: %w", s.ID, err)
	}
	return sealed, nil
}

// unsealSession completes s with its sealed part.
func (st *Store) unsealSession(s *session.Session, sealed []byte) error {
	plain, err := st.keys.Unseal(sealSessions, string(s.ID), sealed)
	if err != nil {
		return fmt.Errorf("reading session %s: %w", s.ID, err)
	}
	defer clear(plain)
	var x secrets
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.UseNumber() // as claims are decoded when they arrive
	if err := dec.Decode(&x); err != nil {
		return fmt.Errorf("decoding session %s: %w", s.ID, err)
	}
	s.ACR, s.Claims, s.Profile, s.Grant = x.ACR, x.Claims, x.Profile, x.Grant
	return nil
}

// Ping asks the database file, not only the connection, for an answer.
func (st *Store) Ping(ctx context.Context) error {
	_, err := read(ctx, st.db.readers, "asking the store", func(c *conn) (int, error) {
		var n int
		_, err := c.one([]any{&n}, "SELECT count(*) FROM data_keys")
		return n, err
	})
	return err
}

// Close closes the DB that the store belongs to.
func (st *Store) Close() error { return st.db.Close() }
