package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// standIn stands in for the suite: as much of its API, of its provider and of its two
// pages as the driver meets, with one module that runs at a time.
type standIn struct {
	t      *testing.T
	server *httptest.Server
	key    *rsa.PrivateKey
	plans  map[string][]string // the modules by plan
	// honest makes the provider behave in every module.
	honest bool
	// fails makes every verdict a bad one.
	fails bool

	mu      sync.Mutex
	config  map[string]any
	started int
	name    string
	status  string
	result  string
	nonce   string
	posted  bool // form_post
	visits  []string
	visited []string
	tokens  []string // ID tokens given
	refresh bool     // a refresh request came
}

func newStandIn(t *testing.T, plans map[string][]string) *standIn {
	t.Helper()
	s := &standIn{t: t, plans: plans}
	var err error
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/plan", s.makePlan)
	mux.HandleFunc("POST /api/runner", s.startModule)
	mux.HandleFunc("GET /api/info/{id}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"status": s.status, "result": s.result})
	})
	mux.HandleFunc("GET /api/log/{id}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, []entry{{Source: "x", Message: "why it failed", Result: "FAILURE"}, {Source: "y", Message: "fine", Result: "SUCCESS"}})
	})
	mux.HandleFunc("GET /api/runner/browser/{id}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"urls": s.visits})
	})
	mux.HandleFunc("POST /api/runner/browser/{id}/visit", func(w http.ResponseWriter, r *http.Request) {
		s.visited = append(s.visited, r.URL.Query().Get("url"))
		w.WriteHeader(http.StatusNoContent)
	})
	const at = "/test/a/cardea"
	mux.HandleFunc("GET "+at+"/.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("GET "+at+"/jwks", s.jwks)
	mux.HandleFunc("GET "+at+"/authorize", s.authorize)
	mux.HandleFunc("POST "+at+"/token", s.token)
	mux.HandleFunc("GET "+at+"/userinfo", s.userinfo)
	mux.HandleFunc("GET "+at+"/end", s.endSession)
	mux.HandleFunc("GET "+at+"/frontchannel_logout_callback", func(w http.ResponseWriter, _ *http.Request) { s.finish("REVIEW") })
	s.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *standIn) issuer() string { return s.server.URL + "/test/a/cardea/" }

func (s *standIn) client(member string) string {
	text, _ := s.config["client"].(map[string]any)[member].(string)
	return text
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func (s *standIn) makePlan(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("planName")
	s.config = nil
	if err := json.NewDecoder(r.Body).Decode(&s.config); err != nil || s.plans[name] == nil {
		http.Error(w, "no such plan", http.StatusNotFound)
		return
	}
	s.posted = strings.Contains(name, "formpost")
	var modules []module
	for _, m := range s.plans[name] {
		modules = append(modules, module{Name: m, Variant: map[string]string{"response_type": "code"}})
	}
	w.WriteHeader(http.StatusCreated)
	answer(w, plan{ID: "plan", Modules: modules})
}

func (s *standIn) startModule(w http.ResponseWriter, r *http.Request) {
	s.started++
	s.name, s.status, s.result = r.URL.Query().Get("test"), "WAITING", ""
	s.visits, s.visited, s.tokens, s.refresh = nil, nil, nil, false
	if strings.Contains(s.name, "3rd-party") {
		s.visits = []string{s.client("initiate_login_uri") + "?iss=" + url.QueryEscape(s.issuer())}
		if s.started == 1 {
			s.status, s.result = "INTERRUPTED", "FAILED" // the race against its own start
		}
	}
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]string{"id": fmt.Sprint("module", s.started)})
}

// finish ends the module; what was said first stays.
func (s *standIn) finish(result string) {
	if s.status != "WAITING" {
		return
	}
	if s.status, s.result = "FINISHED", result; s.fails {
		s.result = "FAILED"
	}
}

func (s *standIn) is(part string) bool { return strings.Contains(s.name, part) }

func (s *standIn) discovery(w http.ResponseWriter, _ *http.Request) {
	base := strings.TrimSuffix(s.issuer(), "/")
	doc := map[string]any{
		"issuer": s.issuer(), "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
		"userinfo_endpoint": base + "/userinfo", "jwks_uri": base + "/jwks", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"none", "RS256", "ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
	}
	if s.is("logout") {
		doc["end_session_endpoint"] = base + "/end"
	}
	answer(w, doc)
	if s.is("discovery-openid-config") {
		s.finish("PASSED")
	}
}

func (s *standIn) jwks(w http.ResponseWriter, _ *http.Request) {
	enc := base64.RawURLEncoding.EncodeToString
	answer(w, map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "kid": "k", "n": enc(s.key.N.Bytes()), "e": enc(big.NewInt(int64(s.key.E)).Bytes()),
	}}})
	if s.is("jwks-uri-keys") {
		s.finish("PASSED")
	}
}

func (s *standIn) authorize(w http.ResponseWriter, r *http.Request) {
	if s.status != "WAITING" {
		s.result = "FAILED" // as the suite: nobody may ask a module that is over
	}
	query := r.URL.Query()
	s.nonce = query.Get("nonce")
	params := url.Values{"code": {"the-code"}, "state": {query.Get("state")}}
	if !s.posted {
		http.Redirect(w, r, query.Get("redirect_uri")+"?"+params.Encode(), http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprintf(w, `<body onload="submitform()"><form action="%s" method="post" enctype="application/x-www-form-urlencoded">`, html.EscapeString(query.Get("redirect_uri")))
	for name, values := range params {
		fmt.Fprintf(w, "\n<div><input type=\"hidden\" name=\"%s\" value=\"%s\"></div>", name, html.EscapeString(values[0]))
	}
	fmt.Fprint(w, "</form>")
}

func (s *standIn) token(w http.ResponseWriter, r *http.Request) {
	if _, secret, _ := r.BasicAuth(); secret != s.client("client_secret") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.refresh = r.PostFormValue("grant_type") == "refresh_token"
	claims := map[string]any{
		"iss": s.issuer(), "sub": "somebody", "aud": "cardea", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		"nonce": s.nonce, "sid": "a;b#c'd",
	}
	bad := s.is("nonce-invalid") || s.is("refresh-token-invalid") && s.refresh
	if bad && !s.honest {
		claims["nonce"], claims["iss"] = "another", "https://another.example/"
	}
	if bad {
		go s.timeout()
	}
	token := s.sign(claims, "JWT")
	s.tokens = append(s.tokens, token)
	body := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "id_token": token}
	if s.is("refresh") {
		body["refresh_token"] = rand.Text()
	}
	answer(w, body)
}

// timeout ends a module that is over when nothing more comes.
func (s *standIn) timeout() {
	time.Sleep(500 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish("PASSED")
}

func (s *standIn) userinfo(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"sub": "somebody", "name": "Some Body"})
	switch {
	case s.is("logout"), s.is("refresh") && !s.refresh:
	case s.is("nonce-invalid"), s.is("refresh-token-invalid"):
		if !s.honest {
			s.finish("FAILED")
		}
	default:
		s.finish("PASSED")
	}
}

func (s *standIn) endSession(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	back := query.Get("post_logout_redirect_uri") + "?state=" + url.QueryEscape(query.Get("state"))
	if hint := query.Get("id_token_hint"); len(s.tokens) == 0 || hint != s.tokens[len(s.tokens)-1] {
		s.finish("FAILED")
	}
	if frame := s.client("frontchannel_logout_uri"); frame != "" {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<script>iframe.onload = function(){ let url = '%s'; setTimeout(function(){window.location.href='%s';}, 5000); }
iframe.src = '%s';</script>`, s.issuer()+"frontchannel_logout_callback", html.EscapeString(back),
			html.EscapeString(strings.NewReplacer("/", `\/`, "'", `\'`).Replace(frame+"?iss="+s.issuer()+"&sid=a;b#c'd")))
		return
	}
	claims := map[string]any{
		"iss": s.issuer(), "aud": "cardea", "sub": "somebody", "sid": "a;b#c'd", "jti": rand.Text(), "iat": time.Now().Unix(),
		"exp": time.Now().Add(time.Minute).Unix(), "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	want := http.StatusOK
	if s.is("no-event") {
		delete(claims, "events")
		want = http.StatusBadRequest
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	s.mu.Unlock() // the gateway fetches keys before it answers
	resp, err := client.PostForm(s.client("backchannel_logout_uri"), url.Values{"logout_token": {s.sign(claims, "logout+jwt")}})
	s.mu.Lock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != want {
		s.finish("FAILED")
	}
	s.finish("PASSED")
	http.Redirect(w, r, back, http.StatusFound)
}

func (s *standIn) sign(claims map[string]any, typ string) string {
	enc := base64.RawURLEncoding.EncodeToString
	payload, err := json.Marshal(claims)
	if err != nil {
		s.t.Error(err)
	}
	input := enc([]byte(`{"alg":"RS256","kid":"k","typ":"`+typ+`"}`)) + "." + enc(payload)
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		s.t.Error(err)
	}
	return input + "." + enc(signature)
}
