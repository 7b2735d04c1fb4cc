package devprovider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// SigningKey is one key of the provider, as fault hooks see it.
type SigningKey struct {
	ID     string
	Alg    string
	Signer crypto.Signer
}

// storedKey is a SigningKey in the state file: PKCS #8, base64.
type storedKey struct {
	ID    string `json:"kid"`
	Alg   string `json:"alg"`
	PKCS8 string `json:"pkcs8"`
}

// newKey makes a key for alg; its ID is its RFC 7638 thumbprint.
func newKey(alg string) (SigningKey, error) {
	var signer crypto.Signer
	var err error
	if alg == ES256 {
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return SigningKey{}, fmt.Errorf("making a signing key: %w", err)
	}
	return wrapKey(signer)
}

func wrapKey(signer crypto.Signer) (SigningKey, error) {
	alg := ""
	switch key := signer.(type) {
	case *rsa.PrivateKey:
		alg = RS256
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P256() {
			alg = ES256
		}
	}
	if alg == "" {
		return SigningKey{}, errors.New("the signing key is neither RSA nor P-256")
	}
	jwk := jose.JSONWebKey{Key: signer.Public()}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return SigningKey{}, fmt.Errorf("naming the signing key: %w", err)
	}
	return SigningKey{ID: base64.RawURLEncoding.EncodeToString(sum), Alg: alg, Signer: signer}, nil
}

func (k SigningKey) store() (storedKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.Signer)
	if err != nil {
		return storedKey{}, fmt.Errorf("encoding a signing key: %w", err)
	}
	return storedKey{ID: k.ID, Alg: k.Alg, PKCS8: base64.StdEncoding.EncodeToString(der)}, nil
}

func (s storedKey) load() (SigningKey, error) {
	der, err := base64.StdEncoding.DecodeString(s.PKCS8)
	if err != nil {
		return SigningKey{}, fmt.Errorf("decoding a stored signing key: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return SigningKey{}, fmt.Errorf("parsing a stored signing key: %w", err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return SigningKey{}, errors.New("a stored key cannot sign")
	}
	return wrapKey(signer)
}

// setUpKeys takes the key of the options, or the stored ones, or makes one. The last key signs.
func (p *Provider) setUpKeys() error {
	for _, stored := range p.state.Keys {
		key, err := stored.load()
		if err != nil {
			return err
		}
		p.keys = append(p.keys, key)
	}
	if p.opts.Key != nil {
		key, err := wrapKey(p.opts.Key)
		if err != nil {
			return err
		}
		p.keys = []SigningKey{key}
	}
	if n := len(p.keys); n > 0 && (p.opts.Key != nil || p.keys[n-1].Alg == p.opts.SigningAlg) {
		return p.storeKeys()
	}
	key, err := newKey(p.opts.SigningAlg)
	if err != nil {
		return err
	}
	p.keys = append(p.keys, key)
	return p.storeKeys()
}

// storeKeys puts p.keys into the state and saves it. The caller holds p.mu or is New.
func (p *Provider) storeKeys() error {
	p.state.Keys = nil
	for _, key := range p.keys {
		stored, err := key.store()
		if err != nil {
			return err
		}
		p.state.Keys = append(p.state.Keys, stored)
	}
	return p.save()
}

// RotateKey makes a new signing key for alg. The old ones stay published, so that tokens signed
// with them verify, until ForgetOldKeys.
func (p *Provider) RotateKey(alg string) error {
	if alg != RS256 && alg != ES256 {
		return fmt.Errorf("signing algorithm %q: want %s or %s", alg, RS256, ES256)
	}
	key, err := newKey(alg)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key)
	return p.storeKeys()
}

// ForgetOldKeys withdraws all keys but the signing one.
func (p *Provider) ForgetOldKeys() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = p.keys[len(p.keys)-1:]
	return p.storeKeys()
}

// signingKey is the key in use. The caller holds p.mu.
func (p *Provider) signingKey() SigningKey { return p.keys[len(p.keys)-1] }

// jwks serves the public keys (RFC 7517).
func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	keys := append([]SigningKey(nil), p.keys...)
	p.counters.Keys++
	p.mu.Unlock()

	var set []json.RawMessage
	set = append(set, p.opts.ExtraKeys...)
	for _, key := range keys {
		jwk := jose.JSONWebKey{Key: key.Signer.Public(), KeyID: key.ID, Algorithm: key.Alg, Use: "sig"}
		raw, err := jwk.MarshalJSON()
		if err != nil {
			p.failed(w, fmt.Errorf("encoding a public key: %w", err))
			return
		}
		set = append(set, raw)
	}
	if change := p.faults().Keys; change != nil {
		set = change(set)
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": set})
}

// Secp256k1Key returns a public key on a curve that go-jose and many other libraries do not know.
// A relying party must drop that key and keep the set.
func Secp256k1Key() json.RawMessage {
	x, y := sha256.Sum256([]byte("x")), sha256.Sum256([]byte("y"))
	raw, _ := json.Marshal(map[string]string{ // a map of strings always encodes
		"kty": "EC", "crv": "secp256k1", "use": "sig", "alg": "ES256K", "kid": "secp256k1",
		"x": base64.RawURLEncoding.EncodeToString(x[:]),
		"y": base64.RawURLEncoding.EncodeToString(y[:]),
	})
	return raw
}
