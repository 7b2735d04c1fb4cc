package vault

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// loadWithin bounds how long a request waits for the store, so that an outage is
	// told within a second; saveWithin how long an answer does.
	loadWithin = 900 * time.Millisecond
	saveWithin = 2 * time.Second

	maxTries   = 8       // writes of one change against somebody else's
	maxPending = 1024    // changes of one jar that are not written
	maxEntries = 100_000 // jars hot in memory
	maxFates   = 1 << 16 // sessions whose end is remembered
	maxAtOnce  = 256     // reads, and as many writes, under way
	writers    = 16      // jars that Run writes at once

	idleFor    = 10 * time.Minute // how long an unused jar stays hot
	fateFor    = 10 * time.Minute // how long an end is remembered
	retryEvery = 5 * time.Second
	sweepEvery = time.Minute
)

// Store is where jars are kept, sealed. Errors are *session.EndedError for a session that
// has ended, session.ErrNotFound for one that never was, and session.ErrUnavailable.
type Store interface {
	// LoadVault returns what is kept, nil and version 0 where nothing is yet.
	LoadVault(ctx context.Context, id session.ID, app string) (data []byte, version int64, err error)
	// SaveVault stores data durably if the stored version still is version (0: none)
	// and returns the new one; session.ErrConflict otherwise.
	SaveVault(ctx context.Context, now time.Time, id session.ID, app string, version int64, data []byte) (int64, error)
	// EndedVault returns what was kept for a session that has ended, until DropVault;
	// nil where nothing was.
	EndedVault(ctx context.Context, id session.ID, app string) ([]byte, error)
	DropVault(ctx context.Context, id session.ID, app string) error
}

// Options are what a Vault lives on. Store and Logger are required.
type Options struct {
	Store  Store
	Logger *slog.Logger
	// Now is the believed time. Nil stands for time.Now.
	Now func() time.Time
}

// Vault holds the cookies of all sessions at all apps. It is safe for concurrent use.
type Vault struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
	say   *sayer

	base     time.Time // origin of the vault's own monotonic time
	seed     maphash.Seed
	shards   [shards]shard
	perShard int
	reads    chan struct{}
	saves    chan struct{}
	loading  time.Duration // loadWithin
	saving   time.Duration // saveWithin

	fateMu sync.Mutex
	fates  map[session.ID]fate

	namesMu sync.Mutex
	names   []string // of the apps; replaced, never changed
}

// New returns a Vault. Its Run must be running: without it what could not be written
// stays unwritten, and nothing is ever forgotten.
func New(o Options) (*Vault, error) {
	if o.Store == nil || o.Logger == nil {
		return nil, errors.New("vault: Store and Logger are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Vault{
		store: o.Store, log: o.Logger, now: o.Now, base: time.Now(), seed: maphash.MakeSeed(), perShard: maxEntries / shards,
		reads: make(chan struct{}, maxAtOnce), saves: make(chan struct{}, maxAtOnce), loading: loadWithin, saving: saveWithin, fates: map[session.ID]fate{},
	}
	v.say = newSayer(o.Logger, v.mono)
	for i := range v.shards {
		v.shards[i].entries = map[key]*entry{}
		v.shards[i].loads = map[key]*load{}
	}
	return v, nil
}

// mono is the time since the vault was made, untouched by changes of the clock.
func (v *Vault) mono() time.Duration { return time.Since(v.base) }

func (v *Vault) register(app string) {
	v.namesMu.Lock()
	defer v.namesMu.Unlock()
	if !slices.Contains(v.names, app) {
		v.names = append(slices.Clone(v.names), app)
	}
}

// Run tries again what could not be written, writes what was postponed when it is due,
// and forgets what is not used, until ctx ends. Then it writes what is left and
// returns. The store must outlive it.
func (v *Vault) Run(ctx context.Context) {
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	swept := v.mono()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.saving+retryEvery)
			defer cancel()
			v.writeAll(last, func(*entry) bool { return true })
			return
		case <-ticker.C:
		}
		now := v.now().UnixMilli()
		v.writeAll(ctx, func(e *entry) bool { return e.asked > e.done || e.due != 0 && e.due <= now })
		if at := v.mono(); at-swept >= sweepEvery {
			swept = at
			v.sweep(ctx, at)
		}
	}
}

// writeAll writes the entries that which selects, called under their lock, some at once
// so that the store can commit them together. It gives up at the first failure of the
// store: the next round tries again.
func (v *Vault) writeAll(ctx context.Context, which func(*entry) bool) {
	entries := v.collect(func(e *entry) bool { return len(e.pending) > 0 && which(e) })
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(entries), writers) {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(len(entries)) {
					return
				}
				err := v.flush(ctx, entries[i], 0)
				if err == nil || gone(err) {
					continue
				}
				if ctx.Err() == nil {
					v.say.failing(err)
				}
				if !errors.Is(err, errBusy) {
					next.Store(int64(len(entries)))
				}
			}
		})
	}
	wg.Wait()
}

// collect returns the entries that which selects, called under their lock.
func (v *Vault) collect(which func(*entry) bool) []*entry {
	var out []*entry
	for i := range v.shards {
		s := &v.shards[i]
		s.mu.RLock()
		for _, e := range s.entries {
			e.mu.Lock()
			if which(e) {
				out = append(out, e)
			}
			e.mu.Unlock()
		}
		s.mu.RUnlock()
	}
	return out
}

// sweep forgets what has not been used for a while, after writing what is postponed.
func (v *Vault) sweep(ctx context.Context, at time.Duration) {
	idle := func(e *entry) bool { return at-time.Duration(e.used.Load()) >= idleFor }
	v.writeAll(ctx, idle)
	for i := range v.shards {
		s := &v.shards[i]
		s.mu.Lock()
		for k, e := range s.entries {
			if idle(e) {
				s.evict(k, e)
			}
		}
		s.mu.Unlock()
	}
	v.fateMu.Lock()
	defer v.fateMu.Unlock()
	for id, f := range v.fates {
		if at-f.at >= fateFor {
			delete(v.fates, id)
		}
	}
}
