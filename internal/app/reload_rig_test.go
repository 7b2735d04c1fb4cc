package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/outbox"
)

// echo is an app that says its name and who asks, keeps a session of its own in a cookie,
// and answers on a socket.
type echo struct {
	name string

	slow   chan struct{} // a request for /slow has come
	answer chan struct{} // closed: it may be answered

	mu      sync.Mutex
	logouts int
	open    map[net.Conn]bool
}

func newEcho(t *testing.T, name string) (*echo, string) {
	t.Helper()
	e := &echo{name: name, open: map[net.Conn]bool{}, slow: make(chan struct{}, 1), answer: make(chan struct{})}
	s := httptest.NewUnstartedServer(e)
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		e.mu.Lock()
		defer e.mu.Unlock()
		switch state {
		case http.StateNew:
			e.open[c] = true
		case http.StateClosed, http.StateHijacked:
			delete(e.open, c)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return e, s.URL
}

// connections counts those that the gateway holds, sockets aside.
func (e *echo) connections() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open)
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/"+e.name)
	switch path {
	case "/ws":
		e.socket(w, r)
	case "/slow":
		e.slow <- struct{}{}
		select {
		case <-e.answer:
		case <-r.Context().Done():
		}
		fmt.Fprint(w, e.name+" at last")
	case "/logout":
		e.mu.Lock()
		e.logouts++
		e.mu.Unlock()
	case "/stream":
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			fmt.Fprint(w, ": alive\n\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	default:
		http.SetCookie(w, &http.Cookie{Name: "sid-" + e.name, Value: "1", Path: "/", HttpOnly: true})
		fmt.Fprint(w, e.name+" for "+r.Header.Get("X-Forwarded-User"))
	}
}

func (e *echo) socket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		_, text, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), websocket.MessageText, []byte(e.name+" "+string(text))); err != nil {
			return
		}
	}
}

func (e *echo) told() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.logouts
}

// says tells what comes back on a socket.
func says(t *testing.T, c *websocket.Conn, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatalf("writing %q: %v", text, err)
	}
	_, got, err := c.Read(ctx)
	if err != nil {
		t.Fatalf("reading the answer to %q: %v", text, err)
	}
	return string(got)
}

// several is a world with three apps: one and two share the gateway's origin, three has
// its own.
type several struct {
	*world
	one, two, three          *echo
	oneAt, twoAt, threeAt    string
	oneMore, twoMore, access string
	without                  []string // apps that are left out
}

func newSeveral(t *testing.T, o devprovider.Options) *several {
	t.Helper()
	s := &several{}
	s.one, s.oneAt = newEcho(t, "one")
	s.two, s.twoAt = newEcho(t, "two")
	s.three, s.threeAt = newEcho(t, "three")
	s.world = remade(t, o, func(w *world) string { s.world = w; return s.text() })
	return s
}

func (s *several) threeURL() string { return strings.Replace(s.url, "localhost", "three.localhost", 1) }

func (s *several) text() string {
	replay := ", record: {replay: [{method: POST, path: /logout}], logout: [{method: POST, path: /logout}]}"
	var b strings.Builder
	b.WriteString(s.access + "apps:\n")
	for _, a := range []struct{ id, url, upstream, more string }{
		{"one", s.url, s.oneAt, s.oneMore}, {"two", s.url + "/two", s.twoAt, replay + s.twoMore}, {"three", s.threeURL(), s.threeAt, replay},
	} {
		if !slices.Contains(s.without, a.id) {
			fmt.Fprintf(&b, "  - {id: %s, url: %q, upstream: %q%s}\n", a.id, a.url, a.upstream, a.more)
		}
	}
	return b.String()
}

// reload writes the configuration that change makes and has it read.
func (s *several) reload(change func()) error {
	s.t.Helper()
	change()
	s.extra = s.text()
	s.write()
	return s.gateway.app.Reload(s.t.Context())
}

func (s *several) mustReload(change func()) {
	s.t.Helper()
	if err := s.reload(change); err != nil {
		s.t.Fatal(err)
	}
}

// replaceFile writes a configuration as it is.
func (w *world) replaceFile(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "cardea.yaml"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) file() string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "cardea.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// events are the events of a type in the audit trail, the oldest first.
func (w *world) events(types ...audit.Type) []audit.Event {
	w.t.Helper()
	list, err := w.gateway.app.storage.store.AuditEvents(w.t.Context(), audit.Filter{Types: types})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// person is a browser that finds every name under localhost here.
func (s *several) person(as, pass string) *browser {
	b := s.browser(as, pass)
	b.http.Transport = loopback()
	return b
}

func (b *browser) openAt(origin, path string) *websocket.Conn {
	b.w.t.Helper()
	c, _, err := websocket.Dial(b.w.t.Context(), strings.Replace(origin, "http", "ws", 1)+path, &websocket.DialOptions{
		HTTPClient: &http.Client{Jar: b.jar, Transport: loopback()}, HTTPHeader: http.Header{"Origin": {origin}},
	})
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.w.t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// pending counts what is still to be told to an app.
func (w *world) pending(app string) int {
	w.t.Helper()
	list, err := w.gateway.app.storage.store.ListOutbox(w.t.Context(), outbox.Filter{State: outbox.Pending, Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		if e.App == app {
			n++
		}
	}
	return n
}

// steady reads a stream until it ends.
func steady(body io.Reader) <-chan struct{} {
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, body)
	}()
	return over
}
