package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// memory is a store that keeps entries in memory and can be switched off.
type memory struct {
	mu      sync.Mutex
	entries map[string]*Entry
	down    bool
}

func (m *memory) Due(_ context.Context, now time.Time, limit int) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return nil, errors.New("down")
	}
	var due []Entry
	for _, e := range m.entries {
		if e.State == Pending && !e.NextAt.After(now) && len(due) < limit {
			due = append(due, *e)
		}
	}
	return due, nil
}

func (m *memory) Finish(_ context.Context, _ time.Time, id string, st State, lastErr string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[id].State, m.entries[id].LastError = st, lastErr
	return nil
}

func (m *memory) Retry(_ context.Context, id string, next time.Time, lastErr string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[id]
	e.Attempts++
	e.NextAt, e.LastError = next, lastErr
	return nil
}

func (m *memory) state(id string) State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[id].State
}

func run(t *testing.T, m *memory, h Handler, body func(*Worker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		for _, e := range m.entries {
			e.Deadline = time.Now().Add(time.Hour)
		}
		w, err := New(Options{Store: m, Handlers: map[Kind]Handler{KindRevoke: h}, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		body(w)
		stop()
		<-done
	})
}

func entry(id string) *Entry { return &Entry{ID: id, Kind: KindRevoke, State: Pending} }

func TestDeliversOnceAndStops(t *testing.T) {
	m := &memory{entries: map[string]*Entry{"a": entry("a"), "b": entry("b")}}
	var mu sync.Mutex
	calls := map[string]int{}
	run(t, m, func(_ context.Context, e Entry) error {
		mu.Lock()
		defer mu.Unlock()
		calls[e.ID]++
		return nil
	}, func(*Worker) { time.Sleep(time.Minute) })
	if diff := cmp.Diff(map[string]int{"a": 1, "b": 1}, calls); diff != "" {
		t.Error(diff)
	}
}

// stale is a store whose second answer is late: what it lists has been delivered meanwhile.
type stale struct {
	*memory
	reads   atomic.Int32
	deliver func()
}

func (s *stale) Due(ctx context.Context, now time.Time, limit int) ([]Entry, error) {
	list, err := s.memory.Due(ctx, now, limit)
	if s.reads.Add(1) == 2 {
		s.deliver()
		synctest.Wait() // the attempt has ended, and is noted
	}
	return list, err
}

func TestWhatIsDeliveredWhileTheDueAreReadIsNotDeliveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{entries: map[string]*Entry{"a": entry("a")}}
		m.entries["a"].Deadline = time.Now().Add(time.Hour)
		hold := make(chan struct{})
		s := &stale{memory: m, deliver: func() { close(hold) }}
		var calls atomic.Int32
		w, err := New(Options{Store: s, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Handlers: map[Kind]Handler{
			KindRevoke: func(context.Context, Entry) error { calls.Add(1); <-hold; return nil },
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		stop()
		<-done
		if n := calls.Load(); n != 1 || m.state("a") != Done {
			t.Errorf("%d attempts, state %q", n, m.state("a"))
		}
	})
}

func TestRetriesUntilTheParticipantIsBack(t *testing.T) {
	m := &memory{entries: map[string]*Entry{"a": entry("a")}}
	var back atomic.Bool
	run(t, m, func(context.Context, Entry) error {
		if back.Load() {
			return nil
		}
		return errors.New("connection refused")
	}, func(*Worker) {
		time.Sleep(10 * time.Minute)
		if got := m.state("a"); got != Pending {
			t.Errorf("after ten minutes of outage: state %q", got)
		}
		m.mu.Lock()
		attempts := m.entries["a"].Attempts
		m.mu.Unlock()
		if attempts < 5 {
			t.Errorf("only %d attempts in ten minutes", attempts)
		}
		back.Store(true)
		time.Sleep(6 * time.Minute)
		if got := m.state("a"); got != Done {
			t.Errorf("after it is back: state %q", got)
		}
	})
}

func TestEndsByWhatTheHandlerSays(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want State
	}{
		{nil, Done},
		{fmt.Errorf("x: %w", ErrNotNeeded), Cancelled},
		{fmt.Errorf("x: %w", ErrPermanent), Failed},
	} {
		m := &memory{entries: map[string]*Entry{"a": entry("a")}}
		run(t, m, func(context.Context, Entry) error { return tc.err }, func(*Worker) { time.Sleep(time.Second) })
		if got := m.state("a"); got != tc.want {
			t.Errorf("%v: state %q, want %q", tc.err, got, tc.want)
		}
	}
}

func TestGivesUpAtTheDeadline(t *testing.T) {
	m := &memory{entries: map[string]*Entry{"a": entry("a")}}
	run(t, m, func(context.Context, Entry) error { return errors.New("no") }, func(*Worker) { time.Sleep(2 * time.Hour) })
	if got := m.state("a"); got != Failed {
		t.Errorf("state %q after the deadline", got)
	}
}

func TestSurvivesAStoreOutage(t *testing.T) {
	m := &memory{entries: map[string]*Entry{"a": entry("a")}, down: true}
	run(t, m, func(context.Context, Entry) error { return nil }, func(*Worker) {
		time.Sleep(time.Minute)
		m.mu.Lock()
		m.down = false
		m.mu.Unlock()
		time.Sleep(2 * time.Second)
		if got := m.state("a"); got != Done {
			t.Errorf("state %q after the store is back", got)
		}
	})
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	for attempts := range 40 {
		d := Backoff(attempts)
		if d < 750*time.Millisecond || d > 5*time.Minute {
			t.Errorf("attempt %d waits %v", attempts, d)
		}
	}
}
