package audit

import (
	"sync"
	"time"
)

const (
	// repeatsFor is how long a refusal of one session by one rule of an app is told once: a
	// page that polls is refused every second.
	repeatsFor = 10 * time.Minute
	// maxRepeats bounds what is remembered of them.
	maxRepeats = 8192
)

// refusalKey is what makes two refusals the same.
type refusalKey struct{ session, app, rule string }

type refusedAt struct {
	key refusalKey
	at  time.Time
}

// repeats remembers, bounded, which refusals were told. It is safe for concurrent use.
type repeats struct {
	mu    sync.Mutex
	told  map[refusalKey]time.Time
	queue []refusedAt // in the order of being told
}

// again tells whether e repeats a refusal that was told, and remembers one that does not.
// With more refusals about than are remembered the oldest is forgotten, and told again.
func (r *repeats) again(now time.Time, e Event) bool {
	key := refusalKey{session: e.Session, app: e.App, rule: e.Detail["rule"]}
	r.mu.Lock()
	defer r.mu.Unlock()
	// A clock that was set back makes nothing a repeat for longer.
	if at, ok := r.told[key]; ok && !now.Before(at) && now.Sub(at) < repeatsFor {
		return true
	}
	for len(r.queue) > 0 && (len(r.queue) >= maxRepeats || now.Sub(r.queue[0].at) >= repeatsFor) {
		if first := r.queue[0]; r.told[first.key].Equal(first.at) {
			delete(r.told, first.key)
		}
		r.queue = r.queue[1:]
	}
	if r.told == nil {
		r.told = map[refusalKey]time.Time{}
	}
	r.told[key] = now
	r.queue = append(r.queue, refusedAt{key, now})
	return false
}
