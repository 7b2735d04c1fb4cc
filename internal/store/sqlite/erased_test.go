package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

// Words that name one person and stand nowhere else.
var marks = []string{"Mark-Name", "mark-subject", "mark-mail@", "mark-agent", "198.51.100.234", "mark-second"}

// markedPerson lives in the store: signed in, out, refused and linked, and is marked to be
// erased.
func markedPerson(t *testing.T, st *sqlite.Store) string {
	t.Helper()
	now := time.UnixMicro(1_790_000_000_000_000).UTC()
	id := oidc.Identity{Issuer: "https://id.example.com", Subject: "mark-subject"}
	profile := oidc.Profile{Name: "Mark-Name", Email: "mark-mail@example.com", EmailBelieved: true}
	admit := func(name string, id oidc.Identity, p oidc.Profile) account.Account {
		acc, _, err := st.Admit(t.Context(), now, account.Admission{Identity: id, Provider: "main", Profile: p, Candidates: []string{name}, AccountID: account.NewID()})
		if err != nil {
			t.Fatal(err)
		}
		return acc
	}
	acc := admit("hers", id, profile)
	bob := admit("bob", oidc.Identity{Issuer: id.Issuer, Subject: "bobs"}, oidc.Profile{})
	_, hash := session.NewSeatValue()
	s := &session.Session{
		ID: session.NewID(), Account: acc.ID, Handle: acc.Handle, Provider: "main", Identity: id, CreatedAt: now, AuthTime: now, SeenAt: now, Version: 1,
		Profile: profile, UserAgent: "mark-agent", Address: "198.51.100.234",
	}
	second := account.Linking{Account: acc.ID, Identity: oidc.Identity{Issuer: id.Issuer, Subject: "mark-second"}, Provider: "main", Profile: profile, How: account.HowPerson}
	taken := account.Linking{Account: bob.ID, Identity: id, Provider: "main", How: account.HowPerson}
	_, err := st.Link(t.Context(), now, second)
	if err == nil {
		err = st.OpenSession(t.Context(), now, s, session.Seat{Hash: hash, Origin: "https://a", CreatedAt: now}, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Link(t.Context(), now, taken); !errors.Is(err, account.ErrTaken) {
		t.Fatal(err)
	}
	_, err = st.End(t.Context(), now, signout.Ending{Session: s.ID, Version: 1, Tombstone: session.Tombstone{
		Session: s.ID, Account: acc.ID, Provider: "main", Identity: id, Cause: session.CauseAccount, EndedAt: now, Until: now.Add(time.Hour),
	}})
	if err := errors.Join(err, st.MarkErasing(t.Context(), now, acc.ID), st.Record(t.Context(), now, audit.Event{
		Type: audit.SigninRefused, Actor: audit.ActorPerson, Personal: &audit.Personal{Issuer: id.Issuer, Subject: id.Subject, Email: profile.Email},
	})); err != nil {
		t.Fatal(err)
	}
	return acc.ID
}

// left returns the marks that stand in the database's files.
func left(t *testing.T, path string) (found []string, wal int) {
	t.Helper()
	for _, side := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + side)
		if err != nil {
			t.Fatal(err)
		}
		if side != "" {
			wal = len(data)
		}
		for _, m := range marks {
			if bytes.Contains(data, []byte(m)) {
				found = append(found, m+" in "+filepath.Base(path)+side)
			}
		}
	}
	return found, wal
}

func TestAnErasedPersonIsInNeitherFileWhileTheStoreGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cardea.db")
	st := sqlitetest.OpenPath(t, path)
	id := markedPerson(t, st)
	if found, _ := left(t, path); len(found) < len(marks) {
		t.Fatalf("the marks are not there to be erased: %q", found)
	}
	if err := st.Erase(t.Context(), time.Now(), id); err != nil {
		t.Fatal(err)
	}
	if found, wal := left(t, path); len(found) > 0 || wal != 0 {
		t.Errorf("the log has %d bytes: %q", wal, found)
	}
	if _, err := st.Account(t.Context(), id); !errors.Is(err, account.ErrErased) {
		t.Error(err)
	}
}

// A backup that runs reads for as long as it needs.
func TestAnErasureThatAReaderOutlastsIsFinishedByTheNextSweep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cardea.db")
	st := sqlitetest.OpenPrompt(t, path)
	id := markedPerson(t, st)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reader, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRow("SELECT count(*) FROM accounts").Scan(&n); err != nil || n != 2 {
		t.Fatalf("%d, %v", n, err)
	}
	if err := st.Erase(t.Context(), time.Now(), id); err != nil { // the reader is there yet
		t.Fatal(err)
	}
	if found, wal := left(t, path); wal == 0 || len(found) == 0 {
		t.Fatal("the reader held nothing")
	}
	if _, err := st.Sweep(t.Context(), time.Now(), 10); err != nil {
		t.Fatal(err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Sweep(t.Context(), time.Now(), 10); err != nil {
		t.Fatal(err)
	}
	if found, wal := left(t, path); len(found) > 0 || wal != 0 {
		t.Errorf("the log has %d bytes: %q", wal, found)
	}
}
