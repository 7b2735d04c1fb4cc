package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
)

// Format is the version of the file format that this program writes and the newest that
// it reads.
const Format = 1

// Manifest says what a backup is.
type Manifest struct {
	Format   int              `json:"format"`
	Cardea   string           `json:"cardea"` // the program's version
	Schema   int64            `json:"schema"`
	MadeAt   time.Time        `json:"made_at"`
	Counts   map[string]int64 `json:"counts"` // rows by table
	Database Database         `json:"database"`
	RootKey  bool             `json:"root_key"` // whether the file holds it
	DataKeys []DataKey        `json:"data_keys"`
}

// Database describes the database in a backup.
type Database struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // in hexadecimal
}

// DataKey is a data key as the store holds it, wrapped by the root key.
type DataKey struct {
	ID        string    `json:"id"`
	Wrapped   []byte    `json:"wrapped"`
	CreatedAt time.Time `json:"created_at"`
}

var (
	// ErrForeign: the file is no backup of Cardea.
	ErrForeign = errors.New("not a backup of Cardea")
	// ErrDamaged: the file was a backup once.
	ErrDamaged = errors.New("the backup is damaged")
)

const (
	sealPurpose = "backup"
	maxDataKeys = 10_000
)

// keys are wrapped data keys that a keyring can be opened with.
type keys []keyring.WrappedKey

// DataKeys implements keyring.Store.
func (k keys) DataKeys(context.Context) ([]keyring.WrappedKey, error) { return k, nil }

// AddDataKey implements keyring.Store.
func (keys) AddDataKey(context.Context, keyring.WrappedKey) error {
	return errors.New("there is no data key, and a backup takes no new one")
}

// Unlock opens wrapped data keys. The error says what to do about a root key that is
// another store's.
func Unlock(ctx context.Context, root []byte, wrapped []keyring.WrappedKey, now time.Time) (*keyring.Keyring, error) {
	return keyring.Open(ctx, keyring.Options{Root: root, Store: keys(wrapped), Now: now})
}

func (m Manifest) keys() keys {
	list := make(keys, 0, len(m.DataKeys))
	for _, k := range m.DataKeys {
		list = append(list, keyring.WrappedKey{ID: k.ID, Wrapped: k.Wrapped, CreatedAt: k.CreatedAt})
	}
	return list
}

// check refuses what this program cannot have written. A later format may say anything.
func (m Manifest) check() error {
	sum, err := hex.DecodeString(m.Database.SHA256)
	switch {
	case m.Format < 1:
		return ErrForeign
	case m.Format > Format:
		return fmt.Errorf("the backup has format %d and this program reads up to %d: it was made by a newer version (%q); restore it with that one",
			m.Format, Format, m.Cardea)
	case err != nil || len(sum) != sha256.Size || m.Database.Size <= 0 || m.Schema < 1 || len(m.DataKeys) == 0 || len(m.DataKeys) > maxDataKeys:
		return fmt.Errorf("%w: its manifest is incomplete", ErrDamaged)
	}
	return nil
}

// digest is what a manifest is sealed by.
func digest(manifest []byte) []byte {
	sum := sha256.Sum256(manifest)
	return sum[:]
}
