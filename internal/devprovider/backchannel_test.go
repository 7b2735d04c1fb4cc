package devprovider_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
)

// receiver takes logout tokens and frames as a client would.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	tokens map[string][]string // by path
	frames []*http.Request
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{tokens: map[string][]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if req.Method == http.MethodGet {
			r.frames = append(r.frames, req)
			return
		}
		if req.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
			r.tokens[req.URL.Path] = append(r.tokens[req.URL.Path], req.PostFormValue("logout_token"))
		}
		w.Header().Set("Cache-Control", "no-store")
		if req.URL.Path == "/refuses" {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// take returns the tokens that came since it was last asked.
func (r *receiver) take(path string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.tokens[path]
	delete(r.tokens, path)
	return got
}

// told makes the test's clients hear of sign-outs at the receiver.
func (r *receiver) told(o *devprovider.Options) {
	for i := range o.Clients {
		if o.Clients[i].ID == clientID || o.Clients[i].ID == otherClientID {
			o.Clients[i].BackChannelLogoutURI = r.URL + "/" + o.Clients[i].ID
			o.Clients[i].BackChannelLogoutSessionRequired = o.Clients[i].ID == clientID
		}
	}
}

// signInToOther signs the visitor in to the client "other", whose secret is no trouble in a URL.
func signInToOther(t *testing.T, s *devprovider.Server, v *devprovider.Visitor) {
	t.Helper()
	q := visit(t, v, authURL(s, "client_id", otherClientID))
	form := url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
	status, _, body := do(t, request(t, s, "/token", form, func(r *http.Request) { r.SetBasicAuth(otherClientID, "other") }), nil)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
}

func logoutHeader(t *testing.T, raw string) map[string]any {
	t.Helper()
	head, _, _ := strings.Cut(raw, ".")
	data, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]any
	if err := json.Unmarshal(data, &header); err != nil {
		t.Fatal(err)
	}
	return header
}

func TestEveryClientOfASessionIsToldOfItsEnd(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *devprovider.Server, *devprovider.Visitor, tokens){
		"a client's end-session": func(t *testing.T, s *devprovider.Server, v *devprovider.Visitor, got tokens) {
			q := url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {returnURI}}
			do(t, request(t, s, "/end-session?"+q.Encode(), nil, nil), v.Client.Jar)
		},
		"the same without a browser": func(t *testing.T, s *devprovider.Server, _ *devprovider.Visitor, got tokens) {
			do(t, request(t, s, "/end-session", url.Values{"id_token_hint": {got.id}}, nil), nil)
		},
		"the provider's own page": func(t *testing.T, s *devprovider.Server, v *devprovider.Visitor, _ tokens) {
			do(t, request(t, s, "/sign-out", url.Values{}, nil), v.Client.Jar)
		},
		"an administrator": func(t *testing.T, s *devprovider.Server, _ *devprovider.Visitor, _ tokens) {
			if n, err := s.EndSessionsOf(t.Context(), "alice"); n != 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		},
		"another person in the same browser": func(t *testing.T, s *devprovider.Server, v *devprovider.Visitor, _ tokens) {
			v.Username, v.Password = "bob", "builder"
			visit(t, v, authURL(s, "prompt", "login"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rp := newReceiver(t)
			s := start(t, rp.told)
			v := alice(t, s)
			got := signIn(t, s, v)
			signIn(t, s, v) // twice at the same client: told once
			signInToOther(t, s, v)
			sid := payload(t, got.id)["sid"]
			if len(rp.take("/"+clientID)) != 0 {
				t.Error("told before the end")
			}
			end(t, s, v, got)
			mine, others := rp.take("/"+clientID), rp.take("/"+otherClientID)
			if len(mine) != 1 || len(others) != 1 {
				t.Fatalf("%d and %d tokens", len(mine), len(others))
			}
			checkLogoutToken(t, s, mine[0], map[string]any{"iss": s.Issuer(), "aud": clientID, "sub": "dev-alice", "sid": sid})
			checkLogoutToken(t, s, others[0], map[string]any{"iss": s.Issuer(), "aud": otherClientID, "sub": "dev-alice"})
			for _, d := range s.LogoutDeliveries() {
				if d.Status != http.StatusOK || d.CacheControl != "no-store" || d.Err != nil || d.SID != sid || !slices.Contains([]string{mine[0], others[0]}, d.Token) {
					t.Errorf("delivery: %+v", d)
				}
			}
			if n := s.Counters().LogoutTokens; n != 2 || len(s.LogoutDeliveries()) != 2 {
				t.Errorf("%d tokens counted", n)
			}
		})
	}
}

// checkLogoutToken verifies with another maker's code, and compares all but the times and the jti.
func checkLogoutToken(t *testing.T, s *devprovider.Server, raw string, want map[string]any) {
	t.Helper()
	op, err := oidc.NewProvider(t.Context(), s.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Verifier(&oidc.Config{ClientID: want["aud"].(string)}).Verify(t.Context(), raw); err != nil {
		t.Errorf("verifying: %v", err)
	}
	if typ := logoutHeader(t, raw)["typ"]; typ != "logout+jwt" {
		t.Errorf("typ %v", typ)
	}
	got := payload(t, raw)
	issued, _ := got["iat"].(float64)
	expires, _ := got["exp"].(float64)
	if jti, _ := got["jti"].(string); len(jti) != 43 || expires-issued != 120 || time.Since(time.Unix(int64(issued), 0)) > time.Minute {
		t.Errorf("jti %q, iat %v, exp %v", jti, issued, expires)
	}
	for _, name := range []string{"jti", "iat", "exp"} {
		delete(got, name)
	}
	want["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestNobodyElseIsToldOfAnEnd(t *testing.T) {
	rp := newReceiver(t)
	s := start(t, rp.told)
	first, second := alice(t, s), alice(t, s)
	signIn(t, s, first)
	signInToOther(t, s, second)
	bob := devprovider.NewVisitor(s.Issuer(), jar(t), nil, "bob", "builder")
	signIn(t, s, bob)

	do(t, request(t, s, "/sign-out", url.Values{}, nil), second.Client.Jar)
	if a, b := len(rp.take("/"+clientID)), len(rp.take("/"+otherClientID)); a != 0 || b != 1 {
		t.Errorf("the end of one session: %d and %d tokens", a, b)
	}
	if found, err := s.EndSession(s.Sessions()[0].SID); !found || err != nil {
		t.Error(err)
	}
	if found, _ := s.EndSession("no such sid"); found {
		t.Error("a session that never was has ended")
	}
	if n := s.Counters().LogoutTokens; n != 1 {
		t.Errorf("EndSession told clients: %d tokens in all", n)
	}
	if _, err := s.EndSessionsOf(t.Context(), "nobody"); err == nil {
		t.Error("a person that nobody is was signed out")
	}
}

func TestAPersonsSessionsEndOneByOneForTheirClients(t *testing.T) {
	rp := newReceiver(t)
	s := start(t, rp.told)
	want := map[any]bool{}
	for range 3 {
		want[payload(t, signIn(t, s, alice(t, s)).id)["sid"]] = true
	}
	signIn(t, s, devprovider.NewVisitor(s.Issuer(), jar(t), nil, "bob", "builder"))
	if n, err := s.EndSessionsOf(t.Context(), "alice"); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	got := map[any]bool{}
	for _, raw := range rp.take("/" + clientID) {
		got[payload(t, raw)["sid"]] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if live := s.Sessions(); len(live) != 1 || live[0].Username != "bob" {
		t.Errorf("alive: %v", live)
	}
}

func TestAClientIsToldAfterItsTokensAreGoneAndTheProviderRestarted(t *testing.T) {
	rp := newReceiver(t)
	file := filepath.Join(t.TempDir(), "state")
	clock := newClock()
	change := func(o *devprovider.Options) {
		rp.told(o)
		o.StateFile, o.Now, o.SigningAlg = file, clock.now, devprovider.ES256
		o.RefreshTokens = devprovider.RefreshNever
	}
	s := start(t, change)
	v := alice(t, s)
	signIn(t, s, v)
	clock.advance(time.Hour)
	signInToOther(t, s, v) // sweeps
	if s.LiveGrants() != 1 {
		t.Fatalf("%d grants", s.LiveGrants())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, change)
	if n, err := s.EndSessionsOf(t.Context(), "alice"); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if n := len(rp.take("/" + clientID)); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

func TestAClientThatFailsChangesNothing(t *testing.T) {
	rp := newReceiver(t)
	s := start(t, rp.told)
	nobody, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{rp.URL + "/refuses": http.StatusBadRequest, "http://" + nobody: 0} {
		client := devprovider.Client{ID: clientID, Secret: clientSecret, RedirectURIs: []string{redirectURI}, BackChannelLogoutURI: address}
		if err := s.AddClient(client); err != nil {
			t.Fatal(err)
		}
		signIn(t, s, alice(t, s))
		if n, err := s.EndSessionsOf(t.Context(), "alice"); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		all := s.LogoutDeliveries()
		if last := all[len(all)-1]; last.Status != want || (last.Err != nil) != (want == 0) {
			t.Errorf("%s: %+v", address, last)
		}
	}
}

func TestLogoutTokensLeaveForThisMachineOnly(t *testing.T) {
	s := start(t, nil)
	for _, address := range []string{"https://rp.example/logout", "http://192.0.2.1/", "http://127.0.0.1.example/"} {
		client := devprovider.Client{ID: clientID, Secret: clientSecret, BackChannelLogoutURI: address}
		if err := s.AddClient(client); !errors.Is(err, devprovider.ErrNotLoopback) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"/logout", "ftp://localhost/", "http://localhost/#x"} {
		if err := s.AddClient(devprovider.Client{ID: "x", BackChannelLogoutURI: address}); err == nil {
			t.Errorf("back-channel at %s", address)
		}
		if err := s.AddClient(devprovider.Client{ID: "x", FrontChannelLogoutURI: address}); err == nil {
			t.Errorf("front-channel at %s", address)
		}
	}
	if err := s.AddClient(devprovider.Client{ID: "x", BackChannelLogoutURI: "http://app.localhost:1/", FrontChannelLogoutURI: "https://rp.example/fc?a=b"}); err != nil {
		t.Error(err)
	}
}

func TestEveryForgeryIsWhatItSays(t *testing.T) {
	rp := newReceiver(t)
	s := start(t, rp.told)
	seen := map[string]string{}
	for _, forgery := range devprovider.LogoutForgeries() {
		s.SetFaults(forgery.Faults())
		signIn(t, s, alice(t, s))
		if _, err := s.EndSessionsOf(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		got := rp.take("/" + clientID)
		if forgery.Name == "replay" {
			if len(got) != 2 || got[0] != got[1] {
				t.Errorf("replay: %d tokens", len(got))
			}
			continue
		}
		if len(got) != 1 {
			t.Errorf("%s: %d tokens", forgery.Name, len(got))
			continue
		}
		seen[forgery.Name] = describe(t, got[0])
	}
	want := map[string]string{
		"alg none": "none logout+jwt", "HS256, public key": "HS256 logout+jwt", "stranger's key": "ES256 logout+jwt", "wrong alg": "RS512 logout+jwt",
		"wrong typ": "ES256 at+jwt", "no event": "ES256 logout+jwt without events", "wrong event": "ES256 logout+jwt", "event no object": "ES256 logout+jwt",
		"nonce present": "ES256 logout+jwt with nonce", "wrong aud": "ES256 logout+jwt", "wrong iss": "ES256 logout+jwt", "no iat": "ES256 logout+jwt without iat",
		"old": "ES256 logout+jwt", "no jti": "ES256 logout+jwt without jti", "no sub, no sid": "ES256 logout+jwt without sub without sid",
		"no exp": "ES256 logout+jwt without exp", "no exp, typ JWT": "ES256 JWT without exp", "junk": "junk",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.SetFaults(devprovider.Faults{LogoutToken: func(n *devprovider.LogoutNotice) { n.Copies = 0 }})
	signIn(t, s, alice(t, s))
	if _, err := s.EndSessionsOf(t.Context(), "alice"); err != nil || len(rp.take("/"+clientID)) != 0 {
		t.Errorf("a token that was to be lost arrived, %v", err)
	}
}

// describe names a token's algorithm, type and members that are not as usual.
func describe(t *testing.T, raw string) string {
	t.Helper()
	if strings.Count(raw, ".") != 2 {
		return raw
	}
	header := logoutHeader(t, raw)
	claims := payload(t, raw)
	text := fmt.Sprint(header["alg"], " ", header["typ"])
	for _, name := range []string{"iss", "aud", "sub", "sid", "iat", "exp", "jti", "events"} {
		if _, ok := claims[name]; !ok {
			text += " without " + name
		}
	}
	if _, ok := claims["nonce"]; ok {
		text += " with nonce"
	}
	return text
}

func TestDiscoverySaysThatSignOutsAreTold(t *testing.T) {
	_, _, body := do(t, request(t, start(t, nil), "/.well-known/openid-configuration", nil, nil), nil)
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	for _, channel := range []string{"back", "front"} {
		if doc[channel+"channel_logout_supported"] != true || doc[channel+"channel_logout_session_supported"] != true {
			t.Errorf("%s-channel is not advertised", channel)
		}
	}
}
