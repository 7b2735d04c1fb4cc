package provider

import (
	"context"
	"errors"
	"fmt"
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
	userinfo, err := p.userinfoAtSignIn(ctx, m, auth.Tokens, token)
	if err != nil {
		return auth, err
	}
	return p.authentication(token, userinfo, auth.Tokens)
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
	auth.Profile = p.profile(auth.Claims)
	return auth, nil
}

// boundedClaim drops what is no plausible session id or class name.
func boundedClaim(s string) string {
	if len(s) > maxSubject || hasControl(s) {
		return ""
	}
	return s
}

// Refresh exchanges old's refresh token (RFC 6749 section 6, OpenID Connect Core section
// 12) for the person want.
//
// The returned Tokens are complete: what the answer left out is taken from old. Claims
// and Profile are whole, or zero when nothing newer is known of the person: no new ID
// token and no userinfo, or only a part of what the sign-in gave. Identity is want.
//
// Errors: *oidc.Error when the provider decided (only invalid_grant speaks against the
// grant); *oidc.UnreachableError, with Sent false when old.RefreshToken is surely
// unspent; oidc.ErrRefused when the answer names another person or is forged. With
// ErrRefused the new tokens are returned too, for revocation.
func (p *Provider) Refresh(ctx context.Context, now time.Time, old oidc.Tokens, want oidc.Identity) (oidc.Authentication, error) {
	auth, err := p.refresh(ctx, now, old, want)
	if err != nil {
		return oidc.Authentication{Tokens: auth.Tokens}, fmt.Errorf("refreshing: %w", err)
	}
	return auth, nil
}

func (p *Provider) refresh(ctx context.Context, now time.Time, old oidc.Tokens, want oidc.Identity) (auth oidc.Authentication, err error) {
	if old.RefreshToken == "" {
		return auth, notSent(errors.New("there is no refresh token"))
	}
	m, err := p.meta(ctx)
	if err != nil {
		return auth, err
	}
	fresh, err := p.tokenRequest(ctx, now, m, "refresh request", p.refreshParams(m, old))
	if err != nil {
		return auth, err
	}
	auth.Tokens = fresh.Merge(old)
	if fresh.IDToken == old.IDToken {
		fresh.IDToken = "" // sent along again: it says nothing new, and may have expired
	}
	token, err := p.refreshedToken(ctx, now, m, fresh)
	if err != nil {
		return auth, err
	}
	if token == nil {
		auth.Tokens.IDToken = old.IDToken
	}
	next, err := p.afterRefresh(ctx, m, token, auth.Tokens, want)
	if err != nil {
		return auth, err
	}
	return next, nil
}

func (p *Provider) refreshParams(m *metadata, old oidc.Tokens) map[string]string {
	params := map[string]string{"grant_type": "refresh_token", "refresh_token": old.RefreshToken}
	for name, template := range p.record.Refresh.Extra {
		value, ok := record.Expand(template, func(name string) (string, bool) {
			switch name {
			case "redirect_uri":
				return p.redirectURI, true
			case "client_id":
				return p.clientID, true
			case "scope":
				return joinScopes(p.wantedScopes(m)), true
			}
			return "", false
		})
		if ok {
			params[name] = value
		}
	}
	return params
}

// refreshedToken verifies a refresh answer's ID token; nil when none came. One that
// cannot be verified because the keys cannot be had counts as not come: the tokens
// beside it are good, and losing them would lose a rotated refresh token.
func (p *Provider) refreshedToken(ctx context.Context, now time.Time, m *metadata, fresh oidc.Tokens) (*idToken, error) {
	if fresh.IDToken == "" || !p.sendsIDToken() {
		return nil, nil
	}
	token, err := p.verifyIDToken(ctx, now, m, fresh.IDToken, fresh.AccessToken, "")
	if _, down := errors.AsType[*oidc.UnreachableError](err); down {
		return nil, nil
	}
	return token, err
}

// noteUserinfo says once that people's data are no longer kept up to date, and once that
// they are again.
func (p *Provider) noteUserinfo(err error) {
	switch failing := err != nil; {
	case failing && !p.userinfoFails.Swap(true):
		p.log.Error("provider's userinfo cannot be had: refreshed sessions keep their old claims", "alarm", true, "err", err)
	case !failing && p.userinfoFails.Swap(false):
		p.log.Info("provider's userinfo is back")
	}
}

// afterRefresh learns what is new about the person.
func (p *Provider) afterRefresh(ctx context.Context, m *metadata, token *idToken, tokens oidc.Tokens, want oidc.Identity) (oidc.Authentication, error) {
	auth := oidc.Authentication{Identity: want, Tokens: tokens}
	if token != nil {
		auth.SID, auth.AuthTime = boundedClaim(token.claims.String("sid")), token.authTime
		got, err := p.identity(p.keptIssuer(token.issuer), token.claims)
		if err != nil {
			return auth, err
		}
		if got != want {
			return auth, refused("the refreshed ID token is another person's")
		}
	}
	use := p.record.Claims.UserInfo.Use
	if use == record.UserInfoAlways && m.userinfo != "" {
		userinfo, err := p.personAgain(ctx, m, token, tokens, want)
		if errors.Is(err, oidc.ErrRefused) {
			return auth, err
		}
		p.noteUserinfo(err)
		if err == nil {
			auth.Claims, auth.Profile = userinfo, p.profile(userinfo)
		}
		return auth, nil
	}
	// Without userinfo an ID token is the whole person only where it was at sign-in.
	if token != nil && (use == record.UserInfoNever || m.userinfo == "") {
		auth.Claims, auth.Profile = token.claims, p.profile(token.claims)
	}
	return auth, nil
}
