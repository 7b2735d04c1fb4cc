package provider

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// signingKey is the client's own key.
type signingKey struct {
	signer     crypto.Signer
	id, issuer string
	algorithms []string // those that it can sign with, the usual one first
}

func newSigningKey(o Options) (*signingKey, error) {
	if o.Key == nil {
		return nil, nil
	}
	algorithms, err := algorithmsOf(o.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("client key: %w", err)
	}
	return &signingKey{signer: o.Key, id: o.KeyID, issuer: o.KeyIssuer, algorithms: algorithms}, nil
}

// algorithm is the first that the key can sign with and the provider takes; offered is
// nil where it does not say.
func (k *signingKey) algorithm(offered []string) (jose.SignatureAlgorithm, error) {
	for _, alg := range k.algorithms {
		if offered == nil || slices.Contains(offered, alg) {
			return jose.SignatureAlgorithm(alg), nil
		}
	}
	return "", errors.New("the provider takes no signature that the client key can make")
}

// assertionTerms completes those of a record that leaves the method to discovery.
func (p *Provider) assertionTerms() record.Assertion {
	terms := p.record.Client.Assertion
	terms.Issuer = cmp.Or(terms.Issuer, "{client_id}")
	terms.Audience = cmp.Or(terms.Audience, "{token_endpoint}")
	terms.Life = cmp.Or(terms.Life, time.Minute)
	return terms
}

// assertion is a new JWT by which the client proves who it is (RFC 7523 section 3).
func (p *Provider) assertion(m *metadata, method record.ClientAuth) (string, error) {
	terms := p.assertionTerms()
	fill := func(name string) (string, bool) {
		switch name {
		case "client_id":
			return p.clientID, true
		case "key_issuer":
			return p.keyIssuer(), true
		case "issuer":
			return p.issuer, true
		case "token_endpoint":
			return m.token, true
		}
		return "", false
	}
	iss, ok := record.Expand(terms.Issuer, fill)
	aud, known := record.Expand(terms.Audience, fill)
	if !ok || !known || iss == "" || aud == "" {
		return "", errors.New("client assertion: its issuer or audience cannot be filled in")
	}
	now := p.now()
	payload, err := json.Marshal(map[string]any{
		"iss": iss, "sub": p.clientID, "aud": aud, "jti": oidc.RandomValue(),
		"iat": now.Unix(), "exp": now.Add(terms.Life).Unix(),
	})
	if err != nil {
		return "", errors.New("client assertion cannot be written")
	}
	if method == record.AuthSecretJWT {
		return hmacSigned(p.secret, payload), nil
	}
	return p.key.sign(m.authAlgorithms, payload)
}

func (p *Provider) keyIssuer() string {
	if p.key == nil {
		return ""
	}
	return p.key.issuer
}

func (k *signingKey) sign(offered []string, payload []byte) (string, error) {
	alg, err := k.algorithm(offered)
	if err != nil {
		return "", fmt.Errorf("client assertion: %w", err)
	}
	var key any = k.signer
	switch k.signer.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
	default: // a key that only a device or an agent holds
		key = cryptosigner.Opaque(k.signer)
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if k.id != "" {
		options.WithHeader("kid", k.id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		return "", errors.New("client assertion: the key cannot sign")
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", errors.New("client assertion: the key did not sign")
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		return "", errors.New("client assertion cannot be written")
	}
	return compact, nil
}

// hmacSigned signs with the client's secret (OpenID Connect Core section 9). Providers give
// secrets shorter than RFC 7518 section 3.2 wants; how long one is, they decide.
func hmacSigned(secret string, payload []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	head := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(head))
	return head + "." + encode(mac.Sum(nil))
}
