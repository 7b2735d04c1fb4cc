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
	a.people, err = people.New(people.Options{Store: a.storage.store, Ender: a.signOut, Logger: a.logger, Now: a.clock.Now})
	return err
}

// makeAdmin builds the administration API.
func (a *App) makeAdmin(context.Context) error {
	o := admin.Options{
		Store: a.storage.store, SignOut: a.signOut, People: a.people, Unfinished: people.ErrUnfinished, Incidents: a.incidents, Backups: a,
		Connections: func(id session.ID) int { return a.live.Open(string(id)) },
		Providers:   a.providerViews, Apps: map[string]string{}, Kick: a.worker.Kick, Logger: a.logger, Now: a.clock.Now,
	}
	for i := range a.cfg.Apps {
		o.Apps[a.cfg.Apps[i].ID] = a.cfg.Apps[i].URL.Origin.String()
	}
	if c := a.cfg.Admin; c.Listen.Network != "unix" {
		o.Credential = &admin.Credential{Token: c.Token.Reveal(), Host: c.URL.Host}
	}
	var err error
	a.admin, err = admin.New(o)
	return err
}

// providerViews are the configured providers as operators see them, in the order of the
// configuration.
func (a *App) providerViews(ctx context.Context, probe bool) []admin.Provider {
	list := make([]admin.Provider, len(a.cfg.Providers))
	var asking sync.WaitGroup
	for i := range a.cfg.Providers {
		asking.Go(func() {
			c := &a.cfg.Providers[i]
			p := a.providers[c.ID]
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
