package provider_test

import (
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/provider"
	"github.com/cardea-auth/cardea/internal/record"
)

const (
	callback  = "https://gate.example/.cardea/callback/main"
	signedOut = "https://gate.example/.cardea/signed-out"
	secret    = "s3cr:t %+&"
)

// journey is one person at one browser, one provider and one relying party.
type journey struct {
	t       *testing.T
	op      *devprovider.Server
	rp      *provider.Provider
	visitor *devprovider.Visitor
	jar     http.CookieJar
	turned  atomic.Int64 // how far the clock of provider and relying party is ahead, in nanoseconds
}

func (j *journey) now() time.Time { return time.Now().Add(time.Duration(j.turned.Load())) }

func (j *journey) advance(d time.Duration) { j.turned.Add(int64(d)) }

func begin(t *testing.T, kind string, change func(*devprovider.Options)) *journey {
	t.Helper()
	j := &journey{t: t}
	o := devprovider.Options{Now: j.now, SkipConsent: true, SigningAlg: devprovider.ES256, RefreshRotation: true, RequirePKCE: true,
		ExtraKeys: nil, Clients: []devprovider.Client{{ID: "cardea", Secret: secret,
			RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{signedOut}}}}
	o.ExtraKeys = append(o.ExtraKeys, devprovider.Secp256k1Key())
	if change != nil {
		change(&o)
	}
	op, err := devprovider.Start(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = op.Close() })
	rec, ok := record.Lookup(kind)
	if !ok {
		t.Fatalf("no record %q", kind)
	}
	rp, err := provider.New(provider.Options{ID: "main", Issuer: op.Issuer(), ClientID: "cardea", ClientSecret: secret, Record: rec, RedirectURI: callback, Now: j.now})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	j.op, j.rp, j.jar = op, rp, jar
	j.visitor = devprovider.NewVisitor(op.Issuer(), jar, nil, "alice", "wonderland")
	return j
}

// signIn goes to the provider and back, and exchanges the code.
func (j *journey) signIn(r oidc.AuthorizationRequest) (oidc.Authentication, error) {
	j.t.Helper()
	verifier := oidc.RandomValue()
	r.State, r.Nonce, r.CodeChallenge = oidc.RandomValue(), oidc.RandomValue(), oidc.S256(verifier)
	requested := j.now()
	address, err := j.rp.AuthorizationURL(j.t.Context(), r)
	if err != nil {
		j.t.Fatal(err)
	}
	landed, err := j.visitor.Visit(j.t.Context(), address)
	if err != nil {
		j.t.Fatal(err)
	}
	q := landed.Query()
	if !strings.HasPrefix(landed.String(), callback+"?") || q.Get("state") != r.State {
		j.t.Fatalf("landed at %s", landed)
	}
	if code := q.Get("error"); code != "" {
		return oidc.Authentication{}, &oidc.Error{Code: code}
	}
	return j.rp.Exchange(j.t.Context(), j.now(), oidc.CodeExchange{Code: q.Get("code"), CodeVerifier: verifier, Nonce: r.Nonce,
		Iss: q.Get("iss"), Fresh: r.Fresh, MaxAge: r.MaxAge, RequestedAt: requested})
}

func TestWholeStoryAtAProviderWrittenByOthers(t *testing.T) {
	for _, kind := range []string{"oidc", "keycloak"} {
		t.Run(kind, func(t *testing.T) {
			j := begin(t, kind, func(o *devprovider.Options) { o.ThinIDToken = kind == "oidc" })
			auth, err := j.signIn(oidc.AuthorizationRequest{})
			if err != nil {
				t.Fatal(err)
			}
			p := auth.Profile
			if p.Email != "alice@example.com" || !p.EmailBelieved || p.PreferredUsername != "alice" || len(p.Groups) != 2 || auth.AuthTime.IsZero() {
				t.Errorf("%+v", p)
			}
			again, err := j.rp.Refresh(t.Context(), time.Now(), auth.Tokens, auth.Identity)
			if err != nil || again.Tokens.RefreshToken == auth.Tokens.RefreshToken || again.Tokens.AccessToken == auth.Tokens.AccessToken {
				t.Fatalf("refresh: %v", err)
			}
			if _, err := j.rp.Refresh(t.Context(), time.Now(), again.Tokens, oidc.Identity{Issuer: auth.Identity.Issuer, Subject: "bob"}); !errors.Is(err, oidc.ErrRefused) {
				t.Errorf("refresh for another person: %v", err)
			}
			if _, err := j.rp.Refresh(t.Context(), time.Now(), auth.Tokens, auth.Identity); oidc.CodeOf(err) != oidc.InvalidGrant {
				t.Errorf("a used refresh token: %v", err)
			}
			if silent, err := j.signIn(oidc.AuthorizationRequest{Silent: true, IDTokenHint: auth.Tokens.IDToken}); err != nil || silent.Identity != auth.Identity {
				t.Errorf("silent: %v", err)
			}
		})
	}
}

func TestSignOutAtTheProviderEndsTheSilentWayBack(t *testing.T) {
	j := begin(t, "keycloak", nil)
	auth, err := j.signIn(oidc.AuthorizationRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.rp.Revoke(t.Context(), auth.Tokens); err != nil || j.op.TokenLives(auth.Tokens.RefreshToken) {
		t.Errorf("revocation: %v", err)
	}
	out, ok, err := j.rp.EndSessionByBrowser(t.Context(), oidc.EndSessionRequest{IDToken: auth.Tokens.IDToken, PostLogoutRedirectURI: signedOut, State: "st-1"})
	if err != nil || !ok || out.Form != nil {
		t.Fatalf("%v %v", ok, err)
	}
	back, err := j.visitor.Visit(t.Context(), out.URL)
	if err != nil || back.String() != signedOut+"?state=st-1" {
		t.Errorf("came back to %v, %v", back, err)
	}
	if _, err := j.signIn(oidc.AuthorizationRequest{Silent: true}); oidc.CodeOf(err) != oidc.LoginRequired {
		t.Errorf("silent after sign-out: %v", err)
	}
}

func TestFreshSignInAsksForThePassword(t *testing.T) {
	j := begin(t, "oidc", nil)
	if _, err := j.signIn(oidc.AuthorizationRequest{}); err != nil {
		t.Fatal(err)
	}
	before := j.op.Counters().Logins
	if _, err := j.signIn(oidc.AuthorizationRequest{}); err != nil || j.op.Counters().Logins != before {
		t.Errorf("the control was not silent: %v", err)
	}
	j.advance(5 * time.Second) // auth_time counts seconds: leave the old one behind
	if _, err := j.signIn(oidc.AuthorizationRequest{Fresh: true}); err != nil || j.op.Counters().Logins != before+1 {
		t.Errorf("fresh: %v, %d logins", err, j.op.Counters().Logins-before)
	}
}

func TestFreshSignInThatTheProviderIgnoredIsStale(t *testing.T) {
	j := begin(t, "oidc", func(o *devprovider.Options) { o.Prompts, o.IgnoreMaxAge = []string{"none"}, true })
	if _, err := j.signIn(oidc.AuthorizationRequest{}); err != nil {
		t.Fatal(err)
	}
	j.advance(5 * time.Second)
	if _, err := j.signIn(oidc.AuthorizationRequest{Fresh: true}); !errors.Is(err, oidc.ErrStale) {
		t.Errorf("got %v", err)
	}
}

func TestForgeriesOfTheDevelopmentProviderAreRefused(t *testing.T) {
	j := begin(t, "keycloak", nil)
	for name, faults := range map[string]devprovider.Faults{
		"alg none":      {Sign: devprovider.SignNone},
		"HS256":         {Sign: devprovider.SignHS256WithPublicKey},
		"stranger":      {Sign: devprovider.SignWithStrangerKey},
		"nonce":         {IDToken: func(c map[string]any) { c["nonce"] = "other" }},
		"iss parameter": {AuthorizeResponse: func(q url.Values) { q.Set("iss", "https://evil.example") }},
		"iss removed":   {AuthorizeResponse: func(q url.Values) { q.Del("iss") }},
	} {
		j.op.SetFaults(faults)
		if _, err := j.signIn(oidc.AuthorizationRequest{}); !errors.Is(err, oidc.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	j.op.SetFaults(devprovider.Faults{})
	for range 2 {
		if err := j.op.RotateKey(devprovider.ES256); err != nil {
			t.Fatal(err)
		}
		if err := j.op.ForgetOldKeys(); err != nil {
			t.Fatal(err)
		}
		if _, err := j.signIn(oidc.AuthorizationRequest{}); err != nil {
			t.Errorf("after the keys rotated: %v", err)
		}
	}
}
