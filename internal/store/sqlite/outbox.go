package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// sealEntries returns copies of entries with their payloads sealed.
func (st *Store) sealEntries(entries []outbox.Entry) ([]outbox.Entry, error) {
	sealed := make([]outbox.Entry, len(entries))
	for i, e := range entries {
		payload, err := st.keys.Seal(sealOutbox, e.ID, e.Payload)
		if err != nil {
			return nil, fmt.Errorf("sealing outbox entry %s: %w", e.ID, err)
		}
		if e.State == "" {
			e.State = outbox.Pending
		}
		e.Payload = payload
		sealed[i] = e
	}
	return sealed, nil
}

// insertEntries stores sealed entries that stay at least until keep.
func insertEntries(c *conn, entries []outbox.Entry, keep time.Time) error {
	for _, e := range entries {
		_, err := c.exec(`INSERT INTO outbox (id, kind, session, provider, app, sealed, state, created_at, next_at, deadline, attempts, last_error, keep_until)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
			e.ID, string(e.Kind), e.Session, e.Provider, e.App, e.Payload, string(e.State), micros(e.CreatedAt), micros(e.NextAt),
			micros(e.Deadline), e.Attempts, e.LastError, micros(keep))
		if err != nil {
			return err
		}
	}
	return nil
}

// Add stores entries, durably, all or none.
func (st *Store) Add(ctx context.Context, entries []outbox.Entry) error {
	sealed, err := st.sealEntries(entries)
	if err != nil {
		return err
	}
	return st.db.writer.do(ctx, "adding to the outbox", func(c *conn) error {
		return insertEntries(c, sealed, time.Time{})
	})
}

// Due returns pending entries whose time has come, the longest waiting first.
func (st *Store) Due(ctx context.Context, now time.Time, limit int) ([]outbox.Entry, error) {
	return st.entries(ctx, "WHERE state = 'pending' AND next_at <= ?1 ORDER BY next_at, id LIMIT "+literal(limit), micros(now))
}

// BySession returns all entries of an ended session, finished ones without payload.
func (st *Store) BySession(ctx context.Context, id string) ([]outbox.Entry, error) {
	return st.entries(ctx, "WHERE session = ?1 ORDER BY created_at, id", id)
}

// ListOutbox returns entries that f selects, the oldest first, 100 of them unless
// f.Limit says otherwise.
func (st *Store) ListOutbox(ctx context.Context, f outbox.Filter) ([]outbox.Entry, error) {
	var where strings.Builder
	glue := "WHERE "
	var args []any
	and := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where.WriteString(glue + strings.ReplaceAll(condition, "$", "?"))
		glue = " AND "
	}
	for _, by := range []struct{ condition, value string }{
		{"id = ?", f.ID}, {"state = ?", string(f.State)}, {"kind = ?", string(f.Kind)}, {"provider = ?", f.Provider}, {"session = ?", f.Session},
	} {
		if by.value != "" {
			and(by.condition, by.value)
		}
	}
	if f.Failing {
		and("(state = 'failed' OR state = 'pending' AND attempts > 0)")
	}
	if f.After != (outbox.Place{}) {
		and("(created_at, id) > (?, ?)", micros(f.After.CreatedAt), f.After.ID)
	}
	args = append(args, limitOrDefault(f.Limit))
	where.WriteString(" ORDER BY created_at, id LIMIT ?" + strconv.Itoa(len(args)))
	return st.entries(ctx, where.String(), args...)
}

// Requeue makes an entry due now, for as long as it was given at first: one that is
// pending, or one that failed and whose payload and cookies are still kept. It returns
// session.ErrNotFound, and session.ErrConflict for any other.
func (st *Store) Requeue(ctx context.Context, now time.Time, id string) error {
	return st.db.writer.do(ctx, "making an outbox entry due", func(c *conn) error {
		n, err := c.exec(`UPDATE outbox SET state = 'pending', next_at = ?2, deadline = max(deadline, ?2 + deadline - created_at)
			WHERE id = ?1 AND (state = 'pending' OR state = 'failed' AND sealed IS NOT NULL
			AND (app = '' OR EXISTS (SELECT 1 FROM vaults v WHERE v.session = outbox.session AND v.app = outbox.app AND v.ended = 1)))`,
			id, micros(now))
		if err != nil || n == 1 {
			return err
		}
		var state string
		found, err := c.one([]any{&state}, "SELECT state FROM outbox WHERE id = ?1", id)
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("outbox entry %s: %w", id, session.ErrNotFound)
		}
		return fmt.Errorf("outbox entry %s is %s, and nothing is left to tell it with: %w", id, state, session.ErrConflict)
	})
}

// Finish settles a pending entry: its payload is removed unless it failed, when it stays
// as long as the entry so that it can be requeued, and unless it was cancelled
// one attempt is counted. What the session kept for the entry's app goes with it. An
// entry that is not pending stays as it is: a cancellation that came first is not undone.
func (st *Store) Finish(ctx context.Context, now time.Time, id string, state outbox.State, lastErr string) error {
	if state == outbox.Pending || state == "" {
		return fmt.Errorf("outbox entry %s cannot be finished as %q", id, state)
	}
	return st.db.writer.do(ctx, "finishing an outbox entry", func(c *conn) error {
		finished, err := c.exec(`UPDATE outbox SET state = ?2, last_error = ?3, attempts = attempts + ?4,
			sealed = CASE WHEN ?2 = 'failed' THEN sealed END, keep_until = max(keep_until, ?5) WHERE id = ?1 AND state = 'pending'`,
			id, string(state), lastErr, bit(state != outbox.Cancelled), micros(now.Add(keepFinished)))
		if err != nil || finished == 0 {
			return err
		}
		if err := dropVaultOf(c, id); err != nil {
			return err
		}
		return insertDelivery(c, now, id, audit.Event{})
	})
}

// insertDelivery writes the event of an entry that has come to its final state. e may
// bring an id, and a cause that the entry does not tell. Tokens of a sign-in that opened no
// session are nobody's account's.
func insertDelivery(c *conn, now time.Time, id string, e audit.Event) error {
	e.Actor = audit.ActorGateway
	var kind, state string
	var deadline int64
	var attempts int
	found, err := c.one([]any{&kind, &e.Session, &e.Provider, &e.App, &state, &deadline, &attempts, &e.Account},
		`SELECT kind, session, provider, app, state, deadline, attempts, coalesce(
			(SELECT account FROM ends WHERE ends.session = outbox.session), (SELECT account FROM receipts WHERE receipts.session = outbox.session),
			(SELECT account FROM sessions WHERE sessions.id = outbox.session), '') FROM outbox WHERE id = ?1`, id)
	if err != nil || !found {
		return err
	}
	if _, err := c.one([]any{&e.Handle}, "SELECT handle FROM handles WHERE account = ?1 AND account <> ''", e.Account); err != nil {
		return err
	}
	switch outbox.State(state) {
	case outbox.Done:
		e.Type = audit.DeliveryDone
	case outbox.Cancelled:
		e.Type, e.Cause = audit.DeliveryCancelled, cmp.Or(e.Cause, "not-needed")
	default:
		because := "refused"
		if micros(now) >= deadline {
			because = "deadline"
		}
		e.Type, e.Cause = audit.DeliveryFailed, cmp.Or(e.Cause, because)
	}
	e.Detail = map[string]string{"kind": kind, "entry": id, "attempts": strconv.Itoa(attempts)}
	return insertAudit(c, now, e)
}

// Retry counts an attempt of a pending entry and sets when the next is due.
func (st *Store) Retry(ctx context.Context, id string, next time.Time, lastErr string) error {
	return st.db.writer.do(ctx, "scheduling an outbox entry", func(c *conn) error {
		_, err := c.exec("UPDATE outbox SET next_at = ?2, attempts = attempts + 1, last_error = ?3 WHERE id = ?1 AND state = 'pending'",
			id, micros(next), lastErr)
		return err
	})
}

// entries reads and unseals. An entry whose payload cannot be opened is returned without
// it, so that its handler can fail it and an operator sees it.
func (st *Store) entries(ctx context.Context, where string, args ...any) ([]outbox.Entry, error) {
	list, err := read(ctx, st.db.readers, "reading the outbox", func(c *conn) ([]outbox.Entry, error) {
		var list []outbox.Entry
		err := c.each(func(scan func(...any) error) error {
			var e outbox.Entry
			var created, next, deadline int64
			err := scan(&e.ID, (*string)(&e.Kind), &e.Session, &e.Provider, &e.App, &e.Payload, (*string)(&e.State),
				&created, &next, &deadline, &e.Attempts, &e.LastError)
			e.CreatedAt, e.NextAt, e.Deadline = fromMicros(created), fromMicros(next), fromMicros(deadline)
			list = append(list, e)
			return err
		}, "SELECT id, kind, session, provider, app, sealed, state, created_at, next_at, deadline, attempts, last_error FROM outbox "+where, args...)
		return list, err
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		e := &list[i]
		if len(e.Payload) == 0 {
			continue
		}
		if e.Payload, err = st.keys.Unseal(sealOutbox, e.ID, e.Payload); err != nil {
			st.db.log.LogAttrs(ctx, slog.LevelError, "outbox entry cannot be read", slog.String("entry", e.ID), slog.Any("error", err))
		}
	}
	return list, nil
}
