package provider

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/freeport"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

var alice = func(f *fake) oidc.Identity { return oidc.Identity{Issuer: f.issuer, Subject: "alice-1"} }

func oldTokens() oidc.Tokens {
	return oidc.Tokens{AccessToken: "access-0", RefreshToken: "refresh-0", IDToken: "old.id.token", Scope: "openid"}
}

func TestClientAuthenticationIsWrittenAsTheServerReadsIt(t *testing.T) {
	for name, tc := range map[string]struct {
		auth     record.ClientAuth
		encoding record.SecretEncoding
		offered  any
		id       string
		secret   string
		basic    string
		form     url.Values
	}{
		"basic: blank as %20, never +": {auth: record.AuthBasic, id: "my client", secret: "a b+c:d%e/ü",
			basic: "my%20client:a%20b%2Bc%3Ad%25e%2F%C3%BC"},
		"basic, raw":                  {auth: record.AuthBasic, encoding: record.SecretRaw, id: "c", secret: "a b+c", basic: "c:a b+c"},
		"post":                        {auth: record.AuthPost, id: "c d", secret: "a b+c%", form: url.Values{"client_id": {"c d"}, "client_secret": {"a b+c%"}}},
		"public client":               {auth: record.AuthBasic, id: "c", form: url.Values{"client_id": {"c"}}},
		"none by record":              {auth: record.AuthNone, id: "c", secret: "s", form: url.Values{"client_id": {"c"}}},
		"discovery offers post alone": {auth: record.AuthDiscovery, offered: []string{"private_key_jwt", "client_secret_post"}, id: "c", secret: "s", form: url.Values{"client_id": {"c"}, "client_secret": {"s"}}},
		"discovery offers both":       {auth: record.AuthDiscovery, offered: []string{"client_secret_post", "client_secret_basic"}, id: "c", secret: "s", basic: "c:s"},
		"discovery says nothing":      {auth: record.AuthDiscovery, id: "c", secret: "s", basic: "c:s"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.discovery["token_endpoint_auth_methods_supported"] = tc.offered
			f.answer = map[string]any{"access_token": "access-1"}
			o := f.options("oidc", func(r *record.Record) {
				r.Client.Auth = tc.auth
				if tc.encoding != "" {
					r.Client.SecretEncoding = tc.encoding
				}
			})
			o.ClientID, o.ClientSecret = tc.id, tc.secret
			if _, err := build(t, o).Refresh(t.Context(), time.Now(), oldTokens(), alice(f)); err != nil {
				t.Fatal(err)
			}
			var basic string
			if h := f.header("/token").Get("Authorization"); h != "" {
				raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h, "Basic "))
				if err != nil {
					t.Fatal(err)
				}
				basic = string(raw)
			}
			form := f.form("/token")
			form.Del("grant_type")
			form.Del("refresh_token")
			if d := cmp.Diff(tc.form, form); tc.form != nil && d != "" || tc.form == nil && len(form) > 0 || basic != tc.basic {
				t.Errorf("basic %q, form %v", basic, form)
			}
		})
	}
	f := newFake(t)
	f.discovery["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
	_, err := f.provider("oidc", nil).Refresh(t.Context(), time.Now(), oldTokens(), alice(f))
	if u, ok := errors.AsType[*oidc.UnreachableError](err); !ok || u.Sent || f.count("/token") != 0 {
		t.Errorf("no common method: %v", err)
	}
}

func TestRefreshOutcomesAreToldApart(t *testing.T) {
	t.Parallel() // one of them waits
	type outcome struct {
		Code        string
		Status      int
		Unreachable bool
		Sent        bool
	}
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); w.Write([]byte(text)) }
	}
	const secretHTML = "<html>secret refresh-0</html>"
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   outcome
	}{
		"invalid_grant":                  {body(400, `{"error":"invalid_grant","error_description":"secret"}`), outcome{Code: oidc.InvalidGrant, Status: 400}},
		"invalid_client":                 {body(401, `{"error":"invalid_client"}`), outcome{Code: oidc.InvalidClient, Status: 401}},
		"401 without a word":             {body(401, ``), outcome{Code: oidc.InvalidClient, Status: 401}},
		"interaction_required":           {body(400, `{"error":"interaction_required"}`), outcome{Code: oidc.InteractionRequired, Status: 400}},
		"429":                            {body(429, ``), outcome{Code: oidc.TemporarilyUnavailable, Status: 429}},
		"500 HTML":                       {body(500, secretHTML), outcome{Code: oidc.ServerError, Status: 500}},
		"500 that says invalid_grant":    {body(500, `{"error":"invalid_grant"}`), outcome{Code: oidc.ServerError, Status: 500}},
		"429 that says invalid_grant":    {body(429, `{"error":"invalid_grant"}`), outcome{Code: oidc.TemporarilyUnavailable, Status: 429}},
		"503":                            {body(503, secretHTML), outcome{Code: oidc.TemporarilyUnavailable, Status: 503}},
		"403 HTML of a firewall":         {body(403, secretHTML), outcome{Code: codeStatus, Status: 403}},
		"404":                            {body(404, secretHTML), outcome{Code: codeStatus, Status: 404}},
		"400 with an object as error":    {body(400, `{"error":{"code":"invalid_grant"}}`), outcome{Code: codeStatus, Status: 400}},
		"code with control characters":   {body(400, `{"error":"invalid_grant\u0000\u001b[31m"}`), outcome{Code: codeUnspecified, Status: 400}},
		"code too long":                  {body(400, `{"error":"`+strings.Repeat("x", 65)+`"}`), outcome{Code: codeUnspecified, Status: 400}},
		"redirect":                       {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 307) }, outcome{Code: codeRedirect, Status: 307}},
		"200 HTML":                       {body(200, secretHTML), outcome{Unreachable: true, Sent: true}},
		"200 empty":                      {body(200, ``), outcome{Unreachable: true, Sent: true}},
		"200 null":                       {body(200, `null`), outcome{Unreachable: true, Sent: true}},
		"200 without access token":       {body(200, `{"refresh_token":"secret"}`), outcome{Unreachable: true, Sent: true}},
		"200 with an error, undeclared":  {body(200, `{"error":"invalid_grant"}`), outcome{Unreachable: true, Sent: true}},
		"200 with a token for no header": {body(200, `{"access_token":"a\r\nb"}`), outcome{Unreachable: true, Sent: true}},
		"200 with DPoP tokens":           {body(200, `{"access_token":"a","token_type":"DPoP"}`), outcome{Unreachable: true, Sent: true}},
		"200 too large":                  {body(200, `{"access_token":"a","pad":"`+strings.Repeat("x", maxTokenAnswer)+`"}`), outcome{Unreachable: true, Sent: true}},
		"cut before the answer":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, outcome{Unreachable: true, Sent: true}},
		"cut in the body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte(`{"access_token":"secret`))
		}, outcome{Unreachable: true, Sent: true}},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, outcome{Unreachable: true, Sent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.handle("/token", tc.answer)
			o := f.options("oidc", nil)
			if name == "no answer" {
				t.Parallel() // it waits
				o.Timeout = 3 * time.Second
			}
			got, err := build(t, o).Refresh(t.Context(), time.Now(), oldTokens(), alice(f))
			var have outcome
			if e, ok := errors.AsType[*oidc.Error](err); ok {
				have = outcome{Code: e.Code, Status: e.Status}
			} else if u, ok := errors.AsType[*oidc.UnreachableError](err); ok {
				have = outcome{Unreachable: true, Sent: u.Sent}
			}
			if d := cmp.Diff(tc.want, have); d != "" {
				t.Errorf("%v\n%s", err, d)
			}
			if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "refresh-0") {
				t.Errorf("error text: %v", err)
			}
			if got.Tokens != (oidc.Tokens{}) {
				t.Error("tokens without an answer")
			}
			if n := f.count("/token"); n != 1 {
				t.Errorf("the refresh token was presented %d times", n)
			}
		})
	}
}

// nobody is an origin at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + address
}

func TestRefreshThatNeverLeftSaysSo(t *testing.T) {
	f := newFake(t)
	f.discovery["token_endpoint"] = nobody(t) + "/token"
	p := f.provider("oidc", nil)
	_, err := p.Refresh(t.Context(), time.Now(), oldTokens(), alice(f))
	if u, ok := errors.AsType[*oidc.UnreachableError](err); !ok || u.Sent {
		t.Errorf("closed port: %v", err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	o := f.options("oidc", nil)
	o.Issuer = other.URL
	_, err = build(t, o).Refresh(t.Context(), time.Now(), oldTokens(), alice(f))
	if u, ok := errors.AsType[*oidc.UnreachableError](err); !ok || u.Sent {
		t.Errorf("no metadata: %v", err)
	}
	_, err = p.Refresh(t.Context(), time.Now(), oidc.Tokens{AccessToken: "a"}, alice(f))
	if u, ok := errors.AsType[*oidc.UnreachableError](err); !ok || u.Sent {
		t.Errorf("no refresh token: %v", err)
	}
}

func TestRefreshKeepsWhatTheAnswerLeavesOut(t *testing.T) {
	f := newFake(t)
	f.answer = map[string]any{"access_token": "access-1", "token_type": "bearer", "expires_in": 60}
	now := time.Now()
	got, err := f.provider("keycloak", nil).Refresh(t.Context(), now, oldTokens(), alice(f))
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Authentication{Identity: alice(f), Tokens: oidc.Tokens{AccessToken: "access-1", TokenType: "bearer",
		RefreshToken: "refresh-0", IDToken: "old.id.token", Scope: "openid", Expiry: now.Add(time.Minute)}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if form := f.form("/token"); form.Get("grant_type") != "refresh_token" || form.Get("refresh_token") != "refresh-0" || form.Has("scope") {
		t.Errorf("form %v", form)
	}
}

func TestRefreshedIDTokenMustKeepIssAndSub(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("keycloak", nil)
	refresh := func(changes map[string]any) (oidc.Authentication, error) {
		f.grant(without(f.idClaims(now), changes))
		return p.Refresh(t.Context(), now, oldTokens(), alice(f))
	}
	for name, changes := range map[string]map[string]any{
		"other sub": {"sub": "mallory"}, "other iss": {"iss": "https://evil.example"}, "other aud": {"aud": "x"},
		"no sub": {"sub": nil}, "expired": {"exp": now.Add(-time.Hour).Unix()},
	} {
		got, err := refresh(changes)
		if !errors.Is(err, oidc.ErrRefused) || got.Tokens.RefreshToken != "refresh-1" || got.Claims != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := refresh(map[string]any{"nonce": nil, "groups": []any{"ops"}})
	if err != nil {
		t.Fatalf("a refreshed ID token needs no nonce: %v", err)
	}
	if d := cmp.Diff([]string{"ops"}, got.Profile.Groups); d != "" {
		t.Errorf("CVE-2021-41230, the later claim change: %s", d)
	}
	// The old ID token sent along again says nothing, expired or not.
	stale := oldTokens()
	f.grant(without(f.idClaims(now), map[string]any{"exp": now.Add(-time.Hour).Unix()}))
	stale.IDToken = f.answer["id_token"].(string)
	if got, err = p.Refresh(t.Context(), now, stale, alice(f)); err != nil || got.Claims != nil {
		t.Errorf("the same ID token again: %v", err)
	}
}

func TestRefreshSurvivesKeysAndUserinfoBeingDown(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.grant(f.idClaims(now))
	f.reply("/keys", 503, "")
	f.reply("/userinfo", 503, "")
	for _, use := range []record.UserInfoUse{record.UserInfoAlways, record.UserInfoNever, record.UserInfoAfterSignIn} {
		p := f.provider("oidc", func(r *record.Record) { r.Claims.UserInfo.Use = use })
		got, err := p.Refresh(t.Context(), now, oldTokens(), alice(f))
		if err != nil || got.Tokens.RefreshToken != "refresh-1" || got.Tokens.IDToken != "old.id.token" || got.Claims != nil {
			t.Errorf("%s: %v %+v", use, err, got.Claims)
		}
	}
}

func TestRefreshAsksUserinfoWhereTheRecordSays(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.grant(without(f.idClaims(now), map[string]any{"groups": nil}))
	for use, groups := range map[record.UserInfoUse][]string{
		record.UserInfoAlways:      {"staff", "ops"},
		record.UserInfoAfterSignIn: nil, // the ID token alone is not the whole person
	} {
		p := f.provider("oidc", func(r *record.Record) { r.Claims.UserInfo.Use = use })
		got, err := p.Refresh(t.Context(), now, oldTokens(), alice(f))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(groups, got.Profile.Groups); d != "" || (got.Claims != nil) != (groups != nil) {
			t.Errorf("%s: %s", use, d)
		}
	}
	log := &logBuffer{}
	o := f.options("oidc", func(r *record.Record) { r.Claims.UserInfo.Use = record.UserInfoAlways })
	o.Logger = log.logger()
	p := build(t, o)
	for _, status := range []int{503, 503, 0} {
		f.handle("/userinfo", nil)
		if status > 0 {
			f.reply("/userinfo", status, "")
		}
		if _, err := p.Refresh(t.Context(), now, oldTokens(), alice(f)); err != nil {
			t.Error(err)
		}
	}
	if text := log.String(); strings.Count(text, "alarm=true") != 1 || strings.Count(text, "userinfo is back") != 1 {
		t.Errorf("log:\n%s", text)
	}
	f.set(func() { f.person["sub"] = "mallory" })
	got, err := p.Refresh(t.Context(), now, oldTokens(), alice(f))
	if !errors.Is(err, oidc.ErrRefused) || got.Tokens.RefreshToken != "refresh-1" {
		t.Errorf("userinfo of another: %v", err)
	}
}

func TestExpiresInJunkIsTolerated(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `" 60 "`: time.Minute, `59.9`: 59900 * time.Millisecond,
		`0`: 0, `-1`: 0, `"-5"`: 0, `null`: 0, `"soon"`: 0, `{}`: 0, `true`: 0, `"NaN"`: 0,
		`1e300`: longestLife, `"1e400"`: longestLife, `"Inf"`: longestLife, `99999999999999999999`: longestLife,
	} {
		f := newFake(t)
		f.reply("/token", 200, `{"access_token":"a","expires_in":`+text+`}`)
		now := time.Now()
		got, err := f.provider("oidc", nil).Refresh(t.Context(), now, oldTokens(), alice(f))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		have := time.Duration(0)
		if !got.Tokens.Expiry.IsZero() {
			have = got.Tokens.Expiry.Sub(now)
		}
		if have != want {
			t.Errorf("%s: %s, want %s", text, have, want)
		}
	}
}

func TestOddTokenAnswersAreReadAsTheRecordSays(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*record.Client)
		body   string
		code   string
		token  string
	}{
		"error in 200":        {func(c *record.Client) { c.ErrorIn200 = record.Yes }, `{"error":"bad_refresh_token"}`, "bad_refresh_token", ""},
		"ok false":            {func(c *record.Client) { c.ErrorIn200, c.ErrorParam, c.ErrorUnless = record.Yes, "ok", "true" }, `{"ok":false,"error":"invalid_refresh_token"}`, "invalid_refresh_token", ""},
		"ok true":             {func(c *record.Client) { c.ErrorIn200, c.ErrorParam, c.ErrorUnless = record.Yes, "ok", "true" }, `{"ok":true,"access_token":"a"}`, "", "a"},
		"errcode 0":           {func(c *record.Client) { c.ErrorIn200, c.ErrorParam, c.ErrorUnless = record.Yes, "errcode", "0" }, `{"errcode":0,"access_token":"a"}`, "", "a"},
		"errcode 40029":       {func(c *record.Client) { c.ErrorIn200, c.ErrorParam, c.ErrorUnless = record.Yes, "errcode", "0" }, `{"errcode":40029}`, "40029", ""},
		"form-encoded answer": {func(c *record.Client) { c.TokenReply = record.TokenReplyForm }, `access_token=a&expires_in=60&token_type=bearer`, "", "a"},
		"own names, envelope": {func(c *record.Client) {
			c.TokenNames, c.TokenEnvelope = map[string]string{"access_token": "accessToken"}, "data"
		}, `{"data":{"accessToken":"a"}}`, "", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.reply("/token", 200, tc.body)
			got, err := f.provider("oidc", func(r *record.Record) { tc.change(&r.Client) }).Refresh(t.Context(), time.Now(), oldTokens(), alice(f))
			if oidc.CodeOf(err) != tc.code || got.Tokens.AccessToken != tc.token {
				t.Errorf("got %q, %v", got.Tokens.AccessToken, err)
			}
		})
	}
	f := newFake(t)
	var sent string
	f.handle("/token", func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 1000)
		n, _ := r.Body.Read(buf)
		sent = r.Header.Get("Content-Type") + " " + string(buf[:n])
		fmt.Fprint(w, `{"accessToken":"a"}`)
	})
	p := f.provider("oidc", func(r *record.Record) {
		r.Client.Auth, r.Client.TokenBody = record.AuthJSON, record.TokenBodyJSON
		r.Client.TokenNames = map[string]string{"access_token": "accessToken", "grant_type": "grantType", "refresh_token": "refreshToken", "client_id": "clientId", "client_secret": "clientSecret"}
		r.Refresh.Extra = map[string]string{"scope": "{scope}", "redirect_uri": "{redirect_uri}", "never": "{nothing}"}
	})
	p.secret = "s"
	if _, err := p.Refresh(t.Context(), time.Now(), oldTokens(), alice(f)); err != nil {
		t.Fatal(err)
	}
	want := `application/json {"clientId":"cardea","clientSecret":"s","grantType":"refresh_token","redirect_uri":"` + testRedirect + `","refreshToken":"refresh-0","scope":"openid profile email offline_access"}`
	if sent != want {
		t.Errorf("sent %s", sent)
	}
}

func TestRecordsThatTheConfigurationContradictsAreRefusedAtTheStart(t *testing.T) {
	f := newFake(t)
	for name, change := range map[string]func(*record.Record){
		"private_key_jwt without a key": func(r *record.Record) { r.Client.Auth = record.AuthPrivateKeyJWT },
		"signed_secret without a key":   func(r *record.Record) { r.Client.Auth = record.AuthSignedSecret },
		"no subject key":                func(r *record.Record) { r.Claims.SubjectKey = nil },
	} {
		if _, err := New(f.options("oidc", change)); err == nil || !strings.Contains(err.Error(), "record: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := f.options("oidc", func(r *record.Record) { r.Client.PKCE = record.PKCEOff })
	o.ClientSecret = ""
	if _, err := New(o); err == nil {
		t.Error("a public client without PKCE was taken")
	}
	o = f.options("oidc", func(r *record.Record) { r.Client.Auth = record.AuthSecretJWT })
	o.ClientSecret = ""
	if _, err := New(o); err == nil {
		t.Error("an assertion signed with no secret was taken")
	}
	o = f.options("oidc", nil)
	o.ClientID = ""
	if _, err := New(o); err == nil {
		t.Error("a provider without client_id was taken")
	}
}

func TestCodeIsNeverSentTwice(t *testing.T) {
	f := newFake(t)
	f.handle("/token", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	p := f.provider("oidc", nil)
	now := time.Now()
	for i := range 3 {
		if _, err := p.Exchange(t.Context(), now, ask(now)); err == nil {
			t.Fatal("no error")
		}
		if n := f.count("/token"); n != i+1 {
			t.Fatalf("%d requests for %d exchanges", n, i+1)
		}
	}
}

func TestAnswerAfterTheCodeWasSpentSaysSo(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.grant(f.idClaims(now))
	f.discovery["userinfo_endpoint"] = nobody(t) + "/userinfo"
	got, err := f.provider("oidc", nil).Exchange(t.Context(), now, ask(now))
	u, ok := errors.AsType[*oidc.UnreachableError](err)
	if !ok || !u.Sent || got.Tokens.RefreshToken != "refresh-1" {
		t.Errorf("got %v", err)
	}
}

func TestCVE_2026_33544_ParallelSignInsNeverCross(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.handle("/token", func(w http.ResponseWriter, r *http.Request) {
		who := r.PostForm.Get("code")
		if r.PostForm.Get("code_verifier") != "verifier-"+who {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		claims := without(f.idClaims(now), map[string]any{"sub": who, "nonce": "nonce-" + who})
		fmt.Fprintf(w, `{"access_token":"access-%s","id_token":%q}`, who, sign(t, "ec", ecKey(), "ES256", claims))
	})
	f.handle("/userinfo", func(w http.ResponseWriter, r *http.Request) {
		who := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer access-")
		fmt.Fprintf(w, `{"sub":%q,"name":%q}`, who, who)
	})
	p := f.provider("oidc", nil)
	errs := make(chan error)
	const people = 300
	for i := range people {
		go func() {
			who := fmt.Sprint("p", i)
			got, err := p.Exchange(t.Context(), now, oidc.CodeExchange{Code: who, CodeVerifier: "verifier-" + who, Nonce: "nonce-" + who, RequestedAt: now})
			if err == nil && (got.Identity.Subject != who || got.Tokens.AccessToken != "access-"+who || got.Claims.String("name") != who) {
				err = fmt.Errorf("%s became %s", who, got.Identity.Subject)
			}
			errs <- err
		}()
	}
	for range people {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
