package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/cardea-auth/cardea/internal/httpx"
)

const (
	mostAnswer   = 256 << 10
	mostRequests = 12 // of one caller
	mostEvidence = 200
)

// answer is what came back.
type answer struct {
	status       int
	header       http.Header
	body         []byte
	began, ended time.Time
}

// caller makes requests to one server. It follows no redirect and keeps no cookie. It is
// for one goroutine.
type caller struct {
	http         *http.Client
	issuer, back *url.URL // back: nil where the server is called where browsers call it
	now          func() time.Time
	left         int
}

var errBudget = errors.New("too many requests")

func newTransport(roots []byte) *http.Transport {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(roots) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM(roots) // the configuration's check has read them
		conf.RootCAs = pool
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, ForceAttemptHTTP2: true,
		DialContext:       (&net.Dialer{Timeout: requestTime}).DialContext,
		DisableKeepAlives: true, MaxResponseHeaderBytes: 128 << 10,
	}
}

func newClient(t http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: t, Timeout: requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get asks for the public address, by way of the back-channel one where there is one: what
// is at the issuer's origin for browsers is then called there under the issuer's name.
func (c *caller) get(ctx context.Context, address, accept string) (answer, error) {
	if c.left--; c.left < 0 {
		return answer{}, errBudget
	}
	u, err := url.Parse(address)
	if err != nil {
		return answer{}, errors.New("the address is not a URL")
	}
	host := ""
	if c.back != nil && (httpx.SameOrigin(u, c.issuer) || httpx.SameOrigin(u, c.back)) {
		u.Scheme, u.Host, host = c.back.Scheme, c.back.Host, c.issuer.Host
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, errors.New("the address is not a URL")
	}
	if host != "" {
		req.Host = host
		req.Header.Set("X-Forwarded-Proto", c.issuer.Scheme)
		req.Header.Set("X-Forwarded-Host", host)
	}
	req.Header.Set("Accept", accept)
	return send(c.http, req, c.now)
}

func send(client *http.Client, req *http.Request, now func() time.Time) (answer, error) {
	req.Header.Set("User-Agent", "Cardea-doctor")
	a := answer{began: now()}
	res, err := client.Do(req)
	a.ended = now()
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	a.status, a.header = res.StatusCode, res.Header
	if a.body, err = io.ReadAll(io.LimitReader(res.Body, mostAnswer)); err != nil {
		return a, fmt.Errorf("reading the answer: %w", err)
	}
	return a, nil
}

// why says what a request failed of, without the address, whose query may hold values that
// are nobody's business.
func why(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		return "no answer in time"
	}
	return printable(err.Error())
}

// bare is an address without its query.
func bare(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "an address that is no URL"
	}
	return printable((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}

// printable makes what a server said fit for a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	return s
}

// short bounds a value from outside.
func short(s string) string {
	s = strings.TrimSpace(printable(s))
	if r := []rune(s); len(r) > mostEvidence {
		s = string(r[:mostEvidence]) + "…"
	}
	return s
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }
