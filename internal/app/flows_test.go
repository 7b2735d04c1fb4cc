package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// socket opens the sample app's WebSocket with a browser's cookies.
func (b *browser) socket(path string) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(b.w.t.Context(), strings.Replace(b.w.url, "http", "ws", 1)+path, &websocket.DialOptions{
		HTTPClient: &http.Client{Jar: b.jar}, HTTPHeader: http.Header{"Origin": {b.w.url}},
	})
}

// open is socket for where it must open.
func (b *browser) open(path string) *websocket.Conn {
	b.w.t.Helper()
	c, _, err := b.socket(path)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return c
}

// closed reads until the socket ends and returns how long that took and the close code.
// How soon it must be is measured where nothing else runs: what makes a machine stall makes
// it late here.
func closed(t *testing.T, c *websocket.Conn) (time.Duration, websocket.StatusCode) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			if ctx.Err() != nil {
				t.Fatal("the socket stays open")
			}
			return time.Since(began), websocket.CloseStatus(err)
		}
	}
}

// answers tells whether a socket is alive: a ping needs somebody who reads.
func answers(t *testing.T, c *websocket.Conn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		for {
			if _, _, err := c.Read(ctx); err != nil {
				return
			}
		}
	}()
	return c.Ping(ctx)
}

func TestSignOutInAnotherTabClosesTheSocket(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	alice, bob := w.browser("alice", "wonderland"), w.browser("bob", "builder")
	alice.visit("/")
	bob.visit("/")
	mine := alice.open("/ws")
	defer mine.CloseNow()
	theirs := bob.open("/ws")
	defer theirs.CloseNow()

	alice.signOut()
	if _, code := closed(t, mine); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with code %d", code)
	}
	if _, resp, err := alice.socket("/ws"); err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a signed-out browser's socket: %v", err)
	}
	if err := answers(t, theirs); err != nil {
		t.Errorf("another person's socket: %v", err)
	}
}

func TestFiftyTabsAllSignIn(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	// A real browser has one cookie jar, and sends its first requests before any answer.
	b.visit("/.cardea/signed-out")
	var tabs sync.WaitGroup
	pages := make([]page, 50)
	starts := make([]string, len(pages))
	for i := range pages {
		p := b.do(http.MethodGet, fmt.Sprintf("%s/.cardea/sign-in?return=/%%3Ftab=%d", w.url, i), "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
		starts[i] = p.header.Get("Location")
	}
	for i := range pages {
		if i == 0 {
			pages[0] = b.visit(starts[0]) // somebody types the password once
			continue
		}
		tabs.Go(func() {
			tab := *b
			pages[i] = tab.visit(starts[i])
		})
	}
	tabs.Wait()
	for i, p := range pages {
		if p.status != http.StatusOK || !strings.HasSuffix(p.url, fmt.Sprintf("/?tab=%d", i)) {
			t.Errorf("tab %d: %d at %s", i, p.status, p.url)
		}
	}
	if n := w.provider.Counters().TokenRequests["authorization_code"]; n != 1 {
		t.Errorf("%d codes were spent for one session", n)
	}
}

func TestAThousandRequestsThatMeetAnExpiredTokenMakeOneTokenRequest(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	socket := b.open("/ws")
	defer socket.CloseNow()
	w.expire()
	var all sync.WaitGroup
	statuses := make(chan int, 1000)
	for range 20 {
		all.Go(func() {
			for range 50 {
				statuses <- b.fetch("/api/whoami").status
			}
		})
	}
	all.Wait()
	close(statuses)
	for s := range statuses {
		if s != http.StatusOK {
			t.Fatalf("a request was answered %d", s)
		}
	}
	if made := w.provider.Counters().TokenRequests["refresh_token"]; made != 1 || w.provider.Counters().Reuses != 0 {
		t.Errorf("%d refreshes, %d of them with a spent token\n%s", made, w.provider.Counters().Reuses, w.log)
	}
	if err := answers(t, socket); err != nil {
		t.Errorf("the refresh cut the socket: %v", err)
	}
}

func TestAWithdrawnPersonIsOutAtTheNextRefresh(t *testing.T) {
	w := newWorld(t, devprovider.Options{AccessTokenLife: 2 * time.Second}, "") // so that every look is soon followed by another
	b := w.browser("alice", "wonderland")
	b.visit("/")
	socket := b.open("/ws")
	defer socket.CloseNow()
	for _, s := range w.provider.Sessions() {
		if _, err := w.provider.EndSession(s.SID); err != nil {
			t.Fatal(err)
		}
	}
	w.expire() // the next look at sessions with sockets, every five seconds, finds it due
	closed(t, socket)
	if got := b.fetch("/api/whoami"); got.status != http.StatusUnauthorized {
		t.Errorf("afterwards: %d", got.status)
	}
}

func TestARuleThatRefusesNamesItselfAndOffersAnotherAccount(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.stop()
	w.extra = fmt.Sprintf("apps: [{id: sample, url: %q, upstream: %q, access: {groups: [nobody-is-in-it]}}]\n", w.url, w.upstream.URL)
	w.start()
	b := w.browser("alice", "wonderland")
	p := b.visit("/")
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "apps[sample].access") || !strings.Contains(p.body, `action="/.cardea/sign-out"`) {
		t.Fatalf("%d\n%s", p.status, p.body)
	}
	out := b.signOut()
	if !strings.Contains(out.url, "signed-out") {
		t.Fatalf("signing out from there leads to %s", out.url)
	}
	b.as, b.pass, b.asked = "bob", "builder", nil
	b.visit("/.cardea/sign-in")
	if len(b.asked) == 0 {
		t.Error("another account could not be chosen")
	}
}

func TestOneSignInServesTwoOriginsAndOneSignOutEndsBoth(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.stop()
	port := w.url[strings.LastIndexByte(w.url, ':'):]
	one, two := "http://one.localhost"+port, "http://two.localhost"+port
	w.extra = fmt.Sprintf(`apps:
  - {id: one, url: %q, upstream: %q}
  - {id: two, url: %q, upstream: %q}
`, one, w.upstream.URL, two, w.upstream.URL)
	w.start()
	b := w.browser("alice", "wonderland")
	b.http.Transport = loopback()
	if p := b.visit(one + "/?a=1"); p.status != http.StatusOK || p.url != one+"/?a=1" {
		t.Fatalf("one: %d at %s\n%s", p.status, p.url, p.body)
	}
	b.asked = nil
	if p := b.visit(two + "/?b=2"); p.status != http.StatusOK || p.url != two+"/?b=2" {
		t.Fatalf("two: %d at %s\n%s", p.status, p.url, p.body)
	}
	if len(b.asked) != 0 {
		t.Errorf("the second app asked %v", b.asked)
	}
	p := b.do(http.MethodPost, one+"/.cardea/sign-out", "", "Origin", one, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
	out := b.visit(refreshTarget(t, p.body))
	if !strings.HasPrefix(out.url, w.url+"/.cardea/signed-out") || !strings.Contains(out.body, one+"/.cardea/sign-in") {
		t.Errorf("signing out leads to %s\n%s", out.url, out.body)
	}
	for _, origin := range []string{one, two} {
		if got := b.do(http.MethodGet, origin+"/api/whoami", ""); got.status != http.StatusUnauthorized {
			t.Errorf("%s still answers %d", origin, got.status)
		}
	}
}

func TestAnotherAccountOnTheSameBrowserEndsTheFirstSession(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	old := b.open("/ws")
	defer old.CloseNow()
	for _, s := range w.provider.Sessions() {
		if _, err := w.provider.EndSession(s.SID); err != nil {
			t.Fatal(err)
		}
	}
	// A second tab that was opened after the first had signed in.
	b.as, b.pass = "bob", "builder"
	start, err := w.gateway.app.signIn.Start(t.Context(), time.Now().Add(time.Second), startAs(b))
	if err != nil {
		t.Fatal(err)
	}
	b.visit(start)
	if _, code := closed(t, old); code != websocket.StatusPolicyViolation {
		t.Errorf("alice's socket ended with code %d", code)
	}
	if who := whoami(t, b.fetch("/api/whoami")); !strings.Contains(fmt.Sprint(who), "bob") || strings.Contains(fmt.Sprint(who), "alice") {
		t.Errorf("the app sees %v", who)
	}
}

func TestASocketEndsWhenItsRuleNoLongerHolds(t *testing.T) {
	people := devprovider.DefaultPeople()
	people[0].Groups = []string{"staff"}
	w := newWorld(t, devprovider.Options{AccessTokenLife: 2 * time.Second, People: people}, "")
	w.stop()
	w.extra = fmt.Sprintf(`apps:
  - id: sample
    url: %q
    upstream: %q
    paths: [{exact: /ws, access: {groups: [staff]}}]
`, w.url, w.upstream.URL)
	w.start()
	b := w.browser("alice", "wonderland")
	b.visit("/")
	ruled := b.open("/ws")
	defer ruled.CloseNow()
	free, err := b.stream("/events")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Body.Close()
	if err := w.provider.UpdatePerson("alice", func(p *devprovider.Person) { p.Groups = nil }); err != nil {
		t.Fatal(err)
	}
	w.expire()
	closed(t, ruled)
	if _, resp, err := b.socket("/ws"); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a new socket where the rule refuses: %v", err)
	}
	if got := b.fetch("/api/whoami"); got.status != http.StatusOK {
		t.Errorf("where no rule stands: %d", got.status)
	}
	if n, err := free.Body.Read(make([]byte, 1)); n == 0 {
		t.Errorf("a stream where no rule stands ended: %v", err)
	}
}
