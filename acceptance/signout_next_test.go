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
	for range 3 {
		alice.StopAt = w.front.URL
		if page := alice.SignOut(t, w.URL); !strings.HasPrefix(page.URL.String(), w.front.URL) {
			t.Fatalf("the browser was not led to the provider: %s", page)
		}
		alice.StopAt = ""
		if n := w.sessionsAtKeycloak(t, "alice"); n != 1 {
			t.Fatalf("%d sessions of alice at Keycloak; this proves something only with 1", n)
		}
		form := alice.Open(t, w.URL+"/.cardea/sign-in?return=/")
		if !form.AsksPassword() {
			t.Fatalf("no password was asked: %s", form)
		}
		if n := w.sessionsAtKeycloak(t, "alice"); n != 0 {
			t.Errorf("%d sessions of alice at Keycloak while the password is asked for", n)
		}
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
