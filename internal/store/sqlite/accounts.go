package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Admit returns the account of an identity, and makes it, durably, when there is none:
// the first candidate that nobody ever had becomes its handle. Name and a believed
// e-mail of an existing account follow the profile. It returns account.ErrDisabled, with
// the account, when it is disabled, and an error when every candidate is taken.
func (st *Store) Admit(ctx context.Context, now time.Time, a account.Admission) (account.Account, bool, error) {
	var acc account.Account
	var created bool
	err := st.db.writer.do(ctx, "admitting an identity", func(c *conn) (err error) {
		var id string
		created = false
		known, err := c.one([]any{&id}, "SELECT account FROM identities WHERE issuer = ?1 AND subject = ?2", a.Identity.Issuer, a.Identity.Subject)
		if err != nil {
			return err
		}
		if known {
			acc, err = welcomeBack(c, now, id, a)
			return err
		}
		if acc, err = makeAccount(c, now, a); err != nil {
			return err
		}
		created = true
		return nil
	})
	if err != nil {
		if errors.Is(err, account.ErrDisabled) {
			return acc, false, err
		}
		return account.Account{}, false, err
	}
	return acc, created, nil
}

func welcomeBack(c *conn, now time.Time, id string, a account.Admission) (account.Account, error) {
	acc, err := accountByID(c, id)
	if err != nil {
		return acc, err
	}
	if acc.Disabled {
		return acc, fmt.Errorf("account %s: %w", id, account.ErrDisabled)
	}
	if _, err := c.exec(`UPDATE identities SET last_used = max(last_used, ?3), email = ?4, email_believed = ?5
		WHERE issuer = ?1 AND subject = ?2`,
		a.Identity.Issuer, a.Identity.Subject, micros(now), bounded(a.Profile.Email), bit(believedEmail(a.Profile) != "")); err != nil {
		return acc, err
	}
	return acc, follow(c, &acc, a.Profile)
}

// follow brings what an account shows up to what a provider says: a name, and an e-mail
// that is believed. What it does not say stays.
func follow(c *conn, acc *account.Account, p oidc.Profile) error {
	name, email := acc.Name, acc.Email
	acc.Name = cmp.Or(displayName(p), acc.Name)
	acc.Email = cmp.Or(believedEmail(p), acc.Email)
	if acc.Name == name && acc.Email == email {
		return nil
	}
	_, err := c.exec("UPDATE accounts SET name = ?2, email = ?3 WHERE id = ?1", acc.ID, acc.Name, acc.Email)
	return err
}

func makeAccount(c *conn, now time.Time, a account.Admission) (account.Account, error) {
	acc := account.Account{ID: a.AccountID, Name: displayName(a.Profile), Email: believedEmail(a.Profile), CreatedAt: fromMicros(micros(now))}
	for _, handle := range a.Candidates {
		given, err := c.exec("INSERT INTO handles (handle, account, given_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", handle, acc.ID, micros(now))
		if err != nil {
			return acc, err
		}
		if given == 1 {
			acc.Handle = handle
			break
		}
	}
	if acc.Handle == "" {
		return acc, fmt.Errorf("all %d candidate handles are taken", len(a.Candidates))
	}
	if _, err := c.exec("INSERT INTO accounts (id, handle, name, email, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
		acc.ID, acc.Handle, acc.Name, acc.Email, micros(now)); err != nil {
		return acc, err
	}
	if err := insertIdentity(c, now, acc.ID, a); err != nil {
		return acc, err
	}
	return acc, insertAudit(c, now, audit.Event{
		Type: audit.AccountCreated, Actor: audit.ActorPerson, Account: acc.ID, Handle: acc.Handle, Provider: a.Provider,
		Personal: &audit.Personal{Issuer: a.Identity.Issuer, Subject: a.Identity.Subject, Email: a.Profile.Email, Name: a.Profile.Name},
	})
}

// insertIdentity gives an identity that belongs to nobody to an account.
func insertIdentity(c *conn, now time.Time, to string, a account.Admission) error {
	_, err := c.exec(`INSERT INTO identities (issuer, subject, account, provider, linked_at, last_used, email, email_believed)
		VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)`,
		a.Identity.Issuer, a.Identity.Subject, to, a.Provider, micros(now), bounded(a.Profile.Email), bit(believedEmail(a.Profile) != ""))
	return err
}

// What a page or a header can show, in bytes. No e-mail address is longer than 254 of
// them (RFC 5321 section 4.5.3.1.3).
const (
	maxDisplayName = 256
	maxEmail       = 320
)

func displayName(p oidc.Profile) string { return oidc.PlainText(p.Name, maxDisplayName) }

// bounded makes what a provider calls an e-mail address fit to be kept.
func bounded(email string) string { return oidc.PlainText(email, maxEmail) }

// believedEmail is an e-mail that may be shown as the person's: one that had to be cut or
// cleaned is not what the provider vouched for.
func believedEmail(p oidc.Profile) string {
	if p.EmailBelieved && bounded(p.Email) == p.Email {
		return p.Email
	}
	return ""
}

func accountByID(c *conn, id string) (account.Account, error) {
	acc := account.Account{ID: id}
	var created int64
	found, err := c.one([]any{&acc.Handle, &acc.Name, &acc.Email, &created, &acc.Disabled, &acc.Erasing},
		"SELECT handle, name, email, created_at, disabled, erasing FROM accounts WHERE id = ?1", id)
	if err == nil && !found {
		err = noAccount(c, id)
	}
	acc.CreatedAt = fromMicros(created)
	return acc, err
}

// noAccount says what became of an account that has no row.
func noAccount(c *conn, id string) error {
	var one int
	erased, err := c.one([]any{&one}, "SELECT 1 FROM handles WHERE account = ?1 AND erased_at <> 0", id)
	switch {
	case err != nil:
		return err
	case erased:
		return fmt.Errorf("account %s: %w", id, account.ErrErased)
	}
	return fmt.Errorf("account %s: %w", id, session.ErrNotFound)
}

// refuseShut refuses a session of an account that was disabled or deleted after the
// person was admitted to it.
func refuseShut(c *conn, id string) error {
	var disabled bool
	found, err := c.one([]any{&disabled}, "SELECT disabled FROM accounts WHERE id = ?1", id)
	switch {
	case err != nil:
		return err
	case found && disabled:
		return fmt.Errorf("account %s: %w", id, account.ErrDisabled)
	case found:
		return nil
	}
	if err := noAccount(c, id); !errors.Is(err, session.ErrNotFound) {
		return err
	}
	return nil // never kept here
}

// AccountOf returns the account that an identity belongs to, or session.ErrNotFound. It
// makes none.
func (st *Store) AccountOf(ctx context.Context, id oidc.Identity) (account.Account, error) {
	return read(ctx, st.db.readers, "looking for an identity's account", func(c *conn) (account.Account, error) {
		owner, known, err := ownerOf(c, id)
		if err == nil && !known {
			err = fmt.Errorf("an identity of %s: %w", id.Issuer, session.ErrNotFound)
		}
		if err != nil {
			return account.Account{}, err
		}
		return accountByID(c, owner)
	})
}

// Account returns an account, or session.ErrNotFound, or account.ErrErased.
func (st *Store) Account(ctx context.Context, id string) (account.Account, error) {
	return read(ctx, st.db.readers, "reading an account", func(c *conn) (account.Account, error) {
		return accountByID(c, id)
	})
}
