package doctor

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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
	recognise                         func(*url.URL, map[string]any) []string
	groups                            bool

	mu       sync.Mutex
	requests []*http.Request
}

// signer is one key for all providers: making one takes long.
var signer = sync.OnceValue(func() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

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
	r.options.Clients, r.options.Key = []devprovider.Client{r.client}, signer()
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
	po := provider.Options{
		ID: "main", Issuer: r.issuer, ClientID: "cardea", ClientSecret: r.secret, Scopes: rec.Scopes, Record: rec,
		RedirectURI: back, BackchannelURL: r.backchannel, RootCAs: r.roots, Timeout: 30 * time.Second, Groups: r.groups,
	}
	client, err := provider.New(po)
	if err != nil {
		r.t.Fatal(err)
	}
	app := httptest.NewServer(r.app)
	r.t.Cleanup(app.Close)
	o := Options{
		PublicURL: r.public, Gateway: r.gateway, Now: r.now, Recognise: r.recognise,
		Providers: []Provider{{
			ID: "main", Issuer: r.issuer, ClientID: "cardea", Public: r.secret == "", Record: rec, RedirectURI: back,
			BackchannelURL: r.backchannel, RootCAs: r.roots, Client: client, Groups: r.groups,
			By: func(auth record.ClientAuth) (Client, error) {
				other := po
				other.Record.Client.Auth = auth
				return provider.New(other)
			},
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

// found tells whether a report has a finding.
func found(report *Report, id string) bool {
	return slices.ContainsFunc(report.Groups, func(g Group) bool {
		return slices.ContainsFunc(g.Findings, func(f Finding) bool { return f.ID == id })
	})
}

// named is the finding of a name; it must be there.
func named(t *testing.T, report *Report, id string) Finding {
	t.Helper()
	for _, g := range report.Groups {
		for _, f := range g.Findings {
			if f.ID == id {
				return f
			}
		}
	}
	t.Fatalf("no finding %s in\n%s", id, text(t, report))
	return Finding{}
}

// finding is the first of a check; it must be there.
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

// certificate is a server's own, signed by itself.
func certificate(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
