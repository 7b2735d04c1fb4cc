package acceptance

import (
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestOperator_SessionsListShowEnd_EndAsFullyAsTheButton: what an operator ends by the
// admin socket is gone here, on open sockets, and at the provider; others stay.
func TestOperator_SessionsListShowEnd_EndAsFullyAsTheButton(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.signedIn(t, "alice"), w.signedIn(t, "bob")
	refresh := w.front.Seen(func(x *harness.Exchange) bool { return x.TokenGrant() == "authorization_code" })[0].Token("refresh_token")
	hers, his := dialEcho(t, alice, w.URL), dialEcho(t, bob, w.URL)

	ids := w.SessionIDs(t, "alice")
	if len(ids) != 1 || len(w.SessionIDs(t, "bob")) != 1 {
		out, err := w.Command("sessions", "list")
		t.Fatalf("sessions list names %d sessions of alice: %v\n%s", len(ids), err, out)
	}
	shown, err := w.Command("sessions", "show", ids[0])
	if err != nil {
		t.Fatal(err)
	}
	session, _ := w.CookieName()
	if !strings.Contains(shown, "alice") {
		t.Errorf("sessions show does not say whose it is:\n%s", shown)
	}
	for what, secret := range map[string]string{"cookie": alice.Cookie(t, w.URL, session), "refresh token": refresh} {
		if secret == "" || strings.Contains(shown, secret) {
			t.Errorf("sessions show and the %s: the value is empty or shown", what)
		}
	}

	ended := w.whenEnded(t, "alice")
	if _, err := w.Command("sessions", "end", ids[0]); err != nil {
		t.Fatal(err)
	}
	hers.demandClosedSince(ended, time.Second)
	w.demandNoSession(t, alice)
	w.eventuallyEnded(t, "alice", refresh, 30*time.Second)
	w.demandPassword(t, alice, w.URL+"/")
	if n := len(w.SessionIDs(t, "alice")); n != 0 {
		t.Errorf("%d sessions of alice are listed afterwards", n)
	}

	his.demandEcho("still here")
	if user := w.user(t, bob); user != "bob" {
		t.Errorf("bob: the app is told %q", user)
	}
}
