package live

import "testing"

type cutConn struct {
	short  bool
	closed int
}

func (c *cutConn) Close(string) { c.closed++ }
func (c *cutConn) Brief() bool  { return c.short }

func TestCutAllClosesWhatLastsAndEndsNoSession(t *testing.T) {
	r := NewRegister()
	socket, request, other := &cutConn{}, &cutConn{short: true}, &cutConn{}
	removeSocket, _ := r.Add("a", socket)
	if _, ok := r.Add("a", request); !ok {
		t.Fatal("not registered")
	}
	r.Add("b", other)
	if n := r.CutAll("shutdown"); n != 2 {
		t.Errorf("%d connections cut", n)
	}
	if socket.closed != 1 || other.closed != 1 || request.closed != 0 {
		t.Errorf("closed: socket %d, other %d, request %d", socket.closed, other.closed, request.closed)
	}
	removeSocket()
	later := &cutConn{}
	if _, ok := r.Add("a", later); !ok {
		t.Error("a connection that came later was refused")
	}
	if n := r.Close("a", "signed out"); n != 1 || later.closed != 1 || request.closed != 1 || socket.closed != 1 {
		t.Errorf("afterwards %d closed; later %d, request %d, socket %d", n, later.closed, request.closed, socket.closed)
	}
}

func TestCutClosesOnlyWhatIsNotWanted(t *testing.T) {
	r := NewRegister()
	wanted, unwanted, brief, other := &cutConn{}, &cutConn{}, &cutConn{short: true}, &cutConn{}
	for id, conns := range map[string][]Conn{"a": {wanted, unwanted, brief}, "b": {other}} {
		for _, c := range conns {
			r.Add(id, c)
		}
	}
	if n := r.Cut("a", "access withdrawn", func(c Conn) bool { return c == Conn(wanted) }); n != 1 {
		t.Errorf("%d connections cut", n)
	}
	if wanted.closed != 0 || unwanted.closed != 1 || brief.closed != 1 || other.closed != 0 {
		t.Errorf("closed: wanted %d, unwanted %d, brief %d, another session's %d", wanted.closed, unwanted.closed, brief.closed, other.closed)
	}
	if r.Open("a") != 1 || r.Open("b") != 1 {
		t.Errorf("%d and %d stay registered", r.Open("a"), r.Open("b"))
	}
	if _, ok := r.Add("a", &cutConn{}); !ok {
		t.Error("a connection that came later was refused")
	}
}
