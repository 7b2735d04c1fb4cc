package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// returnSlot stands for the return address in an end-session endpoint of a record.
const returnSlot = "{return_url}"

// EndSessionByBrowser returns the call by which the browser ends the provider's session
// (RP-Initiated Logout section 2, or the record's own). ok is false where there is none:
// the provider has no such endpoint, or it would strand the person there because it
// demands a hint that is not at hand.
func (p *Provider) EndSessionByBrowser(ctx context.Context, r oidc.EndSessionRequest) (out oidc.BrowserCall, ok bool, err error) {
	s := p.record.SignOut
	if s.Kind == record.SignOutNone {
		return out, false, nil
	}
	m, err := p.meta(ctx)
	if err != nil {
		return out, false, fmt.Errorf("ending the provider's session: %w", err)
	}
	if m.endSession == "" {
		return out, false, nil
	}
	logoutHint := p.logoutHint(r) // of any ID token, also one that is no hint itself
	r.IDToken = p.hint(r.IDToken)
	if r.IDToken == "" && s.Hint == record.HintRequired {
		return out, false, nil
	}
	r.PostLogoutRedirectURI = p.returnAddress(r)
	target, err := p.endSessionAddress(m, r)
	if err != nil {
		return out, false, err
	}
	params := p.endSessionParams(r, logoutHint)
	out.URL = withQuery(target, params)
	if len(out.URL) <= longestURL {
		return out, true, nil
	}
	return p.longEndSession(target, params, r, logoutHint), true, nil
}

// longestPost is the longest hint that is posted, in bytes. An ID token grows past any
// measure with a picture in it, and providers answer such a form with an error of theirs,
// which leaves the person there: seen at 400 kB.
const longestPost = 64 << 10

// longEndSession is the call whose hint does not fit a URL: posted where the provider
// takes that, else without the hint where client_id is enough.
func (p *Provider) longEndSession(target *url.URL, params url.Values, r oidc.EndSessionRequest, logoutHint string) oidc.BrowserCall {
	s := p.record.SignOut
	switch {
	case s.PostOK == record.Yes && (len(r.IDToken) <= longestPost || s.Hint == record.HintRequired):
		return oidc.BrowserCall{URL: target.String(), Form: params}
	case s.Hint == record.HintRequired:
		return oidc.BrowserCall{URL: withQuery(target, params)}
	}
	r.IDToken = ""
	short := p.endSessionParams(r, logoutHint)
	if s.Kind == record.SignOutOIDC && short.Get("client_id") == "" {
		short.Set("client_id", p.clientID)
	}
	return oidc.BrowserCall{URL: withQuery(target, short)}
}

// hint returns the ID token where the record lets it be sent.
func (p *Provider) hint(idToken string) string {
	s := p.record.SignOut
	if s.Hint == record.HintUnused || idToken == "" {
		return ""
	}
	if s.HintExpiredOK == record.No {
		exp, ok := numericDate(keptClaims(idToken)["exp"])
		if !ok || !p.now().Before(exp) {
			return ""
		}
	}
	return idToken
}

// endSessionAddress fills the return address into endpoints that carry it themselves.
func (p *Provider) endSessionAddress(m *metadata, r oidc.EndSessionRequest) (*url.URL, error) {
	u, err := url.Parse(strings.ReplaceAll(m.endSession, returnSlot, url.QueryEscape(r.PostLogoutRedirectURI)))
	if err != nil {
		return nil, errors.New("ending the provider's session: endpoint is not a URL")
	}
	return u, nil
}

// returnAddress is where the browser comes back to. A provider that compares no more than
// the origin, and has no parameter for a state of ours, brings it back in the address.
func (p *Provider) returnAddress(r oidc.EndSessionRequest) string {
	s := p.record.SignOut
	if s.ReturnMatch != record.ReturnMatchOrigin || r.State == "" || r.PostLogoutRedirectURI == "" {
		return r.PostLogoutRedirectURI
	}
	for _, template := range s.Params {
		if strings.Contains(template, "{state}") {
			return r.PostLogoutRedirectURI
		}
	}
	return addQuery(r.PostLogoutRedirectURI, url.Values{"state": {r.State}})
}

// endSessionParams fills the record's parameters; one with nothing to stand in it is
// left out.
func (p *Provider) endSessionParams(r oidc.EndSessionRequest, logoutHint string) url.Values {
	out := url.Values{}
	if p.upstream && p.record.SignOut.Upstream == record.UpstreamOnRequest {
		for name, value := range p.record.SignOut.UpstreamParams {
			out.Set(name, value)
		}
	}
	for name, template := range p.record.SignOut.Params {
		value, ok := record.Expand(template, func(name string) (string, bool) {
			switch name {
			case "id_token_hint":
				return r.IDToken, true
			case "client_id":
				return p.clientID, true
			case "return_url":
				return r.PostLogoutRedirectURI, true
			case "state":
				return r.State, true
			case "sid":
				return r.SID, true
			case "logout_hint":
				return logoutHint, true
			}
			return "", false
		})
		if ok {
			out.Set(name, value)
		}
	}
	return out
}

// logoutHint is the claim by which the provider finds the session to end.
func (p *Provider) logoutHint(r oidc.EndSessionRequest) string {
	path := string(p.record.SignOut.LogoutHintClaim)
	if path == "" || r.IDToken == "" {
		return ""
	}
	return text(keptClaims(r.IDToken), path)
}

// EndSessionByServer ends the provider's session without the browser, where the record
// knows how. done is false, without error, where it does not, or what it needs is not
// at hand. A refused call is an *oidc.Error.
func (p *Provider) EndSessionByServer(ctx context.Context, r oidc.EndSessionRequest) (done bool, err error) {
	s := p.record.SignOut
	byToken := s.ServerCall == record.ServerRefreshToken && r.RefreshToken != ""
	byHint := s.ServerCall == record.ServerHint && p.hint(r.IDToken) != ""
	if !byToken && !byHint {
		return false, nil
	}
	m, err := p.meta(ctx)
	if err != nil {
		return false, fmt.Errorf("ending the provider's session: %w", err)
	}
	if m.endSession == "" {
		return false, nil
	}
	target, err := p.endSessionAddress(m, oidc.EndSessionRequest{})
	if err != nil {
		return false, err
	}
	in := call{what: "end-session request", method: http.MethodPost, url: target.String(), header: http.Header{}}
	params := map[string]string{}
	if byToken {
		params["refresh_token"] = r.RefreshToken
		if err := p.authenticate(m, &in, params); err != nil {
			return false, fmt.Errorf("ending the provider's session: %w", err)
		}
	} else {
		params["id_token_hint"], params["client_id"] = r.IDToken, p.clientID
	}
	in.form(params)
	if byHint && s.PostOK != record.Yes {
		in.method, in.url, in.body = http.MethodGet, withQuery(target, values(params)), nil
	}
	a, err := p.call.do(ctx, in)
	if err != nil {
		return false, fmt.Errorf("ending the provider's session: %w", err)
	}
	if a.status/100 == 2 || byHint && a.status/100 == 3 {
		return true, nil
	}
	return false, fmt.Errorf("ending the provider's session: %w", statusError(a, ""))
}

func values(params map[string]string) url.Values {
	v := url.Values{}
	for name, value := range params {
		v.Set(name, value)
	}
	return v
}

// form makes the call a form POST.
func (c *call) form(params map[string]string) {
	c.header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.body = []byte(values(params).Encode())
}

const (
	probeTimeout = time.Second
	probeKept    = 5 * time.Second
)

// Reachable tells, within Options.ProbeWithin, whether the provider answers at all. The outcome is
// kept for a few seconds, so that many sign-outs at once ask once.
func (p *Provider) Reachable(ctx context.Context) bool {
	p.probe.Lock()
	if p.probe.flight == nil && !p.probe.at.IsZero() && p.now().Sub(p.probe.at) < probeKept {
		defer p.probe.Unlock()
		return p.probe.up
	}
	done := p.probe.flight
	if done == nil {
		done = make(chan struct{})
		p.probe.flight = done
		go p.runProbe(context.WithoutCancel(ctx), done)
	}
	p.probe.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return false
	}
	p.probe.Lock()
	defer p.probe.Unlock()
	return p.probe.up
}

// Down tells, by the same probe, whether the provider surely cannot be visited: no
// connection is to be had. One that is merely slow is not down.
func (p *Provider) Down(ctx context.Context) bool {
	if p.Reachable(ctx) {
		return false
	}
	p.probe.Lock()
	defer p.probe.Unlock()
	return p.probe.refused
}

func (p *Provider) runProbe(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, p.probeWithin)
	defer cancel()
	a, err := p.call.do(ctx, call{what: "probe", method: http.MethodGet, url: p.probeAddress(), limit: maxMetadata})
	// A gateway in front that cannot reach the provider answers 5xx.
	up := err == nil && a.status < 500
	lost, unreachable := errors.AsType[*oidc.UnreachableError](err)
	p.probe.Lock()
	defer p.probe.Unlock()
	p.probe.up, p.probe.at, p.probe.flight = up, p.now(), nil
	p.probe.refused = unreachable && !lost.Sent && ctx.Err() == nil
	close(done)
}
