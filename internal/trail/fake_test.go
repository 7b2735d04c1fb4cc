package trail

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
)

// memory is a store of events.
type memory struct {
	mu     sync.Mutex
	events []audit.Event
	last   int64
	looks  int
	err    error
}

func (m *memory) Record(_ context.Context, now time.Time, events ...audit.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range events {
		m.last++
		e = audit.Fitted(e, now)
		e.Seq = m.last
		m.events = append(m.events, e)
	}
	return m.err
}

func (m *memory) LastAudit(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	return m.last, m.err
}

func (m *memory) AuditEvents(_ context.Context, f audit.Filter) ([]audit.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []audit.Event
	for _, e := range m.events {
		if e.Seq > f.After && (f.Before == 0 || e.Seq < f.Before) && len(list) < f.Limit {
			list = append(list, e)
		}
	}
	return list, m.err
}

func (m *memory) SweepAudit(_ context.Context, before time.Time, keepAfter int64, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var kept []audit.Event
	removed := 0
	for _, e := range m.events {
		if e.At.Before(before) && e.Seq <= keepAfter && removed < limit {
			removed++
			continue
		}
		kept = append(kept, e)
	}
	m.events = kept
	return removed, m.err
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// restore forgets what came after seq, as a restore of a backup does.
func (m *memory) restore(seq int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events, m.last = m.events[:seq], seq
}

func (m *memory) list() []audit.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]audit.Event(nil), m.events...)
}

func (m *memory) add(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := m.Record(t.Context(), time.Now(), audit.Event{Type: audit.SessionOpened, Actor: audit.ActorPerson, Handle: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
}

// logs is what was logged, safe for concurrent use.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// scene is a trail with its file.
type scene struct {
	*memory
	file string
	log  *logs
	o    Options
}

func newScene(t *testing.T) *scene {
	t.Helper()
	dir := t.TempDir()
	s := &scene{memory: &memory{}, file: filepath.Join(dir, "out", "audit.jsonl"), log: &logs{}}
	if err := os.Mkdir(filepath.Dir(s.file), 0o700); err != nil {
		t.Fatal(err)
	}
	s.o = Options{
		Store: s.memory, Logger: slog.New(slog.NewTextHandler(s.log, nil)), Now: time.Now, Keep: MinKeep, File: s.file, Note: filepath.Join(dir, "audit-export"),
	}
	return s
}

// start runs a trail until the test or stop ends it.
func (s *scene) start(t *testing.T) (tr *Trail, stop func()) {
	t.Helper()
	tr, err := New(s.o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { tr.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return tr, stop
}

// inFiles are the places that stand in files, in their order.
func inFiles(t testing.TB, names ...string) (all []audit.Event) {
	t.Helper()
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			e, err := audit.ParseLine([]byte(strings.TrimSuffix(line, "\n")))
			if err != nil || !strings.HasSuffix(line, "\n") {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
			all = append(all, e)
		}
	}
	return all
}

// until waits, in a bubble, for what a background loop does, and for all that it does with it.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
	synctest.Wait()
}

func reached(tr *Trail, seq int64) func() bool {
	return func() bool {
		at, on := tr.Exported()
		return on && at == seq
	}
}

// exactly demands every event once, in order.
func exactly(t testing.TB, got, want []audit.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d lines, %d events", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i].Seq != want[i].Seq || got[i].ID != want[i].ID {
			t.Fatalf("line %d is event %d, want %d", i+1, got[i].Seq, want[i].Seq)
		}
	}
}

var errDown = errors.New("the store is silent")
