package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// target is where an app listens.
type target struct {
	scheme string // http or https
	host   string // host[:port]; a placeholder for a socket file
	socket string // path of a socket file
	h2c    bool   // HTTP/2 with prior knowledge (RFC 9113 section 3.3)
}

func parseTarget(upstream string) (target, error) {
	if path, ok := strings.CutPrefix(upstream, "unix:"); ok {
		if path = strings.TrimPrefix(path, "//"); !strings.HasPrefix(path, "/") {
			return target{}, fmt.Errorf("upstream %q: a socket needs an absolute path, as in unix:/run/app.sock", upstream)
		}
		return target{scheme: "http", host: "localhost", socket: path}, nil
	}
	u, err := url.Parse(upstream)
	if err != nil {
		return target{}, fmt.Errorf("upstream: %w", err)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
		return target{}, errors.New("upstream: give scheme, host and port only; paths are passed on as they are")
	}
	if u.Hostname() == "" {
		return target{}, fmt.Errorf("upstream %q names no host", upstream)
	}
	switch u.Scheme {
	case "http", "https":
		return target{scheme: u.Scheme, host: u.Host}, nil
	case "h2c":
		return target{scheme: "http", host: u.Host, h2c: true}, nil
	}
	return target{}, fmt.Errorf("upstream %q: use http, https, h2c or unix", upstream)
}

const (
	dialWithin  = 10 * time.Second
	idlePerHost = 512
	// idleFor is shorter than the 5 s after which uvicorn and Node close idle
	// connections: a request sent on a connection that is just being closed fails.
	idleFor           = 4 * time.Second
	maxResponseHeader = 1 << 20
)

// transport holds the connections to one app.
type transport struct {
	*http.Transport
	upgrades *http.Transport // for h2c, where WebSockets need HTTP/1.1 still
}

func newTransport(t target, roots *x509.CertPool, within time.Duration) *transport {
	if within <= 0 {
		within = dialWithin
	}
	dialer := &net.Dialer{Timeout: within, KeepAlive: 30 * time.Second}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if t.socket != "" {
			network, address = "unix", t.socket
		}
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: c}, nil
	}
	plain := func() *http.Transport {
		return &http.Transport{
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    dialWithin,
			DisableCompression:     true, // bodies pass as they are
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        idleFor,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: maxResponseHeader,
			ForceAttemptHTTP2:      t.scheme == "https",
		}
	}
	if !t.h2c {
		return &transport{Transport: plain()}
	}
	clear := plain()
	clear.Protocols = new(http.Protocols)
	clear.Protocols.SetUnencryptedHTTP2(true)
	return &transport{Transport: clear, upgrades: plain()}
}

// wire is a connection to the app that knows how much has come in on it.
type wire struct {
	net.Conn
	received atomic.Int64
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.received.Add(int64(n))
	return n, err
}

// CloseWrite passes on that one side of an upgraded connection is done.
func (w *wire) CloseWrite() error { return closeWrite(w.Conn) }

// errSurplus: bytes that followed an earlier answer look like an answer to this
// request. They belong to somebody else's.
var errSurplus = errors.New("app sent more than it announced with an earlier answer")

// RoundTrip implements http.RoundTripper. An HTTP/1.1 answer of which nothing arrived
// after the connection was taken for this request is none: net/http drops connections
// on which more comes than was announced, but not always before it uses them again.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r.Context())
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		trace.GotConn = x.gotConn // the trace was made by the reverse proxy for this request
	}
	by := t.Transport
	if t.upgrades != nil && r.Header.Get("Upgrade") != "" {
		by = t.upgrades
	}
	res, err := by.RoundTrip(r)
	if err == nil && res.ProtoMajor == 1 && x.wire != nil && x.wire.received.Load() == x.mark {
		_ = x.wire.Close()
		_ = res.Body.Close()
		return nil, errSurplus
	}
	return res, err
}

// gotConn notes the connection that the request goes out on.
func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	c := info.Conn
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	if w, ok := c.(*wire); ok {
		x.wire, x.mark = w, w.received.Load()
	}
}

const bufferSize = 32 << 10

// bufferPool lends the buffers that bodies and sockets are copied through.
type bufferPool struct{ pool sync.Pool }

var buffers = &bufferPool{pool: sync.Pool{New: func() any { return new([bufferSize]byte) }}}

// Get returns a buffer of bufferSize bytes. Implements httputil.BufferPool.
func (b *bufferPool) Get() []byte { return b.pool.Get().(*[bufferSize]byte)[:] }

// Put takes a buffer back.
func (b *bufferPool) Put(p []byte) {
	if cap(p) >= bufferSize {
		b.pool.Put((*[bufferSize]byte)(p[:bufferSize]))
	}
}
