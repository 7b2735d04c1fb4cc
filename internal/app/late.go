package app

import (
	"context"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
)

// late holds outbox entries that the store did not take, until it does: tokens that
// nobody will use must not stay valid because of an outage.
type late struct {
	mu      sync.Mutex
	entries []outbox.Entry
}

// maxLate bounds what an outage can pile up.
const maxLate = 10_000

func (l *late) keep(e outbox.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) < maxLate {
		l.entries = append(l.entries, e)
	}
}

// run writes what is held, until ctx ends; then once more.
func (l *late) run(ctx context.Context, add func(context.Context, []outbox.Entry) error, kick func()) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			l.write(last, add)
			cancel()
			return
		case <-tick.C:
			if l.write(ctx, add) {
				kick()
			}
		}
	}
}

func (l *late) write(ctx context.Context, add func(context.Context, []outbox.Entry) error) bool {
	l.mu.Lock()
	held := l.entries
	l.mu.Unlock()
	if len(held) == 0 || add(ctx, held) != nil {
		return false
	}
	l.mu.Lock()
	l.entries = l.entries[len(held):]
	l.mu.Unlock()
	return true
}
