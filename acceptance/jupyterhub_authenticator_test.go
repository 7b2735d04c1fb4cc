package acceptance

import (
	"net/http"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// The published authenticator, asked directly: what it believes, and what it does not.

// TestHubAuthenticator_LetsNobodyInWithoutOneName: no header, an empty one, two names.
func TestHubAuthenticator_LetsNobodyInWithoutOneName(t *testing.T) {
	stranger := env.NewPerson(t, "alice", nil)
	page := stranger.Open(t, hub(t).URL+"/hub/home")
	if page.Status != http.StatusForbidden || !page.PassedThrough("/hub/cardea-login") {
		t.Errorf("without a header: %s", page)
	}
	for name, names := range map[string][]string{"empty": {""}, "two headers": {"alice", "bob"}, "two names in one": {"alice,bob"}} {
		page := stranger.Fetch(t, http.MethodGet, hub(t).URL+"/hub/cardea-login", func(r *http.Request) { r.Header["X-Forwarded-User"] = names })
		if page.Status != http.StatusForbidden {
			t.Errorf("%s: %s", name, page)
		}
	}
}

// TestHubAuthenticator_CookieOfAnotherPersonIsNotBelieved: the hub's own cookie would
// keep alice at the hub for weeks while the gateway says bob.
func TestHubAuthenticator_CookieOfAnotherPersonIsNotBelieved(t *testing.T) {
	asAlice := harness.StartHeaderProxy(t, hub(t).URL, "alice")
	asBob := harness.StartHeaderProxy(t, hub(t).URL, "bob")
	browser := env.NewPerson(t, "alice", nil) // cookies ignore ports
	if page := hubHome(t, browser, asAlice); !onHubHome(page, "alice") {
		t.Fatalf("the header does not sign alice in: %s", page)
	}
	if page := hubHome(t, browser, asAlice); !onHubHome(page, "alice") || page.PassedThrough("/hub/cardea-login") {
		t.Fatalf("the hub's own cookie does not keep alice: %s", page)
	}
	if page := hubHome(t, browser, asBob); !onHubHome(page, "bob") {
		t.Errorf("with alice's cookie and bob's header the hub shows: %s", page)
	}
}
