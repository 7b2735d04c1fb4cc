package incident

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a store that can be down.
type memory struct {
	mu    sync.Mutex
	down  error
	kept  map[string]Incident
	saves int
	most  int // in one save
	swept int
}

func (m *memory) SaveIncidents(_ context.Context, _ time.Time, list []Incident, keep Keep) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if keep != (Keep{MaxKept, KeepFor}) {
		return fmt.Errorf("asked to keep %+v", keep)
	}
	if len(list) == 0 {
		m.swept++
	} else {
		m.saves++
	}
	m.most = max(m.most, len(list))
	for _, i := range list {
		m.kept[i.ID] = i
	}
	return nil
}

func (m *memory) Incident(_ context.Context, id string) (Incident, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, ok := m.kept[id]; ok || m.down != nil {
		return i, m.down
	}
	return Incident{}, fmt.Errorf("reading: %w", ErrUnknown)
}

func (m *memory) IncidentHeads(context.Context, int) ([]Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Head
	for _, i := range m.kept {
		list = append(list, i.Head())
	}
	return list, m.down
}

func (m *memory) set(down error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memory) count() (kept, saves int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.kept), m.saves
}

type log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func ledger(t *testing.T) (*Ledger, *memory, *log) {
	t.Helper()
	m, out := &memory{kept: map[string]Incident{}}, &log{}
	l, err := New(Options{Store: m, Logger: slog.New(slog.NewTextHandler(out, nil)), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return l, m, out
}

// run runs l until the returned function is called.
func run(l *Ledger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func id(n int) string { return fmt.Sprintf("aaaaaaaaaaaa%04d", n%10000) + strings.Repeat("b", n/10000) }

func TestAnIncidentIsExplainedBeforeAndAfterItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m, _ := ledger(t)
		stop := run(l)
		l.Note(Incident{ID: "aaaabbbbccccdddd", Kind: KindDenied, Reason: "group", Rule: "access.groups", Wanted: []string{"staff"}})
		before, err := l.Why(t.Context(), "aaaabbbbccccdddd")
		if err != nil || !strings.Contains(before.Fix, "access.groups") || before.At.IsZero() {
			t.Fatalf("%+v, %v", before, err)
		}
		if kept, _ := m.count(); kept != 0 {
			t.Fatal("written at once: a request would have waited")
		}
		time.Sleep(writeEvery + time.Millisecond)
		synctest.Wait()
		if kept, _ := m.count(); kept != 1 {
			t.Fatalf("%d written", kept)
		}
		after, err := l.Why(t.Context(), "AAAA-BBBB CCCC-DDDD")
		if err != nil || after.Fix != before.Fix || !after.At.Equal(before.At) {
			t.Fatalf("%+v, %v", after, err)
		}
		if l.queue.heads() != nil && len(l.queue.heads()) != 0 {
			t.Error("it is still in memory")
		}
		stop()
	})
}

func TestWhatWaitsIsWrittenWhenTheGatewayStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m, _ := ledger(t)
		stop := run(l)
		for n := range 3 * maxBatch {
			l.Note(Incident{ID: id(n), Kind: fmt.Sprint("kind", n%4)})
		}
		stop()
		if kept, _ := m.count(); kept != 3*maxBatch {
			t.Errorf("%d kept", kept)
		}
	})
}

func TestAFloodOfOneKindIsBoundedAndLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m, out := ledger(t)
		for n := range 50_000 {
			l.Note(Incident{ID: id(n), Kind: "session-required"})
		}
		l.Note(Incident{ID: "person", Kind: KindDenied, Reason: "group"})
		if waiting := len(l.queue.heads()); waiting != maxOfKind+1 {
			t.Errorf("%d wait", waiting)
		}
		if l.Dropped() != 50_000-maxOfKind {
			t.Errorf("%d dropped", l.Dropped())
		}
		stop := run(l)
		time.Sleep(writeEvery + time.Millisecond)
		synctest.Wait()
		if _, err := m.Incident(t.Context(), "person"); err != nil {
			t.Errorf("the person's waits behind the flood: %v", err)
		}
		if m.most > maxBatch {
			t.Errorf("%d written at once", m.most)
		}
		if kept, saves := m.count(); kept > saves*maxBatch || saves != 1 {
			t.Errorf("%d kept by %d writes", kept, saves)
		}
		time.Sleep(time.Minute)
		stop()
		if n := strings.Count(out.String(), "dropped=49488"); n != 1 {
			t.Errorf("said %d times:\n%s", n, out)
		}
		_, err := l.Why(t.Context(), id(0))
		if u, ok := errors.AsType[*UnknownError](err); !ok || u.Dropped != 50_000-maxOfKind || !strings.Contains(err.Error(), "one of 49488 that could not be kept") {
			t.Errorf("a dropped one: %v", err)
		}
	})
}

func TestFloodsOfManyKindsShareWhatThereIs(t *testing.T) {
	q := newQueue()
	q.put(Incident{ID: "person", Kind: KindDenied})
	for n := range 20 * maxOfKind {
		q.put(Incident{ID: id(n), Kind: fmt.Sprint("flood", n%10)})
	}
	if n := len(q.heads()); n != maxWaiting || q.n != maxWaiting {
		t.Errorf("%d wait, counted %d", n, q.n)
	}
	if _, ok := q.find("person"); !ok {
		t.Error("the rare kind was pushed out")
	}
	if q.lost() != 20*maxOfKind+1-maxWaiting {
		t.Errorf("%d dropped", q.lost())
	}
	total := 0
	for batch := q.take(100); len(batch) > 0; batch = q.take(100) {
		total += len(batch)
		q.written(batch)
	}
	if total != maxWaiting || len(q.byID) != 0 || q.n != 0 {
		t.Errorf("%d taken, %d left", total, len(q.byID))
	}
}

func TestAStoreThatIsDownCostsNothingAndIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m, out := ledger(t)
		m.set(errors.New("disk on fire"))
		stop := run(l)
		l.Note(Incident{ID: "first", Kind: "internal"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if a, err := l.Why(t.Context(), "first"); err != nil || a.Kind != "internal" {
			t.Errorf("what is in memory: %+v, %v", a, err)
		}
		if _, err := l.Why(t.Context(), "other"); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("silence is not \"unknown\": %v", err)
		}
		for n := range 10 * maxOfKind {
			l.Note(Incident{ID: id(n), Kind: "store-unavailable"})
		}
		time.Sleep(time.Minute)
		m.set(nil)
		time.Sleep(time.Minute)
		stop()
		if kept, _ := m.count(); kept != maxOfKind+1 {
			t.Errorf("%d kept", kept)
		}
		if strings.Count(out.String(), "could not be written") != 1 || strings.Count(out.String(), "are written again") != 1 {
			t.Errorf("log:\n%s", out)
		}
	})
}

func TestTheStoreIsSweptThoughNothingIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m, _ := ledger(t)
		stop := run(l)
		time.Sleep(5*sweepEvery + time.Second)
		stop()
		if m.swept != 5 {
			t.Errorf("swept %d times", m.swept)
		}
	})
}

func TestWhatIsOlderThanPromisedIsUnknownBeforeItIsSwept(t *testing.T) {
	l, m, _ := ledger(t)
	m.kept["old"] = Incident{ID: "old", Kind: "internal", At: time.Now().Add(-KeepFor - time.Minute)}
	if _, err := l.Why(t.Context(), "old"); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}

func TestAMistypedIdIsTold(t *testing.T) {
	l, m, _ := ledger(t)
	m.kept["3kq7zt5w2m4hxcya"] = Incident{ID: "3kq7zt5w2m4hxcya", Kind: "denied", At: time.Now()}
	l.Note(Incident{ID: "ollbbbccccddddee", Kind: "denied"})
	for _, typed := range []string{
		"3kq7zt5w2m4hxcy", "3kq7zt5w2m4hxcyaa", "3kq7zt5w2n4hxcya", "k3q7zt5w2m4hxcya", "3kq7zt", "3kq7-zt5w-2m4h-xcyq", "ollbbbccccddddef",
	} {
		_, err := l.Why(t.Context(), typed)
		u, ok := errors.AsType[*UnknownError](err)
		if !ok || len(u.Near) != 1 || !strings.Contains(err.Error(), u.Near[0].ID+"  ") {
			t.Errorf("%s: %v", typed, err)
		}
	}
	for _, typed := range []string{"", "3kq7", "zzzzzzzzzzzzzzzz", strings.Repeat("3kq7zt5w2m4hxcya", 1000), "../../etc/passwd", "' OR 1=1"} {
		_, err := l.Why(t.Context(), typed)
		u, ok := errors.AsType[*UnknownError](err)
		if !ok || len(u.Near) != 0 || len(u.ID) > maxID || !strings.Contains(err.Error(), "older than") || !strings.Contains(err.Error(), "another gateway's") {
			t.Errorf("%.30s: %v", typed, err)
		}
	}
	for _, typed := range []string{"3KQ7ZT5W2M4HXCYA", " 3kq7 zt5w 2m4h xcya\n", "011BBBccccddddee", "oll888ccccddddee"} {
		if _, err := l.Why(t.Context(), typed); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

func TestRequiredOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("New without anything")
	}
}
