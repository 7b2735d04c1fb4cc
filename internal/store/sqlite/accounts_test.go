package sqlite_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
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
	operator("DELETE FROM accounts")
	acc, created, err = admit("bob", "b1", "ann", "Ann", "ann-2")
	if err != nil || !created || acc.Handle != "ann-2" {
		t.Fatalf("after deletion: %+v, %v, %v", acc, created, err)
	}
}
