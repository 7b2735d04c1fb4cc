package refresh

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

// idleLook is how soon a session with nothing due is looked at again: its record may
// have been changed by another node.
const idleLook = 5 * time.Minute

// trouble is how soon one that could not be refreshed is looked at again.
const trouble = 30 * time.Second

// Run refreshes the sessions that live names (those with open connections) when they
// are due, and stores answers that the store did not take at first, until ctx is done.
// It returns when its work has ended. Background refresh is not activity.
func (r *Refresher) Run(ctx context.Context, live func() []session.ID) {
	b := &background{r: r, slots: make(chan struct{}, r.o.Workers), plan: map[session.ID]time.Time{}}
	tick := time.NewTicker(r.o.Tick)
	defer tick.Stop()
	defer b.work.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.flush(ctx)
		b.round(ctx, live())
	}
}

// flush begins flights for answers that are not durable; a flight stores them first.
func (r *Refresher) flush(ctx context.Context) {
	r.mu.Lock()
	waiting := slices.Collect(maps.Keys(r.held))
	r.mu.Unlock()
	for _, id := range waiting {
		select {
		case <-r.join(id).done:
		case <-ctx.Done():
			return
		}
	}
}

// background knows when each live session is to be looked at.
type background struct {
	r     *Refresher
	slots chan struct{}
	work  sync.WaitGroup

	mu   sync.Mutex
	plan map[session.ID]time.Time
}

func (b *background) round(ctx context.Context, ids []session.ID) {
	for _, id := range b.due(ids) {
		select {
		case b.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		b.work.Go(func() {
			defer func() { <-b.slots }()
			b.look(ctx, id)
		})
	}
}

// due returns who is to be looked at, and forgets who is gone.
func (b *background) due(ids []session.ID) []session.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.r.o.Now()
	plan := make(map[session.ID]time.Time, len(ids))
	var due []session.ID
	for _, id := range ids {
		at, known := b.plan[id]
		if known && now.Before(at) && at.Before(now.Add(2*idleLook)) {
			plan[id] = at
			continue
		}
		plan[id] = now.Add(idleLook) // until the look says better
		due = append(due, id)
	}
	b.plan = plan
	return due
}

func (b *background) look(ctx context.Context, id session.ID) {
	now := b.r.o.Now()
	s, err := b.r.o.Store.ByID(ctx, id)
	if err != nil {
		b.schedule(id, now.Add(b.r.o.Tick))
		return
	}
	if !s.Limits.Within(s.CreatedAt, s.SeenAt, now) {
		return // about to be ended; a refresh would only make another token
	}
	if fresh, err := b.r.Fresh(ctx, s); err == nil {
		s = fresh
	}
	b.schedule(id, b.nextLook(s))
}

// nextLook spreads refreshes over half of the margin before expiry.
func (b *background) nextLook(s *session.Session) time.Time {
	now := b.r.o.Now()
	soonest, latest := now.Add(b.r.o.Tick), now.Add(idleLook)
	_, policy, ok := b.r.o.Providers.Provider(s.Provider)
	if !ok {
		return latest
	}
	if s.Grant.State != session.GrantGood {
		return within(s.Grant.LostSince.Add(b.r.o.LostLimit), soonest, latest)
	}
	at := dueAt(&s.Grant, policy)
	switch {
	case at.IsZero() || at.After(latest):
		return latest
	case at.Before(now) && !b.r.wants(s, policy, now): // an access token that nothing follows
		return latest
	case at.Before(now): // an outage: there is no hurry
		return now.Add(trouble/2 + rand.N(trouble/2))
	}
	return within(at.Add(rand.N(margin(&s.Grant)/2+1)), soonest, latest)
}

// within returns t, or the bound that it passes.
func within(t, soonest, latest time.Time) time.Time {
	if t.Before(soonest) {
		return soonest
	}
	return earlier(t, latest)
}

func (b *background) schedule(id session.ID, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, live := b.plan[id]; live {
		b.plan[id] = at
	}
}
