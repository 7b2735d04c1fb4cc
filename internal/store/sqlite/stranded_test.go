package sqlite_test

import (
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

func TestAccountsAreStrandedWhenNoneOfTheirProvidersIsLeft(t *testing.T) {
	st := sqlitetest.Open(t)
	at := func(provider, subject string) account.Admission {
		return account.Admission{Identity: oidc.Identity{Issuer: "https://" + provider + ".example", Subject: subject}, Provider: provider, Candidates: []string{provider + subject}, AccountID: provider + subject}
	}
	var ann account.Account
	for _, a := range []account.Admission{at("acme", "bob"), at("acme", "cat"), at("main", "dan"), at("acme", "ann")} {
		acc, _, err := st.Admit(t.Context(), time.Now(), a)
		if err != nil {
			t.Fatal(err)
		}
		ann = acc
	}
	link := at("main", "ann")
	if _, err := st.Link(t.Context(), time.Now(), account.Linking{Account: ann.ID, Identity: link.Identity, Provider: link.Provider, How: "person"}); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		gone             string
		providers, there []string
		want             int
	}{
		"of one that goes":        {"acme", []string{"main"}, []string{"https://main.example"}, 2},
		"of the other":            {"main", []string{"acme"}, []string{"https://acme.example"}, 1},
		"of both":                 {"acme", []string{"new"}, []string{"https://new.example"}, 3},
		"by another id":           {"acme", []string{"renamed"}, []string{"https://acme.example"}, 0},
		"an issuer of each":       {"main", []string{"acme", "main-2"}, []string{"https://main.example"}, 0},
		"of nobody":               {"other", []string{"main"}, nil, 0},
		"none is left whatsoever": {"acme", nil, nil, 3},
	} {
		if n, err := st.Stranded(t.Context(), tc.gone, tc.providers, tc.there); err != nil || n != tc.want {
			t.Errorf("%s: %d, %v; want %d", name, n, err, tc.want)
		}
	}
}
