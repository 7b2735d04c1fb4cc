package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"
)

// Store keeps entries durably. Finish and Retry change pending entries only.
type Store interface {
	// Due returns pending entries whose NextAt has come, oldest first.
	Due(ctx context.Context, now time.Time, limit int) ([]Entry, error)
	// Finish ends an entry and drops its payload.
	Finish(ctx context.Context, now time.Time, id string, st State, lastErr string) error
	// Retry counts an attempt and schedules the next one.
	Retry(ctx context.Context, id string, next time.Time, lastErr string) error
}

// Handler makes one attempt at delivering an entry. A nil error ends it as Done,
// ErrNotNeeded as Cancelled, ErrPermanent as Failed; any other is retried.
type Handler func(ctx context.Context, e Entry) error

var (
	// ErrNotNeeded: what the entry asks for is done already, or would end what began later.
	ErrNotNeeded = errors.New("delivery is no longer needed")
	// ErrPermanent: the participant refused for good; trying again cannot help.
	ErrPermanent = errors.New("participant refused for good")
)

// Options are what a Worker lives on. Store and Handlers are required.
type Options struct {
	Store    Store
	Handlers map[Kind]Handler
	Logger   *slog.Logger
	Now      func() time.Time
	Parallel int           // attempts at once; 8 when zero
	Timeout  time.Duration // of one attempt; 15 s when zero
}

// Worker delivers entries. Run one per node; Kick is safe from anywhere.
type Worker struct {
	o    Options
	wake chan struct{}

	mu       sync.Mutex
	inFlight map[string]bool
}

// New returns a Worker that does nothing until Run.
func New(o Options) (*Worker, error) {
	if o.Store == nil || o.Handlers == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("outbox: Store, Handlers, Logger and Now are required")
	}
	if o.Parallel == 0 {
		o.Parallel = 8
	}
	if o.Timeout == 0 {
		o.Timeout = 15 * time.Second
	}
	return &Worker{o: o, wake: make(chan struct{}, 1), inFlight: map[string]bool{}}, nil
}

// Kick makes a running worker look for due entries at once.
func (w *Worker) Kick() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// pollInterval bounds how late an entry is that no Kick announced.
const pollInterval = time.Second

// Run delivers until ctx ends, then waits for the attempts under way.
func (w *Worker) Run(ctx context.Context) {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	storeDown := false
	for {
		err := w.round(ctx, &attempts)
		if down := err != nil && ctx.Err() == nil; down != storeDown {
			storeDown = down
			if down {
				w.o.Logger.Warn("outbox cannot be read; deliveries wait", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
		}
	}
}

func (w *Worker) round(ctx context.Context, attempts *sync.WaitGroup) error {
	before := w.underWay()
	entries, err := w.o.Store.Due(ctx, w.o.Now(), 4*w.o.Parallel)
	if err != nil {
		return fmt.Errorf("reading due entries: %w", err)
	}
	for _, e := range entries {
		// An attempt that was under way may have ended since this was read: the next round
		// knows how. It comes at once, for every attempt kicks as it ends.
		if before[e.ID] || !w.claim(e.ID) {
			continue
		}
		attempts.Go(func() {
			w.attempt(ctx, e)
			w.release(e.ID)
			w.Kick()
		})
	}
	return nil
}

// underWay are the entries that an attempt is being made at.
func (w *Worker) underWay() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.inFlight)
}

func (w *Worker) claim(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inFlight[id] || len(w.inFlight) >= w.o.Parallel {
		return false
	}
	w.inFlight[id] = true
	return true
}

func (w *Worker) release(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inFlight, id)
}

func (w *Worker) attempt(ctx context.Context, e Entry) {
	err := w.deliver(ctx, e)
	now := w.o.Now()
	log := w.o.Logger.With("entry", e.ID, "kind", e.Kind, "session", e.Session, "provider", e.Provider, "attempt", e.Attempts+1)
	state := Done
	switch {
	case err == nil:
		log.Info("delivered")
	case errors.Is(err, ErrNotNeeded):
		state = Cancelled
		log.Info("delivery no longer needed")
	case errors.Is(err, ErrPermanent):
		state = Failed
		log.Error("delivery refused for good", "err", err)
	case !now.Before(e.Deadline):
		state = Failed
		log.Error("delivery given up", "err", err)
	case ctx.Err() != nil:
		return // shutting down: the entry stays due
	default:
		next := now.Add(Backoff(e.Attempts))
		log.Warn("delivery failed; will be retried", "err", err, "next", next)
		if err := w.o.Store.Retry(ctx, e.ID, next, bounded(err)); err != nil {
			log.Error("retry could not be recorded", "err", err)
		}
		return
	}
	// The attempt has happened: its result is kept even while shutting down.
	if err := w.o.Store.Finish(context.WithoutCancel(ctx), now, e.ID, state, bounded(err)); err != nil {
		log.Error("result of a delivery could not be recorded; it may be repeated", "err", err)
	}
}

func (w *Worker) deliver(ctx context.Context, e Entry) error {
	handle, ok := w.o.Handlers[e.Kind]
	if !ok {
		return fmt.Errorf("no handler for %q: %w", e.Kind, ErrPermanent)
	}
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	return handle(ctx, e)
}

// Backoff returns the wait after the given number of failed attempts before this one:
// 1 s doubling to 5 minutes, spread by a quarter so that an outage does not end in a burst.
func Backoff(attempts int) time.Duration {
	d := 5 * time.Minute
	if attempts < 9 {
		d = min(d, time.Second<<attempts)
	}
	return d - time.Duration(rand.Int64N(int64(d)/4))
}

func bounded(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	return text[:min(len(text), 300)]
}
