package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

const tabs = 50

// openTabs opens that many tabs at once, each on a page of its own, and returns where
// each ended.
func openTabs(t *testing.T, w *world, p *harness.Person) []*harness.Page {
	t.Helper()
	pages := make([]*harness.Page, tabs)
	var wait sync.WaitGroup
	for i := range tabs {
		wait.Go(func() {
			page, err := p.Navigate(harness.Navigation{URL: tabURL(w, i)})
			if err != nil {
				t.Errorf("tab %d: %v", i, err)
				return
			}
			pages[i] = page
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return pages
}

func tabURL(w *world, i int) string { return fmt.Sprintf("%s/tab/%d?n=%d", w.URL, i, i) }

// demandTabs fails unless every tab ended on its own page, and shows the first that
// did not.
func demandTabs(t *testing.T, pages []*harness.Page) {
	t.Helper()
	var wrong []int
	for i, page := range pages {
		if page == nil || !page.Has(`id="who">alice<`) || !page.Has(fmt.Sprintf(`id="path">/tab/%d<`, i)) {
			wrong = append(wrong, i)
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%d of %d tabs are not on their pages; tab %d: %s", len(wrong), len(pages), wrong[0], pages[wrong[0]])
	}
}

// ownCookies counts the cookies that Cardea left in the browser.
func ownCookies(t *testing.T, w *world, p *harness.Person) int {
	t.Helper()
	n := 0
	for _, c := range p.Jar.Cookies(parse(t, w.URL+"/.cardea/callback/main")) {
		if strings.Contains(c.Name, "cardea") {
			n++
		}
	}
	return n
}

// TestSignIn_FiftyTabsAtOnce_SilentlyAtTheProvider: the browser restores 50 tabs, the
// provider still knows the person, and every tab ends on its own page.
func TestSignIn_FiftyTabsAtOnce_SilentlyAtTheProvider(t *testing.T) {
	// Keycloak's cookies name the issuer's address, so both use one Front.
	first := newWorld(t)
	w := newWorld(t, func(p *plan) {
		p.front = first.front
		p.config.Providers[0].Issuer = keycloak.Issuer(first.front.URL)
	})
	alice := first.signedIn(t, "alice")
	demandTabs(t, openTabs(t, w, alice))
	if n := ownCookies(t, first, alice) + ownCookies(t, w, alice); n > 8 {
		t.Errorf("%d cookies of Cardea in the browser after 50 tabs", n)
	}
	if n := w.sessionsOf(t, "alice"); n != 1 {
		t.Errorf("%d sessions of alice after 50 tabs, want 1: one browser has one session", n)
	}
}

// TestSignIn_FiftyTabsAtOnce_OnePasswordForAll: 50 tabs wait at the provider's form;
// the password is typed in one, the others are reloaded, and all succeed.
func TestSignIn_FiftyTabsAtOnce_OnePasswordForAll(t *testing.T) {
	w := newWorld(t)
	alice := env.NewPerson(t, "alice", nil)
	pages := openTabs(t, w, alice)
	for i, page := range pages {
		if !page.AsksPassword() {
			t.Fatalf("tab %d is not at the provider's form: %s", i, page)
		}
	}
	landed := pages[0]
	for range 2 { // Keycloak starts over when another tab's form came after this one
		if !landed.AsksPassword() {
			break
		}
		var err error
		if landed, err = alice.TryPassword(landed); err != nil {
			t.Fatal(err)
		}
	}
	if !landed.Has(`id="who">alice<`) {
		t.Fatalf("the tab with the password: %s\n%s", landed, w.LogTail())
	}
	var wait sync.WaitGroup
	for i, page := range pages {
		wait.Go(func() {
			again, err := alice.Navigate(harness.Navigation{URL: page.URL.String()})
			if err != nil {
				t.Errorf("tab %d: %v", i, err)
				return
			}
			pages[i] = again
		})
	}
	wait.Wait()
	demandTabs(t, pages)
	if n := ownCookies(t, w, alice); n > 4 {
		t.Errorf("%d cookies of Cardea in the browser after 50 tabs", n)
	}
	if n := w.sessionsOf(t, "alice"); n != 1 {
		t.Errorf("%d sessions of alice after 50 tabs, want 1: one browser has one session", n)
	}
}

// sessionsOf counts what cardea sessions list shows of a person.
func (w *world) sessionsOf(t *testing.T, handle string) int {
	t.Helper()
	return len(w.SessionIDs(t, handle))
}

// TestSignIn_OnlyATopLevelNavigationStartsOne: scripts, streams, sub-resources,
// frames and sockets get an answer, never a redirect, and start nothing.
func TestSignIn_OnlyATopLevelNavigationStartsOne(t *testing.T) {
	w := newWorld(t)
	p := env.NewPerson(t, "alice", nil)
	fetchAs := func(mode, dest, accept string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Mode", mode)
			r.Header.Set("Sec-Fetch-Dest", dest)
			r.Header.Set("Accept", accept)
		}
	}
	for name, edit := range map[string]func(*http.Request){
		"fetch":         fetchAs("cors", "empty", "*/*"),
		"fetch of html": fetchAs("same-origin", "empty", "text/html"),
		"event stream":  fetchAs("cors", "empty", "text/event-stream"),
		"script":        fetchAs("no-cors", "script", "*/*"),
		"image":         fetchAs("no-cors", "image", "image/*"),
		"style":         fetchAs("no-cors", "style", "text/css"),
	} {
		t.Run(name, func(t *testing.T) {
			demandProblem(t, p.Fetch(t, http.MethodGet, w.URL+"/whoami", edit))
		})
	}
	t.Run("socket", func(t *testing.T) {
		_, res, err := tryEcho(p, w.URL)
		if err == nil || res == nil || res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a socket without session: %v, %v", res, err)
		}
	})
	t.Run("frame", func(t *testing.T) {
		page := p.Fetch(t, http.MethodGet, w.URL+"/", fetchAs("navigate", "iframe", "text/html"))
		if page.Header.Get("Location") != "" || page.Has("openid-connect/auth") {
			t.Errorf("a frame is sent to the provider: %s", page)
		}
	})
	if n := len(w.front.Seen(func(x *harness.Exchange) bool { return strings.HasSuffix(x.Path, "/auth") })); n != 0 {
		t.Errorf("%d sign-ins were started at the provider", n)
	}
	if n := ownCookies(t, w, p); n != 0 {
		t.Errorf("%d cookies were set though nothing was started", n)
	}
	t.Run("navigation without fetch metadata", func(t *testing.T) {
		old := env.NewPerson(t, "alice", nil).WithoutFetchMetadata()
		if page := old.SignIn(t, w.URL+"/"); !page.Has(`id="who">alice<`) {
			t.Errorf("an old browser is not signed in: %s", page)
		}
	})
	if arrived := w.app.Arrivals("/whoami"); len(arrived) != 0 {
		t.Errorf("%d requests without session reached the application", len(arrived))
	}
}

// TestSignIn_EmailNotVerified_IsDeniedByThatName: an e-mail rule is not met by an
// address the provider has not verified, and the page says so.
func TestSignIn_EmailNotVerified_IsDeniedByThatName(t *testing.T) {
	w := newWorld(t, firstApp(func(a *harness.App) {
		a.Access = map[string]any{"emails": []string{"carol@acme.example", "alice@acme.example"}}
	}))
	page := env.NewPerson(t, "carol", nil).SignIn(t, w.URL+"/")
	if page.Status != http.StatusForbidden {
		t.Fatalf("want 403: %s\n%s", page, w.LogTail())
	}
	text := page.Text()
	for _, want := range []string{"not verified", "carol@acme.example", "email_verified", "Use another account"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, text)
		}
	}
	if n := len(w.app.Arrivals("/")); n != 0 {
		t.Errorf("%d requests of carol reached the application", n)
	}
	if page := env.NewPerson(t, "alice", nil).SignIn(t, w.URL+"/"); !page.Has(`id="who">alice<`) {
		t.Errorf("alice, whose address is verified, is not let in: %s", page)
	}
}

// TestSignIn_UnverifiedEmail_IsNotPassedOn: who is let in by another rule arrives
// without the address.
func TestSignIn_UnverifiedEmail_IsNotPassedOn(t *testing.T) {
	w := newWorld(t, firstApp(func(a *harness.App) {
		a.Access = map[string]any{"groups": []string{"staff"}}
	}))
	w.signedIn(t, "carol")
	w.signedIn(t, "alice")
	emails := map[string]string{}
	for _, a := range w.app.Arrivals("/") {
		emails[a.User] = a.Header.Get("X-Forwarded-Email")
	}
	if emails["carol"] != "" || emails["alice"] != "alice@acme.example" {
		t.Errorf("the application was told the addresses %v", emails)
	}
}

// TestSignIn_ProviderAtAnotherAddressForTheServer: browsers use one address, the
// server another; the issuer is the browsers'.
func TestSignIn_ProviderAtAnotherAddressForTheServer(t *testing.T) {
	back := env.StartFront(t, keycloak.URL, harness.FrontOptions{})
	public := env.StartFront(t, keycloak.URL, harness.FrontOptions{Host: "keycloak.localhost"})
	admin := keycloak.Admin.ForRealm("fronted")
	admin.MakeRealm(t, public.URL)
	w := newWorld(t, func(p *plan) {
		p.front = public
		p.config.Providers[0].Issuer = public.URL + "/realms/fronted"
		p.config.Providers[0].BackchannelURL = back.URL
		admin.Register(t, p.client)
	})
	alice := w.signedIn(t, "alice")
	serverOnly := func(x *harness.Exchange) bool {
		return strings.HasSuffix(x.Path, "/token") || strings.HasSuffix(x.Path, "/certs") ||
			strings.Contains(x.Path, ".well-known") || strings.HasSuffix(x.Path, "/userinfo") || strings.HasSuffix(x.Path, "/revoke")
	}
	if n := len(public.Seen(serverOnly)); n != 0 {
		t.Errorf("%d of the server's calls went to the browsers' address", n)
	}
	if n := len(back.Seen(serverOnly)); n == 0 {
		t.Error("none of the server's calls went to the server's address")
	}
	page := alice.SignOut(t, w.URL)
	w.demandSignedOutPage(t, page)
	if !page.PassedThrough(public.URL + "/realms/fronted/protocol/openid-connect/logout") {
		t.Errorf("the browser was not sent to the provider's logout at its own address: %s", page)
	}
	harness.Eventually(t, patient, "the end of alice's session at Keycloak", func() bool { return len(admin.Sessions(t, "alice", w.ClientID)) == 0 })
}

// TestSignIn_PrivateCA: a provider behind a private authority works with ca_file and
// only with it.
func TestSignIn_PrivateCA(t *testing.T) {
	ca := harness.NewCA(t)
	front := env.StartFront(t, keycloak.URL, harness.FrontOptions{TLS: ca.Certificate(t)})
	behindTLS := func(file string) func(*plan) {
		return func(p *plan) {
			p.front = front
			p.config.Providers[0].Issuer = keycloak.Issuer(front.URL)
			p.config.Providers[0].CAFile = file
		}
	}
	t.Run("with ca_file", func(t *testing.T) {
		w := newWorld(t, behindTLS(ca.File))
		alice := env.NewPerson(t, "alice", ca.Pool)
		if page := alice.SignIn(t, w.URL+"/"); !page.Has(`id="who">alice<`) {
			t.Fatalf("alice is not in the app: %s\n%s", page, w.LogTail())
		}
		page := alice.SignOut(t, w.URL)
		w.demandSignedOutPage(t, page)
		if !viaEndSession(page) {
			t.Errorf("the browser did not pass the provider's logout: %s", page)
		}
	})
	t.Run("without", func(t *testing.T) {
		w := newWorld(t, behindTLS(""))
		page := env.NewPerson(t, "alice", ca.Pool).Open(t, w.URL+"/")
		if page.Status < 500 || page.AsksPassword() {
			t.Fatalf("want a page about the provider: %s", page)
		}
		if !strings.Contains(strings.ToLower(w.Log()), "certificate") {
			t.Errorf("the log does not name the certificate:\n%s", w.LogTail())
		}
	})
}
