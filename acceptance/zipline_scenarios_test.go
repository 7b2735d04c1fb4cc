package acceptance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
	"github.com/cardea-auth/cardea/acceptance/realm"
)

// TestZ1_IssuerThatGivesRefreshTokensForOfflineAccessOnly: sign-in works, at Cardea and
// at Zipline, whether that scope is granted to both, to Zipline alone, which always asks
// for it, or to nobody; and so do F5 and sign-out.
func TestZ1_IssuerThatGivesRefreshTokensForOfflineAccessOnly(t *testing.T) {
	plain := []string{"openid", "profile", "email"}
	for name, c := range map[string]struct {
		scopes       []string // that Cardea asks for
		granted      bool
		here, behind bool // who holds a refresh token afterwards
	}{
		"granted to both":    {append(plain, "offline_access"), true, true, true},
		"granted to Zipline": {plain, true, false, true},
		"granted to nobody":  {append(plain, "offline_access"), false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, z := ziplineWorld(t, func(p *plan) {
				p.front = env.StartFront(t, harness.StartOfflineOnly(t, keycloak.URL, c.granted), harness.FrontOptions{})
				p.config.Providers[0].Issuer = keycloak.Issuer(p.front.URL)
				p.config.Providers[0].Scopes = c.scopes
			})
			alice := env.NewPerson(t, "alice", nil)
			page := alice.SignIn(t, w.URL+"/")
			if c.here && page.AsksPassword() {
				// Keycloak keeps no session of its own beside a first grant that is an offline one.
				var err error
				if page, err = alice.TryPassword(page); err != nil {
					t.Fatal(err)
				}
			}
			w.demandDashboard(t, page, "alice")
			grants := w.front.Seen(func(x *harness.Exchange) bool { return x.TokenGrant() == "authorization_code" })
			if len(grants) != 2 {
				t.Fatalf("%d sign-ins, want one here and one at Zipline", len(grants))
			}
			if got := grants[0].Token("refresh_token") != ""; got != c.here {
				t.Errorf("Cardea was given a refresh token: %v", got)
			}
			if got := z.Refreshes("alice"); got != c.behind {
				t.Errorf("Zipline holds a refresh token: %v", got)
			}
			for range 3 {
				w.demandDashboard(t, alice.Open(t, w.URL+"/dashboard"), "alice")
			}
			w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
			w.demandNoSession(t, alice)
			harness.Eventually(t, patient, "the end of Zipline's session", func() bool { return z.Sessions("alice") == 0 })
			w.demandPassword(t, alice, w.URL+"/")
		})
	}
}

// TestZ2_LargeAvatar_NoLargeCookie: a picture of 300 kB, which Zipline keeps as text and
// Keycloak puts as text into what it tells Cardea, goes into no cookie; sign-in, F5 and
// linking work with it.
func TestZ2_LargeAvatar_NoLargeCookie(t *testing.T) {
	picture := bytes.Repeat([]byte("avatar"), 50_000)
	pictures := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(picture)
	}))
	t.Cleanup(pictures.Close)
	var z *harness.Zipline
	w := newWorld(t, onZipline(t, &z, withPicture(t, realm.ChainlitClient, pictures.URL+"/alice.png")), func(p *plan) {
		p.client.Base = withPicture(t, realm.CardeaClient, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(picture[:225_000]))
	})
	tab := chromium.Person(t)
	tab.Go(w.URL + "/")
	tab.Password("alice")
	for _, when := range []string{"after signing in", "after F5"} {
		tab.Until(patient, "the picture "+when, func() bool { return tab.Has("#avatar[src^='data:image/png;base64,']") })
		tab.Reload()
	}

	// A browser drops a cookie that is too large without a word; this one keeps it.
	alice := w.inZipline(t, "alice")
	for _, path := range []string{"/", "/api/auth/oauth/oidc", "/.cardea/callback/main"} {
		for _, c := range alice.Jar.Cookies(parse(t, w.URL+path)) {
			if n := len(c.Name) + len(c.Value); n > 4096 {
				t.Errorf("the cookie %s has %d bytes", c.Name, n)
			}
		}
	}
	if avatar := alice.Fetch(t, http.MethodGet, w.URL+"/api/user/avatar"); len(avatar.Body) < 300_000 {
		t.Fatalf("the avatar has %d bytes; this proves something only with 300 kB", len(avatar.Body))
	}
	if status, answer := send(t, alice, http.MethodPatch, w.URL+"/api/user", map[string]string{"password": uploaderPassword}); status != http.StatusOK {
		t.Fatalf("setting a password: %d %v", status, answer)
	}
	if status, answer := send(t, alice, http.MethodDelete, w.URL+"/api/auth/oauth", map[string]string{"provider": "OIDC"}); status != http.StatusOK {
		t.Fatalf("unlinking: %d %v", status, answer)
	}
	w.demandDashboard(t, alice.Open(t, harness.ZiplineCallback(w.URL)+"?state=link"), "alice")
	if hers := keycloak.Admin.UserID(t, "alice"); z.Links()[hers] != "alice" {
		t.Errorf("the links are %v", z.Links())
	}

	// The hint of the sign-out would carry the picture too, which Keycloak answers with an
	// error. It is asked without one, and asks back.
	tab.Go(w.URL + "/.cardea/sign-out")
	tab.Click("form button")
	tab.Until(patient, "Keycloak's question", func() bool { return tab.Has("#kc-logout") })
	tab.Click("#kc-logout")
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
}

// withPicture adds a claim picture to the tokens and the userinfo of a client.
func withPicture(t *testing.T, base []byte, value string) []byte {
	t.Helper()
	var rep map[string]any
	if err := json.Unmarshal(base, &rep); err != nil {
		t.Fatal(err)
	}
	mappers, _ := rep["protocolMappers"].([]any)
	rep["protocolMappers"] = append(mappers, map[string]any{
		"name": "picture", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
		"config": map[string]string{
			"claim.name": "picture", "claim.value": value, "jsonType.label": "String",
			"id.token.claim": "true", "access.token.claim": "false", "userinfo.token.claim": "true",
		},
	})
	data, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestZ3_LogoutWithBypassedLogin_StaysSignedOut: by Zipline's own Logout and by
// Cardea's button, the session's row is gone, Keycloak's session is gone, and nobody is
// bounced back in.
func TestZ3_LogoutWithBypassedLogin_StaysSignedOut(t *testing.T) {
	ways := map[string]func(*world, *harness.Tab){
		"Zipline's own": func(_ *world, tab *harness.Tab) { tab.Click("#logout") },
		"Cardea's":      func(w *world, tab *harness.Tab) { w.signOutByButton(tab) },
	}
	for name, leave := range ways {
		t.Run(name, func(t *testing.T) {
			w, z := ziplineWorld(t)
			tab := chromium.Person(t)
			tab.Go(w.URL + "/")
			tab.Password("alice")
			tab.Wait("#who")
			tab.Cookies(w.URL)
			if n := z.Sessions("alice"); n != 1 {
				t.Fatalf("%d session rows of alice", n)
			}
			alice := bare(t, tab, "alice", w.URL)

			leave(w, tab)
			tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
			harness.Eventually(t, patient, "the end of the session's row", func() bool { return z.Sessions("alice") == 0 })
			w.demandEndedAtKeycloak(t, "alice")
			time.Sleep(2 * time.Second)
			if !w.onSignedOutPage(tab) || z.Opened("alice") != 1 {
				t.Errorf("the browser is at %s, and alice has had %d sessions", strings.SplitN(tab.URL(), "?", 2)[0], z.Opened("alice"))
			}
			demandProblem(t, alice.Fetch(t, http.MethodGet, w.URL+"/api/user"))
			w.demandPasswordIn(tab, w.URL+"/")
		})
	}
}

// TestZ4_NextPersonInTheSameBrowser_GetsAnAccountOfTheirOwn: Zipline never hears that
// alice signed out, so that her session is still good there. Bob, in the same browser,
// gets his account, and hers stays linked to her.
func TestZ4_NextPersonInTheSameBrowser_GetsAnAccountOfTheirOwn(t *testing.T) {
	for name, known := range map[string]bool{"for the first time": false, "with an account": true} {
		t.Run(name, func(t *testing.T) {
			w, z := ziplineWorld(t)
			if known {
				w.demandSignedOutPage(t, w.inZipline(t, "bob").SignOut(t, w.URL))
			}
			shared := w.inZipline(t, "alice")
			z.BreakLogout()
			page := shared.SignOut(t, w.URL)
			w.demandSignedOutPage(t, page)
			if z.Sessions("alice") != 1 {
				t.Fatal("Zipline ended alice's session; this proves something only while it has not")
			}
			if shared.Cookie(t, w.URL, "zipline_session") != "" {
				t.Error("Zipline's cookie is in the browser")
			}

			shared.Name = "bob"
			again, ok := page.Link("/.cardea/sign-in")
			if !ok {
				t.Fatalf("the signed-out page has no link to sign in again: %s", page)
			}
			form := askedForName(t, func() *harness.Page {
				form, err := shared.Navigate(harness.Navigation{URL: again, From: page.URL})
				if err != nil {
					t.Fatal(err)
				}
				return form
			})
			landed, err := shared.TryPassword(form)
			if err != nil {
				t.Fatal(err)
			}
			w.demandDashboard(t, landed, "bob")
			hers, his := keycloak.Admin.UserID(t, "alice"), keycloak.Admin.UserID(t, "bob")
			if links := z.Links(); links[hers] != "alice" || links[his] != "bob" {
				t.Errorf("the links are %v", links)
			}
			w.demandDashboard(t, env.NewPerson(t, "alice", nil).SignIn(t, w.URL+"/"), "alice")
		})
	}
}

// TestZ5_LinkUnlinkLink_LastOneIsRefusedWithTheReason, at the level of the client.
func TestZ5_LinkUnlinkLink_LastOneIsRefusedWithTheReason(t *testing.T) {
	w, z := ziplineWorld(t)
	alice := w.inZipline(t, "alice")
	hers := keycloak.Admin.UserID(t, "alice")
	unlink := func() (int, string) {
		status, answer := send(t, alice, http.MethodDelete, w.URL+"/api/auth/oauth", map[string]string{"provider": "OIDC"})
		return status, fmt.Sprint(answer["error"])
	}
	if status, reason := unlink(); status != http.StatusBadRequest || !strings.Contains(reason, "without a password") || z.Links()[hers] != "alice" {
		t.Fatalf("unlinking the last one: %d %s; links %v", status, reason, z.Links())
	}
	if status, answer := send(t, alice, http.MethodPatch, w.URL+"/api/user", map[string]string{"password": uploaderPassword}); status != http.StatusOK {
		t.Fatalf("setting a password: %d %v", status, answer)
	}
	for range 2 {
		if status, reason := unlink(); status != http.StatusOK || z.Links()[hers] != "" {
			t.Fatalf("unlinking: %d %s; links %v", status, reason, z.Links())
		}
		if status, _ := unlink(); status != http.StatusBadRequest {
			t.Fatalf("unlinking what is not linked: %d", status)
		}
		page := alice.Open(t, harness.ZiplineCallback(w.URL)+"?state=link")
		w.demandDashboard(t, page, "alice")
		if z.Links()[hers] != "alice" {
			t.Fatalf("linking again: %v", z.Links())
		}
	}
	if users := z.Users(); len(users) != 2 { // alice, uploader
		t.Errorf("there are %v", users)
	}
}

// passesBy does what needs no sign-in: a file and a short link by their addresses, an
// upload by its token, and the health check. It returns what went wrong.
func passesBy(z *harness.Zipline, p *harness.Person, file, link string) error {
	type call struct {
		method, at, token string
		want              int
		says              string
	}
	for _, c := range []call{
		{http.MethodGet, file, "", http.StatusOK, "hello"},
		{http.MethodGet, link, "", http.StatusFound, ""},
		{http.MethodGet, z.URL + "/api/healthcheck", "", http.StatusOK, "pass"},
		{http.MethodPost, z.URL + "/api/upload", z.Key, http.StatusOK, z.URL + "/u/"},
		{http.MethodPost, z.URL + "/api/upload", "not-" + z.Key, http.StatusUnauthorized, "invalid authorization token"},
	} {
		req, err := http.NewRequest(c.method, c.at, strings.NewReader("hello"))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "text/plain")
		if c.token != "" {
			req.Header.Set("Authorization", c.token)
		}
		res, err := p.Do(req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return err
		}
		if res.StatusCode != c.want || !strings.Contains(string(body), c.says) {
			return fmt.Errorf("%s %s: status %d, %.200s", c.method, c.at, res.StatusCode, body)
		}
	}
	return nil
}

// TestZ6_FilesLinksAndUploadsWorkBeforeDuringAndAfterASignOut, for strangers, and for
// the browser that signs out.
func TestZ6_FilesLinksAndUploadsWorkBeforeDuringAndAfterASignOut(t *testing.T) {
	w, z := ziplineWorld(t)
	stranger := env.NewPerson(t, "bob", nil)
	file, link := z.Put("text/plain", "hello"), z.Shorten("https://example.com/")
	demand := func(p *harness.Person, when string) {
		t.Helper()
		if err := passesBy(z, p, file, link); err != nil {
			t.Errorf("%s, for %s: %v", when, p.Name, err)
		}
	}
	demand(stranger, "before anybody signed in")
	alice := w.inZipline(t, "alice")
	demand(stranger, "while alice is signed in")
	demand(alice, "while alice is signed in")

	over, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(failed)
		for {
			select {
			case <-over:
				return
			default:
			}
			if err := passesBy(z, stranger, file, link); err != nil {
				failed <- err
				return
			}
		}
	}()
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	close(over)
	if err := <-failed; err != nil {
		t.Errorf("during the sign-out: %v", err)
	}
	demand(alice, "after her sign-out")
	demand(stranger, "after her sign-out")
	demandProblem(t, alice.Fetch(t, http.MethodGet, w.URL+"/api/user"))
	demandProblem(t, stranger.Fetch(t, http.MethodPost, w.URL+"/api/upload"))
}

// TestZ7_EndedFromOutside_RefusedOnEveryDevice: Zipline is told nothing by whoever ends
// alice's sessions, an operator here, and yet her next request is refused on every
// device; others stay.
func TestZ7_EndedFromOutside_RefusedOnEveryDevice(t *testing.T) {
	w, z := ziplineWorld(t, toldByBackChannel)
	laptop, phone, bob := w.inZipline(t, "alice"), w.inZipline(t, "alice"), w.inZipline(t, "bob")
	z.BreakLogout()
	w.endAtKeycloak(t, "alice")
	if n := z.Sessions("alice"); n != 2 {
		t.Fatalf("Zipline has %d sessions of alice; this proves something only with both", n)
	}
	for _, p := range []*harness.Person{laptop, phone} {
		demandProblem(t, p.Fetch(t, http.MethodGet, w.URL+"/api/user"))
		demandProblem(t, p.Fetch(t, http.MethodGet, w.URL+"/api/user/sessions"))
		w.demandPassword(t, p, w.URL+"/")
	}
	w.demandDashboard(t, bob.Open(t, w.URL+"/dashboard"), "bob")
}
