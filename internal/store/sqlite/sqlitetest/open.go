package sqlitetest

import (
	"bytes"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// Open opens a new, empty store in a temporary folder.
func Open(t testing.TB) *sqlite.Store {
	t.Helper()
	return OpenPath(t, filepath.Join(t.TempDir(), "cardea.db"))
}

// OpenPath opens the store at path, which may exist: it seals under a fixed root key, so
// that a test can close a store and open it again.
func OpenPath(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	st, _ := openKeyed(t, path)
	return st
}

func openKeyed(t testing.TB, path string) (*sqlite.Store, *keyring.Keyring) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	keys, err := keyring.Open(t.Context(), keyring.Options{Root: bytes.Repeat([]byte{42}, keyring.RootSize), Store: db, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return db.Store(keys), keys
}
