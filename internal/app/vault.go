package app

import (
	"context"
	"net/http"

	"github.com/cardea-auth/cardea/internal/applogout"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pagescript"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/vault"
)

// makeVault opens the vault and reads the page script.
func (a *App) makeVault(context.Context) error {
	var err error
	if a.vault, err = vault.New(vault.Options{Store: a.storage.store, Logger: a.logger, Now: a.clock.Now}); err != nil {
		return err
	}
	if a.script, err = pagescript.New(pagescript.Options{Logger: a.logger}); err != nil {
		return err
	}
	return nil
}

// makeJars opens the cookies of each app of a configuration.
func (a *App) makeJars(g, _ *generation) error {
	g.jars = map[string]*vault.App{}
	for i := range g.cfg.Apps {
		c := &g.cfg.Apps[i]
		if c.Vault == config.VaultOff {
			continue
		}
		jar, err := a.vault.Draft(vault.Rules{
			App: c.ID, Path: prefix(c.URL.Path), Mode: vault.Mode(c.Vault), Pass: c.Resolved.Cookies.Pass,
			Hold: c.Resolved.Cookies.Hold, Browser: c.Resolved.Cookies.Browser, Keep: c.Resolved.Cookies.Keep,
		})
		if err != nil {
			return err
		}
		g.jars[c.ID] = jar
	}
	return nil
}

// replayed are the apps whose own logout can be called: those that have one, and whose
// cookies are here to call it with.
func replayed(cfg *config.Config) []*config.App {
	var list []*config.App
	for i := range cfg.Apps {
		if c := &cfg.Apps[i]; len(c.Resolved.Replay) > 0 && c.Vault == config.VaultOn {
			list = append(list, c)
		}
	}
	return list
}

func (a *App) makeAppLogouts(g *generation) (*applogout.Caller, error) {
	o := applogout.Options{Now: a.clock.Now}
	for _, c := range replayed(g.cfg) {
		jar := g.jars[c.ID]
		o.Apps = append(o.Apps, applogout.App{
			ID: c.ID, Calls: c.Resolved.Replay, Upstream: g.upstreams[c.ID],
			Remains: func(ctx context.Context, s session.ID) (applogout.Jar, error) {
				r, err := jar.Remains(ctx, s)
				if r == nil || err != nil {
					return nil, err
				}
				return r, nil
			},
		})
	}
	return applogout.New(o)
}

// pageScript puts the script into pages of any app.
type pageScript struct{ s *pagescript.Script }

func (p pageScript) Ask(h http.Header) { p.s.Ask(h) }

func (p pageScript) Add(res *http.Response, origin httpx.Origin, mark string) error {
	return p.s.Add(res, pagescript.Page{Origin: origin, Mark: mark, Own: "/.cardea"})
}
