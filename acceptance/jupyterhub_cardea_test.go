package acceptance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// atHub signs a person in to the hub behind Cardea: one password, and the hub's own
// page.
func (w *world) atHub(t *testing.T, name string) *harness.Person {
	t.Helper()
	p := env.NewPerson(t, name, nil)
	if page := p.SignIn(t, w.URL+"/hub/home"); !onHubHome(page, name) {
		t.Fatalf("%s is not at the hub: %s\n%s", name, page, w.LogTail())
	}
	return p
}

// signInAgain signs a person in after a sign-out on the same browser, by the password
// that must be asked.
func (w *world) signInAgain(t *testing.T, p *harness.Person, target string) *harness.Page {
	t.Helper()
	page := askedForName(t, func() *harness.Page {
		page := w.signInPage(t, p, target)
		if !page.AsksPassword() {
			t.Fatalf("signing in again does not ask for a password: %s\n%s", page, w.LogTail())
		}
		return page
	})
	page, err := p.TryPassword(page)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// askedForName opens Keycloak's form again until it asks who is there: Keycloak writes
// ends behind its answers, and until then asks for the last person's password.
func askedForName(t *testing.T, open func() *harness.Page) (page *harness.Page) {
	t.Helper()
	harness.Eventually(t, patient, "Keycloak asking for a name", func() bool {
		page = open()
		return page.AsksPassword() && !page.Has("kc-attempted-username")
	})
	return page
}

// signInPage opens an address after a sign-out, and signs in by the signed-out page's
// link where that is in between.
func (w *world) signInPage(t *testing.T, p *harness.Person, target string) *harness.Page {
	t.Helper()
	page := p.Open(t, target)
	if link, ok := page.Link("/.cardea/sign-in"); ok && page.URL.Path == "/.cardea/signed-out" {
		var err error
		if page, err = p.Navigate(harness.Navigation{URL: link, From: page.URL}); err != nil {
			t.Fatal(err)
		}
	}
	return page
}

// hubPlaces are where a browser's cookies of the hub and of a person's server lie.
func hubPlaces(origin, name string) []string {
	return []string{origin + "/", origin + "/hub/", origin + "/user/" + name + "/"}
}

// demandNoHubCookies fails if the browser holds any cookie by which hub or server know
// the person; the two that scripts read are allowed.
func demandNoHubCookies(t *testing.T, p *harness.Person, origin string) {
	t.Helper()
	for _, place := range hubPlaces(origin, p.Name) {
		for _, c := range p.Jar.Cookies(parse(t, place)) {
			if strings.HasPrefix(c.Name, "jupyterhub-") {
				t.Errorf("the browser holds %s for %s", c.Name, place)
			}
		}
	}
}

// hubWay is a way to sign out of the hub.
type hubWay struct {
	name string
	do   func(t *testing.T, w *world, p *harness.Person)
}

func hubWays() []hubWay {
	return []hubWay{
		{"by the hub's own Logout", func(t *testing.T, w *world, p *harness.Person) {
			w.demandSignedOutPage(t, hubLogout(t, p, w.URL))
		}},
		{"by Cardea's button in another tab", func(t *testing.T, w *world, p *harness.Person) {
			w.demandSignedOutPage(t, p.SignOut(t, w.URL))
		}},
		{"by the operator", func(t *testing.T, w *world, p *harness.Person) {
			ids := w.SessionIDs(t, p.Name)
			if len(ids) != 1 {
				t.Fatalf("%d sessions of %s, want 1", len(ids), p.Name)
			}
			if _, err := w.Command("sessions", "end", ids[0]); err != nil {
				t.Fatal(err)
			}
			// Asking Keycloak about the session while it is being removed puts it back into
			// Keycloak's cache: its cookie then opens it for good.
			harness.Eventually(t, patient, "the end told to Keycloak", func() bool { return w.delivered("end-session") })
		}},
		{"by Keycloak's logout token", func(t *testing.T, w *world, p *harness.Person) {
			w.endAtKeycloak(t, p.Name)
		}},
	}
}

// TestJ1_HubLogout_EndsHubGatewayAndProvider: Logout on the hub's own page, in Chromium,
// with a server running.
func TestJ1_HubLogout_EndsHubGatewayAndProvider(t *testing.T) {
	w := newWorld(t, onHub(t))
	before := hub(t).Grants(t, "alice")
	tab := w.inLab(t, "alice")
	mine := granted(t, "alice", before)

	tab.Go(w.URL + "/hub/home")
	tab.Click("#logout")
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	w.demandHubGone(t, tab)
	w.demandHint(t)
	demandForgotten(t, "alice", mine)
	w.demandPasswordIn(tab, w.URL+"/hub/home")
}

// granted returns the ids of what the hub gave to a person's browser sessions since.
func granted(t *testing.T, name string, before map[string]harness.Grant) []string {
	t.Helper()
	var ids []string
	for id := range hub(t).Grants(t, name) {
		if _, old := before[id]; !old {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		t.Fatal("the hub gave this browser session nothing, so that its end would prove nothing")
	}
	return ids
}

// demandForgotten waits until the hub honours none of them any more: its own logout was
// called for that browser session.
func demandForgotten(t *testing.T, name string, ids []string) {
	t.Helper()
	harness.Eventually(t, patient, "the hub forgetting what it gave to that browser session", func() bool {
		left := hub(t).Grants(t, name)
		for _, id := range ids {
			if _, still := left[id]; still {
				return false
			}
		}
		return true
	})
}

// TestJ1_LabsLogOut_EndsHubGatewayAndProvider: the same by the entry in JupyterLab's
// File menu.
func TestJ1_LabsLogOut_EndsHubGatewayAndProvider(t *testing.T) {
	w := newWorld(t, onHub(t))
	tab := w.inLab(t, "alice")
	labLogOut(tab)
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	w.demandHubGone(t, tab)
	w.demandHint(t)
	w.demandPasswordIn(tab, w.URL+"/user/alice/lab")
}

// TestJ1_HubLogoutFromElsewhere_AsksFirst: an address that anybody can link to ends
// nothing by itself.
func TestJ1_HubLogoutFromElsewhere_AsksFirst(t *testing.T) {
	w := newWorld(t, onHub(t))
	alice := w.atHub(t, "alice")
	page := alice.Open(t, w.URL+"/hub/logout")
	if page.URL.Path == "/.cardea/signed-out" || viaEndSession(page) {
		t.Fatalf("a typed address signed out: %s", page)
	}
	demandHubKnows(t, hubHome(t, alice, w.URL), "alice")
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
}

// inLab signs a person in to JupyterLab behind Cardea, in Chromium, through the page
// that shows the server's start if it does not run.
func (w *world) inLab(t *testing.T, name string) *harness.Tab {
	t.Helper()
	tab := chromium.Person(t)
	tab.Go(w.URL + "/hub/spawn/" + name)
	tab.Password(name)
	tab.Until(5*time.Minute, "JupyterLab", tab.LabIsReady)
	tab.Cookies(w.URL + "/user/" + name + "/")
	return tab
}

// labLogOut is Log Out in JupyterLab's File menu. A menu that opens while JupyterLab
// still arranges itself is closed again.
func labLogOut(tab *harness.Tab) {
	const entry = "li[data-command='hub:logout']"
	for range 10 {
		tab.Click("//div[contains(@class,'lm-MenuBar-itemLabel')][.='File']")
		if harness.Poll(5*time.Second, func() bool { return tab.Has(entry) }) && tab.TryPick(entry) {
			return
		}
	}
	tab.Pick(entry)
}

// demandHubGone checks what must hold after a sign-out of alice in the tab's browser.
func (w *world) demandHubGone(t *testing.T, tab *harness.Tab) {
	t.Helper()
	session, _ := w.CookieName()
	value := tab.Cookies(w.URL)[session]
	person := env.NewPerson(t, "alice", nil)
	if value != "" {
		person.Jar.SetCookies(parse(t, w.URL), []*http.Cookie{{Name: session, Value: value}})
	}
	demandProblem(t, person.Fetch(t, http.MethodGet, w.URL+"/hub/api/user"))
	demandProblem(t, person.Fetch(t, http.MethodGet, w.URL+"/user/alice/api/kernels"))
	w.demandEndedAtKeycloak(t, "alice")
	for _, place := range hubPlaces(w.URL, "alice") {
		for name := range tab.Cookies(place) {
			if strings.HasPrefix(name, "jupyterhub-") || name == "_xsrf" {
				t.Errorf("the browser still holds %s for %s", name, place)
			}
		}
	}
	tab.Reload()
	tab.Until(patient, "still the signed-out page", func() bool { return w.onSignedOutPage(tab) })
}

// demandHint fails unless the browser brought the ID token to Keycloak's logout, which
// then asks nothing.
func (w *world) demandHint(t *testing.T) {
	t.Helper()
	ends := w.front.Seen(func(x *harness.Exchange) bool {
		return strings.HasSuffix(x.Path, "/protocol/openid-connect/logout") &&
			(x.Query.Get("id_token_hint") != "" || x.Form.Get("id_token_hint") != "") && x.Status == http.StatusFound
	})
	if len(ends) == 0 {
		t.Error("the browser was not sent through Keycloak's logout with a hint")
	}
}

// TestJ2_OpenSocketsAreCutWithinASecond_TheKernelLivesOn: whichever way she leaves, the
// terminal and the busy kernel are cut off, nothing runs through them afterwards, and
// both are there, as they were left, when she is back.
func TestJ2_OpenSocketsAreCutWithinASecond_TheKernelLivesOn(t *testing.T) {
	for _, way := range hubWays() {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t, onHub(t), toldByBackChannel)
			before := hub(t).Grants(t, "alice")
			alice := w.atHub(t, "alice")
			d := sitDown(t, alice, w.URL)
			mine := granted(t, "alice", before)
			ctx := within(t, 5*time.Minute)
			if _, err := d.terminal.Run(ctx, "KEPT=from-before"); err != nil {
				t.Fatal(err)
			}
			if _, err := d.kernel.Execute(ctx, "state = 41"); err != nil {
				t.Fatal(err)
			}
			busy, err := d.kernel.Begin(ctx, "import time\nfor i in range(60):\n    time.sleep(0.1); print(i, flush=True)\nstate += 1")
			if err != nil {
				t.Fatal(err)
			}
			if err := d.kernel.Busy(ctx, busy); err != nil {
				t.Fatal(err)
			}

			ended := w.whenEnded(t, "alice")
			way.do(t, w, alice)
			d.demandClosedSince(ended, time.Second)
			d.demandNothingRuns(hub(t).Home("alice"))
			demandForgotten(t, "alice", mine)

			if page := w.signInAgain(t, alice, w.URL+"/hub/home"); !onHubHome(page, "alice") {
				t.Fatalf("alice is not back at the hub: %s", page)
			}
			if _, err := alice.Notebook(ctx, w.URL); err != nil {
				t.Fatal(err)
			}
			kernels, err := d.Kernels(ctx)
			if _, alive := kernels[d.python]; err != nil || !alive {
				t.Fatalf("the kernel is gone: %v, there are %v", err, kernels)
			}
			d.open()
			if printed, err := d.kernel.Execute(ctx, "print(state)"); err != nil || strings.TrimSpace(printed) != "42" {
				t.Errorf("the kernel's state is %q: %v", printed, err)
			}
			if shown, err := d.terminal.Run(ctx, "echo back-$KEPT"); err != nil || !strings.Contains(shown, "back-from-before") {
				t.Errorf("the terminal's state is lost: %v, showed %q", err, shown)
			}
		})
	}
}

// TestJ3_CopiedCookiesAreWorthless_OthersStayConnected: the hub's cookies never were in
// the browser. What was there, copied before the sign-out, opens nothing afterwards,
// neither here nor at the hub itself.
func TestJ3_CopiedCookiesAreWorthless_OthersStayConnected(t *testing.T) {
	w := newWorld(t, onHub(t))
	alice, bob := w.atHub(t, "alice"), w.atHub(t, "bob")
	hers, his := sitDown(t, alice, w.URL), sitDown(t, bob, w.URL)
	demandNoHubCookies(t, alice, w.URL)
	thief := alice.Copy(t, env, hubPlaces(w.URL, "alice")...)
	demandHubKnows(t, hubHome(t, thief, w.URL), "alice") // or the copy would prove nothing

	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	for _, p := range []*harness.Person{thief, alice} {
		for _, path := range []string{"/hub/api/user", "/user/alice/api/kernels", "/user/alice/api/terminals"} {
			demandProblem(t, p.Fetch(t, http.MethodGet, w.URL+path))
			junk := p.Fetch(t, http.MethodGet, w.URL+path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer junk") })
			if junk.Status != http.StatusForbidden && junk.Status != http.StatusUnauthorized {
				t.Errorf("with a token that is none, %s answers %s", path, junk)
			}
		}
		hers.demandRefusedAs(hers.At(p))
		for _, path := range []string{"/hub/home", "/user/alice/lab"} {
			if page := p.Open(t, w.URL+path); page.URL.Path != "/.cardea/signed-out" && !page.AsksPassword() {
				t.Errorf("%s by copied cookies: %s", path, page)
			}
		}
	}
	direct := env.NewPerson(t, "alice", nil)
	for i, place := range hubPlaces(hub(t).URL, "alice") {
		direct.Jar.SetCookies(parse(t, place), thief.Jar.Cookies(parse(t, hubPlaces(w.URL, "alice")[i])))
	}
	for _, path := range []string{"/hub/home", "/user/alice/lab"} {
		if page := direct.Open(t, hub(t).URL+path); page.Status != http.StatusForbidden {
			t.Errorf("%s by copied cookies at the hub itself: %s", path, page)
		}
	}
	his.demandWorks("after alice signed out")
	demandHubKnows(t, hubHome(t, bob, w.URL), "bob")
}

// TestJ4_TheNextPersonOnTheBrowserIsThemself: the hub shows bob, whichever way alice
// left, and her server is closed to him.
func TestJ4_TheNextPersonOnTheBrowserIsThemself(t *testing.T) {
	for _, way := range hubWays() {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t, onHub(t), toldByBackChannel)
			person := w.atHub(t, "alice")
			sitDown(t, person, w.URL)
			way.do(t, w, person)
			harness.Eventually(t, patient, "the end of alice's session at Keycloak", func() bool {
				return w.sessionsAtKeycloak(t, "alice") == 0
			})
			person.Name = "bob"
			page := w.signInAgain(t, person, w.URL+"/hub/home")
			if !onHubHome(page, "bob") {
				t.Fatalf("the hub does not show bob: %s", page)
			}
			his := sitDown(t, person, w.URL)
			his.demandWorks("of bob")
			if page := person.Open(t, w.URL+"/user/alice/lab"); page.URL.Path == "/user/alice/lab" && page.Status == http.StatusOK {
				t.Errorf("alice's server lets bob in: %s", page)
			}
			answer := person.Fetch(t, http.MethodGet, w.URL+"/user/alice/api/kernels")
			if answer.Status == http.StatusOK {
				t.Errorf("alice's kernels are listed to bob: %s", answer)
			}
		})
	}
}

// shortTokensAtTheHub: access tokens of ten seconds expire four
// times under the open sockets; nobody notices, and the hub wants no login.
func shortTokensAtTheHub(t *testing.T) {
	const life = 10 * time.Second
	w := newWorld(t, onHub(t), shortTokens(life))
	alice := w.atHub(t, "alice")
	d := sitDown(t, alice, w.URL)
	start, before := time.Now(), w.front.Grants("refresh_token")
	for time.Since(start) < 4*life {
		d.demandWorks("after " + time.Since(start).Round(time.Second).String())
		time.Sleep(2 * time.Second)
	}
	n := w.front.Grants("refresh_token") - before
	if most := int(time.Since(start)/life)*2 + 2; n < 3 || n > most {
		t.Errorf("%d refreshes in %v with tokens of %v, want 3 to %d", n, time.Since(start).Round(time.Second), life, most)
	}
	demandHubKnows(t, hubHome(t, alice, w.URL), "alice")
	d.demandWorks("at the end")
}

// TestJ6_HubAPIByToken_NeedsNoSignIn: scripts call the hub's API with its own tokens,
// without a browser; the hub judges them.
func TestJ6_HubAPIByToken_NeedsNoSignIn(t *testing.T) {
	w := newWorld(t, onHub(t))
	users := w.URL + "/hub/api/users"
	script := env.NewPerson(t, "alice", nil).WithoutFetchMetadata()
	w.atHub(t, "alice") // so that the hub knows her
	for _, scheme := range []string{"token ", "Bearer "} {
		page := script.Fetch(t, http.MethodGet, users, func(r *http.Request) { r.Header.Set("Authorization", scheme+hub(t).Token) })
		if page.Status != http.StatusOK || !page.Has(`"name": "alice"`) {
			t.Errorf("the hub's API by %q: %s", scheme, page)
		}
		page = script.Fetch(t, http.MethodGet, users, func(r *http.Request) { r.Header.Set("Authorization", scheme+"of-nobody") })
		if page.Status != http.StatusForbidden || strings.HasPrefix(page.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("a wrong token by %q is not the hub's to judge: %s", scheme, page)
		}
	}
	demandProblem(t, script.Fetch(t, http.MethodGet, users))
	page := script.Fetch(t, http.MethodGet, w.URL+"/hub/home", func(r *http.Request) { r.Header.Set("Authorization", "token "+hub(t).Token) })
	if page.Status == http.StatusOK {
		t.Errorf("the token opens the hub's pages: %s", page)
	}
}
