package sqlite_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

const marker = "secret-that-must-not-be-on-disk"

func secretSession(name string) (*session.Session, session.Seat) {
	_, hash := session.NewSeatValue()
	now := time.UnixMicro(1_790_000_000_000_000).UTC()
	return &session.Session{
		ID: session.ID(name), Account: "acc", CreatedAt: now, AuthTime: now, SeenAt: now, Version: 1,
		Claims:  oidc.Claims{"claim": marker, "big": json.Number("18446744073709551615")},
		Profile: oidc.Profile{Groups: []string{marker}}, // the trail names a person, and keeps nothing else of them
		Grant:   session.Grant{Tokens: oidc.Tokens{RefreshToken: marker + name}},
	}, session.Seat{Hash: hash, Origin: "https://a", CreatedAt: now}
}

func TestNothingSecretIsOnDisk(t *testing.T) {
	dir := t.TempDir()
	st := sqlitetest.OpenPath(t, filepath.Join(dir, "x.db"))
	s, seat := secretSession("one")
	if err := st.OpenSession(t.Context(), s.CreatedAt, s, seat, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := st.UpdateSession(t.Context(), s.CreatedAt, s); err != nil {
		t.Fatal(err)
	}
	if err := st.Add(t.Context(), []outbox.Entry{{ID: "e", Payload: []byte(marker)}}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(marker)) || bytes.Contains(data, bytes.Repeat([]byte{42}, keyring.RootSize)) {
			t.Errorf("%s shows a secret", filepath.Base(file))
		}
	}
}

func TestSecretsOfAnotherSessionAreNotTakenForItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	one, oneSeat := secretSession("one")
	two, twoSeat := secretSession("two")
	if err := errors.Join(
		st.OpenSession(t.Context(), one.CreatedAt, one, oneSeat, ""),
		st.OpenSession(t.Context(), two.CreatedAt, two, twoSeat, ""),
	); err != nil {
		t.Fatal(err)
	}
	if err := st.Add(t.Context(), []outbox.Entry{{ID: "a", Payload: []byte("x")}, {ID: "b", Payload: []byte("y")}}); err != nil {
		t.Fatal(err)
	}
	tamper(t, path, "UPDATE session_secrets SET sealed = (SELECT o.sealed FROM session_secrets o WHERE o.n = 2) WHERE n = 1",
		"UPDATE outbox SET sealed = (SELECT o.sealed FROM outbox o WHERE o.id = 'b')")

	if _, _, err := st.BySeat(t.Context(), oneSeat.Hash); !errors.Is(err, keyring.ErrSealed) || errors.Is(err, session.ErrNotFound) {
		t.Fatalf("BySeat: %v", err)
	}
	// It lets nobody in, and can still be seen and ended.
	got, err := st.ByID(t.Context(), one.ID)
	if err != nil || got.Grant.State != session.GrantLost || got.Grant.Tokens.RefreshToken != "" || got.Profile.Email != "" {
		t.Fatalf("ByID: %+v, %v", got, err)
	}
	if list, err := st.List(t.Context(), session.Filter{}); err != nil || len(list) != 2 {
		t.Fatalf("List: %v, %v", list, err)
	}
	if _, err := st.End(t.Context(), one.CreatedAt, signout.Ending{Session: one.ID, Version: got.Version, Tombstone: session.Tombstone{Cause: session.CauseAdmin}}); err != nil {
		t.Fatal(err)
	}
	due, err := st.Due(t.Context(), time.Now(), 10)
	if err != nil || len(due) != 2 || len(due[0].Payload) != 0 || string(due[1].Payload) != "y" {
		t.Fatalf("Due: %+v, %v", due, err)
	}
}

func tamper(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStoreOpenedAgainHoldsWhatItHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	s, seat := secretSession("one")
	if err := st.OpenSession(t.Context(), s.CreatedAt, s, seat, ""); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, err := sqlitetest.OpenPath(t, path).BySeat(t.Context(), seat.Hash)
	if err != nil || got.Grant.Tokens != s.Grant.Tokens || got.Claims["big"] != json.Number("18446744073709551615") {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestDisabledAccountIsNotAdmittedAndHandleOfADeletedOneIsNotGivenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	checkAccountsAfter(t, st, func(statement string) { tamper(t, path, statement) })
}
