package provider

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

func TestUserinfoOfAnotherPersonIsRefused(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.grant(f.idClaims(now))
	p := f.provider("oidc", nil)
	for name, sub := range map[string]any{"another": "mallory", "empty": "", "a number": 1, "another case": "ALICE-1", "null": nil} {
		t.Run(name, func(t *testing.T) {
			f.set(func() { f.person["sub"] = sub })
			mustRefuse(t, p, now)
		})
	}
	t.Run("absent", func(t *testing.T) {
		f.set(func() { delete(f.person, "sub") })
		mustRefuse(t, p, now)
	})
}

func TestUserinfoIsAskedAfterAGoodTokenOnly(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", nil)
	f.grant(without(f.idClaims(now), map[string]any{"nonce": "other"}))
	mustRefuse(t, p, now)
	if f.count("/userinfo") != 0 {
		t.Error("userinfo followed a bad ID token")
	}
	f.grant(f.idClaims(now))
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Fatal(err)
	}
	if h := f.header("/userinfo").Get("Authorization"); h != "Bearer access-1" {
		t.Errorf("Authorization %q", h)
	}
}

func TestUserinfoCompletesTheIDTokenAndChangesNothingItVouchesFor(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	claims := f.idClaims(now)
	for _, name := range []string{"name", "email", "email_verified", "groups", "preferred_username"} {
		delete(claims, name)
	}
	f.grant(claims)
	f.person["iss"], f.person["sid"], f.person["auth_time"], f.person["aud"] = "https://evil.example", "sid-evil", 1, "evil"
	got, err := f.provider("oidc", nil).Exchange(t.Context(), now, ask(now))
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Profile{PreferredUsername: "alice", Name: "Alice", Email: "alice@example.com", EmailBelieved: true, Groups: []string{"staff", "ops"}}
	if d := cmp.Diff(want, got.Profile); d != "" {
		t.Error(d)
	}
	if got.SID != "sid-1" || got.Identity.Issuer != f.issuer || got.Claims.String("sid") != "sid-1" || got.Claims.String("iss") != f.issuer {
		t.Errorf("userinfo changed protocol claims: %v", got.Claims)
	}
}

func TestUserinfoAnswersThatAreNoneAreToldApart(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		media  string
		body   string
		code   string // "" : unreachable
	}{
		"401":        {401, "", ``, "invalid_token"},
		"403":        {403, "", ``, oidc.AccessDenied},
		"500":        {500, "", `secret`, oidc.ServerError},
		"redirect":   {302, "", ``, codeRedirect},
		"HTML":       {200, "text/html", `<html>secret</html>`, ""},
		"JWT":        {200, "application/jwt", `e.y.J`, ""},
		"two values": {200, "", `{"sub":"alice-1"}{"sub":"mallory"}`, ""},
		"no sub":     {200, "", `{}`, ""},
		"too large":  {200, "", `{"sub":"alice-1","pad":[` + strings.Repeat(`"`+strings.Repeat("x", 1000)+`",`, 200) + `1]}`, ""},
		"huge":       {200, "", `{"pad":"` + strings.Repeat("x", maxUserinfo) + `"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			now := time.Now()
			f.handle("/userinfo", func(w http.ResponseWriter, _ *http.Request) {
				if tc.media != "" {
					w.Header().Set("Content-Type", tc.media)
				}
				w.WriteHeader(tc.status)
				w.Write([]byte(tc.body))
			})
			tokens := oidc.Tokens{AccessToken: "access-1", IDToken: sign(t, "ec", ecKey(), "ES256", f.idClaims(now))}
			claims, profile, err := f.provider("oidc", nil).Userinfo(t.Context(), now, tokens, alice(f))
			if oidc.CodeOf(err) != tc.code || claims != nil || profile.Name != "" || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
			if u, ok := errors.AsType[*oidc.UnreachableError](err); tc.code == "" && (!ok || !u.Sent) || errors.Is(err, oidc.ErrRefused) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUserinfoAskedAgainGivesTheWholePerson(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", nil)
	tokens := oidc.Tokens{AccessToken: "access-1", IDToken: sign(t, "ec", ecKey(), "ES256", f.idClaims(now))}
	f.person["groups"] = []any{"ops"}
	claims, profile, err := p.Userinfo(t.Context(), now, tokens, alice(f))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"ops"}, profile.Groups); d != "" {
		t.Error(d)
	}
	if claims.String("sid") != "sid-1" {
		t.Error("the kept ID token's claims are lost")
	}
	f.set(func() { f.person["sub"] = "mallory" })
	if _, _, err := p.Userinfo(t.Context(), now, tokens, alice(f)); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("another person: %v", err)
	}
	if _, _, err := p.Userinfo(t.Context(), now, oidc.Tokens{AccessToken: "access-1"}, oidc.Identity{Issuer: f.issuer, Subject: "bob"}); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("without an ID token: %v", err)
	}
	before := f.count("/userinfo")
	tokens.Expiry = now.Add(-time.Second)
	_, _, err = p.Userinfo(t.Context(), now, tokens, alice(f))
	if u, ok := errors.AsType[*oidc.UnreachableError](err); !ok || u.Sent || f.count("/userinfo") != before {
		t.Errorf("an expired access token says nothing of the person: %v", err)
	}
}

func TestProviderWithoutIDTokensNamesPeopleByItsOwnKey(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.answer = map[string]any{"access_token": "gho_1", "token_type": "bearer"}
	f.person = map[string]any{"id": 5834, "login": "alice", "email": "a@example.com"}
	change := func(r *record.Record) {
		r.Endpoints = record.Endpoints{Source: record.EndpointsStatic, Authorization: "{origin}/authorize", Token: "{issuer}/token", UserInfo: "{origin}/userinfo"}
		r.Claims.IDToken, r.Claims.SubjectKey, r.Claims.Username = record.No, []record.ClaimPath{"id"}, "login"
		r.FreshLogin.AuthTime = record.AuthTimeAbsent
	}
	clock := newClock()
	o := f.options("oidc", change)
	o.Now = clock.Now
	p := build(t, o)
	a := ask(now)
	a.Nonce = ""
	got, err := p.Exchange(t.Context(), now, a)
	if err != nil {
		t.Fatal(err)
	}
	if got.Identity != (oidc.Identity{Issuer: f.issuer, Subject: "5834"}) || got.Profile.PreferredUsername != "alice" || got.Profile.EmailBelieved {
		t.Errorf("%+v", got)
	}
	clock.reaches(t, p)
	if f.count(wellKnown) != 0 {
		t.Error("static endpoints want no discovery")
	}
	f.set(func() { f.person = map[string]any{"message": "nobody"} })
	if _, err := p.Exchange(t.Context(), now, a); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("nobody: %v", err)
	}
}

func TestCVE_2026_35511_EmailIsVerifiedByTheBooleanTrueAlone(t *testing.T) {
	p := newFake(t).provider("oidc", nil)
	for _, tc := range []struct {
		claims   string
		rule     record.EmailVerified
		email    string
		believed bool
	}{
		{`{"email":"a@b.example","email_verified":true}`, record.EmailClaim, "a@b.example", true},
		{`{"email":"a@b.example","email_verified":"true"}`, record.EmailClaim, "a@b.example", false},
		{`{"email":"a@b.example","email_verified":1}`, record.EmailClaim, "a@b.example", false},
		{`{"email":"a@b.example","email_verified":null}`, record.EmailClaim, "a@b.example", false},
		{`{"email":"a@b.example","email_verified":[true]}`, record.EmailClaim, "a@b.example", false},
		{`{"email":"a@b.example","EMAIL_VERIFIED":true}`, record.EmailClaim, "a@b.example", false},
		{`{"email":"a@b.example"}`, record.EmailClaim, "a@b.example", false},
		{`{"email":"a@b.example","email_verified":false}`, record.EmailAlways, "a@b.example", true},
		{`{"email":"a@b.example","email_verified":true}`, record.EmailNever, "a@b.example", false},
		{`{"email_verified":true}`, record.EmailAlways, "", false},
		{`{"email":"a@evil.example@good.example","email_verified":true}`, record.EmailClaim, "", false},
		{`{"email":"Alice <a@b.example>","email_verified":true}`, record.EmailClaim, "", false},
		{`{"email":"a@b.example\r\nX: y","email_verified":true}`, record.EmailClaim, "", false},
		{`{"email":"a@b.example, c@d.example","email_verified":true}`, record.EmailAlways, "", false},
		{`{"email":["a@b.example"],"email_verified":true}`, record.EmailAlways, "", false},
		{`{"email":"Ünï@bücher.example","email_verified":true}`, record.EmailClaim, "Ünï@bücher.example", true},
	} {
		claims, err := parseClaims([]byte(tc.claims))
		if err != nil {
			t.Fatal(err)
		}
		p.record.Claims.Email.Verified = tc.rule
		got := p.profile(claims)
		if got.Email != tc.email || got.EmailBelieved != tc.believed {
			t.Errorf("%s under %s: %q %v", tc.claims, tc.rule, got.Email, got.EmailBelieved)
		}
	}
}

func TestProfilesAreFitForPagesAndHeaders(t *testing.T) {
	p := newFake(t).provider("oidc", func(r *record.Record) { r.Claims.Groups.Claim = "realm_access.roles" })
	claims, err := parseClaims([]byte(`{"name":"  Al\u0000ice\r\n\u202egnp.exe\t Smith ","preferred_username":12345678,
		"realm_access":{"roles":["staff","staff","","a\nb","with,comma",7,{"x":1},"` + strings.Repeat("g", 300) + `","ops"]},
		"picture":"https://cdn.example/a.png"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Profile{Name: "Alice gnp.exe Smith", PreferredUsername: "12345678", Groups: []string{"staff", "with,comma", "ops"}, Picture: "https://cdn.example/a.png"}
	if d := cmp.Diff(want, p.profile(claims)); d != "" {
		t.Error(d)
	}
	if got := oidc.PlainText(strings.Repeat("é", 200), 255); len(got) != 254 {
		t.Errorf("cut within a character: %d bytes", len(got))
	}
}

func TestPicturesNeverDisturbASignIn(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	huge := "data:image/png;base64," + strings.Repeat("A", 500_000)
	f.grant(without(f.idClaims(now), map[string]any{"picture": huge, "photos": []any{map[string]any{"value": "DATA:image/svg+xml,x"}}}))
	got, err := f.provider("keycloak", nil).Exchange(t.Context(), now, ask(now))
	if err != nil {
		t.Fatal(err)
	}
	if stored, _ := json.Marshal(got.Claims); len(stored) > 1000 || strings.Contains(strings.ToLower(string(stored)), "data:") {
		t.Errorf("%d bytes of claims are kept", len(stored))
	}
	p := f.provider("oidc", nil)
	for _, address := range []string{"http://cdn.example/a.png", "javascript:alert(1)", "//cdn.example/a", "https://user:pw@cdn.example/a",
		"https:///a", "https://cdn.example/a\nb", "https://cdn.example/" + strings.Repeat("a", 3000), "data:image/png;base64,AA"} {
		if got := p.picture(oidc.Claims{"picture": address}); got != "" {
			t.Errorf("%.40q was kept", got)
		}
	}
	p.record.Claims.Picture = record.Picture{Source: record.PictureTemplate, Template: "https://cdn.example/{claim:id}/{claim:avatar}.png"}
	if got := p.picture(oidc.Claims{"id": "1", "avatar": "../x?y"}); got != "https://cdn.example/1/..%2Fx%3Fy.png" {
		t.Errorf("template: %s", got)
	}
}

func TestClaimsAreBounded(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40)
	c, err := parseClaims([]byte(`{"sub":"x","deep":` + deep + `,"long":"` + strings.Repeat("y", maxClaimText+1) + `","big":12345678901234567890,"id":9007199254740993,"n":1e999}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, kept := c["long"]; kept || c["id"] != "9007199254740993" {
		t.Errorf("%v", c["id"])
	}
	if _, err := json.Marshal(c); err != nil {
		t.Errorf("what is kept cannot be stored: %v", err)
	}
	if _, err := parseClaims([]byte(`{"groups":[` + strings.Repeat(`"0123456789012345678901234567890123456789",`, 4000) + `"x"]}`)); err == nil {
		t.Error("claims of 190 kB are kept")
	}
	for _, junk := range []string{``, `null`, `[]`, `"x"`, `{}x`, `{}{}`, `{"a":}`} {
		if _, err := parseClaims([]byte(junk)); err == nil {
			t.Errorf("%q was taken", junk)
		}
	}
}

func TestSubjectKeysOfSeveralClaimsCannotCollide(t *testing.T) {
	p := newFake(t).provider("oidc", func(r *record.Record) { r.Claims.SubjectKey = []record.ClaimPath{"oid", "tid"} })
	one, err1 := p.identity("i", oidc.Claims{"oid": "a|b", "tid": "c"})
	two, err2 := p.identity("i", oidc.Claims{"oid": "a", "tid": "b|c"})
	if err1 != nil || err2 != nil || one == two {
		t.Errorf("%v %v %v %v", one, two, err1, err2)
	}
	if _, err := p.identity("i", oidc.Claims{"oid": "a"}); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("half a key: %v", err)
	}
}
