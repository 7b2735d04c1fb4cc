package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/live"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

const (
	// settled is when a request that came just before a reload has either ended or shows
	// as the live connection that it is.
	settled = 1500 * time.Millisecond
	// lateSignIns is when no sign-in that began under the configuration before is under way
	// any more.
	lateSignIns = 40 * time.Second

	endRetry = time.Second
	endPause = 30 * time.Second // the longest between two tries
)

// followUp ends what must not live on under the configuration that holds now: at once
// what the new rules do not let in where it is, then the sessions. What was under way
// meanwhile is looked at again, by the configuration that holds then: what another reload
// has let in again stays. Sessions of withdrawn providers and clients are ended by
// signOut; they are refused from the swap on, as are all others by the new rules.
func (a *App) followUp(before *generation, p *plan) {
	rules := touches(p, "apps") || touches(p, "access")
	if rules {
		a.cutAll(p.ending) // whose receipts are to count their connections
		a.retire(before)
	}
	a.reloads.chores.start(func(ctx context.Context) {
		a.endAll(ctx, p.reasons)
		for _, after := range []time.Duration{settled, lateSignIns - settled} {
			if !a.reloads.pause(ctx, after) {
				return
			}
			before.close() // what a request gave back meanwhile
			if rules {
				a.cutAll(nil)
				a.retire(before)
			}
		}
		if p.clients {
			a.signOut.Rewithdraw()
		}
		a.endAll(ctx, p.reasons)
	})
}

// retire closes the sockets without a session of the apps that are served no more.
func (a *App) retire(before *generation) {
	for id := range before.upstreams {
		if a.gen().upstreams[id] == nil {
			a.strangers.Close(id, string(session.CauseAccessWithdrawn))
		}
	}
}

// touches tells whether something below a key is another.
func touches(p *plan, key string) bool {
	for _, c := range p.changes {
		if rest, ok := strings.CutPrefix(c.Key, key); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// endAll ends the sessions of removed apps and rules, until it is done.
func (a *App) endAll(ctx context.Context, reasons []*reason) {
	for _, r := range reasons {
		if r.why == whyProvider {
			continue
		}
		for wait := endRetry; ; wait = min(2*wait, endPause) {
			n, err := a.endFor(ctx, r)
			if n > 0 {
				a.logger.Warn("sessions have ended by the configuration", "because_of", r.why, "name", r.name, "ended", n)
			}
			if err == nil || errors.Is(err, signout.ErrNotDurable) || ctx.Err() != nil {
				break // signOut makes durable what is not
			}
			a.logger.Warn("sessions could not all be ended by the configuration; it is tried again", "because_of", r.why, "name", r.name, "err", err, "next", wait.String())
			if !a.reloads.pause(ctx, wait) {
				return
			}
		}
	}
}

// endFor ends what a reason ends under the configuration that holds now. The sessions that
// were counted for a removed app end though it be back by now: they were opened before.
func (a *App) endFor(ctx context.Context, r *reason) (int, error) {
	ended := 0
	for _, f := range r.filters {
		n, err := a.signOut.EndWhere(ctx, a.clock.Now(), f, signout.Request{Cause: session.CauseAccessWithdrawn, By: "configuration", Because: r.String()},
			func(s *session.Session) bool {
				return ctx.Err() == nil && (r.why == whyApp && r.counted[s.ID] || r.which(a.gen(), f, s))
			})
		ended += n
		if err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// cutAll cuts every live connection that the rules that hold now do not let in where it
// is, but for some sessions. Requests that may still turn out to be ordinary ones are left to end.
func (a *App) cutAll(except map[session.ID]bool) {
	cut := 0
	a.eachLive(func(id string, s *session.Session) {
		if except[s.ID] {
			return
		}
		cut += a.live.Cut(id, string(session.CauseAccessWithdrawn), func(c live.Conn) bool { return brief(c) || holds(a.gen(), c, s) })
	})
	if cut > 0 {
		a.logger.Warn("connections closed: the new configuration does not let them in", "closed", cut)
	}
}

// loose counts what cutAll would cut under a complete generation, but for sessions that
// are about to end.
func (a *App) loose(g *generation, ending map[session.ID]bool) int {
	n := 0
	a.eachLive(func(id string, s *session.Session) {
		if ending[s.ID] {
			return
		}
		a.live.Cut(id, "", func(c live.Conn) bool {
			if !brief(c) && !holds(g, c, s) {
				n++
			}
			return true
		})
	})
	return n
}

// eachLive calls do for every session with a live connection.
func (a *App) eachLive(do func(id string, s *session.Session)) {
	for _, id := range a.live.Sessions() {
		s := a.guard.Record(session.ID(id))
		if s == nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			s, _ = a.storage.store.ByID(ctx, session.ID(id))
			cancel()
		}
		if s != nil { // else it has ended, or is refused by what the store says next
			do(id, s)
		}
	}
}

func brief(c live.Conn) bool {
	b, ok := c.(live.Briefer)
	return ok && b.Brief()
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
