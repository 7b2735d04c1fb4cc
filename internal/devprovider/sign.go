package devprovider

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/cardea-auth/cardea/internal/record"
)

// sign makes a JWS of claims with key (OIDC Core 2).
func sign(key SigningKey, claims map[string]any) (string, error) { return signAs(key, "JWT", claims) }

// signAs makes a JWS with a typ header; "" leaves the header out.
func signAs(key SigningKey, typ string, claims map[string]any) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{
			Algorithm: jose.SignatureAlgorithm(key.Alg),
			Key:       jose.JSONWebKey{Key: key.Signer, KeyID: key.ID},
		},
		typeHeader(typ),
	)
	if err != nil {
		return "", fmt.Errorf("setting up the signer: %w", err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return raw, nil
}

func typeHeader(typ string) *jose.SignerOptions {
	o := &jose.SignerOptions{}
	if typ != "" {
		o.WithType(jose.ContentType(typ))
	}
	return o
}

// SignNone is a Faults.Sign that makes an unsigned token, "alg": "none" (RFC 8725 section 3.2).
func SignNone(key SigningKey, claims map[string]any) (string, error) {
	return signNone(key, "JWT", claims)
}

func signNone(_ SigningKey, typ string, claims map[string]any) (string, error) {
	h, err := json.Marshal(map[string]any{"alg": "none", "typ": typ})
	if err != nil {
		return "", fmt.Errorf("encoding the header: %w", err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding the claims: %w", err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc(h) + "." + enc(c) + ".", nil
}

// SignHS256WithPublicKey is a Faults.Sign that keys an HMAC with the published public key, the
// algorithm confusion of RFC 8725 section 2.1. A verifier that takes HS256 and the key it knows is
// fooled.
func SignHS256WithPublicKey(key SigningKey, claims map[string]any) (string, error) {
	return signHS256(key, "JWT", claims)
}

func signHS256(key SigningKey, typ string, claims map[string]any) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Signer.Public())
	if err != nil {
		return "", fmt.Errorf("encoding the public key: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: der},
		typeHeader(typ).WithHeader("kid", key.ID))
	if err != nil {
		return "", fmt.Errorf("setting up the signer: %w", err)
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// SignWithStrangerKey is a Faults.Sign that signs with a key nobody published, under the key ID of
// the published one.
func SignWithStrangerKey(key SigningKey, claims map[string]any) (string, error) {
	return signStranger(key, "JWT", claims)
}

func signStranger(key SigningKey, typ string, claims map[string]any) (string, error) {
	stranger, err := newKey(key.Alg)
	if err != nil {
		return "", err
	}
	stranger.ID = key.ID
	return signAs(stranger, typ, claims)
}

// SignRS512 is a Faults.Sign that uses an algorithm the provider does not advertise. It needs an
// RSA key.
func SignRS512(key SigningKey, claims map[string]any) (string, error) {
	return signRS512(key, "JWT", claims)
}

func signRS512(key SigningKey, typ string, claims map[string]any) (string, error) {
	if _, ok := key.Signer.(*rsa.PrivateKey); !ok {
		other, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return "", fmt.Errorf("making an RSA key: %w", err)
		}
		key.Signer = other
	}
	key.Alg = string(jose.RS512)
	return signAs(key, typ, claims)
}

// idToken makes the ID token of an answer (OIDC Core 2). A refreshed one carries no nonce (section
// 12.2), but at providers that always write one.
func (p *Provider) idToken(out *issue, now time.Time) (string, error) {
	g := out.grant
	claims := map[string]any{}
	if p.strict {
		claims = p.tokenClaims(out.person, g)
	} else if !p.opts.ThinIDToken {
		claims = out.person.claims(g.Scope)
	}
	claims["iss"] = out.issuer
	claims["sub"] = g.Subject
	claims["aud"] = g.ClientID
	claims["azp"] = g.ClientID
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(p.opts.IDTokenLife).Unix()
	if p.rec.FreshLogin.AuthTime == record.AuthTimeChecked {
		claims["auth_time"] = g.AuthTime.Unix()
	}
	if p.sid() {
		claims["sid"] = g.SID
	}
	claims["at_hash"] = leftHalfHash(out.access)
	putString(claims, "nonce", out.nonce)
	putString(claims, "acr", g.ACR)
	if out.nonce == "" && p.rec.Client.NonceAlways == record.Yes {
		claims["nonce"] = ""
	}

	faults := p.faults()
	if faults.IDToken != nil {
		faults.IDToken(claims)
	}
	if faults.Sign != nil {
		return faults.Sign(out.key, claims)
	}
	return sign(out.key, claims)
}

// leftHalfHash is the at_hash of a token under a SHA-256 algorithm (OIDC Core 3.1.3.6).
func leftHalfHash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// hint is what an id_token_hint says. Its expiry is the caller's to look at (RP-Initiated Logout 1.0,
// section 4: a provider should accept an expired one).
type hint struct {
	Issuer   string       `json:"iss"`
	Subject  string       `json:"sub"`
	Audience jwt.Audience `json:"aud"`
	SID      string       `json:"sid"`
	Expiry   int64        `json:"exp"`
}

// readHint verifies an id_token_hint against the provider's keys, withdrawn ones excluded. The
// caller holds p.mu.
func (p *Provider) readHint(raw string) (hint, error) {
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return hint{}, fmt.Errorf("parsing the hint: %w", err)
	}
	kid := parsed.Headers[0].KeyID
	i := slices.IndexFunc(p.keys, func(k SigningKey) bool { return k.ID == kid })
	if i < 0 {
		return hint{}, fmt.Errorf("the hint is signed with an unknown key")
	}
	var h hint
	if err := parsed.Claims(p.keys[i].Signer.Public(), &h); err != nil {
		return hint{}, fmt.Errorf("verifying the hint: %w", err)
	}
	if !p.ownIssuer(h.Issuer) {
		return hint{}, fmt.Errorf("the hint is another issuer's")
	}
	return h, nil
}
