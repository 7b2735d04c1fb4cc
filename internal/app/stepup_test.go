package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/signin"
)

// stepUpWorld is a world whose provider gives the classes, weakest first, and whose app
// has the paths.
func stepUpWorld(t *testing.T, o devprovider.Options, paths string) *world {
	t.Helper()
	w := newWorld(t, o, "")
	w.stop()
	w.extra = fmt.Sprintf("apps: [{id: sample, url: %q, upstream: %q, paths: [%s]}]\n", w.url, w.upstream.URL, paths)
	w.start()
	return w
}

// class is the class of the browser's session.
func (b *browser) class() string {
	b.w.t.Helper()
	var v struct {
		ACR string `json:"acr"`
	}
	p := b.fetch("/.cardea/session")
	if err := json.Unmarshal([]byte(p.body), &v); err != nil || p.status != http.StatusOK {
		b.w.t.Fatalf("session: %d %s", p.status, p.body)
	}
	return v.ACR
}

func TestAStepUpGoesThroughTheProviderAndKeepsEverything(t *testing.T) {
	w := stepUpWorld(t, devprovider.Options{ACRs: []string{"silver", "gold"}}, "{exact: /csp, acr: [gold]}, {prefix: /api, acr: [gold, platinum]}")
	b := w.browser("alice", "wonderland")
	if p := b.visit("/"); p.status != http.StatusOK || b.class() != "silver" {
		t.Fatalf("%d, class %q\n%s", p.status, b.class(), p.body)
	}
	socket := b.open("/ws")
	defer socket.CloseNow()

	p := b.fetch("/api/whoami")
	if want := `Bearer error="insufficient_user_authentication", acr_values="gold platinum"`; p.status != http.StatusUnauthorized ||
		p.header.Get("WWW-Authenticate") != want || !strings.Contains(p.body, "step-up-required") {
		t.Fatalf("a script: %d %v\n%s", p.status, p.header, p.body)
	}

	b.asked = nil
	if p := b.visit("/csp"); p.status != http.StatusOK || !strings.HasSuffix(p.url, "/csp") || len(b.asked) != 1 {
		t.Fatalf("the page: %d at %s, asked %v\n%s", p.status, p.url, b.asked, p.body)
	}
	if who := whoami(t, b.fetch("/api/whoami")); !strings.Contains(fmt.Sprint(who), "alice") || b.class() != "gold" {
		t.Errorf("class %q, %v", b.class(), who)
	}
	if err := answers(t, socket); err != nil {
		t.Errorf("the socket that was open: %v", err)
	}

	w.stop()
	w.start()
	b.asked = nil
	if p := b.visit("/csp"); p.status != http.StatusOK || len(b.asked) != 0 || b.class() != "gold" {
		t.Errorf("after a restart: %d at %s, asked %v", p.status, p.url, b.asked)
	}
}

func TestAStepUpThatBringsLessIsAPageAndTheSessionGoesOn(t *testing.T) {
	w := stepUpWorld(t, devprovider.Options{ACRs: []string{"silver"}}, "{exact: /csp, acr: [gold, platinum]}")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	socket := b.open("/ws")
	defer socket.CloseNow()
	p := b.visit("/csp")
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "gold, platinum") || !strings.Contains(p.body, "still signed in") || !strings.Contains(p.url, "/.cardea/callback/") {
		t.Fatalf("%d at %s\n%s", p.status, p.url, p.body)
	}
	b.asked = nil
	if p := b.visit("/"); p.status != http.StatusOK || len(b.asked) != 0 || b.class() != "silver" {
		t.Errorf("the rest of the app: %d at %s, asked %v", p.status, p.url, b.asked)
	}
	if err := answers(t, socket); err != nil {
		t.Errorf("the socket that was open: %v", err)
	}
}

func TestAFirstVisitAsksForTheClassAtOnce(t *testing.T) {
	w := stepUpWorld(t, devprovider.Options{ACRs: []string{"silver", "gold"}}, "{exact: /csp, acr: [gold]}")
	b := w.browser("alice", "wonderland")
	if p := b.visit("/csp"); p.status != http.StatusOK || len(b.asked) != 1 || b.class() != "gold" {
		t.Errorf("%d at %s, asked %v", p.status, p.url, b.asked)
	}
}

func TestAStepUpByAnotherAccountEndsTheFirstSession(t *testing.T) {
	w := stepUpWorld(t, devprovider.Options{ACRs: []string{"silver", "gold"}}, "{exact: /csp, acr: [gold]}")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	alices := b.open("/ws")
	defer alices.CloseNow()
	b.as, b.pass = "bob", "builder"
	if p := b.visit("/csp"); p.status != http.StatusOK || b.class() != "gold" {
		t.Fatalf("%d at %s\n%s", p.status, p.url, p.body)
	}
	if _, code := closed(t, alices); code != websocket.StatusPolicyViolation {
		t.Errorf("alice's socket ended with code %d", code)
	}
	if who := fmt.Sprint(whoami(t, b.fetch("/api/whoami"))); !strings.Contains(who, "bob") || strings.Contains(who, "alice") {
		t.Errorf("the app sees %s", who)
	}
}

func TestASocketWhereMoreIsDemandedIsRefused(t *testing.T) {
	w := stepUpWorld(t, devprovider.Options{ACRs: []string{"silver", "gold"}}, "{exact: /ws, acr: [gold]}, {exact: /csp, acr: [gold]}")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	_, resp, err := b.socket("/ws")
	if err == nil || resp.StatusCode != http.StatusUnauthorized || !strings.Contains(resp.Header.Get("WWW-Authenticate"), `acr_values="gold"`) {
		t.Fatalf("%v %v", err, resp)
	}
	b.visit("/csp")
	socket := b.open("/ws")
	defer socket.CloseNow()
	if err := answers(t, socket); err != nil {
		t.Error(err)
	}
}

func TestRefreshingRaisesNoClassAndLosesNone(t *testing.T) {
	w := stepUpWorld(t, devprovider.Options{ACRs: []string{"silver", "gold"}}, "{exact: /csp, acr: [gold]}")
	refreshed := func(b *browser) {
		t.Helper()
		before := w.provider.Counters().TokenRequests["refresh_token"]
		w.expire()
		if p := b.fetch("/api/whoami"); p.status != http.StatusOK {
			t.Fatalf("%d %s", p.status, p.body)
		}
		eventually(t, "refreshed", func() bool { // a request waits for that for a while only
			return w.provider.Counters().TokenRequests["refresh_token"] > before && w.sessions()[0].Grant.RefreshMark.IsZero()
		})
	}
	b := w.browser("alice", "wonderland")
	b.visit("/")
	refreshed(b)
	if b.class() != "silver" {
		t.Errorf("class %q", b.class())
	}
	b.asked = nil
	if b.visit("/csp"); len(b.asked) != 1 || b.class() != "gold" {
		t.Fatalf("asked %v, class %q", b.asked, b.class())
	}
	refreshed(b)
	b.asked = nil
	if p := b.visit("/csp"); p.status != http.StatusOK || len(b.asked) != 0 || b.class() != "gold" {
		t.Errorf("after a refresh: %d, asked %v, class %q", p.status, b.asked, b.class())
	}
}

func TestAnAppAtAnotherOriginStepsUpThroughTheGateway(t *testing.T) {
	w := newWorld(t, devprovider.Options{ACRs: []string{"silver", "gold"}}, "")
	w.stop()
	port := w.url[strings.LastIndexByte(w.url, ':'):]
	plain, strong := "http://plain.localhost"+port, "http://strong.localhost"+port
	w.extra = fmt.Sprintf("apps:\n  - {id: plain, url: %q, upstream: %q}\n  - {id: strong, url: %q, upstream: %q, acr: [gold]}\n",
		plain, w.upstream.URL, strong, w.upstream.URL)
	w.start()
	b := w.browser("alice", "wonderland")
	b.http.Transport = loopback()
	b.visit(plain + "/")
	b.asked = nil
	if p := b.visit(strong + "/?b=2"); p.status != http.StatusOK || p.url != strong+"/?b=2" || len(b.asked) != 1 {
		t.Fatalf("%d at %s, asked %v\n%s", p.status, p.url, b.asked, p.body)
	}
	b.asked = nil
	if p := b.visit(plain + "/?a=1"); p.status != http.StatusOK || p.url != plain+"/?a=1" || len(b.asked) != 0 {
		t.Errorf("the other app's seat: %d at %s, asked %v", p.status, p.url, b.asked)
	}
}

func TestTooOldAndTooWeakAreAskedForTogether(t *testing.T) {
	w := stepUpWorld(t, devprovider.Options{ACRs: []string{"silver", "gold"}}, "{exact: /csp, acr: [gold], max_age: 1h}, {prefix: /api, max_age: 2s}")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	time.Sleep(2100 * time.Millisecond)
	p := b.fetch("/api/whoami")
	if want := `Bearer error="insufficient_user_authentication", max_age="2"`; p.status != http.StatusUnauthorized || p.header.Get("WWW-Authenticate") != want {
		t.Errorf("too old: %d %v", p.status, p.header)
	}
	p = b.fetch("/csp")
	if want := `Bearer error="insufficient_user_authentication", acr_values="gold", max_age="3600"`; p.header.Get("WWW-Authenticate") != want {
		t.Errorf("too weak: %d %v", p.status, p.header)
	}
	b.asked = nil
	if p := b.visit("/csp"); p.status != http.StatusOK || len(b.asked) != 1 || b.class() != "gold" {
		t.Errorf("%d at %s, asked %v", p.status, p.url, b.asked)
	}
}

func TestClassesThatExcludeEachOtherAreRefusedByName(t *testing.T) {
	w := stepUpWorld(t, devprovider.Options{ACRs: []string{"silver", "gold"}}, "{prefix: /, acr: [silver]}, {exact: /csp, acr: [gold]}")
	b := w.browser("alice", "wonderland")
	p := b.visit("/CSP")
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "apps[sample].paths[].acr") || len(b.asked) != 0 {
		t.Errorf("%d at %s, asked %v\n%s", p.status, p.url, b.asked, p.body)
	}
}

// The configuration takes as many classes as a sign-in carries.
func TestTheLongestListOfClassesThatIsTakenCanBeAskedFor(t *testing.T) {
	for n, ok := range map[int]bool{signin.MaxClasses: true, signin.MaxClasses + 1: false} {
		text := fmt.Sprintf(`public_url: http://localhost:1
listen: 127.0.0.1:1
data_dir: .
providers: [{id: main, kind: oidc, issuer: "http://localhost:2", client_id: c, client_secret_env: S}]
apps: [{id: a, url: "http://localhost:1", upstream: "http://127.0.0.1:3", acr: [%q, x]}]
`, strings.Repeat("y", n-2))
		path := filepath.Join(t.TempDir(), "cardea.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := config.Load(path, func(string) (string, bool) { return "s", true }, os.ReadFile)
		if _, faulty := errors.AsType[*config.Faults](err); faulty == ok || err != nil && !strings.Contains(err.Error(), "apps[0].acr") {
			t.Errorf("%d characters: %v", n, err)
		}
	}
}
