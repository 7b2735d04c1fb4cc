package keyring

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// A sealed value is: version, length of the key id, key id, salt, GCM output with its
// random nonce in front.
const (
	sealVersion = 1
	maxKeyID    = 64
	saltSize    = 16
	gcmOverhead = 12 + 16
	sealInfo    = "cardea keyring 1 record"
)

// Seal encrypts plaintext for one purpose (a table, say) and one record (the row's id).
// Only Unseal with the same two opens it.
func (k *Keyring) Seal(purpose, record string, plaintext []byte) ([]byte, error) {
	set := k.keys.Load()
	key, ok := set.byID[set.current]
	if !ok {
		return nil, errors.New("keyring has no data key")
	}
	out := make([]byte, 0, 2+len(set.current)+saltSize+gcmOverhead+len(plaintext))
	out = append(out, sealVersion, byte(len(set.current)))
	out = append(out, set.current...)
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:])
	out = append(out, salt[:]...)
	aead, err := recordKey(key, salt[:])
	if err != nil {
		return nil, fmt.Errorf("deriving a record key: %w", err)
	}
	return aead.Seal(out, nil, plaintext, boundData(set.current, purpose, record)), nil
}

// Unseal opens what Seal made for the same purpose and record. Every failure is
// ErrSealed: which part did not fit is nobody's business.
func (k *Keyring) Unseal(purpose, record string, sealed []byte) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	idLen, rest := int(sealed[1]), sealed[2:]
	if idLen == 0 || idLen > maxKeyID || len(rest) < idLen+saltSize+gcmOverhead {
		return nil, ErrSealed
	}
	id, salt, box := string(rest[:idLen]), rest[idLen:idLen+saltSize], rest[idLen+saltSize:]
	key, ok := k.keys.Load().byID[id]
	if !ok {
		return nil, ErrSealed
	}
	aead, err := recordKey(key, salt)
	if err != nil {
		return nil, fmt.Errorf("deriving a record key: %w", err)
	}
	plaintext, err := aead.Open(nil, nil, box, boundData(id, purpose, record))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// recordKey derives the key of one sealed value. Each has a salt of its own, so that no
// key is used often enough for random nonces to meet.
func recordKey(key, salt []byte) (cipher.AEAD, error) {
	sub, err := hkdf.Key(sha256.New, key, salt, sealInfo, dataKeySize)
	if err != nil {
		return nil, err
	}
	defer clear(sub)
	return newGCM(sub)
}

// boundData is the additional data of a sealed value. Every field carries its length:
// no two different triples read the same.
func boundData(id, purpose, record string) []byte {
	b := make([]byte, 0, 1+3*binary.MaxVarintLen32+len(id)+len(purpose)+len(record))
	b = append(b, sealVersion)
	b = appendField(b, id)
	b = appendField(b, purpose)
	return appendField(b, record)
}

func appendField(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
