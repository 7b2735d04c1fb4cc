package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/doctor"
	"github.com/cardea-auth/cardea/internal/provider"
)

// doctorRequest bounds one request of a provider's own client while it is examined.
const doctorRequest = 5 * time.Second

// Doctor examines what cfg names, without starting anything. With only set, it is the one
// provider of that id.
func Doctor(ctx context.Context, cfg *config.Config, only string) (*doctor.Report, error) {
	o := doctor.Options{PublicURL: cfg.PublicURL.String(), Now: time.Now}
	for i := range cfg.Providers {
		c := &cfg.Providers[i]
		if only != "" && c.ID != only {
			continue
		}
		p, err := examined(cfg, c)
		if err != nil {
			return nil, err
		}
		o.Providers = append(o.Providers, p)
	}
	if only != "" {
		return doctor.Examine(ctx, o)
	}
	o.Gateway = &doctor.Gateway{
		PublicURL: cfg.PublicURL.String(), Network: cfg.Listen.Network, Address: cfg.Listen.Address, TLS: cfg.TLS != nil,
		TrustedProxies: len(cfg.TrustedProxies) > 0, InsecureHTTP: cfg.InsecureHTTP, HeaderBytes: cfg.Limits.HeaderBytes,
	}
	for i := range cfg.Apps {
		o.Apps = append(o.Apps, examinedApp(&cfg.Apps[i]))
	}
	return doctor.Examine(ctx, o)
}

func examined(cfg *config.Config, c *config.Provider) (doctor.Provider, error) {
	po := providerOptions(cfg, c, slog.New(slog.DiscardHandler), time.Now)
	po.Timeout = doctorRequest
	client, err := provider.New(po)
	if err != nil {
		return doctor.Provider{}, fmt.Errorf("provider %s: %w", c.ID, err)
	}
	r := c.Record
	if len(c.Scopes) > 0 {
		r.Scopes = slices.Clone(c.Scopes)
	}
	return doctor.Provider{
		ID: c.ID, Issuer: client.Issuer(), ClientID: c.ClientID, Public: c.ClientSecret.IsZero(), Record: r,
		RedirectURI: po.RedirectURI, BackchannelURL: po.BackchannelURL, RootCAs: c.CA, Client: client,
	}, nil
}

func examinedApp(c *config.App) doctor.App {
	a := doctor.App{
		ID: c.ID, URL: c.URL.String(), Scheme: c.Upstream.Scheme, Address: c.Upstream.Host, Path: c.URL.Path,
		Host: strings.Replace(c.URL.Host, "*", "cardea-doctor", 1), RootCAs: c.CA, Title: c.Resolved.Title, Setup: c.Resolved.Setup,
	}
	if c.Upstream.Scheme == "unix" {
		a.Address = c.Upstream.Socket
	}
	if c.StripPrefix {
		a.Path = "/"
	} else if !strings.HasSuffix(a.Path, "/") {
		a.Path += "/"
	}
	return a
}
