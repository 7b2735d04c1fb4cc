package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// foreign is a provider of few words, that each test teaches to speak.
type foreign struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string // by path
	asked   []string          // method, path and query
	forms   map[string]url.Values
	back    string // code's parameter
	user    string // is posted beside the code
}

func newForeign(t *testing.T) *foreign {
	f := &foreign{answers: map[string]string{}, forms: map[string]url.Values{}, back: "code"}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.Method+" "+r.URL.RequestURI())
	f.forms[r.URL.Path] = r.PostForm
	q := r.URL.Query()
	switch answer, ok := f.answers[r.URL.Path]; {
	case r.URL.Path == "/authorize" && q.Get("response_mode") == "form_post":
		form := url.Values{"state": q["state"], f.back: {"code-1"}}
		if f.user != "" {
			form.Set("user", f.user)
		}
		fmt.Fprintf(w, "post %s to %s", html.EscapeString(form.Encode()), q.Get("redirect_uri"))
	case r.URL.Path == "/authorize":
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"state": q["state"], f.back: {"code-1"}}.Encode(), http.StatusFound)
	case ok && answer == "":
		http.Error(w, "trouble", http.StatusBadGateway)
	case ok:
		fmt.Fprint(w, answer)
	default:
		http.NotFound(w, r)
	}
}

func (f *foreign) answer(path, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[path] = body
}

// count tells how often something was asked for.
func (f *foreign) count(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

// at is a world whose provider is the foreign one, by a record of the test's own.
func (f *foreign) at(t *testing.T, record, fields, extra string) *world {
	t.Helper()
	w := newWorld(t, devprovider.Options{}, "")
	w.stop()
	w.kind = "oauth2"
	w.more, w.extra = fields+", record: "+strings.ReplaceAll(record, "{f}", f.URL), extra
	w.start()
	return w
}

// At WeCom a code brings claims and no token of the person's own. The session lives by its
// own limits, and there is nothing to refresh, to ask again or to revoke.
func TestAGrantWithoutTokensSignsInStaysAndSignsOut(t *testing.T) {
	f := newForeign(t)
	f.back = "authCode"
	f.answer("/gettoken", `{"errcode":0,"access_token":"app-1","expires_in":7200}`)
	f.answer("/token", `{"errcode":0,"UserId":"ann","login":"ann"}`)
	f.answer("/details", `{"errcode":0,"name":"Ann Lee"}`)
	w := f.at(t, `{
    endpoints: {authorization: "{f}/authorize", token: "{f}/token", userinfo: "{f}/details", application_token: "{f}/gettoken"},
    client: {exchange: application_token, code_param: authCode, pkce: "off", auth: query, bearer_param: access_token, error_in_200: "yes", error_param: errcode, error_unless: "0",
      application_params: {corpid: "{client_id}", corpsecret: "{client_secret}"}, authorize_names: {client_id: appid}, authorize_fragment: wechat_redirect},
    claims: {subject_key: [UserId], userinfo: {use: after_sign_in, params: {userid: "{claim:UserId}"}}},
    sign_out: {manual_url: "{f}/bye"}}`, "", "")
	b := w.browser("", "")
	if got := b.visit("/"); got.status != http.StatusOK || !strings.Contains(got.body, "Ann Lee") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if f.count("GET /authorize?") != 1 || f.count("GET /gettoken?corpid=cardea&corpsecret=s3cret") != 1 || f.count("GET /token?code=code-1&access_token=app-1") != 1 {
		t.Errorf("asked %v", f.asked)
	}
	w.stop()
	w.start() // a restart, as F5
	if got := b.fetch("/api/whoami"); got.status != http.StatusOK || f.count("GET /token?") != 1 {
		t.Errorf("after a restart: %d, asked %v", got.status, f.asked)
	}
	out := b.do(http.MethodPost, w.url+"/.cardea/sign-out", "", "Origin", w.url, "Content-Type", "application/x-www-form-urlencoded",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
	if out.header.Get("Location") != "" {
		out = b.visit(out.header.Get("Location"))
	} else if strings.Contains(out.body, `http-equiv="refresh"`) {
		out = b.visit(refreshTarget(t, out.body))
	}
	// Nothing there can be ended from here: the page says so, and links to where people can.
	if !strings.Contains(out.body, "is still open") || !strings.Contains(out.body, f.URL+"/bye") || strings.Contains(out.body, "tokens from") {
		t.Errorf("signed out: %d %s", out.status, out.body)
	}
	if got := b.fetch("/api/whoami"); got.status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", got.status)
	}
}

// Apple posts the person's name once, at the first sign-in, unsigned, and wants a secret
// that is signed with a key.
func TestANameThatIsPostedOnceStays(t *testing.T) {
	f := newForeign(t)
	f.user = `{"name":{"firstName":"Ann","lastName":"Lee"},"email":"evil@example.com"}`
	f.answer("/token", `{"access_token":"at-1"}`)
	f.answer("/userinfo", `{"id":"u-1","login":"ann"}`)
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "key.p8")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	w := f.at(t, `{
    endpoints: {authorization: "{f}/authorize", token: "{f}/token", userinfo: "{f}/userinfo"},
    client: {response_mode: form_post, user_param: user, auth: signed_secret, assertion: {issuer: "{key_issuer}", audience: "{issuer}", life: 5m}},
    claims: {subject_key: [id], name_template: "{claim:user.name.firstName} {claim:user.name.lastName}"}}`,
		fmt.Sprintf(", client_key_file: %q, client_key_id: KEY1, client_key_issuer: TEAM1", file), "")
	signIn := func() page {
		t.Helper()
		b := w.browser("", "")
		form, target, ok := strings.Cut(strings.TrimPrefix(b.visit("/").body, "post "), " to ")
		if !ok {
			t.Fatalf("not at the provider: %s", form)
		}
		bounced := b.do(http.MethodPost, target, html.UnescapeString(form), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
		return b.visit(w.url + strings.TrimPrefix(bounced.header.Get("Location"), w.url))
	}
	if got := signIn(); !strings.Contains(got.body, "Ann Lee") || strings.Contains(got.body, "evil@") {
		t.Errorf("first sign-in: %d %s", got.status, got.body)
	}
	f.user = ""
	if got := signIn(); !strings.Contains(got.body, "Ann Lee") {
		t.Errorf("second sign-in: %d %s", got.status, got.body)
	}
	head, _, _ := strings.Cut(f.forms["/token"].Get("client_secret"), ".")
	if header := decoded(t, head); header["kid"] != "KEY1" || header["alg"] != "ES256" {
		t.Errorf("the secret: %v", header)
	}
}

// A rule that asks for groups fails closed where they cannot be had, and the page does not
// call somebody a stranger whom nobody could ask about.
func TestGroupsThatCannotBeHadLetNobodyInAndAreNotCalledMissing(t *testing.T) {
	f := newForeign(t)
	f.answer("/token", `{"access_token":"at-1"}`)
	f.answer("/userinfo", `{"id":"u-1","login":"ann"}`)
	f.answer("/orgs", "")
	w := f.at(t, `{
    endpoints: {authorization: "{f}/authorize", token: "{f}/token", userinfo: "{f}/userinfo"},
    claims: {subject_key: [id], groups: {source: endpoint, scope: "read:org", lists: [{url: "{f}/orgs", name: "{claim:login}", next: link}]}}}`,
		"", "access: {groups: [acme]}")
	got := w.browser("", "").visit("/")
	if got.status != http.StatusForbidden || !strings.Contains(got.body, "could not be asked which groups") || strings.Contains(got.body, "not a member") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if f.count("GET /authorize?") != 1 || !strings.Contains(strings.Join(f.asked, " "), "read%3Aorg") {
		t.Errorf("asked %v", f.asked)
	}
	f.answer("/orgs", `[{"login":"other"}]`)
	if got := w.browser("", "").visit("/"); got.status != http.StatusForbidden || !strings.Contains(got.body, "not a member") {
		t.Errorf("another group: %d %s", got.status, got.body)
	}
	f.answer("/orgs", `[{"login":"acme"}]`)
	if got := w.browser("", "").visit("/"); got.status != http.StatusOK {
		t.Errorf("a member: %d %s", got.status, got.body)
	}
}

func decoded(t *testing.T, part string) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.NewDecoder(base64.NewDecoder(base64.RawURLEncoding, strings.NewReader(part))).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}
