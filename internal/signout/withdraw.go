package signout

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	withdrawRetry   = time.Second
	withdrawPause   = 30 * time.Second // the longest between two tries
	withdrawReports = 1000             // sessions between two lines of the log
)

// withdraw ends the sessions of providers and clients that the configuration names no
// longer, and writes down who the gateway is once the last of them has ended: what a
// crash or an outage leaves is ended by the next try, or after the next start. These
// sessions are refused meanwhile (Clients.Refuse), so that nobody waits for it.
// It does so again whenever there are other clients (Reconfigure).
func (o *SignOut) withdraw(ctx context.Context) {
	for wait := withdrawRetry; ; {
		var again <-chan time.Time
		if err := o.withdrawOnce(ctx); err != nil && ctx.Err() == nil {
			o.o.Logger.Warn("sessions of withdrawn providers could not all be ended; they are refused, and it is tried again", "err", err, "next", wait.String())
			again = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
			wait = min(2*wait, withdrawPause)
		case <-o.renew:
			wait = withdrawRetry
		}
	}
}

func (o *SignOut) withdrawOnce(ctx context.Context) error {
	c := o.terms.Load().Clients
	if c == nil {
		return nil
	}
	if err := c.Recall(ctx); err != nil {
		return err
	}
	gone, err := c.Opened(ctx)
	if err != nil {
		return err
	}
	for _, x := range gone {
		if err := o.withdrawAll(ctx, c, x); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		left, err := c.Opened(ctx)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return errors.New("some sessions have not ended")
		}
	}
	if err := c.store.SetClients(ctx, c.configured); err != nil {
		return fmt.Errorf("writing who the gateway is at its providers: %w", err)
	}
	return nil
}

// withdrawAll ends what was opened at one provider as one client. Sessions that people
// open there as the client of today are left alone.
func (o *SignOut) withdrawAll(ctx context.Context, c *Clients, x session.OpenedAs) error {
	log := o.o.Logger.With("provider", x.Provider, "because", c.Changed(x.Provider))
	log.Warn("ending the sessions of a withdrawn provider or client")
	var found atomic.Int64
	ended, err := o.endAll(ctx, o.o.Now(), session.Filter{Provider: x.Provider}, Request{Cause: session.CauseProvider, By: "configuration"},
		func(s *session.Session) bool {
			if s.Client != x.Client || ctx.Err() != nil {
				return false
			}
			if n := found.Add(1); n%withdrawReports == 0 {
				log.Info("still ending sessions of a withdrawn provider or client", "so_far", n)
			}
			return true
		})
	if err != nil {
		return fmt.Errorf("ending sessions of provider %s: %w", x.Provider, err)
	}
	log.Warn("the sessions of a withdrawn provider or client have ended", "ended", ended)
	return nil
}

// provider returns the provider at which something was opened as the client with this
// mark. It is false once that client was withdrawn: what it was given must not be shown
// to whoever answers under the provider's id now.
func (o *SignOut) provider(id, mark string) (Provider, bool) {
	if gone, err := o.terms.Load().Clients.withdrawn(id, mark); gone || err != nil {
		return nil, false
	}
	return o.o.Providers(id)
}
