package harness

import (
	"sync"
	"time"
)

// stalls remembers when this process got no turn though it wanted one: the machine stood
// still, or had nothing left for anybody.
type stalls struct {
	mu   sync.Mutex
	list []stall
}

type stall struct{ from, to time.Time }

const (
	stallTick  = 10 * time.Millisecond
	stallFloor = 50 * time.Millisecond // shorter ones are nothing unusual
)

// watch looks at the clock again and again, for as long as the process lives.
func (s *stalls) watch() {
	due := time.Now().Add(stallTick)
	for {
		time.Sleep(time.Until(due))
		now := time.Now()
		if now.Sub(due) > stallFloor {
			s.mu.Lock()
			s.list = append(s.list, stall{due, now})
			s.mu.Unlock()
		}
		due = now.Add(stallTick)
	}
}

// Stood says for how long of the time between two moments nothing could run: nobody keeps
// a promise of a second on a machine that stands still for two.
func (e *Env) Stood(from, to time.Time) time.Duration {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	var sum time.Duration
	for _, s := range e.clock.list {
		begin, end := s.from, s.to
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		sum += max(0, end.Sub(begin))
	}
	return sum
}
