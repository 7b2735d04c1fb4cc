package devprovider

import (
	"net/http"
)

// userinfo is the UserInfo endpoint (OIDC Core 5.3, RFC 6750), or what stands in for it.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	find := p.personOf
	if p.byApplication() {
		find = p.askedPerson
	}
	person, g, ok := find(r)
	p.mu.Lock()
	p.counters.UserInfos++
	p.mu.Unlock()
	p.note(UserInfo, r, r.URL.Query(), Request{Username: person.Username})
	if refused := p.headersSent(r); refused != nil {
		p.sendTokenError(w, r, refused)
		return
	}
	if !ok {
		p.refusePerson(w, p.bearer(r) != "")
		return
	}
	claims := person.claims(g.Scope)
	if p.strict {
		claims = p.facts(person, g)
		if !p.paramsFit(r, claims, g.ClientID) {
			p.sendTokenError(w, r, badRequest("invalid_request", "a parameter is missing or wrong"))
			return
		}
		p.overage(claims, person, g)
	}
	if !p.strict || p.saysIDToken(g.Scope) {
		claims["sub"] = g.Subject
	}
	if change := p.faults().UserInfo; change != nil {
		change(claims)
	}
	if path := p.rec.Claims.UserInfo.Envelope; path != "" {
		outer := map[string]any{}
		put(outer, path, claims)
		claims = outer
	}
	if p.strict {
		p.markGood(claims)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, claims)
}
