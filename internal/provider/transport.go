package provider

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
)

const (
	defaultTimeout = 10 * time.Second
	dialTimeout    = 4 * time.Second
	maxAnswer      = 4 << 20
	maxTokenAnswer = 24 << 20 // it carries an ID token, and that a picture: 10 MB of one take 18 MB
	maxErrorAnswer = 64 << 10 // what is read of an answer that is an error
	maxHeader      = 128 << 10
	maxHops        = 3
)

// newTransport returns the transport of one provider, so that its certificates and
// limits touch no other. roots, PEM, are trusted beside the system's.
func newTransport(roots []byte) (http.RoundTripper, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(roots) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(roots) {
			return nil, errors.New("the CA file holds no PEM certificate")
		}
		conf.RootCAs = pool
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        64,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        60 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}, nil
}

// caller makes this server's requests to a provider.
type caller struct {
	http    *http.Client
	to      addresses
	headers map[string]string // the record's, on every request
	timeout time.Duration
}

func newCaller(rt http.RoundTripper, to addresses, headers map[string]string, timeout time.Duration) *caller {
	return &caller{
		http: &http.Client{
			Transport: rt,
			// A redirect would carry codes and secrets to an address nobody chose.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		to: to, headers: headers, timeout: timeout,
	}
}

// call is one request.
type call struct {
	what   string // for errors: "token request"
	method string
	url    string // the public address
	header http.Header
	body   []byte
	limit  int64 // of a good answer, in bytes; 0: maxAnswer
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes the request. Its error is an *oidc.UnreachableError, whose text holds no
// address with a query and nothing of the answer's body.
func (c *caller) do(ctx context.Context, in call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// A GET on a kept connection that turns out dead is repeated on a new one: what
		// counts is whether that one could be had.
		GetConn: func(string) {
			if in.method == http.MethodGet {
				sent.Store(false)
			}
		},
		// From here on the provider may have got all of it.
		WroteHeaders: func() { sent.Store(true) },
	})
	fail := func(err error) (answer, error) {
		return answer{}, &oidc.UnreachableError{Sent: sent.Load(), Err: fmt.Errorf("%s: %w", in.what, plain(err))}
	}
	req, err := c.request(ctx, in)
	if err != nil {
		return fail(err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fail(err)
	}
	defer res.Body.Close()
	limit := in.limit
	if limit == 0 {
		limit = maxAnswer
	}
	if res.StatusCode/100 != 2 {
		limit = maxErrorAnswer
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil && res.StatusCode/100 == 2 {
		return fail(err)
	}
	if int64(len(body)) > limit {
		if res.StatusCode/100 == 2 {
			return fail(&opaqueError{text: fmt.Sprintf("answer is larger than %d bytes", limit)})
		}
		body = nil
	}
	return answer{status: res.StatusCode, header: res.Header, body: body}, nil
}

func (c *caller) request(ctx context.Context, in call) (*http.Request, error) {
	target, host := c.to.server(in.url)
	req, err := http.NewRequestWithContext(ctx, in.method, target, bytes.NewReader(in.body))
	if err != nil {
		return nil, &opaqueError{text: "address is not a URL"}
	}
	if host != "" {
		req.Host = host
		req.Header.Set("X-Forwarded-Proto", c.to.issuer.Scheme)
		req.Header.Set("X-Forwarded-Host", host)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Cardea")
	for name, value := range c.headers {
		req.Header.Set(name, value)
	}
	for name, values := range in.header {
		req.Header[name] = values
	}
	return req, nil
}

// get fetches a public document (discovery, keys), following redirects within its
// origin only: another host would become the provider's voice.
func (c *caller) get(ctx context.Context, what, address string, limit int64) ([]byte, error) {
	start, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%s: address is not a URL", what)
	}
	for hop := 0; ; hop++ {
		a, err := c.do(ctx, call{what: what, method: http.MethodGet, url: address, limit: limit})
		if err != nil {
			return nil, err
		}
		if a.status == http.StatusOK {
			return a.body, nil
		}
		location := a.header.Get("Location")
		if a.status/100 != 3 || location == "" {
			return nil, fmt.Errorf("%s at %s: HTTP status %d", what, withoutQuery(start), a.status)
		}
		next, err := start.Parse(location)
		if err != nil || hop >= maxHops || !(httpx.SameOrigin(next, start) || c.to.back != nil && httpx.SameOrigin(next, c.to.back)) {
			return nil, fmt.Errorf("%s at %s: redirect not followed", what, withoutQuery(start))
		}
		address = next.String()
	}
}

func withoutQuery(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return bounded(bare.String())
}

// opaqueError shows its text alone, and still lets errors.Is see the cause.
type opaqueError struct {
	text string
	err  error
}

func (e *opaqueError) Error() string { return e.text }
func (e *opaqueError) Unwrap() error { return e.err }

// plain returns an error that says what failed and quotes nothing that was sent or
// received: net/http puts addresses and parts of malformed answers into its own.
func plain(err error) error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		err = urlErr.Err
	}
	if own, ok := errors.AsType[*opaqueError](err); ok {
		return own
	}
	var (
		network net.Error
		op      *net.OpError
		certErr *tls.CertificateVerificationError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return &opaqueError{text: "canceled", err: err}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return &opaqueError{text: "timed out", err: err}
	case errors.As(err, &certErr):
		return fmt.Errorf("certificate not trusted: %w", certErr)
	case errors.As(err, &record):
		return &opaqueError{text: "the answer is not TLS (is it plain http?)", err: err}
	case errors.As(err, &op):
		return op
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &opaqueError{text: "connection cut", err: err}
	}
	return &opaqueError{text: "malformed or broken HTTP exchange", err: err}
}
