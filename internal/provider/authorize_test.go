package provider

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// TestAuthorizationRequestsAreAsTheRecordSays holds whole URLs, {issuer} standing for the
// fake's and {base} for what every request has.
func TestAuthorizationRequestsAreAsTheRecordSays(t *testing.T) {
	const (
		head = "{issuer}/authorize?client_id=cardea&code_challenge={challenge}&code_challenge_method=S256"
		mid  = "&nonce=nonce-1"
		tail = "&redirect_uri=https%3A%2F%2Fgate.example%2F.cardea%2Fcallback%2Fmain&response_type=code&scope=openid%20profile%20email"
		end  = "&state=state-12345678"
	)
	google := func(r *record.Record) {
		r.Refresh.Needs = record.RefreshNeeds{Params: map[string]string{"access_type": "offline", "prompt": "consent"}}
		r.Prompt.OK = []record.PromptValue{record.PromptNone, record.PromptConsent, record.PromptSelectAccount}
		r.FreshLogin = record.FreshLogin{By: record.FreshByImpossible, Prompt: record.PromptSelectAccount, AuthTime: record.AuthTimeAbsent}
	}
	gitlab := func(r *record.Record) {
		r.Refresh.Needs.Scopes = nil
		r.Prompt.OK = []record.PromptValue{record.PromptLogin}
		r.FreshLogin = record.FreshLogin{By: record.FreshByPrompt, Prompt: record.PromptLogin, AuthTime: record.AuthTimeAbsent}
	}
	github := func(r *record.Record) {
		r.Refresh.Needs.Scopes = nil
		r.Claims.IDToken = record.No
		r.Prompt.OK = []record.PromptValue{record.PromptSelectAccount}
		r.FreshLogin = record.FreshLogin{By: record.FreshByImpossible, Prompt: record.PromptLogin, AuthTime: record.AuthTimeAbsent}
	}
	apple := func(r *record.Record) {
		r.Refresh.Needs.Scopes = nil
		r.Client.ResponseMode = record.ResponseFormPost
		r.Client.AuthorizeParams = map[string]string{"team": "T 1"}
		r.Client.AuthorizeFragment = "wechat_redirect"
	}
	maxAgeOnly := func(r *record.Record) {
		r.FreshLogin = record.FreshLogin{By: record.FreshByMaxAge, AuthTime: record.AuthTimeChecked}
	}
	for name, tc := range map[string]struct {
		kind    string
		record  func(*record.Record)
		request oidc.AuthorizationRequest
		want    string
	}{
		"keycloak":                    {"keycloak", nil, oidc.AuthorizationRequest{}, head + mid + tail + end},
		"keycloak, fresh":             {"keycloak", nil, oidc.AuthorizationRequest{Fresh: true}, head + "&max_age=1" + mid + "&prompt=login" + tail + end},
		"keycloak, silent":            {"keycloak", nil, oidc.AuthorizationRequest{Silent: true, IDTokenHint: "e.y.J"}, head + "&id_token_hint=e.y.J" + mid + "&prompt=none" + tail + end},
		"keycloak, max_age":           {"keycloak", nil, oidc.AuthorizationRequest{MaxAge: 5 * time.Minute}, head + "&max_age=300" + mid + tail + end},
		"keycloak, max_age of 0.4 s":  {"keycloak", nil, oidc.AuthorizationRequest{MaxAge: 400 * time.Millisecond}, head + "&max_age=1" + mid + tail + end},
		"keycloak, fresh, max_age":    {"keycloak", nil, oidc.AuthorizationRequest{Fresh: true, MaxAge: time.Hour}, head + "&max_age=1" + mid + "&prompt=login" + tail + end},
		"keycloak, silent, too old":   {"keycloak", nil, oidc.AuthorizationRequest{Silent: true, MaxAge: time.Minute}, head + "&max_age=60" + mid + "&prompt=none" + tail + end},
		"keycloak, login hint":        {"keycloak", nil, oidc.AuthorizationRequest{LoginHint: "a+b@example.com"}, head + "&login_hint=a%2Bb%40example.com" + mid + tail + end},
		"keycloak, a language":        {"keycloak", nil, oidc.AuthorizationRequest{UILocales: "zh-CN zh"}, head + mid + tail + end + "&ui_locales=zh-CN%20zh"},
		"oidc advertises offline":     {"oidc", nil, oidc.AuthorizationRequest{}, head + mid + tail + "%20offline_access" + end},
		"hint unasked is not sent":    {"keycloak", nil, oidc.AuthorizationRequest{IDTokenHint: "e.y.J"}, head + mid + tail + end},
		"long hint is left out":       {"keycloak", nil, oidc.AuthorizationRequest{Silent: true, IDTokenHint: strings.Repeat("x", 5000)}, head + mid + "&prompt=none" + tail + end},
		"google":                      {"oidc", google, oidc.AuthorizationRequest{}, strings.Replace(head, "?", "?access_type=offline&", 1) + mid + "&prompt=consent" + tail + end},
		"google, fresh":               {"oidc", google, oidc.AuthorizationRequest{Fresh: true}, strings.Replace(head, "?", "?access_type=offline&", 1) + mid + "&prompt=consent%20select_account" + tail + end},
		"google, silent":              {"oidc", google, oidc.AuthorizationRequest{Silent: true}, strings.Replace(head, "?", "?access_type=offline&", 1) + mid + "&prompt=none" + tail + end},
		"gitlab, fresh: no max_age":   {"oidc", gitlab, oidc.AuthorizationRequest{Fresh: true}, head + mid + "&prompt=login" + tail + end},
		"gitlab, silent: no none":     {"oidc", gitlab, oidc.AuthorizationRequest{Silent: true}, head + mid + tail + end},
		"gitlab, step-up by prompt":   {"oidc", gitlab, oidc.AuthorizationRequest{MaxAge: time.Minute}, head + "&max_age=60" + mid + "&prompt=login" + tail + end},
		"github, fresh: not honoured": {"oidc", github, oidc.AuthorizationRequest{Fresh: true}, head + tail + end},
		"max_age alone, fresh":        {"keycloak", maxAgeOnly, oidc.AuthorizationRequest{Fresh: true}, head + "&max_age=1" + mid + tail + end},
		"form_post, own parameters":   {"oidc", apple, oidc.AuthorizationRequest{}, head + mid + strings.Replace(tail, "&response_type", "&response_mode=form_post&response_type", 1) + end + "&team=T%201#wechat_redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			r := tc.request
			r.State, r.Nonce, r.CodeChallenge = "state-12345678", "nonce-1", oidc.S256("verifier-1")
			got, err := f.provider(tc.kind, tc.record).AuthorizationURL(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("{issuer}", f.issuer, "{challenge}", oidc.S256("verifier-1")).Replace(tc.want)
			if d := cmp.Diff(strings.Split(want, "&"), strings.Split(got, "&")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOfflineAccessIsAskedOnlyWhereAdvertised(t *testing.T) {
	f := newFake(t)
	f.discovery["scopes_supported"] = []string{"openid"}
	got, err := f.provider("oidc", nil).AuthorizationURL(t.Context(), request())
	if err != nil || strings.Contains(got, "offline_access") {
		t.Errorf("%v %v", got, err)
	}
}

func TestEndpointKeepsItsOwnQuery(t *testing.T) {
	f := newFake(t)
	f.discovery["authorization_endpoint"] = f.issuer + "/authorize?p=b2c_1"
	got, err := f.provider("oidc", nil).AuthorizationURL(t.Context(), request())
	if err != nil || !strings.Contains(got, "/authorize?p=b2c_1&client_id=cardea&") {
		t.Errorf("%v %v", got, err)
	}
}

func TestRequestsThatWouldProtectNothingAreNotMade(t *testing.T) {
	p := newFake(t).provider("oidc", nil)
	for name, change := range map[string]func(*oidc.AuthorizationRequest){
		"no state":                      func(r *oidc.AuthorizationRequest) { r.State = "" },
		"no nonce":                      func(r *oidc.AuthorizationRequest) { r.Nonce = "" },
		"no challenge (CVE-2024-23647)": func(r *oidc.AuthorizationRequest) { r.CodeChallenge = "" },
		"fresh and silent":              func(r *oidc.AuthorizationRequest) { r.Fresh, r.Silent = true, true },
	} {
		r := request()
		change(&r)
		if got, err := p.AuthorizationURL(t.Context(), r); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func endSession() oidc.EndSessionRequest {
	return oidc.EndSessionRequest{IDToken: "e.y.J", SID: "sid-1", PostLogoutRedirectURI: "https://gate.example/.cardea/signed-out", State: "st 1"}
}

func TestEndSessionCallsAreAsTheRecordSays(t *testing.T) {
	const back = "https%3A%2F%2Fgate.example%2F.cardea%2Fsigned-out"
	long := strings.Repeat("x", 5000)
	withHint := func(h record.HintRule) func(*record.Record) { return func(r *record.Record) { r.SignOut.Hint = h } }
	cognito := func(r *record.Record) {
		r.SignOut.Kind, r.SignOut.Hint = record.SignOutCustom, record.HintUnused
		r.SignOut.Params = map[string]string{"client_id": "{client_id}", "logout_uri": "{return_url}"}
	}
	portal := func(r *record.Record) {
		r.SignOut.Kind, r.SignOut.Params = record.SignOutPortal, nil
		r.Endpoints.EndSession = "{origin}/logout?rd={return_url}"
	}
	noPost := func(h record.HintRule) func(*record.Record) {
		return func(r *record.Record) { r.SignOut.PostOK, r.SignOut.Hint = record.No, h }
	}
	entra := func(r *record.Record) {
		r.SignOut.Params = map[string]string{"logout_hint": "{logout_hint}", "sid": "{sid}", "post_logout_redirect_uri": "{return_url}"}
		r.SignOut.LogoutHintClaim = "login_hint"
	}
	hinted := "e30." + "eyJsb2dpbl9oaW50IjoiTy5DaVEifQ" + ".x" // {"login_hint":"O.CiQ"}
	for name, tc := range map[string]struct {
		record func(*record.Record)
		token  string
		want   string
		form   bool
	}{
		"hint":                        {nil, "e.y.J", "{issuer}/logout?client_id=cardea&id_token_hint=e.y.J&post_logout_redirect_uri=" + back + "&state=st%201", false},
		"no hint kept: client_id":     {nil, "", "{issuer}/logout?client_id=cardea&post_logout_redirect_uri=" + back + "&state=st%201", false},
		"hint required, none kept":    {withHint(record.HintRequired), "", "", false},
		"hint unused":                 {withHint(record.HintUnused), "e.y.J", "{issuer}/logout?client_id=cardea&post_logout_redirect_uri=" + back + "&state=st%201", false},
		"long hint is posted":         {nil, long, "{issuer}/logout", true},
		"a hint beyond all measure":   {nil, strings.Repeat("x", 400<<10), "{issuer}/logout?client_id=cardea&post_logout_redirect_uri=" + back + "&state=st%201", false},
		"long hint, no POST":          {noPost(record.HintRecommended), long, "{issuer}/logout?client_id=cardea&post_logout_redirect_uri=" + back + "&state=st%201", false},
		"long hint required, no POST": {noPost(record.HintRequired), long, "{issuer}/logout?client_id=cardea&id_token_hint=" + long + "&post_logout_redirect_uri=" + back + "&state=st%201", false},
		"own parameter names":         {cognito, "e.y.J", "{issuer}/logout?client_id=cardea&logout_uri=" + back, false},
		"portal":                      {portal, "e.y.J", "{issuer}/logout?rd=" + back, false},
		"logout hint of the token":    {entra, hinted, "{issuer}/logout?logout_hint=O.CiQ&post_logout_redirect_uri=" + back + "&sid=sid-1", false},
		"none":                        {func(r *record.Record) { r.SignOut.Kind = record.SignOutNone }, "e.y.J", "", false},
		"an expired hint where refused": {func(r *record.Record) { r.SignOut.HintExpiredOK = record.No }, "e30." + "eyJleHAiOjF9" + ".x",
			"{issuer}/logout?client_id=cardea&post_logout_redirect_uri=" + back + "&state=st%201", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			r := endSession()
			r.IDToken = tc.token
			got, ok, err := f.provider("keycloak", tc.record).EndSessionByBrowser(t.Context(), r)
			if err != nil || ok != (tc.want != "") {
				t.Fatalf("%v %v", ok, err)
			}
			if want := strings.ReplaceAll(tc.want, "{issuer}", f.issuer); got.URL != want {
				t.Errorf("\n got %.300s\nwant %.300s", got.URL, want)
			}
			var form url.Values
			if tc.form {
				form = url.Values{"client_id": {"cardea"}, "id_token_hint": {long}, "post_logout_redirect_uri": {r.PostLogoutRedirectURI}, "state": {"st 1"}}
			}
			if d := cmp.Diff(form, got.Form); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestServerEndsTheProvidersSessionWhereTheRecordKnowsHow(t *testing.T) {
	by := func(c record.ServerCall) func(*record.Record) {
		return func(r *record.Record) { r.SignOut.ServerCall = c }
	}
	for name, tc := range map[string]struct {
		record  func(*record.Record)
		request oidc.EndSessionRequest
		status  int
		body    string
		done    bool
		code    string
		calls   int
	}{
		"by refresh token":       {nil, oidc.EndSessionRequest{RefreshToken: "refresh-0"}, 204, "", true, "", 1},
		"refresh token not kept": {nil, oidc.EndSessionRequest{IDToken: "e.y.J"}, 204, "", false, "", 0},
		"refused":                {nil, oidc.EndSessionRequest{RefreshToken: "refresh-0"}, 400, `{"error":"invalid_grant"}`, false, oidc.InvalidGrant, 1},
		"a redirect is not done": {nil, oidc.EndSessionRequest{RefreshToken: "refresh-0"}, 302, "", false, codeRedirect, 1},
		"by hint":                {by(record.ServerHint), oidc.EndSessionRequest{IDToken: "e.y.J"}, 200, "", true, "", 1},
		"by hint, redirected":    {by(record.ServerHint), oidc.EndSessionRequest{IDToken: "e.y.J"}, 302, "", true, "", 1},
		"by hint, none kept":     {by(record.ServerHint), oidc.EndSessionRequest{RefreshToken: "r"}, 200, "", false, "", 0},
		"not known":              {by(record.ServerNone), endSession(), 200, "", false, "", 0},
		"down":                   {nil, oidc.EndSessionRequest{RefreshToken: "refresh-0"}, 503, "", false, oidc.TemporarilyUnavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.reply("/logout", tc.status, tc.body)
			done, err := f.provider("keycloak", tc.record).EndSessionByServer(t.Context(), tc.request)
			if done != tc.done || oidc.CodeOf(err) != tc.code || f.count("/logout") != tc.calls {
				t.Errorf("done %v, %v, %d calls", done, err, f.count("/logout"))
			}
			if tc.calls == 0 {
				return
			}
			form := f.form("/logout")
			if form.Get("refresh_token") != tc.request.RefreshToken && form.Get("id_token_hint") != tc.request.IDToken {
				t.Errorf("form %v", form)
			}
			if tc.request.RefreshToken != "" && f.header("/logout").Get("Authorization") == "" {
				t.Error("the client did not authenticate")
			}
		})
	}
}

func TestRevocationTakesWhatTheRecordNames(t *testing.T) {
	for name, tc := range map[string]struct {
		kind   string
		change func(*record.Record)
		tokens oidc.Tokens
		status int
		body   string
		calls  int
		last   string
		code   string
	}{
		"both":                 {"oidc", nil, oidc.Tokens{AccessToken: "a", RefreshToken: "r"}, 200, "", 2, "a", ""},
		"refresh token alone":  {"keycloak", nil, oidc.Tokens{AccessToken: "a", RefreshToken: "r"}, 200, "", 1, "r", ""},
		"nothing there":        {"keycloak", nil, oidc.Tokens{AccessToken: "a"}, 200, "", 0, "", ""},
		"not revocable":        {"oidc", nil, oidc.Tokens{AccessToken: "a"}, 400, `{"error":"unsupported_token_type"}`, 1, "a", ""},
		"unknown already":      {"keycloak", nil, oidc.Tokens{RefreshToken: "r"}, 400, `{"error":"invalid_token"}`, 1, "r", ""},
		"down: both are tried": {"oidc", nil, oidc.Tokens{AccessToken: "a", RefreshToken: "r"}, 503, "", 2, "a", oidc.TemporarilyUnavailable},
		"client refused":       {"keycloak", nil, oidc.Tokens{RefreshToken: "r"}, 401, `{"error":"invalid_client"}`, 1, "r", oidc.InvalidClient},
		"provider without":     {"oidc", func(r *record.Record) { r.Revocation.Kind = record.RevocationNone }, oidc.Tokens{RefreshToken: "r"}, 500, "", 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.reply("/revoke", tc.status, tc.body)
			err := f.provider(tc.kind, tc.change).Revoke(t.Context(), tc.tokens)
			if oidc.CodeOf(err) != tc.code || (err != nil) != (tc.code != "") || f.count("/revoke") != tc.calls {
				t.Errorf("%v, %d calls", err, f.count("/revoke"))
			}
			if tc.calls > 0 && f.form("/revoke").Get("token") != tc.last {
				t.Errorf("form %v", f.form("/revoke"))
			}
		})
	}
	f := newFake(t)
	delete(f.discovery, "revocation_endpoint")
	if err := f.provider("oidc", nil).Revoke(t.Context(), oidc.Tokens{RefreshToken: "r"}); err != nil {
		t.Errorf("no endpoint: %v", err)
	}
}

func TestCustomRevocation(t *testing.T) {
	f := newFake(t)
	p := f.provider("oidc", func(r *record.Record) {
		r.Endpoints.Revocation = "{issuer}/revoke"
		r.Revocation = record.Revocation{Kind: record.RevocationCustom, Tokens: []record.TokenKind{record.TokenAccess},
			Method: "DELETE", Auth: record.RevocationAuthBasic, Body: map[string]string{"access_token": "{token}"}}
	})
	if err := p.Revoke(t.Context(), oidc.Tokens{AccessToken: "a"}); err != nil {
		t.Error(err)
	}
	h := f.header("/revoke")
	if f.count("/revoke") != 1 || !strings.HasPrefix(h.Get("Authorization"), "Basic ") || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	f.reply("/revoke", 404, "")
	if err := p.Revoke(t.Context(), oidc.Tokens{AccessToken: "a"}); err != nil {
		t.Errorf("a token gone already: %v", err)
	}
}

func TestProviderThatIsDownKeepsNobodyFromSigningOut(t *testing.T) {
	t.Parallel() // it waits
	f := newFake(t)
	c := newClock()
	o := f.options("keycloak", nil)
	o.Now = c.Now
	p := build(t, o)
	c.reaches(t, p)
	if _, ok, err := p.EndSessionByBrowser(t.Context(), endSession()); !ok || err != nil {
		t.Fatalf("%v %v", ok, err)
	}
	release := make(chan struct{})
	f.handle(wellKnown, hangHandler(release))
	t.Cleanup(func() { close(release) })
	for range 20 {
		if !p.Reachable(t.Context()) {
			t.Error("the outcome of a moment ago is not kept")
		}
	}
	c.advance(probeKept)
	before, began := f.count(wellKnown), time.Now()
	up := make(chan bool)
	for range 10 {
		go func() { up <- p.Reachable(t.Context()) }()
	}
	for range 10 {
		if <-up {
			t.Error("a provider that hangs counts as reachable")
		}
	}
	if took := time.Since(began); took > probeTimeout+10*time.Second {
		t.Errorf("the probe took %s", took)
	}
	if n := f.count(wellKnown) - before; n > 1 {
		t.Errorf("%d probes", n)
	}
	// Metadata beyond their lifetime still give the call, and soon.
	c.advance(3 * metadataTTL)
	began = time.Now()
	if _, ok, err := p.EndSessionByBrowser(t.Context(), endSession()); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	if took := time.Since(began); took > staleWait+10*time.Second {
		t.Errorf("took %s", took)
	}
	f.reply(wellKnown, 502, "")
	c.advance(probeKept)
	if p.Reachable(t.Context()) {
		t.Error("a gateway's 502 counts as reachable")
	}
	if _, err := p.EndSessionByServer(t.Context(), oidc.EndSessionRequest{RefreshToken: "r"}); err != nil {
		if _, ok := errors.AsType[*oidc.UnreachableError](err); !ok {
			t.Error(err)
		}
	}
}
