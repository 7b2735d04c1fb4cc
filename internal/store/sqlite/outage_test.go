package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
	"github.com/cardea-auth/cardea/internal/store/storetest"
)

func TestStoreWhoseWritesHangReleasesItsCallersAndComesBack(t *testing.T) {
	for _, lock := range []string{"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"} {
		t.Run(lock, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cardea.db")
			storetest.RunOutage(t, sqlitetest.OpenPrompt(t, path), storetest.Outage{WritesOnly: true, Begin: func(t *testing.T, _ storetest.Store) func() {
				return holdLock(t, path, lock)
			}})
		})
	}
}

// holdLock takes a database lock with a connection of its own.
func holdLock(t *testing.T, path, statement string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := db.Exec("ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}

func TestStoreThatHangsWhollyReleasesItsCallersAndComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cardea.db")
	storetest.RunOutage(t, sqlitetest.OpenPrompt(t, path), storetest.Outage{Begin: func(t *testing.T, _ storetest.Store) func() {
		cmd, in, out := startHelper(t, "lock-shm", path)
		if !out.Scan() || out.Text() != "locked" {
			t.Fatal("helper could not lock")
		}
		return func() {
			in.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		}
	}})
}
