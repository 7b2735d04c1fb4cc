package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// How long a tombstone without an Until stays: as long as
// browsers keep a cookie (400 days, draft-ietf-httpbis-rfc6265bis section 5.5) when the
// session has no absolute limit, a day past that limit otherwise.
const (
	cookieLifetime = 400 * 24 * time.Hour
	tombstoneSlack = 24 * time.Hour
)

const tombstoneColumns = "seq, coalesce(session, ''), account, provider, issuer, subject, sid, cause, fresh, ended_at, until"

const selectTombstone = "SELECT " + tombstoneColumns + " FROM ends"

func tombstones(c *conn, query string, args ...any) ([]session.Tombstone, error) {
	var list []session.Tombstone
	err := c.each(func(scan func(...any) error) error {
		var t session.Tombstone
		var ended, until int64
		err := scan(&t.Seq, (*string)(&t.Session), &t.Account, &t.Provider, &t.Identity.Issuer, &t.Identity.Subject, &t.SID,
			(*string)(&t.Cause), &t.Fresh, &ended, &until)
		t.EndedAt, t.Until = fromMicros(ended), fromMicros(until)
		list = append(list, t)
		return err
	}, query, args...)
	return list, err
}

func oneTombstone(c *conn, query string, args ...any) (session.Tombstone, bool, error) {
	list, err := tombstones(c, query, args...)
	if err != nil || len(list) == 0 {
		return session.Tombstone{}, false, err
	}
	return list[0], true, nil
}

func tombstoneOf(c *conn, id session.ID) (session.Tombstone, bool, error) {
	return oneTombstone(c, selectTombstone+" WHERE session = ?1", string(id))
}

// End ends a session in one durable transaction: its row and secrets go, its tombstone,
// receipt and outbox entries come. An entry with an App is stored only where the session
// keeps something for that app, and what no such entry needs is deleted. Who the session belonged to is taken from its record,
// the rest of the tombstone from e. It returns the tombstone with its place in the
// sequence of ends, session.ErrConflict when the record no longer has e.Version,
// *session.EndedError when the session has ended already (nothing of e is stored then),
// and session.ErrNotFound.
//
// With an empty e.Session it stores the tombstone of a provider's session (issuer and
// sid, or issuer and subject) that no session here belongs to, so that a sign-in under
// way cannot open one.
func (st *Store) End(ctx context.Context, now time.Time, e signout.Ending) (session.Tombstone, error) {
	sealed, err := st.sealEntries(e.Entries)
	if err != nil {
		return session.Tombstone{}, err
	}
	if e.Tombstone.EndedAt.IsZero() {
		e.Tombstone.EndedAt = now
	}
	if e.Actor == "" {
		e.Actor, e.By = audit.ActorOf(ctx)
	}
	var stone session.Tombstone
	err = st.db.writer.do(ctx, "ending a session", func(c *conn) error {
		var event audit.Event
		var err error
		if e.Session == "" {
			stone, err = insertTombstone(c, withUntil(e.Tombstone, time.Time{}))
			event = noticeEvent(e.Tombstone)
		} else {
			stone, event, err = endSession(c, e)
		}
		if err != nil {
			return err
		}
		told, err := endVaults(c, e.Session, sealed, e.Receipt.Until)
		if err != nil {
			return err
		}
		if e.Session != "" {
			event.Detail["tell"] = kinds(told)
		}
		return insertAudit(c, now, event)
	})
	if err != nil {
		return session.Tombstone{}, err
	}
	return stone, nil
}

func endSession(c *conn, e signout.Ending) (session.Tombstone, audit.Event, error) {
	row, err := liveSession(c, e.Session)
	if err != nil {
		return session.Tombstone{}, audit.Event{}, err
	}
	if row.s.Version != e.Version {
		return session.Tombstone{}, audit.Event{}, fmt.Errorf("session %s has version %d, not %d: %w", e.Session, row.s.Version, e.Version, session.ErrConflict)
	}
	stone, err := bury(c, row, e.Tombstone)
	if err != nil {
		return session.Tombstone{}, audit.Event{}, err
	}
	r := e.Receipt
	r.Session = e.Session
	if r.Until.IsZero() || r.Until.After(stone.Until) {
		r.Until = stone.Until
	}
	event := endedEvent(row.s, stone)
	event.Actor, event.By = e.Actor, e.By
	event.Detail = map[string]string{
		"mode": string(r.Mode), "closed": strconv.Itoa(r.Closed), "browser": yes(r.Browser), "fresh": yes(stone.Fresh), "because": e.Because,
	}
	return stone, event, insertReceipt(c, r, stone)
}

// endedEvent tells of the end of a session, at the time of its tombstone.
func endedEvent(s *session.Session, t session.Tombstone) audit.Event {
	return audit.Event{
		Type: audit.SessionEnded, At: t.EndedAt, Account: s.Account, Handle: s.Handle, Session: string(s.ID), Provider: s.Provider,
		Cause: string(t.Cause), Personal: &audit.Personal{Issuer: s.Identity.Issuer, Subject: s.Identity.Subject},
	}
}

// noticeEvent tells of the end of a provider's session that no session here belongs to.
func noticeEvent(t session.Tombstone) audit.Event {
	of := "session"
	if t.SID == "" {
		of = "person"
	}
	return audit.Event{
		Type: audit.ProviderNotice, Actor: audit.ActorProvider, Provider: t.Provider, Cause: string(t.Cause), Detail: map[string]string{"of": of},
		Personal: &audit.Personal{Issuer: t.Identity.Issuer, Subject: t.Identity.Subject},
	}
}

// kinds names what is told of an end, in order.
func kinds(entries []outbox.Entry) string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = string(e.Kind)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// bury turns a live session into a tombstone. Its seats stay, and so do its vaults: the
// caller says what becomes of them.
func bury(c *conn, row sessionRow, t session.Tombstone) (session.Tombstone, error) {
	s := row.s
	t.Session, t.Account, t.Provider, t.Identity, t.SID = s.ID, s.Account, s.Provider, s.Identity, s.SID
	if _, err := c.exec("DELETE FROM session_secrets WHERE n = ?1", row.n); err != nil {
		return t, err
	}
	if _, err := c.exec("DELETE FROM sessions WHERE id = ?1", string(s.ID)); err != nil {
		return t, err
	}
	return insertTombstone(c, withUntil(t, s.AbsoluteUntil()))
}

// withUntil sets a tombstone's Until when the caller did not.
func withUntil(t session.Tombstone, absolute time.Time) session.Tombstone {
	if t.Until.IsZero() {
		t.Until = t.EndedAt.Add(cookieLifetime)
		if !absolute.IsZero() {
			t.Until = t.EndedAt.Add(tombstoneSlack)
			if least := absolute.Add(tombstoneSlack); t.Until.Before(least) {
				t.Until = least
			}
		}
	}
	return t
}

func insertTombstone(c *conn, t session.Tombstone) (session.Tombstone, error) {
	var id any
	if t.Session != "" {
		id = string(t.Session)
	}
	seq, err := c.insert(`INSERT INTO ends (session, account, provider, issuer, subject, sid, cause, fresh, ended_at, until)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`, id, t.Account, t.Provider, t.Identity.Issuer, t.Identity.Subject, t.SID,
		string(t.Cause), bit(t.Fresh), micros(t.EndedAt), micros(t.Until))
	t.Seq = seq
	t.EndedAt, t.Until = fromMicros(micros(t.EndedAt)), fromMicros(micros(t.Until))
	return t, err
}

// Tombstones returns ends after a place in the sequence, in order. The sequence is that
// of the commits: whoever has seen a tombstone has been able to see all before it.
func (st *Store) Tombstones(ctx context.Context, afterSeq int64, limit int) ([]session.Tombstone, error) {
	return read(ctx, st.db.readers, "reading ends", func(c *conn) ([]session.Tombstone, error) {
		return tombstones(c, selectTombstone+" WHERE seq > ?1 ORDER BY seq LIMIT ?2", afterSeq, limitOrDefault(limit))
	})
}
