package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"
)

// WrappedKey is a data key as a store holds it: sealed under the root key.
type WrappedKey struct {
	ID        string
	Wrapped   []byte
	CreatedAt time.Time
}

const (
	dataKeySize = 32
	wrapInfo    = "cardea keyring 1 wrap"
	deriveInfo  = "cardea keyring 1 derive"
	wrapVersion = 1
)

// wrapper seals data keys under a key derived from the root key.
type wrapper struct{ aead cipher.AEAD }

func newWrapper(root []byte) (wrapper, error) {
	if len(root) != RootSize {
		return wrapper{}, fmt.Errorf("root key has %d bytes, not %d", len(root), RootSize)
	}
	key, err := hkdf.Key(sha256.New, root, nil, wrapInfo, dataKeySize)
	if err != nil {
		return wrapper{}, fmt.Errorf("deriving the wrapping key: %w", err)
	}
	aead, err := newGCM(key)
	clear(key)
	return wrapper{aead}, err
}

// fresh makes a data key and its wrapped form.
func (w wrapper) fresh(now time.Time) (WrappedKey, []byte) {
	var id [10]byte
	_, _ = rand.Read(id[:])
	name := strings.ToLower(base32.StdEncoding.EncodeToString(id[:]))
	key := make([]byte, dataKeySize)
	_, _ = rand.Read(key)
	wrapped := w.aead.Seal([]byte{wrapVersion}, nil, key, wrapData(name))
	return WrappedKey{ID: name, Wrapped: wrapped, CreatedAt: now}, key
}

func (w wrapper) open(k WrappedKey) ([]byte, bool) {
	if len(k.ID) == 0 || len(k.ID) > maxKeyID || len(k.Wrapped) < 1 || k.Wrapped[0] != wrapVersion {
		return nil, false
	}
	key, err := w.aead.Open(nil, nil, k.Wrapped[1:], wrapData(k.ID))
	return key, err == nil && len(key) == dataKeySize
}

func wrapData(id string) []byte {
	return appendField([]byte{wrapVersion}, id)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
