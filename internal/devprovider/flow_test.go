package devprovider_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/oauth2"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestARelyingPartyOfAnotherMakeSignsInAndRefreshes(t *testing.T) {
	for name, tc := range map[string]struct{ issuer, alg string }{
		"bare issuer, RS256":    {"http://127.0.0.1:0", devprovider.RS256},
		"trailing slash, ES256": {"http://127.0.0.1:0/", devprovider.ES256},
		"path, ES256":           {"http://127.0.0.1:0/realms/demo", devprovider.ES256},
		"path and slash, ES256": {"http://localhost:0/realms/demo/", devprovider.ES256},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(o *devprovider.Options) {
				o.Issuer, o.SigningAlg, o.SkipConsent = tc.issuer, tc.alg, false
				o.ExtraKeys = append(o.ExtraKeys, devprovider.Secp256k1Key())
				o.RefreshRotation = true
			})
			wholeStory(t, s)
		})
	}
}

func wholeStory(t *testing.T, s *devprovider.Server) {
	ctx := t.Context()
	op, err := oidc.NewProvider(ctx, s.Issuer())
	if err != nil {
		t.Fatalf("discovery: %v", err)
	}
	rp := oauth2.Config{
		ClientID: clientID, ClientSecret: clientSecret, RedirectURL: redirectURI,
		Endpoint: op.Endpoint(), Scopes: []string{"openid", "profile", "email"},
	}
	pkce := oauth2.GenerateVerifier()
	v := alice(t, s)
	q := visit(t, v, rp.AuthCodeURL("s1", oidc.Nonce("n1"), oauth2.S256ChallengeOption(pkce)))
	if diff := cmp.Diff(url.Values{"state": {"s1"}, "iss": {s.Issuer()}}, q, cmpopts.IgnoreMapEntries(func(k string, _ []string) bool { return k == "code" })); diff != "" {
		t.Errorf("authorization response (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"login", "consent"}, v.Asked); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	tok, err := rp.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(pkce))
	if err != nil {
		t.Fatalf("exchange: %v", err)
	}
	raw, _ := tok.Extra("id_token").(string)
	id, err := op.Verifier(&oidc.Config{ClientID: clientID}).Verify(ctx, raw)
	if err != nil {
		t.Fatalf("verifying: %v", err)
	}
	if id.Nonce != "n1" {
		t.Errorf("nonce %q", id.Nonce)
	}
	if err := id.VerifyAccessToken(tok.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	info, err := op.UserInfo(ctx, oauth2.StaticTokenSource(tok))
	if err != nil {
		t.Fatalf("userinfo: %v", err)
	}
	if info.Subject != id.Subject || info.Email != "alice@example.com" || !info.EmailVerified {
		t.Errorf("userinfo %+v", info)
	}
	tok.Expiry = tok.Expiry.AddDate(-1, 0, 0)
	next, err := rp.TokenSource(ctx, tok).Token()
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	if next.RefreshToken == tok.RefreshToken || next.AccessToken == tok.AccessToken {
		t.Error("a rotated refresh gave an old token")
	}
	raw, _ = next.Extra("id_token").(string)
	again, err := op.Verifier(&oidc.Config{ClientID: clientID}).Verify(ctx, raw)
	if err != nil || again.Subject != id.Subject || again.Nonce != "" {
		t.Errorf("refreshed ID token: %v, %+v", err, again)
	}
}

func TestAnIDTokenSaysWhoAndWhen(t *testing.T) {
	s := start(t, func(o *devprovider.Options) {
		o.People = devprovider.DefaultPeople()
		o.People[0].Picture = "data:image/svg+xml,%3Csvg/%3E"
	})
	got := payload(t, signIn(t, s, alice(t, s)).id)
	want := map[string]any{
		"iss": s.Issuer(), "aud": clientID, "azp": clientID, "sub": "dev-alice", "nonce": "the-nonce",
		"name": "Alice Liddell", "preferred_username": "alice", "email": "alice@example.com",
		"email_verified": true, "groups": []any{"staff", "gardeners"},
		"picture": "data:image/svg+xml,%3Csvg/%3E", "sid": s.Sessions()[0].SID,
	}
	timed := cmpopts.IgnoreMapEntries(func(k string, _ any) bool {
		return k == "iat" || k == "exp" || k == "auth_time" || k == "at_hash"
	})
	if diff := cmp.Diff(want, got, timed); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	for _, name := range []string{"iat", "exp", "auth_time"} {
		if _, ok := got[name].(float64); !ok {
			t.Errorf("%s is %v", name, got[name])
		}
	}
}

func TestClaimsFollowScopeAndSetting(t *testing.T) {
	names := func(claims map[string]any) []string {
		var found []string
		for _, name := range []string{"name", "email", "groups"} {
			if claims[name] != nil {
				found = append(found, name)
			}
		}
		return found
	}
	for name, tc := range map[string]struct {
		scope    string
		thin     bool
		id, info []string
	}{
		"openid alone":     {scope: "openid"},
		"e-mail":           {scope: "openid email", id: []string{"email"}, info: []string{"email"}},
		"groups":           {scope: "openid groups", id: []string{"groups"}, info: []string{"groups"}},
		"profile":          {scope: "openid profile", id: []string{"name", "groups"}, info: []string{"name", "groups"}},
		"thin ID token":    {scope: "openid profile email", thin: true, info: []string{"name", "email", "groups"}},
		"unknown is legal": {scope: "openid frobnicate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *devprovider.Options) { o.ThinIDToken = tc.thin })
			got := signIn(t, s, alice(t, s), "scope", tc.scope)
			_, info := userinfo(t, s, got.access)
			if diff := cmp.Diff(tc.id, names(payload(t, got.id))); diff != "" {
				t.Errorf("ID token (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.info, names(info)); diff != "" {
				t.Errorf("UserInfo (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAChangedPersonIsSeenAtTheNextRefresh(t *testing.T) {
	s := start(t, nil)
	got := signIn(t, s, alice(t, s))
	if err := s.UpdatePerson("alice", func(p *devprovider.Person) { p.Groups = []string{"moved"} }); err != nil {
		t.Fatal(err)
	}
	_, answer := refresh(t, s, got.refresh)
	if diff := cmp.Diff(any([]any{"moved"}), payload(t, asTokens(answer).id)["groups"]); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if err := s.UpdatePerson("alice", func(p *devprovider.Person) { p.Disabled = true }); err != nil {
		t.Fatal(err)
	}
	if status, answer := refresh(t, s, got.refresh); status != http.StatusBadRequest || answer["error"] != "invalid_grant" {
		t.Errorf("refresh of a disabled person: %d %v", status, answer)
	}
	if status, _ := userinfo(t, s, got.access); status != http.StatusUnauthorized {
		t.Errorf("userinfo of a disabled person: %d", status)
	}
	if err := s.UpdatePerson("nobody", func(*devprovider.Person) {}); err == nil {
		t.Error("an unknown person was updated")
	}
}

func TestKeysRotateWithoutBreakingOldTokens(t *testing.T) {
	s := start(t, nil)
	ctx := t.Context()
	old := signIn(t, s, alice(t, s)).id
	if err := s.RotateKey(devprovider.ES256); err != nil {
		t.Fatal(err)
	}
	fresh := signIn(t, s, alice(t, s)).id
	verify := func(raw string) error {
		op, err := oidc.NewProvider(ctx, s.Issuer())
		if err != nil {
			t.Fatal(err)
		}
		_, err = op.Verifier(&oidc.Config{ClientID: clientID}).Verify(ctx, raw)
		return err
	}
	if err := verify(old); err != nil {
		t.Errorf("old token before: %v", err)
	}
	if err := s.ForgetOldKeys(); err != nil {
		t.Fatal(err)
	}
	if err := verify(old); err == nil {
		t.Error("a token of a withdrawn key verifies")
	}
	if err := verify(fresh); err != nil {
		t.Errorf("new token: %v", err)
	}
}
