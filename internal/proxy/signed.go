package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// tokenLife is how long a signed identity is valid, and tokenReuse how long one is
	// sent: an app always gets one that lasts half a minute more.
	tokenLife  = time.Minute
	tokenReuse = 30 * time.Second
	maxTokens  = 4096
)

// IdentityKeys signs identities with ES256 (RFC 7515, RFC 7518 section 3.4).
type IdentityKeys struct {
	issuer string
	signer jose.Signer
	set    []byte
}

// IdentityKey is a key with the id it is published under.
type IdentityKey struct {
	ID  string
	Key *ecdsa.PrivateKey // P-256
}

// NewIdentityKeys returns keys for an issuer, the gateway's public URL. The first key
// signs; the others are published still, or already, so that keys can be changed
// without an app refusing anything.
func NewIdentityKeys(issuer string, keys ...IdentityKey) (*IdentityKeys, error) {
	if issuer == "" || len(keys) == 0 {
		return nil, errors.New("signed identity needs an issuer and a key")
	}
	var set jose.JSONWebKeySet
	for _, k := range keys {
		if k.Key == nil || k.Key.Curve != elliptic.P256() || k.ID == "" {
			return nil, errors.New("signed identity needs P-256 keys with ids")
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Key.Public(), KeyID: k.ID, Algorithm: string(jose.ES256), Use: "sig"})
	}
	public, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encoding identity keys: %w", err)
	}
	first := jose.JSONWebKey{Key: keys[0].Key, KeyID: keys[0].ID}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: first}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("preparing the identity signer: %w", err)
	}
	return &IdentityKeys{issuer: issuer, signer: signer, set: public}, nil
}

type identityClaims struct {
	Issuer   string   `json:"iss"`
	Audience string   `json:"aud"`
	Subject  string   `json:"sub"` // the account's id
	IssuedAt int64    `json:"iat"`
	Expiry   int64    `json:"exp"`
	Handle   string   `json:"preferred_username"`
	Email    string   `json:"email,omitempty"` // believed ones only
	Name     string   `json:"name,omitempty"`
	Groups   []string `json:"groups,omitempty"`
}

// Identify returns a JWT (RFC 7519) about the session's person for one app. Implements Identifier.
func (k *IdentityKeys) Identify(now time.Time, app string, s *session.Session) (string, error) {
	c := identityClaims{
		Issuer: k.issuer, Audience: app, Subject: s.Account, IssuedAt: now.Unix(), Expiry: now.Add(tokenLife).Unix(),
		Handle: s.Handle, Name: s.Profile.Name, Groups: s.Profile.Groups,
	}
	if s.Profile.EmailBelieved {
		c.Email = s.Profile.Email
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding the identity: %w", err)
	}
	signed, err := k.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing the identity: %w", err)
	}
	return signed.CompactSerialize()
}

// ServeHTTP serves the public keys as a JWK set (RFC 7517 section 5).
func (k *IdentityKeys) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(k.set)
}

// tokenCache keeps a session's token for half its life: signing costs more than
// everything else that the proxy does for a request.
type tokenCache struct {
	by  Identifier
	app string

	mu     sync.Mutex
	tokens map[session.ID]cachedToken
}

type cachedToken struct {
	version int64
	made    time.Time
	token   string
}

func newTokenCache(by Identifier, app string) *tokenCache {
	return &tokenCache{by: by, app: app, tokens: map[session.ID]cachedToken{}}
}

func (c *tokenCache) get(now time.Time, s *session.Session) (string, error) {
	c.mu.Lock()
	t, ok := c.tokens[s.ID]
	c.mu.Unlock()
	if age := now.Sub(t.made); ok && t.version == s.Version && age >= 0 && age < tokenReuse {
		return t.token, nil
	}
	token, err := c.by.Identify(now, c.app, s)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tokens) >= maxTokens {
		c.evict(now)
	}
	c.tokens[s.ID] = cachedToken{version: s.Version, made: now, token: token}
	return token, nil
}

// evict makes room: first by age, then, when everything is young, at random.
func (c *tokenCache) evict(now time.Time) {
	for id, t := range c.tokens {
		if now.Sub(t.made) >= tokenReuse {
			delete(c.tokens, id)
		}
	}
	for id := range c.tokens {
		if len(c.tokens) < maxTokens*3/4 {
			return
		}
		delete(c.tokens, id)
	}
}
