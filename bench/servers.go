package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/app"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// serve answers with h until the process ends.
func serve(h http.Handler) (*server, error) {
	ln, err := loopback()
	if err != nil {
		return nil, err
	}
	go func() { _ = http.Serve(ln, h) }()
	return &server{address: ln.Addr().String()}, nil
}

// serveBare answers what the check answers, knowing it beforehand.
func serveBare(s spec) (*server, error) {
	account, handle, email, groups := s.Answer["X-Cardea-Account"], s.Answer["X-Forwarded-User"], s.Answer["X-Forwarded-Email"], s.Answer["X-Forwarded-Groups"]
	return serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		admit(w, account, handle, email, groups)
	}))
}

// admit is what a check by a front proxy is answered with.
func admit(w http.ResponseWriter, account, handle, email, groups string) {
	h := w.Header()
	h.Set("X-Cardea-Account", account)
	h.Set("X-Forwarded-User", handle)
	h.Set("X-Forwarded-Email", email)
	h.Set("X-Forwarded-Groups", groups)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// serveCheck asks the guard about every request, over a store on disk.
func serveCheck(s spec) (*server, error) {
	cfg, err := loadConfig(s.Config)
	if err != nil {
		return nil, err
	}
	st, err := openStore(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	g, err := newGuard(st, 0)
	if err != nil {
		return nil, err
	}
	go g.Run(context.Background())
	rules, origin := rulesOf(cfg)
	seat := httpx.CookiesOf(httpx.Origin(origin)).Seat
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := g.Check(r.Context(), time.Now(), guard.Query{
			App: rules, Origin: origin, Seat: httpx.CookieValue(r.Header, seat), RawPath: r.URL.EscapedPath(), Active: true,
		})
		if v.Outcome != guard.Allow {
			http.Error(w, v.Outcome.String(), http.StatusUnauthorized)
			return
		}
		admit(w, v.Session.Account, v.Session.Handle, v.Session.Profile.Email, v.Session.Profile.Groups[0])
	}))
}

// serveReverse passes requests on as net/http/httputil does, setting and dropping the
// headers that it was told.
func serveReverse(s spec) (*server, error) {
	set, back := headersOf(s.Set), headersOf(s.SetBack)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", s.Upstream
			for _, name := range s.Drop {
				delete(r.Out.Header, name)
			}
			for _, h := range set {
				r.Out.Header[h.name] = h.values
			}
		},
		ModifyResponse: func(r *http.Response) error {
			for _, h := range back {
				r.Header[h.name] = h.values
			}
			return nil
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true},
	}
	if s.Pool {
		proxy.BufferPool = &pool{sync.Pool{New: func() any { return new([copySize]byte) }}}
	}
	return serve(proxy)
}

type header struct {
	name   string
	values []string
}

func headersOf(m map[string][]string) []header {
	var list []header
	for name, values := range m {
		list = append(list, header{name, values})
	}
	slices.SortFunc(list, func(a, b header) int { return strings.Compare(a.name, b.name) })
	return list
}

const copySize = 32 << 10

// pool lends copy buffers, as a reverse proxy that cares would have.
type pool struct{ p sync.Pool }

func (p *pool) Get() []byte  { return p.p.Get().(*[copySize]byte)[:] }
func (p *pool) Put(b []byte) { p.p.Put((*[copySize]byte)(b)) }

// serveGateway is the whole product, composed as its binary composes it.
func serveGateway(s spec) (*server, error) {
	cfg, err := loadConfig(s.Config)
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ready := make(chan struct{})
	a, err := app.New(context.Background(), app.Options{Config: cfg, Logger: logger, Ready: func() { close(ready) }})
	if err != nil {
		return nil, err
	}
	failed := make(chan error, 1)
	go func() { failed <- a.Run(context.Background()) }()
	select {
	case <-ready:
		return &server{address: cfg.Listen.Address}, nil
	case err := <-failed:
		return nil, fmt.Errorf("the gateway did not start: %w", err)
	}
}

func loadConfig(path string) (*config.Config, error) {
	cfg, _, err := config.Load(path, os.LookupEnv, os.ReadFile)
	return cfg, err
}

// rulesOf is the first app of a configuration as the guard sees it.
func rulesOf(cfg *config.Config) (*guard.App, string) {
	a := &cfg.Apps[0]
	return &guard.App{
		ID: a.ID, Origin: a.URL.Origin.String(), Providers: []string{cfg.Providers[0].ID},
		Limits: session.Limits{Idle: a.Session.Idle, Absolute: a.Session.Absolute},
	}, a.URL.Origin.String()
}

// serveUpstream is an app that costs next to nothing: small answers ready made, and
// WebSockets that speak when spoken to.
func serveUpstream(spec) (*server, error) {
	ln, err := loopback()
	if err != nil {
		return nil, err
	}
	u := &upstream{}
	go func() {
		for {
			c, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go u.answer(c)
			}
		}
	}()
	return &server{address: ln.Addr().String(), record: u.last}, nil
}
