package provider

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

func mustURL(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestOneOfSeveralAddressesIsTaken(t *testing.T) {
	github := record.Email{Source: record.FromEndpoint, Claim: "email", VerifiedClaim: "verified", Verified: record.EmailClaim, PrimaryClaim: "primary"}
	gitee := record.Email{Source: record.FromEndpoint, Claim: "email", VerifiedClaim: "state", VerifiedValue: "confirmed", Verified: record.EmailClaim, PrimaryClaim: "scope", PrimaryValue: "primary"}
	always := github
	always.Verified = record.EmailAlways
	nested := record.Email{Source: record.FromEndpoint, List: "values", Claim: "email", VerifiedClaim: "is_confirmed", Verified: record.EmailClaim, PrimaryClaim: "is_primary"}
	first := record.Email{Source: record.FromEndpoint, Claim: "mail", Verified: record.EmailAlways}
	for name, tc := range map[string]struct {
		record   record.Email
		answer   string
		email    string
		believed bool
	}{
		"the primary, verified":                      {github, `[{"email":"a@x.example","verified":true},{"email":"b@x.example","verified":true,"primary":true}]`, "b@x.example", true},
		"another, where the primary is not verified": {github, `[{"email":"b@x.example","primary":true},{"email":"a@x.example","verified":true}]`, "a@x.example", true},
		"the primary, not verified":                  {github, `[{"email":"a@x.example"},{"email":"b@x.example","verified":false,"primary":true}]`, "b@x.example", false},
		"verified as a text is not":                  {github, `[{"email":"a@x.example","verified":"true","primary":true}]`, "a@x.example", false},
		"verified as a number is not":                {github, `[{"email":"a@x.example","verified":1,"primary":true}]`, "a@x.example", false},
		"always believed":                            {always, `[{"email":"a@x.example"},{"email":"b@x.example","primary":true}]`, "b@x.example", true},
		"words in place of booleans":                 {gitee, `[{"email":"a@x.example","state":"confirmed","scope":["notice"]},{"email":"b@x.example","state":"confirmed","scope":["notice","primary"]}]`, "b@x.example", true},
		"another word":                               {gitee, `[{"email":"a@x.example","state":"unconfirmed","scope":"primary"}]`, "a@x.example", false},
		"within a member":                            {nested, `{"values":[{"email":"a@x.example","is_confirmed":true,"is_primary":true}],"page":1}`, "a@x.example", true},
		"the first":                                  {first, `[{"mail":"a@x.example"},{"mail":"b@x.example"}]`, "a@x.example", true},
		"the first that is one":                      {first, `[{"mail":"not an address"},{"mail":"b@x.example"}]`, "b@x.example", true},
		"one object":                                 {first, `{"mail":"a@x.example"}`, "a@x.example", true},
		"none":                                       {github, `[]`, "", false},
		"hostile":                                    {github, `[{"email":"a@x.example\r\nX: y","verified":true,"primary":true},{"email":7,"verified":true},null,"a@x.example",[1]]`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.json("/token", map[string]any{"access_token": "at-1"})
			f.json("/userinfo", map[string]any{"id": "u-1", "email": "public@x.example", "verified": true})
			f.reply("/emails", 200, tc.answer)
			p := f.provider("oidc", func(r *record.Record) {
				bareOAuth(r)
				r.Claims.Email = tc.record
				r.Claims.Email.URL = "{origin}/emails?per_page=100"
			})
			auth, err := p.Exchange(t.Context(), time.Now(), plainAsk())
			if err != nil || auth.Profile.Email != tc.email || auth.Profile.EmailBelieved != tc.believed {
				t.Errorf("%+v, %v", auth.Profile, err)
			}
			if f.query("/emails").Get("per_page") != "100" {
				t.Errorf("asked %v", f.query("/emails"))
			}
		})
	}
}

func TestAnAddressThatCannotBeHadBreaksNoSignIn(t *testing.T) {
	f := newFake(t)
	var log logBuffer
	f.json("/token", map[string]any{"access_token": "at-1", "refresh_token": "rt-1"})
	f.json("/userinfo", map[string]any{"id": "u-1", "login": "ann", "email": "claimed@x.example"})
	f.reply("/emails", 500, "")
	o := f.options("oidc", func(r *record.Record) {
		bareOAuth(r)
		r.Claims.Email = record.Email{Source: record.FromEndpoint, URL: "{origin}/emails", Claim: "email", Verified: record.EmailAlways}
	})
	o.Logger = log.logger()
	p := build(t, o)
	for range 2 {
		auth, err := p.Exchange(t.Context(), time.Now(), plainAsk())
		want := oidc.Profile{PreferredUsername: "ann"}
		if diff := cmp.Diff(want, auth.Profile); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	if n := strings.Count(log.String(), "e-mail addresses cannot be had"); n != 1 {
		t.Errorf("told %d times", n)
	}
	// What was known before stays after a refresh.
	auth, err := p.Refresh(t.Context(), time.Now(), oidc.Tokens{RefreshToken: "rt-0"}, oidc.Identity{Issuer: f.issuer, Subject: "u-1"})
	if err != nil || auth.Claims != nil {
		t.Errorf("%+v, %v", auth, err)
	}
}

func TestAVerifiedAddressMayBeSaidInTheRecordsWord(t *testing.T) {
	for name, tc := range map[string]struct {
		said  any
		value string
		want  bool
	}{
		"true":                    {true, "true", true},
		"the text, where it is":   {"true", "true", true},
		"the text, where it not":  {"true", "", false},
		"false beats the word":    {false, "false", false},
		"another text":            {"True", "true", false},
		"a number as the word":    {1, "1", true},
		"a number without a word": {1, "", false},
		"a list":                  {[]any{"true"}, "true", false},
	} {
		f, now := newFake(t), time.Now()
		p := f.provider("oidc", func(r *record.Record) { thin(r); r.Claims.Email.VerifiedValue = tc.value })
		claims := f.idClaims(now)
		claims["email_verified"] = tc.said
		f.grant(claims)
		auth, err := p.Exchange(t.Context(), now, ask(now))
		if err != nil || auth.Profile.EmailBelieved != tc.want {
			t.Errorf("%s: %v, %v", name, auth.Profile.EmailBelieved, err)
		}
	}
}
