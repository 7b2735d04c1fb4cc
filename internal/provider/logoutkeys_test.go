package provider

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

func TestIssuersOfLogoutTokensMatchAsThoseOfIDTokens(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	set := f.logoutProvider(now, "oidc", func(r *record.Record) {
		r.Issuer.Match, r.Issuer.Also = record.IssuerSet, []string{"accounts.example"}
	})
	tenants := newFake(t)
	tenants.discovery["issuer"] = tenants.issuer + "/{tenantid}/v2"
	template := tenants.logoutProvider(now, "oidc", func(r *record.Record) { r.Issuer.Match = record.IssuerTemplateTID })
	// A front-channel call waits for the metadata no longer than two seconds, a busy machine or not.
	if _, err := template.AuthorizationURL(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		f    *fake
		p    *Provider
		iss  string
		kept string // "" for a refusal
	}{
		{f, set, f.issuer, f.issuer},
		{f, set, "accounts.example", f.issuer}, // one name for all of the set, as at sign-in
		{f, set, "accounts.example/", ""},
		{tenants, template, tenants.issuer + "/abc-1/v2", tenants.issuer + "/abc-1/v2"},
		{tenants, template, tenants.issuer + "/a/b/v2", ""},
		{tenants, template, tenants.issuer + "/{tenantid}/v2", ""},
		{tenants, template, tenants.issuer, ""},
	} {
		raw := logoutJWT(t, "logout+jwt", without(tc.f.logoutClaims(now), map[string]any{"iss": tc.iss}))
		if got := tc.p.IsIssuer(tc.iss); got != (tc.kept != "") {
			t.Errorf("front channel from %q: %v", tc.iss, got)
		}
		if tc.kept == "" {
			mustRefuseLogout(t, tc.p, raw)
		} else if got, err := tc.p.VerifyLogoutToken(t.Context(), raw); err != nil || got.Issuer != tc.kept {
			t.Errorf("%q: %q, %v", tc.iss, got.Issuer, err)
		}
	}
	exact := f.logoutProvider(now, "keycloak", nil)
	for iss, want := range map[string]bool{f.issuer: true, f.issuer + "/": false, "": false, "https://evil.example": false} {
		if got := exact.IsIssuer(iss); got != want {
			t.Errorf("front channel from %q: %v", iss, got)
		}
	}
	tenants.srv.Close()
	fresh := tenants.logoutProvider(now, "oidc", func(r *record.Record) { r.Issuer.Match = record.IssuerTemplateTID })
	if fresh.IsIssuer(tenants.issuer + "/abc-1/v2") {
		t.Error("an issuer is known without the metadata")
	}
}

// Where people are named by other claims than sub, a logout token's sub names nobody here.
func TestThePersonIsNamedAsAtTheSignIn(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.logoutProvider(now, "oidc", func(r *record.Record) { r.Claims.SubjectKey = []record.ClaimPath{"oid", "tid"} })
	token := func(changes map[string]any) string {
		return logoutJWT(t, "logout+jwt", without(f.logoutClaims(now), changes))
	}
	if got, err := p.VerifyLogoutToken(t.Context(), token(nil)); err != nil || got.Subject != "" || got.SID != "sid-1" {
		t.Errorf("with sid: %+v, %v", got, err)
	}
	if got, err := p.VerifyLogoutToken(t.Context(), token(map[string]any{"oid": "o", "tid": "t"})); err != nil || got.Subject != "o|t" {
		t.Errorf("with the claims: %+v, %v", got, err)
	}
	mustRefuseLogout(t, p, token(map[string]any{"sid": nil}))
}

func TestAThousandJunkTokensFetchTheKeysABoundedNumberOfTimes(t *testing.T) {
	f := newFake(t)
	c := newClock()
	o := f.options("oidc", thin)
	o.Now = c.Now
	p := build(t, o)
	now := c.Now()
	for i := range 1000 {
		mustRefuseLogout(t, p, signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecTwo(), KeyID: fmt.Sprint("kid-", i)}},
			"logout+jwt", f.logoutClaims(now)))
	}
	if n := f.count("/keys"); n > burst {
		t.Errorf("1000 junk tokens made %d fetches of the keys", n)
	}
	if n := f.count(wellKnown); n > 1 {
		t.Errorf("1000 junk tokens made %d fetches of the metadata", n)
	}
	// The keys rotate in the middle of the flood: a sign-in still learns the new one.
	key := newEC()
	f.set(func() {
		f.keys = []any{public("new", &key.PublicKey)}
		f.answer = map[string]any{"access_token": "access-1", "id_token": sign(t, "new", key, jose.ES256, f.idClaims(now))}
	})
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Errorf("a sign-in during the flood: %v", err)
	}
	if _, err := p.VerifyLogoutToken(t.Context(), signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "new"}},
		"logout+jwt", f.logoutClaims(now))); err != nil {
		t.Errorf("a good logout token during the flood: %v", err)
	}
}

func TestJunkWithoutAnIssuerOrTypeAsksTheProviderNothing(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.logoutProvider(now, "oidc", nil)
	for _, raw := range []string{"", "a.b.c", logoutJWT(t, "at+jwt", f.logoutClaims(now))} {
		mustRefuseLogout(t, p, raw)
	}
	if n := f.count(wellKnown) + f.count("/keys"); n != 0 {
		t.Errorf("%d requests", n)
	}
	mustRefuseLogout(t, p, logoutJWT(t, "logout+jwt", without(f.logoutClaims(now), map[string]any{"iss": "https://evil.example"})))
	if n := f.count("/keys"); n != 0 {
		t.Errorf("another issuer's token fetched the keys %d times", n)
	}
}

func TestALogoutTokenWithoutKeysIsNeitherGoodNorRefused(t *testing.T) {
	for _, path := range []string{"/keys", wellKnown} {
		f := newFake(t)
		now := time.Now()
		f.reply(path, http.StatusInternalServerError, "oops")
		_, err := f.logoutProvider(now, "oidc", nil).VerifyLogoutToken(t.Context(), logoutJWT(t, "logout+jwt", f.logoutClaims(now)))
		if _, ok := errors.AsType[*oidc.UnreachableError](err); !ok || errors.Is(err, oidc.ErrRefused) {
			t.Errorf("without %s: %v", path, err)
		}
	}
}

func TestKeysThatRotateAreLearnedFromALogoutToken(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.logoutProvider(now, "oidc", nil)
	if _, err := p.VerifyLogoutToken(t.Context(), logoutJWT(t, "logout+jwt", f.logoutClaims(now))); err != nil {
		t.Fatal(err)
	}
	key := newEC()
	f.set(func() { f.keys = []any{public("new", &key.PublicKey)} })
	if _, err := p.VerifyLogoutToken(t.Context(), signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "new"}},
		"logout+jwt", f.logoutClaims(now))); err != nil {
		t.Error(err)
	}
	mustRefuseLogout(t, p, logoutJWT(t, "logout+jwt", f.logoutClaims(now))) // the withdrawn key
}
