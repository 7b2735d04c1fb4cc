package harness

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// ErrCut, returned by a rule, drops the connection without an answer.
var ErrCut = errors.New("connection cut by the test")

// Exchange is one request through a Front and, once there is one, its answer.
type Exchange struct {
	Method string
	Path   string
	Query  url.Values
	Form   url.Values // of an url-encoded body
	Status int        // 0 before the answer
	Body   []byte     // of the answer
}

// TokenGrant returns the grant type of a token request, else "".
func (x *Exchange) TokenGrant() string {
	if x.Method == http.MethodPost && strings.HasSuffix(x.Path, "/protocol/openid-connect/token") {
		return x.Form.Get("grant_type")
	}
	return ""
}

// Token returns a member of the answer's JSON, as of a token answer.
func (x *Exchange) Token(name string) string {
	var members map[string]any
	if json.Unmarshal(x.Body, &members) != nil {
		return ""
	}
	value, _ := members[name].(string)
	return value
}

// Rule acts on what passes. Before runs with the request alone, After with the
// answer; either may block, or return ErrCut.
type Rule struct {
	Match  func(*Exchange) bool
	Before func(*Exchange) error
	After  func(*Exchange) error
}

// Front stands before Keycloak at an address of its own, forwards with the Host
// kept, remembers what passed, and lets tests hold or cut single exchanges.
type Front struct {
	URL string

	backend string
	secrets *Secrets
	https   bool
	server  *http.Server
	client  *http.Transport

	mu    sync.Mutex
	rules map[*Rule]bool
	seen  []Exchange
	down  bool
}

// FrontOptions says where a Front listens; the zero value is http on 127.0.0.1.
type FrontOptions struct {
	Host string           // name in URL; "" is 127.0.0.1
	TLS  *tls.Certificate // nil is plain http
}

// StartFront puts a Front before a backend such as Keycloak.URL for one test.
func (e *Env) StartFront(t testing.TB, backend string, o FrontOptions) *Front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening for a front: %v", err)
	}
	host, scheme := o.Host, "http"
	if host == "" {
		host = "127.0.0.1"
	}
	if o.TLS != nil {
		scheme = "https"
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*o.TLS}, NextProtos: []string{"http/1.1"}})
	}
	f := &Front{
		backend: backend,
		secrets: e.Secret,
		https:   o.TLS != nil,
		client:  &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
		rules:   map[*Rule]bool{},
	}
	f.URL = fmt.Sprintf("%s://%s:%d", scheme, host, portOf(listener.Addr()))
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = f.server.Serve(listener) }()
	t.Cleanup(func() {
		_ = f.server.Close()
		f.client.CloseIdleConnections()
	})
	return f
}

func portOf(a net.Addr) int { return a.(*net.TCPAddr).Port }

// Use adds a rule and returns what removes it.
func (f *Front) Use(r Rule) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rule := &r
	f.rules[rule] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.rules, rule)
	}
}

// SetDown makes every request end without an answer, or ends that.
func (f *Front) SetDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// Seen returns what passed and matches, oldest first.
func (f *Front) Seen(match func(*Exchange) bool) []Exchange {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Exchange
	for i := range f.seen {
		if match(&f.seen[i]) {
			out = append(out, f.seen[i])
		}
	}
	return out
}

// Grants counts the token requests of a grant type.
func (f *Front) Grants(kind string) int {
	return len(f.Seen(func(x *Exchange) bool { return x.TokenGrant() == kind }))
}

// LastToken returns the named member of the newest good token answer.
func (f *Front) LastToken(name string) string {
	all := f.Seen(func(x *Exchange) bool { return x.TokenGrant() != "" && x.Status == http.StatusOK })
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].Token(name)
}

// Tokens returns every access and refresh token that came in good token answers.
func (f *Front) Tokens() (access, refresh []string) {
	for _, x := range f.Seen(func(x *Exchange) bool { return x.TokenGrant() != "" && x.Status == http.StatusOK }) {
		access = append(access, x.Token("access_token"))
		if r := x.Token("refresh_token"); r != "" {
			refresh = append(refresh, r)
		}
	}
	return access, refresh
}

// ServeHTTP forwards one request.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	x := &Exchange{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query()}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		x.Form, _ = url.ParseQuery(string(body))
	}
	f.secrets.AddParams(x.Query)
	f.secrets.AddParams(x.Form)
	rules, down := f.matching(x)
	if down || apply(rules, x, false) != nil {
		cut(w)
		return
	}
	res, err := f.forward(r, body)
	if err != nil {
		cut(w)
		return
	}
	f.note(x, res)
	if apply(rules, x, true) != nil {
		cut(w)
		return
	}
	header := w.Header()
	for name, values := range res.Header {
		header[name] = values
	}
	w.WriteHeader(x.Status)
	_, _ = w.Write(x.Body)
}

func (f *Front) matching(x *Exchange) (rules []*Rule, down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for rule := range f.rules {
		if rule.Match(x) {
			rules = append(rules, rule)
		}
	}
	return rules, f.down
}

func apply(rules []*Rule, x *Exchange, answered bool) error {
	for _, rule := range rules {
		act := rule.Before
		if answered {
			act = rule.After
		}
		if act == nil {
			continue
		}
		if err := act(x); err != nil {
			return err
		}
	}
	return nil
}

// answer is a whole response.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func (f *Front) forward(r *http.Request, body []byte) (*answer, error) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, f.backend+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header = r.Header.Clone()
	out.Host = r.Host
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded", "Connection"} {
		out.Header.Del(name)
	}
	if f.https {
		out.Header.Set("X-Forwarded-Proto", "https")
		out.Header.Set("X-Forwarded-Host", r.Host)
		if _, port, err := net.SplitHostPort(r.Host); err == nil {
			out.Header.Set("X-Forwarded-Port", port)
		}
	}
	res, err := f.client.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Header.Del("Transfer-Encoding")
	res.Header.Del("Connection")
	return &answer{Status: res.StatusCode, Header: res.Header, Body: data}, nil
}

// note keeps the exchange and the secrets in its answer.
func (f *Front) note(x *Exchange, res *answer) {
	x.Status, x.Body = res.Status, res.Body
	f.secrets.AddCookies(res.Header)
	if to, err := url.Parse(res.Header.Get("Location")); err == nil {
		f.secrets.AddParams(to.Query())
	}
	kept := *x
	if x.TokenGrant() == "" {
		kept.Body = nil // pages are of no interest later
	} else {
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			f.secrets.Add(name, x.Token(name))
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, kept)
}

// cut closes the connection without a word.
func cut(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.Close()
}
