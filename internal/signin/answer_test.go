package signin

import (
	"errors"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/oidc"
)

func TestTheCodeIsReadWhereTheProvidersRecordSays(t *testing.T) {
	w := newWorld(t)
	w.idp.codeParam, w.idp.userParam = "authCode", "user"
	b := newBrowser()
	q := w.idp.login(t, w.start(t, b), "ann")
	q.Set("code", "another") // a parameter of no meaning here
	q.Set("user", `{"name":"Ann"}`)
	if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err != nil {
		t.Fatal(err)
	}
	if x := w.idp.exchanged; x.Code == "another" || x.Code == "" || x.User != `{"name":"Ann"}` {
		t.Errorf("exchanged %+v", x)
	}
}

func TestWhatIsToldBesideTheCodeIsBoundedAndNeverStandsInTheWay(t *testing.T) {
	for name, told := range map[string][]string{
		"too long": {strings.Repeat("x", maxUser+1)}, "twice": {"a", "b"}, "absent": nil,
	} {
		w := newWorld(t)
		w.idp.userParam = "user"
		b := newBrowser()
		q := w.idp.login(t, w.start(t, b), "ann")
		q["user"] = told
		if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err != nil || w.idp.exchanged.User != "" {
			t.Errorf("%s: %q, %v", name, w.idp.exchanged.User, err)
		}
	}
	w := newWorld(t)
	w.idp.codeParam = "authCode"
	b := newBrowser()
	q := w.idp.login(t, w.start(t, b), "ann")
	q.Add("authCode", "b")
	if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); !errors.Is(err, ErrAttempt) {
		t.Errorf("a code that comes twice: %v", err)
	}
}

func TestASessionHasTheNameThatTheAccountKeeps(t *testing.T) {
	w := newWorld(t)
	w.signIn(t, newBrowser(), "ann")
	who := oidc.Identity{Issuer: issuer, Subject: "ann"}
	acc := w.store.accounts[who]
	acc.Name = "Ann Lee" // told at the first sign-in, and at no other
	w.store.accounts[who] = acc
	if got := w.signIn(t, newBrowser(), "ann").Session.Profile.Name; got != "Ann Lee" {
		t.Errorf("%q", got)
	}
}
