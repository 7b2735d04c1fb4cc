package devprovider

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// issue is what one good token request will be answered with, decided under the lock.
type issue struct {
	grant   *grant
	person  Person
	key     SigningKey
	nonce   string
	access  string
	refresh string // empty: left out
	idToken bool
	issuer  string // of the ID token
}

// token is the token endpoint (RFC 6749 sections 4.1.3 and 6, OIDC Core 3.1.3 and 12).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	params, refused := p.readTokenRequest(r)
	if refused != nil {
		p.note(Token, r, params, Request{Refused: refused.code})
		p.sendTokenError(w, r, refused)
		return
	}
	grantType := params.Get("grant_type")
	p.mu.Lock()
	p.counters.TokenRequests[grantType]++
	p.mu.Unlock()
	now := p.opts.Now()
	var out *issue
	var err error
	client, refused := p.authenticate(r, params)
	of := Request{Client: client.ID, Username: p.holder(params)}
	if refused == nil {
		out, refused, err = p.exchange(client, grantType, params, now)
	}
	switch {
	case err != nil:
		p.failed(w, err)
	case refused != nil:
		of.Refused = refused.code
		p.sendTokenError(w, r, refused)
	default:
		out.issuer = p.follow(r, p.tokenIssuer())
		p.sendTokens(w, grantType, out, now)
	}
	p.note(Token, r, params, of)
}

// holder is the username of whoever a code or refresh token was given to.
func (p *Provider) holder(params url.Values) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.codes[hashOf(params.Get("code"))]; c != nil {
		return p.usernameOf(c.grant.Subject)
	}
	if t := p.state.Tokens[hashOf(params.Get("refresh_token"))]; t != nil && p.state.Grants[t.GrantID] != nil {
		return p.usernameOf(p.state.Grants[t.GrantID].Subject)
	}
	return ""
}

// exchange does all that changes state, in one hold of the lock, and saves it.
func (p *Provider) exchange(client Client, grantType string, form url.Values, now time.Time) (*issue, *tokenError, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.sweep(now)
	var out *issue
	var refused *tokenError
	switch grantType {
	case grantCode:
		out, refused = p.exchangeCode(client, form, now)
	case grantRefresh:
		out, refused = p.exchangeRefresh(client, form, now)
	case "":
		refused = badRequest("invalid_request", "grant_type is missing")
	default:
		refused = badRequest("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
	}
	if refused == nil {
		p.counters.TokensGiven[grantType]++
	}
	// A refusal may have ended a grant: that is saved too.
	if err := p.save(); err != nil {
		return nil, nil, err
	}
	return out, refused, nil
}

// exchangeCode redeems a code. The caller holds p.mu.
func (p *Provider) exchangeCode(client Client, form url.Values, now time.Time) (*issue, *tokenError) {
	c := p.codes[hashOf(form.Get("code"))]
	if c == nil || c.grant.ClientID != client.ID {
		return nil, badRequest("invalid_grant", "the code is unknown")
	}
	if c.used {
		// RFC 6749 section 4.1.2: a code that comes twice was stolen, whoever came first.
		p.counters.Reuses++
		p.state.endGrant(c.grant.ID)
		return nil, badRequest("invalid_grant", "the code was used before")
	}
	c.used = true
	if !now.Before(c.expires) {
		return nil, badRequest("invalid_grant", "the code has expired")
	}
	if form.Get("redirect_uri") != c.redirectURI {
		return nil, badRequest("invalid_grant", "redirect_uri is not the one of the authorization request")
	}
	if refused := checkVerifier(c.challenge, form.Get("code_verifier")); refused != nil {
		return nil, refused
	}
	person, ok := p.personBySubject(c.grant.Subject)
	sess := p.state.Sessions[c.grant.SID]
	if !ok || sess == nil || !now.Before(sess.Expires) {
		return nil, badRequest("invalid_grant", "the sign-in has ended")
	}
	g := *c.grant
	p.state.Grants[g.ID] = &g
	if !slices.Contains(sess.Clients, client.ID) {
		sess.Clients = append(sess.Clients, client.ID)
	}
	out := p.newIssue(&g, person, now)
	out.nonce, out.idToken = c.nonce, p.saysIDToken(g.Scope)
	if p.opts.RefreshTokens != RefreshNever && g.Refreshable && !person.NoRefreshToken {
		out.refresh = p.newToken(refreshToken, &g, p.opts.RefreshTokenLife, now)
	}
	return out, nil
}

// checkVerifier compares the PKCE verifier (RFC 7636 section 4.6). A verifier without a challenge
// is refused as well (RFC 9700 section 4.8.2, PKCE downgrade).
func checkVerifier(challenge, verifier string) *tokenError {
	if challenge == "" && verifier == "" {
		return nil
	}
	if challenge == "" {
		return badRequest("invalid_grant", "code_verifier without a code_challenge")
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return badRequest("invalid_grant", "code_verifier must have 43 to 128 characters")
	}
	sum := sha256.Sum256([]byte(verifier))
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) != 1 {
		return badRequest("invalid_grant", "code_verifier does not match")
	}
	return nil
}

func (p *Provider) newIssue(g *grant, person Person, now time.Time) *issue {
	g.GivenAt = now
	copied := *g // read after the lock is given back
	return &issue{
		grant:  &copied,
		person: person,
		key:    p.signingKey(),
		access: p.newToken(accessToken, g, p.opts.AccessTokenLife, now),
	}
}

// newToken makes a token of a grant and stretches the grant's life to the token's.
func (p *Provider) newToken(kind tokenKind, g *grant, life time.Duration, now time.Time) string {
	value := randomValue()
	expires := now.Add(life)
	p.state.Tokens[hashOf(value)] = &token{Kind: kind, GrantID: g.ID, Expires: expires}
	if g.Expires.Before(expires) {
		g.Expires = expires
	}
	return value
}

func (p *Provider) sendTokens(w http.ResponseWriter, grantType string, out *issue, now time.Time) {
	body := map[string]any{
		"access_token": out.access,
		"token_type":   "Bearer",
		"expires_in":   int(p.opts.AccessTokenLife / time.Second),
		"scope":        strings.Join(out.grant.Scope, " "),
	}
	putString(body, "refresh_token", out.refresh)
	if out.idToken {
		raw, err := p.idToken(out, now)
		if err != nil {
			p.failed(w, err)
			return
		}
		body["id_token"] = raw
	}
	if change := p.faults().TokenResponse; change != nil {
		change(grantType, body)
	}
	p.answerToken(w, body)
}
