package devprovider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Serve answers on ln until ctx ends, then lets running requests finish for at most two seconds.
// It closes ln. A listener that other machines could reach is refused with ErrNotLoopback.
func (p *Provider) Serve(ctx context.Context, ln net.Listener) error {
	defer ln.Close()
	if !loopbackAddr(ln.Addr()) {
		return fmt.Errorf("listening on %s: %w", ln.Addr(), ErrNotLoopback)
	}
	server := &http.Server{
		Handler:           p,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		// Connections dropped on purpose are not worth a line.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close() // the time given is over; what is still open is cut
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// Server is a provider that is being served.
type Server struct {
	*Provider
	stop context.CancelFunc
	done chan struct{}
	once sync.Once
	err  error
}

// Start makes a provider and serves it on the issuer's host and port; an issuer that is empty or
// has port 0 gets a free port. Names under localhost are served on 127.0.0.1. With tlsConfig set it
// speaks TLS, and the issuer must be https. It runs until Close or until ctx ends.
func Start(ctx context.Context, opts Options, tlsConfig *tls.Config) (*Server, error) {
	if opts.Issuer == "" {
		opts.Issuer = "http://127.0.0.1:0"
		if tlsConfig != nil {
			opts.Issuer = "https://127.0.0.1:0"
		}
	}
	u, err := parseIssuer(opts.Issuer)
	if err != nil {
		return nil, fmt.Errorf("development provider: %w", err)
	}
	if (u.Scheme == "https") != (tlsConfig != nil) {
		return nil, fmt.Errorf("development provider: issuer %q and the TLS setting do not agree", opts.Issuer)
	}
	ln, err := listen(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("development provider: %w", err)
	}
	if u.Port() == "0" {
		_, port, _ := net.SplitHostPort(ln.Addr().String()) // a TCP address always splits
		u.Host = net.JoinHostPort(u.Hostname(), port)
		opts.Issuer = u.String()
	}
	p, err := New(opts)
	if err != nil {
		ln.Close()
		return nil, err
	}
	if tlsConfig != nil {
		ln = tls.NewListener(ln, tlsConfig)
	}
	ctx, stop := context.WithCancel(ctx)
	s := &Server{Provider: p, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = p.Serve(ctx, ln)
	}()
	return s, nil
}

func listen(ctx context.Context, issuer *url.URL) (net.Listener, error) {
	host, port := issuer.Hostname(), issuer.Port()
	if net.ParseIP(host) == nil {
		host = "127.0.0.1"
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[issuer.Scheme]
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return ln, nil
}

// Close stops serving and waits until it has. The state file can then be opened by another.
func (s *Server) Close() error {
	s.once.Do(s.stop)
	<-s.done
	return s.err
}
