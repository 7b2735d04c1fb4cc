package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
	"github.com/cardea-auth/cardea/acceptance/realm"
)

// nativeStreamlit starts Streamlit as its own client of Keycloak.
func nativeStreamlit(t *testing.T) (app *harness.Streamlit, client string) {
	t.Helper()
	port := harness.MustFreePort(t)
	id := fmt.Sprintf("streamlit-alone-%d", port)
	secret := "secret-of-" + id + "-0123456789"
	keycloak.Admin.Register(t, harness.Client{
		ID: id, Secret: secret, Base: realm.ChainlitClient,
		RedirectURIs: []string{harness.StreamlitCallback(port)}, PostLogout: []string{harness.StreamlitCallback(port)},
	})
	app, err := env.StreamlitNative(context.Background(), keycloak, port, id, secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Stop)
	return app, id
}

// TestControl_StreamlitAlone_OtherTabAndCopiedCookiesOutliveLogout: st.logout ends
// Keycloak's session and takes the cookies out of the browser. A second tab still shows
// alice and still acts for her, and copied cookies open the app.
func TestControl_StreamlitAlone_OtherTabAndCopiedCookiesOutliveLogout(t *testing.T) {
	app, client := nativeStreamlit(t)
	tab := chromium.Person(t)
	tab.Go(app.URL)
	tab.Click(signInButton)
	tab.Password("alice")
	tab.Wait(countButton)
	other := tab.NewTab()
	other.Go(app.URL)
	other.Wait(countButton)
	thief := env.NewPerson(t, "alice", nil)
	var copied []*http.Cookie
	for name, value := range tab.Cookies(app.URL) {
		copied = append(copied, &http.Cookie{Name: name, Value: value})
	}
	thief.Jar.SetCookies(parse(t, app.URL), copied)

	tab.Click(signOutButton)
	tab.Until(patient, "the app asking to sign in", func() bool { return tab.Has(signInButton) })
	harness.Eventually(t, patient, "the end of alice's session at Keycloak, which st.logout ended when the controls were made", func() bool {
		return len(keycloak.Admin.Sessions(t, "alice", client)) == 0
	})
	time.Sleep(2 * time.Second)
	if !strings.Contains(other.Text(), "alice@acme.example") {
		t.Error("the other tab no longer shows alice")
	}
	clicks := len(streamlitEvents(t, app, "click", "alice"))
	other.Click(countButton)
	if !harness.Poll(patient, func() bool { return len(streamlitEvents(t, app, "click", "alice")) > clicks }) {
		t.Error("the other tab no longer acts for alice")
	}

	runs := len(streamlitEvents(t, app, "run", "alice"))
	socket, err := thief.DialStream(within(t, patient), app.URL, harness.StreamOptions{})
	if err != nil {
		t.Fatalf("the copied cookies open no socket: %v", err)
	}
	defer socket.Close()
	if err := socket.Rerun(within(t, patient)); err != nil {
		t.Fatal(err)
	}
	if !harness.Poll(patient, func() bool { return len(streamlitEvents(t, app, "run", "alice")) > runs }) {
		t.Error("copied cookies no longer sign in as alice")
	}
}

// TestControl_StreamlitHeaderMode_SignsBackInByItself: behind a proxy that only adds a
// header, Streamlit's sign-out leads back into the app.
func TestControl_StreamlitHeaderMode_SignsBackInByItself(t *testing.T) {
	app := sharedStreamlit(t)
	proxy := harness.StartHeaderProxy(t, app.URL, "alice")
	tab := chromium.Person(t)
	tab.Go(proxy)
	ledger(tab, "alice", 0)
	tab.Click(countButton)
	ledger(tab, "alice", 1)

	tab.Go(proxy + "/auth/logout")
	ledger(tab, "alice", 0)
	if at := tab.URL(); at != proxy+"/" {
		t.Errorf("Streamlit's sign-out ends at %s", at)
	}
}

// TestControl_StreamlitAuthenticator_GuestIsLostAtF5: whoever came by the guest login
// is in no credentials dictionary that the next run reads.
func TestControl_StreamlitAuthenticator_GuestIsLostAtF5(t *testing.T) {
	app, err := env.StreamlitGuest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Stop)
	tab := chromium.Person(t)
	tab.Go(app.URL + "/?code=acceptance") // as Google sends the browser back
	tab.Until(patient, "the guest in the app", func() bool { return strings.Contains(tab.Text(), "Welcome Alice Archer") })
	tab.Until(patient, "the guest's cookie", func() bool { return tab.Cookies(app.URL)[authenticatorCookie] != "" })

	tab.Reload()
	tab.Until(patient, "the app after F5", func() bool {
		text := tab.Text()
		return strings.Contains(text, "User not authorized") || strings.Contains(text, "Some content")
	})
	if !strings.Contains(tab.Text(), "User not authorized") {
		t.Error("the guest is still in after F5: Streamlit-Authenticator no longer shows the trouble")
	}
	if tab.Cookies(app.URL)[authenticatorCookie] == "" {
		t.Error("the guest's cookie is gone after F5; the trouble was that it is there and not honoured")
	}
}

// TestControl_StreamlitAuthenticator_CopiedCookieOutlivesLogout: Logout takes the cookie
// out of the browser by script; a copy still signs in.
func TestControl_StreamlitAuthenticator_CopiedCookieOutlivesLogout(t *testing.T) {
	app, err := env.StreamlitAuthenticator(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Stop)
	tab := chromium.Person(t)
	tab.Go(app.URL)
	tab.Type(`input[aria-label="Username"]`, "carol")
	tab.Type(`input[aria-label="Password"]`, harness.PasswordOf("carol"))
	tab.Click("//button[contains(.,'Login')]")
	tab.Until(patient, "carol in the app", func() bool { return strings.Contains(tab.Text(), "Welcome Carol Carter") })
	tab.Until(patient, "carol's cookie", func() bool { return tab.Cookies(app.URL)[authenticatorCookie] != "" })
	copied := tab.Cookies(app.URL)[authenticatorCookie]

	tab.Click("//button[contains(.,'Logout')]")
	tab.Until(patient, "carol's cookie gone", func() bool { return tab.Cookies(app.URL)[authenticatorCookie] == "" })

	thief := chromium.Person(t)
	thief.Go(app.URL)
	thief.Wait(`input[aria-label="Username"]`)
	thief.Run(fmt.Sprintf("document.cookie = %q", authenticatorCookie+"="+copied+"; path=/"))
	thief.Reload()
	thief.Until(patient, "the app with a copied cookie", func() bool {
		text := thief.Text()
		return strings.Contains(text, "Some content") || strings.Contains(text, "Please enter your username")
	})
	if !harness.Poll(patient, func() bool { return strings.Contains(thief.Text(), "Welcome Carol Carter") }) {
		t.Error("a copied cookie no longer signs in after Logout")
	}
}
