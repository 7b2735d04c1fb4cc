package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
)

// fetched is the cause of a change that a provider's picture makes.
const fetched = "fetched"

// SetPicture keeps a picture of an account, durably, in place of the one from the same
// source; one without bytes takes that away. It tells whether what is shown of the
// account became another, which goes into the audit trail. It returns session.ErrNotFound
// and account.ErrErased, also for an account that is about to be deleted.
func (st *Store) SetPicture(ctx context.Context, now time.Time, accountID string, p account.Picture) (changed bool, err error) {
	err = st.db.writer.do(ctx, "keeping a picture", func(c *conn) error {
		cause := "set"
		if len(p.Bytes) == 0 {
			cause = "cleared"
		}
		changed, err = showing(ctx, c, now, accountID, cause, "", func() error { return putPicture(c, accountID, p) })
		return err
	})
	return changed && err == nil, err
}

// TriedPicture keeps the outcome of an attempt to have the provider's picture, and what the
// picture became: nil leaves what there is. Otherwise it is as SetPicture.
func (st *Store) TriedPicture(ctx context.Context, now time.Time, accountID string, try account.PictureTry, p *account.Picture) (changed bool, err error) {
	err = st.db.writer.do(ctx, "keeping a provider's picture", func(c *conn) error {
		changed, err = showing(ctx, c, now, accountID, fetched, try.Provider, func() error {
			if p != nil {
				if err := putPicture(c, accountID, *p); err != nil {
					return err
				}
			}
			_, err := c.exec("UPDATE pictures SET tried = ?2, tried_address = ?3, tried_at = ?4, tried_error = ?5 WHERE account = ?1",
				accountID, try.Provider, try.Address, micros(try.At), try.Error)
			return err
		})
		return err
	})
	return changed && err == nil, err
}

// showing runs a change of an account's pictures and writes it to the audit trail where it
// changes what is shown.
func showing(ctx context.Context, c *conn, now time.Time, accountID, cause, provider string, change func() error) (changed bool, err error) {
	acc, err := accountByID(c, accountID)
	if err != nil {
		return false, err
	}
	if acc.Erasing { // nothing new of a person who goes
		return false, fmt.Errorf("account %s: %w", accountID, account.ErrErased)
	}
	if _, err := c.exec("INSERT INTO pictures (account) VALUES (?1) ON CONFLICT DO NOTHING", accountID); err != nil {
		return false, err
	}
	before, err := shown(c, accountID)
	if err != nil {
		return false, err
	}
	if err := change(); err != nil {
		return false, err
	}
	after, err := shown(c, accountID)
	if err != nil || after.Hash == before.Hash {
		return false, err
	}
	e := audit.Event{Type: audit.AvatarChanged, Account: accountID, Handle: acc.Handle, Provider: provider, Cause: cause,
		Detail: map[string]string{"source": after.Source, "hash": after.Hash}}
	if e.Actor, e.By = audit.ActorOf(ctx); e.Actor == "" && cause != fetched {
		e.Actor = audit.ActorPerson
	}
	if address, userAgent := audit.ClientOf(ctx); address != "" || userAgent != "" {
		e.Personal = &audit.Personal{Address: address, UserAgent: userAgent}
	}
	return true, insertAudit(c, now, e)
}

// putPicture replaces the picture from one source.
func putPicture(c *conn, accountID string, p account.Picture) error {
	if len(p.Bytes) > account.MaxPicture {
		return fmt.Errorf("a picture of %d bytes: %w", len(p.Bytes), account.ErrPictureTooLarge)
	}
	query := "UPDATE pictures SET upload_hash = ?2, upload_type = ?3, upload_at = ?4, upload = ?5 WHERE account = ?1"
	if p.Source == account.PictureProvider {
		query = "UPDATE pictures SET provider_hash = ?2, provider_type = ?3, provider_at = ?4, provider = ?5 WHERE account = ?1"
	}
	if len(p.Bytes) == 0 {
		_, err := c.exec(query, accountID, "", "", 0, nil)
		return err
	}
	_, err := c.exec(query, accountID, p.Hash, p.Type, micros(p.UpdatedAt), p.Bytes)
	return err
}

// shown is the head of the picture that an account is shown by; it is zero without one.
func shown(c *conn, accountID string) (account.Picture, error) {
	var p account.Picture
	var at int64
	_, err := c.one([]any{&p.Hash, &p.Type, &at, &p.Source}, `SELECT hash, type, at, source FROM (
		SELECT upload_hash AS hash, upload_type AS type, upload_at AS at, ?2 AS source, 1 AS turn FROM pictures WHERE account = ?1 AND upload_hash <> ''
		UNION ALL
		SELECT provider_hash, provider_type, provider_at, ?3, 2 FROM pictures WHERE account = ?1 AND provider_hash <> ''
	) ORDER BY turn LIMIT 1`, accountID, account.PictureUpload, account.PictureProvider)
	p.UpdatedAt = fromMicros(at)
	return p, err
}

// PictureOf returns what is shown of an account, without its bytes: the person's own
// picture, else the provider's. Without one it is zero.
func (st *Store) PictureOf(ctx context.Context, accountID string) (account.Picture, error) {
	return read(ctx, st.db.readers, "looking for a picture", func(c *conn) (account.Picture, error) { return shown(c, accountID) })
}

// PictureByHash returns a picture that somebody has, or session.ErrNotFound.
func (st *Store) PictureByHash(ctx context.Context, hash string) (account.Picture, error) {
	return read(ctx, st.db.readers, "reading a picture", func(c *conn) (account.Picture, error) {
		p := account.Picture{Hash: hash}
		var at int64
		found, err := c.one([]any{&p.Type, &at, &p.Bytes, &p.Source}, `SELECT type, at, bytes, source FROM (
			SELECT upload_type AS type, upload_at AS at, upload AS bytes, ?2 AS source FROM pictures WHERE upload_hash = ?1 AND upload_hash <> ''
			UNION ALL
			SELECT provider_type, provider_at, provider, ?3 FROM pictures WHERE provider_hash = ?1 AND provider_hash <> ''
		) LIMIT 1`, hash, account.PictureUpload, account.PictureProvider)
		if err == nil && !found {
			err = fmt.Errorf("picture: %w", session.ErrNotFound)
		}
		p.UpdatedAt = fromMicros(at)
		return p, err
	})
}

// PictureTry returns the last attempt to have the provider's picture of an account; it is
// zero where there was none.
func (st *Store) PictureTry(ctx context.Context, accountID string) (account.PictureTry, error) {
	return read(ctx, st.db.readers, "reading the last attempt at a picture", func(c *conn) (account.PictureTry, error) {
		var t account.PictureTry
		var at int64
		_, err := c.one([]any{&t.Provider, &t.Address, &at, &t.Error}, "SELECT tried, tried_address, tried_at, tried_error FROM pictures WHERE account = ?1", accountID)
		t.At = fromMicros(at)
		return t, err
	})
}
