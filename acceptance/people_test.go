package acceptance

import (
	"encoding/json"

	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// twofold is a world with two providers: Keycloak is main, and other is somebody else's.
type twofold struct {
	*world
	other *elsewhere
}

// newTwofold starts both providers and a Cardea before them. The second provider's people
// have the claims beside their own.
func newTwofold(t *testing.T, claims object, edits ...func(*plan)) *twofold {
	t.Helper()
	more, err := json.Marshal(claims)
	file := filepath.Join(t.TempDir(), "claims.json")
	if err == nil {
		err = os.WriteFile(file, more, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var second *harness.Elsewhere
	w := newWorld(t, append([]func(*plan){func(p *plan) {
		second = env.StartElsewhere(t, "oidc-provider", harness.Registration{
			ID: p.client.ID, Secret: p.client.Secret, RedirectURI: p.config.PublicURL + "/.cardea/callback/other",
			PostLogout: p.config.PublicURL + "/.cardea/signed-out", More: map[string]string{"CLAIMS_FILE": file},
		}, nil)
		p.config.Providers = append(p.config.Providers, harness.Provider{
			ID: "other", Kind: "oidc", Issuer: second.URL, ClientID: p.client.ID, ClientSecretEnv: "CARDEA_CLIENT_SECRET",
		})
	}}, edits...)...)
	return &twofold{world: w, other: &elsewhere{world: w, at: second.URL}}
}

// signInURL starts a sign-in at one of the providers.
func (w *twofold) signInURL(provider string) string {
	return w.URL + "/.cardea/sign-in?" + url.Values{"provider": {provider}, "return": {"/"}}.Encode()
}

// byMain signs a new browser in at Keycloak.
func (w *twofold) byMain(t *testing.T, name string) *harness.Person {
	t.Helper()
	p := env.NewPerson(t, name, nil)
	w.demandInside(t, p.SignIn(t, w.signInURL("main")))
	return p
}

// byOther signs a new browser in at the second provider under a name there.
func (w *twofold) byOther(t *testing.T, name string) *harness.Person {
	t.Helper()
	p := env.NewPerson(t, name, nil)
	w.demandInside(t, w.other.through(t, p, p.Open(t, w.signInURL("other"))))
	return p
}

func (w *twofold) demandInside(t *testing.T, page *harness.Page) {
	t.Helper()
	if page.Status != http.StatusOK || !page.Has(`id="who"`) {
		t.Fatalf("not in the app: %s\n%s", page, w.LogTail())
	}
}

// accountID is the account that the app is told.
func (w *twofold) accountID(t *testing.T, p *harness.Person) string {
	t.Helper()
	return w.other.told(t, p, "X-Cardea-Account")
}

// accountPage opens my account.
func (w *twofold) accountPage(t *testing.T, p *harness.Person) *harness.Page {
	t.Helper()
	page := p.Open(t, w.URL+"/.cardea/account")
	if page.Status != http.StatusOK || page.URL.Path != "/.cardea/account" {
		t.Fatalf("want the account page: %s\n%s", page, w.LogTail())
	}
	return page
}

// form finds the form of the account page that posts to an act and has a value.
func accountForm(t *testing.T, page *harness.Page, act, value string) harness.Form {
	t.Helper()
	for _, f := range page.Forms() {
		if !strings.HasSuffix(f.Action, "/.cardea/account/"+act) {
			continue
		}
		for _, values := range f.Values {
			if value == "" || values[0] == value {
				return f
			}
		}
	}
	t.Fatalf("the page has no form for %s %s: %s\n%s", act, value, page, page.Text())
	return harness.Form{}
}

// link links the second provider to the account that p is signed in to.
func (w *twofold) link(t *testing.T, p *harness.Person) *harness.Page {
	t.Helper()
	page := w.accountPage(t, p)
	next, err := p.Submit(page, accountForm(t, page, "link", "other"))
	if err != nil {
		t.Fatal(err)
	}
	return w.other.through(t, p, next)
}

// identity is one as cardea accounts show tells it.
type identity struct{ Key, Provider, Subject string }

// identities are those of a handle.
func (w *twofold) identities(t *testing.T, handle string) []identity {
	t.Helper()
	out, err := w.Command("accounts", "show", handle, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Account struct{ Identities []identity }
	}
	if err := json.Unmarshal([]byte(out), &shown); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return shown.Account.Identities
}

func (w *twofold) demandIdentities(t *testing.T, handle string, want ...string) []identity {
	t.Helper()
	list := w.identities(t, handle)
	got := map[string]bool{}
	for _, i := range list {
		got[i.Provider] = true
	}
	for _, provider := range want {
		if !got[provider] {
			t.Errorf("%s has no identity of %s: %v", handle, provider, list)
		}
	}
	if len(list) != len(want) {
		t.Errorf("%s has %d identities, want %d: %v", handle, len(list), len(want), list)
	}
	return list
}

// unlink unlinks an identity on the page of p.
func (w *twofold) unlink(t *testing.T, p *harness.Person, key string) *harness.Page {
	t.Helper()
	page := w.accountPage(t, p)
	next, err := p.Submit(page, accountForm(t, page, "unlink", key))
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func keyOf(t *testing.T, list []identity, provider string) string {
	t.Helper()
	for _, i := range list {
		if i.Provider == provider {
			return i.Key
		}
	}
	t.Fatalf("no identity of %s in %v", provider, list)
	return ""
}

// TestPeople_Z5_LinkUnlinkLinkAgain: one person, Keycloak and a second provider.
func TestPeople_Z5_LinkUnlinkLinkAgain(t *testing.T) {
	w := newTwofold(t, nil)
	alice := w.byMain(t, "alice")
	account := w.accountID(t, alice)
	if page := w.link(t, alice); page.URL.Path != "/.cardea/account" || page.Status != http.StatusOK {
		t.Fatalf("after linking: %s\n%s", page, w.LogTail())
	}
	list := w.demandIdentities(t, "alice", "main", "other")

	phone := w.byOther(t, "alice")
	if got := w.accountID(t, phone); got != account || w.user(t, phone) != "alice" {
		t.Errorf("the second provider leads to account %q, the first to %q", got, account)
	}
	socket := dialEcho(t, phone, w.URL)
	socket.demandEcho("before")
	ended := w.whenEnded(t, "alice")
	w.unlink(t, alice, keyOf(t, list, "other"))
	socket.demandClosedSince(ended, time.Second)
	w.demandNoSession(t, phone)
	if w.user(t, alice) != "alice" {
		t.Error("unlinking the second identity ended the first one's session")
	}
	w.demandIdentities(t, "alice", "main")

	last := w.accountPage(t, alice)
	for _, f := range last.Forms() {
		if strings.HasSuffix(f.Action, "/account/unlink") {
			if page, err := alice.Submit(last, f); err != nil || page.Has("done=unlinked") {
				t.Errorf("unlinking the last one: %v %s", err, page)
			}
		}
	}
	w.demandIdentities(t, "alice", "main")
	if w.user(t, alice) != "alice" {
		t.Error("asking to unlink the last identity ended the session")
	}

	w.link(t, alice)
	w.demandIdentities(t, "alice", "main", "other")
	if got := w.accountID(t, w.byOther(t, "alice")); got != account {
		t.Errorf("linked again, the second provider leads to %q, want %q", got, account)
	}
	w.demandSignedOutPage(t, w.other.through(t, alice, alice.SignOut(t, w.URL)))
	w.demandNoSession(t, alice)
}

// TestPeople_AnIdentityOfAnotherAccountIsNeverMoved: the page says whose choice it is, and
// an operator can make it.
func TestPeople_AnIdentityOfAnotherAccountIsNeverMoved(t *testing.T) {
	w := newTwofold(t, nil)
	w.byOther(t, "bob")
	alice := w.byMain(t, "alice")
	page := w.accountPage(t, alice)
	next, err := alice.Submit(page, accountForm(t, page, "link", "other"))
	if err != nil {
		t.Fatal(err)
	}
	alice.Name = "bob" // at the second provider she proves bob's identity
	refused := w.other.through(t, alice, next)
	alice.Name = "alice"
	if refused.Status != http.StatusConflict || !refused.Has("It is your choice") {
		t.Errorf("linking bob's identity: %s\n%s", refused, refused.Text())
	}
	w.demandIdentities(t, "alice", "main")
	w.demandIdentities(t, "bob", "other")
	if w.user(t, alice) != "alice" {
		t.Error("a refused link ended the session")
	}
	if _, err := w.Command("accounts", "delete", "bob", "--yes", "bob"); err != nil {
		t.Fatal(err)
	}
	alice.Name = "bob"
	w.link(t, alice)
	alice.Name = "alice"
	w.demandIdentities(t, "alice", "main", "other")
}

// trusting marks providers as trusted for verified e-mail addresses.
func trusting(ids ...string) func(*plan) {
	return func(p *plan) {
		for i := range p.config.Providers {
			for _, id := range ids {
				if p.config.Providers[i].ID == id {
					p.config.Providers[i].LinkVerifiedEmail = true
				}
			}
		}
	}
}

// TestPeople_NobodyIsTakenOver: what advisories tell of, against alice of Keycloak.
func TestPeople_NobodyIsTakenOver(t *testing.T) {
	hers := object{"email": "alice@acme.example"}
	for name, tc := range map[string]struct {
		claims object
		edits  []func(*plan)
		sub    func(t *testing.T) string
		same   bool
	}{
		"by e-mail, nobody trusted":            {claims: hers},
		"by e-mail, the other alone trusted":   {claims: hers, edits: []func(*plan){trusting("other")}},
		"by e-mail, hers alone trusted":        {claims: hers, edits: []func(*plan){trusting("main")}},
		"by an unverified e-mail":              {claims: object{"email": "alice@acme.example", "email_verified": false}, edits: []func(*plan){trusting("main", "other")}},
		"by an e-mail verified as a text":      {claims: object{"email": "alice@acme.example", "email_verified": "true"}, edits: []func(*plan){trusting("main", "other")}},
		"by an address with two parts":         {claims: object{"email": "alice@acme.example@evil.example"}, edits: []func(*plan){trusting("main", "other")}},
		"by an address that looks the same":    {claims: object{"email": "аlice@acme.example"}, edits: []func(*plan){trusting("main", "other")}},
		"by her subject at another issuer":     {claims: nil, sub: func(t *testing.T) string { return keycloak.Admin.UserID(t, "alice") }},
		"both trusted: she comes by the other": {claims: hers, edits: []func(*plan){trusting("main", "other")}, same: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwofold(t, tc.claims, tc.edits...)
			alice := w.byMain(t, "alice")
			login := "mallory"
			if tc.sub != nil {
				login = tc.sub(t)
			}
			mallory := w.byOther(t, login)
			same := w.accountID(t, mallory) == w.accountID(t, alice)
			if same != tc.same {
				t.Errorf("the other provider's person is in alice's account: %t, want %t", same, tc.same)
			}
			if !tc.same {
				w.demandIdentities(t, "alice", "main")
			}
		})
	}
}

// TestPeople_LinkingCannotBeForged: by a form of another site, and by an answer that an
// attacker carries into the victim's browser.
func TestPeople_LinkingCannotBeForged(t *testing.T) {
	w := newTwofold(t, nil)
	alice, mallory := w.byMain(t, "alice"), w.byMain(t, "bob")

	page := w.accountPage(t, alice)
	form := accountForm(t, page, "link", "other")
	evil, _ := url.Parse("https://evil.example/")
	next, err := alice.Navigate(harness.Navigation{Method: http.MethodPost, URL: w.URL + "/.cardea/account/link", Form: form.Values, From: evil})
	if err != nil || next.Status < 400 || strings.HasPrefix(next.URL.String(), w.other.at) {
		t.Errorf("a form of another site: %v %s", err, next)
	}
	hers := w.accountPage(t, mallory)
	stolen := accountForm(t, hers, "link", "other") // mallory's form, sent from alice's browser by a page of the same origin
	if next, err = alice.Submit(page, stolen); err != nil || next.Status < 400 {
		t.Errorf("another session's form: %v %s", err, next)
	}

	// mallory begins to link, proves an identity of the second provider, and keeps the answer.
	begun, err := mallory.Submit(hers, stolen)
	if err != nil {
		t.Fatal(err)
	}
	answer := w.other.answer(t, mallory, begun)
	if next, err = alice.Navigate(harness.Navigation{URL: answer}); err != nil || next.Status < 400 && next.URL.Path == "/.cardea/account" {
		t.Errorf("mallory's answer in alice's browser: %v %s", err, next)
	}
	w.demandIdentities(t, "alice", "main")
	w.demandIdentities(t, "bob", "main")
	if w.user(t, alice) != "alice" {
		t.Error("alice's session did not stand it")
	}
}

// answer goes as far as the provider's answer and returns its address instead of going there.
func (w *elsewhere) answer(t *testing.T, p *harness.Person, page *harness.Page) string {
	t.Helper()
	p.StopAt = w.URL + "/.cardea/callback/"
	defer func() { p.StopAt = "" }()
	page = w.through(t, p, page)
	if !strings.HasPrefix(page.URL.String(), p.StopAt) {
		t.Fatalf("the provider gave no answer: %s", page)
	}
	return page.URL.String()
}

// TestPeople_SigningOutAnotherDeviceEndsItsSocketWithinASecond, by the page of Chromium.
func TestPeople_SigningOutAnotherDeviceEndsItsSocketWithinASecond(t *testing.T) {
	w := newWorld(t)
	tab := chromium.Person(t)
	tab.Go(w.URL + "/")
	tab.Password("alice")
	tab.Wait("#who")
	phone := w.signedIn(t, "alice")
	socket := dialEcho(t, phone, w.URL)
	socket.demandEcho("before")

	tab.Go(w.URL + "/.cardea/account")
	others := `form[action$="/account/sign-out"] button`
	tab.Wait(others)
	ended := w.whenEnded(t, "alice")
	tab.Click(others)
	socket.demandClosedSince(ended, time.Second)
	w.demandNoSession(t, phone)
	tab.Until(patient, "the page no longer lists the other device", func() bool { return !tab.Has(others) })
	if n := len(w.SessionIDs(t, "alice")); n != 1 {
		t.Errorf("alice has %d sessions", n)
	}

	// Live: a device that comes is shown, and this one is led away when the other ends everything.
	second := w.signedIn(t, "alice")
	tab.Until(patient, "the new device is shown without a reload", func() bool { return tab.Has(others) })
	if out, err := second.Navigate(harness.Navigation{URL: w.URL + "/.cardea/account"}); err != nil || out.Status != http.StatusOK {
		t.Fatalf("%v %s", err, out)
	}
	if _, err := w.Command("sessions", "end", "--account", "alice", "--yes"); err != nil {
		t.Fatal(err)
	}
	tab.Until(patient, "the page of an ended session leaves", func() bool { return strings.Contains(tab.URL(), "/.cardea/signed-out") })
}

// TestPeople_AnOperatorEnds1000Sessions: every one is refused at once, ended at Keycloak,
// and others stay.
func TestPeople_AnOperatorEnds1000Sessions(t *testing.T) {
	const crowd = 1000
	w := newWorld(t)
	bob := w.signedIn(t, "bob")
	first := w.signedIn(t, "alice")
	seats := w.followers(t, first, crowd-1)
	socket := dialEcho(t, first, w.URL)
	moment := time.Now()
	out, err := w.Command("sessions", "end", "--account", "alice", "--yes")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d sessions ended in %v: %s", crowd, time.Since(moment).Round(time.Millisecond), strings.TrimSpace(out))
	socket.demandClosedSince(at(moment), 30*time.Second)
	for i, p := range seats {
		if i%50 == 0 {
			w.demandNoSession(t, p)
		}
	}
	list, err := w.Command("sessions", "list", "--account", "alice")
	if err != nil || strings.Contains(list, "alice") {
		t.Errorf("left: %v\n%s", err, list)
	}
	if w.user(t, bob) != "bob" {
		t.Error("bob's session ended too")
	}
	harness.Eventually(t, 5*time.Minute, "the end at Keycloak", func() bool { return w.sessionsAtKeycloak(t, "alice") == 0 })
	ended, err := w.Command("audit", "list", "--type", "session.ended", "--account", "alice", "--all", "--json")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(ended, "\n"); n != crowd {
		t.Errorf("the trail tells of %d ends, want %d", n, crowd)
	}
}

// followers opens that many browsers beside a person's, all signed in by the session that
// the person has at Keycloak: no password is hashed a thousand times.
func (w *world) followers(t *testing.T, p *harness.Person, n int) []*harness.Person {
	t.Helper()
	seats := make([]*harness.Person, n)
	for i := range seats {
		seats[i] = p.Copy(t, env, w.front.URL+"/realms/"+keycloak.Admin.Realm+"/")
	}
	inParallel(n, 8, func(i int) {
		page, err := seats[i].Navigate(harness.Navigation{URL: w.URL + "/"})
		if err != nil || !page.Has(`id="who"`) {
			t.Errorf("browser %d: %v %s", i, err, page)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return seats
}

// inParallel calls do for 0 to n-1, a few at once.
func inParallel(n, atOnce int, do func(int)) {
	next := make(chan int)
	done := make(chan struct{})
	for range atOnce {
		go func() {
			for i := range next {
				do(i)
			}
			done <- struct{}{}
		}()
	}
	for i := range n {
		next <- i
	}
	close(next)
	for range atOnce {
		<-done
	}
}
