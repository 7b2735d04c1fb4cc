package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/session"
)

func erasable(p account.Person) error {
	if !p.Erasing {
		return orConflict(nil, p.ID, "is not marked for deletion")
	}
	return nil
}

func orConflict(err error, id, because string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("account %s %s: %w", id, because, session.ErrConflict)
}

// erased forgives that an account is gone already.
func erased(err error) error {
	if errors.Is(err, account.ErrErased) {
		return nil
	}
	return err
}

// eraseRows removes what names a person. Tombstones stay, and lose the provider's names
// for the person unless they keep a sign-in from opening. Deleted rows are overwritten.
func eraseRows(c *conn, now time.Time, id string) error {
	for _, x := range []struct {
		query string
		args  []any
	}{
		{"PRAGMA secure_delete = ON", nil},
		{"DELETE FROM identities WHERE account = ?1", []any{id}},
		{"DELETE FROM unlinkings WHERE account = ?1", []any{id}},
		{"DELETE FROM partings WHERE account = ?1", []any{id}},
		{"DELETE FROM pictures WHERE account = ?1", []any{id}},
		{"DELETE FROM accounts WHERE id = ?1", []any{id}},
		{"UPDATE handles SET erased_at = ?2 WHERE account = ?1", []any{id, micros(now)}},
		{"UPDATE outbox SET sealed = NULL WHERE state <> 'pending' AND session IN (SELECT session FROM ends WHERE account = ?1)", []any{id}},
		{"UPDATE receipts SET return_url = '' WHERE session IN (SELECT session FROM ends WHERE account = ?1)", []any{id}},
		{"DELETE FROM vaults WHERE ended = 1 AND session IN (SELECT session FROM ends WHERE account = ?1) AND" + noLogout, []any{id}},
		{"UPDATE audit SET personal = NULL WHERE account <> '' AND account = ?1 AND personal IS NOT NULL", []any{id}},
		{"UPDATE ends SET subject = '', sid = '' WHERE account = ?1 AND session IS NOT NULL AND cause NOT IN ('back-channel', 'front-channel')", []any{id}},
		{"PRAGMA secure_delete = FAST", nil},
	} {
		if _, err := c.exec(x.query, x.args...); err != nil {
			return err
		}
	}
	return nil
}

// eraseIncidents removes what was refused of a person, as far as it names them.
func (st *Store) eraseIncidents(ctx context.Context, p account.Person) error {
	const page = 500
	named := namesOf(p)
	for after := ""; ; {
		rows, err := st.sealedIncidents(ctx, after, page)
		if err != nil {
			return err
		}
		var ids []string
		for _, r := range rows {
			plain, err := st.keys.Unseal(sealIncidents, r.ID, r.sealed)
			if err != nil {
				continue // nobody can read it
			}
			var i incident.Incident
			if json.Unmarshal(plain, &i) == nil && named.in(i) {
				ids = append(ids, r.ID)
			}
		}
		if err := st.dropIncidents(ctx, ids); err != nil {
			return err
		}
		if len(rows) < page {
			return nil
		}
		after = rows[len(rows)-1].ID
	}
}

// eraseRefusals takes out of the trail what names a person who was refused, and of whom
// nobody knew yet that the account was theirs.
func (st *Store) eraseRefusals(ctx context.Context, p account.Person) error {
	const page = 500
	for after := int64(0); ; {
		rows, err := st.strangers(ctx, after, page)
		if err != nil {
			return err
		}
		var named []int64
		for _, e := range rows {
			if e.Personal != nil && isOf(p, *e.Personal) {
				named = append(named, e.Seq)
			}
		}
		if err := st.forget(ctx, named); err != nil {
			return err
		}
		if len(rows) < page {
			return nil
		}
		after = rows[len(rows)-1].Seq
	}
}

// mentionPlaces is how many places of the trail one read looks at: no index leads to what
// other accounts' events say of a person.
const mentionPlaces = 20_000

// eraseMentions takes out of other accounts' events what names an identity of a person:
// whose it was that could not be linked, say.
func (st *Store) eraseMentions(ctx context.Context, p account.Person) error {
	last, err := st.LastAudit(ctx)
	if err != nil {
		return err
	}
	for _, i := range p.Identities {
		kept, err := rowOf(audit.Event{Type: audit.IdentityLinkRefused, Personal: &audit.Personal{Issuer: i.Issuer, Subject: i.Subject}}, i.LinkedAt)
		if err != nil {
			return err
		}
		if kept.Personal == nil || kept.Personal.Subject == "" || strings.Contains(kept.Personal.Subject, audit.Redacted) {
			continue // the trail has not kept whose it was
		}
		for after := int64(0); after < last; after += mentionPlaces {
			list, err := st.mentions(ctx, after, *kept.Personal, p.ID)
			if err == nil {
				err = st.forget(ctx, list)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// mentions returns the places of events of other accounts than of that name an identity.
func (st *Store) mentions(ctx context.Context, after int64, who audit.Personal, of string) ([]int64, error) {
	text, err := json.Marshal(who.Subject)
	if err != nil {
		return nil, fmt.Errorf("encoding a subject: %w", err)
	}
	return read(ctx, st.db.readers, "reading the audit trail", func(c *conn) ([]int64, error) {
		var list []int64
		err := c.each(func(scan func(...any) error) error {
			e, err := scanEvent(scan)
			if p := e.Personal; p != nil && p.Issuer == who.Issuer && p.Subject == who.Subject {
				list = append(list, e.Seq)
			}
			return err
		}, selectAudit+" WHERE seq > ?1 AND seq <= ?2 AND account <> '' AND account <> ?3 AND personal IS NOT NULL AND instr(personal, ?4) > 0",
			after, after+mentionPlaces, of, `"subject":`+string(text))
		return list, err
	})
}

// isOf tells whether what an event says is about a person.
func isOf(p account.Person, said audit.Personal) bool {
	return slices.ContainsFunc(p.Identities, func(i account.Identity) bool {
		return i.Issuer == said.Issuer && i.Subject == said.Subject ||
			strings.Contains(i.Email, "@") && strings.EqualFold(i.Email, said.Email)
	}) || strings.Contains(p.Email, "@") && strings.EqualFold(p.Email, said.Email)
}

func (st *Store) strangers(ctx context.Context, after int64, limit int) ([]audit.Event, error) {
	return read(ctx, st.db.readers, "reading the audit trail", func(c *conn) ([]audit.Event, error) {
		var list []audit.Event
		err := c.each(func(scan func(...any) error) error {
			e, err := scanEvent(scan)
			list = append(list, e)
			return err
		}, selectAudit+" WHERE account = '' AND personal IS NOT NULL AND seq > ?1 ORDER BY seq LIMIT ?2", after, limit)
		return list, err
	})
}

// forget takes what is personal out of events. It is overwritten.
func (st *Store) forget(ctx context.Context, seqs []int64) error {
	if len(seqs) == 0 {
		return nil
	}
	return st.db.writer.do(ctx, "erasing from the audit trail", func(c *conn) error {
		if _, err := c.exec("PRAGMA secure_delete = ON"); err != nil {
			return err
		}
		for _, seq := range seqs {
			if _, err := c.exec("UPDATE audit SET personal = NULL WHERE seq = ?1", seq); err != nil {
				return err
			}
		}
		_, err := c.exec("PRAGMA secure_delete = FAST")
		return err
	})
}

func (st *Store) sealedIncidents(ctx context.Context, after string, limit int) ([]incidentRow, error) {
	return read(ctx, st.db.readers, "reading incidents", func(c *conn) ([]incidentRow, error) {
		var rows []incidentRow
		err := c.each(func(scan func(...any) error) error {
			var r incidentRow
			err := scan(&r.ID, &r.sealed)
			rows = append(rows, r)
			return err
		}, "SELECT id, sealed FROM incidents WHERE id > ?1 ORDER BY id LIMIT ?2", after, limit)
		return rows, err
	})
}

func (st *Store) dropIncidents(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return st.db.writer.do(ctx, "erasing incidents", func(c *conn) error {
		for _, id := range ids {
			if _, err := c.exec("DELETE FROM incidents WHERE id = ?1", id); err != nil {
				return err
			}
		}
		return nil
	})
}

// names are what a person may be called in an incident.
type names struct {
	values []string // what a provider says of nobody else, in lower case
	texts  []string // what means them wherever it stands
}

func namesOf(p account.Person) names {
	n := names{values: []string{strings.ToLower(p.Handle)}, texts: []string{strings.ToLower(p.ID)}}
	add := func(email string) {
		// What is no address could be a part of any text.
		if strings.Contains(email, "@") && len(email) > 4 {
			n.texts = append(n.texts, strings.ToLower(email))
		} else if email != "" {
			n.values = append(n.values, strings.ToLower(email))
		}
	}
	add(p.Email)
	if p.Name != "" {
		n.values = append(n.values, strings.ToLower(p.Name))
	}
	for _, i := range p.Identities {
		add(i.Email)
		n.values = append(n.values, strings.ToLower(i.Subject))
	}
	return n
}

func (n names) in(i incident.Incident) bool {
	mentioned := func(text string) bool {
		text = strings.ToLower(text)
		return slices.ContainsFunc(n.texts, func(name string) bool { return strings.Contains(text, name) })
	}
	if mentioned(i.Cause) || mentioned(i.Path) {
		return true
	}
	return slices.ContainsFunc(i.Seen, func(s incident.Seen) bool {
		return mentioned(s.Value) || slices.Contains(n.values, strings.ToLower(s.Value))
	})
}
