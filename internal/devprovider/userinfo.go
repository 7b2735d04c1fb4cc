package devprovider

import (
	"net/http"
	"strings"
)

// userinfo is the UserInfo endpoint (OIDC Core 5.3, RFC 6750).
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		value = ""
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
			value = r.PostFormValue("access_token")
		}
	}
	p.mu.Lock()
	p.counters.UserInfos++
	t, g := p.state.liveToken(strings.TrimSpace(value), accessToken, p.opts.Now())
	var person Person
	ok := false
	if t != nil {
		person, ok = p.personBySubject(g.Subject)
	}
	p.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		challenge := `Bearer realm="development provider"`
		if value != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	claims := person.claims(g.Scope)
	claims["sub"] = g.Subject
	if change := p.faults().UserInfo; change != nil {
		change(claims)
	}
	writeJSON(w, http.StatusOK, claims)
}

// revoke is the revocation endpoint (RFC 7009). A refresh token takes its whole grant along, an
// access token only itself. An unknown token is no error (section 2.2).
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	if refused := readBackchannelForm(r); refused != nil {
		p.sendTokenError(w, r, refused)
		return
	}
	client, refused := p.authenticate(r)
	if refused != nil {
		p.sendTokenError(w, r, refused)
		return
	}
	value := r.PostForm.Get("token")
	if value == "" {
		p.sendTokenError(w, r, badRequest("invalid_request", "token is missing"))
		return
	}
	refused, err := p.revokeToken(client, value)
	if err != nil {
		p.failed(w, err)
		return
	}
	if refused != nil {
		p.sendTokenError(w, r, refused)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (p *Provider) revokeToken(client Client, value string) (*tokenError, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counters.Revocations++
	t := p.state.Tokens[hashOf(value)]
	if t == nil {
		return nil, nil
	}
	g := p.state.Grants[t.GrantID]
	if g == nil {
		return nil, nil
	}
	if g.ClientID != client.ID {
		return badRequest("unauthorized_client", "the token is another client's"), nil
	}
	if t.Kind == accessToken {
		delete(p.state.Tokens, hashOf(value))
		return nil, p.save()
	}
	p.state.endGrant(g.ID)
	if p.opts.RevocationEndsSession && !p.hasGrants(g.SID) {
		p.state.endSession(g.SID, p.opts.OfflineOutlivesSession)
	}
	return nil, p.save()
}

// hasGrants reports whether a sign-in still has a grant. The caller holds p.mu.
func (p *Provider) hasGrants(sid string) bool {
	for _, g := range p.state.Grants {
		if g.SID == sid {
			return true
		}
	}
	return false
}
