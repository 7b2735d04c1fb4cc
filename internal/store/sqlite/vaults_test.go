package sqlite_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
	"github.com/cardea-auth/cardea/internal/vault"
)

var _ vault.Store = (*sqlite.Store)(nil)

func mustOpen(t *testing.T, st *sqlite.Store, name string) *session.Session {
	t.Helper()
	s, seat := secretSession(name)
	if err := st.OpenSession(t.Context(), s.CreatedAt, s, seat, ""); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSave(t *testing.T, st *sqlite.Store, id session.ID, app string, version int64, data string) {
	t.Helper()
	if _, err := st.SaveVault(t.Context(), time.Now(), id, app, version, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

// mustEnd ends a session with an entry for each app's logout.
func mustEnd(t *testing.T, st *sqlite.Store, s *session.Session, apps ...string) {
	t.Helper()
	e := signout.Ending{Session: s.ID, Version: s.Version, Tombstone: session.Tombstone{Cause: session.CauseButton}}
	for _, app := range apps {
		e.Entries = append(e.Entries, outbox.Entry{ID: string(s.ID) + "-" + app, Kind: outbox.KindAppLogout, Session: string(s.ID), App: app})
	}
	if _, err := st.End(t.Context(), s.CreatedAt, e); err != nil {
		t.Fatal(err)
	}
}

func loads(t *testing.T, st *sqlite.Store, id session.ID, app, want string, version int64) {
	t.Helper()
	data, at, err := st.LoadVault(t.Context(), id, app)
	if err != nil || string(data) != want || at != version {
		t.Errorf("%s of %s: %q at version %d, %v; want %q at %d", app, id, data, at, err, want, version)
	}
}

func leaves(t *testing.T, st *sqlite.Store, id session.ID, app, want string) {
	t.Helper()
	data, err := st.EndedVault(t.Context(), id, app)
	if err != nil || string(data) != want {
		t.Errorf("%s of %s left %q, %v; want %q", app, id, data, err, want)
	}
}

func TestNoCookieIsOnDiskAtAnyStep(t *testing.T) {
	dir := t.TempDir()
	st := sqlitetest.OpenPath(t, filepath.Join(dir, "x.db"))
	sealed := func(step string) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "x.db*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte(marker)) {
				t.Errorf("%s: %s shows a cookie", step, filepath.Base(file))
			}
		}
	}
	cookies := fmt.Sprintf(`[{"name":"access_token","value":"%s"}]`, marker)
	old, next := mustOpen(t, st, "old"), &session.Session{ID: "next", Account: "acc", Version: 1}
	mustSave(t, st, old.ID, "chat", 0, cookies)
	sealed("saved")
	mustSave(t, st, old.ID, "chat", 1, cookies+cookies)
	sealed("saved again")
	if err := st.OpenSession(t.Context(), time.Now(), next, session.Seat{}, old.ID); err != nil {
		t.Fatal(err)
	}
	sealed("moved")
	mustEnd(t, st, next, "chat")
	leaves(t, st, next.ID, "chat", cookies+cookies)
	sealed("ended")
	if err := st.Finish(t.Context(), time.Now(), "next-chat", outbox.Done, ""); err != nil {
		t.Fatal(err)
	}
	sealed("told")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	sealed("closed")
}

func TestVaultOfAnotherAppOrAnOlderSaveIsNotTakenForIts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	ann, bob := mustOpen(t, st, "ann"), mustOpen(t, st, "bob")
	for _, s := range []*session.Session{ann, bob} {
		for _, app := range []string{"chat", "hub"} {
			mustSave(t, st, s.ID, app, 0, app+" of "+string(s.ID))
		}
	}
	const put = "UPDATE vaults SET sealed = (SELECT o.sealed FROM vaults o WHERE o.session = '%s' AND o.app = '%s') WHERE session = 'ann' AND app = 'chat'"
	refused := func(what string, version int64) {
		t.Helper()
		data, at, err := st.LoadVault(t.Context(), ann.ID, "chat")
		if !errors.Is(err, keyring.ErrSealed) || errors.Is(err, session.ErrNotFound) || data != nil || at != version {
			t.Errorf("%s: %q at version %d, %v", what, data, at, err)
		}
	}
	tamper(t, path, fmt.Sprintf(put, "ann", "hub"))
	refused("another app's", 1)
	tamper(t, path, fmt.Sprintf(put, "bob", "chat"))
	refused("another session's", 1)
	tamper(t, path, "UPDATE vaults SET id = 'x' || id WHERE session = 'ann' AND app = 'hub'",
		"UPDATE vaults SET id = (SELECT substr(o.id, 2) FROM vaults o WHERE o.session = 'ann' AND o.app = 'hub') WHERE session = 'ann' AND app = 'chat'",
		fmt.Sprintf(put, "ann", "hub"))
	refused("another app's with its id", 1)

	// What cannot be read can be written anew.
	mustSave(t, st, ann.ID, "chat", 1, "anew")
	loads(t, st, ann.ID, "chat", "anew", 2)
	tamper(t, path, "CREATE TABLE kept AS SELECT sealed FROM vaults WHERE session = 'ann' AND app = 'chat'")
	mustSave(t, st, ann.ID, "chat", 2, "newer")
	tamper(t, path, "UPDATE vaults SET sealed = (SELECT sealed FROM kept) WHERE session = 'ann' AND app = 'chat'")
	refused("an older save", 3)
	mustEnd(t, st, ann, "chat")
	if data, err := st.EndedVault(t.Context(), ann.ID, "chat"); !errors.Is(err, keyring.ErrSealed) || data != nil {
		t.Errorf("after the end: %q, %v", data, err)
	}
}

// No session keeps anything before it is opened, so the case is made by hand.
func TestRenewalOntoASessionThatHasAVaultKeepsTheLaterSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	old, other := mustOpen(t, st, "old"), mustOpen(t, st, "other")
	at := time.Now()
	save := func(id session.ID, app, data string, after time.Duration) {
		t.Helper()
		if _, err := st.SaveVault(t.Context(), at.Add(after), id, app, 0, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	save(old.ID, "chat", "old", 2*time.Second)
	save(other.ID, "chat", "new", time.Second)
	save(old.ID, "hub", "old", time.Second)
	save(other.ID, "hub", "new", 2*time.Second)
	save(old.ID, "same", "old", time.Second)
	save(other.ID, "same", "new", time.Second)
	save(old.ID, "files", "old", 0)
	tamper(t, path, "UPDATE vaults SET session = 'next' WHERE session = 'other'")
	next := &session.Session{ID: "next", Account: old.Account, Version: 1}
	if err := st.OpenSession(t.Context(), at, next, session.Seat{}, old.ID); err != nil {
		t.Fatal(err)
	}
	for app, want := range map[string]string{"chat": "old", "hub": "new", "same": "new", "files": "old"} {
		loads(t, st, next.ID, app, want, 1)
		leaves(t, st, old.ID, app, "")
	}
}

func TestVaultWhoseLogoutVanishedIsSwept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	live := mustOpen(t, st, "live")
	mustSave(t, st, live.ID, "chat", 0, "live")
	for i := range 5 {
		s := mustOpen(t, st, fmt.Sprint("s", i))
		mustSave(t, st, s.ID, "chat", 0, "chat")
		mustSave(t, st, s.ID, "hub", 0, "hub")
		mustEnd(t, st, s, "chat", "hub")
	}
	sweep := func(limit, want int) {
		t.Helper()
		if n, err := st.Sweep(t.Context(), live.CreatedAt, limit); err != nil || n != want {
			t.Fatalf("swept %d, %v; want %d", n, err, want)
		}
	}
	sweep(10, 0)
	tamper(t, path, "DELETE FROM outbox WHERE app = 'chat'")
	sweep(3, 3)
	sweep(3, 2)
	sweep(3, 0)
	for i := range 5 {
		id := session.ID(fmt.Sprint("s", i))
		leaves(t, st, id, "chat", "")
		leaves(t, st, id, "hub", "hub")
	}
	loads(t, st, live.ID, "chat", "live", 1)

	// Rows that are not known as an ended session's go with its tombstone.
	tamper(t, path, "UPDATE vaults SET ended = 0", "DELETE FROM outbox WHERE session <> 's0'")
	if _, err := st.Sweep(t.Context(), live.CreatedAt.AddDate(10, 0, 0), 100); err != nil {
		t.Fatal(err)
	}
	if got := column(t, path, "SELECT session || ' ' || app FROM vaults ORDER BY session"); !slices.Equal(got, []string{"live chat", "s0 hub"}) {
		t.Errorf("vaults after the tombstones: %q", got)
	}
}

func column(t *testing.T, path, query string) (values []string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

func TestEndWithManyAppsIsOneCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	s := mustOpen(t, st, "one")
	apps := make([]string, 10)
	for i := range apps {
		apps[i] = fmt.Sprint("app", i)
		mustSave(t, st, s.ID, apps[i], 0, "c")
	}
	mustSave(t, st, s.ID, "silent", 0, "c")
	before := commits(t, path)
	if before < len(apps) {
		t.Fatalf("%d commits in the log: it is not read as it is written", before)
	}
	mustEnd(t, st, s, apps...)
	if n := commits(t, path) - before; n != 1 {
		t.Fatalf("the end took %d commits", n)
	}
	for _, app := range apps {
		leaves(t, st, s.ID, app, "c")
	}
	leaves(t, st, s.ID, "silent", "")
}

// commits counts the commit frames of the log (https://sqlite.org/fileformat2.html
// section 4.1); frames of an earlier round have another salt.
func commits(t *testing.T, path string) int {
	t.Helper()
	log, err := os.ReadFile(path + "-wal")
	if err != nil || len(log) < 32 {
		t.Fatal(len(log), err)
	}
	page, salt, n := int(binary.BigEndian.Uint32(log[8:])), log[16:24], 0
	for rest := log[32:]; len(rest) >= 24+page; rest = rest[24+page:] {
		if bytes.Equal(rest[8:16], salt) && binary.BigEndian.Uint32(rest[4:]) != 0 {
			n++
		}
	}
	return n
}
