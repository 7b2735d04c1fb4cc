package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
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

func (p providers) forSignOut(id string) (signout.Provider, bool) {
	x, ok := p[id]
	return x, ok
}

func (a *App) makeProviders(context.Context) error {
	a.providers = providers{}
	for i := range a.cfg.Providers {
		c := &a.cfg.Providers[i]
		o, err := providerOptions(a.cfg, c, a.logger, a.clock.Now)
		if err != nil {
			return fmt.Errorf("provider %s: %w", c.ID, err)
		}
		p, err := provider.New(o)
		if err != nil {
			return fmt.Errorf("provider %s: %w", c.ID, err)
		}
		a.providers[c.ID] = p
	}
	return nil
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
