package app

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/demo/sample"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// world is a provider, an app and a gateway in front of it, all on loopback.
type world struct {
	t        *testing.T
	provider *devprovider.Server
	upstream *httptest.Server
	dir      string
	address  string
	ops      string // address of the operators' listener
	url      string
	extra    string // more configuration
	id       string // of the provider in the configuration
	client   string // id of the gateway's client there
	more     string // fields of the provider
	kind     string // its record
	gateway  *running
	log      *lockedBuffer
	level    *slog.LevelVar // of the log; debug from the start
	hangups  chan os.Signal // ask for reloads
}

type running struct {
	app  *App
	stop context.CancelFunc
	done chan error
}

// lockedBuffer collects the log.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// patience is how long a test waits for what must happen: a busy machine may stand still
// for seconds.
const patience = 30 * time.Second

// sharedKey signs for every world's provider: an RSA key takes long to make.
var sharedKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// migrated is an empty database, as a first start makes it: its steps take longer than the
// rest of a start. Places and installations without a world begin without one.
var migrated = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "cardea")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "cardea.db")
	db, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		panic(err)
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return data
})

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func newWorld(t *testing.T, o devprovider.Options, extra string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), address: freeAddress(t), ops: freeAddress(t), extra: extra, log: &lockedBuffer{}, id: "main", client: "cardea", kind: "oidc"}
	w.level, w.hangups = new(slog.LevelVar), make(chan os.Signal, 1)
	w.level.Set(slog.LevelDebug)
	_, port, _ := net.SplitHostPort(w.address)
	w.url = "http://localhost:" + port
	o.SkipConsent, o.RefreshRotation = true, true
	if o.Key == nil && o.SigningAlg == "" {
		o.Key = sharedKey()
	}
	o.Clients = []devprovider.Client{{
		ID: "cardea", Secret: "s3cret", RedirectURIs: []string{w.url + "/.cardea/callback/main"},
		PostLogoutRedirectURIs: []string{w.url + "/.cardea/signed-out"},
		BackChannelLogoutURI:   w.url + "/.cardea/backchannel-logout", BackChannelLogoutSessionRequired: true,
	}, {
		ID: "cardea-2", Secret: "s3cret", RedirectURIs: []string{w.url + "/.cardea/callback/main"},
	}}
	var err error
	if w.provider, err = devprovider.Start(t.Context(), o, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.provider.Close() })
	w.upstream = httptest.NewServer(sample.New(sample.Options{Logger: slog.New(slog.DiscardHandler), Now: time.Now}))
	t.Cleanup(w.upstream.Close)
	if err := os.WriteFile(filepath.Join(w.dir, "cardea.db"), migrated(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(w.stop)
	return w
}

// write writes the configuration's file and returns its path.
func (w *world) write() string {
	w.t.Helper()
	text := fmt.Sprintf(`public_url: %s
listen: %s
data_dir: %s
ops: {listen: %s}
providers:
  - {id: %s, kind: %s, issuer: %q, client_id: %s, client_secret_env: SECRET%s}
%s
`, w.url, w.address, w.dir, w.ops, w.id, w.kind, w.provider.Issuer(), w.client, w.more, w.extra)
	if !strings.Contains(w.extra, "apps:") {
		text += fmt.Sprintf("apps: [{id: sample, url: %q, upstream: %q}]\n", w.url, w.upstream.URL)
	}
	path := filepath.Join(w.dir, "cardea.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) config() *config.Config {
	w.t.Helper()
	cfg, _, err := config.Load(w.write(), secretEnv, os.ReadFile)
	if err != nil {
		w.t.Fatal(err)
	}
	return cfg
}

func secretEnv(string) (string, bool) { return "s3cret", true }

func (w *world) start() {
	w.t.Helper()
	ready := make(chan struct{})
	logger := slog.New(audit.Redact(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: w.level})))
	cfg := w.config()
	app, err := New(w.t.Context(), Options{
		Config: cfg, Logger: logger, Ready: func() { close(ready) }, Source: &Source{File: cfg.File, Env: secretEnv, ReadFile: os.ReadFile}, Reload: w.hangups,
		ProbeWithin: patience,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	w.gateway = &running{app: app, stop: stop, done: make(chan error, 1)}
	go func() { w.gateway.done <- app.Run(ctx) }()
	select {
	case <-ready:
	case err := <-w.gateway.done:
		w.t.Fatalf("gateway did not start: %v", err)
	case <-time.After(2 * patience):
		w.t.Fatal("gateway did not start in time")
	}
}

func (w *world) stop() {
	if w.gateway == nil {
		return
	}
	w.gateway.stop()
	select {
	case err := <-w.gateway.done:
		if err != nil {
			w.t.Errorf("gateway ended with %v", err)
		}
	case <-time.After(2 * patience):
		w.t.Error("gateway did not stop in time")
	}
	w.gateway = nil
	// What comes next must not be sent on a connection that has just died: a POST is not
	// sent again.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// change changes every live session's record, and has the gateway read it anew. Who is
// out meanwhile is passed over.
func (w *world) change(to func(*session.Session)) {
	w.t.Helper()
	store := w.gateway.app.storage.store
	for _, s := range w.sessions() {
		for {
			next := *s
			to(&next)
			_, err := store.UpdateSession(w.t.Context(), time.Now(), &next)
			if _, ended := errors.AsType[*session.EndedError](err); ended || err == nil {
				break
			}
			if !errors.Is(err, session.ErrConflict) {
				w.t.Fatal(err)
			}
			now, err := store.ByID(w.t.Context(), s.ID)
			if _, ended := errors.AsType[*session.EndedError](err); ended {
				break
			}
			if err != nil {
				w.t.Fatal(err)
			}
			s = now
		}
		w.gateway.app.guard.Drop(s.ID)
	}
}

// expire makes every session's tokens old: the provider is asked again at the next request.
func (w *world) expire() {
	w.t.Helper()
	w.change(func(s *session.Session) {
		s.Grant.CheckedAt, s.Grant.Tokens.Expiry = time.Now().Add(-time.Minute), time.Now().Add(-time.Second)
	})
}

// browser is a person's browser: cookies, and what it sends by itself.
type browser struct {
	w    *world
	jar  http.CookieJar
	http *http.Client
	as   string // who signs in at the provider
	pass string

	asked []string // pages of the provider that had to be answered
}

func (w *world) browser(as, pass string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	b := &browser{w: w, jar: jar, as: as, pass: pass}
	b.http = &http.Client{
		Jar: jar, Timeout: 2 * patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return b
}

type page struct {
	status int
	url    string
	header http.Header
	body   string
}

func (b *browser) do(method, target, body string, headers ...string) page {
	b.w.t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		b.w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.w.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		b.w.t.Fatalf("%s %s: %v", method, target, err)
	}
	return page{resp.StatusCode, target, resp.Header, string(text)}
}

func (b *browser) fetch(path string) page {
	b.w.t.Helper()
	return b.do(http.MethodGet, b.w.url+path, "", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-origin")
}

// visit is a page asked for in a tab: redirects are followed, and the provider's pages
// are answered as the person would.
func (b *browser) visit(target string) page {
	b.w.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.w.url + target
	}
	for range 20 {
		if strings.HasPrefix(target, b.w.provider.Issuer()) {
			target = b.atProvider(target)
			continue
		}
		p := b.do(http.MethodGet, target, "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
		next := p.header.Get("Location")
		if next == "" {
			return p
		}
		at, _ := url.Parse(target)
		to, err := at.Parse(next)
		if err != nil {
			b.w.t.Fatal(err)
		}
		target = to.String()
	}
	b.w.t.Fatalf("redirects without end, last to %s", target)
	return page{}
}

func (b *browser) atProvider(target string) string {
	b.w.t.Helper()
	v := devprovider.NewVisitor(b.w.provider.Issuer(), b.jar, nil, b.as, b.pass)
	next, err := v.Visit(b.w.t.Context(), target)
	if err != nil {
		b.w.t.Fatalf("at the provider: %v", err)
	}
	b.asked = append(b.asked, v.Asked...)
	return next.String()
}

// signOut presses the button, follows the page that moves on by itself to the provider
// and back, and returns the signed-out page.
func (b *browser) signOut() page {
	b.w.t.Helper()
	p := b.do(http.MethodPost, b.w.url+"/.cardea/sign-out", "", "Origin", b.w.url, "Content-Type", "application/x-www-form-urlencoded",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
	if p.status != http.StatusOK {
		b.w.t.Fatalf("sign-out: %d %s", p.status, p.body)
	}
	return b.visit(refreshTarget(b.w.t, p.body))
}

func refreshTarget(t *testing.T, body string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, `http-equiv="refresh" content="0;url=`)
	if !ok {
		_, rest, ok = strings.Cut(body, `http-equiv="refresh" content="0; url=`)
	}
	if !ok {
		t.Fatalf("the page does not move on:\n%s", body)
	}
	target, _, _ := strings.Cut(rest, `"`)
	return strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#39;", "'", "&#34;", `"`).Replace(target)
}

// loopback resolves every name under localhost to this machine, as browsers do.
func loopback() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		var d net.Dialer
		return d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
}

// startAs is a sign-in that must reach the provider although a session lives.
func startAs(b *browser) signin.Start {
	u, err := url.Parse(b.w.url)
	if err != nil {
		b.w.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(u.Host)
	binding := ""
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "cardea-browser-"+port {
			binding = c.Value
		}
	}
	return signin.Start{Provider: "main", Binding: binding, Fresh: true, Target: signin.Target{Origin: b.w.url, Path: "/"}}
}

// stream opens an event stream with a browser's cookies.
func (b *browser) stream(path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, b.w.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := (&http.Client{Jar: b.jar}).Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("stream: %s", resp.Status)
	}
	return resp, err
}
