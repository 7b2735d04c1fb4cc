package acceptance

import (
	"context"
	"net/http"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
	"github.com/cardea-auth/cardea/acceptance/realm"
)

// The controls show the trouble without Cardea. They fail when it is gone: then
// the scenarios that show it solved prove nothing any more.

// TestControl_ChainlitAlone_SignsBackInWithoutPassword: Chainlit as its own OAuth
// client of Keycloak forgets the person at Logout, Keycloak does not: one click and
// whoever sits there is back in the chat, no password asked.
func TestControl_ChainlitAlone_SignsBackInWithoutPassword(t *testing.T) {
	port := harness.MustFreePort(t)
	const id, secret = "chainlit-alone", "chainlit-alone-secret-0123456789"
	keycloak.Admin.Register(t, harness.Client{
		ID: id, Secret: secret, Base: realm.ChainlitClient,
		RedirectURIs: []string{harness.ChainlitCallback(port)},
	})
	alone, err := env.ChainlitOAuth(context.Background(), keycloak, port, id, secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(alone.Stop)

	tab := chromium.Person(t)
	tab.Go(alone.URL)
	tab.Click(continueWith)
	tab.Password("alice")
	tab.Wait(chatInput)

	chatLogout(tab)
	tab.Until(patient, "the chat's login page after Logout", func() bool { return tab.Has(continueWith) })
	tab.Reload()
	tab.Wait(continueWith)
	if n := len(keycloak.Admin.Sessions(t, "alice", id)); n != 1 {
		t.Fatalf("Keycloak has %d sessions of alice after Chainlit's Logout; the trouble was that 1 lives on", n)
	}

	tab.Click(continueWith)
	asked := false
	tab.Until(patient, "the chat after one click", func() bool {
		asked = asked || tab.OnSignIn()
		return asked || tab.Has(chatInput)
	})
	if asked {
		t.Fatal("a password was asked: Chainlit alone no longer shows the trouble")
	}
}

// TestControl_ChainlitHeaderMode_SignsBackInByItself: behind a proxy that only adds
// a header, Logout is undone by the login page itself.
func TestControl_ChainlitHeaderMode_SignsBackInByItself(t *testing.T) {
	proxy := harness.StartHeaderProxy(t, chat.URL, "alice")
	tab := chromium.Person(t)
	tab.Go(proxy)
	tab.Wait(chatInput)
	before := len(headerSignIns(t, "alice"))

	chatLogout(tab)
	tab.Until(patient, "the chat's own sign-in after Logout", func() bool {
		return len(headerSignIns(t, "alice")) > before && tab.Has(chatInput)
	})
}

// TestControl_ChainlitHeaderMode_SocketAndCookieOutliveLogout: Logout takes the cookie
// out of the browser and nothing more; the open sockets, by WebSocket and by polling,
// and a copied cookie go on.
func TestControl_ChainlitHeaderMode_SocketAndCookieOutliveLogout(t *testing.T) {
	proxy := harness.StartHeaderProxy(t, chat.URL, "alice")
	alice := env.NewPerson(t, "alice", nil)
	if page := alice.Fetch(t, http.MethodPost, proxy+"/auth/header"); page.Status != http.StatusOK {
		t.Fatalf("Chainlit's header sign-in: %s", page)
	}
	socket, err := alice.DialChat(within(t, patient), proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	poll, err := alice.PollChat(within(t, patient), proxy)
	if err != nil {
		t.Fatal(err)
	}
	heardSoon(t, socket, unique("before, by socket"))
	heardSoon(t, poll, unique("before, by polling"))
	copied := alice.Copy(t, env, proxy)

	if page := alice.Fetch(t, http.MethodPost, proxy+"/logout"); page.Status != http.StatusOK {
		t.Fatalf("Chainlit's logout: %s", page)
	}
	if page := alice.Fetch(t, http.MethodGet, proxy+"/user"); page.Status != http.StatusUnauthorized {
		t.Errorf("Chainlit's logout leaves the cookie in the browser: %s", page)
	}
	heardSoon(t, socket, unique("after, by socket"))
	heardSoon(t, poll, unique("after, by polling"))
	if page := copied.Fetch(t, http.MethodGet, proxy+"/user"); page.Status != http.StatusOK {
		t.Errorf("a copied cookie no longer works: %s", page)
	}
}
