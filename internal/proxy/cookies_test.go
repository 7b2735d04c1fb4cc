package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/live"
	"github.com/cardea-auth/cardea/internal/session"
)

// fakeJar keeps every cookie of the app's, and lets browsers bring those that begin
// with "my".
type fakeJar struct {
	mu   sync.Mutex
	kept []string
	err  error
	ids  []session.ID
}

func (f *fakeJar) Request(_ context.Context, id session.ID, origin httpx.Origin, in *http.Request) (lines, drop []string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids = append(f.ids, id)
	if f.err != nil {
		return nil, nil, f.err
	}
	lines = append(lines, f.kept...)
	for _, c := range in.Cookies() {
		if strings.HasPrefix(c.Name, "my") || httpx.OwnCookie(c.Name) {
			lines = append(lines, c.Name+"="+c.Value)
		} else {
			drop = append(drop, c.Name+"=; Max-Age=0")
		}
	}
	return lines, drop, nil
}

func (f *fakeJar) Response(_ context.Context, _ session.ID, _ httpx.Origin, _ *http.Request, h http.Header) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range h["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		f.kept = append(f.kept, pair)
	}
	delete(h, "Set-Cookie")
	return nil
}

func withJar(j *fakeJar) func(*Options) { return func(o *Options) { o.Cookies = j } }

func TestTheAppGetsTheCookiesThatAreKept_TheBrowserNone(t *testing.T) {
	upstream := app(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set" {
			w.Header().Add("Link", "</x.css>; rel=preload")
			w.Header().Set("Set-Cookie", "early=1")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Set-Cookie", "app=secret; HttpOnly")
		}
		echoHeaders(w, r)
	})
	r := newRig(t, upstream, withJar(&fakeJar{}))
	if got := r.get("/set").Header["Set-Cookie"]; got != nil {
		t.Errorf("the browser got %q", got)
	}
	res := r.get("/", "Cookie", "__Host-cardea=seat; stray=1; mytheme=dark")
	got := seen(body(t, res), "Cookie")
	if diff := cmp.Diff([]string{"app=secret", "mytheme=dark"}, got); diff != "" {
		t.Errorf("the app got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"stray=; Max-Age=0"}, res.Header["Set-Cookie"]); diff != "" {
		t.Error(diff)
	}
}

func TestUpgradesCarryTheCookiesThatAreKept(t *testing.T) {
	a := newSocketApp(t)
	r := newRig(t, a.url, withJar(&fakeJar{kept: []string{"app=secret"}}))
	c, _, err := r.socket("Cookie", "stray=1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if diff := cmp.Diff([]string{"app=secret"}, a.last.Load().Header["Cookie"]); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutASessionCookiesStayWithTheBrowser(t *testing.T) {
	jar := &fakeJar{kept: []string{"app=secret"}}
	r := newRig(t, app(t, echoHeaders), withJar(jar))
	r.setVerdict(guard.Verdict{Public: true})
	if diff := cmp.Diff([]string{"stray=1"}, seen(body(t, r.get("/", "Cookie", "stray=1")), "Cookie")); diff != "" || jar.ids != nil {
		t.Error(diff)
	}
}

// An app may fall back on its cookie when the token is none: a copy of that cookie would
// then open it past the sign-in.
func TestWhoeverComesByTokenAloneBringsNoCookie(t *testing.T) {
	for name, tc := range map[string]struct {
		verdict guard.Verdict
		want    []string
	}{
		"token alone": {guard.Verdict{Bearer: true}, nil},
		"public":      {guard.Verdict{Bearer: true, Public: true}, []string{"app=copied"}},
		"session":     {guard.Verdict{Outcome: guard.Allow, Session: alice(), Bearer: true}, []string{"app=copied"}},
	} {
		r := newRig(t, app(t, echoHeaders), nil)
		r.setVerdict(tc.verdict)
		got := body(t, r.get("/", "Cookie", "app=copied", "Authorization", "Bearer junk"))
		if diff := cmp.Diff(tc.want, seen(got, "Cookie")); diff != "" || seen(got, "Authorization") == nil {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestASilentStoreIsNotNoCookies(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"store down": {fmt.Errorf("reading: %w", session.ErrUnavailable), http.StatusServiceUnavailable},
		"ended":      {&session.EndedError{}, http.StatusUnauthorized},
		"gone":       {session.ErrNotFound, http.StatusUnauthorized},
	} {
		reached := false
		r := newRig(t, app(t, func(http.ResponseWriter, *http.Request) { reached = true }), withJar(&fakeJar{err: tc.err}))
		if res := r.get("/"); res.StatusCode != tc.want || reached {
			t.Errorf("%s: %d, reached %t", name, res.StatusCode, reached)
		}
	}
}

// fakeScript puts the mark before the page.
type fakeScript struct{}

func (fakeScript) Ask(h http.Header) { h.Set("Accept-Encoding", "identity") }

func (fakeScript) Add(res *http.Response, origin httpx.Origin, mark string) error {
	page, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	res.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(origin)+" "+mark+"\n"), bytes.NewReader(page)))
	res.Header.Del("Content-Length")
	res.ContentLength = -1
	return nil
}

func TestOnlyPagesOfASessionGetTheScript(t *testing.T) {
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html"}
	r := newRig(t, app(t, echoHeaders), func(o *Options) { o.Script = fakeScript{} })
	mark := alice().PageMark()
	got := body(t, r.get("/", page...))
	if !strings.HasPrefix(got, r.front.URL+" "+mark+"\n") || seen(got, "Accept-Encoding")[0] != "identity" {
		t.Errorf("a page: %s", got)
	}
	for name, header := range map[string][]string{
		"script": {"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "*/*"},
		"frame":  {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"},
	} {
		if got := body(t, r.get("/", header...)); strings.Contains(got, mark) {
			t.Errorf("%s: %s", name, got)
		}
	}
	r.setVerdict(guard.Verdict{Public: true})
	if got := body(t, r.get("/", page...)); strings.Contains(got, mark) {
		t.Errorf("without a session: %s", got)
	}
}

func TestASocketOfAPageThatWasMadeForSomebodyElseIsRefused(t *testing.T) {
	bob := alice()
	bob.Account = "acc2"
	a := newSocketApp(t)
	r := newRig(t, a.url, nil)
	for query, ok := range map[string]bool{
		"": true, "a=b&cardea-page=" + alice().PageMark() + "&c=%20": true, "cardea-page=" + alice().PageMark(): true,
		"cardea-page=" + bob.PageMark(): false, "cardea-page=": false,
	} {
		a.last.Store(nil)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		c, res, err := websocket.Dial(ctx, r.front.URL+"/ws?"+query, nil)
		cancel()
		if ok != (err == nil) {
			t.Errorf("%q: %v", query, err)
		}
		if err != nil {
			if res == nil || res.StatusCode != http.StatusUnauthorized || a.last.Load() != nil {
				t.Errorf("%q: %v reached %v", query, res, a.last.Load())
			}
			continue
		}
		_ = c.CloseNow()
		if got := a.last.Load().URL.RawQuery; strings.Contains(got, "cardea") || strings.HasPrefix(query, "a=b") && got != "a=b&c=%20" {
			t.Errorf("%q: the app got %q", query, got)
		}
	}
}

func TestTheFarewellIsSaidInTheAppsOwnWords(t *testing.T) {
	a := newSocketApp(t)
	r := newRig(t, a.url, func(o *Options) { o.Farewell, o.CloseCode = "41", 4001 })
	for _, cause := range []string{"button", CauseShutdown} {
		c, _, err := r.socket()
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "registered", func() bool { return r.live.Open("session1") == 1 })
		if cause == CauseShutdown {
			r.live.CutAll(cause)
		} else {
			r.live.Cut("session1", cause, func(live.Conn) bool { return false })
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		kind, message, err := c.Read(ctx)
		if cause == CauseShutdown {
			if websocket.CloseStatus(err) != closeGoingAway {
				t.Errorf("%q %v", message, err)
			}
		} else if err != nil || kind != websocket.MessageText || string(message) != "41" {
			t.Errorf("%v %q %v", kind, message, err)
		} else if _, _, err = c.Read(ctx); websocket.CloseStatus(err) != 4001 {
			t.Errorf("closed with %v", err)
		}
		cancel()
		eventually(t, "gone", func() bool { return r.live.Open("session1") == 0 })
	}
}
