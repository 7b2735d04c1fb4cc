package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// maxUserinfo leaves room for a picture in the answer, which is then dropped from the
// claims: one of 10 MB takes 14 MB as a data: URL.
const maxUserinfo = 16 << 20

// Userinfo asks for the person again (OpenID Connect Core section 5.3) and returns the
// claims whole, laid over those of the kept ID token. Claims are nil, without error, where
// the person was confirmed and something that makes the profile could not be had.
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
	profile, whole := p.profileAgain(ctx, m, claims, tokens)
	if !whole {
		return nil, oidc.Profile{}, nil
	}
	return claims, profile, nil
}

// personAgain asks userinfo and lays it over the ID token: the given one, else the one
// that was verified earlier and kept.
func (p *Provider) personAgain(ctx context.Context, m *metadata, token *idToken, tokens oidc.Tokens, want oidc.Identity) (oidc.Claims, error) {
	kept := p.knownClaims(token, tokens)
	userinfo, _, err := p.askUserinfo(ctx, m, userToken(tokens.AccessToken), kept)
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

// knownClaims are those of the ID token: the given one, else the one that was kept; nil at
// providers without.
func (p *Provider) knownClaims(token *idToken, tokens oidc.Tokens) oidc.Claims {
	if token != nil {
		return token.claims
	}
	if tokens.IDToken != "" && p.sendsIDToken() {
		return keptClaims(tokens.IDToken)
	}
	return nil
}

// userinfoAtSignIn asks userinfo where the record says so; nil where it does not. picture
// is as askUserinfo returns it.
func (p *Provider) userinfoAtSignIn(ctx context.Context, m *metadata, tokens oidc.Tokens, token *idToken) (claims oidc.Claims, picture string, err error) {
	if token != nil && (p.record.Claims.UserInfo.Use == record.UserInfoNever || m.userinfo == "") {
		return nil, "", nil
	}
	if m.userinfo == "" {
		return nil, "", refused("neither an ID token nor userinfo says who signed in")
	}
	if token == nil {
		return p.askUserinfo(ctx, m, userToken(tokens.AccessToken), nil)
	}
	claims, picture, err = p.askUserinfo(ctx, m, userToken(tokens.AccessToken), token.claims)
	if err != nil {
		return claims, "", err
	}
	return claims, picture, sameSubject(claims, token.subject)
}

// sameSubject demands the ID token's sub (OpenID Connect Core section 5.3.2): without it
// a substituted access token would bring another person's data.
func sameSubject(userinfo oidc.Claims, sub string) error {
	if got, isText := userinfo["sub"].(string); !isText || got != sub || sub == "" {
		return refused("sub of userinfo and of the ID token differ")
	}
	return nil
}

// askUserinfo asks for a person's claims. known are those that the question may name.
// picture is the data: picture that the answer held, which is not in the claims.
func (p *Provider) askUserinfo(ctx context.Context, m *metadata, by bearer, known oidc.Claims) (claims oidc.Claims, picture string, err error) {
	a, err := p.fetch(ctx, by, "userinfo request", p.userinfoAddress(m, known), maxUserinfo)
	if err != nil {
		return nil, "", err
	}
	if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media == "application/jwt" {
		return nil, "", unusable("userinfo", "the answer is signed; register this client for plain JSON")
	}
	if claims, err = p.claimsIn(a.body, p.record.Claims.UserInfo.Envelope); err != nil {
		return nil, "", unusable("userinfo", err.Error())
	}
	return claims, p.dataPicture(a.body, p.record.Claims.UserInfo.Envelope), nil
}

// userinfoAddress is the endpoint with the record's parameters; one with nothing to stand
// in it is left out.
func (p *Provider) userinfoAddress(m *metadata, known oidc.Claims) string {
	q := url.Values{}
	for name, template := range p.record.Claims.UserInfo.Params {
		value, ok := record.Expand(template, func(name string) (string, bool) {
			if path, claim := strings.CutPrefix(name, "claim:"); claim {
				return text(known, path), true
			}
			return p.clientID, name == "client_id"
		})
		if ok {
			q.Set(name, value)
		}
	}
	return addQuery(m.userinfo, q)
}

// claimsIn reads claims from a document, or from the member of it that holds them.
func (p *Provider) claimsIn(body []byte, envelope record.ClaimPath) (oidc.Claims, error) {
	claims, err := parseClaims(body)
	if err != nil || envelope == "" {
		return claims, err
	}
	member, _ := claims.At(string(envelope))
	inner, isObject := member.(map[string]any)
	if !isObject {
		return nil, fmt.Errorf("the answer has no %s", envelope)
	}
	return inner, nil
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
func keptClaims(raw string) oidc.Claims {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	claims, err := parseClaims(payload)
	if err != nil {
		return nil
	}
	return claims
}

func joinScopes(scopes []string) string { return strings.Join(scopes, " ") }
