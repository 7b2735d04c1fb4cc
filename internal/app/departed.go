package app

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/applogout"
	"github.com/cardea-auth/cardea/internal/outbox"
)

// departed are apps that the configuration names no longer, or no longer with a logout
// that can be called, and that must still be told of ends: by the way there that was
// configured before, for as long as anybody is told anything. The way is known to this
// process alone; after a restart nobody is left who could be told.
type departed struct {
	mu   sync.Mutex
	apps map[string]departure
}

type departure struct {
	told  *applogout.Caller
	way   upstream
	until time.Time
}

// update takes note of who goes when next follows before, and of who is back.
func (d *departed) update(before, next *generation, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.apps == nil {
		d.apps = map[string]departure{}
	}
	for _, c := range replayed(before.cfg) {
		d.apps[c.ID] = departure{told: before.told, way: before.upstreams[c.ID], until: now.Add(before.cfg.Limits.OutboxRetry)}
	}
	for _, c := range replayed(next.cfg) {
		delete(d.apps, c.ID)
	}
	for id, x := range d.apps {
		if now.After(x.until) {
			x.way.Close()
			delete(d.apps, id)
		}
	}
}

// ids are the apps that can still be told.
func (d *departed) ids() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.apps))
}

func (d *departed) caller(app string) *applogout.Caller {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.apps[app].told
}

func (d *departed) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.apps {
		x.way.Close()
	}
}

// tellApp calls an app's own logout. It is the outbox's handler.
func (a *App) tellApp(ctx context.Context, e outbox.Entry) error {
	if c := a.reloads.departed.caller(e.App); c != nil {
		return c.Deliver(ctx, e)
	}
	return a.gen().told.Deliver(ctx, e)
}
