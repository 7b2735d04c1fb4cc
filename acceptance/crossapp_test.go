package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// What runs over several apps, and what of Chainlit needs its preset.
//
// X4, a thousand sockets cut in a storm and no other, is
// TestStorm_200SignOutsWith2000SocketsCloseThoseAndNoOther.

// fourApps is one Cardea before all four apps, each on a host of its own.
type fourApps struct {
	*world
	zipline                *harness.Zipline
	chat, hub, led, upload string // origins
}

func newFourApps(t *testing.T) *fourApps {
	t.Helper()
	four := &fourApps{}
	behind := map[string]string{"chat": chat.URL, "hub": hub(t).URL, "ledger": sharedStreamlit(t).URL}
	four.world = newWorld(t, func(p *plan) {
		at := func(host string) string {
			return "http://" + host + strings.TrimPrefix(p.config.PublicURL, "http://")
		}
		four.chat, four.hub, four.led, four.upload = at("chat."), at("hub."), at("ledger."), at("files.")
		p.config.Apps = []harness.App{{URL: four.upload}}
		onZipline(t, &four.zipline, nil)(p)
		p.config.Apps[0].Upstream = four.zipline.Upstream
		p.config.Apps = append(p.config.Apps,
			harness.App{ID: "chat", URL: four.chat, Upstream: behind["chat"], Preset: "chainlit"},
			harness.App{ID: "hub", URL: four.hub, Upstream: behind["hub"], Preset: "jupyterhub"},
			harness.App{ID: "ledger", URL: four.led, Upstream: behind["ledger"], Preset: "streamlit"},
		)
	})
	return four
}

// TestX1_OneSignInFourApps_OneSignOutFourClosed: alice gives her password once, and is
// in the chat, in her notebook, in the ledger and among her files. She leaves the chat by
// its own Logout, and all four pages are signed-out pages, all four apps closed.
func TestX1_OneSignInFourApps_OneSignOutFourClosed(t *testing.T) {
	four := newFourApps(t)
	tab := chromium.Person(t)
	tab.Go(four.chat + "/")
	tab.Password("alice")
	tab.Wait(chatInput)
	lab, led, files := tab.NewTab(), tab.NewTab(), tab.NewTab()
	lab.Go(four.hub + "/hub/spawn/alice")
	led.Go(four.led + "/")
	files.Go(four.upload + "/")
	files.Wait("#who")
	ledger(led, "alice", 0)
	lab.Until(5*time.Minute, "JupyterLab", lab.LabIsReady)
	if n := four.front.Grants("authorization_code"); n != 2 {
		t.Errorf("%d sign-ins for four apps, want one here and one of Zipline, which is a client of its own", n)
	}
	if n := four.zipline.Sessions("alice"); n != 1 {
		t.Fatalf("Zipline has %d sessions of alice", n)
	}
	origins := map[string]string{
		four.chat: "/user", four.hub: "/hub/api/user", four.led: "/_stcore/host-config", four.upload: "/api/user",
	}
	alice := bare(t, tab, "alice", sortedKeys(origins)...)
	for origin, path := range origins {
		if page := alice.Fetch(t, http.MethodGet, origin+path); page.Status == http.StatusUnauthorized && page.Has("session-required") {
			t.Fatalf("the copied cookies do not open %s, so that this proves nothing: %s", origin, page)
		}
	}
	stream := openStream(t, alice, four.led, harness.StreamOptions{})

	ended := four.whenEnded(t, "alice")
	chatLogout(tab)
	demandStreamCut(t, stream, ended, time.Second)
	for what, open := range map[string]*harness.Tab{"chat": tab, "hub": lab, "ledger": led, "files": files} {
		open.Until(patient, "the signed-out page in place of the "+what, func() bool { return signedOutAnywhere(open) })
		if open != tab {
			demandWithin(t, "the page of the "+what+" left", stream.At, open.Navigated(), time.Second)
		}
	}
	for origin, path := range origins {
		demandProblem(t, alice.Fetch(t, http.MethodGet, origin+path))
	}
	harness.Eventually(t, patient, "the end of Zipline's session", func() bool { return four.zipline.Sessions("alice") == 0 })
	harness.Eventually(t, patient, "the end at Keycloak", func() bool { return four.sessionsAtKeycloak(t, "alice") == 0 })
	for origin := range origins {
		four.demandPasswordIn(led, origin+"/")
	}
}

// signedOutAnywhere reports whether the tab shows a signed-out page, of whichever origin.
func signedOutAnywhere(tab *harness.Tab) bool {
	at, err := url.Parse(tab.URL())
	return err == nil && at.Path == "/.cardea/signed-out"
}

// TestX2_SignOutOfTheLaptopLeavesThePhone: one browser's sign-out ends one session; to
// end them all is another act.
func TestX2_SignOutOfTheLaptopLeavesThePhone(t *testing.T) {
	app := sharedStreamlit(t)
	w := newWorld(t, onStreamlit(app))
	laptop, phone := w.inLedger(t, "alice"), w.inLedger(t, "alice")
	hers := openStream(t, bare(t, phone, "alice", w.URL), w.URL, harness.StreamOptions{})
	w.signOutByButton(laptop)
	laptop.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(laptop) })
	time.Sleep(2 * time.Second)
	phone.Click(countButton)
	ledger(phone, "alice", 1)
	select {
	case <-hers.Ended:
		t.Errorf("the phone's stream was cut: %v", hers.Err)
	default:
	}
	harness.Eventually(t, patient, "the phone's session alone at Keycloak", func() bool { return w.sessionsAtKeycloak(t, "alice") == 1 })

	for _, id := range w.SessionIDs(t, "alice") {
		if _, err := w.Command("sessions", "end", id); err != nil {
			t.Fatal(err)
		}
	}
	phone.Until(patient, "the signed-out page on the phone", func() bool { return w.onSignedOutPage(phone) })
}

// TestX3_ProviderDownAtSignOut_LocalEndAtOnceAndTold: apps, tabs and gateway are closed
// at once; the receipt says that the provider has not been told, and it is told when it
// is back.
func TestX3_ProviderDownAtSignOut_LocalEndAtOnceAndTold(t *testing.T) {
	w, z := ziplineWorld(t)
	tab := chromium.Person(t)
	tab.Go(w.URL + "/")
	tab.Password("alice")
	tab.Wait("#who")
	other := tab.NewTab()
	alice := bare(t, tab, "alice", w.URL)
	refresh := w.front.Seen(func(x *harness.Exchange) bool { return x.TokenGrant() == "authorization_code" })[0].Token("refresh_token")

	w.front.SetDown(true)
	ended := w.whenEnded(t, "alice")
	w.signOutByButton(other)
	w.demandLeft(t, tab, ended, 2*time.Second)
	demandProblem(t, alice.Fetch(t, http.MethodGet, w.URL+"/api/user"))
	harness.Eventually(t, patient, "the end of Zipline's session", func() bool { return z.Sessions("alice") == 0 })
	receipt := bare(t, other, "alice", w.URL).Open(t, w.URL+"/.cardea/signed-out")
	w.demandSignedOutPage(t, receipt)
	// Whether it was tried in vain by then is a matter of moments.
	if got := receiptLine(receipt, "session at Keycloak"); got != "retrying" && got != "under-way" {
		t.Errorf("the receipt says %q of a provider that is down: %s", got, receipt.Text())
	}
	if got := receiptLine(receipt, "session in files"); got != "done" {
		t.Errorf("the receipt says %q of the app: %s", got, receipt.Text())
	}
	if n := w.sessionsAtKeycloak(t, "alice"); n != 1 {
		t.Fatalf("%d sessions of alice at Keycloak; this proves something only with 1", n)
	}
	w.front.SetDown(false)
	w.eventuallyEnded(t, "alice", refresh, 3*time.Minute)
}

// receiptLine returns the state of the receipt's line that contains some words: done,
// under-way, retrying, still-open, not-possible or failed; "" without such a line.
func receiptLine(page *harness.Page, words string) string {
	for _, m := range receiptItem.FindAllStringSubmatch(page.Body, -1) {
		if strings.Contains((&harness.Page{Body: m[2]}).Text(), words) {
			return m[1]
		}
	}
	return ""
}

// idleSocket: a WebSocket on which nobody says
// anything for longer than a listener keeps an idle connection (two minutes) is open,
// and so is the event stream of the page.
func idleSocket(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	socket := dialEcho(t, alice, w.URL)
	own := openEvents(t, alice, w.URL+"/.cardea/events")
	select {
	case <-socket.closed:
		t.Fatalf("the idle socket was closed: %v", socket.err)
	case <-own.done:
		t.Fatal("the page's event stream ended")
	case <-time.After(125 * time.Second):
	}
	socket.demandEcho("still here")
}

// onChainlitPreset puts the shared Chainlit behind, with its preset and nothing else.
func onChainlitPreset(p *plan) {
	onChainlit(p)
	p.config.Apps[0].Preset = "chainlit"
}

// TestC1_ChainlitPreset_LogoutEndsEverythingInEveryTab: Chainlit's own Logout with no
// more configuration than the preset's name. Both tabs are on the signed-out page.
func TestC1_ChainlitPreset_LogoutEndsEverythingInEveryTab(t *testing.T) {
	w := newWorld(t, onChainlitPreset)
	tab := chromium.Person(t)
	tab.Go(w.URL)
	tab.Password("alice")
	tab.Wait(chatInput)
	chatSay(tab, "alice", unique("hello"))
	other := tab.NewTab()
	other.Go(w.URL)
	other.Wait(chatInput)
	if tab.Cookies(w.URL)["access_token"] != "" {
		t.Error("Chainlit's token is in the browser")
	}
	before := len(headerSignIns(t, "alice"))

	chatLogout(tab)
	for _, open := range []*harness.Tab{tab, other} {
		open.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(open) })
	}
	time.Sleep(2 * time.Second)
	if n := len(headerSignIns(t, "alice")); n != before {
		t.Error("Chainlit's page signed alice back in")
	}
	w.demandChatGone(t, tab)
}

// TestC4_NextPersonInTheSameBrowser_IsWhoChainlitSays: alice's token, good for 15 days
// and never withdrawn, does not reach Chainlit from the browser that bob sits at.
func TestC4_NextPersonInTheSameBrowser_IsWhoChainlitSays(t *testing.T) {
	w := newWorld(t, onChainlitPreset)
	shared := w.inChat(t, "alice")
	w.demandSignedOutPage(t, shared.SignOut(t, w.URL))
	shared.Name = "bob"
	if page := w.signInAgain(t, shared, w.URL+"/"); page.Status != http.StatusOK || !page.Has("<title>") {
		t.Fatalf("bob is not in the chat: %s", page)
	}
	if page := shared.Fetch(t, http.MethodGet, w.URL+"/user"); page.Has(`"alice"`) {
		t.Fatalf("Chainlit takes bob for alice: %s", page)
	}
	if page := shared.Fetch(t, http.MethodPost, w.URL+"/auth/header"); page.Status != http.StatusOK {
		t.Fatalf("Chainlit's header sign-in: %s", page)
	}
	signIns := headerSignIns(t, "bob")
	if cookies := signIns[len(signIns)-1].Headers["cookie"]; strings.Contains(cookies, "access_token") {
		t.Error("a token reached Chainlit before bob had one")
	}
	if page := shared.Fetch(t, http.MethodGet, w.URL+"/user"); page.Status != http.StatusOK || !page.Has(`"bob"`) {
		t.Errorf("Chainlit does not know bob: %s", page)
	}
}
