package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/proxy"
)

// identityKeys are the keys of the signed identity. They are derived from the root key:
// apps may keep them as long as the gateway keeps that.
func identityKeys(k *keyring.Keyring, issuer string) (*proxy.IdentityKeys, error) {
	// Almost every value is a P-256 key; the next one is tried after one that is not.
	for i := range 8 {
		seed, err := k.Derive(fmt.Sprintf("signed identity ES256 %d", i))
		if err != nil {
			return nil, err
		}
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
		if err != nil {
			continue
		}
		public, err := key.PublicKey.Bytes()
		if err != nil {
			return nil, fmt.Errorf("encoding the identity key: %w", err)
		}
		sum := sha256.Sum256(public)
		return proxy.NewIdentityKeys(issuer, proxy.IdentityKey{ID: hex.EncodeToString(sum[:8]), Key: key})
	}
	return nil, errors.New("no identity key can be derived")
}
