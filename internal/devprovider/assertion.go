package devprovider

import (
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionType is the client_assertion_type of a JWT (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// clientAlgorithms are those that a client may sign its assertions with, by kind.
func clientAlgorithms(method string) []jose.SignatureAlgorithm {
	if method == authSecretJWT {
		return []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
	}
	return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}
}

// assertedClient is whom an assertion is about, before anything of it is believed.
func assertedClient(raw string) string {
	parsed, err := jwt.ParseSigned(raw, append(clientAlgorithms(authPrivateKey), clientAlgorithms(authSecretJWT)...))
	if err != nil {
		return ""
	}
	var claims jwt.Claims
	if parsed.UnsafeClaimsWithoutVerification(&claims) != nil {
		return ""
	}
	return claims.Subject
}

// checkAssertion verifies a client's JWT (RFC 7523 section 3): by the client's registered key or its
// secret, with the issuer, audience and life that the record states. One that authenticates a single
// request is taken once.
func (p *Provider) checkAssertion(client Client, method, raw string) *tokenError {
	bad := func(why string) *tokenError { return unknownClient(false, "the client's JWT: "+why) }
	var key any = client.Key
	if method == authSecretJWT {
		key = []byte(client.Secret)
	}
	if key == nil {
		return bad("no key is registered")
	}
	parsed, err := jwt.ParseSigned(raw, clientAlgorithms(method))
	if err != nil {
		return bad("it is malformed or signed by another algorithm")
	}
	var claims jwt.Claims
	if err := parsed.Claims(key, &claims); err != nil {
		return bad("its signature is not the client's")
	}
	a := p.rec.Client.Assertion
	issuer, _ := fill(a.Issuer, nil, map[string]string{"client_id": client.ID, "key_issuer": client.KeyIssuer})
	audience, _ := fill(a.Audience, nil, map[string]string{"client_id": client.ID, "issuer": p.opts.Issuer, "token_endpoint": p.at[Token]})
	now := p.opts.Now()
	switch {
	case claims.Issuer == "" || claims.Issuer != issuer:
		return bad("iss")
	case claims.Subject != client.ID:
		return bad("sub")
	case !slices.Contains(claims.Audience, audience):
		return bad("aud")
	case claims.IssuedAt == nil || claims.Expiry == nil || claims.IssuedAt.Time().After(now.Add(time.Minute)):
		return bad("iat or exp")
	case !now.Before(claims.Expiry.Time()) || claims.Expiry.Time().Sub(claims.IssuedAt.Time()) > a.Life:
		return bad("it has expired or lives too long")
	case client.KeyID != "" && parsed.Headers[0].KeyID != client.KeyID:
		return bad("kid")
	}
	if method != authSigned && !p.firstUse(client.ID, claims.ID) {
		return bad("jti is missing or was used")
	}
	return nil
}

// firstUse takes a jti once.
func (p *Provider) firstUse(client, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := client + "\x00" + id
	if id == "" || p.assertions[key] {
		return false
	}
	p.assertions[key] = true
	return true
}
