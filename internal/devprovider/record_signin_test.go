package devprovider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	records "github.com/cardea-auth/cardea/internal/record"
)

func TestAnAuthorizationRequestIsTakenAsTheRecordSays(t *testing.T) {
	for name, tc := range map[string]struct {
		record  func(*records.Record)
		changes []string
		want    string // the error, or ""
	}{
		"as it should be":         {},
		"unknown scope":           {changes: []string{"scope", "openid groups"}, want: "invalid_scope"},
		"max_age 0":               {changes: []string{"max_age", "0"}, want: "invalid_request"},
		"prompt ignored":          {changes: []string{"prompt", "select_account"}},
		"prompt refused":          {changes: []string{"prompt", "select_account"}, want: "invalid_request", record: func(r *records.Record) { r.Prompt.Unknown = records.PromptUnknownError }},
		"prompt, nobody knows":    {changes: []string{"prompt", "select_account"}, want: "invalid_request", record: func(r *records.Record) { r.Prompt.Unknown = records.PromptUnknownUnknown }},
		"no challenge":            {changes: []string{"code_challenge", "", "code_challenge_method", ""}, want: "invalid_request"},
		"challenge not known":     {want: "invalid_request", record: func(r *records.Record) { r.Client.PKCE = records.PKCEOff }},
		"parameter missing":       {want: "invalid_request", record: func(r *records.Record) { r.Client.AuthorizeParams = map[string]string{"team": "T1"} }},
		"parameter there":         {changes: []string{"team", "T1"}, record: func(r *records.Record) { r.Client.AuthorizeParams = map[string]string{"team": "T1"} }},
		"response mode not asked": {changes: []string{"response_mode", "form_post"}, want: "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startBy(t, tc.record, nil)
			q := visit(t, aliceAt(t, s), askAt(s, tc.changes...))
			if q.Get("error") != tc.want || q.Get("iss") != s.Issuer() {
				t.Errorf("error %q, iss %q", q.Get("error"), q.Get("iss"))
			}
			asked := s.Requests(devprovider.Authorize)
			if len(asked) != 1 || asked[0].Refused != tc.want || asked[0].Client != clientID {
				t.Errorf("the log has %+v", asked)
			}
		})
	}
}

func TestParametersAreKnownByTheProvidersOwnNames(t *testing.T) {
	s := startBy(t, func(r *records.Record) {
		r.Client.AuthorizeNames = map[string]string{"client_id": "appid"}
		r.Client.CodeParam, r.Issuer.Param = "authCode", records.IssParamNone
	}, nil)
	r := request(t, s, "/", nil, nil)
	r.URL, _ = url.Parse(askAt(s))
	if status, _, _ := do(t, r, nil); status != http.StatusBadRequest {
		t.Errorf("client_id where appid is wanted: %d", status)
	}
	q := visit(t, aliceAt(t, s), askAt(s, "client_id", "", "appid", clientID))
	if q.Get("authCode") == "" || q.Has("code") || q.Has("iss") {
		t.Errorf("the answer is %v", q)
	}
}

func TestWhatForcesASignInIsWhatTheRecordSays(t *testing.T) {
	both := func(r *records.Record) { r.FreshLogin.By = records.FreshByPromptAndMaxAge }
	impossible := func(r *records.Record) {
		r.FreshLogin = records.FreshLogin{By: records.FreshByImpossible, AuthTime: records.AuthTimeAbsent}
		r.Prompt.OK = append(r.Prompt.OK, "select_account")
	}
	for name, tc := range map[string]struct {
		record  func(*records.Record)
		changes []string
		want    [][]string // pages of each further visit
	}{
		"prompt":                  {nil, []string{"prompt", "login"}, [][]string{{"login"}, {"login"}}},
		"max_age not looked at":   {nil, []string{"max_age", "1"}, [][]string{nil}},
		"both":                    {both, []string{"prompt", "login", "max_age", "1"}, [][]string{{"login"}, {"login"}}},
		"prompt alone works once": {both, []string{"prompt", "login"}, [][]string{{"login"}, nil}},
		"max_age alone works":     {both, []string{"max_age", "1"}, [][]string{{"login"}, {"login"}}},
		"setting":                 {func(r *records.Record) { r.FreshLogin.By = records.FreshBySetting }, []string{"prompt", "login"}, [][]string{nil}},
		"impossible":              {impossible, []string{"prompt", "login", "max_age", "1"}, [][]string{nil}},
		"impossible, a picker":    {impossible, []string{"prompt", "select_account"}, [][]string{{"select"}}},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			s := startBy(t, tc.record, func(o *devprovider.Options) { o.Now = clock.now })
			v := aliceAt(t, s)
			visit(t, v, askAt(s))
			for i, want := range tc.want {
				clock.advance(5 * time.Second)
				v.Asked = nil
				visit(t, v, askAt(s, tc.changes...))
				if diff := cmp.Diff(want, v.Asked); diff != "" {
					t.Errorf("visit %d asked (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestAPostedAnswerComesWithoutTheClientsCookies(t *testing.T) {
	var posted url.Values
	var cookies int
	rp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			cookies = len(r.Cookies())
			if r.ParseForm() == nil {
				posted = r.PostForm
			}
		}
		http.SetCookie(w, &http.Cookie{Name: "own", Value: "1", Path: "/"})
		http.Redirect(w, r, "/in", http.StatusSeeOther)
	}))
	defer rp.Close()
	s := startBy(t, func(r *records.Record) {
		r.Client.ResponseMode, r.Client.UserParam = records.ResponseFormPost, "user"
		r.Claims.NameTemplate = "{claim:user.name.first} {claim:user.name.last}"
	}, nil)
	if err := s.AddClient(devprovider.Client{ID: "poster", Secret: "p", RedirectURIs: []string{rp.URL + "/cb"}}); err != nil {
		t.Fatal(err)
	}
	v := aliceAt(t, s)
	changes := []string{"client_id", "poster", "redirect_uri", rp.URL + "/cb", "response_mode", "form_post"}
	for _, told := range []string{`{"email":"alice@example.com","name":{"first":"Alice","last":"Liddell"}}`, ""} {
		to, err := v.Visit(t.Context(), askAt(s, changes...))
		if err != nil || to.Path != "/in" {
			t.Fatalf("%v %v", to, err)
		}
		if posted.Get("code") == "" || posted.Get("state") != "the-state" || posted.Get("user") != told || cookies != 0 {
			t.Errorf("posted %v with %d cookies; want user %s", posted, cookies, told)
		}
	}
}

func TestAClassThatIsAskedForIsGivenAtASignIn(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.ACRs = []string{"pwd", "otp"} })
	v := alice(t, s)
	class := func(changes ...string) any {
		v.Asked = nil
		return payload(t, signIn(t, s, v, changes...).id)["acr"]
	}
	type seen struct {
		acr   any
		asked []string
	}
	got := []seen{
		{class(), slices.Clone(v.Asked)},
		{class("acr_values", "pwd otp"), slices.Clone(v.Asked)},
		{class("acr_values", "unheard-of otp"), slices.Clone(v.Asked)},
		{class(), slices.Clone(v.Asked)},
		{class("acr_values", "unheard-of"), slices.Clone(v.Asked)},
	}
	want := []seen{{"pwd", []string{"login"}}, {"pwd", nil}, {"otp", []string{"login"}}, {"otp", nil}, {"otp", nil}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if plain := start(t, nil); payload(t, signIn(t, plain, alice(t, plain), "acr_values", "otp").id)["acr"] != nil {
		t.Error("a provider without classes names one")
	}
}

func TestIssuersFollowTheRecord(t *testing.T) {
	const tid = "11111111-2222-4333-8444-555555555555"
	for name, tc := range map[string]struct {
		record            func(*records.Record)
		issuer            string // path
		metadata, token   string
		response, claimed string
	}{
		"exact": {func(*records.Record) {}, "/realm", "/realm", "/realm", "/realm", ""},
		"set":   {func(r *records.Record) { r.Issuer.Match, r.Issuer.Also = records.IssuerSet, []string{"id.example"} }, "/realm", "/realm", "id.example", "/realm", ""},
		"param": {func(r *records.Record) { r.Issuer.ParamValue = "https://id.example/o" }, "/realm", "/realm", "/realm", "/~id.example/o", ""},
		"template": {func(r *records.Record) { r.Issuer.Match = records.IssuerTemplateTID }, "/common/v2.0",
			"/{tenantid}/v2.0", "/" + tid + "/v2.0", "/" + tid + "/v2.0", tid},
		"template below a host": {func(r *records.Record) {
			r.Issuer.Match, r.Issuer.Default = records.IssuerTemplateTID, "https://id.example/common/v2.0"
		}, "", "/~id.example/{tenantid}/v2.0", "/~id.example/" + tid + "/v2.0", "/~id.example/" + tid + "/v2.0", tid},
	} {
		t.Run(name, func(t *testing.T) {
			s := startBy(t, tc.record, func(o *devprovider.Options) { o.Issuer = "http://127.0.0.1:0" + tc.issuer })
			_, doc := ask(t, http.MethodGet, s.Issuer()+"/.well-known/openid-configuration", "", "", nil)
			v := aliceAt(t, s)
			q := visit(t, v, askAt(s))
			got, _ := signInBy(t, s, v)
			claims := payload(t, got.id)
			tidClaim, _ := claims["tid"].(string)
			list := []string{doc["issuer"].(string), claims["iss"].(string), q.Get("iss"), tidClaim}
			for i := range list {
				list[i] = strings.TrimPrefix(list[i], s.Origin())
			}
			if diff := cmp.Diff([]string{tc.metadata, tc.token, tc.response, tc.claimed}, list); diff != "" {
				t.Errorf("metadata, token, response, tid (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnIssuerFollowsTheHostWhereTheRecordSaysSo(t *testing.T) {
	s := startBy(t, func(r *records.Record) { r.Issuer.Match = records.IssuerHostDerived }, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.Origin(), "http://"), ":")
	other := "http://127.0.0.2:" + port
	r := request(t, s, "/.well-known/openid-configuration", nil, func(r *http.Request) { r.Host = "127.0.0.2:" + port })
	if status, _, _ := do(t, r, nil); status != http.StatusMisdirectedRequest {
		t.Errorf("a host that it does not serve: %d", status)
	}
	s = startBy(t, func(r *records.Record) { r.Issuer.Match = records.IssuerHostDerived }, func(o *devprovider.Options) {
		o.Issuer, o.AlternateHosts = s.Issuer(), []string{"127.0.0.2:" + port}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	code := visit(t, aliceAt(t, s), askAt(s)).Get("code")
	r = request(t, s, "/token", codeForm(code), func(r *http.Request) { asClient(r); r.Host = "127.0.0.2:" + port })
	_, _, body := do(t, r, nil)
	_, rest, _ := strings.Cut(string(body), `"id_token":"`)
	raw, _, _ := strings.Cut(rest, `"`)
	if got := payload(t, raw)["iss"]; got != other {
		t.Errorf("asked at %s the issuer is %v", other, got)
	}
}
