package signout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// Sum is what the receipts of several ends say together.
type Sum struct {
	Ended      int // sessions that are refused from now on
	NotDurable int // of these, those that the store has not taken yet
	Steps      []Summed
}

// Summed is how often a line stood on the receipts.
type Summed struct {
	What     What
	State    StepState
	Sessions int // receipts with this line
	Count    int // connections, or sessions
}

// EndSummed is EndAll that adds the receipts up as they stand when it returns. progress,
// if not nil, is told after every end how many there were; its calls do not overlap.
func (o *SignOut) EndSummed(ctx context.Context, now time.Time, f session.Filter, req Request, progress func(ended int)) (Sum, error) {
	a := adder{lines: map[line]*Summed{}}
	req.each = func(r Receipt, err error) {
		// What cannot be read now is missing from the sum; the session has ended all the same.
		steps, serr := o.Steps(context.WithoutCancel(ctx), r)
		if serr != nil {
			steps = nil
		}
		a.add(steps, errors.Is(err, ErrNotDurable), progress)
	}
	_, err := o.EndAll(ctx, now, f, req)
	return a.result(), err
}

type line struct {
	what  What
	state StepState
}

// adder adds receipts up from several goroutines.
type adder struct {
	mu    sync.Mutex
	sum   Sum
	lines map[line]*Summed
}

func (a *adder) add(steps []Step, notDurable bool, progress func(int)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum.Ended++
	if notDurable {
		a.sum.NotDurable++
	}
	for _, s := range steps {
		x := a.lines[line{s.What, s.State}]
		if x == nil {
			x = &Summed{What: s.What, State: s.State}
			a.lines[line{s.What, s.State}] = x
		}
		x.Sessions++
		x.Count += s.Count
	}
	if progress != nil {
		progress(a.sum.Ended)
	}
}

func (a *adder) result() Sum {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range a.lines {
		a.sum.Steps = append(a.sum.Steps, *x)
	}
	slices.SortFunc(a.sum.Steps, func(a, b Summed) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.State, b.State))
	})
	return a.sum
}

var errNoApp = fmt.Errorf("the app is not configured with a logout of its own any more: %w", outbox.ErrPermanent)

// Deliverable tells whether anybody is left whom an entry could be told to: it is nil, or
// an error that wraps outbox.ErrPermanent where the provider or the client of the entry
// was withdrawn from the configuration or its payload is gone.
func (o *SignOut) Deliverable(e outbox.Entry) error {
	if e.Kind == outbox.KindAppLogout {
		if slices.Contains(o.terms.Load().Apps, e.App) {
			return nil
		}
		return errNoApp
	}
	_, _, err := o.open(e)
	return err
}
