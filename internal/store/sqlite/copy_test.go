package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func ending(id session.ID) signout.Ending {
	return signout.Ending{Session: id, Version: 1, Tombstone: session.Tombstone{Cause: session.CauseButton}}
}

// people fills a store that is closed with accounts.
func people(t *testing.T, path string, n int) {
	t.Helper()
	execute(t, path, fmt.Sprintf(`WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < %d)
		INSERT INTO accounts (id, handle, name, email, created_at) SELECT 'acc' || i, 'person' || i, 'Person', '', 1 FROM k;
		INSERT INTO handles (handle, account, given_at) SELECT handle, id, 1 FROM accounts WHERE handle LIKE 'person%%'`, n))
}

func TestPeopleGoOnWhileTheirStoreIsCopied(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cardea.db")
	sqlitetest.OpenPath(t, path).Close()
	people(t, path, 500)
	db, st := open(t, path)
	to := filepath.Join(t.TempDir(), "copy.db")
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var copied sqlite.Copied
	go func() {
		first := true
		var err error
		copied, err = db.Copy(context.WithoutCancel(t.Context()), sqlite.CopyOptions{To: to, Gentle: true, Progress: func(rows, of int64) {
			if first {
				first = false
				if rows > of {
					t.Errorf("%d of %d rows", rows, of)
				}
				close(held)
				<-release
			}
		}})
		done <- err
	}()
	<-held // in the middle of it, until all of this is done
	for i := range 10 {
		s, seat := secretSession(fmt.Sprint("busy", i))
		if err := st.OpenSession(t.Context(), then, s, seat, ""); err != nil {
			t.Fatal(err)
		}
		if _, _, err := st.BySeat(t.Context(), seat.Hash); err != nil {
			t.Fatal(err)
		}
		if _, err := st.End(t.Context(), then, ending(s.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := st.Admit(t.Context(), then, account.Admission{Identity: oidc.Identity{Issuer: "i", Subject: "late"}, Candidates: []string{"late"}, AccountID: "late"}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if copied.Counts["accounts"] != 500 || copied.Counts["handles"] != 500 || copied.Counts["ends"] != 0 {
		t.Errorf("the copy is not of one moment: %v", copied.Counts)
	}
	if _, err := sqlitetest.OpenPath(t, to).Account(t.Context(), "acc500"); err != nil {
		t.Error(err)
	}
}

func TestCopyThatNobodyWaitsForIsGivenUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cardea.db")
	sqlitetest.OpenPath(t, path).Close()
	people(t, path, 1000)
	db, _ := open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	to := filepath.Join(t.TempDir(), "copy.db")
	_, err := db.Copy(ctx, sqlite.CopyOptions{To: to, Gentle: true, Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("half a copy is left")
	}
}

func TestCopyOverwritesNothing(t *testing.T) {
	t.Parallel()
	db, _ := open(t, filepath.Join(t.TempDir(), "cardea.db"))
	to := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(to, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Copy(t.Context(), sqlite.CopyOptions{To: to}); !errors.Is(err, os.ErrExist) {
		t.Errorf("%v", err)
	}
	if got := string(read(t, to)); got != "precious" {
		t.Errorf("%q", got)
	}
}

func TestStoreThatDoesNotRunIsCopiedInTheSchemaThatItHas(t *testing.T) {
	t.Parallel()
	for _, schema := range schemas(t) {
		path := unpack(t, schema)
		before := dump(t, path)
		f, err := sqlite.OpenOffline(path)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "copy.db")
		copied, err := f.Copy(t.Context(), sqlite.CopyOptions{To: to})
		f.Close()
		if err != nil || copied.Schema != schema || copied.Counts["accounts"] == 0 {
			t.Fatalf("schema %d: %+v, %v", schema, copied, err)
		}
		if dump(t, path) != before {
			t.Errorf("schema %d: copying changed the store", schema)
		}
		if copies, _ := filepath.Glob(path + ".*"); len(copies) != 0 {
			t.Errorf("schema %d: %v", schema, copies)
		}
		restored := filepath.Join(t.TempDir(), "cardea.db")
		if r, err := restore(restored, read(t, to), false); err != nil || r.From != schema {
			t.Fatalf("schema %d: %+v, %v", schema, r, err)
		}
		if acc, err := sqlitetest.OpenPath(t, restored).Account(t.Context(), "acc-ann"); err != nil || acc.Handle != "ann" {
			t.Errorf("schema %d: %+v, %v", schema, acc, err)
		}
	}
}

func TestCopyOfANewerOrForeignStoreIsRefused(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string]string{
		"newer version": "INSERT INTO schema_version (version_id, is_applied) VALUES (9999, 1)",
		"not a data":    "DROP TABLE accounts",
	} {
		path := filepath.Join(t.TempDir(), "cardea.db")
		sqlitetest.OpenPath(t, path).Close()
		execute(t, path, statements)
		f, err := sqlite.OpenOffline(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Copy(t.Context(), sqlite.CopyOptions{To: filepath.Join(t.TempDir(), "copy.db")})
		f.Close()
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
