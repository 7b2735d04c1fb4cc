package acceptance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// elsewhere is a world whose provider is one of other people's making.
type elsewhere struct {
	*world
	at string // the provider's scheme, host and port
}

// abroad is what a test changes of an elsewhere before it is made.
type abroad struct {
	client   harness.Registration
	provider harness.Provider // Issuer is completed: it is a path below the provider's URL
	access   map[string]any
	ca       *harness.CA
}

// newElsewhere starts the provider and, before it, a Cardea that has the kind's record.
func newElsewhere(t *testing.T, serves, kind string, edits ...func(*abroad)) *elsewhere {
	t.Helper()
	app := harness.StartUpstream(t)
	port := harness.MustFreePort(t)
	public := fmt.Sprintf("http://localhost:%d", port)
	a := &abroad{
		client: harness.Registration{
			ID: "cardea-client", Secret: "secret-" + strings.ToLower(rand.Text()),
			RedirectURI: public + "/.cardea/callback/main", PostLogout: public + "/.cardea/signed-out",
		},
		provider: harness.Provider{ID: "main", Kind: kind, ClientID: "cardea-client", ClientSecretEnv: "CARDEA_CLIENT_SECRET"},
	}
	for _, edit := range edits {
		edit(a)
	}
	if a.client.BackChannel != "" {
		a.client.BackChannel = public + "/.cardea/backchannel-logout"
	}
	var at string
	if serves == "hydra" {
		at = strings.TrimSuffix(env.StartHydra(t, a.client).URL, "/")
	} else {
		at = env.StartElsewhere(t, serves, a.client, a.ca).URL
	}
	a.provider.Issuer = at + a.provider.Issuer
	if a.ca != nil {
		a.provider.CAFile = a.ca.File
	}
	cardea := env.NewCardea(t, harness.CardeaSetup{
		ClientID: a.client.ID, Secret: a.client.Secret,
		Config: harness.Config{
			PublicURL: public, Listen: fmt.Sprintf("127.0.0.1:%d", port), Providers: []harness.Provider{a.provider},
			Apps: []harness.App{{ID: "app", URL: public, Upstream: app.URL, Access: a.access}},
		},
	})
	w := &elsewhere{world: &world{Cardea: cardea, app: app}, at: at}
	w.Start(t)
	return w
}

// record overrides fields of the kind's record.
func record(fields map[string]any) func(*abroad) {
	return func(a *abroad) { a.provider.Record = fields }
}

// object is a part of a record.
type object = map[string]any

// through does what pages of the provider ask of a person until one of Cardea's or the
// app's is there: choosing themselves, name and password, consent, yes to a sign-out.
func (w *elsewhere) through(t *testing.T, p *harness.Person, page *harness.Page) *harness.Page {
	t.Helper()
	page, err := w.tryThrough(p, page)
	if err != nil {
		t.Fatalf("%v\n%s", err, w.LogTail())
	}
	return page
}

// tryThrough is through for goroutines, which must not end the test.
func (w *elsewhere) tryThrough(p *harness.Person, page *harness.Page) (*harness.Page, error) {
	for range 6 {
		if strings.HasPrefix(page.URL.String(), w.URL+"/") {
			return page, nil
		}
		var err error
		if page, err = w.obey(p, page); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the provider asks on and on: %s", page)
}

func (w *elsewhere) obey(p *harness.Person, page *harness.Page) (*harness.Page, error) {
	if next, err := p.Pick(page); err == nil {
		return next, nil
	}
	if page.Has("auth0.js") {
		return w.passwordByScript(p, page)
	}
	forms := page.Forms()
	if len(forms) == 0 {
		return nil, fmt.Errorf("the provider's page asks for nothing: %s", page)
	}
	form := forms[0]
	if form.Values.Has("login") {
		form.Values.Set("login", p.Name)
		form.Values.Set("password", "anything")
	}
	if form.ID == "op.logoutForm" {
		form.Values.Set("logout", "yes")
	}
	return p.Submit(page, form)
}

// passwordByScript does what the script of the look-alike's page does.
func (w *elsewhere) passwordByScript(p *harness.Person, page *harness.Page) (*harness.Page, error) {
	q := page.URL.Query()
	login := url.Values{}
	for name := range q {
		login.Set(name, q.Get(name))
	}
	login.Set("username", p.Name+"@example.com")
	login.Set("password", p.Name+"-at-auth0")
	answer, err := p.Navigate(harness.Navigation{Method: http.MethodPost, URL: w.at + "/usernamepassword/login", Form: login, From: page.URL})
	if err != nil {
		return nil, err
	}
	if len(answer.Forms()) == 0 {
		return nil, fmt.Errorf("the password was not taken: %s", answer)
	}
	return p.Submit(answer, answer.Forms()[0])
}

// enter opens the app in a new browser and signs in.
func (w *elsewhere) enter(t *testing.T, name string, roots *x509.CertPool) *harness.Person {
	t.Helper()
	p := env.NewPerson(t, name, roots)
	page := w.through(t, p, p.Open(t, w.URL+"/"))
	if page.Status != http.StatusOK || !page.Has(`id="who"`) {
		t.Fatalf("%s is not in the app: %s\n%s", name, page, w.LogTail())
	}
	return p
}

// told is a header that the app got with the person's last request.
func (w *elsewhere) told(t *testing.T, p *harness.Person, header string) string {
	t.Helper()
	p.Fetch(t, http.MethodGet, w.URL+"/headers")
	arrivals := w.app.Arrivals("/headers")
	return arrivals[len(arrivals)-1].Header.Get(header)
}

// leave signs out by Cardea's button and follows the provider's pages back.
func (w *elsewhere) leave(t *testing.T, p *harness.Person) *harness.Page {
	t.Helper()
	page := w.through(t, p, p.SignOut(t, w.URL))
	w.demandSignedOutPage(t, page)
	w.demandNoSession(t, p)
	return page
}

// demandNoWayBack fails if the app is reached again without the provider asking anything.
func (w *elsewhere) demandNoWayBack(t *testing.T, p *harness.Person) {
	t.Helper()
	page := p.Open(t, w.URL+"/")
	if link, ok := page.Link("/.cardea/sign-in"); ok && page.URL.Path == "/.cardea/signed-out" {
		page = p.Open(t, link)
	}
	if page.Has(`id="who"`) {
		t.Errorf("signed straight back in: %s", page)
	}
}

// demandAsked fails unless the last authorization request of a navigation says so.
func demandAsked(t *testing.T, page *harness.Page, authorize string, want map[string]string) {
	t.Helper()
	for i := len(page.Hops) - 1; i >= 0; i-- {
		u, err := url.Parse(page.Hops[i])
		if err != nil || !strings.HasSuffix(u.Path, authorize) {
			continue
		}
		for name, value := range want {
			if got := u.Query().Get(name); got != value {
				t.Errorf("the authorization request has %s=%q, want %q", name, got, value)
			}
		}
		return
	}
	t.Errorf("no authorization request was made: %s", page)
}

// TestProviders_OIDCProvider_WholeLife: a certified provider with rotation, consent and a
// confirmation page at sign-out.
func TestProviders_OIDCProvider_WholeLife(t *testing.T) {
	w := newElsewhere(t, "oidc-provider", "oidc", func(a *abroad) {
		a.provider.Record = object{"refresh": object{"needs": object{"params": object{"prompt": "consent"}}}}
		a.client.More = map[string]string{"ACCESS_TOKEN_LIFE": "4"}
		a.client.Secret = "a%2Bsecret+with:signs/" + rand.Text() // has to be form-encoded for Basic
		a.access = object{"groups": []string{"chat"}}
	})
	alice := w.enter(t, "alice", nil)
	if got := w.told(t, alice, "X-Forwarded-Email"); got != "alice@example.com" {
		t.Errorf("the app was told the e-mail address %q", got)
	}
	time.Sleep(4500 * time.Millisecond)
	for range 3 {
		if got := w.user(t, alice); got != "alice" {
			t.Fatalf("after the access token's end the app is told %q\n%s", got, w.LogTail())
		}
		time.Sleep(4100 * time.Millisecond)
	}
	page := w.leave(t, alice)
	if got := providerOutcome(page); got != "done" {
		t.Errorf("the receipt says %q of the provider's session: %s", got, page.Text())
	}
	w.demandNoWayBack(t, alice)

	bob := env.NewPerson(t, "bob", nil)
	denied := w.through(t, bob, bob.Open(t, w.URL+"/"))
	if denied.Status != http.StatusForbidden {
		t.Errorf("bob, who is not of the group, got %s", denied)
	}
}

// TestProviders_OIDCProvider_EndsSessionsByBackChannel: signed out at the provider itself.
func TestProviders_OIDCProvider_EndsSessionsByBackChannel(t *testing.T) {
	w := newElsewhere(t, "oidc-provider", "oidc", func(a *abroad) { a.client.BackChannel = "yes" })
	alice := w.enter(t, "alice", nil)
	if _, err := w.obey(alice, alice.Open(t, w.at+"/session/end")); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, patient, "the end of the session here", func() bool { return w.user(t, alice) == "" })
	w.demandNoWayBack(t, alice)
}

// TestProviders_OIDCProvider_PrivateKeyJWT: no secret is shared at all (RFC 7523).
func TestProviders_OIDCProvider_PrivateKeyJWT(t *testing.T) {
	file, jwks := clientKey(t)
	w := newElsewhere(t, "oidc-provider", "oidc", func(a *abroad) {
		a.provider.ClientSecretEnv, a.provider.ClientKeyFile, a.provider.ClientKeyID = "", file, "key-1"
		a.client.More = map[string]string{"CLIENT_JWKS": jwks}
	})
	alice := w.enter(t, "alice", nil)
	if got := w.user(t, alice); got != "alice" {
		t.Errorf("the app is told %q", got)
	}
	w.leave(t, alice)
}

// clientKey makes a key by which Cardea proves who it is: the file for its configuration
// and the key set for the provider's.
func clientKey(t *testing.T) (file, jwks string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "client-key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	coordinate := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	return file, fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"key-1","use":"sig","x":%q,"y":%q}]}`, coordinate(point[1:33]), coordinate(point[33:]))
}
