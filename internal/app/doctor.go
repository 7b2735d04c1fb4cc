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
	"github.com/cardea-auth/cardea/internal/record"
)

// doctorRequest bounds one request of a provider's own client while it is examined.
const doctorRequest = 5 * time.Second

// Report is what was found.
type Report = doctor.Report

// Doctor examines what cfg names, without starting anything. With only set, it is the one
// provider of that id.
func Doctor(ctx context.Context, cfg *config.Config, only string) (*doctor.Report, error) {
	return examine(ctx, cfg, only, false)
}

// examine is Doctor; starting says that the gateway is about to start here.
func examine(ctx context.Context, cfg *config.Config, only string, starting bool) (*doctor.Report, error) {
	o := doctor.Options{PublicURL: cfg.PublicURL.String(), Recognise: record.Recognised, Now: time.Now}
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
		OpsNetwork: cfg.Ops.Listen.Network, OpsAddress: cfg.Ops.Listen.Address, Starting: starting,
		TrustedProxies: len(cfg.TrustedProxies) > 0, InsecureHTTP: cfg.InsecureHTTP, HeaderBytes: cfg.Limits.HeaderBytes,
	}
	for i := range cfg.Apps {
		o.Apps = append(o.Apps, examinedApp(&cfg.Apps[i]))
	}
	return doctor.Examine(ctx, o)
}

func examined(cfg *config.Config, c *config.Provider) (doctor.Provider, error) {
	po, err := providerOptions(cfg, c, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return doctor.Provider{}, fmt.Errorf("provider %s: %w", c.ID, err)
	}
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
		ID: c.ID, Issuer: client.Issuer(), ClientID: c.ClientID, Public: c.ClientSecret.IsZero() && c.ClientKey.IsZero(), Record: r,
		RedirectURI: po.RedirectURI, BackchannelURL: po.BackchannelURL, RootCAs: c.CA, Client: client, Groups: po.Groups,
		By: func(auth record.ClientAuth) (doctor.Client, error) {
			other := po
			other.Record.Client.Auth = auth
			return provider.New(other)
		},
	}, nil
}

func examinedApp(c *config.App) doctor.App {
	a := doctor.App{
		ID: c.ID, URL: c.URL.String(), Scheme: c.Upstream.Scheme, Address: c.Upstream.Host, Path: c.URL.Path,
		Host: strings.Replace(c.URL.Host, "*", "cardea-doctor", 1), RootCAs: c.CA, Title: c.Resolved.Title, Setup: c.Resolved.Setup,
		Preset: c.Preset, Base: c.URL.Path,
	}
	if c.Upstream.Scheme == "unix" {
		a.Address = c.Upstream.Socket
	}
	if c.StripPrefix {
		a.Path, a.Base = "/", ""
	} else if !strings.HasSuffix(a.Path, "/") {
		a.Path += "/"
	}
	a.Takes = c.Record.At(a.Base).Takes
	return a
}
