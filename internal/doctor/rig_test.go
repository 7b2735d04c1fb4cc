package doctor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/provider"
	"github.com/cardea-auth/cardea/internal/record"
)

const (
	public       = "http://localhost:4180"
	clientSecret = "a-secret-that-nobody-is-shown-0123456789"
)

// rig is a provider, an app and a configuration in which all is well. A test breaks one
// thing.
type rig struct {
	t        *testing.T
	provider *devprovider.Server // nil where another server stands in
	client   devprovider.Client
	options  devprovider.Options
	app      http.HandlerFunc

	// of the configuration
	kind, issuer, secret, backchannel string
	scopes                            []string
	change                            func(*record.Record)
	roots                             []byte
	gateway                           *Gateway
	apps                              func(App) App
	public                            string
	now                               func() time.Time

	mu       sync.Mutex
	requests []*http.Request
}

func newRig(t *testing.T) *rig {
	return &rig{
		t: t, kind: "keycloak", secret: clientSecret, public: public,
		client: devprovider.Client{
			ID: "cardea", Secret: clientSecret,
			RedirectURIs:           []string{public + "/.cardea/callback/main"},
			PostLogoutRedirectURIs: []string{public + "/.cardea/signed-out"},
		},
		app: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		now: time.Now,
	}
}

// start starts the provider, once.
func (r *rig) start() {
	if r.provider != nil {
		return
	}
	r.t.Helper()
	r.options.Clients = []devprovider.Client{r.client}
	before := r.options.Faults.Before
	r.options.Faults.Before = func(e devprovider.Endpoint, req *http.Request) *devprovider.Answer {
		r.seen(req)
		if before != nil {
			return before(e, req)
		}
		return nil
	}
	s, err := devprovider.Start(r.t.Context(), r.options, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Close() })
	r.provider = s
	if r.issuer == "" {
		r.issuer = s.Issuer()
	}
}

// stands puts another server in the provider's place, and a path behind its address.
func (r *rig) stands(h http.HandlerFunc, path string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.seen(req)
		h(w, req)
	}))
	r.t.Cleanup(s.Close)
	r.issuer = s.URL + path
	return s
}

func (r *rig) seen(req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, req.Clone(context.Background()))
}

func (r *rig) config() Options {
	r.t.Helper()
	if r.issuer == "" {
		r.start()
	}
	rec, ok := record.Lookup(r.kind)
	if !ok {
		r.t.Fatalf("no record %q", r.kind)
	}
	if r.scopes != nil {
		rec.Scopes = r.scopes
	}
	if r.change != nil {
		r.change(&rec)
	}
	back := r.public + "/.cardea/callback/main"
	client, err := provider.New(provider.Options{
		ID: "main", Issuer: r.issuer, ClientID: "cardea", ClientSecret: r.secret, Scopes: rec.Scopes, Record: rec,
		RedirectURI: back, BackchannelURL: r.backchannel, RootCAs: r.roots, Timeout: 5 * time.Second,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	app := httptest.NewServer(r.app)
	r.t.Cleanup(app.Close)
	o := Options{
		PublicURL: r.public, Gateway: r.gateway, Now: r.now,
		Providers: []Provider{{
			ID: "main", Issuer: r.issuer, ClientID: "cardea", Public: r.secret == "", Record: rec, RedirectURI: back,
			BackchannelURL: r.backchannel, RootCAs: r.roots, Client: client,
		}},
	}
	u, err := url.Parse(app.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	a := App{ID: "chat", URL: r.public, Scheme: "http", Address: u.Host, Host: "localhost:4180", Path: "/"}
	if r.apps != nil {
		a = r.apps(a)
	}
	o.Apps = []App{a}
	return o
}

func (r *rig) examine() *Report {
	r.t.Helper()
	report, err := Examine(r.t.Context(), r.config())
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

// finding is the one of a check; it must be there.
func finding(t *testing.T, report *Report, check string) Finding {
	t.Helper()
	for _, g := range report.Groups {
		for _, f := range g.Findings {
			if f.Check == check {
				return f
			}
		}
	}
	t.Fatalf("no finding %s in %s", check, text(t, report))
	return Finding{}
}

func text(t *testing.T, report *Report) string {
	t.Helper()
	var b strings.Builder
	if err := report.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
