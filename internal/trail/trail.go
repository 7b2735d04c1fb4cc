package trail

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
)

// Store keeps the trail.
type Store interface {
	AuditEvents(ctx context.Context, f audit.Filter) ([]audit.Event, error)
	// LastAudit is the place of the event that was written last.
	LastAudit(ctx context.Context) (int64, error)
	// SweepAudit removes at most limit events older than before, none after keepAfterSeq.
	SweepAudit(ctx context.Context, before time.Time, keepAfterSeq int64, limit int) (int, error)
	Record(ctx context.Context, now time.Time, e ...audit.Event) error
}

// Options are what a Trail lives on. Store, Logger, Now and Keep are required.
type Options struct {
	Store  Store
	Logger *slog.Logger
	Now    func() time.Time
	// Keep is how long events are kept.
	Keep time.Duration
	// File is appended to; "" for none.
	File string
	// Note is a file of the gateway's own that says how far the export is while File is
	// empty, because it was just rotated. Required with File.
	Note string
	// Open opens File for reading and appending; nil for the file system's.
	Open func(name string) (File, error)
}

// MinKeep is the shortest time that events are kept.
const MinKeep = 24 * time.Hour

// Trail is the audit trail beside the store. It is safe for concurrent use.
type Trail struct {
	o     Options
	watch *watch

	mu      sync.Mutex
	keep    time.Duration
	file    string // that is to be written
	at      int64  // how far it is written
	failing bool
}

// New returns a Trail; its Run must be running.
func New(o Options) (*Trail, error) {
	if o.Store == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("trail: Store, Logger and Now are required")
	}
	if o.File != "" && o.Note == "" {
		return nil, errors.New("trail: a File needs a Note")
	}
	if o.Keep < MinKeep {
		return nil, errors.New("trail: events are kept for a day at least")
	}
	if o.Open == nil {
		o.Open = openFile
	}
	return &Trail{o: o, watch: newWatch(o.Store.LastAudit), keep: o.Keep, file: o.File}, nil
}

// Configure changes how long events are kept and where they are written to. It takes
// effect within a second.
func (t *Trail) Configure(keep time.Duration, file string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep = max(keep, MinKeep)
	if t.file != file {
		t.file, t.at, t.failing = file, 0, false
	}
}

// Wait returns nil once there is an event after the place after, the error of ctx, or
// ErrStopped. It costs the store the same for one that waits as for a thousand.
func (t *Trail) Wait(ctx context.Context, after int64) error { return t.watch.wait(ctx, after) }

// Stop ends all that wait, for good: the gateway stops.
func (t *Trail) Stop() { t.watch.stop() }

// Exported is how far the file is written, and whether there is one.
func (t *Trail) Exported() (seq int64, on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at, t.file != ""
}

// Failing tells whether the file could not be written when that was last tried.
func (t *Trail) Failing() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failing
}

// Run writes the file, sweeps what was kept long enough, and wakes those who wait, until
// ctx ends; what was recorded by then is still written.
func (t *Trail) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, run := range []func(context.Context){t.watch.run, t.export, t.retain} {
		all.Go(func() { run(ctx) })
	}
	all.Wait()
}

// settings are what Configure last said.
func (t *Trail) settings() (keep time.Duration, file string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keep, t.file
}

// reached notes how far a file is written; one that is no longer the file does not count.
func (t *Trail) reached(file string, seq int64, failing bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == file {
		t.at, t.failing = seq, failing
	}
}

// sweepable is the last event that may be removed: with a file, one that stands in it.
func (t *Trail) sweepable() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == "" {
		return math.MaxInt64
	}
	return t.at
}
