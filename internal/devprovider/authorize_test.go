package devprovider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestABadClientOrRedirectURIIsToldToThePersonOnly(t *testing.T) {
	s := start(t, nil)
	for name, changes := range map[string][]string{
		"unknown client":         {"client_id", "nobody"},
		"no redirect_uri":        {"redirect_uri", ""},
		"unregistered":           {"redirect_uri", "https://evil.example/"},
		"longer path":            {"redirect_uri", redirectURI + "/more"},
		"added query":            {"redirect_uri", redirectURI + "?x=1"},
		"other case":             {"redirect_uri", "https://RP.example/callback"},
		"dot segment":            {"redirect_uri", "https://rp.example/x/../callback"},
		"userinfo before a host": {"redirect_uri", "https://rp.example@evil.example/callback"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, s, "/", nil, nil)
			r.URL, _ = url.Parse(authURL(s, changes...))
			status, header, _ := do(t, r, nil)
			if status != http.StatusBadRequest || header.Get("Location") != "" {
				t.Errorf("%d to %q", status, header.Get("Location"))
			}
		})
	}
}

func TestARefusedAuthorizationSaysWhyAtTheRedirectURI(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.RequirePKCE = true })
	for name, tc := range map[string]struct {
		changes []string
		extra   string
		want    string
	}{
		"implicit":              {changes: []string{"response_type", "id_token"}, want: "unsupported_response_type"},
		"no response type":      {changes: []string{"response_type", ""}, want: "unsupported_response_type"},
		"no openid":             {changes: []string{"scope", "profile"}, want: "invalid_scope"},
		"no challenge":          {changes: []string{"code_challenge", "", "code_challenge_method", ""}, want: "invalid_request"},
		"plain":                 {changes: []string{"code_challenge_method", "plain"}, want: "invalid_request"},
		"method defaults plain": {changes: []string{"code_challenge_method", ""}, want: "invalid_request"},
		"short challenge":       {changes: []string{"code_challenge", "abc"}, want: "invalid_request"},
		"request object":        {changes: []string{"request", "e30.e30."}, want: "request_not_supported"},
		"request_uri":           {changes: []string{"request_uri", "https://x.example/"}, want: "request_uri_not_supported"},
		"fragment mode":         {changes: []string{"response_mode", "fragment"}, want: "invalid_request"},
		"none and login":        {changes: []string{"prompt", "none login"}, want: "invalid_request"},
		"bad max_age":           {changes: []string{"max_age", "-1"}, want: "invalid_request"},
		"bad hint":              {changes: []string{"id_token_hint", "a.b.c"}, want: "invalid_request"},
		"nonce twice":           {extra: "&nonce=2", want: "invalid_request"},
		"public without PKCE": {changes: []string{"client_id", "public", "code_challenge", "",
			"code_challenge_method", ""}, want: "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			q := visit(t, alice(t, s), authURL(s, tc.changes...)+tc.extra)
			got := []string{q.Get("error"), q.Get("state"), q.Get("iss"), q.Get("code")}
			if diff := cmp.Diff([]string{tc.want, "the-state", s.Issuer(), ""}, got); diff != "" {
				t.Errorf("error, state, iss, code (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPromptAndMaxAgeDecideWhatIsAsked(t *testing.T) {
	type row struct {
		prompt, maxAge string
		signedIn       bool
		age            time.Duration
		change         func(*devprovider.Options)
		asked          []string
		err            string
	}
	second := 2 * time.Second
	for name, tc := range map[string]row{
		"first visit":                 {asked: []string{"login"}},
		"signed in":                   {signedIn: true},
		"none, signed out":            {prompt: "none", err: "login_required"},
		"none, signed in":             {prompt: "none", signedIn: true},
		"login":                       {prompt: "login", signedIn: true, asked: []string{"login"}},
		"consent":                     {prompt: "consent", signedIn: true, asked: []string{"consent"}},
		"login consent":               {prompt: "login consent", signedIn: true, asked: []string{"login", "consent"}},
		"select_account":              {prompt: "select_account", signedIn: true, asked: []string{"select"}},
		"select_account, signed out":  {prompt: "select_account", asked: []string{"login"}},
		"select_account login":        {prompt: "select_account login", signedIn: true, asked: []string{"login"}},
		"max_age not reached":         {maxAge: "60", signedIn: true, age: second},
		"max_age passed":              {maxAge: "1", signedIn: true, age: second, asked: []string{"login"}},
		"max_age 0":                   {maxAge: "0", signedIn: true, asked: []string{"login"}},
		"max_age passed, none":        {maxAge: "1", prompt: "none", signedIn: true, age: second, err: "login_required"},
		"max_age ignored":             {maxAge: "0", signedIn: true, change: func(o *devprovider.Options) { o.IgnoreMaxAge = true }},
		"unknown prompt":              {prompt: "create", signedIn: true},
		"unknown prompt, strict":      {prompt: "create", signedIn: true, err: "invalid_request", change: func(o *devprovider.Options) { o.RefuseOtherPrompts = true }},
		"login not honoured":          {prompt: "login", signedIn: true, change: func(o *devprovider.Options) { o.Prompts = []string{"none"} }},
		"session over":                {signedIn: true, age: 11 * time.Hour, asked: []string{"login"}},
		"session just over":           {signedIn: true, age: 30 * time.Second, asked: []string{"login"}, change: func(o *devprovider.Options) { o.SessionLife = 30 * time.Second }},
		"none, consent never given":   {prompt: "none", signedIn: true, err: "consent_required", change: func(o *devprovider.Options) { o.SkipConsent = false }},
		"consent never given":         {signedIn: true, asked: []string{"consent"}, change: func(o *devprovider.Options) { o.SkipConsent = false }},
		"login, consent never given":  {asked: []string{"login", "consent"}, change: func(o *devprovider.Options) { o.SkipConsent = false }},
		"select, consent never given": {prompt: "select_account", signedIn: true, asked: []string{"select", "consent"}, change: func(o *devprovider.Options) { o.SkipConsent = false }},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			s := start(t, func(o *devprovider.Options) {
				o.Now = clock.now
				if tc.change != nil {
					tc.change(o)
				}
			})
			v := alice(t, s)
			if tc.signedIn {
				// Another client's consent is not this one's.
				visit(t, v, authURL(s, "client_id", otherClientID))
				v.Asked = nil
			}
			clock.advance(tc.age)
			q := visit(t, v, authURL(s, "prompt", tc.prompt, "max_age", tc.maxAge))
			if diff := cmp.Diff(tc.asked, v.Asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if q.Get("error") != tc.err || (q.Get("code") == "") != (tc.err != "") {
				t.Errorf("answer %v, want error %q", q, tc.err)
			}
		})
	}
}

func TestAFreshLoginKeepsTheSidAndMovesAuthTime(t *testing.T) {
	clock := newClock()
	s := start(t, func(o *devprovider.Options) { o.Now = clock.now })
	v := alice(t, s)
	before := payload(t, signIn(t, s, v).id)
	clock.advance(time.Minute)
	silent := payload(t, signIn(t, s, v, "prompt", "none").id)
	after := payload(t, signIn(t, s, v, "prompt", "login").id)
	if before["sid"] != after["sid"] || before["sid"] != silent["sid"] {
		t.Error("the sid changed")
	}
	if silent["auth_time"] != before["auth_time"] {
		t.Error("a silent sign-in moved auth_time")
	}
	if after["auth_time"].(float64)-before["auth_time"].(float64) != 60 {
		t.Errorf("auth_time %v, then %v", before["auth_time"], after["auth_time"])
	}
}

func TestAnotherPersonEndsTheSessionThereWas(t *testing.T) {
	s := start(t, nil)
	v := alice(t, s)
	first := signIn(t, s, v)
	v.Username, v.Password = "bob", "builder"
	second := signIn(t, s, v, "prompt", "login")
	if s.TokenLives(first.refresh) || !s.TokenLives(second.refresh) {
		t.Errorf("alice's tokens live: %v, bob's: %v", s.TokenLives(first.refresh), s.TokenLives(second.refresh))
	}
	if got := s.Sessions(); len(got) != 1 || got[0].Username != "bob" {
		t.Errorf("sessions %v", got)
	}
}

func TestAHintOfAnotherPersonAsksForThatPerson(t *testing.T) {
	s := start(t, nil)
	bob := devprovider.NewVisitor(s.Issuer(), jar(t), nil, "bob", "builder")
	hint := signIn(t, s, bob).id
	v := alice(t, s)
	signIn(t, s, v)
	if q := visit(t, v, authURL(s, "prompt", "none", "id_token_hint", hint)); q.Get("error") != "login_required" {
		t.Errorf("prompt=none with bob's hint in alice's browser: %v", q)
	}
	if q := visit(t, bob, authURL(s, "prompt", "none", "id_token_hint", hint)); q.Get("code") == "" {
		t.Errorf("prompt=none with bob's hint in bob's browser: %v", q)
	}
}

func TestConsentIsAskedOnceAndCanBeRefused(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.SkipConsent = false })
	v := alice(t, s)
	v.Deny = true
	if q := visit(t, v, authURL(s)); q.Get("error") != "access_denied" || q.Get("state") != "the-state" {
		t.Errorf("a refused consent: %v", q)
	}
	v.Deny = false
	visit(t, v, authURL(s))
	visit(t, v, authURL(s))
	visit(t, v, authURL(s, "scope", "openid profile email offline_access"))
	if diff := cmp.Diff([]string{"login", "consent", "consent", "consent"}, v.Asked); diff != "" {
		t.Errorf("pages of four sign-ins (-want +got):\n%s", diff)
	}
}

func TestASignInCannotBeFinishedInAnotherBrowser(t *testing.T) {
	s := start(t, nil)
	j, stranger := jar(t), jar(t)
	page := pageIn(t, s, j)
	pageIn(t, s, stranger) // so that the stranger's browser has cookies of its own
	form := url.Values{"username": {"alice"}, "password": {"wonderland"}}
	if status, _, _ := do(t, request(t, s, page+"/login", form, nil), stranger); status != http.StatusNotFound {
		t.Errorf("another browser got %d", status)
	}
	cross := request(t, s, page+"/login", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	if status, _, _ := do(t, cross, j); status != http.StatusForbidden {
		t.Errorf("a cross-site form got %d", status)
	}
	if status, header, _ := do(t, request(t, s, page+"/login", form, nil), j); status != http.StatusSeeOther || !strings.HasPrefix(header.Get("Location"), redirectURI) {
		t.Errorf("the right browser got %d to %q", status, header.Get("Location"))
	}
	if status, _, _ := do(t, request(t, s, page+"/login", form, nil), j); status != http.StatusNotFound {
		t.Errorf("a finished sign-in was finished again: %d", status)
	}
}

// pageIn opens an authorization request in a browser and returns the interaction's path.
func pageIn(t *testing.T, s *devprovider.Server, j http.CookieJar, changes ...string) string {
	t.Helper()
	r := request(t, s, "/", nil, nil)
	r.URL, _ = url.Parse(authURL(s, changes...))
	_, header, _ := do(t, r, j)
	path := header.Get("Location")
	if !strings.HasPrefix(path, "/interaction/") {
		t.Fatalf("sent to %q, want a page of the provider", path)
	}
	return path
}

func TestATabFinishesForThePersonItsPageNamedOnly(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.SkipConsent = false })
	j := jar(t)
	login := func(page, username, password string) {
		do(t, request(t, s, page+"/login", url.Values{"username": {username}, "password": {password}}, nil), j)
	}
	waiting := pageIn(t, s, j, "prompt", "login")
	login(waiting, "alice", "wonderland")
	_, _, body := do(t, request(t, s, waiting, nil, nil), j)
	if !strings.Contains(string(body), `id="consent-allow"`) {
		t.Fatal("no consent page")
	}
	login(pageIn(t, s, j, "prompt", "login"), "bob", "builder")
	// The first tab had alice log in afresh; bob did not do so there, nor did he see its question.
	_, _, body = do(t, request(t, s, waiting, nil, nil), j)
	if !strings.Contains(string(body), `id="login-form"`) {
		t.Error("another person's login counted as this tab's")
	}
	plain := pageIn(t, s, j)
	status, header, _ := do(t, request(t, s, plain+"/consent", url.Values{"answer": {"allow"}, "account": {"dev-alice"}}, nil), j)
	if to := header.Get("Location"); status != http.StatusSeeOther || to != plain {
		t.Errorf("alice's consent in bob's session led to %q", to)
	}
}

func TestAWrongPasswordSignsNobodyIn(t *testing.T) {
	s := start(t, nil)
	v := devprovider.NewVisitor(s.Issuer(), jar(t), nil, "alice", "wrong")
	if _, err := v.Visit(t.Context(), authURL(s)); err == nil {
		t.Error("a wrong password was taken")
	}
	if n := s.Counters().Logins; n != 0 || len(s.Sessions()) != 0 {
		t.Errorf("%d logins, %d sessions", n, len(s.Sessions()))
	}
}

func TestFormPostCarriesTheAnswerInAForm(t *testing.T) {
	s := start(t, nil)
	v := alice(t, s)
	signIn(t, s, v)
	r := request(t, s, "/", nil, nil)
	r.URL, _ = url.Parse(authURL(s, "response_mode", "form_post"))
	status, _, body := do(t, r, v.Client.Jar)
	for _, want := range []string{`action="` + redirectURI + `"`, `name="state" value="the-state"`, `name="code"`, `name="iss"`} {
		if status != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%d without %s", status, want)
		}
	}
}

func FuzzAuthorizeNeverRedirectsToAStranger(f *testing.F) {
	f.Add("client_id=rp&redirect_uri=https://rp.example/callback&response_type=code&scope=openid")
	f.Add("client_id=rp&redirect_uri=https://evil.example/&response_type=code")
	f.Add("client_id=rp&redirect_uri=https://rp.example/callback&redirect_uri=https://evil.example/")
	f.Add("client_id=rp&redirect_uri=%00&max_age=99999999999999999999&prompt=none")
	p, err := devprovider.New(devprovider.Options{
		Issuer: "http://localhost:9000", SigningAlg: devprovider.ES256,
		Clients: []devprovider.Client{{ID: "rp", Secret: "s", RedirectURIs: []string{redirectURI}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		w := record(p, query)
		location := w.Header().Get("Location")
		if location != "" && !strings.HasPrefix(location, redirectURI+"?") && !strings.HasPrefix(location, "/interaction/") {
			t.Errorf("%q led to %q", query, location)
		}
		if w.Code >= 500 {
			t.Errorf("%q: status %d", query, w.Code)
		}
	})
}
