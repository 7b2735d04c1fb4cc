package devprovider

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// router adds handlers by absolute address. A record may put two endpoints at one path; the first
// keeps it.
type router struct {
	p     *Provider
	mux   *http.ServeMux
	taken map[string]bool
}

func (t *router) add(e Endpoint, address string, h http.HandlerFunc, methods ...string) {
	if address == "" {
		return
	}
	address, _, _ = strings.Cut(address, "?")
	path := strings.TrimPrefix(address, t.p.origin)
	if u, err := url.Parse(address); err == nil && !strings.Contains(address, "{") {
		path = u.Path
	}
	if path == "" {
		path = "/"
	}
	if strings.HasSuffix(path, "/") {
		path += "{$}"
	}
	for _, method := range methods {
		if pattern := method + " " + path; !t.taken[pattern] {
			t.taken[pattern] = true
			t.mux.HandleFunc(pattern, t.p.faulty(e, h))
		}
	}
}

func (p *Provider) routes() http.Handler {
	t := &router{p: p, mux: http.NewServeMux(), taken: map[string]bool{}}
	const get, post = http.MethodGet, http.MethodPost
	if p.rec.Endpoints.Source == record.EndpointsDiscovery {
		t.add(Discovery, p.at[Discovery], p.discovery, get)
	}
	t.add(Keys, p.at[Keys], p.jwks, get)
	t.add(Authorize, p.at[Authorize], p.authorize, get, post)
	switch {
	case p.rec.Client.Exchange == record.ExchangeApplicationToken:
		t.add(Token, p.at[Token], p.exchangeForClaims, get)
	case p.rec.Client.TokenBody == record.TokenBodyQuery:
		t.add(Token, p.at[Token], p.token, get, post)
	default:
		t.add(Token, p.at[Token], p.token, post)
	}
	t.add(ApplicationToken, p.at[ApplicationToken], p.applicationToken, get)
	t.add(UserInfo, p.at[UserInfo], p.userinfo, get, post)
	t.add(Emails, p.at[Emails], p.emails, get)
	for i, list := range p.rec.Claims.Groups.Lists {
		t.add(Groups, p.stated(list.URL, ""), p.groupList(i), get)
	}
	if p.rec.Revocation.Kind == record.RevocationCustom {
		t.add(Revocation, p.at[Revocation], p.customRevocation, p.rec.Revocation.Method)
	} else {
		t.add(Revocation, p.at[Revocation], p.revoke, post)
	}
	t.add(EndSession, p.at[EndSession], p.endSession, get, post)
	t.add(EndSession, p.base+"/end-session/confirm/{id}", p.confirmLogout, post)
	t.add(Interaction, p.base+"/interaction/{id}", p.showInteraction, get)
	t.add(Interaction, p.base+"/interaction/{id}/{act}", p.actOnInteraction, post)
	t.add(Home, p.base+"/", p.home, get)
	t.add(Home, p.base+"/sign-out", p.signOutHere, post)
	t.add(Home, p.at[Manual], p.home, get)
	return t.mux
}
