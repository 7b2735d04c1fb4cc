package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	beatEvery   = 250 * time.Millisecond
	sweepEvery  = time.Minute
	touchBatch  = 500
	flushWithin = 2 * time.Second
)

// Touched notes activity that did not come as a request, as on a WebSocket.
func (g *Guard) Touched(id session.ID, now time.Time) {
	g.touch(g.cache.cell(id, g.mono()), now)
}

// touch notes activity in memory; Flush writes it.
func (g *Guard) touch(c *cell, now time.Time) {
	n := now.UnixNano()
	for {
		old := c.seen.Load()
		if old >= n {
			return
		}
		if c.seen.CompareAndSwap(old, n) {
			break
		}
	}
	if c.dirty.CompareAndSwap(false, true) {
		g.dirtyMu.Lock()
		g.dirty = append(g.dirty, c)
		g.dirtyMu.Unlock()
	}
}

// Seen returns the latest activity that this process knows of a session and has
// perhaps not written yet; the zero time when it knows none.
func (g *Guard) Seen(id session.ID) time.Time {
	c := g.cache.known(id)
	if c == nil || c.seen.Load() == 0 {
		return time.Time{}
	}
	return time.Unix(0, c.seen.Load())
}

// Flush writes all activity noted so far. What could not be written stays noted.
// Limits are judged on what is written, so that a sweep of expired sessions flushes first.
func (g *Guard) Flush(ctx context.Context) error {
	g.dirtyMu.Lock()
	cells := g.dirty
	g.dirty = nil
	g.dirtyMu.Unlock()
	for len(cells) > 0 {
		n := min(len(cells), touchBatch)
		batch := make([]session.Touch, n)
		for i, c := range cells[:n] {
			c.dirty.Store(false) // before seen is read: later activity marks it anew
			batch[i] = session.Touch{ID: c.id, SeenAt: time.Unix(0, c.seen.Load())}
		}
		if err := g.store.Touch(ctx, batch); err != nil {
			g.keep(cells, n)
			return fmt.Errorf("writing activity: %w", err)
		}
		cells = cells[n:]
	}
	return nil
}

// keep puts cells back whose activity could not be written. The first n have lost
// their mark, and some may have been marked and listed anew since.
func (g *Guard) keep(cells []*cell, n int) {
	g.dirtyMu.Lock()
	defer g.dirtyMu.Unlock()
	for i, c := range cells {
		if i >= n || c.dirty.CompareAndSwap(false, true) {
			g.dirty = append(g.dirty, c)
		}
	}
}

// Run keeps the heartbeat, writes activity and sweeps the cache until ctx ends, then
// writes what is left and returns. The store must outlive it.
func (g *Guard) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { every(ctx, beatEvery, g.ping) })
	wg.Go(func() { every(ctx, sweepEvery, func(context.Context) { g.cache.sweep(g.mono()) }) })
	wg.Go(func() {
		failing := false
		every(ctx, g.flushEvery, func(ctx context.Context) { failing = g.flush(ctx, failing) })
		g.flush(context.WithoutCancel(ctx), failing)
	})
	wg.Wait()
}

func every(ctx context.Context, d time.Duration, do func(context.Context)) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(ctx)
		}
	}
}

// ping asks the store for a sign of life. It waits no longer than a beat, even for a
// store that ignores its context; a late answer still counts for when it was asked.
func (g *Guard) ping(ctx context.Context) {
	asked := g.mono()
	done := make(chan struct{})
	pingCtx, cancel := context.WithTimeout(ctx, beatLost)
	go func() {
		defer close(done)
		defer cancel()
		if g.store.Ping(pingCtx) == nil {
			g.heard(asked)
		}
	}()
	select {
	case <-done:
	case <-pingCtx.Done():
	}
}

// flush is Flush for Run: a failure is told once, until it works again.
func (g *Guard) flush(ctx context.Context, failing bool) bool {
	ctx, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	err := g.Flush(ctx)
	switch {
	case err != nil && !failing && !errors.Is(err, context.Canceled):
		g.log.Warn("activity could not be written; it is kept in memory", "error", err)
	case err == nil && failing:
		g.log.Info("activity is written again")
	}
	return err != nil
}
