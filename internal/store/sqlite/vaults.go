package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// MaxVault is the most that SaveVault takes, in bytes before sealing.
const MaxVault = 256 << 10

// vaultRecord is what a vault's seal is bound to. id is random and holds no NUL, so no
// two pairs read the same. The session is left out: a renewal moves the row as it is.
func vaultRecord(id, app string) string { return id + "\x00" + app }

type vaultRow struct {
	id      string
	version int64
	sealed  []byte
	ended   bool
}

func (st *Store) unsealVault(row vaultRow, id session.ID, app string) ([]byte, error) {
	data, err := st.keys.Unseal(sealVaults, vaultRecord(row.id, app), row.sealed)
	if err != nil {
		return nil, fmt.Errorf("reading the vault of session %s for app %s: %w", id, app, err)
	}
	return data, nil
}

// LoadVault returns what is kept for a live session and an app, with its version; nil
// and 0 when nothing has been saved yet. It returns *session.EndedError or
// session.ErrNotFound for a session that is not live. What cannot be unsealed is
// keyring.ErrSealed, with the version, so that the caller can save it anew.
func (st *Store) LoadVault(ctx context.Context, id session.ID, app string) (data []byte, version int64, err error) {
	row, err := read(ctx, st.db.readers, "reading a vault", func(c *conn) (vaultRow, error) {
		var row vaultRow
		live, err := c.one([]any{&row.id, &row.version, &row.sealed}, `SELECT coalesce(v.id, ''), coalesce(v.version, 0), v.sealed
			FROM sessions s LEFT JOIN vaults v ON v.session = s.id AND v.app = ?2 WHERE s.id = ?1`, string(id), app)
		if err == nil && !live {
			err = gone(c, id)
		}
		return row, err
	})
	if err != nil || row.version == 0 {
		return nil, 0, err
	}
	data, err = st.unsealVault(row, id, app)
	return data, row.version, err
}

// SaveVault keeps data for a live session and an app, durably, if what is kept still has
// that version (0: nothing has been saved yet), and returns the new version. It returns
// session.ErrConflict for another version, *session.EndedError or session.ErrNotFound
// for a session that is not live, and another error for data of more than MaxVault.
func (st *Store) SaveVault(ctx context.Context, now time.Time, id session.ID, app string, version int64, data []byte) (int64, error) {
	if len(data) > MaxVault {
		return 0, fmt.Errorf("vault of session %s for app %s has %d bytes: at most %d are kept", id, app, len(data), MaxVault)
	}
	row := rand.Text()
	sealed, err := st.keys.Seal(sealVaults, vaultRecord(row, app), data)
	if err != nil {
		return 0, fmt.Errorf("sealing the vault of session %s for app %s: %w", id, app, err)
	}
	err = st.db.writer.do(ctx, "saving a vault", func(c *conn) error {
		var one int
		live, err := c.one([]any{&one}, "SELECT 1 FROM sessions WHERE id = ?1", string(id))
		if err != nil {
			return err
		}
		if !live {
			return gone(c, id)
		}
		saved, err := putVault(c, now, id, app, version, row, sealed)
		if err == nil && saved == 0 {
			err = fmt.Errorf("vault of session %s for app %s is not at version %d: %w", id, app, version, session.ErrConflict)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return version + 1, nil
}

func putVault(c *conn, now time.Time, id session.ID, app string, version int64, row string, sealed []byte) (int64, error) {
	if version == 0 {
		return c.exec(`INSERT INTO vaults (session, app, id, version, saved_at, sealed) VALUES (?1, ?2, ?3, 1, ?4, ?5)
			ON CONFLICT (session, app) DO NOTHING`, string(id), app, row, micros(now), sealed)
	}
	return c.exec(`UPDATE vaults SET id = ?3, version = version + 1, saved_at = ?4, sealed = ?5
		WHERE session = ?1 AND app = ?2 AND version = ?6`, string(id), app, row, micros(now), sealed, version)
}

// EndedVault returns what was kept for an app when its session ended; nil when nothing
// was, or no longer is. Asking for a live session is an error.
func (st *Store) EndedVault(ctx context.Context, id session.ID, app string) ([]byte, error) {
	row, err := read(ctx, st.db.readers, "reading the vault of an ended session", func(c *conn) (vaultRow, error) {
		return endedVault(c, id, app)
	})
	if err != nil || row.version == 0 {
		return nil, err
	}
	return st.unsealVault(row, id, app)
}

// DropVault deletes, durably, what was kept for an app when its session ended. There may
// be nothing left. Asking for a live session is an error and deletes nothing.
func (st *Store) DropVault(ctx context.Context, id session.ID, app string) error {
	return st.db.writer.do(ctx, "dropping a vault", func(c *conn) error {
		if _, err := endedVault(c, id, app); err != nil {
			return err
		}
		_, err := c.exec("DELETE FROM vaults WHERE session = ?1 AND app = ?2", string(id), app)
		return err
	})
}

func endedVault(c *conn, id session.ID, app string) (vaultRow, error) {
	var row vaultRow
	found, err := c.one([]any{&row.id, &row.version, &row.sealed, &row.ended},
		"SELECT id, version, sealed, ended FROM vaults WHERE session = ?1 AND app = ?2", string(id), app)
	if err == nil && found && !row.ended {
		err = fmt.Errorf("session %s has not ended: its vault for app %s is in use", id, app)
	}
	return row, err
}

// noLogout holds for rows of vaults that no app's logout waits for. Its last condition
// lets SQLite take the index of such entries alone.
const noLogout = ` NOT EXISTS (SELECT 1 FROM outbox o
	WHERE o.session = vaults.session AND o.app = vaults.app AND o.state = 'pending' AND o.app <> '')`

const (
	deleteVaults  = "DELETE FROM vaults WHERE session = ?1 AND" + noLogout
	deleteVaultOf = "DELETE FROM vaults WHERE ended = 1 AND (session, app) = (SELECT e.session, e.app FROM outbox e WHERE e.id = ?1) AND" + noLogout
)

// endVaults stores an end's entries, an app's only where the session keeps something for
// that app, and deletes what none of them needs. It returns what it stored.
func endVaults(c *conn, id session.ID, entries []outbox.Entry, keep time.Time) ([]outbox.Entry, error) {
	held := map[string]bool{}
	err := c.each(func(scan func(...any) error) error {
		var app string
		err := scan(&app)
		held[app] = true
		return err
	}, "SELECT app FROM vaults WHERE session = ?1", string(id))
	if err != nil {
		return nil, err
	}
	stored := make([]outbox.Entry, 0, len(entries)) // entries are used again when this runs again
	for _, e := range entries {
		if e.App == "" || e.Session == string(id) && held[e.App] {
			stored = append(stored, e)
		}
	}
	if err := insertEntries(c, stored, keep); err != nil || len(held) == 0 {
		return stored, err
	}
	if _, err := c.exec("UPDATE vaults SET ended = 1 WHERE session = ?1", string(id)); err != nil {
		return nil, err
	}
	_, err = c.exec(deleteVaults, string(id))
	return stored, err
}

// dropVaultOf deletes what an entry that is finished now was kept for.
func dropVaultOf(c *conn, entry string) error {
	_, err := c.exec(deleteVaultOf, entry)
	return err
}

// moveVaults gives next what is kept for old. Where both keep something for an app, the
// later save stays.
func moveVaults(c *conn, old, next session.ID) error {
	if _, err := c.exec(`DELETE FROM vaults WHERE session = ?1 AND EXISTS (SELECT 1 FROM vaults n
		WHERE n.session = ?2 AND n.app = vaults.app AND n.saved_at >= vaults.saved_at)`, string(old), string(next)); err != nil {
		return err
	}
	_, err := c.exec("UPDATE OR REPLACE vaults SET session = ?2 WHERE session = ?1", string(old), string(next))
	return err
}
