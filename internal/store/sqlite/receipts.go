package sqlite

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// insertReceipt stores the receipt of an end. It lives until its Until, and never longer
// than the tombstone.
func insertReceipt(c *conn, r signout.Receipt, t session.Tombstone) error {
	_, err := c.exec(`INSERT INTO receipts (session, state, account, provider, cause, mode, ended_at, until, closed, browser, returned_at, return_url, others)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
		string(r.Session), hashOrNull(r.State), t.Account, t.Provider, string(t.Cause), string(r.Mode), micros(t.EndedAt), micros(r.Until),
		r.Closed, bit(r.Browser), micros(r.Returned), r.ReturnURL, r.Others)
	return err
}

const selectReceipt = `SELECT session, coalesce(state, zeroblob(32)), account, provider, cause, mode, ended_at, until, closed, browser, returned_at, return_url, others FROM receipts`

func receipt(c *conn, query string, args ...any) (signout.Receipt, error) {
	var r signout.Receipt
	var state []byte
	var ended, until, returned int64
	found, err := c.one([]any{(*string)(&r.Session), &state, &r.Account, &r.Provider, (*string)(&r.Cause), (*string)(&r.Mode),
		&ended, &until, &r.Closed, &r.Browser, &returned, &r.ReturnURL, &r.Others}, query, args...)
	if err != nil {
		return signout.Receipt{}, err
	}
	if !found {
		return signout.Receipt{}, signout.ErrNoReceipt
	}
	copy(r.State[:], state)
	r.EndedAt, r.Until, r.Returned = fromMicros(ended), fromMicros(until), fromMicros(returned)
	return r, nil
}

// Receipt returns the receipt of a sign-out by the hash of the state that its browser
// took to the provider, or signout.ErrNoReceipt. The zero hash answers to nothing.
func (st *Store) Receipt(ctx context.Context, state session.SeatHash) (signout.Receipt, error) {
	return read(ctx, st.db.readers, "reading a receipt", func(c *conn) (signout.Receipt, error) {
		return receipt(c, selectReceipt+" WHERE state = ?1", hashOrNull(state))
	})
}

// ReceiptBySession returns the receipt of an ended session, or signout.ErrNoReceipt.
func (st *Store) ReceiptBySession(ctx context.Context, id session.ID) (signout.Receipt, error) {
	return read(ctx, st.db.readers, "reading a receipt", func(c *conn) (signout.Receipt, error) {
		return receipt(c, selectReceipt+" WHERE session = ?1", string(id))
	})
}

// MarkReturned notes, durably, that the browser came back from the provider's logout
// with our state, and cancels that session's pending end-session entries. Only the first
// return counts; all get the receipt. It returns signout.ErrNoReceipt for a state that
// is not ours.
func (st *Store) MarkReturned(ctx context.Context, now time.Time, state session.SeatHash) (signout.Receipt, error) {
	var r signout.Receipt
	err := st.db.writer.do(ctx, "noting a return from the provider", func(c *conn) (err error) {
		r, err = receipt(c, selectReceipt+" WHERE state = ?1", hashOrNull(state))
		if err != nil || !r.Returned.IsZero() {
			return err
		}
		r.Returned = fromMicros(micros(now))
		if _, err := c.exec("UPDATE receipts SET returned_at = ?2 WHERE session = ?1", string(r.Session), micros(now)); err != nil {
			return err
		}
		if err := insertAudit(c, now, audit.Event{
			Type: audit.BrowserReturned, Actor: audit.ActorPerson, Account: r.Account, Session: string(r.Session), Provider: r.Provider,
		}); err != nil {
			return err
		}
		return cancelLogouts(c, now, r.Session)
	})
	if err != nil {
		return signout.Receipt{}, err
	}
	return r, nil
}

// cancelLogouts settles what would end a provider's session that its browser has ended.
func cancelLogouts(c *conn, now time.Time, id session.ID) error {
	var pending []string
	err := c.each(func(scan func(...any) error) error {
		var entry string
		err := scan(&entry)
		pending = append(pending, entry)
		return err
	}, "SELECT id FROM outbox WHERE session = ?1 AND kind = ?2 AND state = 'pending'", string(id), string(outbox.KindEndSession))
	if err != nil {
		return err
	}
	for _, entry := range pending {
		if _, err := c.exec("UPDATE outbox SET state = ?2, sealed = NULL, keep_until = max(keep_until, ?3) WHERE id = ?1",
			entry, string(outbox.Cancelled), micros(now.Add(keepFinished))); err != nil {
			return err
		}
		if err := insertDelivery(c, now, entry, audit.Event{Cause: "browser"}); err != nil {
			return err
		}
	}
	return nil
}
