package sqlitetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
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
	st, _ := openKeyed(t, path, Patience)
	return st
}

// OpenPrompt is OpenPath for tests of how soon calls are released: the store has its own
// limit.
func OpenPrompt(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	st, _ := openKeyed(t, path, sqlite.CallTimeout)
	return st
}

// Patience is what a call may take where a test says nothing of time: a busy machine may
// not serve a test for seconds.
const Patience = 30 * time.Second

// migrated is an empty store of today's schema, which takes long to make.
var migrated = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "sqlitetest")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "cardea.db")
	db, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Prepare puts an empty store of today's schema at path, in a folder that there is, unless
// there is a file: to open it takes a tenth of what a new one takes.
func Prepare(t testing.TB, path string) {
	t.Helper()
	data, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return
	}
	if err == nil {
		_, err = f.Write(data)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func openKeyed(t testing.TB, path string, limit time.Duration) (*sqlite.Store, *keyring.Keyring) {
	t.Helper()
	Prepare(t, path)
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now, CallTimeout: limit})
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
