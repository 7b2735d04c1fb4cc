package acceptance

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// world is one Cardea with its provider and its application: the process at
// http://localhost:PORT, a Front between everybody and Keycloak, an app behind.
type world struct {
	*harness.Cardea
	front *harness.Front
	app   *harness.Upstream
}

// plan is what a test changes of a world before it is made.
type plan struct {
	port     int
	config   harness.Config
	client   harness.Client
	front    *harness.Front // set to stand at another address
	upstream string         // set to put another application behind
}

// newWorld registers a client of its own with exact addresses, writes the
// configuration and starts Cardea.
func newWorld(t *testing.T, edits ...func(*plan)) *world {
	t.Helper()
	w := prepareWorld(t, edits...)
	w.Start(t)
	return w
}

// prepareWorld is newWorld without the start.
func prepareWorld(t *testing.T, edits ...func(*plan)) *world {
	t.Helper()
	app := harness.StartUpstream(t)
	p := &plan{port: harness.MustFreePort(t), upstream: app.URL}
	public := fmt.Sprintf("http://localhost:%d", p.port)
	p.front = env.StartFront(t, keycloak.URL, harness.FrontOptions{})
	// Ports come back within a run, and Keycloak keeps the clients of earlier tests.
	id := fmt.Sprintf("cardea-%d-%s", p.port, strings.ToLower(rand.Text()[:8]))
	p.client = harness.Client{
		ID: id, Secret: "secret-of-" + id + "-0123456789abcdef",
		RedirectURIs: []string{public + "/.cardea/callback/main"},
		PostLogout:   []string{public + "/.cardea/signed-out"},
	}
	p.config = harness.Config{
		PublicURL: public,
		Listen:    fmt.Sprintf("127.0.0.1:%d", p.port),
		Providers: []harness.Provider{{
			ID: "main", Kind: "keycloak", Issuer: keycloak.Issuer(p.front.URL),
			ClientID: id, ClientSecretEnv: "CARDEA_CLIENT_SECRET",
		}},
		Apps: []harness.App{{ID: "app", URL: public}},
	}
	for _, edit := range edits {
		edit(p)
	}
	for i := range p.config.Apps {
		if p.config.Apps[i].Upstream == "" {
			p.config.Apps[i].Upstream = p.upstream
		}
	}
	keycloak.Admin.Register(t, p.client)
	cardea := env.NewCardea(t, harness.CardeaSetup{Config: p.config, ClientID: p.client.ID, Secret: p.client.Secret})
	return &world{Cardea: cardea, front: p.front, app: app}
}

// shortTokens makes access tokens live that long.
func shortTokens(life time.Duration) func(*plan) {
	return func(p *plan) { p.client.TokenLifespan = life }
}

// onChainlit puts the shared Chainlit behind.
func onChainlit(p *plan) {
	p.upstream = chat.URL
	p.config.Apps[0].ID = "chat"
}

// chainlitLogout tells Cardea which of Chainlit's requests is its sign-out.
func chainlitLogout(p *plan) { p.config.Apps[0].Logout = []harness.Logout{{Path: "/logout"}} }

// firstApp edits the first app's configuration.
func firstApp(edit func(*harness.App)) func(*plan) {
	return func(p *plan) { edit(&p.config.Apps[0]) }
}

// user asks the application, by a script's request, whom it is told; "" when the
// answer is not the application's.
func (w *world) user(t *testing.T, p *harness.Person) string {
	t.Helper()
	page := p.Fetch(t, http.MethodGet, w.URL+"/whoami")
	return userOf(page)
}

func userOf(page *harness.Page) string {
	var answer struct {
		User string `json:"user"`
	}
	if page.Status != http.StatusOK || json.Unmarshal([]byte(page.Body), &answer) != nil {
		return ""
	}
	return answer.User
}

// signedIn opens a browser for a person and signs in to the world's app.
func (w *world) signedIn(t *testing.T, name string) *harness.Person {
	t.Helper()
	p := env.NewPerson(t, name, nil)
	page := p.SignIn(t, w.URL+"/")
	if !page.Has(`id="who">` + name + "<") {
		t.Fatalf("%s is not in the app after signing in: %s\n%s", name, page, w.LogTail())
	}
	return p
}

// sessionsAtKeycloak counts a person's sessions at Keycloak that this Cardea takes
// part in.
func (w *world) sessionsAtKeycloak(t *testing.T, name string) int {
	t.Helper()
	return len(keycloak.Admin.Sessions(t, name, w.ClientID))
}

// demandEndedAtKeycloak waits until Keycloak lists no session of a person with this
// Cardea: it writes ends behind its answers.
func (w *world) demandEndedAtKeycloak(t *testing.T, name string) {
	t.Helper()
	harness.Eventually(t, patient, "the end of the session of "+name+" at Keycloak", func() bool {
		return w.sessionsAtKeycloak(t, name) == 0
	})
}

// delivered reports whether the log tells of a message of that kind to the provider that
// has arrived.
func (w *world) delivered(kind string) bool {
	for line := range strings.Lines(w.Log()) {
		if strings.Contains(line, "msg=delivered ") && strings.Contains(line, "kind="+kind+" ") {
			return true
		}
	}
	return false
}

// eventuallyEnded waits until Keycloak lists no session of a person with this Cardea
// and holds the refresh token for dead, and demands that both are still so a little
// later: Keycloak writes ends behind its answers, and in between still honours what it
// reads from its database.
func (w *world) eventuallyEnded(t *testing.T, name, refresh string, within time.Duration) {
	t.Helper()
	ended := func() bool {
		return w.sessionsAtKeycloak(t, name) == 0 &&
			!keycloak.TokenActive(t, w.front.URL, w.ClientID, w.Secret, refresh)
	}
	harness.Eventually(t, within, "the end of the session of "+name+" at Keycloak", ended)
	time.Sleep(2 * time.Second)
	if !ended() {
		t.Errorf("the session of %s came back at Keycloak", name)
	}
	if keycloak.TokenRefreshes(t, w.front.URL, w.ClientID, w.Secret, refresh) {
		t.Errorf("the refresh token of %s still works", name)
	}
}

// demandNoSession fails unless a script's request gets 401 as a problem document,
// without redirect and without any cookie.
func (w *world) demandNoSession(t *testing.T, p *harness.Person) {
	t.Helper()
	demandProblem(t, p.Fetch(t, http.MethodGet, w.URL+"/whoami"))
}

func demandProblem(t *testing.T, page *harness.Page) {
	t.Helper()
	if page.Status != http.StatusUnauthorized {
		t.Fatalf("want 401: %s", page)
	}
	if kind := page.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/problem+json") {
		t.Errorf("the 401 is %q, not a problem document", kind)
	}
	if page.Header.Get("Location") != "" {
		t.Error("the 401 carries a Location")
	}
}

// demandSignedOutPage fails unless the navigation ended on the signed-out page.
func (w *world) demandSignedOutPage(t *testing.T, page *harness.Page) {
	t.Helper()
	if page.Status != http.StatusOK || page.URL.Path != "/.cardea/signed-out" {
		t.Fatalf("want the signed-out page: %s\n%s", page, w.LogTail())
	}
}

// demandPassword opens an address after a sign-out. Nothing signs in by itself: there
// is the provider's form at once, or the signed-out page, whose link leads to it.
func (w *world) demandPassword(t *testing.T, p *harness.Person, target string) {
	t.Helper()
	page := p.Open(t, target)
	if page.URL.Path == "/.cardea/signed-out" {
		link, ok := page.Link("/.cardea/sign-in")
		if !ok {
			t.Errorf("the signed-out page has no link to sign in again: %s", page)
			return
		}
		var err error
		if page, err = p.Navigate(harness.Navigation{URL: link, From: page.URL}); err != nil {
			t.Errorf("signing in again: %v", err)
			return
		}
	}
	if !page.AsksPassword() {
		t.Errorf("the next sign-in does not ask for a password: %s\n%s", page, w.LogTail())
	}
}

// demandPasswordIn is demandPassword in Chromium.
func (w *world) demandPasswordIn(tab *harness.Tab, target string) {
	const again = "a[href*='/.cardea/sign-in']"
	tab.Go(target)
	tab.Until(patient, "the signed-out page or Keycloak's form", func() bool { return tab.OnSignIn() || tab.Has(again) })
	if !tab.OnSignIn() {
		tab.Click(again)
	}
	tab.Until(patient, "Keycloak's form", tab.OnSignIn)
}

// viaEndSession reports whether a navigation passed the provider's logout.
func viaEndSession(page *harness.Page) bool {
	return page.PassedThrough("/protocol/openid-connect/logout")
}

// receiptItem is one line of the receipt: its state is the class, for people it is
// the words.
var receiptItem = regexp.MustCompile(`(?s)<li class="([a-z-]+)">.*?<span class="text">(.*?)</span>`)

// providerOutcome returns the state of the receipt's line on the provider's session:
// done, under-way, retrying, still-open, not-possible or failed; "" without such a line.
func providerOutcome(page *harness.Page) string {
	for _, m := range receiptItem.FindAllStringSubmatch(page.Body, -1) {
		line := (&harness.Page{Body: m[2]}).Text()
		// An app's own session is "in" the app, the provider's is "at" the provider.
		ofProvider := strings.Contains(line, "Your session at ") && !strings.Contains(line, "this gateway") || strings.Contains(line, "Your session there")
		if ofProvider {
			return m[1]
		}
	}
	return ""
}

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func socketURL(origin, path string) string { return strings.Replace(origin, "http", "ws", 1) + path }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
