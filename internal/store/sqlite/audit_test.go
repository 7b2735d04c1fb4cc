package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

// acts lets a person through everything that the trail tells of, with secrets wherever a
// secret can be.
func acts(t *testing.T, st *sqlite.Store, secret string) {
	t.Helper()
	ctx := t.Context()
	id := oidc.Identity{Issuer: "https://id.example.com", Subject: "ann"}
	acc, _, err := st.Admit(ctx, then, account.Admission{Identity: id, Provider: "main", Profile: oidc.Profile{Name: "Ann"}, Candidates: []string{"ann"}, AccountID: "acc"})
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string, replaces session.ID) *session.Session {
		s, seat := secretSession(name)
		s.Account, s.Handle, s.Identity, s.Provider, s.SID = acc.ID, acc.Handle, id, "main", secret
		s.Grant.Tokens = oidc.Tokens{AccessToken: secret, RefreshToken: secret, IDToken: secret}
		s.Claims = oidc.Claims{"nonce": secret}
		if err := st.OpenSession(ctx, then, s, seat, replaces); err != nil {
			t.Fatal(err)
		}
		return s
	}
	open("one", "")
	s := open("two", "one")
	if _, err := st.SaveVault(ctx, then, s.ID, "chat", 0, []byte(secret)); err != nil {
		t.Fatal(err)
	}
	_, state := session.NewSeatValue()
	e := ending(s.ID)
	e.Receipt = signout.Receipt{State: state, ReturnURL: "https://chat.example.com/?code=" + secret, Mode: signout.ModeProvider}
	for i, kind := range []outbox.Kind{outbox.KindRevoke, outbox.KindEndSession, outbox.KindAppLogout} {
		x := outbox.Entry{ID: fmt.Sprint("entry", i), Kind: kind, Session: "two", Provider: "main", Payload: []byte(secret), CreatedAt: then, NextAt: then, Deadline: then.Add(time.Hour)}
		if kind == outbox.KindAppLogout {
			x.App = "chat"
		}
		e.Entries = append(e.Entries, x)
	}
	_, err = st.End(ctx, then, e)
	_, disabled := st.SetDisabled(ctx, then, acc.ID, true)
	_, returned := st.MarkReturned(ctx, then, state)
	if err := errors.Join(err, disabled, returned, st.Finish(ctx, then, "entry0", outbox.Failed, "refused: "+secret)); err != nil {
		t.Fatal(err)
	}
}

func TestTrailHoldsNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	acts(t, st, marker)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT seq || id || at || type || actor || by || account || handle || session || provider || app || cause || incident || detail || coalesce(personal, '') FROM audit`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(row, marker) {
			t.Errorf("%s", row)
		}
		n++
	}
	if n != 9 {
		t.Errorf("%d events", n)
	}
}

func TestTrailGoesOnAfterARestore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cardea.db")
	db, st := open(t, path)
	acts(t, st, "x")
	if _, err := st.SweepAudit(t.Context(), then.Add(time.Hour), 2, 10); err != nil {
		t.Fatal(err)
	}
	before, err := st.AuditEvents(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	pack := func(name string) []byte {
		to := filepath.Join(t.TempDir(), name)
		if _, err := db.Copy(t.Context(), sqlite.CopyOptions{To: to}); err != nil {
			t.Fatal(err)
		}
		return read(t, to)
	}
	backup := pack("backup")
	put := func(data []byte) (string, []audit.Event) {
		to := filepath.Join(t.TempDir(), "cardea.db")
		if _, err := restore(to, data, false); err != nil {
			t.Fatal(err)
		}
		db, st = open(t, to)
		list, err := st.AuditEvents(t.Context(), audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		return to, list
	}
	_, after := put(backup)
	if diff := cmp.Diff(before, after[:len(before)]); diff != "" {
		t.Errorf("what was in the trail is another\n%s", diff)
	}
	added := after[len(before):]
	if len(added) != 2 || added[0].Type != audit.DeliveryFailed || added[0].Cause != "restored" || added[0].Detail["entry"] != "entry2" ||
		added[1].Type != audit.StoreRestored || added[1].Detail["given_up"] != "1" {
		t.Fatalf("%+v", added)
	}
	for i, e := range after {
		if err := audit.Check(e); err != nil || i > 0 && e.Seq <= after[i-1].Seq {
			t.Errorf("%+v: %v", e, err)
		}
	}
	// A restore of what was restored tells the delivery no second time.
	_, again := put(pack("second"))
	if len(again) != len(after)+1 || again[len(after)].Type != audit.StoreRestored {
		t.Errorf("%+v", again[len(after):])
	}
}

func TestTrailOfAnOlderSchemaBeginsWithTheUpgrade(t *testing.T) {
	st := sqlitetest.OpenPath(t, unpack(t, 5))
	if list, err := st.AuditEvents(t.Context(), audit.Filter{}); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if last, err := st.LastAudit(t.Context()); err != nil || last != 0 {
		t.Errorf("%d, %v", last, err)
	}
	st = sqlitetest.OpenPath(t, unpack(t, 6))
	list, err := st.AuditEvents(t.Context(), audit.Filter{Session: "session-bob-6"})
	if err != nil || len(list) != 1 || list[0].Type != audit.SessionOpened || list[0].Personal.Subject != "bob-6" || !list[0].At.Equal(then) {
		t.Errorf("%+v, %v", list, err)
	}
}

// FuzzTrailRowsAreRead writes what no version of this program would have written: the rest
// of the trail stays readable.
func FuzzTrailRowsAreRead(f *testing.F) {
	f.Add("session.opened", `{"how":"first"}`, `{"issuer":"i"}`, int64(1))
	f.Add("", "", "{", int64(0))
	f.Add("x", `{"a":1}`, `{"issuer":{}}`, int64(-1<<63))
	f.Add("x", "null", "[]", int64(1<<63-1))
	path := filepath.Join(f.TempDir(), "x.db")
	st := sqlitetest.OpenPath(f, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	f.Fuzz(func(t *testing.T, kind, detail, personal string, at int64) {
		if _, err := db.Exec(`DELETE FROM audit; INSERT INTO audit (id, at, type, actor, by, account, handle, session, provider, app, cause, incident, detail, personal)
			VALUES ('x', ?3, ?1, '', '', 'a', '', '', '', '', '', '', ?2, ?4)`, kind, detail, at, personal); err != nil {
			return // not what a column takes
		}
		if err := st.Record(t.Context(), then, audit.Event{Type: audit.BackupMade, Actor: audit.ActorGateway}); err != nil {
			t.Fatal(err)
		}
		list, err := st.AuditEvents(t.Context(), audit.Filter{})
		if err != nil || len(list) != 2 || list[0].ID != "x" || string(list[0].Type) != kind || list[1].Type != audit.BackupMade {
			t.Fatalf("%+v, %v", list, err)
		}
		if p := list[0].Personal; p != nil && *p == (audit.Personal{}) {
			t.Error("personal and empty")
		}
	})
}
