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

// Link joins an identity to an account, durably, and reports whether that is new: one
// that is the account's already has its profile refreshed. An identity is never moved:
// account.ErrTaken, for one of another account, is written to the audit trail and changes
// nothing else. It returns account.ErrDisabled, session.ErrNotFound and, of l.Session,
// *session.EndedError.
func (st *Store) Link(ctx context.Context, now time.Time, l account.Linking) (linked bool, err error) {
	var refused error
	err = st.db.writer.do(ctx, "linking an identity", func(c *conn) error {
		linked, refused = false, nil
		acc, err := linkable(c, l)
		if err != nil {
			return err
		}
		owner, known, err := ownerOf(c, l.Identity)
		switch {
		case err != nil:
			return err
		case known && owner != l.Account:
			p, err := person(c, owner)
			if err != nil {
				return err
			}
			refused = &account.TakenError{Asking: acc.Handle, Owner: p.Handle, Key: account.KeyOf(l.Identity), Only: len(p.Identities) == 1}
			return linkRefused(ctx, c, now, l, acc)
		case known:
			_, err = welcomeBack(c, now, l.Account, admissionOf(l))
			return err
		}
		linked = true
		return join(ctx, c, now, l, acc)
	})
	if err == nil {
		err = refused
	}
	return linked && err == nil, err
}

func admissionOf(l account.Linking) account.Admission {
	return account.Admission{Identity: l.Identity, Provider: l.Provider, Profile: l.Profile}
}

// linkable returns the account if it may have another identity now.
func linkable(c *conn, l account.Linking) (account.Account, error) {
	acc, err := accountByID(c, l.Account)
	if err != nil {
		return acc, err
	}
	if acc.Disabled {
		return acc, fmt.Errorf("account %s: %w", acc.ID, account.ErrDisabled)
	}
	if l.Session == "" {
		return acc, nil
	}
	in, err := liveSession(c, session.ID(l.Session))
	if err == nil && in.s.Account != l.Account {
		err = fmt.Errorf("session %s is another account's: %w", l.Session, session.ErrNotFound)
	}
	return acc, err
}

// ownerOf returns the account that an identity belongs to.
func ownerOf(c *conn, id oidc.Identity) (owner string, known bool, err error) {
	known, err = c.one([]any{&owner}, "SELECT account FROM identities WHERE issuer = ?1 AND subject = ?2", id.Issuer, id.Subject)
	return owner, known, err
}

// join gives an account an identity that belongs to nobody.
func join(ctx context.Context, c *conn, now time.Time, l account.Linking, acc account.Account) error {
	if err := insertIdentity(c, now, acc.ID, admissionOf(l)); err != nil {
		return err
	}
	if err := follow(c, &acc, l.Profile); err != nil {
		return err
	}
	e := aboutIdentity(ctx, audit.IdentityLinked, acc, l.Provider, l.Identity)
	e.Session, e.Detail = l.Session, map[string]string{"how": l.How}
	if l.How == account.HowAutomatic {
		e.Actor, e.By = audit.ActorGateway, ""
	}
	e.Personal.Email = l.Profile.Email
	return insertAudit(c, now, e)
}

func linkRefused(ctx context.Context, c *conn, now time.Time, l account.Linking, acc account.Account) error {
	e := aboutIdentity(ctx, audit.IdentityLinkRefused, acc, l.Provider, l.Identity)
	e.Session, e.Cause, e.Incident = l.Session, "taken", l.Incident
	return insertAudit(c, now, e)
}

// aboutIdentity is an event of an account and one of its identities. Who acts is the
// context's to say; without a word it is the person.
func aboutIdentity(ctx context.Context, t audit.Type, acc account.Account, provider string, id oidc.Identity) audit.Event {
	actor, by := audit.ActorOf(ctx)
	if actor != audit.ActorOperator {
		actor, by = cmp.Or(actor, audit.ActorPerson), ""
	}
	address, userAgent := audit.ClientOf(ctx)
	return audit.Event{
		Type: t, Actor: actor, By: by, Account: acc.ID, Handle: acc.Handle, Session: audit.SessionOf(ctx), Provider: provider,
		Personal: &audit.Personal{Issuer: id.Issuer, Subject: id.Subject, Address: address, UserAgent: userAgent},
	}
}

// Unlink takes an identity from an account, durably. From then on no session of the
// account opens by it; those that are open are the caller's to end, and Unlinkings names
// them until Settle has been called. by is who asked, where the context does not say. It returns
// account.ErrLast for the last way in, account.ErrNotLinked, account.ErrDisabled where
// the person asks whose account is, session.ErrNotFound and account.ErrErased. Which
// providers are configured is asked here: of two unlinkings at once the second sees what
// the first one left.
func (st *Store) Unlink(ctx context.Context, now time.Time, id string, of oidc.Identity, by string, configured account.Configured) error {
	return st.db.writer.do(ctx, "unlinking an identity", func(c *conn) error {
		p, err := person(c, id)
		if err != nil {
			return err
		}
		i, ok := p.ByKey(account.KeyOf(of))
		if !ok {
			return fmt.Errorf("account %s: %w", id, account.ErrNotLinked)
		}
		e := aboutIdentity(ctx, audit.IdentityUnlinked, p.Account, i.Provider, i.Identity)
		if e.Actor == audit.ActorPerson && p.Disabled {
			return fmt.Errorf("account %s: %w", id, account.ErrDisabled)
		}
		if p.LastWay(of, configured) {
			return fmt.Errorf("account %s: %w", id, account.ErrLast)
		}
		if _, err := c.exec("DELETE FROM identities WHERE issuer = ?1 AND subject = ?2 AND account = ?3", of.Issuer, of.Subject, id); err != nil {
			return err
		}
		if _, err := c.exec(`INSERT INTO unlinkings (account, issuer, subject, unlinked_at) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET unlinked_at = excluded.unlinked_at`, id, of.Issuer, of.Subject, micros(now)); err != nil {
			return err
		}
		if _, err := c.exec("INSERT INTO partings (account, issuer) VALUES (?1, ?2) ON CONFLICT DO NOTHING", id, of.Issuer); err != nil {
			return err
		}
		if err := partFromEmail(c, p, i); err != nil {
			return err
		}
		if e.Actor == audit.ActorOperator {
			e.By = cmp.Or(e.By, by)
		}
		return insertAudit(c, now, e)
	})
}

// partFromEmail takes the e-mail of an identity that leaves from its account, and gives
// it that of the identity that was used last and whose is believed. The name stays: it is
// not kept by identity.
func partFromEmail(c *conn, p account.Person, gone account.Identity) error {
	if p.Email == "" || gone.Email != p.Email {
		return nil
	}
	email := ""
	for _, i := range p.Identities { // the latest used first
		switch {
		case i.Identity == gone.Identity || !i.EmailBelieved:
		case i.Email == p.Email:
			return nil
		default:
			email = cmp.Or(email, i.Email)
		}
	}
	_, err := c.exec("UPDATE accounts SET email = ?2 WHERE id = ?1", p.ID, email)
	return err
}

// Unlinkings returns identities that were unlinked and whose sessions may not all have
// ended, with the account that they were of.
func (st *Store) Unlinkings(ctx context.Context, limit int) ([]account.Identity, error) {
	return read(ctx, st.db.readers, "looking for unlinked identities", func(c *conn) ([]account.Identity, error) {
		list := []account.Identity{}
		err := c.each(func(scan func(...any) error) error {
			var i account.Identity
			err := scan(&i.Account, &i.Issuer, &i.Subject)
			list = append(list, i)
			return err
		}, "SELECT account, issuer, subject FROM unlinkings ORDER BY account, issuer, subject LIMIT ?1", limitOrDefault(limit))
		return list, err
	})
}

// Settle says that no session is left that an unlinked identity opened. It returns
// session.ErrConflict while one lives.
func (st *Store) Settle(ctx context.Context, id string, of oidc.Identity) error {
	return st.db.writer.do(ctx, "settling an unlinking", func(c *conn) error {
		var one int
		lives, err := c.one([]any{&one}, "SELECT 1 FROM sessions WHERE issuer = ?2 AND subject = ?3 AND account = ?1 LIMIT 1", id, of.Issuer, of.Subject)
		if err != nil || lives {
			return orConflict(err, id, "has a live session of the identity")
		}
		_, err = c.exec("DELETE FROM unlinkings WHERE account = ?1 AND issuer = ?2 AND subject = ?3", id, of.Issuer, of.Subject)
		return err
	})
}

// refuseUnlinked refuses a session of an identity that was taken from its account after
// the person was admitted to it.
func refuseUnlinked(c *conn, s *session.Session) error {
	var kept, linked, ending bool
	_, err := c.one([]any{&kept, &linked, &ending}, `SELECT EXISTS (SELECT 1 FROM accounts WHERE id = ?1),
		EXISTS (SELECT 1 FROM identities WHERE issuer = ?2 AND subject = ?3 AND account = ?1),
		EXISTS (SELECT 1 FROM unlinkings WHERE account = ?1 AND issuer = ?2 AND subject = ?3)`,
		s.Account, s.Identity.Issuer, s.Identity.Subject)
	if err == nil && kept && (!linked || ending) {
		err = fmt.Errorf("account %s: %w", s.Account, account.ErrNotLinked)
	}
	return err
}

// AdmitByEmail is Admit for a provider that the operator trusts with it: an identity that
// is new goes to the account that has an identity of such a provider with the same
// believed e-mail, compared without the case of ASCII letters and otherwise byte for
// byte. Without exactly one such account, or where an identity of the issuer was unlinked
// from it, it makes one, and Apart says why. An issuer that
// gives one e-mail to a second subject has given it to a second person (OpenID Connect
// Core 1.0 section 5.7).
func (st *Store) AdmitByEmail(ctx context.Context, now time.Time, a account.Admission, t account.Trusts) (account.Admitted, error) {
	var got account.Admitted
	err := st.db.writer.do(ctx, "admitting an identity", func(c *conn) error {
		got = account.Admitted{}
		owner, known, err := ownerOf(c, a.Identity)
		if err != nil {
			return err
		}
		if known {
			got.Account, err = welcomeBack(c, now, owner, a)
			return err
		}
		if owner, got.Apart, err = sameEmail(c, a, t); err != nil {
			return err
		}
		if owner == "" {
			got.Account, err = makeAccount(c, now, a)
			got.Created = err == nil
			return err
		}
		l := account.Linking{Account: owner, Identity: a.Identity, Provider: a.Provider, Profile: a.Profile, How: account.HowAutomatic}
		if got.Account, err = linkable(c, l); err != nil {
			return err
		}
		if err = join(ctx, c, now, l, got.Account); err != nil {
			return err
		}
		got.Linked = true
		got.Account, err = accountByID(c, owner)
		return err
	})
	if errors.Is(err, account.ErrDisabled) {
		return account.Admitted{Account: got.Account}, err
	}
	if err != nil {
		return account.Admitted{}, err
	}
	return got, nil
}

// maxSame bounds how many identities with one e-mail are looked at.
const maxSame = 1000

// sameEmail finds the one account that an e-mail leads to, or says why there is none.
// What one side alone says of an address proves nothing: whoever made an account with
// somebody's unverified address would have that person's sign-in come to it.
func sameEmail(c *conn, a account.Admission, t account.Trusts) (owner string, apart account.Apart, err error) {
	switch {
	case t == nil || !t(a.Provider, a.Identity.Issuer):
		return "", account.ApartUntrusted, nil
	case !a.Profile.EmailBelieved:
		return "", account.ApartNotVerified, nil
	case !account.PlainAddress(a.Profile.Email):
		return "", account.ApartNoAddress, nil
	}
	owners, rows := map[string]bool{}, 0
	err = c.each(func(scan func(...any) error) error {
		var of, provider, issuer string
		err := scan(&of, &provider, &issuer)
		rows++
		if t(provider, issuer) {
			owners[of] = true
			owner = of
		}
		return err
	}, `SELECT account, provider, issuer FROM identities WHERE lower(email) = lower(?1) AND email_believed = 1 AND email <> '' LIMIT ?2`,
		a.Profile.Email, maxSame)
	switch {
	case err != nil:
		return "", "", err
	case len(owners) == 0:
		return "", account.ApartNoMatch, nil
	case len(owners) > 1 || rows == maxSame:
		return "", account.ApartSeveral, nil
	}
	var other, parted bool
	_, err = c.one([]any{&other, &parted}, `SELECT EXISTS (SELECT 1 FROM identities WHERE account = ?1 AND issuer = ?2),
		EXISTS (SELECT 1 FROM partings WHERE account = ?1 AND issuer = ?2)`, owner, a.Identity.Issuer)
	switch {
	case err != nil:
		return "", "", err
	case other:
		return "", account.ApartOther, nil
	case parted: // by somebody who knew more than the address tells
		return "", account.ApartUnlinked, nil
	}
	return owner, "", nil
}
