package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
)

// helperEnv makes the test binary a process that saves backups, to be killed.
const helperEnv = "CARDEA_BACKUP_HELPER"

func TestMain(m *testing.M) {
	if path := os.Getenv(helperEnv); path != "" {
		fmt.Fprintln(os.Stderr, saveForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var madeAt = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func rootOf(b byte) []byte { return bytes.Repeat([]byte{b}, keyring.RootSize) }

// memory is a store with data keys of its own.
type memory struct{ list keys }

func (m *memory) DataKeys(context.Context) ([]keyring.WrappedKey, error) { return m.list, nil }

func (m *memory) AddDataKey(_ context.Context, k keyring.WrappedKey) error {
	m.list = append(m.list, k)
	return nil
}

// draft is of a store under the root key, with content for its database in dir.
func draft(root []byte, dir string, content []byte) (Draft, error) {
	var m memory
	if _, err := keyring.Open(context.Background(), keyring.Options{Root: root, Store: &m, Now: madeAt}); err != nil {
		return Draft{}, err
	}
	path := filepath.Join(dir, "database")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return Draft{}, err
	}
	file, err := os.Open(path)
	return Draft{Cardea: "v1", Schema: 3, MadeAt: madeAt, Counts: map[string]int64{"accounts": 2}, Keys: m.list, Root: root, Database: file}, err
}

// made is a backup as bytes.
func made(t testing.TB, withKey bool, content []byte) []byte {
	t.Helper()
	d, err := draft(rootOf(7), t.TempDir(), content)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Database.Close()
	d.WithKey = withKey
	var b bytes.Buffer
	if err := Write(context.Background(), &b, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func opened(t testing.TB, data []byte) (*File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.tar")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

// saveForEver saves one backup over the other, large enough to be caught at it.
func saveForEver(path string) error {
	for n := byte(1); ; n++ {
		d, err := draft(rootOf(7), filepath.Dir(path), bytes.Repeat([]byte{n}, 1<<20))
		if err != nil {
			return err
		}
		if _, err := Save(context.Background(), path, func(w io.Writer) error { return Write(context.Background(), w, d) }); err != nil {
			return err
		}
		if err := errors.Join(d.Database.Close()); err != nil {
			return err
		}
		fmt.Println("saved")
	}
}
