package trail

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrStopped: nobody waits any longer, because the gateway stops.
var ErrStopped = errors.New("the gateway stops")

// lookEvery is how often the store is asked whether there is more, for all who wait. A
// look is one read of one row.
const lookEvery = 250 * time.Millisecond

// watch asks the store for all who wait. Asking costs nothing where nobody does.
type watch struct {
	last func(context.Context) (int64, error)

	mu      sync.Mutex
	seen    int64
	waiting int
	grown   chan struct{} // closed when seen grows
	needed  chan struct{} // somebody waits
	stopped chan struct{}
	stop    func()
}

func newWatch(last func(context.Context) (int64, error)) *watch {
	w := &watch{last: last, grown: make(chan struct{}), needed: make(chan struct{}, 1), stopped: make(chan struct{})}
	w.stop = sync.OnceFunc(func() { close(w.stopped) })
	return w
}

func (w *watch) wait(ctx context.Context, after int64) error {
	for {
		grown, more := w.enter(after)
		if more {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			w.leave()
			return ctx.Err()
		case <-w.stopped:
			w.leave()
			return ErrStopped
		}
		w.leave()
	}
}

func (w *watch) enter(after int64) (grown <-chan struct{}, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen > after {
		return nil, true
	}
	w.waiting++
	select {
	case w.needed <- struct{}{}:
	default:
	}
	return w.grown, false
}

func (w *watch) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting--
}

func (w *watch) run(ctx context.Context) {
	defer w.stop()
	for ctx.Err() == nil {
		if w.idle() {
			select {
			case <-ctx.Done():
			case <-w.needed:
			}
			continue
		}
		w.look(ctx)
		sleep(ctx, lookEvery)
	}
}

func (w *watch) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting == 0
}

func (w *watch) look(ctx context.Context) {
	last, err := w.last(ctx)
	if err != nil {
		return // the store's own alarm tells of an outage
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if last > w.seen {
		w.seen = last
		close(w.grown)
		w.grown = make(chan struct{})
	}
}
