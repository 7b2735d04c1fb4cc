package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

const maxUserinfo = 1 << 20

// Userinfo asks for the person again (OpenID Connect Core section 5.3) and returns the
// claims whole, laid over those of the kept ID token.
//
// Errors: *oidc.Error (401 and 403: the person or the token is no longer good),
// *oidc.UnreachableError, oidc.ErrRefused when the answer is another person's.
func (p *Provider) Userinfo(ctx context.Context, now time.Time, tokens oidc.Tokens, want oidc.Identity) (oidc.Claims, oidc.Profile, error) {
	fail := func(err error) (oidc.Claims, oidc.Profile, error) {
		return nil, oidc.Profile{}, fmt.Errorf("asking userinfo: %w", err)
	}
	m, err := p.meta(ctx)
	if err != nil {
		return fail(err)
	}
	if m.userinfo == "" {
		return fail(notSent(errors.New("the provider has no userinfo endpoint")))
	}
	if !tokens.Expiry.IsZero() && !now.Before(tokens.Expiry) {
		return fail(notSent(errors.New("the access token has expired")))
	}
	claims, err := p.personAgain(ctx, m, nil, tokens, want)
	if err != nil {
		return fail(err)
	}
	return claims, p.profile(claims), nil
}

// personAgain asks userinfo and lays it over the ID token: the given one, else the one
// that was verified earlier and kept.
func (p *Provider) personAgain(ctx context.Context, m *metadata, token *idToken, tokens oidc.Tokens, want oidc.Identity) (oidc.Claims, error) {
	var kept oidc.Claims
	if token != nil {
		kept = token.claims
	} else if tokens.IDToken != "" && p.sendsIDToken() {
		kept = keptClaims(tokens.IDToken, p.keepDataURLs())
	}
	userinfo, err := p.askUserinfo(ctx, m, tokens.AccessToken)
	if err != nil {
		return nil, err
	}
	if _, named := userinfo["sub"]; kept != nil && !named {
		// Nobody is named: that is no verdict about a person who was known before.
		return nil, &oidc.UnreachableError{Sent: true, Err: errors.New("userinfo: the answer has no sub")}
	}
	if kept != nil {
		if err := sameSubject(userinfo, kept.String("sub")); err != nil {
			return nil, err
		}
	}
	merged := merge(kept, userinfo)
	got, err := p.identity(want.Issuer, merged)
	if err != nil {
		return nil, err
	}
	if got != want {
		return nil, refused("userinfo is another person's")
	}
	return merged, nil
}

// userinfoAtSignIn asks userinfo where the record says so; nil where it does not.
func (p *Provider) userinfoAtSignIn(ctx context.Context, m *metadata, tokens oidc.Tokens, token *idToken) (oidc.Claims, error) {
	if token != nil && (p.record.Claims.UserInfo.Use == record.UserInfoNever || m.userinfo == "") {
		return nil, nil
	}
	if m.userinfo == "" {
		return nil, refused("neither an ID token nor userinfo says who signed in")
	}
	claims, err := p.askUserinfo(ctx, m, tokens.AccessToken)
	if err != nil || token == nil {
		return claims, err
	}
	return claims, sameSubject(claims, token.subject)
}

// sameSubject demands the ID token's sub (OpenID Connect Core section 5.3.2): without it
// a substituted access token would bring another person's data.
func sameSubject(userinfo oidc.Claims, sub string) error {
	if got, isText := userinfo["sub"].(string); !isText || got != sub || sub == "" {
		return refused("sub of userinfo and of the ID token differ")
	}
	return nil
}

func (p *Provider) askUserinfo(ctx context.Context, m *metadata, accessToken string) (oidc.Claims, error) {
	in := call{what: "userinfo request", method: http.MethodGet, url: m.userinfo, header: http.Header{}, limit: maxUserinfo}
	if name := p.record.Client.BearerHeader; name != "" {
		in.header.Set(name, accessToken)
	} else {
		in.header.Set("Authorization", "Bearer "+accessToken)
	}
	a, err := p.call.do(ctx, in)
	if err != nil {
		return nil, err
	}
	if a.status/100 != 2 {
		return nil, bearerError(a)
	}
	unusable := func(err error) error {
		return &oidc.UnreachableError{Sent: true, Err: fmt.Errorf("userinfo: %w", err)}
	}
	if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media == "application/jwt" {
		return nil, unusable(errors.New("the answer is signed; register this client for plain JSON"))
	}
	claims, err := parseClaims(a.body, p.keepDataURLs())
	if err != nil {
		return nil, unusable(err)
	}
	return claims, nil
}

// bearerError makes an error answer to a bearer token (RFC 6750 section 3.1) an
// *oidc.Error. 401 always means that the token is not good.
func bearerError(a answer) *oidc.Error {
	out := statusError(a, "error")
	switch a.status {
	case http.StatusUnauthorized:
		out.Code = "invalid_token"
	case http.StatusForbidden:
		if out.Code == codeStatus {
			out.Code = oidc.AccessDenied
		}
	}
	return out
}

// keptClaims reads the claims of an ID token that was verified when it came.
func keptClaims(raw string, keepDataURLs bool) oidc.Claims {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	claims, err := parseClaims(payload, keepDataURLs)
	if err != nil {
		return nil
	}
	return claims
}

func joinScopes(scopes []string) string { return strings.Join(scopes, " ") }
