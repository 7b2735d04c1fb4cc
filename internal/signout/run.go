package signout

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// expiryInterval bounds how long a session's connections outlive its limits, and how
	// long after a store's return an end waits.
	expiryInterval = 500 * time.Millisecond
	sweepInterval  = time.Minute
	sweepBatch     = 500
)

// Run ends expired sessions and those of withdrawn providers, makes ends durable that were not, and sweeps what is past
// its time, until ctx ends; then it tries once more what is not durable yet.
func (o *SignOut) Run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { o.withdraw(ctx) })
	expiry := time.NewTicker(expiryInterval)
	defer expiry.Stop()
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			o.lastChance(ctx)
			return
		case <-expiry.C:
			o.settle(ctx)
			o.expire(ctx)
		case <-sweep.C:
			o.sweep(ctx)
		}
	}
}

func (o *SignOut) expire(ctx context.Context) {
	now := o.o.Now()
	over, err := o.o.Store.Expired(ctx, now, sweepBatch)
	if err != nil || len(over) == 0 {
		return // an outage ends nobody; the store's own alarm tells of it
	}
	// What looks expired may have been used a moment ago.
	if err := o.o.Flush(ctx); err != nil {
		return
	}
	if over, err = o.o.Store.Expired(ctx, now, sweepBatch); err != nil {
		return
	}
	inParallel(over, func(s *session.Session) {
		_, err := o.End(ctx, now, Request{Session: s.ID, Cause: session.CauseExpired, By: "limits", Known: s})
		if err != nil && !errors.Is(err, errInUse) {
			o.o.Logger.Warn("expired session could not be ended; it will be tried again", "session", s.ID, "err", err)
		}
	})
}

func (o *SignOut) sweep(ctx context.Context) {
	for {
		n, err := o.o.Store.Sweep(ctx, o.o.Now(), sweepBatch)
		if err != nil {
			o.o.Logger.Warn("sweeping failed; it will be tried again", "err", err)
			return
		}
		if n < sweepBatch {
			return
		}
	}
}
