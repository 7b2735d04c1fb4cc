package web

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/pages"
)

// maxHint bounds a login_hint, in bytes; a longer one is left out.
const maxHint = 255

var errInitiated = errors.New("sign-in asked for by an issuer that is not configured")

// initiated answers a request that says, by iss, that a third party wants somebody to
// sign in at a provider (OpenID Connect Core section 4), and reports whether it is one. It
// leads to the sign-in that a link of our own would start: nothing that the third party
// says counts but the provider, whom it should expect, and an address that is served here.
func (s *Server) initiated(w http.ResponseWriter, q *request) bool {
	if q.Method == http.MethodPost {
		q.bound(w, maxForm)
		if err := q.ParseForm(); err != nil || q.PostForm.Get("iss") == "" || !q.site.gateway {
			s.fail(w, q, pages.BadRequest, nil)
			return true
		}
		// It comes from another site, and cookies stay at home: once more, by a GET of our own.
		on := url.Values{}
		for _, name := range []string{"iss", "login_hint", "target_link_uri"} {
			if v := q.PostForm.Get(name); v != "" {
				on.Set(name, v)
			}
		}
		redirect(w, ownPrefix+"/sign-in?"+on.Encode())
		return true
	}
	query := q.URL.Query()
	iss := query.Get("iss")
	if iss == "" || !q.site.gateway {
		return false
	}
	if httpx.KindOf(q.Request) != httpx.Navigation {
		return false // answered as any other request that may not start a sign-in
	}
	id := s.issuedBy(iss)
	if id == "" {
		q.step = incident.StepInitiated
		s.fail(w, q, pages.BadRequest, errInitiated)
		return true
	}
	on := url.Values{"provider": {id}}
	if hint := query.Get("login_hint"); hint != "" && len(hint) <= maxHint {
		on.Set("login_hint", hint)
	}
	origin := string(s.o.Public)
	if o, site, path := s.served(query.Get("target_link_uri")); site != nil {
		origin = string(o)
		on.Set("return", site.local(path))
	}
	redirect(w, origin+ownPrefix+"/sign-in?"+on.Encode())
	return true
}

// issuedBy is the id of the provider that an issuer is of; "" for none.
func (s *Server) issuedBy(iss string) string {
	for _, id := range slices.Sorted(maps.Keys(s.providers)) {
		if is := s.providers[id].IsIssuer; is != nil && is(iss) {
			return id
		}
	}
	return ""
}

// served finds the site of an address; nil for one that is not served here.
func (s *Server) served(address string) (httpx.Origin, *site, string) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return "", nil, ""
	}
	o, err := httpx.OriginOf(u)
	if err != nil {
		return "", nil, ""
	}
	return o, s.sites.find(o), u.RequestURI()
}
