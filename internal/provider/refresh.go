package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

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
	next.Tokens = kept(next.Tokens)
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
	claims, err := p.claimsAgain(ctx, m, token, tokens, want)
	if err != nil || claims == nil {
		return auth, err
	}
	if profile, whole := p.profileAgain(ctx, m, claims, tokens); whole {
		auth.Claims, auth.Profile = claims, profile
	}
	return auth, nil
}

// claimsAgain are the person's claims after a refresh, whole; nil where nothing newer is
// known. Its error wraps oidc.ErrRefused.
func (p *Provider) claimsAgain(ctx context.Context, m *metadata, token *idToken, tokens oidc.Tokens, want oidc.Identity) (oidc.Claims, error) {
	use := p.record.Claims.UserInfo.Use
	switch {
	case m.userinfo != "" && (use == record.UserInfoAlways || use == record.UserInfoAfterSignIn && p.readsLists()):
		userinfo, err := p.personAgain(ctx, m, token, tokens, want)
		if errors.Is(err, oidc.ErrRefused) {
			return nil, err
		}
		p.userinfoFails.note(p.log, "provider's userinfo", "refreshed sessions keep their old claims", err)
		return userinfo, nil // nil where it could not be had
	case use == record.UserInfoNever || m.userinfo == "":
		// Without userinfo an ID token is the whole person only where it was at sign-in.
		if token != nil || p.readsLists() {
			return p.knownClaims(token, tokens), nil
		}
	}
	return nil, nil
}
