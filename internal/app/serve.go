package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/proxy"
)

// serving is one listener with its handler.
type serving struct {
	name     string
	listener net.Listener
	server   *http.Server
}

// listen opens all listeners before any answers, so that a taken address stops the start.
func (a *App) listen(ctx context.Context) ([]serving, error) {
	cfg := a.cfg()
	specs := []struct {
		name    string
		at      config.Listen
		handler http.Handler
		mode    fs.FileMode
		tls     func(*config.Config) *config.TLS
	}{
		{"web", cfg.Listen, a.web, 0o666, func(c *config.Config) *config.TLS { return c.TLS }},
		{"ops", cfg.Ops.Listen, a.ops, 0o600, func(*config.Config) *config.TLS { return nil }},
		{"admin", cfg.Admin.Listen, a.admin, 0o600, func(c *config.Config) *config.TLS { return c.Admin.TLS }},
	}
	var all []serving
	for _, s := range specs {
		ln, err := open(ctx, s.at, s.mode)
		if err == nil && s.tls(cfg) != nil {
			ln = secure(ln, func() *tls.Certificate { return s.tls(a.cfg()).Pair.Certificate() })
		}
		if err != nil {
			for _, l := range all {
				l.listener.Close()
			}
			return nil, fmt.Errorf("%s.listen %s: %w", s.name, s.at, err)
		}
		all = append(all, serving{s.name, ln, a.server(s.handler)})
		if s.name == "admin" {
			all[len(all)-1].server.ConnContext = admin.ConnContext
		}
		a.logger.Info("listening", "for", s.name, "address", s.at.String())
	}
	return all, nil
}

func open(ctx context.Context, at config.Listen, mode fs.FileMode) (net.Listener, error) {
	if at.Network == "unix" {
		return httpx.ListenUnix(ctx, at.Address, mode)
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, at.Network, at.Address)
}

// secure serves TLS with the certificate that the configuration holds at the moment: its
// files are read with it, and at no other time.
func secure(ln net.Listener, certificate func() *tls.Certificate) net.Listener {
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate(), nil },
	})
}

// server has no read or write timeout: streams and sockets may be quiet for hours. Slow
// headers and idle connections are bounded.
func (a *App) server(h http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // for front proxies that speak it
	return &http.Server{
		Handler: h, Protocols: protocols, MaxHeaderBytes: 2 * a.cfg().Limits.HeaderBytes, // up to there web answers with a page
		ReadHeaderTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: log.New(serverLog{a.logger}, "", 0),
	}
}

// serverLog receives net/http's own lines: strangers' broken handshakes and the like.
type serverLog struct{ logger *slog.Logger }

var _ io.Writer = serverLog{}

func (s serverLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if strings.Contains(text, "panic") {
		s.logger.Error("a handler failed", "err", text)
	} else {
		s.logger.Debug("connection", "err", text)
	}
	return len(line), nil
}

// serve answers until ctx ends or a listener fails, then stops in order: no new
// requests, time for those under way, then whatever is still open is closed.
func (a *App) serve(ctx context.Context, all []serving) error {
	failed := make(chan error, len(all))
	for _, s := range all {
		go func() {
			if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s listener: %w", s.name, err)
			}
		}()
	}
	var err error
	select {
	case <-ctx.Done():
		a.logger.Info("stopping; requests may finish", "within", a.cfg().Limits.Shutdown.String())
	case err = <-failed:
	}
	a.stopping.Store(true)
	// Streams and sockets would hold the stop up until its time is over; their clients
	// come back by themselves.
	a.live.CutAll(proxy.CauseShutdown)
	a.trailed.Stop()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg().Limits.Shutdown)
	defer cancel()
	for _, s := range all {
		if serr := s.server.Shutdown(grace); serr != nil {
			a.logger.Warn("requests were cut at the end of the time they had", "for", s.name)
			s.server.Close()
		}
	}
	return err
}
