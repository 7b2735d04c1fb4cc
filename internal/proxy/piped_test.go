package proxy

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pipes is a listener without a network: a connection is a pair of pipes, which hold
// nothing back and know no time but a synctest bubble's.
type pipes struct {
	coming chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{coming: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.coming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.coming <- pipeEnd{far}:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// pipeEnd is a server's end, which says where its client is as a socket does.
type pipeEnd struct{ net.Conn }

func (pipeEnd) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000} }

// pipedRig is a rig whose app, front and browser are joined by pipes: inside a synctest
// bubble, what it does takes exactly the time that somebody waits for.
type pipedRig struct {
	*rig
	front  *pipes
	client *http.Client
	under  atomic.Int64 // requests that the proxy is at
}

const pipedURL = "http://gate.example"

// newPipedRig must be called inside a bubble. The servers' own timeouts are patience.
func newPipedRig(t *testing.T, app http.HandlerFunc, patience time.Duration, change func(*Options)) *pipedRig {
	t.Helper()
	upstream := newPipes()
	r := &pipedRig{rig: newProxy(t, "http://app.example", change), front: newPipes()}
	r.proxy.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := upstream.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: c}, nil
	}
	by := &http.Transport{DialContext: r.front.dial}
	r.client = &http.Client{Transport: by}
	quiet := slog.NewLogLogger(slog.NewTextHandler(r.log, nil), slog.LevelError)
	apps := &http.Server{Handler: app, ErrorLog: quiet}
	gate := &http.Server{
		ErrorLog: quiet, ReadHeaderTimeout: patience, IdleTimeout: patience,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			r.under.Add(1)
			defer r.under.Add(-1)
			r.serve(w, q)
		}),
	}
	go func() { _ = apps.Serve(upstream) }()
	go func() { _ = gate.Serve(r.front) }()
	t.Cleanup(func() {
		by.CloseIdleConnections()
		_ = gate.Close()
		r.proxy.Close()
		_ = apps.Close()
	})
	return r
}

// dial opens a plain connection to the front.
func (r *pipedRig) dial() net.Conn {
	r.t.Helper()
	c, err := r.front.dial(r.t.Context(), "", "")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

const upgradeRequest = "GET / HTTP/1.1\r\nHost: gate.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// upgraded opens a socket and reads the answer's header and nothing more.
func (r *pipedRig) upgraded() net.Conn {
	r.t.Helper()
	c := r.dial()
	go func() { _, _ = io.WriteString(c, upgradeRequest) }()
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		if _, err := c.Read(b); err != nil {
			r.t.Fatalf("%v after %q", err, head.String())
		}
		head.Write(b)
	}
	if !strings.HasPrefix(head.String(), "HTTP/1.1 101 ") {
		r.t.Fatalf("%q", head.String())
	}
	return c
}

// switching answers an upgrade and hands its connection over.
func switching(do func(c net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"); err == nil {
			do(c)
		}
	}
}
