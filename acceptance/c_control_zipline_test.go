package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// ziplineAlone starts the Zipline-shaped server as its own client of Keycloak, nothing
// between it and its people. The issuer grants no offline_access: Keycloak ends its own
// session with a browser whose first sign-in there was granted that, and then has none
// to sign anybody back in from.
func ziplineAlone(t *testing.T) *harness.Zipline {
	t.Helper()
	front := env.StartFront(t, harness.StartOfflineOnly(t, keycloak.URL, false), harness.FrontOptions{})
	port := harness.MustFreePort(t)
	at := fmt.Sprintf("http://zipline.localhost:%d", port)
	id, secret := ziplineClient(t, at, nil)
	return env.StartZipline(t, harness.ZiplineOptions{
		URL: at, Port: port, ClientID: id, ClientSecret: secret, Issuer: keycloak.Issuer(front.URL),
		BypassLogin: true, Registration: true,
	})
}

// atProviderOnly ends a person's sessions at Keycloak and tells nobody.
func atProviderOnly(t *testing.T, name string) {
	t.Helper()
	for _, s := range keycloak.Admin.Sessions(t, name, "") {
		keycloak.Admin.EndSession(t, s.ID)
	}
	harness.Eventually(t, patient, "the end of the sessions of "+name+" at Keycloak", func() bool {
		return len(keycloak.Admin.Sessions(t, name, "")) == 0
	})
}

// TestControl_Zipline_NextPersonTakesTheLastOnesAccount: alice is signed out at the
// provider and nowhere else. Bob, who signs in from her browser, is let into her account
// and it is linked to him from then on; alice herself no longer gets in.
func TestControl_Zipline_NextPersonTakesTheLastOnesAccount(t *testing.T) {
	z := ziplineAlone(t)
	shared := env.NewPerson(t, "alice", nil)
	if page := shared.SignIn(t, z.URL+"/"); !page.Has(`id="who">alice<`) {
		t.Fatalf("alice is not in: %s", page)
	}
	atProviderOnly(t, "alice")
	shared.Name = "bob"
	page := shared.SignIn(t, harness.ZiplineCallback(z.URL))
	if !page.Has(`id="who">alice<`) {
		t.Fatalf("bob is no longer let into alice's account: %s", page)
	}
	hers, his := keycloak.Admin.UserID(t, "alice"), keycloak.Admin.UserID(t, "bob")
	if links := z.Links(); links[his] != "alice" || links[hers] != "" {
		t.Errorf("alice's account is no longer linked to bob: %v", links)
	}
	refused := env.NewPerson(t, "alice", nil).SignIn(t, z.URL+"/")
	if refused.Status != http.StatusBadRequest || !refused.Has("already taken") {
		t.Errorf("alice still gets in: %s", refused)
	}
}

// TestControl_Zipline_KnownPersonOverALeftoverSessionFails: the same with a bob who has
// an account of his own. The database refuses, and he is not signed in at all.
func TestControl_Zipline_KnownPersonOverALeftoverSessionFails(t *testing.T) {
	z := ziplineAlone(t)
	if page := env.NewPerson(t, "bob", nil).SignIn(t, z.URL+"/"); !page.Has(`id="who">bob<`) {
		t.Fatalf("bob is not in: %s", page)
	}
	shared := env.NewPerson(t, "alice", nil)
	if page := shared.SignIn(t, z.URL+"/"); !page.Has(`id="who">alice<`) {
		t.Fatalf("alice is not in: %s", page)
	}
	atProviderOnly(t, "alice")
	shared.Name = "bob"
	page := shared.SignIn(t, harness.ZiplineCallback(z.URL))
	if page.Status != http.StatusInternalServerError || !page.Has("unique constraint") {
		t.Errorf("bob meets no unique key any more: %s", page)
	}
}

// TestControl_Zipline_SignOutLoopsStraightBackIn: with the login page bypassed, Logout
// removes the session's row, and the way to the login page makes the next one; nobody
// is asked anything.
func TestControl_Zipline_SignOutLoopsStraightBackIn(t *testing.T) {
	z := ziplineAlone(t)
	tab := chromium.Person(t)
	tab.Go(z.URL)
	tab.Password("alice")
	tab.Wait("#who")

	tab.Click("#logout")
	asked := false
	tab.Until(patient, "the dashboard after Logout", func() bool {
		asked = asked || tab.OnSignIn()
		return asked || z.Opened("alice") == 2 && tab.Has("#who")
	})
	if asked {
		t.Fatal("a password was asked: the sign-out no longer loops back in")
	}
	if text := tab.Text(); !strings.Contains(text, "alice") {
		t.Errorf("the dashboard is not alice's: %s", text)
	}
	if n := z.Sessions("alice"); n != 1 {
		t.Errorf("%d session rows of alice, want the new one alone", n)
	}
}
