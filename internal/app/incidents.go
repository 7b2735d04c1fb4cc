package app

import (
	"context"
	"slices"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/web"
)

// makeIncidents makes the ledger of what is refused.
func (a *App) makeIncidents(context.Context) error {
	var err error
	a.incidents, err = incident.New(incident.Options{Store: a.storage.store, Logger: a.logger, Now: a.clock.Now, Advice: a.adviceOf})
	return err
}

// adviceOf is what a provider's record tells its operators, with this gateway's own
// address and the provider's id in it.
func (a *App) adviceOf(provider string) incident.Advice {
	cfg := a.cfg()
	i := slices.IndexFunc(cfg.Providers, func(p config.Provider) bool { return p.ID == provider })
	if i < 0 {
		return incident.Advice{}
	}
	r := cfg.Providers[i].Record
	own := func(text string) string {
		return record.Filled(text, cfg.PublicURL.String(), provider, cfg.Providers[i].ClientID)
	}
	of := incident.Advice{Fixes: make(map[string]string, len(r.Fixes))}
	for _, note := range r.Notes {
		of.Notes = append(of.Notes, own(note))
	}
	for name, text := range r.Fixes {
		of.Fixes[name] = own(text)
	}
	return of
}

// claimNames tells a face where a provider's e-mails and groups are read.
func claimNames(p web.Provider, c *config.Provider) web.Provider {
	claims := c.Record.Claims
	p.EmailClaim, p.VerifiedClaim, p.GroupsClaim = string(claims.Email.Claim), string(claims.Email.VerifiedClaim), string(claims.Groups.Claim)
	return p
}
