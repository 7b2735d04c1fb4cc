package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/session"
)

// socketApp echoes messages and tells how each of its sockets ended.
type socketApp struct {
	url   string
	ends  chan error
	heard atomic.Int64
	last  atomic.Pointer[http.Request]
}

func newSocketApp(t *testing.T) *socketApp {
	a := &socketApp{ends: make(chan error, 100)}
	a.url = app(t, func(w http.ResponseWriter, r *http.Request) {
		a.last.Store(r)
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{"v1"}})
		if err != nil {
			return
		}
		c.SetReadLimit(-1)
		for {
			kind, b, err := c.Read(context.Background())
			if err != nil {
				a.ends <- err
				return
			}
			a.heard.Add(1)
			if err := c.Write(context.Background(), kind, b); err != nil {
				a.ends <- err
				return
			}
		}
	})
	return a
}

func (r *rig) socket(header ...string) (*websocket.Conn, *http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = append(h[header[i]], header[i+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(r.front.URL, "http")+"/ws", &websocket.DialOptions{HTTPHeader: h, Subprotocols: []string{"v1"}})
	if err == nil {
		c.SetReadLimit(-1)
		r.t.Cleanup(func() { _ = c.CloseNow() })
	}
	return c, res, err
}

func (r *rig) mustSocket(header ...string) *websocket.Conn {
	r.t.Helper()
	c, _, err := r.socket(header...)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func exchangeMessage(t *testing.T, c *websocket.Conn, message string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
	_, b, err := c.Read(ctx)
	if err != nil || string(b) != message {
		t.Fatalf("%d bytes came back: %v", len(b), err)
	}
}

func TestMessagesOfAnySizePassASocket(t *testing.T) {
	a := newSocketApp(t)
	r := newRig(t, a.url, nil)
	c := r.mustSocket()
	if c.Subprotocol() != "v1" {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	for _, n := range []int{0, 1, 125, 126, 511, 512, 513, 65535, 65536, 3 << 20} {
		exchangeMessage(t, c, strings.Repeat("x", n))
	}
	if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-a.ends; websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the app saw %v", err)
	}
	eventually(t, "nothing is registered", func() bool { return r.live.Open("session1") == 0 })
}

func TestUpgradesCarryTheIdentityAndNobodyElses(t *testing.T) {
	a := newSocketApp(t)
	r := newRig(t, a.url, withMapped)
	var headers []string
	for _, s := range spoofs() {
		headers = append(headers, s, mark)
	}
	r.mustSocket(append(headers, "Cookie", "cardea-80=seat; app=1")...)
	h := a.last.Load().Header
	for name, values := range h {
		if strings.Contains(strings.Join(values, " "), mark) {
			t.Errorf("%s arrived", name)
		}
	}
	if h.Get("X-Forwarded-User") != "alice" || h.Get("Cookie") != "app=1" {
		t.Errorf("user %q, cookies %q", h.Get("X-Forwarded-User"), h.Get("Cookie"))
	}
}

func TestUpgradesOfOtherOriginsAreRefused(t *testing.T) {
	a := newSocketApp(t)
	r := newRig(t, a.url, func(o *Options) { o.UpgradeOrigins = []string{"https://friend.example"} })
	for origin, ok := range map[string]bool{
		r.front.URL: true, "https://friend.example": true, "https://evil.example": false, "null": false, "": false,
		r.front.URL + ".evil.example": false, strings.Replace(r.front.URL, "http:", "https:", 1): false,
	} {
		_, res, err := r.socket("Origin", origin)
		if (err == nil) != ok {
			t.Errorf("%q: %v", origin, err)
		}
		if !ok && res.StatusCode != http.StatusForbidden {
			t.Errorf("%q: status %d", origin, res.StatusCode)
		}
	}
	r.mustSocket() // no browser
	if _, _, err := r.socket("Origin", r.front.URL, "Origin", "https://evil.example"); err == nil {
		t.Error("two origins passed")
	}
}

func TestOnlyWebSocketLeavesHTTP(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	for _, upgrade := range []string{"h2c", "websocket, h2c", "TLS/1.2"} {
		echo := body(t, r.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "+upgrade+"\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"))
		if seen(echo, "Upgrade") != nil || seen(echo, "HTTP2-Settings") != nil {
			t.Errorf("%s arrived:\n%s", upgrade, echo)
		}
	}
}

func TestEndOfTheSessionClosesItsSocketsOnBothSides(t *testing.T) {
	a := newSocketApp(t)
	r := newRig(t, a.url, nil)
	c := r.mustSocket()
	exchangeMessage(t, c, "hello")
	if n := r.live.Open("session1"); n != 1 {
		t.Fatalf("%d connections are registered", n)
	}
	if n := r.live.Close("session1", "button"); n != 1 {
		t.Errorf("Close = %d", n)
	}
	_, _, err := c.Read(context.Background())
	closed, ok := errors.AsType[websocket.CloseError](err)
	if !ok || closed.Code != websocket.StatusPolicyViolation || closed.Reason != "signed out" {
		t.Errorf("the browser saw %v", err)
	}
	if err := <-a.ends; websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("the app saw %v", err)
	}
	if _, res, err := r.socket(); err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Error("a socket was opened after the end")
	}
}

func TestShutdownTellsBrowsersToComeBack(t *testing.T) {
	r := newRig(t, newSocketApp(t).url, nil)
	c := r.mustSocket()
	exchangeMessage(t, c, "hello")
	r.live.Close("session1", CauseShutdown)
	if _, _, err := c.Read(context.Background()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the browser saw %v", err)
	}
}

func TestActivityOnASocketIsAPersonsMessage(t *testing.T) {
	a := newSocketApp(t)
	r := newRig(t, a.url, func(o *Options) { o.TouchEvery = time.Nanosecond })
	c := r.mustSocket()
	for _, keepAlive := range []string{"2", "3", "ping"} {
		exchangeMessage(t, c, keepAlive)
	}
	ctx, stop := context.WithCancel(context.Background())
	reading := c.CloseRead(ctx)
	if err := c.Ping(reading); err != nil {
		t.Fatal(err)
	}
	stop()
	if n := r.touches(); n != 0 {
		t.Errorf("keep-alives counted as activity %d times", n)
	}
	c = r.mustSocket()
	exchangeMessage(t, c, "42[\"message\"]")
	eventually(t, "the message counts", func() bool { return r.touches() == 1 })
	r.live.Move("session1", "session2")
	exchangeMessage(t, c, "another message")
	eventually(t, "activity follows the session", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.touched) == 2 && r.touched[1] == session.ID("session2")
	})
}

func TestActivityIsReportedNowAndThen(t *testing.T) {
	r := newRig(t, newSocketApp(t).url, func(o *Options) { o.TouchEvery = time.Hour })
	c := r.mustSocket()
	for range 20 {
		exchangeMessage(t, c, "hello, world")
	}
	if n := r.touches(); n != 1 {
		t.Errorf("reported %d times", n)
	}
}

func TestSocketsWithoutASessionPassAndAreNobodys(t *testing.T) {
	r := newRig(t, newSocketApp(t).url, nil)
	r.setVerdict(guard.Verdict{Public: true})
	c := r.mustSocket()
	exchangeMessage(t, c, "hello")
	if _, conns := r.live.Count(); conns != 0 {
		t.Errorf("%d connections are registered", conns)
	}
}

func TestAppThatRefusesAnUpgradeIsHeard(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) }), nil)
	if _, res, err := r.socket(); err == nil || res.StatusCode != http.StatusTeapot {
		t.Errorf("%v", err)
	}
}

func TestSocketsReachAppsThatSpeakHTTP2(t *testing.T) {
	a := newSocketApp(t)
	r := newRig(t, "h2c"+strings.TrimPrefix(a.url, "http"), nil)
	exchangeMessage(t, r.mustSocket(), "hello")
}

func TestAStormOfEndsClosesThoseAndNoOther(t *testing.T) {
	a := newSocketApp(t)
	a.ends = make(chan error, 1000)
	r := newRig(t, a.url, nil)
	const sessions, each = 20, 10
	conns := map[string][]*websocket.Conn{}
	for i := range sessions {
		s := alice()
		s.ID = session.ID(fmt.Sprint("s", i))
		r.setVerdict(guard.Verdict{Outcome: guard.Allow, Session: s})
		for range each {
			conns[string(s.ID)] = append(conns[string(s.ID)], r.mustSocket())
		}
	}
	var wg sync.WaitGroup
	for i := range sessions / 2 {
		wg.Go(func() {
			id := fmt.Sprint("s", 2*i)
			if n := r.live.Close(id, "storm"); n != each {
				t.Errorf("%s: closed %d", id, n)
			}
			for _, c := range conns[id] {
				if _, _, err := c.Read(context.Background()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	wg.Wait()
	for i := range sessions / 2 {
		for _, c := range conns[fmt.Sprint("s", 2*i+1)] {
			exchangeMessage(t, c, "still here")
		}
	}
}
