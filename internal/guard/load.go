package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

// flight is one read of the store, shared by all who ask for the same seat meanwhile.
type flight struct {
	began time.Duration
	done  chan struct{} // closed when seat and err are set
	seat  *seat
	err   error
}

// errDropped: the session was dropped while it was being loaded, again and again.
var errDropped = fmt.Errorf("session kept changing while it was read: %w", session.ErrUnavailable)

// errSlow: the store did not answer in time.
var errSlow = fmt.Errorf("store did not answer in time: %w", session.ErrUnavailable)

// usable tells whether a cached seat may be answered from.
func (g *Guard) usable(e *seat, now time.Duration) bool {
	return now-e.loaded < g.ttl && g.valid(e) && now-time.Duration(g.beat.Load()) < beatLost
}

// valid tells whether the session was not dropped since the seat's load began.
func (g *Guard) valid(e *seat) bool {
	return e.cell.dropped.Load() <= e.start && g.floor.Load() <= e.start
}

// lookup returns the seat from the cache or the store. Errors are those of
// Store.BySeat; anything that is neither *session.EndedError nor session.ErrNotFound
// means that the store could not tell.
func (g *Guard) lookup(ctx context.Context, h session.SeatHash) (*seat, error) {
	if e := g.cache.get(h); e != nil && g.usable(e, g.mono()) {
		return e, nil
	}
	return g.load(ctx, h)
}

func (g *Guard) load(ctx context.Context, h session.SeatHash) (*seat, error) {
	f := g.flight(h)
	timer := time.NewTimer(g.patience())
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
		return nil, errSlow
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the store: %w", errors.Join(session.ErrUnavailable, context.Cause(ctx)))
	}
	if f.err == nil && !g.valid(f.seat) {
		return nil, errDropped
	}
	return f.seat, f.err
}

// flight joins the read under way or starts one. One that has been under way for longer
// than anybody waits is given up and replaced.
func (g *Guard) flight(h session.SeatHash) *flight {
	s := g.cache.seatShard(h)
	now := g.mono()
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[h]; f != nil && now-f.began < g.patience() {
		return f
	}
	f := &flight{began: now, done: make(chan struct{})}
	s.flights[h] = f
	go g.fly(h, f)
	return f
}

func (g *Guard) fly(h session.SeatHash, f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), g.patience())
	defer cancel()
	f.seat, f.err = g.read(ctx, h)

	s := g.cache.seatShard(h)
	s.mu.Lock()
	if s.flights[h] == f {
		delete(s.flights, h)
		if f.seat != nil {
			g.cache.set(s, h, f.seat)
		} else if gone(f.err) {
			delete(s.seats, h)
		}
	}
	s.mu.Unlock()
	close(f.done)
}

// read asks the store. An answer whose session was dropped after the question left is
// thrown away and the question asked anew.
func (g *Guard) read(ctx context.Context, h session.SeatHash) (*seat, error) {
	select {
	case g.loads <- struct{}{}:
		defer func() { <-g.loads }()
	case <-ctx.Done():
		return nil, errSlow
	}
	for range 3 {
		start, began := g.drops.Load(), g.mono()
		s, at, err := g.store.BySeat(ctx, h)
		if err == nil || gone(err) {
			g.heard(began)
		}
		if err != nil {
			g.settleEnded(err)
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, errSlow
		}
		c := g.cache.cell(s.ID, began)
		e := &seat{cell: c, origin: at.Origin, loaded: began, start: start}
		if !g.valid(e) {
			continue
		}
		c.put(s)
		return e, nil
	}
	return nil, errDropped
}

// gone tells whether the store knows that there is no such session.
func gone(err error) bool {
	_, ended := errors.AsType[*session.EndedError](err)
	return ended || errors.Is(err, session.ErrNotFound)
}

// settleEnded stops refusing a session in memory once the store refuses it.
func (g *Guard) settleEnded(err error) {
	ended, ok := errors.AsType[*session.EndedError](err)
	if !ok {
		return
	}
	if g.refusal(ended.Tombstone.Session) != nil {
		g.Settle(ended.Tombstone.Session)
	}
}

// heard notes that the store answered a question asked at the given time.
func (g *Guard) heard(asked time.Duration) {
	for {
		old := g.beat.Load()
		if old >= int64(asked) || g.beat.CompareAndSwap(old, int64(asked)) {
			return
		}
	}
}
