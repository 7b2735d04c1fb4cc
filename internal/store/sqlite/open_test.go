package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestDataFolderIsHeldByOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	db := openNew(t, filepath.Join(dir, "x.db"))
	_, err := Open(t.Context(), Options{Path: filepath.Join(dir, "x.db"), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	held, ok := errors.AsType[*InUseError](err)
	if !ok || held.PID != os.Getpid() || !strings.Contains(err.Error(), "is in use by process") {
		t.Fatalf("second opening: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	openDB(t, filepath.Join(dir, "x.db"))
}

func TestFilesAreReadableByTheirOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	path := filepath.Join(dir, "a b?c%41#.db") // every character that a URI could stumble over
	db := openNew(t, path)
	if err := db.writer.do(t.Context(), "marking", func(c *conn) error { return mark(c, "x") }); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
		seen++
		return err
	})
	if err != nil || seen != 5 { // folder, lock, database, -wal, -shm
		t.Fatalf("%d files, %v", seen, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openDB(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode is not taken back: %v, %v", info.Mode(), err)
	}
}

func TestCommitsAreFlushedAndLogged(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "x.db"))
	err := db.writer.do(t.Context(), "asking", func(c *conn) error {
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} {
			var got string
			if _, err := c.one([]any{&got}, "PRAGMA "+pragma); err != nil || got != want {
				t.Errorf("%s = %q, want %q (%v)", pragma, got, want, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = read(t.Context(), db.readers, "writing", func(c *conn) (int, error) { return 0, mark(c, "x") })
	if err == nil {
		t.Fatal("a read connection can write")
	}
}

// schema returns migrations: the real ones, and then those given.
func schema(t *testing.T, more ...string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	real, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(real, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("migrations: %v, %v", names, err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(real, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	for i, text := range more {
		files["9000"+string(rune('0'+i))+"_next.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
	}
	return files
}

func migrateAt(t *testing.T, path string, files fs.FS) error {
	t.Helper()
	db, err := pool(path, 1, "_journal_mode=WAL")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := func() time.Time { return time.Date(2026, 11, 5, 6, 7, 8, 0, time.UTC) }
	return migrateFrom(context.Background(), db, path, files, Options{Logger: slog.New(slog.DiscardHandler), Now: now})
}

func TestOlderSchemaIsCopiedAndThenMigrated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := openDB(t, path)
	if err := db.writer.do(t.Context(), "marking", func(c *conn) error { return mark(c, "old") }); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if err := migrateAt(t, path, schema(t)); err != nil {
		t.Fatal(err)
	}
	if copies, _ := filepath.Glob(path + ".schema-*"); len(copies) != 0 {
		t.Fatalf("an up-to-date store was copied: %v", copies)
	}
	if err := migrateAt(t, path, schema(t, "DELETE FROM handles;")); err != nil {
		t.Fatal(err)
	}
	copies, _ := filepath.Glob(path + ".schema-[0-9]*.20261105T060708Z")
	if len(copies) != 1 {
		t.Fatal("no copy was made before the migration")
	}
	if info, err := os.Stat(copies[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("copy: %v, %v", info.Mode(), err)
	}
	if got := marks(t, openDB(t, copies[0])); !got["old"] {
		t.Fatalf("the copy holds %v", got)
	}
}

func TestNewerSchemaIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	openDB(t, path).Close()
	if err := migrateAt(t, path, schema(t, "CREATE TABLE later (x);")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Path: path, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "newer version") || !strings.Contains(err.Error(), "90000") {
		t.Fatalf("got %v", err)
	}
	if err := migrateAt(t, path, schema(t, "CREATE TABLE later (x);")); err != nil {
		t.Fatalf("the newer version cannot use its store any more: %v", err)
	}
}

func TestFailedMigrationLeavesTheOldSchemaUsable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	openDB(t, path).Close()
	if err := migrateAt(t, path, schema(t, "DELETE FROM data_keys; SELECT no_such_function();")); err == nil {
		t.Fatal("a broken migration passed")
	}
	if err := openDB(t, path).writer.do(t.Context(), "marking", func(c *conn) error { return mark(c, "x") }); err != nil {
		t.Fatal(err)
	}
}

func TestFileThatIsNoDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Path: path, Logger: slog.New(slog.DiscardHandler), Now: time.Now}); err == nil {
		t.Fatal("opened")
	}
}

func TestQueriesOfTheHotPathUseIndexes(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "x.db"))
	plain, err := sql.Open("sqlite", db.path(t))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for name, query := range map[string]string{
		"by id":          selectSealed + " WHERE s.id = 'x'",
		"outbox due":     "SELECT id FROM outbox WHERE state = 'pending' AND next_at <= 1 ORDER BY next_at, id LIMIT 5",
		"shared":         "SELECT 1 FROM sessions WHERE issuer = 'a' AND sid = 'b' AND sid <> '' LIMIT 1",
		"idle":           "SELECT n FROM sessions WHERE idle_until <= 1 ORDER BY idle_until LIMIT 5",
		"absolute":       "SELECT n FROM sessions WHERE absolute_until <= 1 ORDER BY absolute_until LIMIT 5",
		"logged out":     selectTombstone + " WHERE issuer = 'a' AND sid = 'b' AND sid <> '' AND ended_at >= 1",
		"by subject":     selectTombstone + " WHERE issuer = 'a' AND subject = 'b' AND sid = ''",
		"shut accounts":  selectUnfinished,
		"accounts":       "SELECT a.id FROM accounts a WHERE a.handle > 'x' ORDER BY a.handle LIMIT 5",
		"outbox list":    "SELECT id FROM outbox WHERE (created_at, id) > (1, 'x') ORDER BY created_at, id LIMIT 5",
		"ends of one":    "SELECT session FROM ends WHERE account = 'x'",
		"by account":     selectSealed + " WHERE s.account = 'a' ORDER BY s.id LIMIT 5",
		"by sid":         selectSealed + " WHERE s.issuer = 'a' AND s.sid <> '' AND s.sid = 'b' ORDER BY s.id LIMIT 5",
		"single use":     "SELECT key FROM single_use WHERE until <= 1 ORDER BY until LIMIT 5",
		"swept vaults":   sweepVaults,
		"swept ends":     "SELECT seq FROM ends WHERE until <= 1 ORDER BY until LIMIT 5",
		"ended vaults":   deleteVaults,
		"vault of entry": deleteVaultOf,
		"vault":          "SELECT id, version, sealed, ended FROM vaults WHERE session = 'a' AND app = 'b'",
		"kept outbox":    "SELECT id FROM outbox WHERE state <> 'pending' AND keep_until <= 1 ORDER BY keep_until LIMIT 5",
	} {
		rows, err := plain.Query("EXPLAIN QUERY PLAN " + strings.NewReplacer("?1", "'x'", "?2", "5").Replace(query))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for rows.Next() {
			var a, b, c int
			var step string
			if err := rows.Scan(&a, &b, &c, &step); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(step, "outbox_state (state=?)") { // as long as the backlog of an app that is down
				t.Errorf("%s: %s", name, step)
			}
			if strings.HasSuffix(step, "INDEX vaults_ended") || strings.HasSuffix(step, "INDEX accounts_shut") { // those that wait for a logout, or are shut, no more
				continue
			}
			if strings.HasPrefix(step, "SCAN") || strings.Contains(step, "TEMP B-TREE FOR ORDER BY") && name != "outbox due" {
				t.Errorf("%s: %s", name, step)
			}
		}
		rows.Close()
	}
}

// path asks SQLite for the database's file.
func (d *DB) path(t *testing.T) string {
	t.Helper()
	var seq int
	var name, file string
	if err := d.reads.QueryRow("PRAGMA database_list").Scan(&seq, &name, &file); err != nil {
		t.Fatal(err)
	}
	return file
}
