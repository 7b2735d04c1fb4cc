package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/provider"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/refresh"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// providers are the configured ones, by id. Each act sees them through an interface of
// its own.
type providers map[string]*provider.Provider

type signInProviders struct{ a *App }

func (p signInProviders) Provider(id string) (signin.Provider, bool) {
	x, ok := p.a.gen().providers[id]
	return x, ok
}

type refreshProviders struct{ a *App }

func (p refreshProviders) Provider(id string) (refresh.Provider, refresh.Policy, bool) {
	x, ok := p.a.gen().providers[id]
	if !ok {
		return nil, refresh.Policy{}, false
	}
	return x, refreshPolicy(x.Record()), true
}

// refreshPolicy is what a record says about staying in. Where a spent refresh token takes
// no more with it than the tokens of its own line, which an answer that never came lost
// already, one more try costs nothing.
func refreshPolicy(r record.Record) refresh.Policy {
	f := r.Refresh
	spends := f.Rotation == record.RotationSingleUse || f.Rotation == record.RotationUnknown
	return refresh.Policy{
		Recheck: r.Claims.UserInfo.Recheck, AtLatest: f.AtLatest, AtEarliest: f.AtEarliest, Grace: f.Grace,
		ReuseEnds: spends && f.ReuseEnds == record.ReuseSession,
	}
}

func (a *App) providerForSignOut(id string) (signout.Provider, bool) {
	x, ok := a.gen().providers[id]
	return x, ok
}

// providerConfigured tells whether a provider is configured now.
func (a *App) providerConfigured(id string) bool {
	_, ok := a.gen().providers[id]
	return ok
}

// makeProviders makes the providers of a configuration. One for which nothing has changed
// goes on as it is, with what it knows: a reload asks nobody for what is known already,
// and one that is down just now stays usable.
func (a *App) makeProviders(g, before *generation) error {
	g.providers = providers{}
	for i := range g.cfg.Providers {
		c := &g.cfg.Providers[i]
		if before != nil && sameProvider(before.cfg, g.cfg, c) {
			g.providers[c.ID] = before.providers[c.ID]
			continue
		}
		o, err := providerOptions(g.cfg, c, a.logger, a.clock.Now)
		if err != nil {
			return fmt.Errorf("provider %s: %w", c.ID, err)
		}
		o.ProbeWithin = a.probe
		p, err := provider.New(o)
		if err != nil {
			return fmt.Errorf("provider %s: %w", c.ID, err)
		}
		g.providers[c.ID] = p
	}
	return nil
}

// sameProvider tells whether a provider is made of the same values as before.
func sameProvider(before, after *config.Config, c *config.Provider) bool {
	i := slices.IndexFunc(before.Providers, func(p config.Provider) bool { return p.ID == c.ID })
	if i < 0 {
		return false
	}
	was, errWas := providerOptions(before, &before.Providers[i], nil, nil)
	is, errIs := providerOptions(after, c, nil, nil)
	return errWas == nil && errIs == nil && reflect.DeepEqual(was, is)
}

// providerOptions are what a configured provider is made of.
func providerOptions(cfg *config.Config, c *config.Provider, logger *slog.Logger, now func() time.Time) (provider.Options, error) {
	o := provider.Options{
		ID: c.ID, Name: c.Name, Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(),
		Scopes: c.Scopes, Record: c.Record, RedirectURI: cfg.PublicURL.String() + "/.cardea/callback/" + c.ID,
		RootCAs: c.CA, InsecureHTTP: cfg.InsecureHTTP, Logger: logger, Now: now,
		KeyID: c.ClientKeyID, KeyIssuer: c.ClientKeyIssuer,
		Groups: cfg.WantsGroups(c.ID), UpstreamSignOut: c.SignOutUpstream,
	}
	if !c.ClientKey.IsZero() {
		key, err := config.ParsePrivateKey(c.ClientKey.Reveal())
		if err != nil {
			return o, fmt.Errorf("client key: it %w", err)
		}
		o.Key = key
	}
	if c.BackchannelURL != nil {
		o.BackchannelURL = c.BackchannelURL.String()
	}
	return o, nil
}

// hostOf is the host of a URL, for people; "" when it has none.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// notices verifies what providers say of sessions that ended there.
type notices struct{ providers }

// LogoutToken verifies a logout token with the keys of the provider that it says it is
// of. Two clients at one provider are told apart by the audience.
func (n notices) LogoutToken(ctx context.Context, raw string) (string, oidc.LogoutToken, error) {
	iss, ok := oidc.IssuerOf(raw)
	if !ok {
		return "", oidc.LogoutToken{}, fmt.Errorf("%w: logout token is not a signed JWT", oidc.ErrRefused)
	}
	var refused error
	for _, id := range slices.Sorted(maps.Keys(n.providers)) {
		p := n.providers[id]
		if !p.IsIssuer(iss) {
			continue
		}
		t, err := p.VerifyLogoutToken(ctx, raw)
		if err == nil {
			return id, t, nil
		}
		refused = errors.Join(refused, fmt.Errorf("provider %s: %w", id, err))
	}
	if refused == nil {
		refused = fmt.Errorf("%w: logout token of an issuer that is not configured", oidc.ErrRefused)
	}
	return "", oidc.LogoutToken{}, refused
}

// FrontChannel tells whose sessions a frame's call is about.
func (n notices) FrontChannel(id, iss string) (string, bool) {
	p, ok := n.providers[id]
	if !ok {
		return "", false
	}
	return p.FrontChannelIssuer(iss)
}
