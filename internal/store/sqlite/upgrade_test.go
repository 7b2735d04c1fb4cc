package sqlite_test

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

// then is when the store of schema 1 was written.
var then = time.Date(2026, 11, 2, 9, 30, 0, 123456000, time.UTC)

// openSchema1 opens a store that a program of schema version 1 left.
func openSchema1(t *testing.T) (*sqlite.Store, string) {
	t.Helper()
	text, err := os.ReadFile("testdata/schema-1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cardea.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(string(text)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return sqlitetest.OpenPath(t, path), path
}

func wordHash(word string) session.SeatHash { return sha256.Sum256([]byte(word)) }

func TestUpgradeFromSchema1KeepsEverySignIn(t *testing.T) {
	st, path := openSchema1(t)
	if copies, _ := filepath.Glob(path + ".schema-1.*"); len(copies) != 1 {
		t.Fatalf("copies made before the migration: %v", copies)
	}
	want := &session.Session{
		ID: "session-live", Account: "acc-ann", Handle: "ann", Provider: "main",
		Identity: oidc.Identity{Issuer: "https://id.example.com", Subject: "ann"}, SID: "sid-live",
		CreatedAt: then, AuthTime: then, SeenAt: then, Limits: session.Limits{Idle: time.Hour, Absolute: 24 * time.Hour},
		UserAgent: "Mozilla/5.0", Address: "192.0.2.1", Version: 1, Claims: oidc.Claims{"sub": "ann"}, Profile: oidc.Profile{Name: "Ann"},
		Grant: session.Grant{Tokens: oidc.Tokens{AccessToken: "at-live", RefreshToken: "rt-live"}},
	}
	got, seat, err := st.BySeat(t.Context(), wordHash("seat-live"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(session.Seat{Hash: wordHash("seat-live"), Origin: "https://chat.example.com", CreatedAt: then}, seat); diff != "" {
		t.Error(diff)
	}
	acc, err := st.Account(t.Context(), "acc-ann")
	if diff := cmp.Diff(account.Account{ID: "acc-ann", Handle: "ann", Name: "Ann", Email: "ann@example.com", CreatedAt: then}, acc); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if err := st.Use(t.Context(), then, wordHash("used"), then); !errors.Is(err, signin.ErrUsed) {
		t.Errorf("spent value: %v", err)
	}
}

func TestUpgradeFromSchema1KeepsEndsAndWhatMustStillBeTold(t *testing.T) {
	st, _ := openSchema1(t)
	_, _, err := st.BySeat(t.Context(), wordHash("seat-ended"))
	ended, ok := errors.AsType[*session.EndedError](err)
	if !ok || ended.Tombstone.Cause != session.CauseButton || !ended.Tombstone.Fresh || ended.Tombstone.Seq != 1 {
		t.Errorf("ended session: %v", err)
	}
	if r, err := st.Receipt(t.Context(), wordHash("state")); err != nil || r.Session != "session-ended" || r.ReturnURL != "https://chat.example.com" {
		t.Errorf("receipt: %+v, %v", r, err)
	}
	entry := func(id string, kind outbox.Kind) outbox.Entry {
		return outbox.Entry{ID: id, Kind: kind, Session: "session-ended", Provider: "main", Payload: []byte("payload of " + id), State: outbox.Pending,
			CreatedAt: then, NextAt: then, Deadline: then.Add(72 * time.Hour)}
	}
	pending, done := entry("end-session", outbox.KindEndSession), entry("revoke", outbox.KindRevoke)
	done.Payload, done.State, done.Attempts = nil, outbox.Done, 1
	list, err := st.BySession(t.Context(), "session-ended")
	if diff := cmp.Diff([]outbox.Entry{pending, done}, list); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	due, err := st.Due(t.Context(), then, 10)
	if diff := cmp.Diff([]outbox.Entry{pending}, due); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if err := st.Finish(t.Context(), then, pending.ID, outbox.Done, ""); err != nil {
		t.Error(err)
	}
}

func TestSessionOfSchema1GetsAVaultAfterTheUpgrade(t *testing.T) {
	st, _ := openSchema1(t)
	if data, version, err := st.LoadVault(t.Context(), "session-live", "chat"); err != nil || data != nil || version != 0 {
		t.Fatalf("%q, %d, %v", data, version, err)
	}
	if _, err := st.SaveVault(t.Context(), then, "session-live", "chat", 0, []byte("c")); err != nil {
		t.Fatal(err)
	}
	logout := outbox.Entry{ID: "logout", Kind: outbox.KindAppLogout, Session: "session-live", App: "chat", CreatedAt: then, NextAt: then, Deadline: then.Add(time.Hour)}
	if _, err := st.End(t.Context(), then, signout.Ending{Session: "session-live", Version: 1,
		Tombstone: session.Tombstone{Cause: session.CauseButton, EndedAt: then}, Entries: []outbox.Entry{logout}}); err != nil {
		t.Fatal(err)
	}
	if data, err := st.EndedVault(t.Context(), "session-live", "chat"); err != nil || string(data) != "c" {
		t.Fatalf("%q, %v", data, err)
	}
	list, err := st.BySession(t.Context(), "session-live")
	if err != nil || len(list) != 1 || list[0].App != "chat" {
		t.Fatalf("%+v, %v", list, err)
	}
}

func TestSessionsOfSchema1DoNotSayWhatTheyWereOpenedAs(t *testing.T) {
	st, _ := openSchema1(t)
	list, err := st.OpenedAs(t.Context())
	if diff := cmp.Diff([]session.OpenedAs{{Provider: "main"}}, list); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if clients, err := st.Clients(t.Context()); err != nil || len(clients) != 0 {
		t.Errorf("%v, %v", clients, err)
	}
}
