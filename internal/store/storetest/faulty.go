package storetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

// Faulty wraps a store and makes it fail, hang or lose answers when told to, as a real
// one does: with errors that wrap session.ErrUnavailable, within the caller's deadline
// or HangLimit. It is safe for concurrent use; the zero of its faults is a sound store.
type Faulty struct {
	store Store

	mu     sync.Mutex
	faults map[string]fault // by method; "" is all others
	calls  map[string]int
	healed chan struct{} // closed by the next change of faults
}

// HangLimit is how long a hanging call lasts whose context has no sooner deadline.
const HangLimit = 2 * time.Second

type fault int

const (
	sound fault = iota
	failing
	hanging
	losing
)

// NewFaulty returns store without faults.
func NewFaulty(store Store) *Faulty {
	return &Faulty{store: store, faults: map[string]fault{}, calls: map[string]int{}, healed: make(chan struct{})}
}

// Fail makes the named methods (all when none is named) answer ErrUnavailable at once;
// the store is not asked.
func (f *Faulty) Fail(methods ...string) { f.set(failing, methods) }

// Hang makes the named methods answer nothing until the caller's time is over, or until
// the faults change: then they go on and work.
func (f *Faulty) Hang(methods ...string) { f.set(hanging, methods) }

// LoseAnswers makes the named methods do their work and answer ErrUnavailable: what a
// caller sees that gave up while the store was committing.
func (f *Faulty) LoseAnswers(methods ...string) { f.set(losing, methods) }

// Heal ends all faults.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.faults)
	f.changed()
}

// Calls returns how often a method was called, faults or not.
func (f *Faulty) Calls(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

func (f *Faulty) set(to fault, methods []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(methods) == 0 {
		clear(f.faults)
		methods = []string{""}
	}
	for _, m := range methods {
		f.faults[m] = to
	}
	f.changed()
}

func (f *Faulty) changed() {
	close(f.healed)
	f.healed = make(chan struct{})
}

func (f *Faulty) now(method string) (fault, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if is, ok := f.faults[method]; ok {
		return is, f.healed
	}
	return f.faults[""], f.healed
}

// call runs one method under its fault.
func (f *Faulty) call(ctx context.Context, method string, work func() error) error {
	ctx, cancel := context.WithTimeout(ctx, HangLimit)
	defer cancel()
	f.mu.Lock()
	f.calls[method]++
	f.mu.Unlock()
	for {
		is, changed := f.now(method)
		switch is {
		case sound:
			return work()
		case failing:
			return fmt.Errorf("%s: %w", method, session.ErrUnavailable)
		case losing:
			if err := work(); err != nil {
				return err
			}
			return fmt.Errorf("%s: %w: answer lost", method, session.ErrUnavailable)
		case hanging:
			select {
			case <-changed:
			case <-ctx.Done():
				return fmt.Errorf("%s: %w: %w", method, session.ErrUnavailable, ctx.Err())
			}
		}
	}
}

// called is call for methods that return a value; a failed call returns none.
func called[T any](ctx context.Context, f *Faulty, method string, work func() (T, error)) (T, error) {
	var value, none T
	err := f.call(ctx, method, func() (err error) {
		value, err = work()
		return err
	})
	if err != nil {
		return none, err
	}
	return value, nil
}
