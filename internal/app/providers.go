package app

import (
	"context"
	"fmt"
	"net/url"

	"github.com/cardea-auth/cardea/internal/provider"
	"github.com/cardea-auth/cardea/internal/refresh"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// providers are the configured ones, by id. Each act sees them through an interface of
// its own.
type providers map[string]*provider.Provider

type signInProviders struct{ providers }

func (p signInProviders) Provider(id string) (signin.Provider, bool) {
	x, ok := p.providers[id]
	return x, ok
}

type refreshProviders struct{ providers }

func (p refreshProviders) Provider(id string) (refresh.Provider, refresh.Policy, bool) {
	x, ok := p.providers[id]
	if !ok {
		return nil, refresh.Policy{}, false
	}
	return x, refresh.Policy{Recheck: x.Record().Claims.UserInfo.Recheck}, true
}

func (p providers) forSignOut(id string) (signout.Provider, bool) {
	x, ok := p[id]
	return x, ok
}

func (a *App) makeProviders(context.Context) error {
	a.providers = providers{}
	for i := range a.cfg.Providers {
		c := &a.cfg.Providers[i]
		o := provider.Options{
			ID: c.ID, Name: c.Name, Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(),
			Scopes: c.Scopes, Record: c.Record, RedirectURI: a.cfg.PublicURL.String() + "/.cardea/callback/" + c.ID,
			RootCAs: c.CA, InsecureHTTP: a.cfg.InsecureHTTP, Logger: a.logger, Now: a.clock.Now,
		}
		if c.BackchannelURL != nil {
			o.BackchannelURL = c.BackchannelURL.String()
		}
		p, err := provider.New(o)
		if err != nil {
			return fmt.Errorf("provider %s: %w", c.ID, err)
		}
		a.providers[c.ID] = p
	}
	return nil
}

// originOf is the origin of a URL; "" when it has none.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// hostOf is the host of a URL, for people; "" when it has none.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
