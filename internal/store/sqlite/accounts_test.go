package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

func checkAccountsAfter(t *testing.T, st *sqlite.Store, operator func(statement string)) {
	t.Helper()
	admit := func(subject, id string, candidates ...string) (account.Account, bool, error) {
		return st.Admit(t.Context(), time.Now(), account.Admission{
			Identity: oidc.Identity{Issuer: "https://id", Subject: subject}, Candidates: candidates, AccountID: id,
		})
	}
	if _, _, err := admit("ann", "a1", "ann"); err != nil {
		t.Fatal(err)
	}
	operator("UPDATE accounts SET disabled = 1")
	acc, created, err := admit("ann", "a2", "ann")
	if !errors.Is(err, account.ErrDisabled) || created || acc.ID != "a1" || !acc.Disabled {
		t.Fatalf("disabled: %+v, %v, %v", acc, created, err)
	}
	operator("DELETE FROM identities")
	operator("DELETE FROM accounts") // by hand: nothing says that it was erased
	acc, created, err = admit("bob", "b1", "ann", "Ann", "ann-2")
	if err != nil || !created || acc.Handle != "ann-2" {
		t.Fatalf("after deletion: %+v, %v, %v", acc, created, err)
	}
}

func TestAnErasedPersonsNamesAreNotInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	words := []string{"Erasmus Nobody", "erasmus@nowhere.example", "subject-4711", "elsewhere@work.example"}
	admit := func(name string, i int) account.Account {
		t.Helper()
		a := account.Admission{
			Identity: oidc.Identity{Issuer: "https://id.example", Subject: words[2] + name}, Provider: "main",
			Profile:    oidc.Profile{Name: words[0] + name, Email: words[1] + name, EmailBelieved: true},
			Candidates: []string{fmt.Sprintf("h%d", i)}, AccountID: account.NewID(),
		}
		acc, _, err := st.Admit(t.Context(), time.Now(), a)
		if err != nil {
			t.Fatal(err)
		}
		a.Profile.Email, a.Profile.EmailBelieved = words[3]+name, false // written once more, elsewhere in its page
		if _, _, err := st.Admit(t.Context(), time.Now(), a); err != nil {
			t.Fatal(err)
		}
		return acc
	}
	for i := range 50 { // neighbours in the same pages
		admit(" the other", 100+i)
	}
	acc := admit("", 1)
	s := &session.Session{ID: session.NewID(), Account: acc.ID, Handle: acc.Handle, Identity: oidc.Identity{Issuer: "https://id.example", Subject: words[2]}, Version: 1}
	if err := st.OpenSession(t.Context(), time.Now(), s, session.Seat{}, ""); err != nil {
		t.Fatal(err)
	}
	_, err := st.End(t.Context(), time.Now(), signout.Ending{Session: s.ID, Version: 1, Tombstone: session.Tombstone{Cause: session.CauseAccount}})
	if err = errors.Join(err, st.MarkErasing(t.Context(), time.Now(), acc.ID), st.Erase(t.Context(), time.Now(), acc.ID), st.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range words {
		others := bytes.Count(data, []byte(word+" the other"))
		if all := bytes.Count(data, []byte(word)); all != others || others == 0 {
			t.Errorf("%q stands %d times in the file, %d of them in what others are called", word, all, others)
		}
	}
}
