package app

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// notes is an app with sessions of its own: a row per sign-in, a cookie that opens it, and
// 11 more that nobody needs. Its logout wants a token against cross-site requests.
type notes struct {
	mu      sync.Mutex
	rows    map[string]string // cookie to user
	logouts []string          // of each call of the logout, which row it named
	broken  func(w http.ResponseWriter, r *http.Request) bool
}

const bulk = 1900 // bytes of each of the cookies that nobody needs

func (n *notes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	row := ""
	if c, err := r.Cookie("sid"); err == nil {
		row = c.Value
	}
	switch r.URL.Path {
	case "/logout":
		n.logouts = append(n.logouts, row)
		if n.broken != nil && n.broken(w, r) {
			return
		}
		csrf, err := r.Cookie("csrf")
		if err != nil || r.Header.Get("X-Csrf") != csrf.Value || r.Method != http.MethodPost {
			http.Error(w, "csrf", http.StatusForbidden)
			return
		}
		delete(n.rows, row)
		http.SetCookie(w, &http.Cookie{Name: "sid", MaxAge: -1, Path: "/"})
	case "/":
		if n.rows[row] == "" {
			row = fmt.Sprintf("row-%d", len(n.rows)+len(n.logouts))
			n.rows[row] = r.Header.Get("X-Forwarded-User")
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: row, HttpOnly: true, Path: "/"})
			http.SetCookie(w, &http.Cookie{Name: "csrf", Value: "token-of-" + row, Path: "/"})
			for i := range 11 {
				http.SetCookie(w, &http.Cookie{Name: fmt.Sprint("bulk", i), Value: strings.Repeat("x", bulk), HttpOnly: true, Path: "/"})
			}
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><html><head><title>notes</title></head><body>notes of %s", n.rows[row])
	default:
		size := 0
		for _, c := range r.Cookies() {
			size += len(c.Value)
		}
		_, _ = fmt.Fprintf(w, "%s %d", n.rows[row], size)
	}
}

func (n *notes) told() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.logouts...)
}

func (n *notes) open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.rows)
}

func withNotes(t *testing.T, more string) (*world, *notes) {
	t.Helper()
	n := &notes{rows: map[string]string{}}
	app := httptest.NewServer(n)
	t.Cleanup(app.Close)
	return remade(t, devprovider.Options{}, func(w *world) string {
		return fmt.Sprintf(`apps: [{id: notes, name: Notes, url: %q, upstream: %q, page_script: true, record: {
  replay: [{method: POST, path: /logout, xsrf: {cookie: csrf, header: X-Csrf}}], logout: [{method: POST, path: /logout}]}%s}]
`, w.url, app.URL, more)
	}), n
}

// cookies lists what the browser holds of the app.
func (b *browser) cookies() []string {
	var names []string
	for _, c := range b.jar.Cookies(mustURL(b.w.t, b.w.url)) {
		if !strings.HasPrefix(c.Name, "cardea") {
			names = append(names, c.Name)
		}
	}
	return names
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not come true: %s", what)
}

func TestTheAppsCookiesStayHereAndSurviveARestart(t *testing.T) {
	w, n := withNotes(t, "")
	alice := w.browser("alice", "wonderland")
	if p := alice.visit("/"); !strings.Contains(p.body, "notes of alice") || !strings.Contains(p.body, "data-cardea=") {
		t.Fatalf("%d %s", p.status, p.body)
	}
	if diff := cmp.Diff([]string{"csrf"}, alice.cookies()); diff != "" {
		t.Errorf("in the browser:\n%s", diff)
	}
	want := fmt.Sprint("alice ", 11*bulk+len("row-0")+len("token-of-row-0"))
	if got := alice.fetch("/size").body; got != want {
		t.Errorf("the app got %q, want %q", got, want)
	}
	w.stop()
	w.start()
	if got := alice.fetch("/size").body; got != want || n.open() != 1 {
		t.Errorf("after a restart the app got %q", got)
	}
}

func TestTheAppHearsOfEverySignOut_WhicheverWayItCame(t *testing.T) {
	for name, end := range map[string]func(*world, *browser) string{
		"button": func(_ *world, b *browser) string { return b.signOut().body },
		"operator": func(w *world, _ *browser) string {
			err := ender{w.gateway.app}.End(t.Context(), time.Now(), w.sessions()[0].ID, session.CauseAdmin)
			if err != nil {
				t.Error(err)
			}
			return ""
		},
		"refused refresh": func(w *world, _ *browser) string {
			err := ender{w.gateway.app}.End(t.Context(), time.Now(), w.sessions()[0].ID, session.CauseRefreshRefused)
			if err != nil {
				t.Error(err)
			}
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, n := withNotes(t, "")
			alice := w.browser("alice", "wonderland")
			alice.visit("/")
			end(w, alice)
			eventually(t, "the app's row is gone", func() bool { return n.open() == 0 })
			if diff := cmp.Diff([]string{"row-0"}, n.told()); diff != "" {
				t.Error(diff)
			}
			eventually(t, "the receipt says so", func() bool {
				return strings.Contains(textOf(alice.visit("/.cardea/signed-out").body), "Your session in Notes has ended.")
			})
			if got := alice.cookies(); name == "button" && got != nil {
				t.Errorf("left in the browser: %q", got)
			}
			if left := w.vaultRows(); left != 0 {
				t.Errorf("%d rows of cookies are left", left)
			}
			if p := alice.visit("/"); name != "refused refresh" && strings.Contains(p.body, "notes of") {
				t.Errorf("still in the app: %s", p.body)
			}
		})
	}
}

// vaultRows counts what is kept of ended sessions.
func (w *world) vaultRows() int {
	n := 0
	for _, id := range w.ended() {
		data, err := w.gateway.app.storage.store.EndedVault(w.t.Context(), id, "notes")
		if err != nil {
			w.t.Error(err)
		}
		if data != nil {
			n++
		}
	}
	return n
}

func (w *world) ended() []session.ID {
	stones, err := w.gateway.app.storage.store.Tombstones(w.t.Context(), 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []session.ID
	for _, t := range stones {
		ids = append(ids, t.Session)
	}
	return ids
}

func TestTheAppsOwnLogoutIsNotCalledTwice(t *testing.T) {
	w, n := withNotes(t, "")
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	p := alice.do(http.MethodPost, w.url+"/logout", "", "Origin", w.url, "X-Csrf", "token-of-row-0",
		"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-origin")
	if p.status != http.StatusOK || len(alice.cookies()) != 0 {
		t.Fatalf("%d %s %q", p.status, p.body, alice.cookies())
	}
	if page := alice.visit("/"); !strings.Contains(page.body, "signed out") {
		t.Errorf("%s", page.body)
	}
	w.delivered()
	if diff := cmp.Diff([]string{"row-0"}, n.told()); diff != "" {
		t.Error(diff)
	}
}

// delivered waits until everything that the ends so far have to tell others is told: what
// is to be told is written with the end.
func (w *world) delivered() {
	w.t.Helper()
	eventually(w.t, "nothing is left to tell", func() bool {
		left, err := w.gateway.app.storage.store.ListOutbox(w.t.Context(), outbox.Filter{State: outbox.Pending})
		if err != nil {
			w.t.Fatal(err)
		}
		return len(left) == 0
	})
}

func TestAnAppThatCannotBeToldIsOnTheReceipt_AndNobodyWaitsForIt(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	for name, tc := range map[string]struct {
		broken func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		"500": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}, "Notes has not confirmed yet"},
		"403": {func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true }, "Notes could not be told"},
		"off-site": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(http.StatusFound)
			return true
		}, "Your session in Notes has ended."},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-hold:
			case <-r.Context().Done():
			}
			return true
		}, "Your session in Notes is being ended."},
	} {
		t.Run(name, func(t *testing.T) {
			w, n := withNotes(t, "")
			alice := w.browser("alice", "wonderland")
			alice.visit("/")
			n.mu.Lock()
			n.broken = tc.broken
			n.mu.Unlock()
			began := time.Now()
			p := alice.signOut()
			if took := time.Since(began); took > 9*time.Second { // a call of the app is given up after ten
				t.Errorf("the sign-out took %v", took)
			}
			if !strings.Contains(textOf(p.body), "Your session at this gateway has ended.") {
				t.Errorf("%s", p.body)
			}
			eventually(t, tc.want, func() bool { return strings.Contains(textOf(alice.visit("/.cardea/signed-out").body), tc.want) })
		})
	}
}

func TestOpenPagesHearOfTheEndAtOnce_AndBobGetsNothingOfAlices(t *testing.T) {
	w, _ := withNotes(t, "")
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	res, err := alice.stream("/.cardea/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	events := make(chan string, 16)
	go func() {
		defer close(events)
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				events <- name
			}
		}
	}()
	if got := <-events; got != "hello" {
		t.Fatalf("heard %q", got)
	}
	if err := (ender{w.gateway.app}).End(t.Context(), time.Now(), w.sessions()[0].ID, session.CauseAdmin); err != nil {
		t.Fatal(err)
	}
	if got := <-events; got != "ended" {
		t.Errorf("heard %q", got)
	}
	// What scripts could have kept of alice's in this browser.
	alice.jar.SetCookies(mustURL(t, w.url), []*http.Cookie{{Name: "sid", Value: "row-0"}, {Name: "mine", Value: "alices"}})
	bob := &browser{w: w, jar: alice.jar, http: alice.http, as: "bob", pass: "builder"}
	p := bob.visit("/")
	if link := "/.cardea/sign-in"; strings.Contains(p.body, "notes of") || !strings.Contains(p.body, link) {
		t.Fatalf("%s", p.body)
	}
	if p = bob.visit("/.cardea/sign-in"); !strings.Contains(p.body, "notes of bob") {
		t.Fatalf("%d %s", p.status, p.body)
	}
	if diff := cmp.Diff([]string{"csrf"}, bob.cookies()); diff != "" {
		t.Errorf("in bob's browser:\n%s", diff)
	}
	if got := bob.fetch("/who").body; !strings.HasPrefix(got, "bob ") {
		t.Errorf("the app takes bob for %q", got)
	}
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

var tags = regexp.MustCompile(`<[^>]*>`)

// textOf is the text of a page.
func textOf(body string) string { return tags.ReplaceAllString(body, "") }
