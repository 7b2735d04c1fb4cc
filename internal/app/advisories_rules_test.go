package app

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestCVE_2026_40575_ForwardedURIPicksNoRule(t *testing.T) {
	w := remade(t, devprovider.Options{}, oneApp("paths: [{prefix: /public, public: true}]"))
	b := w.browser("alice", "wonderland")
	if p := b.fetch("/public/x"); p.status != http.StatusNotFound { // the app's own
		t.Fatalf("the public path: %d", p.status)
	}
	for _, name := range []string{"X-Forwarded-Uri", "X-Forwarded-Url", "X-Forwarded-Path", "X-Original-Uri", "X-Original-Url", "X-Rewrite-Url", "X_Forwarded_Uri"} {
		if p := b.do(http.MethodGet, w.url+"/api/whoami", "", name, "/public/x"); p.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
}

func TestCVE_2026_34457_AUserAgentOpensNothing(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	for _, agent := range []string{"GoogleHC/1.0", "kube-probe/1.35", "ELB-HealthChecker/2.0", "Amazon-Route53-Health-Check-Service", "PingHealthCheck", "", "cardea"} {
		for _, path := range []string{"/", "/api/whoami", "/ping", "/ready", "/healthz", "/.cardea/session", "/.cardea/auth"} {
			if p := b.do(http.MethodGet, w.url+path, "", "User-Agent", agent); p.status != http.StatusUnauthorized && p.status != http.StatusNotFound {
				t.Errorf("%q at %s: %d", agent, path, p.status)
			}
		}
	}
}

func TestCVE_2021_32637_AMalformedTargetReachesNoApp(t *testing.T) {
	var reached atomic.Int64
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(app.Close)
	w := remade(t, devprovider.Options{}, func(w *world) string {
		return fmt.Sprintf("apps: [{id: sample, url: %q, upstream: %q, paths: [{prefix: /public, public: true}]}]\n", w.url, app.URL)
	})
	if got := w.get("/public/x", ""); !succeeded(got) || reached.Load() != 1 {
		t.Fatalf("the public path: %d times reached\n%s", reached.Load(), got)
	}
	for _, target := range []string{
		"/public/../api", "/public/%2e%2e/api", "/public/%2E./api", "/public%2f..%2fapi", "/public/..%2fapi", "/public\\..\\api", "/public/..;/api", "/public/..;x=1/api",
		"/public/%252e%252e/api", "//public/../api", "/public/./../api", "/public/%", "/public/%2", "/public/%zz", "/%zz/public", "/public%00", "/public/\x01", "/public/\xff",
		"/api%23/public", "/api#/public", "/api?/public", "/api?x=/public", "/api%3f/public", "/api;/public", "/publicx", "/public.", "/Public/../api", "public", "",
		"*", "http:///api", "http://evil.example/public", w.url + "/api", "https://" + w.address + "/public", "/api HTTP/1.1\r\nX: /public", "//evil.example/public/../../api",
	} {
		if got := w.get(target, ""); succeeded(got) || reached.Load() != 1 {
			t.Errorf("%q: %d times reached\n%.200s", target, reached.Load(), got)
			reached.Store(1)
		}
	}
}

func TestCVE_2024_47077_ASeatOfOneOriginOpensNoOther(t *testing.T) {
	var one, two string
	w := remade(t, devprovider.Options{}, func(w *world) string {
		port := w.url[strings.LastIndexByte(w.url, ':'):]
		one, two = "http://one.localhost"+port, "http://two.localhost"+port
		return fmt.Sprintf("apps:\n  - {id: one, url: %q, upstream: %q}\n  - {id: two, url: %q, upstream: %q}\n", one, w.upstream.URL, two, w.upstream.URL)
	})
	b := w.browser("alice", "wonderland")
	b.http.Transport = loopback()
	b.visit(one + "/")
	at, _ := url.Parse(one)
	var cookies []string
	for _, c := range b.jar.Cookies(at) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	stranger := w.browser("", "")
	stranger.http.Transport = loopback()
	for origin, want := range map[string]int{one: http.StatusOK, two: http.StatusUnauthorized} {
		for _, path := range []string{"/api/whoami", "/.cardea/session"} {
			if p := stranger.do(http.MethodGet, origin+path, "", "Cookie", strings.Join(cookies, "; ")); p.status != want {
				t.Errorf("%s%s: %d, want %d", origin, path, p.status, want)
			}
		}
	}
	// The gateway's own seat is no app's either.
	for name, value := range cookiesOf(b) {
		if p := stranger.do(http.MethodGet, two+"/api/whoami", "", "Cookie", name+"="+value); p.status != http.StatusUnauthorized {
			t.Errorf("%s of the gateway at an app: %d", name, p.status)
		}
	}
}

// secondProvider is another provider with people of its own, registered as "second".
func secondProvider(t *testing.T, w *world, conf *tls.Config, people ...devprovider.Person) *devprovider.Server {
	t.Helper()
	p, err := devprovider.Start(t.Context(), devprovider.Options{SkipConsent: true, People: people, Clients: []devprovider.Client{{
		ID: "cardea", Secret: "s3cret", RedirectURIs: []string{w.url + "/.cardea/callback/second"}, PostLogoutRedirectURIs: []string{w.url + "/.cardea/signed-out"},
	}}}, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// at is the same browser as it answers another provider's pages.
func (b *browser) at(p *devprovider.Server) *browser {
	w, c := *b.w, *b
	w.provider, c.w = p, &w
	return &c
}

func TestCVE_2024_47077_AnAppTakesItsOwnProvidersSignInsOnly(t *testing.T) {
	var second *devprovider.Server
	w := remade(t, devprovider.Options{}, func(w *world) string {
		second = secondProvider(t, w, nil, devprovider.Person{Username: "alice", Password: "elsewhere"})
		return fmt.Sprintf(`  - {id: second, kind: oidc, issuer: %q, client_id: cardea, client_secret_env: SECRET}
apps:
  - {id: one, url: %q, upstream: %q, strip_prefix: true, providers: [main]}
  - {id: two, url: %q, upstream: %q, strip_prefix: true, providers: [second]}
`, second.Issuer(), w.url+"/one", w.upstream.URL, w.url+"/two", w.upstream.URL)
	})
	b, other := w.browser("alice", "wonderland"), w.browser("alice", "elsewhere").at(second)
	b.visit("/one/")
	other.visit("/two/")
	for name, c := range map[string]struct {
		who  *browser
		path string
		want int
	}{
		"main at one": {b, "/one/api/whoami", 200}, "main at two": {b, "/two/api/whoami", 403},
		"second at two": {other, "/two/api/whoami", 200}, "second at one": {other, "/one/api/whoami", 403},
	} {
		if p := c.who.fetch(c.path); p.status != c.want {
			t.Errorf("%s: %d, want %d", name, p.status, c.want)
		}
	}
	if p := b.do(http.MethodGet, w.url+"/.cardea/sign-in?provider=main&return=/two/", "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); strings.HasPrefix(p.header.Get("Location"), w.provider.Issuer()) {
		t.Error("a link starts a sign-in at a provider that the app does not take")
	}
}

func TestCVE_2026_55075_CVE_2026_55076_CVE_2026_35511_AnEMailJoinsNobody(t *testing.T) {
	var second *devprovider.Server
	w := remade(t, devprovider.Options{}, func(w *world) string {
		second = secondProvider(t, w, nil, devprovider.Person{Username: "alice", Password: "x", Email: "alice@example.com", EmailVerified: true, Subject: "dev-alice"})
		return fmt.Sprintf("  - {id: second, kind: oidc, issuer: %q, client_id: cardea, client_secret_env: SECRET}\n", second.Issuer()) +
			oneApp("paths: [{prefix: /mail, access: {emails: [alice@example.com]}}]")(w)
	})
	b, other := w.browser("alice", "wonderland"), w.browser("alice", "x").at(second)
	b.visit("/.cardea/sign-in?provider=main")
	other.visit("/.cardea/sign-in?provider=second")
	mine, theirs := whoami(t, b.fetch("/api/whoami")), whoami(t, other.fetch("/api/whoami"))
	if mine["email"] != "alice@example.com" || theirs["email"] != mine["email"] {
		t.Fatalf("the e-mails do not agree: %v and %v", mine["email"], theirs["email"])
	}
	if mine["account"] == theirs["account"] || mine["user"] == theirs["user"] || mine["account"] == "" || theirs["account"] == "" {
		t.Errorf("one account %v, %v for two people", mine["user"], theirs["user"])
	}
	for _, verified := range []any{"true", "TRUE", 1, "1", []any{true}, map[string]any{"v": true}, nil, false} {
		second.SetFaults(devprovider.Faults{
			IDToken:  func(c map[string]any) { c["email_verified"] = verified },
			UserInfo: func(c map[string]any) { c["email_verified"] = verified },
		})
		p := w.browser("alice", "x").at(second)
		p.visit("/.cardea/sign-in?provider=second")
		if got := whoami(t, p.fetch("/api/whoami")); got["email"] != "" {
			t.Errorf("email_verified %v passes %v on", verified, got["email"])
		}
		if got := p.fetch("/mail/x"); got.status != http.StatusForbidden {
			t.Errorf("email_verified %v at an e-mail rule: %d", verified, got.status)
		}
	}
}

func TestCVE_2021_32701_EveryKindOfRuleRefuses(t *testing.T) {
	people := []devprovider.Person{
		{Username: "alice", Password: "a", Email: "alice@garden.example", EmailVerified: true, Groups: []string{"gardeners"}},
		{Username: "bob", Password: "b", Email: "bob@garden.example.evil.example", EmailVerified: true, Groups: []string{"gardener", "GARDENERS", "staff"}},
	}
	rules := map[string]string{
		"emails": "access: {emails: [alice@garden.example]}", "domains": "access: {domains: [garden.example]}", "subdomains": `access: {domains: ["*.example", garden.example], groups: [gardeners]}`,
		"groups": "access: {groups: [gardeners]}", "claims": "access: {claims: {preferred_username: [alice]}}", "all": "access: {emails: [bob@garden.example.evil.example, alice@garden.example], groups: [gardeners]}",
		"prefix": "paths: [{prefix: /prefix/api, access: {groups: [gardeners]}}]", "exact": "paths: [{exact: /exact/api/whoami, access: {groups: [gardeners]}}]",
		"narrower": "access: {groups: [staff, gardeners]}, paths: [{prefix: /narrower/api, access: {groups: [gardeners]}}, {prefix: /narrower/public, public: true}]",
		"bearer":   "access: {groups: [gardeners]}, paths: [{prefix: /bearer/hooks, bearer: true}]",
	}
	w := remade(t, devprovider.Options{People: people}, func(w *world) string {
		text := "apps:\n"
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			text += fmt.Sprintf("  - {id: %s, url: %q, upstream: %q, strip_prefix: true, %s}\n", name, w.url+"/"+name, w.upstream.URL, rules[name])
		}
		text += fmt.Sprintf("  - {id: lobby, url: %q, upstream: %q, strip_prefix: true, access: {groups: [gardeners]}, paths: [{prefix: /lobby/api, public: true}]}\n", w.url+"/lobby", w.upstream.URL)
		return text + fmt.Sprintf("  - {id: open, url: %q, upstream: %q}\n", w.url, w.upstream.URL)
	})
	alice, bob, nobody := w.browser("alice", "a"), w.browser("bob", "b"), w.browser("", "")
	alice.visit("/")
	bob.visit("/")
	for name := range rules {
		path := w.url + "/" + name + "/api/whoami"
		for who, c := range map[string]struct {
			b    *browser
			want int
		}{"alice": {alice, 200}, "bob": {bob, 403}, "nobody": {nobody, 401}} {
			for _, headers := range [][]string{nil, {"Authorization", "Bearer x"}, {"X-Forwarded-Groups", "gardeners"}, {"X-Forwarded-Email", "alice@garden.example"}} {
				if p := c.b.do(http.MethodGet, path, "", headers...); p.status != c.want {
					t.Errorf("%s, %s with %v: %d, want %d", name, who, headers, p.status, c.want)
				}
			}
		}
	}
	// Where everyone is let in, whom the rules refuse is passed on as nobody.
	for who, b := range map[string]*browser{"alice": alice, "": bob} {
		if got := whoami(t, b.fetch("/lobby/api/whoami")); got["user"] != who {
			t.Errorf("a public path tells the app %v, want %q", got["user"], who)
		}
	}
	if p := bob.fetch("/bearer/hooks"); p.status != http.StatusForbidden {
		t.Errorf("a path for bearer tokens, without one: %d", p.status)
	}
}

// The provider's changes are made while everybody is signed in.
func TestWhatTheProviderWithdrawsBitesAtTheNextRefresh(t *testing.T) {
	people := []devprovider.Person{
		{Username: "alice", Password: "p", Groups: []string{"staff", "gardeners"}}, {Username: "bob", Password: "p", Groups: []string{"staff"}}, {Username: "dave", Password: "p", Groups: []string{"staff"}},
		{Username: "carol", Password: "p", Groups: []string{"staff"}}, {Username: "eve", Password: "p", Groups: []string{"staff", "gardeners"}},
	}
	w := remade(t, devprovider.Options{People: people}, func(w *world) string {
		return "access: {groups: [staff]}\n" + oneApp("headers: {X-Subject: subject, X-Id-Token: id_token}, paths: [{prefix: /garden, access: {groups: [gardeners]}}]")(w)
	})
	b := map[string]*browser{}
	for _, p := range people {
		b[p.Username] = w.browser(p.Username, "p")
		b[p.Username].visit("/")
	}
	change := func(name string, f func(*devprovider.Person)) {
		if err := w.provider.UpdatePerson(name, f); err != nil {
			t.Fatal(err)
		}
	}
	change("alice", func(p *devprovider.Person) { p.Groups = []string{"staff"} })
	change("bob", func(p *devprovider.Person) { p.Disabled = true })
	change("dave", func(p *devprovider.Person) { p.Groups = nil })
	swap := func(c map[string]any) {
		if c["sub"] == "dev-carol" {
			c["sub"], c["preferred_username"] = "dev-eve", "eve"
		}
	}
	w.provider.SetFaults(devprovider.Faults{IDToken: swap, UserInfo: swap})
	w.expire()
	for _, c := range []struct {
		id, who, path string
		want          int
	}{
		{"GHSA_x883_2vmg_xwf7 a group's path", "alice", "/garden/x", 403}, {"GHSA_x883_2vmg_xwf7 the rest", "alice", "/api/whoami", 200},
		{"CVE_2026_43983 disabled", "bob", "/api/whoami", 401}, {"CVE_2021_41230 no longer admitted", "dave", "/api/whoami", 401},
		{"unchanged", "eve", "/garden/x", 404}, // the app's own
	} {
		t.Run(c.id, func(t *testing.T) {
			if p := b[c.who].fetch(c.path); p.status != c.want {
				t.Errorf("%d, want %d", p.status, c.want)
			}
		})
	}
	t.Run("a refreshed ID token keeps its sub", func(t *testing.T) {
		p := b["carol"].fetch("/api/whoami")
		if strings.Contains(p.body, "dev-eve") || strings.Contains(p.body, "carol") == (p.status != http.StatusOK) {
			t.Errorf("%d %s", p.status, p.body)
		}
		if !strings.Contains(w.log.String(), "refresh answer refused") {
			t.Error("the swapped token was not refused")
		}
		for _, s := range w.sessions() {
			if s.Handle == "carol" && (s.Identity.Subject != "dev-carol" || strings.Contains(payload(s.Grant.Tokens.IDToken), "dev-eve")) {
				t.Errorf("carol's session has the grant of %q, %s", s.Identity.Subject, payload(s.Grant.Tokens.IDToken))
			}
		}
	})
}
