package acceptance

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

const hubAloneID, hubAloneSecret = "jupyterhub-alone", "jupyterhub-alone-secret-0123456789"

// hubAlone is a JupyterHub that signs people in at Keycloak by itself, as it comes with
// oauthenticator.
func hubAlone(t *testing.T) *harness.JupyterHub {
	t.Helper()
	port, err := hubAlonePort()
	if err != nil {
		t.Fatal(err)
	}
	registerHubAlone.Do(func() {
		keycloak.Admin.Register(t, harness.Client{
			ID: hubAloneID, Secret: hubAloneSecret, RedirectURIs: []string{harness.JupyterHubCallback(port)},
		})
	})
	return startHubAlone(t)
}

var (
	hubAlonePort     = sync.OnceValues(harness.FreePort)
	registerHubAlone sync.Once
	startHubAlone    = onDemand(func(ctx context.Context) (*harness.JupyterHub, error) {
		port, err := hubAlonePort()
		if err != nil {
			return nil, err
		}
		return env.JupyterHubOAuth(ctx, keycloak, port, hubAloneID, hubAloneSecret)
	}, (*harness.JupyterHub).Stop)
)

// TestControl_JupyterHubAlone_SignsBackInWithoutPassword: Logout forgets the person at
// the hub, Keycloak's session lives on, and the next visit is signed in unasked.
func TestControl_JupyterHubAlone_SignsBackInWithoutPassword(t *testing.T) {
	alone := hubAlone(t)
	alice := env.NewPerson(t, "alice", nil)
	if page := alice.SignIn(t, alone.URL+"/hub/home"); !onHubHome(page, "alice") {
		t.Fatalf("alice is not in the hub: %s", page)
	}
	page := hubLogout(t, alice, alone.URL)
	if page.Status != http.StatusOK || page.URL.Path != "/hub/logout" {
		t.Fatalf("the hub's Logout: %s", page)
	}
	if n := len(keycloak.Admin.Sessions(t, "alice", hubAloneID)); n == 0 {
		t.Error("Keycloak has no session of alice after the hub's Logout; the trouble was that it lives on")
	}
	if page := hubHome(t, alice, alone.URL); page.AsksPassword() || !onHubHome(page, "alice") {
		t.Fatalf("JupyterHub alone no longer signs back in by itself: %s", page)
	}
}

// TestControl_JupyterHubAlone_OpenSocketsRunCommandsAfterLogout: a terminal and a kernel
// that were open at Logout do what they are told afterwards.
func TestControl_JupyterHubAlone_OpenSocketsRunCommandsAfterLogout(t *testing.T) {
	alone := hubAlone(t)
	alice := env.NewPerson(t, "alice", nil)
	alice.SignIn(t, alone.URL+"/hub/home")
	d := sitDown(t, alice, alone.URL)
	hubLogout(t, alice, alone.URL)
	time.Sleep(2 * time.Second)
	d.demandWorks("after Logout")
}

// TestControl_JupyterHubAlone_CopiedCookiesOutliveLogout: who has a copy of the cookies
// gets the hub's page, and runs commands on the server, after Logout.
func TestControl_JupyterHubAlone_CopiedCookiesOutliveLogout(t *testing.T) {
	alone := hubAlone(t)
	alice := env.NewPerson(t, "alice", nil)
	alice.SignIn(t, alone.URL+"/hub/home")
	d := sitDown(t, alice, alone.URL)
	thief := alice.Copy(t, env, alone.URL+"/", alone.URL+"/hub/", alone.URL+"/user/alice/")
	hubLogout(t, alice, alone.URL)

	// The thief was never at Keycloak and has no session there.
	demandHubKnows(t, hubHome(t, thief, alone.URL), "alice")
	stolen := &desk{Notebook: d.At(thief), t: t, shell: d.shell, python: d.python}
	if _, err := stolen.Kernels(within(t, patient)); err != nil {
		t.Fatalf("the copied cookies no longer open the server: %v", err)
	}
	stolen.open()
	stolen.demandWorks("by copied cookies after Logout")
}
