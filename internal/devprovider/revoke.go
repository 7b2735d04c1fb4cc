package devprovider

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/cardea-auth/cardea/internal/record"
)

// revoke is the revocation endpoint (RFC 7009). An unknown token is no error (section 2.2). What ends
// is as the record says; without a record, a refresh token takes its whole grant along and an access
// token only itself.
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	refused := p.readForm(r)
	if refused == nil {
		refused = p.headersSent(r)
	}
	var client Client
	if refused == nil {
		client, refused = p.authenticate(r, r.PostForm)
	}
	value := r.PostForm.Get("token")
	if refused == nil && value == "" {
		refused = badRequest("invalid_request", "token is missing")
	}
	p.finishRevocation(w, r, r.PostForm, client, value, refused)
}

// customRevocation is a provider's own call: a JSON body of the record's members, and its own way to
// say who asks.
func (p *Provider) customRevocation(w http.ResponseWriter, r *http.Request) {
	v := p.rec.Revocation
	params := url.Values{}
	refused := p.headersSent(r)
	if len(v.Body) > 0 && refused == nil {
		params, refused = readJSON(r)
	}
	var client Client
	bearer, _ := bearerOf(r)
	switch {
	case refused != nil:
	case v.Auth == record.RevocationAuthBearer:
		client, refused = p.clientOf(bearer)
	default:
		if v.Auth == record.RevocationAuthBasic && r.Header.Get("Authorization") == "" {
			refused = unknownClient(true, "the credentials are not in the header")
			break
		}
		client, refused = p.basicOr(r, params, v.Auth == record.RevocationAuthBasic)
	}
	value := bearer
	for name, template := range v.Body {
		if template == "{token}" {
			value = params.Get(name)
			continue
		}
		if want, _ := fill(template, nil, map[string]string{"client_id": client.ID, "token": value}); refused == nil && params.Get(name) != want {
			refused = badRequest("invalid_request", name+" is wrong")
		}
	}
	if named := r.PathValue("client_id"); refused == nil && named != "" && named != client.ID {
		refused = badRequest("invalid_request", "the address names another client")
	}
	p.finishRevocation(w, r, params, client, value, refused)
}

// basicOr authenticates by HTTP Basic whatever the token endpoint wants, or as there.
func (p *Provider) basicOr(r *http.Request, params url.Values, basic bool) (Client, *tokenError) {
	if !basic {
		return p.authenticate(r, params)
	}
	id, secret, _, refused := p.readBasic(r, params)
	if refused != nil {
		return Client{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	client, ok := p.clients[id]
	if !ok || !equalSecrets(client.Secret, secret) {
		return Client{}, unknownClient(true, "the credentials are wrong")
	}
	return client, nil
}

// clientOf finds the client that a token was given to.
func (p *Provider) clientOf(value string) (Client, *tokenError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.state.Tokens[hashOf(value)]; t != nil && p.state.Grants[t.GrantID] != nil {
		return p.clients[p.state.Grants[t.GrantID].ClientID], nil
	}
	return Client{}, badRequest("invalid_token", "the token is unknown")
}

// finishRevocation ends what the token stands for and answers.
func (p *Provider) finishRevocation(w http.ResponseWriter, r *http.Request, params url.Values, client Client, value string, refused *tokenError) {
	of := Request{Client: client.ID, Token: value}
	var err error
	if refused == nil {
		of.Username, refused, err = p.revokeToken(r, client, value)
	}
	if refused != nil {
		of.Refused = refused.code
	}
	p.note(Revocation, r, params, of)
	switch {
	case err != nil:
		p.failed(w, err)
	case refused != nil:
		p.sendTokenError(w, r, refused)
	case p.strict && p.rec.Client.ErrorIn200 == record.Yes:
		body := map[string]any{}
		p.markGood(body)
		writeJSON(w, http.StatusOK, body)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (p *Provider) revokeToken(r *http.Request, client Client, value string) (username string, refused *tokenError, err error) {
	p.mu.Lock()
	p.counters.Revocations++
	t := p.state.Tokens[hashOf(value)]
	var g *grant
	if t != nil {
		g = p.state.Grants[t.GrantID]
	}
	if g == nil {
		p.mu.Unlock()
		return "", nil, nil
	}
	username = p.usernameOf(g.Subject)
	if g.ClientID != client.ID {
		p.mu.Unlock()
		return username, badRequest("unauthorized_client", "the token is another client's"), nil
	}
	kind := map[tokenKind]record.TokenKind{refreshToken: record.TokenRefresh, accessToken: record.TokenAccess}[t.Kind]
	if !slices.Contains(p.rec.Revocation.Tokens, kind) {
		p.mu.Unlock()
		return username, badRequest("unsupported_token_type", "tokens of this kind cannot be revoked"), nil
	}
	ended := p.endRevoked(t, g, value)
	err = p.save()
	p.mu.Unlock()
	p.tell(r.Context(), ended)
	return username, nil, err
}

// endRevoked ends what a revocation ends, and returns the sign-in that ended with it whose clients
// are to be told. The caller holds p.mu.
func (p *Provider) endRevoked(t *token, g *grant, value string) *session {
	if !p.strict {
		if t.Kind == accessToken {
			delete(p.state.Tokens, hashOf(value))
			return nil
		}
		p.state.endGrant(g.ID)
		if p.opts.RevocationEndsSession && !p.hasGrants(g.SID) {
			p.state.endSession(g.SID, p.opts.OfflineOutlivesSession)
		}
		return nil
	}
	switch p.rec.Revocation.Ends {
	case record.RevocationEndsToken:
		delete(p.state.Tokens, hashOf(value))
	case record.RevocationEndsSession:
		sid, client := g.SID, g.ClientID
		for _, other := range p.state.Grants {
			if other.SID == sid && other.ClientID == client {
				p.state.endGrant(other.ID)
			}
		}
		if !p.hasGrants(sid) {
			return p.state.endSession(sid, p.opts.OfflineOutlivesSession)
		}
	default:
		subject, client := g.Subject, g.ClientID
		for _, other := range p.state.Grants {
			if other.Subject == subject && other.ClientID == client {
				p.state.endGrant(other.ID)
			}
		}
		delete(p.state.Consents, consentKey(subject, client))
	}
	return nil
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
