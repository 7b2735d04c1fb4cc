package devprovider

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// refreshable tells whether a sign-in asked for all that a refresh token needs.
func (p *Provider) refreshable(req *authRequest) bool {
	needs := p.rec.Refresh.Needs
	for _, scope := range needs.Scopes {
		if !slices.Contains(req.scope, scope) {
			return false
		}
	}
	for name, value := range needs.Params {
		got := req.params.Get(name)
		// A prompt may stand beside others that the request had reasons for.
		if got != value && !(name == "prompt" && slices.Contains(strings.Fields(got), value)) {
			return false
		}
	}
	return true
}

// exchangeRefresh redeems a refresh token. The caller holds p.mu.
func (p *Provider) exchangeRefresh(client Client, form url.Values, now time.Time) (*issue, *tokenError) {
	presented := form.Get("refresh_token")
	t, g := p.state.liveToken(presented, refreshToken, now)
	if t == nil || g.ClientID != client.ID {
		return nil, badRequest("invalid_grant", "the refresh token is unknown or has ended")
	}
	if !t.Used.IsZero() && (p.rec.Refresh.Grace <= 0 || now.Sub(t.Used) >= p.rec.Refresh.Grace) {
		p.counters.Reuses++
		p.reused(g)
		return nil, badRequest("invalid_grant", "the refresh token was used before")
	}
	// A client's clock begins with its request, somewhat earlier.
	if early := p.rec.Refresh.AtEarliest; early > 0 && now.Sub(g.GivenAt) < early-early/10 {
		return nil, badRequest("slow_down", "refreshed more often than the provider allows")
	}
	if refused := p.checkRefresh(g, form); refused != nil {
		return nil, refused
	}
	person, ok := p.personBySubject(g.Subject)
	if !ok {
		return nil, badRequest("invalid_grant", "the account is disabled")
	}
	if p.strict && p.singleUse() {
		p.state.endTokens(g.ID, accessToken)
	}
	out := p.newIssue(g, person, now)
	out.idToken = !p.opts.RefreshOmitsIDToken && p.saysIDToken(g.Scope)
	switch {
	case p.singleUse():
		if t.Used.IsZero() {
			t.Used = now
		}
		out.refresh = p.newToken(refreshToken, g, p.opts.RefreshTokenLife, now)
	case p.rec.Refresh.Rotation == record.RotationReissue:
		out.refresh = p.newToken(refreshToken, g, p.opts.RefreshTokenLife, now)
	case !p.opts.RefreshOmitsRefreshToken && !p.strict:
		out.refresh = presented
	}
	return out, nil
}

// singleUse tells whether a refresh token works once; so does one of which nobody knows.
func (p *Provider) singleUse() bool {
	r := p.rec.Refresh.Rotation
	return r == record.RotationSingleUse || r == record.RotationUnknown
}

// reused ends what a refresh token that came twice takes along: which of the two holders is the
// thief cannot be known (RFC 9700 section 4.14.2). The caller holds p.mu.
func (p *Provider) reused(g *grant) {
	switch p.rec.Refresh.ReuseEnds {
	case record.ReuseNothing:
	case record.ReuseGrant:
		p.state.endGrant(g.ID)
	default:
		p.state.endSession(g.SID, false)
		p.state.endGrant(g.ID)
	}
}

// checkRefresh holds a refresh request's further parameters against the grant, and demands those
// that the record says have to be repeated. The caller holds p.mu.
func (p *Provider) checkRefresh(g *grant, form url.Values) *tokenError {
	for _, scope := range strings.Fields(form.Get("scope")) {
		if !slices.Contains(g.Scope, scope) {
			return badRequest("invalid_scope", "scope asks for more than was granted")
		}
	}
	for name, template := range p.rec.Refresh.Extra {
		want, _ := fill(template, nil, map[string]string{
			"redirect_uri": g.RedirectURI, "client_id": g.ClientID, "scope": strings.Join(g.Scope, " "),
		})
		if form.Get(name) != want {
			return badRequest("invalid_grant", name+" is not the one of the sign-in")
		}
	}
	return nil
}
