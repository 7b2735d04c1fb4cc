package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// People of the realm and their passwords.
var passwords = map[string]string{
	"alice": "alice-pass-1",
	"bob":   "bob-pass-2",
	"carol": "carol-pass-3",
}

// Person is somebody with a browser of their own, carried by HTTP alone: cookies,
// redirects, meta refresh, forms and the Sec-Fetch headers that a browser sends.
// Safe for concurrent use, as the tabs of one browser are.
type Person struct {
	Name string
	Jar  http.CookieJar
	// StopAt makes navigations end before an address that begins with it, unless empty:
	// whoever holds an answer back, to carry it elsewhere.
	StopAt string

	secrets   *Secrets
	client    *http.Client
	bare      bool // sends no Sec-Fetch headers, as old browsers
	languages string
}

// NewPerson opens a fresh browser for alice, bob or carol. roots may be nil.
func (e *Env) NewPerson(t testing.TB, name string, roots *x509.CertPool) *Person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		DialContext:         dialLoopback,
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		MaxIdleConnsPerHost: 64,
		ForceAttemptHTTP2:   false,
	}
	t.Cleanup(transport.CloseIdleConnections)
	p := &Person{Name: name, Jar: jar, secrets: e.Secret, languages: "en"}
	p.client = &http.Client{
		Transport:     &cookieWatch{next: transport, secrets: e.Secret},
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p
}

// dialLoopback resolves localhost and everything below it to 127.0.0.1, as
// browsers do, and refuses to go anywhere else.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test") {
		host = "127.0.0.1"
	}
	if host != "127.0.0.1" {
		return nil, fmt.Errorf("the tests stay on loopback, not %s", address)
	}
	return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, net.JoinHostPort(host, port))
}

// cookieWatch hands every cookie value set to the collection of secrets.
type cookieWatch struct {
	next    http.RoundTripper
	secrets *Secrets
}

func (c *cookieWatch) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.next.RoundTrip(r)
	if err == nil {
		c.secrets.AddCookies(res.Header)
		if to, perr := url.Parse(res.Header.Get("Location")); perr == nil {
			c.secrets.AddParams(to.Query())
		}
	}
	return res, err
}

// WithoutFetchMetadata makes the person's browser one that sends no Sec-Fetch headers.
func (p *Person) WithoutFetchMetadata() *Person { p.bare = true; return p }

// WithLanguages sets Accept-Language.
func (p *Person) WithLanguages(list string) *Person { p.languages = list; return p }

// Copy is a thief's browser: the same cookies for the given URL in a new jar.
func (p *Person) Copy(t testing.TB, e *Env, at ...string) *Person {
	t.Helper()
	thief := e.NewPerson(t, p.Name, nil)
	for _, raw := range at {
		u := mustURL(t, raw)
		thief.Jar.SetCookies(u, p.Jar.Cookies(u))
	}
	return thief
}

// Cookie returns the value of a cookie the browser would send to a URL, or "".
func (p *Person) Cookie(t testing.TB, at, name string) string {
	t.Helper()
	for _, c := range p.Jar.Cookies(mustURL(t, at)) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Fetch makes a script's request from a page of the same origin. It follows
// nothing and returns the answer with its body read.
func (p *Person) Fetch(t testing.TB, method, target string, edit ...func(*http.Request)) *Page {
	t.Helper()
	req, err := http.NewRequest(method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "*/*")
	p.mark(req, "cors", "empty", "same-origin")
	if method != http.MethodGet && method != http.MethodHead {
		req.Header.Set("Origin", originOf(req.URL))
	}
	for _, f := range edit {
		f(req)
	}
	page, err := p.once(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return page
}

// Resource asks for a script file as a page's <script src> does.
func (p *Person) Resource(t testing.TB, target string) *Page {
	t.Helper()
	return p.Fetch(t, http.MethodGet, target, func(r *http.Request) {
		p.mark(r, "no-cors", "script", "same-origin")
	})
}

// Do sends a request with the person's cookies, following nothing. The caller
// closes the body.
func (p *Person) Do(req *http.Request) (*http.Response, error) { return p.client.Do(req) }

// Dial opens a WebSocket as a page of that origin would.
func (p *Person) Dial(ctx context.Context, target string, header http.Header) (*websocket.Conn, *http.Response, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Origin") == "" {
		header.Set("Origin", strings.Replace(originOf(u), "ws", "http", 1))
	}
	conn, res, err := websocket.Dial(ctx, target, &websocket.DialOptions{HTTPClient: p.client, HTTPHeader: header})
	if conn != nil {
		conn.SetReadLimit(1 << 22)
	}
	return conn, res, err
}

func (p *Person) mark(r *http.Request, mode, dest, site string) {
	r.Header.Set("Accept-Language", p.languages)
	if p.bare {
		return
	}
	r.Header.Set("Sec-Fetch-Mode", mode)
	r.Header.Set("Sec-Fetch-Dest", dest)
	r.Header.Set("Sec-Fetch-Site", site)
}

func (p *Person) once(req *http.Request) (*Page, error) {
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return &Page{URL: req.URL, Status: res.StatusCode, Header: res.Header, Body: string(body)}, nil
}

func mustURL(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }
