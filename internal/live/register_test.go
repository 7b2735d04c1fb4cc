package live

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

type conn struct {
	closed atomic.Int32
	cause  atomic.Value
	brief  bool
	id     atomic.Value
}

func (c *conn) Moved(id string) { c.id.Store(id) }

func (c *conn) Close(cause string) {
	c.cause.Store(cause)
	c.closed.Add(1)
}

func (c *conn) Brief() bool { return c.brief }

func mustAdd(t *testing.T, r *Register, id string, c Conn) func() {
	t.Helper()
	remove, ok := r.Add(id, c)
	if !ok {
		t.Fatalf("Add(%q) was refused", id)
	}
	return remove
}

func TestCloseEndsEveryConnectionOfTheSessionAndNoOther(t *testing.T) {
	r := NewRegister()
	var mine, others []*conn
	for i := range 100 {
		c := &conn{}
		mustAdd(t, r, fmt.Sprintf("s%d", i%10), c)
		if i%10 == 3 {
			mine = append(mine, c)
		} else {
			others = append(others, c)
		}
	}
	if got := r.Close("s3", "button"); got != len(mine) {
		t.Errorf("Close returned %d, want %d", got, len(mine))
	}
	for _, c := range mine {
		if c.closed.Load() != 1 || c.cause.Load() != "button" {
			t.Errorf("closed %d times with cause %v", c.closed.Load(), c.cause.Load())
		}
	}
	for _, c := range others {
		if c.closed.Load() != 0 {
			t.Error("a connection of another session was closed")
		}
	}
	if sessions, conns := r.Count(); sessions != 9 || conns != 90 {
		t.Errorf("Count() = %d, %d, want 9, 90", sessions, conns)
	}
}

func TestLateConnectionOfAClosedSessionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegister()
		r.Close("gone", "admin")
		if _, ok := r.Add("gone", &conn{}); ok {
			t.Error("a connection registered after its session was closed")
		}
		time.Sleep(rememberFor - time.Second)
		if _, ok := r.Add("gone", &conn{}); ok {
			t.Error("the end was forgotten too early")
		}
		time.Sleep(2 * time.Second)
		if _, ok := r.Add("gone", &conn{}); !ok {
			t.Error("the end is remembered without bound")
		}
	})
}

func TestMemoryOfEndsIsBounded(t *testing.T) {
	var m memory
	for i := range 3 * rememberMax {
		m.add(fmt.Sprint(i), "")
	}
	if len(m.byID) > rememberMax || len(m.order)-m.head > rememberMax || len(m.order) > 3*rememberMax {
		t.Errorf("remembers %d ids in a queue of %d", len(m.byID), len(m.order))
	}
	if _, ok := m.find(fmt.Sprint(3*rememberMax - 1)); !ok {
		t.Error("the latest end was forgotten")
	}
}

func TestMovedConnectionsFollowTheSession(t *testing.T) {
	r := NewRegister()
	before, there, late := &conn{}, &conn{}, &conn{}
	remove := mustAdd(t, r, "old", before)
	mustAdd(t, r, "new", there)
	r.Move("old", "new")
	if n := r.Close("old", "renewed"); n != 0 || before.closed.Load() != 0 {
		t.Error("ending the replaced id closed what had moved on")
	}
	mustAdd(t, r, "old", late)
	if diff := cmp.Diff([]string{"new"}, r.Sessions()); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	if before.id.Load() != "new" || late.id.Load() != "new" || there.id.Load() != nil {
		t.Error("connections were not told the id that their session goes on with")
	}
	if got := r.Open("new"); got != 3 {
		t.Errorf("Open(new) = %d, want 3", got)
	}
	remove()
	remove()
	if got := r.Close("new", "button"); got != 2 {
		t.Errorf("Close(new) = %d, want 2", got)
	}
	if before.closed.Load() != 0 || late.closed.Load() != 1 {
		t.Error("a removed connection was closed, or a late one was not")
	}
	if _, ok := r.Add("old", &conn{}); ok {
		t.Error("a connection of the replaced id survives the end of its successor")
	}
}

func TestClosedSessionIsNotRevivedByAMove(t *testing.T) {
	r := NewRegister()
	r.Close("old", "admin")
	r.Move("old", "new")
	if _, ok := r.Add("old", &conn{}); ok {
		t.Error("Move revived a closed session")
	}
}

func TestMoveToAnEndedSessionClosesTheConnections(t *testing.T) {
	r := NewRegister()
	c := &conn{}
	mustAdd(t, r, "old", c)
	r.Close("new", "admin")
	r.Move("old", "new")
	if c.closed.Load() != 1 {
		t.Error("a connection lives on under a session that has ended")
	}
	if _, ok := r.Add("old", &conn{}); ok {
		t.Error("the replaced id still takes connections")
	}
}

func TestMoveFollowsASecondMove(t *testing.T) {
	r := NewRegister()
	c := &conn{}
	mustAdd(t, r, "a", c)
	r.Move("b", "c")
	r.Move("a", "b")
	if r.Close("c", "button") != 1 || c.closed.Load() != 1 {
		t.Error("a connection was lost between two renewals")
	}
}

func TestBriefRequestsAreClosedButNotCounted(t *testing.T) {
	r := NewRegister()
	short, long := &conn{brief: true}, &conn{}
	mustAdd(t, r, "a", short)
	mustAdd(t, r, "b", short)
	mustAdd(t, r, "b", long)
	if sessions, conns := r.Count(); sessions != 1 || conns != 1 {
		t.Errorf("Count() = %d, %d, want 1, 1", sessions, conns)
	}
	if diff := cmp.Diff([]string{"b"}, r.Sessions()); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	if n := r.Close("b", "x"); n != 1 || short.closed.Load() != 1 {
		t.Errorf("Close = %d, brief one closed %d times", n, short.closed.Load())
	}
}

func TestRemovedConnectionLeavesNothing(t *testing.T) {
	r := NewRegister()
	var removes []func()
	for range 5 {
		removes = append(removes, mustAdd(t, r, "s", &conn{}))
	}
	for _, i := range []int{2, 0, 4, 1, 3, 2} {
		removes[i]()
	}
	for i := range r.shards {
		if len(r.shards[i].open) != 0 {
			t.Error("an empty session stays in the register")
		}
	}
}

// A connection that registers while its session is being closed is either closed or refused.
func TestAddRacingCloseNeverSurvives(t *testing.T) {
	for round := range 200 {
		r := NewRegister()
		id := fmt.Sprint(round)
		var wg sync.WaitGroup
		conns := make([]*conn, 8)
		refused := make([]bool, len(conns))
		for i := range conns {
			conns[i] = &conn{}
			wg.Go(func() {
				remove, ok := r.Add(id, conns[i])
				refused[i] = !ok
				if i%4 == 0 {
					remove()
				}
			})
		}
		wg.Go(func() { r.Close(id, "button") })
		wg.Wait()
		for i, c := range conns {
			if i%4 != 0 && !refused[i] && c.closed.Load() != 1 {
				t.Fatalf("round %d: a connection survived the end of its session", round)
			}
		}
	}
}

func TestMoveRacingAddRemoveAndCloseLosesNobody(t *testing.T) {
	for round := range 100 {
		r := NewRegister()
		a, b, c := fmt.Sprint("a", round), fmt.Sprint("b", round), fmt.Sprint("c", round)
		conns := make([]*conn, 8)
		var wg sync.WaitGroup
		for i := range conns {
			conns[i] = &conn{}
			wg.Go(func() {
				remove, ok := r.Add(a, conns[i])
				if ok && i%2 == 0 {
					remove()
				}
			})
		}
		wg.Go(func() { r.Move(a, b) })
		wg.Go(func() { r.Move(b, c) })
		wg.Wait()
		r.Close(c, "x")
		for i, cn := range conns {
			if i%2 == 1 && cn.closed.Load() != 1 {
				t.Fatalf("round %d: connection %d closed %d times", round, i, cn.closed.Load())
			}
		}
	}
}

func TestClosingTenThousandConnectionsIsQuick(t *testing.T) {
	r := NewRegister()
	for i := range 10_000 {
		mustAdd(t, r, fmt.Sprint(i%1000), &conn{})
	}
	var times []time.Duration
	for i := range 1000 {
		start := time.Now()
		if n := r.Close(fmt.Sprint(i), "storm"); n != 10 {
			t.Fatalf("Close = %d, want 10", n)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	if p99 := times[990]; p99 > 10*time.Millisecond {
		t.Errorf("p99 of closing a session's ten connections is %v", p99)
	}
}

func BenchmarkAddRemove(b *testing.B) {
	r := NewRegister()
	c := &conn{}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			remove, _ := r.Add("session", c)
			remove()
		}
	})
}
