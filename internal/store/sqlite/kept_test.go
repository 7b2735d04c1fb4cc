package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

var update = flag.Bool("update", false, "keep a store of today's schema in testdata")

// schemas returns the schema versions that there were, the oldest first.
func schemas(t *testing.T) []int64 {
	t.Helper()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations: %v, %v", files, err)
	}
	var list []int64
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, version)
	}
	return list
}

func keptFile(schema int64) string { return fmt.Sprintf("testdata/schema-%d.sql", schema) }

// unpack makes the database that a program of that schema version left.
func unpack(t *testing.T, schema int64) string {
	t.Helper()
	text, err := os.ReadFile(keptFile(schema))
	if err != nil {
		t.Fatalf("every schema has a store that is kept for tests (go test -run TodaysSchema -update makes it): %v", err)
	}
	path := filepath.Join(t.TempDir(), "cardea.db")
	execute(t, path, string(text))
	return path
}

func execute(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

// dump writes a database as statements that make it again.
func dump(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_query_only=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	texts := func(query string, args ...any) []string {
		rows, err := db.Query(query, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var list []string
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
		return list
	}
	var b strings.Builder
	b.WriteString("BEGIN TRANSACTION;\n")
	for _, text := range texts("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, name") {
		b.WriteString(text + ";\n")
	}
	for _, table := range texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence' ORDER BY name") {
		var quoted []string
		for _, column := range texts("SELECT name FROM pragma_table_info(?1)", table) {
			quoted = append(quoted, "quote("+column+")")
		}
		list := strings.Join(quoted, " || ',' || ")
		for _, row := range texts("SELECT " + list + " FROM " + table + " ORDER BY 1") {
			b.WriteString("INSERT INTO " + table + " VALUES(" + row + ");\n")
		}
	}
	b.WriteString("COMMIT;\n")
	return b.String()
}

// TestTodaysSchemaIsKept keeps a store of the newest schema when it is run with -update:
// the one of the schema before, upgraded, and written to by this program.
func TestTodaysSchemaIsKept(t *testing.T) {
	all := schemas(t)
	today, before := all[len(all)-1], all[len(all)-2]
	if *update {
		path := unpack(t, before)
		writeToday(t, path, fmt.Sprintf("bob-%d", today))
		text := fmt.Sprintf("-- The store of schema %d as it was after the upgrade to schema %d, and what that program wrote.\n", before, today) + dump(t, path)
		if err := os.WriteFile(keptFile(today), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fresh := filepath.Join(t.TempDir(), "cardea.db")
	sqlitetest.OpenPath(t, fresh).Close()
	if diff := cmp.Diff(structure(t, fresh), structure(t, unpack(t, today))); diff != "" {
		t.Errorf("%s is of another schema (remove it and run with -update while the schema is not released)\n%s", keptFile(today), diff)
	}
}

// structure is what a database's tables and indexes are made of.
func structure(t *testing.T, path string) []string {
	t.Helper()
	var list []string
	for line := range strings.SplitSeq(dump(t, path), ";\n") {
		if strings.HasPrefix(line, "CREATE ") || strings.HasPrefix(line, "BEGIN TRANSACTION;\nCREATE") {
			list = append(list, strings.Join(strings.Fields(line), " "))
		}
	}
	return list
}

// writeToday lets this program write to a store, for somebody whom it does not know yet.
func writeToday(t *testing.T, path, who string) {
	t.Helper()
	st, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	acc, _, err := st.Admit(t.Context(), then, account.Admission{Identity: oidc.Identity{Issuer: "https://id.example.com", Subject: who}, Provider: "main",
		Profile: oidc.Profile{Name: "Bob", Email: who + "@example.com", EmailBelieved: true}, Candidates: []string{who}, AccountID: "acc-" + who})
	if err != nil {
		t.Fatal(err)
	}
	client := session.Client{Provider: "main", Issuer: "https://id.example.com", ID: "cardea"}
	s := &session.Session{ID: session.ID("session-" + who), Account: acc.ID, Handle: acc.Handle, Provider: "main", Client: client.Mark(),
		Identity: oidc.Identity{Issuer: "https://id.example.com", Subject: who}, CreatedAt: then, AuthTime: then, SeenAt: then, Version: 1}
	s.Grant.Tokens.RefreshToken = "rt-" + who
	err = errors.Join(
		st.OpenSession(t.Context(), then, s, session.Seat{Hash: wordHash("seat-" + who), Origin: "https://chat.example.com", CreatedAt: then}, ""),
		st.SetClients(t.Context(), []session.Client{client}),
		st.SaveIncidents(t.Context(), then, []incident.Incident{{ID: "kept by " + who, At: then, Kind: incident.KindDenied}}, incident.Keep{Most: 10, For: time.Hour}),
	)
	second := oidc.Identity{Issuer: "https://second.example.com", Subject: who}
	_, lerr := st.Link(t.Context(), then, account.Linking{Account: acc.ID, Identity: second, Provider: "second", How: account.HowPerson})
	err = errors.Join(err, lerr, st.Unlink(t.Context(), then, acc.ID, second, "test", func(string) bool { return true })) // and a crash before its sessions ended
	face := account.Picture{Hash: strings.Repeat("h", 43), Type: "image/png", Bytes: []byte("face of " + who), Source: account.PictureUpload, UpdatedAt: then}
	_, perr := st.SetPicture(t.Context(), then, acc.ID, face)
	err = errors.Join(err, perr)
	if _, verr := st.SaveVault(t.Context(), then, s.ID, "chat", 0, []byte("cookies of "+who)); err == nil {
		err = verr
	}
	if err = errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestStoreOfEverySchemaIsUpgradedAndGoesOn(t *testing.T) {
	t.Parallel()
	for _, schema := range schemas(t) {
		t.Run(fmt.Sprint(schema), func(t *testing.T) {
			path := unpack(t, schema)
			st := sqlitetest.OpenPath(t, path)
			s, _, err := st.BySeat(t.Context(), wordHash("seat-live"))
			if err != nil || s.Account != "acc-ann" || s.Grant.Tokens.RefreshToken != "rt-live" {
				t.Fatalf("%+v, %v", s, err)
			}
			acc, created, err := st.Admit(t.Context(), then, account.Admission{Identity: s.Identity, Provider: "main", Candidates: []string{"other"}, AccountID: "acc-other"})
			if err != nil || created || acc.ID != "acc-ann" || acc.Handle != "ann" {
				t.Errorf("%+v, %v, %v", acc, created, err)
			}
			if _, _, err := st.BySeat(t.Context(), wordHash("seat-ended")); !isEnded(err) {
				t.Errorf("ended session: %v", err)
			}
			s.SID = "sid-next"
			if _, err := st.UpdateSession(t.Context(), then, s); err != nil {
				t.Error(err)
			}
		})
	}
}

func isEnded(err error) bool {
	_, ended := errors.AsType[*session.EndedError](err)
	return ended
}

// TestUpgradeIsUndoneByTheCopyThatItMade is docs/operating.md, "Going back": the copy is
// the store as the older program left it, and the newer one restores it as well.
func TestUpgradeIsUndoneByTheCopyThatItMade(t *testing.T) {
	t.Parallel()
	all := schemas(t)
	for _, schema := range all[:len(all)-1] {
		t.Run(fmt.Sprint(schema), func(t *testing.T) {
			path := unpack(t, schema)
			before := dump(t, path)
			upgradeAndWrite(t, path)
			copies, err := filepath.Glob(path + fmt.Sprintf(".schema-%d.*", schema))
			if err != nil || len(copies) != 1 {
				t.Fatalf("%v, %v", copies, err)
			}
			if diff := cmp.Diff(before, dump(t, copies[0])); diff != "" {
				t.Fatalf("the copy is not the store that was upgraded\n%s", diff)
			}
			data, err := os.ReadFile(copies[0])
			if err != nil {
				t.Fatal(err)
			}
			r, err := restore(path, data, true)
			if err != nil || r.From != schema {
				t.Fatalf("%+v, %v", r, err)
			}
			st := sqlitetest.OpenPath(t, path)
			if acc, err := st.Account(t.Context(), "acc-ann"); err != nil || acc.Handle != "ann" {
				t.Errorf("%+v, %v", acc, err)
			}
			if _, err := st.Account(t.Context(), "acc-new"); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("what came after the upgrade is still there: %v", err)
			}
			if list, err := st.List(t.Context(), session.Filter{}); err != nil || len(list) != 0 {
				t.Errorf("sessions live again: %v, %v", list, err)
			}
		})
	}
}

// upgradeAndWrite upgrades a store and makes an account in it.
func upgradeAndWrite(t *testing.T, path string) {
	t.Helper()
	st, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = st.Admit(t.Context(), then, account.Admission{Identity: oidc.Identity{Issuer: "https://id.example.com", Subject: "new"}, Provider: "main",
		Candidates: []string{"new"}, AccountID: "acc-new"})
	if err = errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
}

// restore puts a database file's content in place of the one at path.
func restore(path string, data []byte, replace bool) (r sqlite.Restored, err error) {
	f, err := sqlite.OpenOffline(path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Restore(context.Background(), restoring(data, replace))
}

func TestSchemaIsTheNewestMigration(t *testing.T) {
	t.Parallel()
	got, err := sqlite.Schema()
	if want := slices.Max(schemas(t)); err != nil || got != want {
		t.Errorf("%d, %v; want %d", got, err, want)
	}
}
