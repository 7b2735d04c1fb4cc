package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysTTL    = 15 * time.Minute
	keysRetry  = 10 * time.Second
	keysStale  = 24 * time.Hour
	maxKeys    = 256 << 10
	maxKeyList = 64
	minRSABits = 2048
	maxRSABits = 8192
)

var (
	errNoKey      = errors.New("no key of the provider verifies the signature")
	errKeysAbsent = errors.New("provider's keys cannot be had")
)

// publicKey is a member of the provider's key set that may sign ID tokens.
type publicKey struct {
	id         string
	algorithms []string
	key        any
}

// parseKeys reads a JWK set (RFC 7517 section 5). Members that do not parse, are for
// something else, or are too weak are left out, each for itself: sets in the wild hold
// curves and uses that nobody here knows. It fails only when the document is no set.
func parseKeys(body []byte) ([]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("keys: the answer is not a JWK set")
	}
	if len(set.Keys) > maxKeyList {
		set.Keys = set.Keys[:maxKeyList]
	}
	var keys []publicKey
	for _, raw := range set.Keys {
		if k, err := parseKey(raw); err == nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("keys: none of %d can be used to verify ID tokens", len(set.Keys))
	}
	return keys, nil
}

func parseKey(raw []byte) (publicKey, error) {
	var head struct {
		Kty string   `json:"kty"`
		Use string   `json:"use"`
		Alg string   `json:"alg"`
		Kid string   `json:"kid"`
		Ops []string `json:"key_ops"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return publicKey{}, err
	}
	if head.Use != "" && head.Use != "sig" {
		return publicKey{}, errors.New("not for signatures")
	}
	if head.Ops != nil && !slices.Contains(head.Ops, "verify") {
		return publicKey{}, errors.New("not for verifying")
	}
	bare, err := bareKey(raw)
	if err != nil {
		return publicKey{}, err
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(bare); err != nil {
		return publicKey{}, err
	}
	algorithms, err := algorithmsOf(jwk.Key)
	if err != nil {
		return publicKey{}, err
	}
	if head.Alg != "" {
		if !slices.Contains(algorithms, head.Alg) {
			return publicKey{}, fmt.Errorf("algorithm %q does not suit the key", bounded(head.Alg))
		}
		algorithms = []string{head.Alg}
	}
	return publicKey{id: head.Kid, algorithms: algorithms, key: jwk.Key}, nil
}

// bareKey keeps what makes the public key. Certificate chains are left out: they are not
// used, and one that is broken would take a good key with it.
func bareKey(raw []byte) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if _, published := all[name]; published {
			return nil, errors.New("private key published: anybody can sign with it")
		}
	}
	bare := map[string]json.RawMessage{}
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e"} {
		if v, ok := all[name]; ok {
			bare[name] = v
		}
	}
	return json.Marshal(bare)
}

// algorithmsOf returns the signature algorithms that a public key can verify.
func algorithmsOf(key any) ([]string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits || k.E < 3 || k.E%2 == 0 {
			return nil, fmt.Errorf("RSA key of %d bits", bits)
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}, nil
		case 384:
			return []string{"ES384"}, nil
		case 521:
			return []string{"ES512"}, nil
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, errors.New("kind of key that signs no ID token")
}

// keySet is the provider's published keys as go-oidc's KeySet. It is made for one
// verification, because go-oidc hands errors on as text and the caller has to tell "the
// keys cannot be had" from "the signature is wrong".
type keySet struct {
	provider *Provider
	stranger bool  // anybody may have sent the token
	absent   error // why the keys could not be had
}

// VerifySignature returns the payload of a compact JWS. Its algorithm has been checked
// against the allowed ones before.
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, joseAlgorithms(asymmetric))
	if err != nil {
		return nil, errors.New("token is not a JWS")
	}
	since := s.provider.keys.current()
	keys, err := s.provider.keys.get(ctx)
	if err != nil {
		s.absent = err
		return nil, errKeysAbsent
	}
	if payload, ok := verifyWith(keys, jws); ok {
		return payload, nil
	}
	// The provider may have rotated its keys since (OIDC Core section 10.1.1).
	spare := 0
	if s.stranger {
		spare = 1
	}
	if keys, newer := s.provider.keys.renew(ctx, since, spare); newer {
		if payload, ok := verifyWith(keys, jws); ok {
			return payload, nil
		}
	}
	return nil, errNoKey
}

// verifyWith tries the keys that the token can mean: those with its kid and those with
// none, of a kind that its algorithm is for.
func verifyWith(keys []publicKey, jws *jose.JSONWebSignature) ([]byte, bool) {
	header := jws.Signatures[0].Header
	for _, k := range keys {
		if header.KeyID != "" && k.id != "" && k.id != header.KeyID {
			continue
		}
		if !slices.Contains(k.algorithms, header.Algorithm) {
			continue
		}
		if payload, err := jws.Verify(k.key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

func joseAlgorithms(names []string) []jose.SignatureAlgorithm {
	list := make([]jose.SignatureAlgorithm, len(names))
	for i, n := range names {
		list[i] = jose.SignatureAlgorithm(n)
	}
	return list
}

// fetchKeys loads the key set that the metadata names.
func (p *Provider) fetchKeys(ctx context.Context) ([]publicKey, error) {
	m, err := p.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	if m.keys == "" {
		return nil, errors.New("keys: the provider publishes none")
	}
	body, err := p.call.get(ctx, "keys", m.keys, maxKeys)
	if err != nil {
		return nil, err
	}
	return parseKeys(body)
}

// compactJWS tells whether a token has the form of a signed compact JWT, before anything
// more costly looks at it.
func compactJWS(token string) bool {
	return strings.Count(token, ".") == 2 && !strings.ContainsAny(token, " \t\r\n{")
}
