package provider

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// bareOAuth is the record of a plain OAuth 2 server whose endpoints are those of a fake.
func bareOAuth(r *record.Record) {
	r.Endpoints = record.Endpoints{
		Source: record.EndpointsStatic, Authorization: "{origin}/authorize", Token: "{origin}/token", UserInfo: "{origin}/userinfo",
	}
	r.Claims.IDToken, r.Claims.SubjectKey, r.Claims.Username = record.No, []record.ClaimPath{"id"}, "login"
	r.Claims.UserInfo = record.UserInfo{Use: record.UserInfoAlways}
	r.Scopes, r.Refresh.Needs = []string{"profile"}, record.RefreshNeeds{When: record.NeedsAlways}
	r.Client.Auth = record.AuthPost
}

func plainAsk() oidc.CodeExchange {
	return oidc.CodeExchange{Code: "code-1", CodeVerifier: "verifier-1", RequestedAt: time.Now()}
}

func (f *fake) json(path string, doc any) {
	body, err := json.Marshal(doc)
	if err != nil {
		f.t.Fatal(err)
	}
	f.reply(path, http.StatusOK, string(body))
}

// An answer in form encoding, an API for addresses, one for groups with pages, a call of
// its own for revocation: what GitHub has.
func TestAProviderWithAPIsOfItsOwnSignsPeopleIn(t *testing.T) {
	f := newFake(t)
	f.reply("/token", 200, "access_token=at-1&scope=read%3Aorg%2Cuser&token_type=bearer")
	f.json("/userinfo", map[string]any{"id": 583231, "login": "octocat", "name": nil, "avatar_url": "https://avatars.example/1"})
	f.json("/emails", []any{
		map[string]any{"email": "old@example.com", "verified": true, "primary": false},
		map[string]any{"email": "octocat@example.com", "verified": true, "primary": true},
	})
	f.handle("/orgs", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "" {
			w.Header().Set("Link", `<`+f.issuer+`/orgs?per_page=1&page=2>; rel="next", <`+f.issuer+`/orgs?page=9>; rel="last"`)
			fmt.Fprint(w, `[{"login":"acme"}]`)
			return
		}
		fmt.Fprint(w, `[{"login":"umbrella"}]`)
	})
	f.json("/teams", []any{map[string]any{"slug": "backend", "organization": map[string]any{"login": "acme"}}})
	f.reply("/applications/cardea/grant", http.StatusNoContent, "")
	o := f.options("oidc", func(r *record.Record) {
		bareOAuth(r)
		r.Client.TokenReply, r.Client.ErrorIn200, r.Client.ErrorParam = record.TokenReplyForm, record.Yes, "error"
		r.Endpoints.Revocation = "{origin}/applications/{client_id}/grant"
		r.Revocation = record.Revocation{Kind: record.RevocationCustom, Tokens: []record.TokenKind{record.TokenAccess},
			Ends: record.RevocationEndsGrant, Method: "DELETE", Auth: record.RevocationAuthBasic, Body: map[string]string{"access_token": "{token}"}}
		r.Claims.Email = record.Email{Source: record.FromEndpoint, URL: "{origin}/emails", Claim: "email", VerifiedClaim: "verified",
			Verified: record.EmailClaim, PrimaryClaim: "primary"}
		r.Claims.Groups = record.Groups{Source: record.FromEndpoint, Scope: "read:org", Lists: []record.GroupList{
			{URL: "{origin}/orgs?per_page=1", Name: "{claim:login}", Next: record.NextLink},
			{URL: "{origin}/teams", Name: "{claim:organization.login}/{claim:slug}", Next: record.NextNone},
		}}
		r.Claims.Picture = record.Picture{Source: record.PictureClaim, Claim: "avatar_url"}
	})
	o.Groups = true
	var sent string
	f.handle("/applications/cardea/grant", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = r.Method + " " + r.Header.Get("Content-Type") + " " + string(body)
		w.WriteHeader(http.StatusNoContent)
	})
	p := build(t, o)

	auth, err := p.Exchange(t.Context(), time.Now(), plainAsk())
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Profile{PreferredUsername: "octocat", Email: "octocat@example.com", EmailBelieved: true,
		Groups: []string{"acme", "umbrella", "acme/backend"}, Picture: "https://avatars.example/1"}
	if diff := cmp.Diff(want, auth.Profile); diff != "" || auth.Identity != (oidc.Identity{Issuer: f.issuer, Subject: "583231"}) {
		t.Errorf("%+v\n%s", auth.Identity, diff)
	}
	for _, path := range []string{"/userinfo", "/emails", "/orgs", "/teams"} {
		if got := f.header(path).Get("Authorization"); got != "Bearer at-1" {
			t.Errorf("%s: authorized by %q", path, got)
		}
	}
	if err := p.Revoke(t.Context(), auth.Tokens); err != nil || sent != `DELETE application/json {"access_token":"at-1"}` {
		t.Errorf("%v: %s", err, sent)
	}
	if got := f.header("/applications/cardea/grant").Get("Authorization"); !strings.HasPrefix(got, "Basic ") {
		t.Errorf("authorized by %q", got)
	}
	claims, profile, err := p.Userinfo(t.Context(), time.Now(), auth.Tokens, auth.Identity)
	if err != nil || claims == nil {
		t.Fatal(claims, err)
	}
	if diff := cmp.Diff(want, profile); diff != "" {
		t.Errorf("asked again: %s", diff)
	}
}

// Errors with status 200 are errors wherever they come: GitHub's, Slack's, WeCom's way.
func TestErrorsInGoodAnswersAreErrorsEverywhere(t *testing.T) {
	for name, tc := range map[string]struct {
		param, unless, good, bad string
	}{
		"a member that is there": {"error", "", `"x":1`, `"error":"bad_token"`},
		"ok: false":              {"ok", "true", `"ok":true`, `"ok":false,"error":"bad_token"`},
		"a number":               {"errcode", "0", `"errcode":0`, `"errcode":40014`},
	} {
		for _, path := range []string{"/token", "/userinfo", "/emails", "/orgs"} {
			t.Run(name+" at "+path, func(t *testing.T) {
				f := newFake(t)
				answers := map[string]string{"/token": `"access_token":"a"`, "/userinfo": `"id":"u-1"`, "/emails": `"list":[{"email":"a@b.example","ok":true}]`, "/orgs": `"list":[{"n":"x"}]`}
				for at, members := range answers {
					state := tc.good
					if at == path {
						state = tc.bad
					}
					f.reply(at, 200, `{`+members+`,`+state+`}`)
				}
				o := f.options("oidc", func(r *record.Record) {
					bareOAuth(r)
					r.Client.ErrorIn200, r.Client.ErrorParam, r.Client.ErrorUnless = record.Yes, tc.param, tc.unless
					r.Claims.Email = record.Email{Source: record.FromEndpoint, URL: "{origin}/emails", List: "list", Claim: "email", Verified: record.EmailAlways}
					r.Claims.Groups = record.Groups{Source: record.FromEndpoint, Lists: []record.GroupList{{URL: "{origin}/orgs", List: "list", Name: "{claim:n}", Next: record.NextNone}}}
				})
				o.Groups = true
				auth, err := build(t, o).Exchange(t.Context(), time.Now(), plainAsk())
				code := oidc.CodeOf(err)
				switch path {
				case "/token", "/userinfo":
					if code != "bad_token" && code != "40014" {
						t.Errorf("%q, %v", code, err)
					}
				case "/emails":
					if err != nil || auth.Profile.Email != "" || auth.Profile.EmailBelieved || len(auth.Profile.Groups) != 1 {
						t.Errorf("%+v, %v", auth.Profile, err)
					}
				default:
					if err != nil || !auth.Profile.GroupsUnknown || auth.Profile.Groups != nil || auth.Profile.Email != "a@b.example" {
						t.Errorf("%+v, %v", auth.Profile, err)
					}
				}
			})
		}
	}
}

// JSON with names of its own, claims within an envelope, the token in a header of its own:
// Feishu's and DingTalk's way.
func TestOwnNamesHeadersAndEnvelopes(t *testing.T) {
	f := newFake(t)
	var sent map[string]string
	f.handle("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&sent)
		fmt.Fprint(w, `{"data":{"accessToken":"at-1","refreshToken":"rt-1","expireIn":7200}}`)
	})
	f.json("/userinfo", map[string]any{"code": 0, "data": map[string]any{"unionId": "union-1", "nick": "安", "avatar": map[string]any{"url": "https://a.example/1"}}})
	p := f.provider("oidc", func(r *record.Record) {
		bareOAuth(r)
		r.Client.Auth, r.Client.TokenBody = record.AuthJSON, record.TokenBodyJSON
		r.Client.TokenNames = map[string]string{"client_id": "clientId", "client_secret": "clientSecret", "grant_type": "grantType",
			"access_token": "accessToken", "refresh_token": "refreshToken", "expires_in": "expireIn"}
		r.Client.TokenEnvelope, r.Client.BearerHeader, r.Client.CodeParam = "data", "X-Acs-Token", "authCode"
		r.Client.AuthorizeNames = map[string]string{"client_id": "app_id", "state": "state", "login_hint": ""}
		r.Client.AuthorizeFragment = "wechat_redirect"
		r.Claims.UserInfo.Envelope = "data"
		r.Claims.SubjectKey, r.Claims.Name = []record.ClaimPath{"unionId"}, "nick"
		r.Claims.Picture = record.Picture{Source: record.PictureClaim, Claim: "avatar.url"}
	})
	auth, err := p.Exchange(t.Context(), time.Now(), plainAsk())
	if err != nil {
		t.Fatal(err)
	}
	if auth.Identity.Subject != "union-1" || auth.Profile.Name != "安" || auth.Profile.Picture != "https://a.example/1" ||
		auth.Tokens.RefreshToken != "rt-1" || time.Until(auth.Tokens.Expiry) < 7000*time.Second {
		t.Errorf("%+v", auth)
	}
	if sent["clientId"] != testClient || sent["clientSecret"] != testSecret || sent["grantType"] != "authorization_code" {
		t.Errorf("sent %v", sent)
	}
	if h := f.header("/userinfo"); h.Get("X-Acs-Token") != "at-1" || h.Get("Authorization") != "" {
		t.Errorf("userinfo authorized by %v", h)
	}
	if code, user := p.AnswerParams(); code != "authCode" || user != "" {
		t.Errorf("code in %q, person in %q", code, user)
	}
	location, err := p.AuthorizationURL(t.Context(), oidc.AuthorizationRequest{State: "s", CodeChallenge: "c", LoginHint: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(location)
	q := u.Query()
	if q.Get("app_id") != testClient || q.Has("client_id") || q.Get("login_hint") != "ann" || u.Fragment != "wechat_redirect" {
		t.Error(location)
	}
}

func TestTheTokenGoesIntoTheQueryWhereTheRecordSaysSo(t *testing.T) {
	f := newFake(t)
	f.json("/token", map[string]any{"access_token": "at 1+"})
	f.json("/userinfo", map[string]any{"id": "u-1"})
	p := f.provider("oidc", func(r *record.Record) {
		bareOAuth(r)
		r.Endpoints.UserInfo += "?v=2"
		r.Client.BearerParam = "access_token"
		r.Claims.UserInfo.Params = map[string]string{"app": "{client_id}", "who": "{claim:sub}"}
	})
	if _, err := p.Exchange(t.Context(), time.Now(), plainAsk()); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"v": {"2"}, "access_token": {"at 1+"}, "app": {testClient}}
	if diff := cmp.Diff(want, f.query("/userinfo")); diff != "" || f.header("/userinfo").Get("Authorization") != "" {
		t.Error(diff)
	}
}

// Whatever is stated, a record that is valid is one that a provider can be made of.
func TestEveryRecordIsOneThatAProviderCanBeMadeOf(t *testing.T) {
	for _, kind := range record.Kinds() {
		r, _ := record.Lookup(kind)
		if len(r.Validate()) > 0 {
			continue // what is wrong with it is told by the records' own tests
		}
		o := Options{ID: "main", Issuer: r.Issuer.Default, ClientID: testClient, ClientSecret: testSecret, Record: r, RedirectURI: testRedirect,
			Key: ecKey(), KeyID: "k", KeyIssuer: "team", Groups: true, UpstreamSignOut: true}
		if o.Issuer == "" {
			o.Issuer = "https://id.example"
		}
		p, err := New(o)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if r.Endpoints.Source != record.EndpointsStatic {
			continue
		}
		if _, err := p.discover(t.Context()); err != nil {
			t.Errorf("%s: its endpoints: %v", kind, err)
		}
	}
}
