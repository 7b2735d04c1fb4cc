package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/applogout"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/vault"
	"github.com/cardea-auth/cardea/internal/web"
)

// generation is everything that hangs on one configuration. It is made whole, put in
// place of the one before it by one atomic store, and not changed afterwards: a request
// that has begun under one ends under it. What remembers (sessions, caches, open
// connections, what is still to be told) stands beside it in App and lives on.
type generation struct {
	cfg      *config.Config
	loadedAt time.Time

	providers providers
	clients   *signout.Clients
	admission *access.Policy
	jars      map[string]*vault.App // by app
	upstreams map[string]upstream   // by app
	told      *applogout.Caller
	face      *web.Server
	admin     http.Handler
}

// gen is the generation that requests come under now.
func (a *App) gen() *generation { return a.current.Load() }

// cfg is the configuration that holds now.
func (a *App) cfg() *config.Config { return a.current.Load().cfg }

// draft makes what of a generation needs no act: who the providers are, who may sign in,
// which cookies are kept. before is the generation that holds, nil at the start.
func (a *App) draft(cfg *config.Config, before *generation) (*generation, error) {
	g := &generation{cfg: cfg, loadedAt: a.clock.Now(), upstreams: map[string]upstream{}}
	for _, s := range []struct {
		name string
		do   func(g, before *generation) error
	}{
		{"providers", a.makeProviders},
		{"access", a.makeAdmission},
		{"apps' cookies", a.makeJars},
	} {
		if err := s.do(g, before); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	g.clients = a.clientsOf(g)
	return g, nil
}

// complete makes the rest of a generation: what answers people, apps and operators.
func (a *App) complete(g *generation) error {
	for _, s := range []struct {
		name string
		do   func(*generation) error
	}{
		{"faces", a.makeFaces},
		{"administration", a.makeAdmin},
	} {
		if err := s.do(g); err != nil {
			g.close()
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// begin makes the first generation.
func (a *App) begin(ctx context.Context) error {
	g, err := a.draft(a.first, nil)
	if err != nil {
		return err
	}
	if err := g.clients.Recall(ctx); err != nil {
		a.logger.Warn("sessions from before an upgrade wait for the store", "err", err)
	}
	g.serve()
	a.current.Store(g)
	a.identity, err = identityKeys(a.storage.keys, a.first.PublicURL.String())
	return err
}

// finish completes the first generation, once the acts stand.
func (a *App) finish(context.Context) error { return a.complete(a.gen()) }

// serve takes note of the apps whose cookies are kept from now on.
func (g *generation) serve() {
	for _, jar := range g.jars {
		jar.Serve()
	}
}

// close closes idle connections to the apps. A connection that a request still holds is
// closed when that gives it back; a socket is none of these and stays.
func (g *generation) close() {
	for _, p := range g.upstreams {
		p.Close()
	}
}

// makeAdmission makes the rule about who may sign in at all.
func (a *App) makeAdmission(g, _ *generation) error {
	if g.admission = policy("access", g.cfg.Access); g.admission == nil {
		return nil
	}
	return g.admission.Validate()
}
