package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/live"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// rig is an app, the proxy before it, and a server before that.
type rig struct {
	t       *testing.T
	proxy   *Proxy
	live    *live.Register
	front   *httptest.Server
	log     *lockedBuffer
	mu      sync.Mutex
	verdict guard.Verdict
	touched []session.ID
	failed  []error
}

func alice() *session.Session {
	return &session.Session{
		ID: "session1", Account: "acc1", Handle: "alice", Provider: "main", Version: 1,
		Identity: oidc.Identity{Issuer: "https://idp", Subject: "sub-1"},
		Profile:  oidc.Profile{Name: "Alice Åström", Email: "alice@example.com", EmailBelieved: true, Groups: []string{"staff", "dev"}},
		Claims:   oidc.Claims{"dept": "R&D", "n": 7.0, "ok": true, "roles": []any{"a", "b"}},
		Grant:    session.Grant{Tokens: oidc.Tokens{AccessToken: "at-secret", IDToken: "idt-secret"}},
	}
}

func allow() guard.Verdict { return guard.Verdict{Outcome: guard.Allow, Session: alice()} }

// newProxy is a rig without a server.
func newProxy(t *testing.T, upstream string, change func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, live: live.NewRegister(), log: &lockedBuffer{}, verdict: allow()}
	o := Options{
		App: "chat", Upstream: upstream, Live: r.live, Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Touched: func(id session.ID, _ time.Time) {
			r.mu.Lock()
			r.touched = append(r.touched, id)
			r.mu.Unlock()
		},
		Unavailable: func(w http.ResponseWriter, _ *http.Request, err error) {
			r.mu.Lock()
			r.failed = append(r.failed, err)
			r.mu.Unlock()
			http.Error(w, "unavailable", StatusOf(err))
		},
		Ended:   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "ended", http.StatusUnauthorized) },
		Refused: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "refused", http.StatusForbidden) },
	}
	if change != nil {
		change(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.proxy = p
	return r
}

func newRig(t *testing.T, upstream string, change func(*Options)) *rig {
	t.Helper()
	r := newProxy(t, upstream, change)
	r.front = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.front.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(r.log, nil), slog.LevelError)
	r.front.Start()
	t.Cleanup(func() {
		r.front.CloseClientConnections()
		r.front.Close()
		r.proxy.Close()
	})
	return r
}

func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	v := r.verdict
	r.mu.Unlock()
	client := httpx.Forwarding{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}.Client(q)
	r.proxy.ServeApp(w, q.WithContext(httpx.WithClient(q.Context(), client)), v)
}

func (r *rig) setVerdict(v guard.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verdict = v
}

func (r *rig) touches() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.touched)
}

// app starts an app on loopback.
func app(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// rawApp answers the first request of every connection with fixed bytes and closes it.
func rawApp(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if line == "\r\n" {
						break
					}
				}
				_, _ = io.WriteString(c, answer)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// dial opens a plain connection to the front.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// raw sends bytes and returns the answer to them.
func (r *rig) raw(request string) *http.Response {
	r.t.Helper()
	c := r.dial()
	if _, err := io.WriteString(c, request); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

func (r *rig) get(path string, header ...string) *http.Response {
	r.t.Helper()
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, r.front.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		q.Header[header[i]] = append(q.Header[header[i]], header[i+1])
	}
	res, err := r.front.Client().Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// echoHeaders answers with the request line, the host and the headers it got.
func echoHeaders(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = fmt.Fprintf(w, "%s %s %s\n", r.Method, r.RequestURI, r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			_, _ = fmt.Fprintf(w, "%s: %s\n", name, v)
		}
	}
	for name, values := range r.Trailer {
		_, _ = fmt.Fprintf(w, "trailer %s: %s\n", name, strings.Join(values, "|"))
	}
}

// seen returns the values that an echo showed under a name, in any spelling of it.
func seen(echo, name string) []string {
	var values []string
	for line := range strings.SplitSeq(echo, "\n") {
		k, v, ok := strings.Cut(line, ": ")
		if ok && strings.EqualFold(strings.ReplaceAll(k, "_", "-"), name) {
			values = append(values, v)
		}
	}
	return values
}

// patience is for what should simply happen, on a machine that may be busy with other things.
const patience = 30 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("did not come true: %s", what)
		}
	}
}
