package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
)

// text is a writer that may be read while it is written.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// freePort returns a port whose next and tenth next are free too, as far as one can know.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.Next(1, 10)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func options(t *testing.T) Options {
	t.Helper()
	// Sockets have short paths, which the test's own folder may exceed.
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Options{
		Data: filepath.Join(dir, "data"), Port: freePort(t), Out: &text{}, ReadFile: os.ReadFile,
		Logger: slog.New(slog.DiscardHandler),
	}
}

// start runs a demo; stop ends it and tells how long that took.
func start(t *testing.T, o Options) (stop func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	o.Ready = func() { close(ready) }
	go func() { done <- Run(ctx, o) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("the demo did not start: %v", err)
	}
	var once sync.Once
	stop = func() time.Duration {
		began := time.Now()
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("the demo ended with %v", err)
			}
		})
		return time.Since(began)
	}
	t.Cleanup(func() { stop() })
	return stop
}

// browser keeps cookies and follows redirects within the gateway; visit answers the
// provider's pages as alice.
type browser struct {
	t       *testing.T
	client  *http.Client
	visitor *devprovider.Visitor
}

func newBrowser(t *testing.T, o Options) *browser {
	t.Helper()
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, visitor: devprovider.NewVisitor(o.issuer(), jar, nil, "alice", "wonderland")}
	b.client = &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), o.issuer()) {
			return http.ErrUseLastResponse
		}
		navigation(r)
		return nil
	}}
	return b
}

func navigation(r *http.Request) {
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
}

// open navigates to an address, past the provider's pages, to the page it leads to.
func (b *browser) open(address string) (*url.URL, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	navigation(r)
	return b.send(r)
}

func (b *browser) send(r *http.Request) (*url.URL, string) {
	b.t.Helper()
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if to := resp.Header.Get("Location"); to != "" {
		back, err := b.visitor.Visit(b.t.Context(), to)
		if err != nil {
			b.t.Fatal(err)
		}
		return b.open(back.String())
	}
	return resp.Request.URL, string(body)
}

func TestOneStaysSignedInOverARestartOfTheDemo(t *testing.T) {
	o := options(t)
	stop := start(t, o)
	b := newBrowser(t, o)
	gateway := "http://localhost:" + strconv.Itoa(o.Port)
	if _, page := b.open(gateway); !strings.Contains(page, "Hello, Alice Liddell") {
		t.Fatalf("after signing in: %s", page)
	}
	if guide := o.Out.(*text).String(); !strings.Contains(guide, gateway) || !strings.Contains(guide, "alice / wonderland") || !strings.Contains(guide, gateway+"/.cardea/account") {
		t.Errorf("guide:\n%s", guide)
	}
	stop()
	start(t, o)
	asked := len(b.visitor.Asked)
	if at, page := b.open(gateway); !strings.Contains(page, "Hello, Alice Liddell") || len(b.visitor.Asked) != asked {
		t.Errorf("after a restart: %s, asked %v", at, b.visitor.Asked)
	}
}

func TestAFreshDemoKnowsNobody(t *testing.T) {
	o := options(t)
	o.Fresh = true
	stop := start(t, o)
	b := newBrowser(t, o)
	gateway := "http://localhost:" + strconv.Itoa(o.Port)
	b.open(gateway)
	stop()
	start(t, o)
	b.visitor.Asked = nil
	b.open(gateway + "/.cardea/sign-in")
	if len(b.visitor.Asked) == 0 {
		t.Error("nothing was asked, although everything was to be forgotten")
	}
}

func TestStoppingIsQuickAlthoughStreamsAreOpen(t *testing.T) {
	o := options(t)
	stop := start(t, o)
	b := newBrowser(t, o)
	gateway := "http://localhost:" + strconv.Itoa(o.Port)
	b.open(gateway)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gateway+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the feed: %v %v", resp, err)
	}
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if took := stop(); took > 12*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

func TestSigningOutEndsTheFeedAndAsksForThePasswordAgain(t *testing.T) {
	o := options(t)
	start(t, o)
	b := newBrowser(t, o)
	gateway := "http://localhost:" + strconv.Itoa(o.Port)
	b.open(gateway)
	feed, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gateway+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client.Do(feed)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = io.Copy(io.Discard, resp.Body) }()

	out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gateway+"/.cardea/sign-out", nil)
	if err != nil {
		t.Fatal(err)
	}
	navigation(out)
	out.Header.Set("Origin", gateway)
	b.send(out)
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Error("the feed goes on after signing out")
	}
	b.visitor.Asked = nil
	if _, page := b.open(gateway); !strings.Contains(page, "You are signed out") || len(b.visitor.Asked) != 0 {
		t.Errorf("the app's address after signing out starts a sign-in: %v", b.visitor.Asked)
	}
	b.open(gateway + "/.cardea/sign-in")
	if len(b.visitor.Asked) == 0 || b.visitor.Asked[0] != "login" {
		t.Errorf("the next sign-in asked %v", b.visitor.Asked)
	}
}

func TestATakenPortIsNamedWithItsFlag(t *testing.T) {
	o := options(t)
	for flag, port := range map[string]int{"--port": o.Port, "--provider-port": o.Port + 10} {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		err = Run(t.Context(), o)
		ln.Close()
		if err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) || !strings.HasSuffix(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestFreshRemovesOnlyWhatADemoMade(t *testing.T) {
	o := options(t)
	o.Fresh = true
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	thesis := filepath.Join(o.Data, "thesis.txt")
	if err := os.WriteFile(thesis, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, config := range []string{"", "public_url: https://auth.example.com\n"} {
		if config != "" {
			if err := os.WriteFile(filepath.Join(o.Data, "cardea.yaml"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Run(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("a folder of somebody else: %v", err)
		}
		if _, err := os.Stat(thesis); err != nil {
			t.Error(err)
		}
	}
}

func TestFreshLeavesARunningDemoAlone(t *testing.T) {
	o := options(t)
	start(t, o)
	second := o
	second.Fresh, second.Port = true, freePort(t)
	if err := Run(t.Context(), second); err == nil || !strings.Contains(err.Error(), "is running") {
		t.Errorf("the second demo: %v", err)
	}
	second.Fresh = false
	if err := Run(t.Context(), second); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("the second demo: %v", err)
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"--port 70000":           func(o *Options) { o.Port = 70000 },
		"--provider-port -1":     func(o *Options) { o.ProviderPort = -1 },
		"is taken by the gatew":  func(o *Options) { o.ProviderPort = o.Port + 1 },
		"--token-life 1s is sho": func(o *Options) { o.TokenLife = time.Second },
	} {
		o := Options{Port: 4180, Out: io.Discard, ReadFile: os.ReadFile, Logger: slog.New(slog.DiscardHandler)}
		change(&o)
		if err := PrintConfiguration(o, io.Discard); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestThePrintedConfigurationIsWhatRuns(t *testing.T) {
	o := options(t)
	var out bytes.Buffer
	if err := PrintConfiguration(o, &out); err != nil {
		t.Fatal(err)
	}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	cfg, err := o.load(out.String(), "a secret")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Providers[0].Issuer != o.issuer() || cfg.DataDir != o.gatewayDir() || cfg.PublicURL.String() != o.origin() {
		t.Errorf("configuration:\n%s", out.String())
	}
}
