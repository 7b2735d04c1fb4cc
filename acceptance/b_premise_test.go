package acceptance

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// The premises are what the scenarios take for granted of Keycloak and of the harness.
// When one fails, look there before looking at Cardea.

// relying is a bare relying party: enough of one to have tokens of our own.
type relying struct {
	client harness.Client
	realm  string
	front  *harness.Front
	land   string
}

// tokens of one sign-in.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

const verifier = "acceptance-code-verifier-0123456789-0123456789-abc"

func newRelying(t *testing.T, front *harness.Front, life time.Duration) *relying {
	t.Helper()
	app := harness.StartUpstream(t)
	id := fmt.Sprintf("relying-%d", time.Now().UnixNano())
	r := &relying{
		client: harness.Client{
			ID: id, Secret: "secret-of-" + id, RedirectURIs: []string{app.URL + "/landing"},
			PostLogout: []string{app.URL + "/left"}, TokenLifespan: life,
		},
		realm: "acme", front: front, land: app.URL + "/landing",
	}
	return r
}

func (r *relying) endpoint(name string) string {
	return r.front.URL + "/realms/" + r.realm + "/protocol/openid-connect/" + name
}

func (r *relying) authURL() string {
	challenge := sha256.Sum256([]byte(verifier))
	return r.endpoint("auth") + "?" + url.Values{
		"response_type": {"code"}, "client_id": {r.client.ID}, "redirect_uri": {r.land}, "scope": {"openid profile email"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"}, "state": {"acceptance-state"},
	}.Encode()
}

// signIn carries the whole code flow.
func (r *relying) signIn(t *testing.T, p *harness.Person) tokens {
	t.Helper()
	page := p.SignIn(t, r.authURL())
	code := page.URL.Query().Get("code")
	if code == "" {
		t.Fatalf("no code: %s", page)
	}
	got, status := r.token(t, p, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r.land}, "code_verifier": {verifier},
	})
	if status != http.StatusOK {
		t.Fatalf("the token endpoint answered %d", status)
	}
	return got
}

// token calls the token endpoint; status 0 is no answer.
func (r *relying) token(t *testing.T, p *harness.Person, form url.Values) (tokens, int) {
	t.Helper()
	form.Set("client_id", r.client.ID)
	form.Set("client_secret", r.client.Secret)
	req, err := http.NewRequest(http.MethodPost, r.endpoint("token"), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := p.Do(req)
	if err != nil {
		return tokens{}, 0
	}
	defer res.Body.Close()
	var got tokens
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got, res.StatusCode
}

func (r *relying) refresh(t *testing.T, p *harness.Person, token string) (tokens, int) {
	t.Helper()
	return r.token(t, p, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// issuerOf reads iss without judging the token.
func issuerOf(t *testing.T, idToken string) string {
	t.Helper()
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		t.Fatalf("an ID token of %d parts", len(parts))
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(data, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Issuer
}

// TestPremise_AddressesDecideTheIssuer: Keycloak names itself after the Front it is
// asked through, over TLS too, and after the realm's own address where it has one.
func TestPremise_AddressesDecideTheIssuer(t *testing.T) {
	ca := harness.NewCA(t)
	plain := env.StartFront(t, keycloak.URL, harness.FrontOptions{})
	secure := env.StartFront(t, keycloak.URL, harness.FrontOptions{TLS: ca.Certificate(t)})
	for _, front := range []*harness.Front{plain, secure} {
		r := newRelying(t, front, 0)
		keycloak.Admin.Register(t, r.client)
		got := r.signIn(t, env.NewPerson(t, "alice", ca.Pool))
		if iss := issuerOf(t, got.ID); iss != keycloak.Issuer(front.URL) {
			t.Errorf("issuer %s, want %s", iss, keycloak.Issuer(front.URL))
		}
	}

	public := env.StartFront(t, keycloak.URL, harness.FrontOptions{Host: "keycloak.localhost"})
	admin := keycloak.Admin.ForRealm("premise")
	admin.MakeRealm(t, public.URL)
	r := newRelying(t, plain, 0)
	r.realm = "premise"
	admin.Register(t, r.client)
	alice := env.NewPerson(t, "alice", nil)
	r.front = public
	page := alice.SignIn(t, r.authURL())
	r.front = plain // the code is redeemed at the other address
	got, status := r.token(t, alice, url.Values{
		"grant_type": {"authorization_code"}, "code": {page.URL.Query().Get("code")}, "redirect_uri": {r.land}, "code_verifier": {verifier},
	})
	if status != http.StatusOK {
		t.Fatalf("the token endpoint at the other address answered %d", status)
	}
	if iss := issuerOf(t, got.ID); iss != public.URL+"/realms/premise" {
		t.Errorf("issuer %s, want the browsers' %s", iss, public.URL+"/realms/premise")
	}
}

// TestPremise_LostRefreshAnswerCostsTheGrantNotTheSession: a rotated token whose
// successor never arrived is refused, and so is the successor then; Keycloak's session
// goes on.
func TestPremise_LostRefreshAnswerCostsTheGrantNotTheSession(t *testing.T) {
	front := env.StartFront(t, keycloak.URL, harness.FrontOptions{})
	r := newRelying(t, front, 0)
	keycloak.Admin.Register(t, r.client)
	alice := env.NewPerson(t, "alice", nil)
	got := r.signIn(t, alice)

	gate := front.HoldAnswers(refreshing)
	gate.Cut()
	if _, status := r.refresh(t, alice, got.Refresh); status != 0 {
		t.Fatalf("the cut answer arrived with status %d", status)
	}
	front.Forget(gate)
	successor := front.LastToken("refresh_token")
	if successor == "" || successor == got.Refresh {
		t.Fatal("the Front has not seen the new refresh token")
	}
	if _, status := r.refresh(t, alice, got.Refresh); status != http.StatusBadRequest {
		t.Errorf("the old refresh token is answered with %d", status)
	}
	if keycloak.TokenRefreshes(t, front.URL, r.client.ID, r.client.Secret, successor) {
		t.Error("the successor still works after the reuse of its predecessor")
	}
	if page := alice.Open(t, r.authURL()); page.AsksPassword() {
		t.Error("Keycloak's session is gone too")
	}
}

// TestPremise_LogoutOfAnotherBrowsersSessionAsks: with alice's hint in bob's browser
// Keycloak stops at a confirmation page and ends nothing.
func TestPremise_LogoutOfAnotherBrowsersSessionAsks(t *testing.T) {
	front := env.StartFront(t, keycloak.URL, harness.FrontOptions{})
	r := newRelying(t, front, 0)
	keycloak.Admin.Register(t, r.client)
	hers := r.signIn(t, env.NewPerson(t, "alice", nil))
	bob := env.NewPerson(t, "bob", nil)
	r.signIn(t, bob)
	page := bob.Open(t, r.endpoint("logout")+"?"+url.Values{
		"id_token_hint": {hers.ID}, "post_logout_redirect_uri": {r.client.PostLogout[0]}, "state": {"acceptance-state"},
	}.Encode())
	if strings.HasPrefix(page.URL.String(), r.client.PostLogout[0]) {
		t.Errorf("Keycloak asked nothing: %s", page)
	}
	for _, name := range []string{"alice", "bob"} {
		if n := len(keycloak.Admin.Sessions(t, name, r.client.ID)); n != 1 {
			t.Errorf("%d sessions of %s, want 1", n, name)
		}
	}
}

// TestPremise_SessionsSurviveKeycloaksRestart: what is ended later was there.
func TestPremise_SessionsSurviveKeycloaksRestart(t *testing.T) {
	front := env.StartFront(t, keycloak.URL, harness.FrontOptions{})
	r := newRelying(t, front, 0)
	keycloak.Admin.Register(t, r.client)
	alice := env.NewPerson(t, "alice", nil)
	got := r.signIn(t, alice)
	if err := keycloak.Stop(); err != nil {
		t.Fatal(err)
	}
	restartKeycloak(t)
	if n := len(keycloak.Admin.Sessions(t, "alice", r.client.ID)); n != 1 {
		t.Errorf("%d sessions of alice after the restart", n)
	}
	if _, status := r.refresh(t, alice, got.Refresh); status != http.StatusOK {
		t.Errorf("the refresh token is answered with %d after the restart", status)
	}
	if page := alice.Open(t, r.authURL()); page.AsksPassword() {
		t.Error("the browser's session at Keycloak is forgotten")
	}
}
