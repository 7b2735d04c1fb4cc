package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestSignOut_EndsEverythingAndTheNextSignInAsks: the plain story by HTTP. Keycloak's
// session is alive a moment before, and the next sign-in asks for the password.
func TestSignOut_EndsEverythingAndTheNextSignInAsks(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	socket := dialEcho(t, alice, w.URL)
	socket.demandEcho("hello")
	events := openEvents(t, alice, w.URL+"/events")
	events.next(t)
	if n := w.sessionsAtKeycloak(t, "alice"); n != 1 {
		t.Fatalf("%d sessions of alice at Keycloak before the sign-out", n)
	}
	copied := alice.Copy(t, env, w.URL)

	ended := w.whenEnded(t, "alice")
	page := alice.SignOut(t, w.URL)
	w.demandSignedOutPage(t, page)
	if !viaEndSession(page) {
		t.Errorf("the browser did not pass the provider's logout: %s", page)
	}
	socket.demandClosedSince(ended, time.Second)
	select {
	case <-events.done:
		demandWithin(t, "the event stream ended", ended(), events.at, 2*time.Second)
	case <-time.After(patient):
		t.Error("the event stream is still open")
	}
	if got := providerOutcome(page); got != "done" {
		t.Errorf("the receipt says %q of the provider's session: %s", got, page.Text())
	}
	w.demandEndedAtKeycloak(t, "alice")
	w.demandNoSession(t, alice)
	w.demandNoSession(t, copied)
	w.demandPassword(t, alice, w.URL+"/")
}

// TestSignOut_ProviderUnreachable_NextSignInIsForced: Keycloak cannot be reached while
// the person signs out, so its session and cookie live on; the next sign-in from this
// browser asks for the password all the same.
func TestSignOut_ProviderUnreachable_NextSignInIsForced(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	w.front.SetDown(true)
	page, err := alice.TrySignOut(w.URL)
	if err == nil {
		w.demandSignedOutPage(t, page)
		if got := providerOutcome(page); got == "done" || got == "" {
			t.Errorf("the receipt says %q of a provider that was not reached: %s", got, page.Text())
		}
	} // else the browser was sent to the provider and met nothing there
	w.demandNoSession(t, alice)
	// Only reading: what is delivered from here on would end the session itself.
	held := w.front.HoldRequests(func(x *harness.Exchange) bool {
		return x.Method == http.MethodPost && (strings.HasSuffix(x.Path, "/revoke") || strings.HasSuffix(x.Path, "/logout"))
	})
	defer w.front.Forget(held)
	w.front.SetDown(false)
	stranger := env.NewPerson(t, "bob", nil)
	harness.Eventually(t, patient, "the provider's pages after its return", func() bool {
		return stranger.Open(t, w.URL+"/").AsksPassword()
	})
	if n := w.sessionsAtKeycloak(t, "alice"); n != 1 {
		t.Fatalf("%d sessions of alice at Keycloak; this proves something only with 1", n)
	}
	w.demandPassword(t, alice, w.URL+"/")
}

// TestSignOut_KeycloakStopped_LocalEndAtOnce_RemoteEndDelivered: a provider that is
// down keeps nobody from signing out, and hears of it when it is back.
func TestSignOut_KeycloakStopped_LocalEndAtOnce_RemoteEndDelivered(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	refresh := w.front.LastToken("refresh_token")
	socket := dialEcho(t, alice, w.URL)
	if err := keycloak.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !keycloak.Running() {
			restartKeycloak(t)
		}
	})
	ended, moment := w.whenEnded(t, "alice"), time.Now()
	page, err := alice.TrySignOut(w.URL)
	demandWithin(t, "the sign-out was done while Keycloak was down", moment, time.Now(), 5*time.Second)
	if err == nil {
		w.demandSignedOutPage(t, page)
	}
	socket.demandClosedSince(ended, time.Second)
	w.demandNoSession(t, alice)

	// Cardea's memory of it is not only in memory.
	w.Kill()
	w.Start(t)
	w.demandNoSession(t, alice)

	w.front.SetDown(true) // nobody is told yet: does Keycloak still know alice?
	restartKeycloak(t)
	if n := w.sessionsAtKeycloak(t, "alice"); n != 1 {
		t.Fatalf("%d sessions of alice after Keycloak's restart; this proves something only with 1", n)
	}
	w.front.SetDown(false)
	// A revocation alone is not enough right after a restart: Keycloak was seen to refuse
	// the token at introspection and to renew it all the same. The logout call ends it.
	harness.Eventually(t, 10*time.Minute, "the server's logout call after the revocation", func() bool {
		return len(w.front.Seen(func(x *harness.Exchange) bool {
			return x.Method == http.MethodPost && strings.HasSuffix(x.Path, "/openid-connect/logout") && x.Status/100 == 2
		})) > 0
	})
	w.eventuallyEnded(t, "alice", refresh, time.Minute)
}

// TestSignOut_ReceiptCountsTheProviderOnlyOnReturnWithOurState: the browser meanwhile
// belongs to bob's session at Keycloak, which stops at a confirmation page. Alice's
// receipt does not claim what nobody has seen.
func TestSignOut_ReceiptCountsTheProviderOnlyOnReturnWithOurState(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	// The same browser without Keycloak's cookies, in which bob then signs in there.
	shared := alice.Copy(t, env, w.URL)
	other := harness.Client{
		ID: "other-" + w.ClientID, Secret: "secret-of-other-0123456789abcdef",
		RedirectURIs: []string{w.app.URL + "/landing"},
	}
	keycloak.Admin.Register(t, other)
	shared.Name = "bob"
	landed := shared.SignIn(t, keycloak.Issuer(w.front.URL)+"/protocol/openid-connect/auth?"+url.Values{
		"response_type": {"code"}, "client_id": {other.ID}, "redirect_uri": other.RedirectURIs, "scope": {"openid"},
		"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"}, "state": {"acceptance"},
	}.Encode())
	if landed.URL.Path != "/landing" {
		t.Fatalf("bob is not signed in at Keycloak: %s", landed)
	}
	if user := w.user(t, shared); user != "alice" {
		t.Fatalf("the app is told %q, want alice", user)
	}

	page := shared.SignOut(t, w.URL)
	if page.URL.Path == "/.cardea/signed-out" {
		t.Fatalf("Keycloak asked nothing; this proves something only with its confirmation page: %s", page)
	}
	w.demandNoSession(t, shared)
	receipt := shared.Open(t, w.URL+"/.cardea/signed-out")
	w.demandSignedOutPage(t, receipt)
	if got := providerOutcome(receipt); got == "done" {
		t.Errorf("the receipt counts the provider's session as ended: %s", receipt.Text())
	}
	// A state that is not ours changes nothing.
	forged := shared.Open(t, w.URL+"/.cardea/signed-out?state="+strings.Repeat("x", 43))
	if got := providerOutcome(forged); got == "done" {
		t.Errorf("a forged state makes the receipt count it: %s", forged.Text())
	}
	if n := len(keycloak.Admin.Sessions(t, "bob", other.ID)); n == 0 {
		t.Error("bob's session at Keycloak is gone though he did not sign out")
	}
}

// TestSignOut_SubResourceAfterwardsStartsNothing: JupyterLab was seen to sign itself
// back in by a script file's redirects. Here a left-open page's requests get 401 and
// nothing begins.
func TestSignOut_SubResourceAfterwardsStartsNothing(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	before := len(w.front.Seen(func(*harness.Exchange) bool { return true }))
	arrived := len(w.app.Arrivals("/script.js"))
	for range 3 {
		page := alice.Resource(t, w.URL+"/script.js")
		demandProblem(t, page)
		if len(page.Header.Values("Set-Cookie")) > 0 {
			t.Error("the 401 sets a cookie")
		}
	}
	if _, res, err := tryEcho(alice, w.URL); err == nil || res == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the page's socket: %v, %v", res, err)
	}
	if n := len(w.app.Arrivals("/script.js")); n != arrived {
		t.Error("the request reached the application")
	}
	time.Sleep(time.Second)
	auth := w.front.Seen(func(x *harness.Exchange) bool { return strings.HasSuffix(x.Path, "/auth") })
	if all := len(w.front.Seen(func(*harness.Exchange) bool { return true })); len(auth) != 1 {
		t.Errorf("%d authorization requests, want the first one alone (%d exchanges before, %d after)", len(auth), before, all)
	}
}

// TestSignOut_CrossSiteGetAsksFirst: a link on another site ends nothing by itself; the
// confirmation's own button does.
func TestSignOut_CrossSiteGetAsksFirst(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	page, err := alice.Navigate(harness.Navigation{URL: w.URL + "/.cardea/sign-out", From: parse(t, "http://elsewhere.test/")})
	if err != nil {
		t.Fatal(err)
	}
	if page.URL.Path != "/.cardea/sign-out" || page.Status != http.StatusOK {
		t.Fatalf("want the confirmation page: %s", page)
	}
	if user := w.user(t, alice); user != "alice" {
		t.Fatalf("a cross-site GET ended the session: the app is told %q", user)
	}
	forged, err := alice.Navigate(harness.Navigation{
		Method: http.MethodPost, URL: w.URL + "/.cardea/sign-out", Form: url.Values{}, From: parse(t, "http://elsewhere.test/"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if user := w.user(t, alice); user != "alice" {
		t.Fatalf("a cross-site POST ended the session: %s", forged)
	}
	for _, form := range page.Forms() {
		if form.Method == http.MethodPost && strings.HasSuffix(form.Action, "/.cardea/sign-out") {
			done, err := alice.Submit(page, form)
			if err != nil {
				t.Fatal(err)
			}
			w.demandSignedOutPage(t, done)
			w.demandNoSession(t, alice)
			return
		}
	}
	t.Errorf("the confirmation page has no form to sign out: %s", page)
}

// TestSignOut_TwoAppOrigins_OneSignIn_OneSignOut: two applications on hosts of their
// own behind one gateway share the sign-in, each with a seat of its own, and one
// sign-out closes both.
func TestSignOut_TwoAppOrigins_OneSignIn_OneSignOut(t *testing.T) {
	var one, two string
	w := newWorld(t, func(p *plan) {
		app := func(host string) string {
			return "http://" + host + strings.TrimPrefix(p.config.PublicURL, "http://localhost")
		}
		one, two = app("app1.localhost"), app("app2.localhost")
		p.config.Apps = []harness.App{{ID: "one", URL: one}, {ID: "two", URL: two}}
	})
	alice := env.NewPerson(t, "alice", nil)
	page := alice.SignIn(t, one+"/here")
	if !page.Has(`id="who">alice<`) || page.URL.String() != one+"/here" {
		t.Fatalf("alice is not where she wanted: %s\n%s", page, w.LogTail())
	}
	page = alice.Open(t, two+"/there?x=1")
	if !page.Has(`id="who">alice<`) || page.URL.String() != two+"/there?x=1" {
		t.Fatalf("the second app: %s\n%s", page, w.LogTail())
	}
	if n := w.front.Grants("authorization_code"); n != 1 {
		t.Errorf("%d sign-ins for two apps", n)
	}
	session, _ := w.CookieName()
	first, second := alice.Cookie(t, one, session), alice.Cookie(t, two, session)
	if first == "" || second == "" || first == second {
		t.Error("the two origins do not have cookies of their own")
	}
	sockets := []*echo{dialEcho(t, alice, one), dialEcho(t, alice, two)}
	for _, s := range sockets {
		s.demandEcho("hello")
	}

	ended := w.whenEnded(t, "alice")
	w.demandSignedOutPage(t, alice.SignOut(t, one))
	for _, s := range sockets {
		s.demandClosedSince(ended, time.Second)
	}
	for _, origin := range []string{one, two} {
		demandProblem(t, alice.Fetch(t, http.MethodGet, origin+"/whoami"))
		w.demandPassword(t, alice, origin+"/")
	}
	w.demandEndedAtKeycloak(t, "alice")
}
