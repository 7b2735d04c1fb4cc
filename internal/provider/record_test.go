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

// Each means of forcing a sign-in, and no prompt that the provider does not honour.
func TestAFreshSignInIsForcedByWhatTheRecordSays(t *testing.T) {
	type force = record.FreshLogin
	honoured := []record.PromptValue{record.PromptNone, record.PromptLogin, record.PromptSelectAccount}
	picker := []record.PromptValue{record.PromptSelectAccount}
	for name, tc := range map[string]struct {
		ok             []record.PromptValue
		force          force
		always         string
		prompt, maxAge string
	}{
		"prompt":                       {honoured, force{By: record.FreshByPrompt, Prompt: record.PromptLogin, AuthTime: record.AuthTimeAbsent}, "", "login", ""},
		"max_age":                      {honoured, force{By: record.FreshByMaxAge, MaxAge: time.Second, AuthTime: record.AuthTimeChecked}, "", "", "1"},
		"both":                         {honoured, force{By: record.FreshByPromptAndMaxAge, Prompt: record.PromptLogin, MaxAge: 2 * time.Second, AuthTime: record.AuthTimeChecked}, "", "login", "2"},
		"a setting, and nothing else":  {nil, force{By: record.FreshBySetting, AuthTime: record.AuthTimeAbsent}, "", "", ""},
		"a setting, beside a prompt":   {honoured, force{By: record.FreshBySetting, Prompt: record.PromptLogin, AuthTime: record.AuthTimeAbsent}, "", "login", ""},
		"impossible, a picker":         {picker, force{By: record.FreshByImpossible, Prompt: record.PromptSelectAccount, AuthTime: record.AuthTimeAbsent}, "", "select_account", ""},
		"impossible":                   {nil, force{By: record.FreshByImpossible, AuthTime: record.AuthTimeAbsent}, "", "", ""},
		"a prompt that is not taken":   {picker, force{By: record.FreshByPrompt, Prompt: record.PromptLogin, AuthTime: record.AuthTimeAbsent}, "", "", ""},
		"beside the record's own":      {append(honoured, record.PromptConsent), force{By: record.FreshByPrompt, Prompt: record.PromptLogin, AuthTime: record.AuthTimeAbsent}, "consent", "consent login", ""},
		"the record's own, not taken":  {picker, force{By: record.FreshByImpossible, Prompt: record.PromptSelectAccount, AuthTime: record.AuthTimeAbsent}, "consent", "select_account", ""},
		"the record's own is the same": {honoured, force{By: record.FreshByPrompt, Prompt: record.PromptLogin, AuthTime: record.AuthTimeAbsent}, "login", "login", ""},
	} {
		f := newFake(t)
		p := f.provider("oidc", func(r *record.Record) {
			r.Prompt.OK, r.FreshLogin = tc.ok, tc.force
			if tc.always != "" {
				r.Refresh.Needs.Params = map[string]string{"prompt": tc.always}
			}
		})
		ask := request()
		ask.Fresh = true
		location, err := p.AuthorizationURL(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		q := mustURL(t, location).Query()
		if q.Get("prompt") != tc.prompt || q.Get("max_age") != tc.maxAge {
			t.Errorf("%s: prompt %q, max_age %q", name, q.Get("prompt"), q.Get("max_age"))
		}
	}
}

func TestTheAnswersClassIsOneThatWasAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		asked []string
		acr   any
		weak  bool
	}{
		"nothing asked for":  {nil, "1", false},
		"the first":          {[]string{"gold", "silver"}, "gold", false},
		"another":            {[]string{"gold", "silver"}, "silver", false},
		"less":               {[]string{"gold"}, "1", true},
		"absent":             {[]string{"gold"}, nil, true},
		"no text":            {[]string{"gold"}, []string{"gold"}, true},
		"in another case":    {[]string{"gold"}, "Gold", true},
		"empty, as if asked": {[]string{""}, "", true},
	} {
		f, now := newFake(t), time.Now()
		p := f.provider("oidc", thin)
		r := request()
		r.ACRValues = tc.asked
		location, err := p.AuthorizationURL(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustURL(t, location).Query().Get("acr_values"); got != strings.Join(tc.asked, " ") {
			t.Errorf("%s: asked for %q", name, got)
		}
		claims := f.idClaims(now)
		claims["acr"] = tc.acr
		f.grant(claims)
		x := ask(now)
		x.ACRValues = tc.asked
		auth, err := p.Exchange(t.Context(), now, x)
		if errors.Is(err, oidc.ErrWeak) != tc.weak || (err != nil) != tc.weak || auth.Tokens.AccessToken != "access-1" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProviderWithoutIDTokensVouchesForNoClass(t *testing.T) {
	f := newFake(t)
	f.json("/token", map[string]any{"access_token": "a"})
	f.json("/userinfo", map[string]any{"id": "u-1", "acr": "gold"})
	x := plainAsk()
	x.ACRValues = []string{"gold"}
	if _, err := f.provider("oidc", bareOAuth).Exchange(t.Context(), time.Now(), x); !errors.Is(err, oidc.ErrWeak) {
		t.Error(err)
	}
}

func TestAMissingRefreshTokenIsToldOnceWhereItIsAMisconfiguration(t *testing.T) {
	for word, told := range map[record.MissingIs]int{record.MissingMisconfiguration: 1, record.MissingNormal: 0} {
		f, now := newFake(t), time.Now()
		var log logBuffer
		o := f.options("oidc", func(r *record.Record) {
			thin(r)
			r.Refresh.MissingIs, r.Refresh.MissingAdvice = word, "map offline_access"
		})
		o.Logger = log.logger()
		p := build(t, o)
		f.grant(f.idClaims(now))
		f.set(func() { delete(f.answer, "refresh_token") })
		for range 3 {
			if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(log.String(), "map offline_access"); n != told {
			t.Errorf("%s: told %d times", word, n)
		}
	}
}

// What is posted beside the code is the browser's word: it names, and does nothing else.
func TestWhatIsPostedBesideTheCodeServesForTheNameAlone(t *testing.T) {
	apple := func(r *record.Record) {
		thin(r)
		r.Client.ResponseMode, r.Client.UserParam = record.ResponseFormPost, "user"
		r.Claims.NameTemplate = "{claim:user.name.firstName} {claim:user.name.lastName}"
		r.Claims.Email.Verified = record.EmailAlways
	}
	for name, tc := range map[string]struct {
		user string
		own  any // claim "user" of the ID token
		want string
	}{
		"both names":        {`{"name":{"firstName":"Ann","lastName":"Lee"},"email":"evil@x.example"}`, nil, "Ann Lee"},
		"one name":          {`{"name":{"firstName":"Ann"}}`, nil, "Ann"},
		"none":              {`{"email":"evil@x.example"}`, nil, ""},
		"not posted":        {``, nil, ""},
		"signed beats it":   {`{"name":{"firstName":"Eve"}}`, map[string]any{"name": map[string]any{"firstName": "Ann"}}, "Ann"},
		"other claims":      {`{"sub":"bob","groups":["admin"],"iss":"x","name":"Eve"}`, nil, ""},
		"not JSON":          {`<script>`, nil, ""},
		"too long":          {`{"name":{"firstName":"` + strings.Repeat("A", 3000) + `"}}`, nil, ""},
		"control and marks": {`{"name":{"firstName":"A\u202en\u0000n","lastName":"L\r\nee"}}`, nil, "Ann L ee"},
	} {
		f, now := newFake(t), time.Now()
		p := f.provider("oidc", apple)
		claims := f.idClaims(now)
		delete(claims, "name")
		if tc.own != nil {
			claims["user"] = tc.own
		}
		f.grant(claims)
		x := ask(now)
		x.User = tc.user
		auth, err := p.Exchange(t.Context(), now, x)
		if err != nil {
			t.Fatal(err)
		}
		want := oidc.Profile{PreferredUsername: "alice", Name: tc.want, Email: "alice@example.com", EmailBelieved: true, Groups: []string{"staff"}}
		if diff := cmp.Diff(want, auth.Profile); diff != "" || auth.Identity.Subject != "alice-1" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, kept := auth.Claims["user"]; kept != (tc.own != nil) {
			t.Errorf("%s: it is among the claims: %v", name, auth.Claims["user"])
		}
	}
}

func TestATemplatedIssuerIsTheTokensTenant(t *testing.T) {
	const tenant, other = "9188040d-6c67-4c5b-b112-36a304b66dad", "11111111-2222-3333-4444-555555555555"
	for name, tc := range map[string]struct {
		iss, tid string
		refused  bool
	}{
		"its tenant":        {"/" + tenant + "/v2.0", tenant, false},
		"another tenant":    {"/" + tenant + "/v2.0", other, true},
		"no tenant":         {"/" + tenant + "/v2.0", "", true},
		"the template":      {"/{tenantid}/v2.0", tenant, true},
		"a path of its own": {"/" + tenant + "/x/v2.0", tenant, true},
		"another host":      {"https://evil.example/" + tenant + "/v2.0", tenant, true},
	} {
		f, now := newFake(t), time.Now()
		origin := f.issuer
		f.set(func() {
			f.discovery["issuer"] = origin + "/{tenantid}/v2.0"
		})
		f.json("/common/v2.0"+wellKnown, f.discovery)
		o := f.options("oidc", func(r *record.Record) {
			thin(r)
			r.Issuer.Match, r.Claims.SubjectKey = record.IssuerTemplateTID, []record.ClaimPath{"tid", "sub"}
		})
		o.Issuer = origin + "/common/v2.0"
		claims := f.idClaims(now)
		claims["iss"], claims["tid"] = tc.iss, tc.tid
		if strings.HasPrefix(tc.iss, "/") {
			claims["iss"] = origin + tc.iss
		}
		f.grant(claims)
		auth, err := build(t, o).Exchange(t.Context(), now, ask(now))
		if errors.Is(err, oidc.ErrRefused) != tc.refused || (err != nil) != tc.refused {
			t.Errorf("%s: %v", name, err)
		}
		if want := (oidc.Identity{Issuer: origin + "/" + tenant + "/v2.0", Subject: tenant + "|alice-1"}); err == nil && auth.Identity != want {
			t.Errorf("%s: %+v", name, auth.Identity)
		}
	}
}

func TestAnIssuerThatFollowsTheHostIsOneAtTheBackChannelToo(t *testing.T) {
	f := newFake(t)
	const path = "/application/o/app/"
	for match, good := range map[record.IssuerMatch]bool{record.IssuerHostDerived: true, record.IssuerExact: false} {
		o := f.options("oidc", func(r *record.Record) { r.Issuer.Match = match })
		o.Issuer, o.BackchannelURL = "https://id.example"+path, f.issuer
		p := build(t, o)
		for iss, want := range map[string]bool{
			o.Issuer:                         true,
			f.issuer + path:                  good,
			f.issuer + "/application/o/app":  false,
			f.issuer + path + "?x=y":         false,
			"https://other.example" + path:   false,
			"http://id.example" + path:       false,
			f.issuer + "/application/o/admi": false,
		} {
			if got := p.IsIssuer(iss); got != want {
				t.Errorf("%s: %s: %v", match, iss, got)
			}
		}
		if got := p.keptIssuer(f.issuer + path); good && got != o.Issuer {
			t.Errorf("kept as %s", got)
		}
	}
}

func TestAFramesCallIsAboutTheSessionsOfItsIssuer(t *testing.T) {
	const bare, own = "accounts.example", "https://accounts.example"
	for name, tc := range map[string]struct {
		match  record.IssuerMatch
		sends  record.Known
		iss    string
		issuer string
		ok     bool
	}{
		"its own":                      {record.IssuerExact, record.Yes, own, own, true},
		"another":                      {record.IssuerExact, record.Yes, "https://evil.example", "", false},
		"absent, where it is promised": {record.IssuerExact, record.Yes, "", "", false},
		"absent":                       {record.IssuerExact, record.No, "", own, true},
		"one of a set":                 {record.IssuerSet, record.Yes, bare, own, true},
		"absent, of several tenants":   {record.IssuerTemplateTID, record.No, "", "", true},
	} {
		o := newFake(t).options("oidc", func(r *record.Record) {
			r.Issuer.Match, r.Issuer.Also, r.Notices.FrontChannelIss = tc.match, []string{bare}, tc.sends
		})
		o.Issuer = own
		issuer, ok := build(t, o).FrontChannelIssuer(tc.iss)
		if ok != tc.ok || ok && issuer != tc.issuer {
			t.Errorf("%s: %q, %v", name, issuer, ok)
		}
	}
}

func TestTheReceiptLinksToTheProvidersOwnLogoutPage(t *testing.T) {
	for _, c := range []struct{ template, issuer, want string }{
		{"{issuer}/account", "https://id.example.com/realms/acme/", "https://id.example.com/realms/acme/account"},
		{"{origin}/logout", "https://id.example.com:8443/realms/acme", "https://id.example.com:8443/logout"},
		{"https://git.example.com/logout", "https://id.example.com", "https://git.example.com/logout"},
		{"{origin}/logout?client={client_id}", "https://id.example.com", "https://id.example.com/logout?client=cardea"},
		{"{authorization_origin}/logout", "https://id.example.com", "https://login.example.com/logout"},
		{"javascript:alert(1)", "https://id.example.com", ""},
		{"{tenant}/logout", "https://id.example.com", ""},
		{"", "https://id.example.com", ""},
	} {
		o := newFake(t).options("oidc", func(r *record.Record) {
			r.SignOut.ManualURL, r.Endpoints.Authorization = c.template, "https://login.example.com/authorize"
		})
		o.Issuer = c.issuer
		if got := build(t, o).ManualURL(); got != c.want {
			t.Errorf("%q at %s: %q, want %q", c.template, c.issuer, got, c.want)
		}
	}
	f := newFake(t)
	f.set(func() { f.discovery["authorization_endpoint"] = "https://pool.auth.example/oauth2/authorize" })
	p := f.provider("oidc", func(r *record.Record) {
		r.SignOut.ManualURL, r.Endpoints.EndSession = "{authorization_origin}/bye", "{authorization_origin}/logout"
	})
	if got := p.ManualURL(); got != "" {
		t.Errorf("before the metadata are there: %s", got)
	}
	call, ok, err := p.EndSessionByBrowser(t.Context(), oidc.EndSessionRequest{PostLogoutRedirectURI: "https://gate.example/out"})
	if !ok || err != nil || !strings.HasPrefix(call.URL, "https://pool.auth.example/logout?") {
		t.Errorf("%+v, %v", call, err)
	}
	if got := p.ManualURL(); got != "https://pool.auth.example/bye" {
		t.Error(got)
	}
}

func TestSigningOutAtTheProviderIsWhatTheRecordSays(t *testing.T) {
	const back = "https://gate.example/.cardea/signed-out"
	now := time.Now()
	type params = map[string]string
	for name, tc := range map[string]struct {
		change   func(*record.SignOut)
		upstream bool
		old      bool // the ID token has expired
		want     url.Values
		none     bool
	}{
		"a hint of another kind needs no ID token to go along": {func(s *record.SignOut) {
			s.Hint, s.LogoutHintClaim = record.HintUnused, "email"
			s.Params = params{"post_logout_redirect_uri": "{return_url}", "logout_hint": "{logout_hint}"}
		}, false, false, url.Values{"post_logout_redirect_uri": {back}, "logout_hint": {"alice@example.com"}}, false},
		"and outlives it": {func(s *record.SignOut) {
			s.Hint, s.HintExpiredOK, s.LogoutHintClaim = record.HintRecommended, record.No, "sid"
			s.Params = params{"id_token_hint": "{id_token_hint}", "client_id": "{client_id}", "logout_hint": "{logout_hint}"}
		}, false, true, url.Values{"client_id": {testClient}, "logout_hint": {"sid-1"}}, false},
		"an expired hint that is required": {func(s *record.SignOut) {
			s.Hint, s.HintExpiredOK = record.HintRequired, record.No
		}, false, true, nil, true},
		"names of its own": {func(s *record.SignOut) {
			s.Kind, s.Hint, s.Params = record.SignOutCustom, record.HintUnused, params{"client_id": "{client_id}", "logout_uri": "{return_url}"}
		}, false, false, url.Values{"client_id": {testClient}, "logout_uri": {back}}, false},
		"what is behind it, asked for": {func(s *record.SignOut) {
			s.Hint, s.Params, s.Upstream, s.UpstreamParams = record.HintUnused, params{"client_id": "{client_id}"}, record.UpstreamOnRequest, params{"federated": "true"}
		}, true, false, url.Values{"client_id": {testClient}, "federated": {"true"}}, false},
		"what is behind it, not asked for": {func(s *record.SignOut) {
			s.Hint, s.Params, s.Upstream, s.UpstreamParams = record.HintUnused, params{"client_id": "{client_id}"}, record.UpstreamOnRequest, params{"federated": "true"}
		}, false, false, url.Values{"client_id": {testClient}}, false},
		"a portal that compares the origin alone brings our state back in the address": {func(s *record.SignOut) {
			s.Kind, s.Hint, s.ReturnMatch, s.Params = record.SignOutPortal, record.HintUnused, record.ReturnMatchOrigin, params{"rd": "{return_url}"}
		}, false, false, url.Values{"rd": {back + "?state=st-1"}}, false},
		"one that compares all of it does not": {func(s *record.SignOut) {
			s.Kind, s.Hint, s.ReturnMatch, s.Params = record.SignOutPortal, record.HintUnused, record.ReturnMatchExact, params{"rd": "{return_url}"}
		}, false, false, url.Values{"rd": {back}}, false},
		"one that has a parameter for it": {func(s *record.SignOut) {
			s.Hint, s.ReturnMatch, s.Params = record.HintUnused, record.ReturnMatchOrigin, params{"rd": "{return_url}", "state": "{state}"}
		}, false, false, url.Values{"rd": {back}, "state": {"st-1"}}, false},
		"nothing": {func(s *record.SignOut) { s.Kind, s.Params = record.SignOutNone, nil }, false, false, nil, true},
	} {
		f := newFake(t)
		o := f.options("oidc", func(r *record.Record) { tc.change(&r.SignOut) })
		o.UpstreamSignOut = tc.upstream
		claims := f.idClaims(now)
		if tc.old {
			claims = f.idClaims(now.Add(-time.Hour))
		}
		f.grant(claims)
		call, ok, err := build(t, o).EndSessionByBrowser(t.Context(), oidc.EndSessionRequest{
			IDToken: f.answer["id_token"].(string), PostLogoutRedirectURI: back, State: "st-1", SID: "sid-1",
		})
		if err != nil || ok == tc.none {
			t.Errorf("%s: %v, %v", name, ok, err)
			continue
		}
		if tc.none {
			continue
		}
		if diff := cmp.Diff(tc.want, mustURL(t, call.URL).Query()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Pictures and names come as they come.
func TestPeoplesDataNeverBreakASignIn(t *testing.T) {
	f := newFake(t)
	f.json("/token", map[string]any{"access_token": "at-1"})
	f.json("/userinfo", map[string]any{"id": 7, "avatar": "data:image/png;base64," + strings.Repeat("A", 1<<20), "given": "Ann", "family": "", "nick": "x\u0000"})
	p := f.provider("oidc", func(r *record.Record) {
		bareOAuth(r)
		r.Claims.Name, r.Claims.NameTemplate = "display", "{claim:given} {claim:family}"
		r.Claims.Picture = record.Picture{Source: record.PictureTemplate, Template: "https://cdn.example/{claim:id}/{claim:avatar}.png"}
	})
	auth, err := p.Exchange(t.Context(), time.Now(), plainAsk())
	if err != nil || auth.Profile.Name != "Ann" || auth.Profile.Picture != "" || auth.Identity.Subject != "7" {
		t.Errorf("%+v, %v", auth.Profile, err)
	}
	if _, kept := auth.Claims["avatar"]; kept {
		t.Error("a megabyte of picture is among the claims")
	}
}
