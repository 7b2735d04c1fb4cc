package app

import (
	"context"
	"sync"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/people"
	"github.com/cardea-auth/cardea/internal/provider"
	"github.com/cardea-auth/cardea/internal/session"
)

// makePeople makes what acts on accounts.
func (a *App) makePeople(context.Context) error {
	var err error
	a.people, err = people.New(people.Options{
		Store: a.storage.store, Identities: a.storage.store, Configured: a.providerConfigured, Ender: a.signOut, Logger: a.logger, Now: a.clock.Now,
	})
	return err
}

// makeAdmin builds the administration API.
func (a *App) makeAdmin(g *generation) error {
	o := admin.Options{
		Store: a.storage.store, Trail: operatorsTrail{a.storage.store, a.trailed}, SignOut: a.signOut, People: a.people, Unfinished: people.ErrUnfinished, Incidents: a.incidents, Backups: a, Configs: a,
		Connections: func(id session.ID) int { return a.live.Open(string(id)) },
		Providers:   g.providerViews, Apps: map[string]string{}, Kick: a.worker.Kick, Logger: a.logger, Now: a.clock.Now,
	}
	for i := range g.cfg.Apps {
		o.Apps[g.cfg.Apps[i].ID] = g.cfg.Apps[i].URL.Origin.String()
	}
	if c := g.cfg.Admin; c.Listen.Network != "unix" {
		o.Credential = &admin.Credential{Token: c.Token.Reveal(), Host: c.URL.Host}
	}
	var err error
	g.admin, err = admin.New(o)
	return err
}

// providerViews are the configured providers as operators see them, in the order of the
// configuration.
func (g *generation) providerViews(ctx context.Context, probe bool) []admin.Provider {
	list := make([]admin.Provider, len(g.cfg.Providers))
	var asking sync.WaitGroup
	for i := range g.cfg.Providers {
		asking.Go(func() {
			c := &g.cfg.Providers[i]
			p := g.providers[c.ID]
			status := p.Status()
			if probe {
				status = p.Probe(ctx)
			}
			list[i] = providerView(c, p, status)
		})
	}
	asking.Wait()
	return list
}

func providerView(c *config.Provider, p *provider.Provider, s provider.Status) admin.Provider {
	v := admin.Provider{
		ID: c.ID, Name: p.Name(), Kind: c.Kind, Issuer: p.Issuer(), ClientID: c.ClientID, Callback: p.RedirectURI(),
		Reachable: "unknown", AskedAt: s.Asked, Discovery: fetched(s.Metadata), Keys: fetched(s.Keys), KeyIDs: append([]string{}, s.KeyIDs...),
	}
	switch {
	case s.Asked.IsZero():
	case s.Reachable:
		v.Reachable = "yes"
	default:
		v.Reachable = "no"
	}
	return v
}

func fetched(f provider.Fetched) admin.Fetched {
	v := admin.Fetched{At: f.At, TriedAt: f.Tried}
	if f.Err != nil {
		v.Error = f.Err.Error()
	}
	return v
}
