package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// toldByBackChannel has Keycloak post logout tokens. The issuer is Keycloak's own address:
// tokens that an administrator's call causes carry that.
func toldByBackChannel(p *plan) {
	p.client.BackChannel = p.config.PublicURL + "/.cardea/backchannel-logout"
	p.config.Providers[0].Issuer = keycloak.Issuer(keycloak.URL)
}

// endAtKeycloak ends every session of a person that this Cardea takes part in, as an
// administrator of Keycloak does.
func (w *world) endAtKeycloak(t *testing.T, name string) {
	t.Helper()
	list := keycloak.Admin.Sessions(t, name, w.ClientID)
	if len(list) == 0 {
		t.Fatalf("%s has no session at Keycloak", name)
	}
	for _, s := range list {
		keycloak.Admin.EndSession(t, s.ID)
	}
}

// TestBackChannel_EndsTheSession_ThePageLeaves_OthersStay: an administrator of Keycloak
// ends alice's session there. Her requests are refused, her page leaves, the receipt
// counts the provider's session as ended; her phone and bob go on.
func TestBackChannel_EndsTheSession_ThePageLeaves_OthersStay(t *testing.T) {
	w := newWorld(t, toldByBackChannel, firstApp(withScript))
	tab := chromium.Person(t)
	tab.Go(w.URL)
	tab.Password("alice")
	tab.Wait("#who")
	laptop := keycloak.Admin.Sessions(t, "alice", w.ClientID)
	phone, bob := w.signedIn(t, "alice"), w.signedIn(t, "bob")

	ended := w.whenEnded(t, "alice")
	keycloak.Admin.EndSession(t, laptop[0].ID)
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	demandWithin(t, "the page left", ended(), tab.Navigated(), 2*time.Second)
	if text := tab.Text(); !strings.Contains(text, "Your session at Keycloak has ended") {
		t.Errorf("the receipt says: %s", text)
	}
	if w.user(t, phone) != "alice" || w.user(t, bob) != "bob" {
		t.Error("somebody else was signed out too")
	}
	w.demandPasswordIn(tab, w.URL+"/")
}

// TestBackChannel_AnswersBadTokensWith400: what strangers send ends nothing.
func TestBackChannel_AnswersBadTokensWith400(t *testing.T) {
	w := newWorld(t, toldByBackChannel)
	alice := w.signedIn(t, "alice")
	for _, token := range []string{"", "junk", "eyJhbGciOiJub25lIn0.e30.", alice.Name} {
		res, err := http.PostForm(w.URL+"/.cardea/backchannel-logout", url.Values{"logout_token": {token}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %s, %v", token, res.Status, res.Header)
		}
	}
	if w.user(t, alice) != "alice" {
		t.Error("alice is signed out")
	}
}

// TestBackChannel_SigningOutIsNotSlowed: Keycloak makes the person wait for the answer to
// its token; signing out with it takes no longer than a moment.
func TestBackChannel_SigningOutIsNotSlowed(t *testing.T) {
	w := newWorld(t, toldByBackChannel)
	alice := w.signedIn(t, "alice")
	began := time.Now()
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	demandWithin(t, "signing out was done", began, time.Now(), 3*time.Second)
	w.demandNoSession(t, alice)
}

// TestFrontChannel_AFrameOfKeycloaksLogoutPageEndsTheOtherGateway: one browser, one
// session at Keycloak, two gateways. Leaving by the first, Keycloak's page loads a frame
// of the second.
func TestFrontChannel_AFrameOfKeycloaksLogoutPageEndsTheOtherGateway(t *testing.T) {
	first := newWorld(t)
	second := newWorld(t, func(p *plan) {
		p.front = first.front
		p.config.Providers[0].Issuer = keycloak.Issuer(first.front.URL)
		p.client.FrontChannel = p.config.PublicURL + "/.cardea/frontchannel-logout/main"
	}, firstApp(withScript))
	tab := chromium.Person(t)
	tab.Go(first.URL)
	tab.Password("alice")
	tab.Wait("#who")
	other := tab.NewTab()
	other.Go(second.URL) // the session at Keycloak opens it, unasked
	other.Wait("#who")

	tab.Go(first.URL + "/.cardea/sign-out")
	tab.Click("form button")
	tab.Until(patient, "the first gateway's signed-out page", func() bool { return first.onSignedOutPage(tab) })
	other.Until(patient, "the second gateway's signed-out page", func() bool { return second.onSignedOutPage(other) })
	if n := len(second.SessionIDs(t, "alice")); n != 0 {
		t.Errorf("%d sessions of alice at the second gateway", n)
	}
	time.Sleep(time.Second)
	if !second.onSignedOutPage(other) {
		t.Errorf("the second gateway's page went on to %s", other.URL())
	}
}
