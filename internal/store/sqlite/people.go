package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
)

// ListAccounts returns accounts that f selects, ordered by handle, 100 of them unless
// f.Limit says otherwise.
func (st *Store) ListAccounts(ctx context.Context, f account.Filter) ([]account.Summary, error) {
	query, args := accountsQuery(f)
	return read(ctx, st.db.readers, "listing accounts", func(c *conn) ([]account.Summary, error) {
		list := []account.Summary{}
		err := c.each(func(scan func(...any) error) error {
			var s account.Summary
			var created, used int64
			var providers string
			err := scan(&s.ID, &s.Handle, &s.Name, &s.Email, &created, &s.Disabled, &s.Erasing, &s.Sessions, &used, &providers)
			s.CreatedAt, s.LastUsed = fromMicros(created), fromMicros(used)
			if providers != "" {
				s.Providers = strings.Split(providers, "\n")
			}
			list = append(list, s)
			return err
		}, query, args...)
		return list, err
	})
}

// accountsQuery puts constant conditions together; values are always parameters.
func accountsQuery(f account.Filter) (string, []any) {
	var query strings.Builder
	query.WriteString(`SELECT a.id, a.handle, a.name, a.email, a.created_at, a.disabled, a.erasing,
		(SELECT count(*) FROM sessions s WHERE s.account = a.id),
		(SELECT coalesce(max(i.last_used), 0) FROM identities i WHERE i.account = a.id),
		(SELECT coalesce(group_concat(p.provider, char(10)), '') FROM
			(SELECT DISTINCT i.provider FROM identities i WHERE i.account = a.id ORDER BY i.provider) p)
		FROM accounts a WHERE a.handle > ?1`)
	args := []any{f.After}
	and := func(condition, value string) {
		args = append(args, value)
		query.WriteString(" AND " + strings.ReplaceAll(condition, "?", "?"+strconv.Itoa(len(args))))
	}
	if f.Handle != "" {
		and("instr(lower(a.handle), lower(?)) > 0", f.Handle)
	}
	if f.Email != "" {
		and(`(instr(lower(a.email), lower(?)) > 0 OR EXISTS
			(SELECT 1 FROM identities i WHERE i.account = a.id AND instr(lower(i.email), lower(?)) > 0))`, f.Email)
	}
	if f.Provider != "" {
		and("EXISTS (SELECT 1 FROM identities i WHERE i.account = a.id AND i.provider = ?)", f.Provider)
	}
	if f.Disabled {
		query.WriteString(" AND a.disabled = 1")
	}
	args = append(args, limitOrDefault(f.Limit))
	query.WriteString(" ORDER BY a.handle LIMIT ?" + strconv.Itoa(len(args)))
	return query.String(), args
}

// FindAccounts returns what goes by a name: the account with this id and the one whose
// handle it is or was. There are none, one, or, where somebody took another's id as a
// handle, two.
func (st *Store) FindAccounts(ctx context.Context, name string) ([]account.Ref, error) {
	return read(ctx, st.db.readers, "finding an account", func(c *conn) ([]account.Ref, error) {
		list := []account.Ref{}
		err := c.each(func(scan func(...any) error) error {
			var r account.Ref
			var erased int64
			err := scan(&r.ID, &r.Handle, &erased)
			r.ErasedAt = fromMicros(erased)
			list = append(list, r)
			return err
		}, "SELECT account, handle, erased_at FROM handles WHERE handle = ?1 OR account = ?1 ORDER BY handle", name)
		return list, err
	})
}

// Person returns an account with its identities, or session.ErrNotFound, or
// account.ErrErased.
func (st *Store) Person(ctx context.Context, id string) (account.Person, error) {
	return read(ctx, st.db.readers, "reading a person", func(c *conn) (account.Person, error) { return person(c, id) })
}

func person(c *conn, id string) (p account.Person, err error) {
	if p.Account, err = accountByID(c, id); err != nil {
		return p, err
	}
	p.Identities = []account.Identity{}
	err = c.each(func(scan func(...any) error) error {
		i := account.Identity{Account: id}
		var linked, used int64
		err := scan(&i.Issuer, &i.Subject, &i.Provider, &linked, &used, &i.Email, &i.EmailBelieved)
		i.LinkedAt, i.LastUsed = fromMicros(linked), fromMicros(used)
		p.Identities = append(p.Identities, i)
		return err
	}, `SELECT issuer, subject, provider, linked_at, last_used, email, email_believed FROM identities
		WHERE account = ?1 ORDER BY last_used DESC, issuer, subject`, id)
	return p, err
}

// SetDisabled disables an account, durably, or enables it, and tells whether that was a
// change. From then on nobody is admitted to a disabled one and no session of it opens;
// those that are open are the caller's to end. It returns session.ErrNotFound,
// account.ErrErased, and account.ErrErasing for one that is to be enabled and goes.
func (st *Store) SetDisabled(ctx context.Context, now time.Time, id string, disabled bool) (changed bool, err error) {
	err = st.db.writer.do(ctx, "disabling or enabling an account", func(c *conn) error {
		acc, err := accountByID(c, id)
		if err != nil {
			return err
		}
		if acc.Erasing && !disabled {
			return fmt.Errorf("account %s: %w", id, account.ErrErasing)
		}
		changed = acc.Disabled != disabled
		if !changed {
			return nil
		}
		if _, err = c.exec("UPDATE accounts SET disabled = ?2 WHERE id = ?1", id, bit(disabled)); err != nil {
			return err
		}
		kind := audit.AccountEnabled
		if disabled {
			kind = audit.AccountDisabled
		}
		return insertAudit(c, now, actedOn(ctx, kind, acc))
	})
	if err != nil {
		return false, err
	}
	return changed, nil
}

// MarkErasing disables an account for good, durably: Unfinished names it until Erase has
// been. It returns session.ErrNotFound and account.ErrErased.
func (st *Store) MarkErasing(ctx context.Context, now time.Time, id string) error {
	return st.db.writer.do(ctx, "marking an account for deletion", func(c *conn) error {
		acc, err := accountByID(c, id)
		if err != nil || acc.Erasing {
			return err
		}
		if _, err := c.exec("UPDATE accounts SET disabled = 1, erasing = 1 WHERE id = ?1", id); err != nil {
			return err
		}
		return insertAudit(c, now, actedOn(ctx, audit.AccountDeleting, acc))
	})
}

// actedOn is the event of an act on an account by whom ctx names, or by an operator.
func actedOn(ctx context.Context, t audit.Type, acc account.Account) audit.Event {
	actor, by := audit.ActorOf(ctx)
	return audit.Event{Type: t, Actor: cmp.Or(actor, audit.ActorOperator), By: by, Account: acc.ID, Handle: acc.Handle}
}

// Unfinished returns disabled accounts that still have sessions, and those whose
// deletion has begun.
func (st *Store) Unfinished(ctx context.Context, limit int) ([]account.Account, error) {
	return read(ctx, st.db.readers, "looking for accounts that are shut", func(c *conn) ([]account.Account, error) {
		list := []account.Account{}
		err := c.each(func(scan func(...any) error) error {
			a := account.Account{Disabled: true}
			var created int64
			err := scan(&a.ID, &a.Handle, &a.Name, &a.Email, &created, &a.Erasing)
			a.CreatedAt = fromMicros(created)
			list = append(list, a)
			return err
		}, selectUnfinished, limitOrDefault(limit))
		return list, err
	})
}

const selectUnfinished = `SELECT a.id, a.handle, a.name, a.email, a.created_at, a.erasing FROM accounts a
	WHERE a.disabled = 1 AND (a.erasing = 1 OR EXISTS (SELECT 1 FROM sessions s WHERE s.account = a.id))
	ORDER BY a.id LIMIT ?1`

// Erase removes, durably, a person whose account is marked for it: account, identities,
// addresses, the incidents that name them, and what ended sessions kept without need.
// The handle stays taken. What participants must still be told stays, sealed, until they
// have been. It returns session.ErrConflict while the account is not marked or a session
// of it lives, and session.ErrNotFound; what is erased stays so, without an error.
func (st *Store) Erase(ctx context.Context, now time.Time, id string) error {
	p, err := st.Person(ctx, id)
	if err == nil {
		if err = erasable(p); err == nil {
			err = errors.Join(st.eraseIncidents(ctx, p), st.eraseRefusals(ctx, p), st.eraseMentions(ctx, p))
		}
	}
	if err != nil {
		return erased(err)
	}
	err = st.db.writer.do(ctx, "erasing a person", func(c *conn) error {
		acc, err := accountByID(c, id)
		if err == nil {
			err = erasable(account.Person{Account: acc})
		}
		if err != nil {
			return err
		}
		var one int
		if lives, err := c.one([]any{&one}, "SELECT 1 FROM sessions WHERE account = ?1 LIMIT 1", id); err != nil || lives {
			return orConflict(err, id, "has a live session")
		}
		if err := eraseRows(c, now, id); err != nil {
			return err
		}
		return insertAudit(c, now, actedOn(ctx, audit.AccountDeleted, acc))
	})
	if err == nil {
		st.db.emptied(ctx)
	}
	return erased(err)
}
