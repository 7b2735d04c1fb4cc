package app

import (
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/record"
)

// linksByEmail tells which providers the operator trusts with link_verified_email. A
// provider's id alone says nothing of an identity that was kept: the id may have stood
// for another issuer then. It answers without asking anybody.
func linksByEmail(g *generation) account.Trusts {
	trusted := map[string]*config.Provider{}
	for i := range g.cfg.Providers {
		if p := &g.cfg.Providers[i]; p.LinkVerifiedEmail {
			trusted[p.ID] = p
		}
	}
	if len(trusted) == 0 {
		return nil
	}
	return func(id, issuer string) bool {
		p, ok := trusted[id]
		if !ok {
			return false
		}
		if p.Record.Issuer.Match == record.IssuerTemplateTID { // an issuer for each tenant, all on one host
			host := hostOf(issuer)
			return host != "" && host == hostOf(p.Issuer)
		}
		return g.providers[id].IsIssuer(issuer)
	}
}
