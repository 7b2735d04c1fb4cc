package incident

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Store keeps incidents, sealed. Times are those of the caller.
type Store interface {
	// SaveIncidents keeps list and removes what is beyond keep; an empty list only removes.
	// One that is kept already stays as it is.
	SaveIncidents(ctx context.Context, now time.Time, list []Incident, keep Keep) error
	// Incident returns one, or ErrUnknown.
	Incident(ctx context.Context, id string) (Incident, error)
	// IncidentHeads lists what is kept, the newest first.
	IncidentHeads(ctx context.Context, limit int) ([]Head, error)
}

// ErrUnknown: nothing is kept under this id.
var ErrUnknown = errors.New("no such incident")

const (
	writeEvery = 500 * time.Millisecond
	maxBatch   = 256 // so that 512 a second are written at the most
	sweepEvery = time.Hour
	tellEvery  = time.Minute // how often drops are logged
	lastWrite  = 3 * time.Second
)

// Options are what a Ledger lives on. Store, Logger and Now are required.
type Options struct {
	Store  Store
	Logger *slog.Logger
	Now    func() time.Time
	// Advice is what is known of a configured provider, for its operator; nil: nothing.
	Advice func(provider string) Advice
}

// Advice is what a provider's record tells operators.
type Advice struct {
	Notes []string
	Fixes map[string]string // by what is to be put right
}

// Ledger notes incidents and explains them. It is safe for concurrent use.
type Ledger struct {
	o     Options
	since time.Time
	queue *queue
}

// New returns a Ledger. Without its Run nothing is written.
func New(o Options) (*Ledger, error) {
	if o.Store == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("incident: Store, Logger and Now are required")
	}
	if o.Advice == nil {
		o.Advice = func(string) Advice { return Advice{} }
	}
	return &Ledger{o: o, since: o.Now(), queue: newQueue()}, nil
}

// Note keeps an incident, cleaned. It never waits: in a flood the oldest give way.
func (l *Ledger) Note(i Incident) {
	if i.At.IsZero() {
		i.At = l.o.Now()
	}
	i.At = i.At.UTC().Truncate(time.Microsecond) // as stores keep it
	l.queue.put(i.Clean())
}

// Dropped is how many incidents were not kept because too many came at once.
func (l *Ledger) Dropped() uint64 { return l.queue.lost() }

// Run writes what was noted until ctx ends, then once more, and returns.
func (l *Ledger) Run(ctx context.Context) {
	write, sweep := time.NewTicker(writeEvery), time.NewTicker(sweepEvery)
	defer write.Stop()
	defer sweep.Stop()
	w := writing{Ledger: l}
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			for w.batch(last) {
			}
			return
		case <-sweep.C:
			w.save(ctx, nil)
		case <-write.C:
			w.batch(ctx)
			w.tell(l.o.Now())
		}
	}
}

// writing is what Run remembers between two writes.
type writing struct {
	*Ledger
	failing bool
	told    uint64
	toldAt  time.Time
}

// batch writes what waits, at most maxBatch, and reports whether that worked and more may wait.
func (w *writing) batch(ctx context.Context) bool {
	list := w.queue.take(maxBatch)
	if len(list) == 0 {
		return false
	}
	if !w.save(ctx, list) {
		w.queue.putBack(list)
		return false
	}
	w.queue.written(list)
	return true
}

// save says once that the store fails, and once that it works again.
func (w *writing) save(ctx context.Context, list []Incident) bool {
	err := w.o.Store.SaveIncidents(ctx, w.o.Now(), list, Keep{MaxKept, KeepFor})
	switch {
	case err != nil && !w.failing:
		w.o.Logger.Warn("incidents could not be written; they are kept in memory, and their ids are in the log", "err", err)
	case err == nil && w.failing:
		w.o.Logger.Info("incidents are written again")
	}
	w.failing = err != nil
	return err == nil
}

func (w *writing) tell(now time.Time) {
	lost := w.queue.lost()
	if lost == w.told || now.Sub(w.toldAt) < tellEvery {
		return
	}
	w.o.Logger.Warn("too much is refused at once: some incidents cannot be explained later", "dropped", lost-w.told)
	w.told, w.toldAt = lost, now
}

// Answer is an incident with its explanation.
type Answer struct {
	Incident
	Explanation
}

// Why explains an incident, also one that no store has yet. id may be written as people
// copy ids. It returns *UnknownError, or the store's error where the store had to be asked.
func (l *Ledger) Why(ctx context.Context, id string) (Answer, error) {
	id = normal(id)
	i, ok := l.queue.find(id)
	if !ok {
		var err error
		i, err = l.o.Store.Incident(ctx, id)
		if err == nil && l.o.Now().Sub(i.At) > KeepFor {
			err = ErrUnknown // its sweep is due
		}
		switch {
		case errors.Is(err, ErrUnknown):
			return Answer{}, l.unknown(ctx, id)
		case err != nil:
			return Answer{}, fmt.Errorf("reading incident: %w", err)
		}
	}
	i, e := explain(i, l.o.Advice(i.Provider))
	return Answer{i, e}, nil
}

func (l *Ledger) unknown(ctx context.Context, id string) error {
	heads, err := l.o.Store.IncidentHeads(ctx, MaxKept)
	if err != nil {
		return fmt.Errorf("listing incidents: %w", err)
	}
	return &UnknownError{ID: id, Near: near(id, append(l.queue.heads(), heads...)), Dropped: l.Dropped(), Since: l.since}
}
