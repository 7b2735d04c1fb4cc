package live

import "testing"

type ownStream struct{ conn }

func (*ownStream) Aside() {}

func TestTheGatewaysOwnStreamsAreClosedAndNotCounted(t *testing.T) {
	r := NewRegister()
	own, app := &ownStream{}, &conn{}
	for _, c := range []Conn{own, app} {
		if _, ok := r.Add("a", c); !ok {
			t.Fatal("not taken")
		}
	}
	if _, ok := r.Add("b", &ownStream{}); !ok {
		t.Fatal("not taken")
	}
	if sessions, conns := r.Count(); sessions != 1 || conns != 1 || r.Open("a") != 1 || r.Open("b") != 0 {
		t.Errorf("%d sessions, %d connections", sessions, conns)
	}
	if got := r.Sessions(); len(got) != 2 {
		t.Errorf("sessions with something open: %v", got)
	}
	if n := r.Close("a", "button"); n != 1 || own.closed.Load() != 1 || app.closed.Load() != 1 {
		t.Errorf("%d counted; closed %d and %d times", n, own.closed.Load(), app.closed.Load())
	}
	if n := r.CutAll("shutdown"); n != 0 {
		t.Errorf("%d counted", n)
	}
}
