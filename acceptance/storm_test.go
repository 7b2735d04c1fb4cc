package acceptance

import (
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// seatOf is one browser with its open sockets.
type seatOf struct {
	person  *harness.Person
	sockets []*echo
}

// crowd signs in that many browsers of a person, each with sockets.
func (w *world) crowd(t *testing.T, name string, browsers, sockets int) []*seatOf {
	t.Helper()
	out := make([]*seatOf, browsers)
	slots := make(chan struct{}, 12)
	var wait sync.WaitGroup
	for i := range browsers {
		p := env.NewPerson(t, name, nil)
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if _, err := p.TrySignIn(w.URL + "/"); err != nil {
				t.Errorf("browser %d of %s: %v", i, name, err)
				return
			}
			s := &seatOf{person: p}
			for range sockets {
				e, _, err := tryEcho(p, w.URL)
				if err != nil {
					t.Errorf("a socket of browser %d of %s: %v", i, name, err)
					return
				}
				s.sockets = append(s.sockets, e)
			}
			out[i] = s
		})
	}
	wait.Wait()
	t.Cleanup(func() {
		for _, s := range out {
			if s != nil {
				for _, e := range s.sockets {
					_ = e.conn.CloseNow()
				}
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return out
}

// openSockets counts what is still open.
func openSockets(seats []*seatOf) int {
	n := 0
	for _, s := range seats {
		for _, e := range s.sockets {
			if e.open() {
				n++
			}
		}
	}
	return n
}

// TestStorm_200SignOutsWith2000SocketsCloseThoseAndNoOther: 200 browsers of alice leave
// at once; ten more of hers and ten of bob's notice nothing.
func TestStorm_200SignOutsWith2000SocketsCloseThoseAndNoOther(t *testing.T) {
	const leaving, sockets, staying = 200, 10, 10
	w := newWorld(t)
	leave := w.crowd(t, "alice", leaving, sockets)
	stay := append(w.crowd(t, "alice", staying, 2), w.crowd(t, "bob", staying, 2)...)
	if n := openSockets(leave); n != leaving*sockets {
		t.Fatalf("%d sockets are open before, want %d", n, leaving*sockets)
	}

	slots := make(chan struct{}, 32)
	var wait sync.WaitGroup
	for i, s := range leave {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if _, err := s.person.TrySignOut(w.URL); err != nil {
				t.Errorf("sign-out %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	answered := time.Now()
	harness.Eventually(t, patient, "all sockets of those who left closed", func() bool { return openSockets(leave) == 0 })
	last := answered
	for _, s := range leave {
		for _, e := range s.sockets {
			if e.at.After(last) {
				last = e.at
			}
		}
	}
	demandWithin(t, "the last socket was closed", answered, last, 5*time.Second)

	if n, want := openSockets(stay), staying*2*2; n != want {
		t.Errorf("%d sockets of those who stayed are open, want %d", n, want)
	}
	for _, s := range stay {
		for _, e := range s.sockets {
			e.t = t
			e.demandEcho("still here")
		}
		if user := w.user(t, s.person); user != s.person.Name {
			t.Errorf("a browser of %s that stayed: the app is told %q", s.person.Name, user)
		}
	}
	for _, s := range leave {
		w.demandNoSession(t, s.person)
	}
	harness.Eventually(t, 5*time.Minute, "those sessions, and only those, ended at Keycloak", func() bool {
		return w.sessionsAtKeycloak(t, "alice") == staying && w.sessionsAtKeycloak(t, "bob") == staying
	})
}
