package provider

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// fake is a provider that answers whatever a test wants.
type fake struct {
	t      *testing.T
	srv    *httptest.Server
	issuer string

	mu        sync.Mutex
	handlers  map[string]http.HandlerFunc
	calls     map[string]int
	forms     map[string]url.Values // last form per path
	queries   map[string]url.Values
	methods   map[string]string
	headers   map[string]http.Header
	hosts     map[string]string
	discovery map[string]any
	keys      []any
	answer    map[string]any // of the token endpoint
	person    map[string]any // userinfo
}

const (
	testClient   = "cardea"
	testSecret   = "s3cret:with %+ & ümlaut"
	testRedirect = "https://gate.example/.cardea/callback/main"
)

// One key of each kind for the whole run: RSA keys take long to make.
var (
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC() })
	ecTwo  = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC() })
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return k
	})
)

func newEC() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := unstarted(t)
	f.srv = httptest.NewServer(f)
	t.Cleanup(f.srv.Close)
	f.serveAs(f.srv.URL)
	return f
}

func unstarted(t *testing.T) *fake {
	return &fake{t: t, handlers: map[string]http.HandlerFunc{}, calls: map[string]int{},
		forms: map[string]url.Values{}, queries: map[string]url.Values{}, methods: map[string]string{}, headers: map[string]http.Header{}, hosts: map[string]string{}}
}

// serveAs fills the documents in for an issuer.
func (f *fake) serveAs(issuer string) {
	f.issuer = issuer
	f.discovery = map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                issuer + "/authorize",
		"token_endpoint":                        issuer + "/token",
		"jwks_uri":                              issuer + "/keys",
		"userinfo_endpoint":                     issuer + "/userinfo",
		"end_session_endpoint":                  issuer + "/logout",
		"revocation_endpoint":                   issuer + "/revoke",
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
	}
	f.keys = []any{public("ec", &ecKey().PublicKey), public("rsa", &rsaKey().PublicKey)}
	f.person = map[string]any{"sub": "alice-1", "name": "Alice", "email": "alice@example.com", "email_verified": true,
		"preferred_username": "alice", "groups": []any{"staff", "ops"}}
}

func public(kid string, key any) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Use: "sig"}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f.mu.Lock()
	f.calls[r.URL.Path]++
	f.forms[r.URL.Path] = maps.Clone(r.PostForm)
	f.queries[r.URL.Path] = r.URL.Query()
	f.methods[r.URL.Path] = r.Method
	f.headers[r.URL.Path] = r.Header.Clone()
	f.hosts[r.URL.Path] = r.Host
	h := f.handlers[r.URL.Path]
	answers := map[string]any{wellKnown: f.discovery, "/keys": map[string]any{"keys": f.keys}, "/token": f.answer, "/userinfo": f.person}
	doc, known := answers[r.URL.Path]
	var body []byte
	if known {
		body, _ = json.Marshal(doc)
	}
	f.mu.Unlock()
	switch {
	case h != nil:
		h(w, r)
	case known:
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	case r.URL.Path == "/revoke" || r.URL.Path == "/logout":
		w.WriteHeader(http.StatusOK)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) handle(path string, h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handlers[path] = h
}

func (f *fake) reply(path string, status int, body string) {
	f.handle(path, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(body))
	})
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[path]
}

func (f *fake) form(path string) url.Values {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.forms[path]
}

func (f *fake) query(path string) url.Values {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queries[path]
}

func (f *fake) method(path string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.methods[path]
}

func (f *fake) header(path string) http.Header {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.headers[path]
}

// idClaims are those of a good ID token at now.
func (f *fake) idClaims(now time.Time) map[string]any {
	return map[string]any{
		"iss": f.issuer, "sub": "alice-1", "aud": testClient, "nonce": "nonce-1",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": now.Unix(),
		"sid": "sid-1", "acr": "1", "amr": []any{"pwd"},
		"preferred_username": "alice", "name": "Alice", "email": "alice@example.com", "email_verified": true,
		"groups": []any{"staff"},
	}
}

// grant makes the token endpoint answer with these claims, signed well.
func (f *fake) grant(claims map[string]any) {
	token := sign(f.t, "ec", ecKey(), jose.ES256, claims)
	f.set(func() {
		f.answer = map[string]any{"access_token": "access-1", "token_type": "Bearer", "expires_in": 300,
			"refresh_token": "refresh-1", "id_token": token, "scope": "openid profile"}
	})
}

func sign(t *testing.T, kid string, key crypto.Signer, alg jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, "JWT", claims)
}

func signWith(t *testing.T, key jose.SigningKey, typ string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// testRecord is the embedded record of a kind, changed.
func testRecord(t *testing.T, kind string, change func(*record.Record)) record.Record {
	t.Helper()
	r, ok := record.Lookup(kind)
	if !ok {
		t.Fatalf("no record %q", kind)
	}
	if change != nil {
		change(&r)
	}
	return r
}

// options are those of a relying party at f by the record of a kind.
func (f *fake) options(kind string, change func(*record.Record)) Options {
	return Options{
		ID: "main", Issuer: f.issuer, ClientID: testClient, ClientSecret: testSecret,
		Record: testRecord(f.t, kind, change), RedirectURI: testRedirect, Timeout: 30 * time.Second,
	}
}

func build(t *testing.T, o Options) *Provider {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (f *fake) provider(kind string, change func(*record.Record)) *Provider {
	f.t.Helper()
	return build(f.t, f.options(kind, change))
}

// thin keeps tests about ID tokens from asking userinfo.
func thin(r *record.Record) { r.Claims.UserInfo.Use = record.UserInfoNever }

func ask(now time.Time) oidc.CodeExchange {
	return oidc.CodeExchange{Code: "code-1", CodeVerifier: "verifier-1", Nonce: "nonce-1", RequestedAt: now.Add(-3 * time.Second)}
}

// clock is a clock that tests turn.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// reaches asks until the provider counts as reachable, at times of their own: a machine that is
// busy may let a probe's second pass.
func (c *clock) reaches(t *testing.T, p *Provider) {
	t.Helper()
	for began := time.Now(); !p.Reachable(t.Context()); c.advance(probeKept) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("a provider that answers counts as unreachable")
		}
	}
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
