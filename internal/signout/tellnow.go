package signout

import (
	"context"
	"errors"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	tellWithin = 3 * time.Second
	tellLook   = 25 * time.Millisecond
)

// TellNow tells a provider at once what it would be told of an ended session a little
// later, and returns when it has heard, or after a few seconds. It is called before the
// same browser is sent there to sign in again: an end that arrived after the code of the
// new sign-in was issued, and before its session is known here, would end that one.
//
// Entries that have failed before keep their own pace, so that nobody can make the
// gateway call a provider as often as they ask for a page.
func (o *SignOut) TellNow(ctx context.Context, now time.Time, t session.Tombstone) {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	err := o.tellNow(ctx, now, t)
	if err != nil && !errors.Is(err, context.Canceled) {
		o.o.Logger.Warn("a provider has not heard of an end before the next sign-in there", "session", t.Session, "provider", t.Provider, "err", err)
	}
}

func (o *SignOut) tellNow(ctx context.Context, now time.Time, t session.Tombstone) error {
	p, ok := o.o.Providers(t.Provider)
	if !ok {
		return nil
	}
	entries, err := o.o.Outbox.BySession(ctx, string(t.Session))
	if err != nil {
		return err
	}
	for _, e := range untold(p.Record(), entries) {
		// The one after the other: a logout and a revocation at the same moment were seen to
		// leave a refresh token that still works.
		if err := o.hasten(ctx, now, e); err != nil {
			return err
		}
	}
	return nil
}

// untold are the entries that end more at the provider than the session's own tokens, in
// the order in which they are to be told. Where the server can end the provider's
// session, a revocation that does no more than this is in nobody's way.
func untold(rec record.Record, entries []outbox.Entry) []outbox.Entry {
	var ends, revokes []outbox.Entry
	for _, e := range entries {
		if e.State != outbox.Pending || e.Attempts > 0 {
			continue
		}
		switch {
		case e.Kind == outbox.KindEndSession && rec.SignOut.ServerCall != record.ServerNone:
			ends = append(ends, e)
		case e.Kind == outbox.KindRevoke && rec.Revocation.Ends == record.RevocationEndsGrant,
			e.Kind == outbox.KindRevoke && rec.Revocation.Ends == record.RevocationEndsSession && rec.SignOut.ServerCall == record.ServerNone:
			revokes = append(revokes, e)
		}
	}
	return append(ends, revokes...)
}

// hasten makes an entry due and waits until it was tried.
func (o *SignOut) hasten(ctx context.Context, now time.Time, e outbox.Entry) error {
	if e.NextAt.After(now) {
		// A conflict says that it was told meanwhile.
		if err := o.o.Outbox.Requeue(ctx, now, e.ID); err != nil && !errors.Is(err, session.ErrConflict) {
			return err
		}
		o.o.Kick()
	}
	for {
		untried, err := o.untried(ctx, e)
		if err != nil || !untried {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tellLook):
		}
	}
}

func (o *SignOut) untried(ctx context.Context, e outbox.Entry) (bool, error) {
	entries, err := o.o.Outbox.BySession(ctx, e.Session)
	if err != nil {
		return false, err
	}
	for _, got := range entries {
		if got.ID == e.ID {
			return got.State == outbox.Pending && got.Attempts == 0, nil
		}
	}
	return false, nil
}
