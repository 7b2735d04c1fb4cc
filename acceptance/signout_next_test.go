package acceptance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestSignOut_ClosedBeforeTheProvider_TheNextSignInStands: the button is pressed and the
// tab closed before the browser went to Keycloak. What Keycloak is still to be told comes
// before the next sign-in, and not into it: the old session there has ended by the time
// the password is asked for, and the new one outlives all that was left to be told.
func TestSignOut_ClosedBeforeTheProvider_TheNextSignInStands(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	ends := func(x *harness.Exchange) bool {
		return x.Method == http.MethodPost && strings.HasSuffix(x.Path, "/logout")
	}
	asks := func(x *harness.Exchange) bool {
		return x.Method == http.MethodGet && strings.HasSuffix(x.Path, "/auth")
	}
	for round := range 3 {
		alice.StopAt = w.front.URL
		if page := alice.SignOut(t, w.URL); !strings.HasPrefix(page.URL.String(), w.front.URL) {
			t.Fatalf("the browser was not led to the provider: %s", page)
		}
		alice.StopAt = ""
		if n := len(w.front.Seen(ends)); n != round {
			t.Fatalf("Keycloak heard of %d ends; this proves something only with %d", n, round)
		}
		form := alice.Open(t, w.URL+"/.cardea/sign-in?return=/")
		if !form.AsksPassword() {
			t.Fatalf("no password was asked: %s", form)
		}
		seen := w.front.Seen(func(x *harness.Exchange) bool { return ends(x) || asks(x) })
		if last := len(seen) - 1; last < 1 || !asks(&seen[last]) || !ends(&seen[last-1]) || seen[last-1].Status != http.StatusNoContent {
			t.Errorf("Keycloak was not told of the end before it was asked to sign in: %d exchanges", len(seen))
		}
		w.demandEndedAtKeycloak(t, "alice")
		if _, err := alice.TryPassword(form); err != nil {
			t.Fatal(err)
		}
		if got := w.user(t, alice); got != "alice" {
			t.Fatalf("the app is told %q", got)
		}
	}
	// The last revocation is due five seconds after its sign-out, the follow-up after twenty.
	harness.Eventually(t, patient, "all is told", func() bool {
		out, err := w.Command("outbox", "list", "--state", "pending", "--json")
		return err == nil && !strings.Contains(out, `"session"`)
	})
	time.Sleep(time.Second)
	if n := w.sessionsAtKeycloak(t, "alice"); n != 1 {
		t.Errorf("%d sessions of alice at Keycloak after her last sign-in", n)
	}
	if got := w.user(t, alice); got != "alice" {
		t.Errorf("the app is told %q", got)
	}
	refused := w.front.Seen(func(x *harness.Exchange) bool {
		return x.Method == http.MethodPost && strings.HasSuffix(x.Path, "/token") && x.Status != http.StatusOK
	})
	if len(refused) > 0 {
		t.Errorf("Keycloak refused %d codes or refreshes", len(refused))
	}
}
