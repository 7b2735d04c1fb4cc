package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// application is a fake that knows people by a token of the application: WeCom's way.
type application struct {
	*fake
	clock   *clock
	given   atomic.Int32 // application tokens
	good    atomic.Value // the one that is taken
	details atomic.Value // of the person
}

func byApplication(r *record.Record) {
	bareOAuth(r)
	r.Endpoints.ApplicationToken = "{origin}/gettoken"
	r.Client.Exchange, r.Client.PKCE = record.ExchangeApplicationToken, record.PKCEOff
	r.Client.ApplicationParams = map[string]string{"corpid": "{client_id}", "corpsecret": "{client_secret}"}
	r.Client.BearerParam, r.Client.Auth = "access_token", record.AuthQuery
	r.Client.ErrorIn200, r.Client.ErrorParam, r.Client.ErrorUnless = record.Yes, "errcode", "0"
	r.Claims.SubjectKey, r.Claims.Username = []record.ClaimPath{"UserId"}, "UserId"
	r.Claims.UserInfo = record.UserInfo{Use: record.UserInfoAfterSignIn, Params: map[string]string{"userid": "{claim:UserId}"}}
	r.Claims.Email = record.Email{Source: record.FromClaim, Claim: "biz_mail", Verified: record.EmailAlways}
	r.Revocation = record.Revocation{Kind: record.RevocationNone, Ends: record.RevocationEndsNothing}
}

func newApplication(t *testing.T) *application {
	a := &application{fake: newFake(t), clock: newClock()}
	a.details.Store(`{"errcode":0,"name":"Ann","biz_mail":"ann@corp.example"}`)
	a.handle("/gettoken", func(w http.ResponseWriter, _ *http.Request) {
		token := fmt.Sprintf("app-%d", a.given.Add(1))
		a.good.Store(token)
		fmt.Fprintf(w, `{"errcode":0,"errmsg":"ok","access_token":%q,"expires_in":7200}`, token)
	})
	answer := func(body func(*http.Request) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("access_token") != a.good.Load() {
				fmt.Fprint(w, `{"errcode":40014,"errmsg":"invalid access_token"}`)
				return
			}
			fmt.Fprint(w, body(r))
		}
	}
	a.handle("/token", answer(func(r *http.Request) string {
		if r.URL.Query().Get("code") != "code-1" {
			return `{"errcode":40029,"errmsg":"invalid code"}`
		}
		return `{"errcode":0,"UserId":"ann"}`
	}))
	a.handle("/userinfo", answer(func(*http.Request) string { return a.details.Load().(string) }))
	return a
}

func (a *application) provider() *Provider {
	o := a.options("oidc", byApplication)
	o.Now = a.clock.Now
	return build(a.t, o)
}

func TestPeopleAreKnownByATokenOfTheApplication(t *testing.T) {
	a := newApplication(t)
	p := a.provider()
	auth, err := p.Exchange(t.Context(), a.clock.Now(), oidc.CodeExchange{Code: "code-1"})
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Authentication{
		Identity: oidc.Identity{Issuer: a.issuer, Subject: "ann"},
		Claims:   oidc.Claims{"errcode": 0.0, "UserId": "ann", "name": "Ann", "biz_mail": "ann@corp.example"},
		Profile:  oidc.Profile{PreferredUsername: "ann", Name: "Ann", Email: "ann@corp.example", EmailBelieved: true},
	}
	if diff := cmp.Diff(want, auth); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(url.Values{"corpid": {testClient}, "corpsecret": {testSecret}}, a.query("/gettoken")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(url.Values{"access_token": {"app-1"}, "code": {"code-1"}}, a.query("/token")); diff != "" || a.method("/token") != "GET" {
		t.Error(a.method("/token"), diff)
	}
	if diff := cmp.Diff(url.Values{"access_token": {"app-1"}, "userid": {"ann"}}, a.query("/userinfo")); diff != "" {
		t.Error(diff)
	}
	if err := p.Revoke(t.Context(), auth.Tokens); err != nil {
		t.Errorf("nothing is there to be revoked: %v", err)
	}
}

func TestTheApplicationsTokenIsFetchedOnceAndAgainBeforeItExpires(t *testing.T) {
	a := newApplication(t)
	p := a.provider()
	signIn := func() {
		t.Helper()
		if _, err := p.Exchange(t.Context(), a.clock.Now(), oidc.CodeExchange{Code: "code-1"}); err != nil {
			t.Error(err)
		}
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(signIn)
	}
	all.Wait()
	a.clock.advance(2*time.Hour - 2*time.Minute)
	signIn()
	if n := a.given.Load(); n != 1 {
		t.Fatalf("%d application tokens for one life", n)
	}
	a.clock.advance(90 * time.Second) // half a minute before its end
	signIn()
	if n := a.given.Load(); n != 2 {
		t.Errorf("%d application tokens", n)
	}
}

func TestARefusedApplicationTokenIsFetchedAnewOnce(t *testing.T) {
	a := newApplication(t)
	p := a.provider()
	finish := func(code string) error {
		_, err := p.Exchange(t.Context(), a.clock.Now(), oidc.CodeExchange{Code: code})
		return err
	}
	if err := finish("code-1"); err != nil {
		t.Fatal(err)
	}
	a.clock.advance(time.Minute)
	a.good.Store("somebody fetched another")
	if err := finish("code-1"); err != nil || a.given.Load() != 2 {
		t.Errorf("%v after %d application tokens", err, a.given.Load())
	}
	// A code that is no good looks the same, and must not make this server ask at will.
	for range 5 {
		if err := finish("forged"); oidc.CodeOf(err) != "40029" {
			t.Error(err)
		}
	}
	if n := a.given.Load(); n != 2 {
		t.Errorf("%d application tokens after forged codes", n)
	}
}

func TestTroubleWithTheApplicationsTokenSignsNobodyIn(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		code   string
	}{
		"wrong secret": {200, `{"errcode":40001,"errmsg":"invalid credential"}`, "40001"},
		"no token":     {200, `{"errcode":0}`, ""},
		"not JSON":     {200, `sorry`, ""},
		"down":         {502, ``, oidc.ServerError},
	} {
		a := newApplication(t)
		a.reply("/gettoken", tc.status, tc.body)
		auth, err := a.provider().Exchange(t.Context(), a.clock.Now(), oidc.CodeExchange{Code: "code-1"})
		if err == nil || oidc.CodeOf(err) != tc.code || auth.Identity.Subject != "" || a.count("/token") != 0 {
			t.Errorf("%s: %+v, %v", name, auth, err)
		}
	}
}

func TestUserinfoByTheApplicationCannotNameAnotherPerson(t *testing.T) {
	a := newApplication(t)
	a.details.Store(`{"errcode":0,"UserId":"bob","name":"Bob"}`)
	if auth, err := a.provider().Exchange(t.Context(), a.clock.Now(), oidc.CodeExchange{Code: "code-1"}); err == nil || auth.Identity.Subject != "" {
		t.Errorf("%+v, %v", auth, err)
	}
}
