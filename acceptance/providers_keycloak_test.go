package acceptance

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestProviders_Keycloak_OfflineSessionEndsWithTheSignOut: a token that was made to outlive
// the provider's session does not outlive the sign-out here.
func TestProviders_Keycloak_OfflineSessionEndsWithTheSignOut(t *testing.T) {
	w := newWorld(t, func(p *plan) {
		p.config.Providers[0].Scopes = []string{"openid", "profile", "email", "offline_access"}
	})
	keycloak.Admin.GrantRole(t, "alice", "offline_access")
	alice := w.signedIn(t, "alice")
	refresh := w.front.LastToken("refresh_token")
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(refresh, ".")[1])
	if err != nil || !strings.Contains(string(payload), `"typ":"Offline"`) {
		t.Fatalf("not an offline token: %v", err)
	}
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	harness.Eventually(t, patient, "the revocation of the offline token", func() bool { return w.delivered("revoke-token") })
	if keycloak.TokenRefreshes(t, w.front.URL, w.ClientID, w.Secret, refresh) {
		t.Error("the offline token still works")
	}
	w.demandPassword(t, alice, w.URL+"/")
}

// TestProviders_Keycloak_WithoutHint: told by the client's id alone, Keycloak asks the
// person; and the session ends there although nobody answers.
func TestProviders_Keycloak_WithoutHint(t *testing.T) {
	withoutHint := func(p *plan) {
		p.config.Providers[0].Record = map[string]any{"sign_out": map[string]any{
			"hint": "unused", "params": map[string]any{"client_id": "{client_id}", "post_logout_redirect_uri": "{return_url}", "state": "{state}"},
		}}
	}
	t.Run("the person says yes", func(t *testing.T) {
		w := newWorld(t, withoutHint)
		alice := w.signedIn(t, "alice")
		question := alice.SignOut(t, w.URL)
		if !viaEndSession(question) || len(question.Forms()) == 0 {
			t.Fatalf("no question at the provider: %s", question)
		}
		w.demandNoSession(t, alice)
		page, err := alice.Submit(question, question.Forms()[0])
		if err != nil {
			t.Fatal(err)
		}
		if link, ok := page.Link("/.cardea/signed-out"); ok {
			page = alice.Open(t, link)
		}
		w.demandSignedOutPage(t, page)
		if got := providerOutcome(page); got != "done" {
			t.Errorf("the receipt says %q of the provider's session: %s", got, page.Text())
		}
		w.demandPassword(t, alice, w.URL+"/")
	})
	t.Run("the person closes the page", func(t *testing.T) {
		w := newWorld(t, withoutHint)
		alice := w.signedIn(t, "alice")
		refresh := w.front.LastToken("refresh_token")
		alice.SignOut(t, w.URL)
		w.demandNoSession(t, alice)
		// Asking Keycloak of a session while it is being removed can bring it back.
		harness.Eventually(t, patient, "the end at the provider", func() bool { return w.delivered("end-session") })
		w.eventuallyEnded(t, "alice", refresh, 30*time.Second)
		w.demandPassword(t, alice, w.URL+"/")
	})
}
