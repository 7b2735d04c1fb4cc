package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// inChat signs a person in to Chainlit behind Cardea, by HTTP: the gateway's sign-in,
// then the header sign-in that Chainlit's page does by itself.
func (w *world) inChat(t *testing.T, name string) *harness.Person {
	t.Helper()
	p := env.NewPerson(t, name, nil)
	if page := p.SignIn(t, w.URL+"/"); page.Status != http.StatusOK || !page.Has("<title>") {
		t.Fatalf("%s is not in the chat: %s\n%s", name, page, w.LogTail())
	}
	if page := p.Fetch(t, http.MethodPost, w.URL+"/auth/header"); page.Status != http.StatusOK {
		t.Fatalf("Chainlit's header sign-in: %s", page)
	}
	if page := p.Fetch(t, http.MethodGet, w.URL+"/user"); page.Status != http.StatusOK || !page.Has(`"`+name+`"`) {
		t.Fatalf("Chainlit does not know %s: %s", name, page)
	}
	return p
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// heardSoon says something in the chat and waits for on_message to hear it.
func heardSoon(t *testing.T, s *harness.ChatSocket, text string) {
	t.Helper()
	if err := s.Say(within(t, patient), text); err != nil {
		t.Fatalf("saying %q: %v", text, err)
	}
	harness.Eventually(t, patient, "on_message hearing "+text, func() bool { return chat.Heard(t, text) })
}

// unique makes a text no other test says.
func unique(text string) string { return fmt.Sprintf("%s %d", text, time.Now().UnixNano()) }

// TestC1_ChainlitLogout_EndsAppGatewayAndProvider: Chainlit's own Logout, as in the
// control, this time for good.
func TestC1_ChainlitLogout_EndsAppGatewayAndProvider(t *testing.T) {
	w := newWorld(t, onChainlit, chainlitLogout)
	tab := chromium.Person(t)
	tab.Go(w.URL)
	tab.Password("alice")
	tab.Wait(chatInput)
	chatSay(tab, "alice", unique("hello"))
	tab.Cookies(w.URL)

	chatLogout(tab)
	if !harness.Poll(20*time.Second, func() bool { return w.onSignedOutPage(tab) }) {
		tab.Reload()
	}
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	w.demandChatGone(t, tab)
}

// TestC1_CardeaButton_EndsAppGatewayAndProvider: the same by Cardea's own sign-out in a
// second tab.
func TestC1_CardeaButton_EndsAppGatewayAndProvider(t *testing.T) {
	w := newWorld(t, onChainlit)
	tab := chromium.Person(t)
	tab.Go(w.URL)
	tab.Password("alice")
	tab.Wait(chatInput)
	chatSay(tab, "alice", unique("hello"))
	tab.Cookies(w.URL)

	other := tab.NewTab()
	other.Go(w.URL + "/.cardea/sign-out")
	other.Click("form button")
	other.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(other) })
	w.demandChatGone(t, other)
}

// demandChatGone checks what must hold after a sign-out of alice in the tab's browser.
func (w *world) demandChatGone(t *testing.T, tab *harness.Tab) {
	t.Helper()
	session, _ := w.CookieName()
	value := tab.Cookies(w.URL)[session]
	person := env.NewPerson(t, "alice", nil)
	if value != "" {
		person.Jar.SetCookies(parse(t, w.URL), []*http.Cookie{{Name: session, Value: value}})
	}
	demandProblem(t, person.Fetch(t, http.MethodGet, w.URL+"/user"))
	w.demandEndedAtKeycloak(t, "alice")
	tab.Reload()
	tab.Until(patient, "still the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	w.demandPasswordIn(tab, w.URL+"/")
}

// TestC2_OpenWebSocketIsCutWithinASecond: signing out in another tab closes the chat's
// socket, nothing said later is heard, and reconnecting is refused cheaply.
func TestC2_OpenWebSocketIsCutWithinASecond(t *testing.T) {
	w := newWorld(t, onChainlit)
	alice := w.inChat(t, "alice")
	socket, err := alice.DialChat(within(t, patient), w.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	heardSoon(t, socket, unique("before"))
	ended := make(chan time.Time, 1)
	go func() {
		for {
			if _, err := socket.Next(context.Background()); err != nil {
				ended <- time.Now()
				return
			}
		}
	}()

	told := w.whenEnded(t, "alice")
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	select {
	case at := <-ended:
		demandWithin(t, "the socket was cut", told(), at, time.Second)
	case <-time.After(patient):
		t.Fatal("the socket is still open")
	}
	after := unique("after")
	_ = socket.Say(within(t, patient), after) // into the void
	for range 5 {
		_, err := alice.DialChat(within(t, patient), w.URL)
		demandRefused(t, err)
	}
	time.Sleep(2 * time.Second)
	if chat.Heard(t, after) {
		t.Error("what was said after the sign-out reached on_message")
	}
}

// TestC2_LongPollingIsCutWithinASecond: the same for the other transport.
func TestC2_LongPollingIsCutWithinASecond(t *testing.T) {
	w := newWorld(t, onChainlit)
	alice := w.inChat(t, "alice")
	poll, err := alice.PollChat(within(t, patient), w.URL)
	if err != nil {
		t.Fatal(err)
	}
	heardSoon(t, poll, unique("before"))
	ended := make(chan time.Time, 1)
	refusal := make(chan error, 1)
	go func() { // polls as the page does, until refused
		for {
			if _, err := poll.Next(within(t, patient)); err != nil {
				ended <- time.Now()
				refusal <- err
				return
			}
		}
	}()

	told := w.whenEnded(t, "alice")
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	select {
	case at := <-ended:
		demandWithin(t, "the waiting poll ended", told(), at, time.Second)
		<-refusal
	case <-time.After(patient):
		t.Fatal("the poll still waits")
	}
	after := unique("after")
	demandRefused(t, poll.Say(within(t, patient), after))
	_, err = alice.PollChat(within(t, patient), w.URL)
	demandRefused(t, err)
	time.Sleep(2 * time.Second)
	if chat.Heard(t, after) {
		t.Error("what was said after the sign-out reached on_message")
	}
}

// demandRefused wants a plain 401 without redirect.
func demandRefused(t *testing.T, err error) {
	t.Helper()
	var refused *harness.StatusError
	if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || refused.Location != "" {
		t.Errorf("want a plain 401, got %v", err)
	}
}

// TestC3_CopiedChainlitCookieIsWorthlessAtTheGateway: Chainlit's own token lives for 15
// days; through Cardea it opens nothing once alice has signed out.
func TestC3_CopiedChainlitCookieIsWorthlessAtTheGateway(t *testing.T) {
	w := newWorld(t, onChainlit)
	alice := w.inChat(t, "alice")
	thief := alice.Copy(t, env, w.URL)
	if page := thief.Fetch(t, http.MethodGet, w.URL+"/user"); page.Status != http.StatusOK {
		t.Fatalf("the copy does not work before the sign-out, so this proves nothing: %s", page)
	}
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	for _, p := range []*harness.Person{thief, alice} {
		demandProblem(t, p.Fetch(t, http.MethodGet, w.URL+"/user"))
		demandProblem(t, p.Fetch(t, http.MethodPost, w.URL+"/project/threads"))
		_, err := p.DialChat(within(t, patient), w.URL)
		demandRefused(t, err)
		_, err = p.PollChat(within(t, patient), w.URL)
		demandRefused(t, err)
	}
}

// TestC5_ExpiryRefreshesAndKeepsTheSocket_RefusalCutsIt: the access token expires under
// an open chat; new ones are had without the socket noticing. When Keycloak refuses, it
// is cut.
func TestC5_ExpiryRefreshesAndKeepsTheSocket_RefusalCutsIt(t *testing.T) {
	const life = 10 * time.Second
	w := newWorld(t, onChainlit, shortTokens(life))
	alice := w.inChat(t, "alice")
	socket, err := alice.DialChat(within(t, patient), w.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	heardSoon(t, socket, unique("before"))
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := socket.Next(context.Background()); err != nil {
				ended <- err
				return
			}
		}
	}()

	start, before := time.Now(), w.front.Grants("refresh_token")
	harness.Eventually(t, 3*life+patient, "a refresh while only the socket lives", func() bool { return w.front.Grants("refresh_token") > before })
	time.Sleep(life / 2)
	heardSoon(t, socket, unique("after the refresh"))
	n := w.front.Grants("refresh_token") - before
	if most := int(time.Since(start)/life)*2 + 2; n > most {
		t.Errorf("%d refreshes in %v with tokens of %v", n, time.Since(start).Round(time.Second), life)
	}
	select {
	case err := <-ended:
		t.Fatalf("the socket was cut by a refresh: %v", err)
	default:
	}

	for _, s := range keycloak.Admin.Sessions(t, "alice", w.ClientID) {
		keycloak.Admin.EndSession(t, s.ID)
	}
	select {
	case <-ended:
	case <-time.After(3*life + patient):
		t.Fatalf("Keycloak refuses, and the socket is still open\n%s", w.LogTail())
	}
	demandProblem(t, alice.Fetch(t, http.MethodGet, w.URL+"/user"))
}

// forged are spellings under which a client may try to say who it is.
var forged = []string{
	"X-Forwarded-User", "x-forwarded-user", "X_Forwarded_User", "X-Forwarded_User", "X-FORWARDED-USER",
	"X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups", "X-Forwarded-Name",
	"X-Cardea-Account", "X-Cardea-Identity", "X_Cardea_Account",
}

// TestC6_ClientsOwnIdentityHeadersNeverArrive: whatever a client says of itself, under
// any spelling, Chainlit hears only what Cardea says.
func TestC6_ClientsOwnIdentityHeadersNeverArrive(t *testing.T) {
	w := newWorld(t, onChainlit)
	alice := w.inChat(t, "alice")
	before := len(chat.Events(t))
	page := alice.Fetch(t, http.MethodPost, w.URL+"/auth/header", func(r *http.Request) {
		for _, name := range forged {
			r.Header[name] = []string{"mallory"}
		}
	})
	if page.Status != http.StatusOK {
		t.Fatalf("Chainlit's header sign-in: %s", page)
	}
	events := chat.Events(t)[before:]
	if len(events) != 1 || events[0].Headers["x-forwarded-user"] != "alice" {
		t.Fatalf("Chainlit heard %d sign-ins, want one of alice", len(events))
	}
	for name, value := range events[0].Headers {
		if strings.Contains(value, "mallory") {
			t.Errorf("Chainlit heard %s: %s", name, value)
		}
	}
	demandProblem(t, env.NewPerson(t, "bob", nil).Fetch(t, http.MethodPost, w.URL+"/auth/header", func(r *http.Request) {
		r.Header.Set("X-Forwarded-User", "alice")
	}))
}

// TestC6_OnUpgradesToo: the same for the handshake of a WebSocket.
func TestC6_OnUpgradesToo(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	header := http.Header{}
	for _, name := range forged {
		header[name] = []string{"mallory"}
	}
	conn, _, err := alice.Dial(within(t, patient), socketURL(w.URL, "/ws"), header)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	arrived := w.app.Arrivals("/ws")
	if len(arrived) != 1 || arrived[0].User != "alice" {
		t.Fatalf("%d handshakes arrived, want one of alice", len(arrived))
	}
	for name, values := range arrived[0].Header {
		if strings.Contains(strings.Join(values, ","), "mallory") {
			t.Errorf("the application heard %s", name)
		}
	}
}
