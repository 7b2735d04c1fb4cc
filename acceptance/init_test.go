package acceptance

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestInit_FromTwoAddressesToAChatThatSignsOut: cardea init is given what a newcomer has,
// the realm's address with a slash too many among it, and what it writes protects Chainlit.
func TestInit_FromTwoAddressesToAChatThatSignsOut(t *testing.T) {
	port := harness.MustFreePort(t)
	public := fmt.Sprintf("http://localhost:%d", port)
	client := harness.Client{
		ID: fmt.Sprintf("init-%d", port), Secret: "secret-of-init-0123456789abcdef",
		RedirectURIs: []string{public + "/.cardea/callback/main"}, PostLogout: []string{public + "/.cardea/signed-out"},
	}
	keycloak.Admin.Register(t, client)
	dir := filepath.Join(harness.ShortDir(t), "new")
	out, err := env.RunCardea(client.Secret, "init", "--issuer", keycloak.Issuer(keycloak.URL)+"/", "--app", chat.URL,
		"--public-url", public, "--client-id", client.ID, "--client-secret-env", "CARDEA_CLIENT_SECRET", "--out", dir, "--yes", "--no-start")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, part := range []string{"Keycloak", "Chainlit", public + "/.cardea/callback/main", public + "/.cardea/signed-out", public + "/.cardea/backchannel-logout"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not said:\n%s", part, out)
		}
	}
	if strings.Contains(out, client.Secret) {
		t.Error("the secret is printed")
	}
	w := &world{Cardea: env.CardeaAt(t, filepath.Join(dir, "cardea.yaml"), public, client.ID, client.Secret)}
	w.Start(t)
	alice := env.NewPerson(t, "alice", nil)
	alice.SignIn(t, w.URL+"/")
	if page := alice.Fetch(t, "POST", w.URL+"/auth/header"); page.Status != 200 {
		t.Fatalf("Chainlit does not take alice: %s", page)
	}
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	w.demandPassword(t, alice, w.URL+"/")
}
