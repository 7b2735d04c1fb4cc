package devprovider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

const (
	redirectURI   = "https://rp.example/callback"
	returnURI     = "https://rp.example/signed-out?from=op"
	clientID      = "rp"
	clientSecret  = "s3cr:t %+&"
	verifier      = "a-verifier-of-at-least-forty-three-characters-0123"
	otherClientID = "other"
)

// start serves a provider with the test's client on a free port; ES256 unless asked otherwise,
// because RSA keys are slow to make.
func start(t *testing.T, change func(*devprovider.Options)) *devprovider.Server {
	t.Helper()
	opts := devprovider.Options{
		SkipConsent: true,
		Clients: []devprovider.Client{
			{
				ID: clientID, Secret: clientSecret, Name: "The <RP>",
				RedirectURIs:           []string{redirectURI},
				PostLogoutRedirectURIs: []string{returnURI},
			},
			{ID: otherClientID, Secret: "other", RedirectURIs: []string{redirectURI}, PostLogoutRedirectURIs: []string{"https://other.example/"}},
			{ID: "public", RedirectURIs: []string{redirectURI}},
			{ID: "basic-only", Secret: "b", AuthMethod: "client_secret_basic", RedirectURIs: []string{redirectURI}},
		},
	}
	if change != nil {
		change(&opts)
	}
	if opts.SigningAlg == "" && opts.Key == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		opts.Key = key
	}
	s, err := devprovider.Start(t.Context(), opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the provider: %v", err)
		}
	})
	return s
}

func jar(t *testing.T) http.CookieJar {
	t.Helper()
	j, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func alice(t *testing.T, s *devprovider.Server) *devprovider.Visitor {
	t.Helper()
	return devprovider.NewVisitor(s.Issuer(), jar(t), nil, "alice", "wonderland")
}

// authURL is a good authorization request with the given parameters changed; an empty value
// removes one.
func authURL(s *devprovider.Server, changes ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {clientID}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"scope": {"openid profile email"}, "state": {"the-state"}, "nonce": {"the-nonce"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(sum[:])},
		"code_challenge_method": {"S256"},
	}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return s.EndpointURL("/authorize") + "?" + q.Encode()
}

// visit signs in and returns the parameters at the redirect URI.
func visit(t *testing.T, v *devprovider.Visitor, address string) url.Values {
	t.Helper()
	u, err := v.Visit(t.Context(), address)
	if err != nil {
		t.Fatalf("visiting: %v", err)
	}
	if !strings.HasPrefix(u.String(), redirectURI) {
		t.Fatalf("sent to %s, want %s", u, redirectURI)
	}
	return u.Query()
}

// post sends a form to the token or revocation endpoint as the test's client.
func post(t *testing.T, s *devprovider.Server, path string, form url.Values) (int, map[string]any) {
	t.Helper()
	status, _, body := do(t, request(t, s, path, form, func(r *http.Request) {
		r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientSecret))
	}), nil)
	answer := map[string]any{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatalf("%s answered %q: %v", path, body, err)
		}
	}
	return status, answer
}

func request(t *testing.T, s *devprovider.Server, path string, form url.Values, change func(*http.Request)) *http.Request {
	t.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.EndpointURL(path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if change != nil {
		change(r)
	}
	return r
}

// do sends a request without following redirects.
func do(t *testing.T, r *http.Request, j http.CookieJar) (int, http.Header, []byte) {
	t.Helper()
	client := &http.Client{Jar: j, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

// tokens are what a sign-in gave.
type tokens struct{ access, refresh, id string }

func asTokens(answer map[string]any) tokens {
	text := func(name string) string { s, _ := answer[name].(string); return s }
	return tokens{text("access_token"), text("refresh_token"), text("id_token")}
}

func redeem(t *testing.T, s *devprovider.Server, code string) (int, map[string]any) {
	t.Helper()
	return post(t, s, "/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {redirectURI}, "code_verifier": {verifier},
	})
}

func refresh(t *testing.T, s *devprovider.Server, token string) (int, map[string]any) {
	t.Helper()
	return post(t, s, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// signIn is a whole sign-in.
func signIn(t *testing.T, s *devprovider.Server, v *devprovider.Visitor, changes ...string) tokens {
	t.Helper()
	q := visit(t, v, authURL(s, changes...))
	status, answer := redeem(t, s, q.Get("code"))
	if status != http.StatusOK {
		t.Fatalf("the code was refused: %v", answer)
	}
	return asTokens(answer)
}

// payload is an ID token's claims, unverified.
func payload(t *testing.T, raw string) map[string]any {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWS: %q", raw)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(data, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func userinfo(t *testing.T, s *devprovider.Server, access string) (int, map[string]any) {
	t.Helper()
	status, _, body := do(t, request(t, s, "/userinfo", nil, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+access)
	}), nil)
	answer := map[string]any{}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("userinfo answered %q: %v", body, err)
	}
	return status, answer
}

// clock is a clock that tests move. It starts at a whole second, as tokens carry whole seconds.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now().Truncate(time.Second)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// record asks the authorization endpoint without a network.
func record(p *devprovider.Provider, query string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:9000/authorize", nil)
	r.URL.RawQuery = query
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func newPost(path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:9000"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func recordRequest(p *devprovider.Provider, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}
