package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

// restoring are options that take data for the backup's database.
func restoring(data []byte, replace bool) sqlite.RestoreOptions {
	return sqlite.RestoreOptions{
		Fill:    func(w io.Writer) error { _, err := w.Write(data); return err },
		Check:   func([]keyring.WrappedKey) error { return nil },
		Replace: replace, Now: then,
	}
}

// open returns an open database with a store.
func open(t *testing.T, path string) (*sqlite.DB, *sqlite.Store) {
	t.Helper()
	db := openDB(t, path)
	keys, err := keyring.Open(t.Context(), keyring.Options{Root: bytes.Repeat([]byte{42}, keyring.RootSize), Store: db, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return db, db.Store(keys)
}

func openDB(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	sqlitetest.Prepare(t, path)
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: discard(), Now: time.Now, CallTimeout: sqlitetest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// backupOf copies the kept store of today's schema, through the running store.
func backupOf(t *testing.T) (data []byte, copied sqlite.Copied) {
	t.Helper()
	all := schemas(t)
	path := unpack(t, all[len(all)-1])
	db, _ := open(t, path)
	to := filepath.Join(t.TempDir(), "copy.db")
	copied, err := db.Copy(t.Context(), sqlite.CopyOptions{To: to, Gentle: true})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if data, err = os.ReadFile(to); err != nil {
		t.Fatal(err)
	}
	return data, copied
}

func TestCopyHoldsPeopleAndEndsAndNothingThatSignsIn(t *testing.T) {
	t.Parallel()
	data, copied := backupOf(t)
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, table := range []string{"sessions", "session_secrets", "vaults"} {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d rows, %v", table, n, err)
		}
	}
	var seat string
	if err := db.QueryRow("SELECT group_concat(session) FROM seats").Scan(&seat); err != nil || seat != "session-ended" {
		t.Errorf("seats of %q, %v", seat, err)
	}
	want := map[string]int64{"data_keys": 1, "accounts": 7, "handles": 7, "identities": 7, "partings": 4, "pictures": 3, "audit": 21, "clients": 1, "ends": 1, "seats": 1, "receipts": 1, "outbox": 2, "single_use": 1, "incidents": 7}
	if diff := cmp.Diff(want, copied.Counts); diff != "" {
		t.Error(diff)
	}
	if len(copied.Keys) != 1 || len(copied.Keys[0].Wrapped) == 0 {
		t.Errorf("data keys: %+v", copied.Keys)
	}
}

func TestRestoredStoreKnowsPeopleAndEndsAndSignsNobodyIn(t *testing.T) {
	t.Parallel()
	data, _ := backupOf(t)
	path := filepath.Join(t.TempDir(), "fresh", "cardea.db")
	r, err := restore(path, data, false)
	if err != nil || r.Aside != "" || r.Counts["accounts"] != 7 {
		t.Fatalf("%+v, %v", r, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	st := sqlitetest.OpenPath(t, path)
	for _, seat := range []string{"seat-live", "seat-bob", "seat-bob-8"} {
		if _, _, err := st.BySeat(t.Context(), wordHash(seat)); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: %v", seat, err)
		}
	}
	if _, _, err := st.BySeat(t.Context(), wordHash("seat-ended")); !isEnded(err) {
		t.Errorf("ended session: %v", err)
	}
	if err := st.Use(t.Context(), then, wordHash("used"), then); !errors.Is(err, signin.ErrUsed) {
		t.Errorf("spent value: %v", err)
	}
	if acc, err := st.Account(t.Context(), "acc-bob"); err != nil || acc.Handle != "bob" || acc.Email != "bob@example.com" {
		t.Errorf("%+v, %v", acc, err)
	}
	if clients, err := st.Clients(t.Context()); err != nil || len(clients) != 1 {
		t.Errorf("%v, %v", clients, err)
	}
	if i, err := st.Incident(t.Context(), "kept"); err != nil || i.ID != "kept" {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestRestoredOutboxRepeatsOnlyWhatMayBeRepeated(t *testing.T) {
	t.Parallel()
	all := schemas(t)
	path := unpack(t, all[len(all)-1])
	db, st := open(t, path)
	later := then.Add(time.Hour)
	if err := st.Add(t.Context(), []outbox.Entry{
		{ID: "again", Kind: outbox.KindRevoke, Session: "session-ended", Payload: []byte("token"), CreatedAt: then, NextAt: then, Deadline: later},
		{ID: "logout", Kind: outbox.KindAppLogout, Session: "session-ended", App: "chat", CreatedAt: then, NextAt: then, Deadline: later},
	}); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if _, err := db.Copy(t.Context(), sqlite.CopyOptions{To: to}); err != nil {
		t.Fatal(err)
	}
	copied := sqlitetest.OpenPath(t, to)
	due, err := copied.Due(t.Context(), later, 10)
	if err != nil || len(due) != 1 || due[0].ID != "again" || string(due[0].Payload) != "token" {
		t.Errorf("due: %+v, %v", due, err)
	}
	list, err := copied.BySession(t.Context(), "session-ended")
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, e := range list {
		gaveUp := e.ID == "end-session" || e.ID == "logout"
		if gaveUp != (e.State == outbox.Failed) || gaveUp && (len(e.Payload) != 0 || !strings.Contains(e.LastError, "restored from a backup")) {
			t.Errorf("%+v", e)
		}
	}
}

func TestEndsGetNoNumberTwiceAfterARestore(t *testing.T) {
	t.Parallel()
	all := schemas(t)
	path := unpack(t, all[len(all)-1])
	execute(t, path, "UPDATE sqlite_sequence SET seq = 70 WHERE name = 'ends'") // those between were swept
	db, _ := open(t, path)
	to := filepath.Join(t.TempDir(), "copy.db")
	if _, err := db.Copy(t.Context(), sqlite.CopyOptions{To: to}); err != nil {
		t.Fatal(err)
	}
	copied := sqlitetest.OpenPath(t, to)
	s, seat := secretSession("next")
	if err := copied.OpenSession(t.Context(), then, s, seat, ""); err != nil {
		t.Fatal(err)
	}
	stone, err := copied.End(t.Context(), then, ending(s.ID))
	if err != nil || stone.Seq != 71 {
		t.Errorf("%+v, %v", stone, err)
	}
}

// folder returns the names and contents of a folder, but for the lock.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(file) != "lock" {
			all[filepath.Base(file)] = string(data)
		}
	}
	return all
}

func TestRefusedRestoreChangesNothing(t *testing.T) {
	t.Parallel()
	good, _ := backupOf(t)
	path := filepath.Join(t.TempDir(), "cardea.db")
	if _, err := restore(path, good, false); err != nil {
		t.Fatal(err)
	}
	before := folder(t, filepath.Dir(path))
	newer := filepath.Join(t.TempDir(), "newer.db")
	if err := os.WriteFile(newer, good, 0o600); err != nil {
		t.Fatal(err)
	}
	execute(t, newer, "INSERT INTO schema_version (version_id, is_applied) VALUES (9999, 1)")
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	execute(t, foreign, "CREATE TABLE accounts (id); CREATE TABLE bookmarks (id)")
	damaged := bytes.Clone(good)
	for i := 8192; i+200 < len(damaged); i += 4096 {
		copy(damaged[i:], bytes.Repeat([]byte{0xff}, 200))
	}
	wrongKey := restoring(good, true)
	wrongKey.Check = func([]keyring.WrappedKey) error { return errWrongKey }
	notReady := restoring(good, true)
	notReady.Ready = func() error { return errWrongKey }
	late, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		o    sqlite.RestoreOptions
		want error
		says string
	}{
		"exists":      {restoring(good, false), sqlite.ErrExists, ""},
		"wrong key":   {wrongKey, errWrongKey, ""},
		"key file":    {notReady, errWrongKey, ""},
		"newer":       {restoring(read(t, newer), true), nil, "schema version 9999 and this program knows up to"},
		"foreign":     {restoring(read(t, foreign), true), sqlite.ErrForeign, ""},
		"no database": {restoring([]byte(strings.Repeat("text ", 1000)), true), sqlite.ErrForeign, ""},
		"empty":       {restoring(nil, true), sqlite.ErrForeign, ""},
		"cut short":   {restoring(good[:len(good)/2], true), nil, ""},
		"damaged":     {restoring(damaged, true), nil, ""},
	} {
		f, err := sqlite.OpenOffline(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Restore(t.Context(), tc.o)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.Restore(late, restoring(good, true)); err == nil {
			t.Errorf("restored although nobody waits")
		}
		f.Close()
		if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
			t.Fatalf("%s: something was changed: %d bytes of difference", name, len(diff))
		}
	}
}

var errWrongKey = errors.New("wrong key")

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFolderInUseIsNotRestoredInto(t *testing.T) {
	t.Parallel()
	good, _ := backupOf(t)
	path := filepath.Join(t.TempDir(), "cardea.db")
	openDB(t, path)
	_, err := restore(path, good, true)
	held, ok := errors.AsType[*sqlite.InUseError](err)
	if !ok || held.PID != os.Getpid() {
		t.Errorf("%v", err)
	}
}

func TestReplacedDatabaseIsKeptWholeWithItsLog(t *testing.T) {
	t.Parallel()
	good, _ := backupOf(t)
	// As a gateway leaves it that was killed: with writes that are in its log only.
	from := filepath.Join(t.TempDir(), "cardea.db")
	_, st := open(t, from)
	s, seat := secretSession("in the log")
	if err := st.OpenSession(t.Context(), then, s, seat, ""); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a [b] ?%.db")
	for _, side := range []string{"", "-wal"} {
		if err := os.WriteFile(path+side, read(t, from+side), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var asides []string
	for range 2 { // twice in one second
		r, err := restore(path, good, true)
		if err != nil {
			t.Fatal(err)
		}
		asides = append(asides, r.Aside)
	}
	if asides[0] == asides[1] || !strings.HasPrefix(asides[0], path+".before-restore.20261102T093000Z") {
		t.Fatalf("kept aside as %q", asides)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("the old log lies beside the new database")
	}
	if _, err := sqlitetest.OpenPath(t, path).Account(t.Context(), "acc-bob"); err != nil {
		t.Error(err)
	}
	if _, err := sqlitetest.OpenPath(t, moved(t, asides[0])).ByID(t.Context(), s.ID); err != nil {
		t.Errorf("what was in the log is lost: %v", err)
	}
}

// moved copies a database that was kept aside to where it can be opened.
func moved(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "cardea.db")
	for _, side := range []string{"", "-wal"} {
		if data, err := os.ReadFile(path + side); err == nil {
			if err := os.WriteFile(to+side, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return to
}
