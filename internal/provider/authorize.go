package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// longestURL is what browsers, proxies and servers on the way carry for sure.
const longestURL = 4000

// AuthorizationURL returns where the browser begins a sign-in (RFC 6749 section 4.1.1,
// OpenID Connect Core section 3.1.2.1). Its parameters come from the record and the
// request alone. Where the provider honours no prompt=none, a silent request goes
// without a prompt: it may then show something, and still signs nobody else in, because
// the answer's subject is compared.
//
// It returns an *oidc.UnreachableError when the provider's metadata cannot be had.
func (p *Provider) AuthorizationURL(ctx context.Context, r oidc.AuthorizationRequest) (string, error) {
	if r.Fresh && r.Silent {
		return "", errors.New("authorization request: fresh and silent exclude each other")
	}
	if r.State == "" || (r.Nonce == "" && p.sendsIDToken()) || (r.CodeChallenge == "" && p.record.Client.PKCE != record.PKCEOff) {
		return "", errors.New("authorization request: state, nonce or code challenge is missing")
	}
	m, err := p.meta(ctx)
	if err != nil {
		return "", fmt.Errorf("authorization request: %w", err)
	}
	target, err := url.Parse(m.authorization)
	if err != nil {
		return "", fmt.Errorf("authorization request: %w", errors.New("endpoint is not a URL"))
	}
	q := p.authorizationQuery(m, r)
	out := withQuery(target, p.ownNames(q))
	if len(out) > longestURL && q.Get("id_token_hint") != "" {
		q.Del("id_token_hint")
		out = withQuery(target, p.ownNames(q))
	}
	if f := p.record.Client.AuthorizeFragment; f != "" {
		out += "#" + f
	}
	return out, nil
}

func (p *Provider) authorizationQuery(m *metadata, r oidc.AuthorizationRequest) url.Values {
	q := url.Values{}
	for name, value := range p.record.Client.AuthorizeParams {
		q.Set(name, value)
	}
	for name, value := range p.record.Refresh.Needs.Params {
		q.Set(name, value)
	}
	q.Set("response_type", "code")
	q.Set("client_id", p.clientID)
	q.Set("redirect_uri", p.redirect(r.RedirectURI))
	q.Set("state", r.State)
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("scope", joinScopes(p.wantedScopes(m)))
	set("acr_values", strings.Join(r.ACRValues, " "))
	if p.sendsIDToken() {
		set("nonce", r.Nonce)
		set("ui_locales", r.UILocales)
	}
	if p.record.Client.PKCE != record.PKCEOff {
		q.Set("code_challenge", r.CodeChallenge)
		q.Set("code_challenge_method", "S256")
	}
	if p.record.Client.ResponseMode == record.ResponseFormPost {
		q.Set("response_mode", "form_post")
	}
	set("login_hint", r.LoginHint)
	always := q.Get("prompt")
	q.Del("prompt")
	set("prompt", p.prompt(always, r))
	set("max_age", p.maxAge(r))
	if q.Get("prompt") == string(record.PromptNone) {
		set("id_token_hint", r.IDTokenHint)
	}
	return q
}

// ownNames gives the parameters the provider's own names.
func (p *Provider) ownNames(q url.Values) url.Values {
	named := make(url.Values, len(q))
	for name, values := range q {
		if own := p.record.Client.AuthorizeNames[name]; own != "" {
			name = own
		}
		named[name] = values
	}
	return named
}

// redirect keeps the registered callback unless the caller names it itself.
func (p *Provider) redirect(asked string) string {
	if asked != "" {
		return asked
	}
	return p.redirectURI
}

// wantedScopes returns the scopes of a sign-in: the configured ones, those that a refresh
// token needs, and, where somebody wants to know of groups, theirs.
func (p *Provider) wantedScopes(m *metadata) []string {
	scopes := slices.Clone(p.scopes)
	needs := p.record.Refresh.Needs
	for _, s := range needs.Scopes {
		if slices.Contains(scopes, s) || needs.When == record.NeedsAdvertised && !slices.Contains(m.scopes, s) {
			continue
		}
		scopes = append(scopes, s)
	}
	if s := p.record.Claims.Groups.Scope; p.groups && s != "" && !slices.Contains(scopes, s) {
		scopes = append(scopes, s)
	}
	return scopes
}

// prompt returns the prompt to send. A value that the record does not list as honoured
// is never sent: some providers refuse the whole request over it. always is what the
// record sends with every request.
func (p *Provider) prompt(always string, r oidc.AuthorizationRequest) string {
	honoured := func(v record.PromptValue) bool { return slices.Contains(p.record.Prompt.OK, v) }
	if r.Silent {
		if honoured(record.PromptNone) {
			return string(record.PromptNone) // never together with another
		}
		return ""
	}
	values := slices.DeleteFunc(strings.Fields(always), func(v string) bool { return !honoured(record.PromptValue(v)) })
	force := p.record.FreshLogin.Prompt
	stepUp := r.MaxAge > 0 && !(p.checksAuthTime() && p.forcedByMaxAge())
	if (r.Fresh || stepUp) && force != "" && honoured(force) && !slices.Contains(values, string(force)) {
		values = append(values, string(force))
	}
	return strings.Join(values, " ")
}

// maxAge returns the max_age to send, in seconds, at least 1: with 0 some
// providers never finish a sign-in, and others take it for unset.
func (p *Provider) maxAge(r oidc.AuthorizationRequest) string {
	var age time.Duration
	if r.MaxAge > 0 {
		age = r.MaxAge
	}
	if r.Fresh && p.forcedByMaxAge() {
		least := max(p.record.FreshLogin.MaxAge, time.Second)
		if age == 0 || least < age {
			age = least
		}
	}
	if age == 0 || r.Silent && r.MaxAge <= 0 {
		return ""
	}
	return strconv.FormatInt(int64(max((age+time.Second-1)/time.Second, 1)), 10)
}

// withQuery adds parameters to an endpoint that may have some of its own (RFC 6749
// section 3.1). A space is written %20: not every server reads + as one.
func withQuery(endpoint *url.URL, q url.Values) string {
	u := *endpoint
	encoded := strings.ReplaceAll(q.Encode(), "+", "%20")
	if u.RawQuery != "" && encoded != "" {
		encoded = u.RawQuery + "&" + encoded
	} else if encoded == "" {
		encoded = u.RawQuery
	}
	u.RawQuery = encoded
	return u.String()
}
