package signin

import (
	"context"
	"sync"
)

const (
	maxTurns   = 16384 // browsers with a callback at work
	maxWaiting = 128   // callbacks of one browser
)

// turns lets the callbacks of one browser run one after another. An entry lives as
// long as somebody holds it or waits for it.
type turns struct {
	mu   sync.Mutex
	keys map[bindingHash]*turn
}

type turn struct {
	slot  chan struct{}
	users int
}

func newTurns() *turns { return &turns{keys: map[bindingHash]*turn{}} }

// take waits for the browser's turn. ErrBusy: too many wait already.
func (t *turns) take(ctx context.Context, key bindingHash) (release func(), err error) {
	mine, err := t.join(key)
	if err != nil {
		return nil, err
	}
	select {
	case mine.slot <- struct{}{}:
		return func() { <-mine.slot; t.leave(key, mine) }, nil
	case <-ctx.Done():
		t.leave(key, mine)
		return nil, context.Cause(ctx)
	}
}

func (t *turns) join(key bindingHash) (*turn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.keys[key]
	if mine == nil {
		if len(t.keys) >= maxTurns {
			return nil, ErrBusy
		}
		mine = &turn{slot: make(chan struct{}, 1)}
		t.keys[key] = mine
	}
	if mine.users >= maxWaiting {
		return nil, ErrBusy
	}
	mine.users++
	return mine, nil
}

func (t *turns) leave(key bindingHash, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(t.keys, key)
	}
}
