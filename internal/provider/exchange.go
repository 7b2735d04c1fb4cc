package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// Exchange redeems a callback's code and verifies who it is (RFC 6749 section 4.1.3,
// OpenID Connect Core sections 3.1.3 and 5.3).
//
// Errors: *oidc.Error (the provider said no), *oidc.UnreachableError, oidc.ErrRefused
// (the answer must not be believed), oidc.ErrStale (believed, but older than asked for).
// Where tokens had come by then, they are in the returned Authentication beside the
// error, which has no identity, so that the caller can have them revoked.
func (p *Provider) Exchange(ctx context.Context, now time.Time, ask oidc.CodeExchange) (oidc.Authentication, error) {
	auth, err := p.exchange(ctx, now, ask)
	if down, ok := errors.AsType[*oidc.UnreachableError](err); ok && auth.Tokens.AccessToken != "" {
		err = &oidc.UnreachableError{Sent: true, Err: down.Err} // the code is spent
	}
	if err != nil {
		return oidc.Authentication{Tokens: auth.Tokens}, fmt.Errorf("exchanging the code: %w", err)
	}
	return auth, nil
}

func (p *Provider) exchange(ctx context.Context, now time.Time, ask oidc.CodeExchange) (auth oidc.Authentication, err error) {
	if ask.Code == "" || (ask.Nonce == "" && p.sendsIDToken()) || (ask.CodeVerifier == "" && p.record.Client.PKCE != record.PKCEOff) {
		return auth, refused("code, nonce or code verifier is missing")
	}
	m, err := p.meta(ctx)
	if err != nil {
		return auth, err
	}
	if err := p.checkResponseIssuer(m, ask.Iss); err != nil {
		return auth, err
	}
	params := map[string]string{
		"grant_type":   "authorization_code",
		"code":         ask.Code,
		"redirect_uri": p.redirect(ask.RedirectURI),
	}
	if ask.CodeVerifier != "" && p.record.Client.PKCE != record.PKCEOff {
		params["code_verifier"] = ask.CodeVerifier
	}
	if p.record.Client.Exchange == record.ExchangeApplicationToken {
		return p.exchangeByApplication(ctx, now, m, ask)
	}
	began := time.Now()
	if auth.Tokens, err = p.tokenRequest(ctx, now, m, "token request", params); err != nil {
		return auth, err
	}
	token, err := p.exchangedToken(ctx, now, m, auth.Tokens, ask.Nonce)
	if err != nil {
		return auth, err
	}
	// A mix-up of two tenants of one provider (RFC 9207 section 2.4).
	if token != nil && ask.Iss != "" && p.record.Issuer.ParamValue == "" && ask.Iss != token.issuer && p.record.Issuer.Match == record.IssuerTemplateTID {
		return auth, refused("iss of the response and of the ID token differ")
	}
	if err := p.checkAge(now, now.Add(time.Since(began)), token, ask); err != nil {
		return auth, err
	}
	if err := checkClass(token, ask.ACRValues); err != nil {
		return auth, err
	}
	userinfo, picture, err := p.userinfoAtSignIn(ctx, m, auth.Tokens, token)
	if err != nil {
		return auth, err
	}
	if auth, err = p.authentication(token, userinfo, auth.Tokens); err != nil {
		return auth, err
	}
	auth.Profile = p.profileAtSignIn(ctx, m, auth, ask.User)
	if token != nil {
		picture = cmp.Or(picture, token.picture)
	}
	auth.Picture = cmp.Or(auth.Profile.Picture, picture)
	auth.Tokens = kept(auth.Tokens)
	p.noteMissingRefresh(auth.Tokens)
	return auth, nil
}

// exchangeByApplication is exchange where the code is redeemed with the application's
// token. The grant has no tokens then.
func (p *Provider) exchangeByApplication(ctx context.Context, now time.Time, m *metadata, ask oidc.CodeExchange) (auth oidc.Authentication, err error) {
	if err := p.checkAge(now, now, nil, ask); err != nil {
		return auth, err
	}
	if err := checkClass(nil, ask.ACRValues); err != nil {
		return auth, err
	}
	claims, err := p.byApplication(ctx, m, ask.Code)
	if err != nil {
		return auth, err
	}
	if auth.Identity, err = p.identity(p.issuer, claims); err != nil {
		return auth, err
	}
	auth.Claims = claims
	if m.userinfo != "" && p.record.Claims.UserInfo.Use != record.UserInfoNever {
		more, data, err := p.askUserinfo(ctx, m, p.applicationBearer(m), claims)
		if err != nil {
			return oidc.Authentication{}, err
		}
		auth.Claims, auth.Picture = merge(claims, more), data
		if again, err := p.identity(p.issuer, auth.Claims); err != nil || again != auth.Identity {
			return oidc.Authentication{}, refused("userinfo is another person's")
		}
	}
	auth.Profile = p.profileAtSignIn(ctx, m, auth, ask.User)
	auth.Picture = cmp.Or(auth.Profile.Picture, auth.Picture)
	return auth, nil
}

// checkClass holds the authentication's class against those that were asked for
// (OpenID Connect Core section 3.1.2.1, acr_values). Only a signed acr counts.
func checkClass(t *idToken, asked []string) error {
	if len(asked) == 0 {
		return nil
	}
	if t == nil {
		return fmt.Errorf("%w: this provider does not say how the person signed in", oidc.ErrWeak)
	}
	if acr := t.claims.String("acr"); acr == "" || !slices.Contains(asked, acr) {
		return fmt.Errorf("%w: acr is %q", oidc.ErrWeak, bounded(acr))
	}
	return nil
}

// noteMissingRefresh tells once what to change at a provider that gave no refresh token
// although it would, were it set up for it.
func (p *Provider) noteMissingRefresh(t oidc.Tokens) {
	r := p.record.Refresh
	if t.RefreshToken == "" && r.MissingIs == record.MissingMisconfiguration && !p.noRefresh.Swap(true) {
		p.log.Warn("provider gave no refresh token: withdrawn accounts are noticed later", "advice", r.MissingAdvice)
	}
}

// exchangedToken verifies the ID token of a code exchange; nil at providers without one.
func (p *Provider) exchangedToken(ctx context.Context, now time.Time, m *metadata, t oidc.Tokens, nonce string) (*idToken, error) {
	if !p.sendsIDToken() {
		return nil, nil
	}
	if t.IDToken == "" {
		return nil, refused("the answer has no ID token")
	}
	return p.verifyIDToken(ctx, now, m, t.IDToken, t.AccessToken, nonce)
}

// checkResponseIssuer compares the response's iss (RFC 9207 section 2.4): always when it
// is there, and its absence counts where the metadata or the record promise it.
func (p *Provider) checkResponseIssuer(m *metadata, iss string) error {
	if iss == "" {
		if m.issInResponse || p.record.Issuer.Param == record.IssParamRequired {
			return refused("the response has no iss, which this provider always sends")
		}
		return nil
	}
	want := p.record.Issuer.ParamValue
	if want != "" && iss == want || want == "" && p.acceptsIssuer(m, iss, "") {
		return nil
	}
	if want == "" {
		want = p.issuer
	}
	return refused("iss of the response is %q, expected is %q", bounded(iss), want)
}

// authentication puts together what was verified.
func (p *Provider) authentication(t *idToken, userinfo oidc.Claims, tokens oidc.Tokens) (oidc.Authentication, error) {
	auth := oidc.Authentication{Tokens: tokens}
	issuer := p.issuer
	var verified oidc.Claims
	if t != nil {
		issuer, verified = p.keptIssuer(t.issuer), t.claims
		auth.SID = boundedClaim(verified.String("sid"))
		auth.AuthTime = t.authTime
		auth.ACR = boundedClaim(verified.String("acr"))
		for _, m := range verified.Strings("amr") {
			if m = boundedClaim(m); m != "" && len(auth.AMR) < 32 {
				auth.AMR = append(auth.AMR, m)
			}
		}
	}
	auth.Claims = merge(verified, userinfo)
	var err error
	if auth.Identity, err = p.identity(issuer, auth.Claims); err != nil {
		return oidc.Authentication{Tokens: tokens}, err
	}
	return auth, nil
}

// boundedClaim drops what is no plausible session id or class name.
func boundedClaim(s string) string {
	if len(s) > maxSubject || hasControl(s) {
		return ""
	}
	return s
}
