package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// opened verifies an assertion and returns its header and claims.
func opened(t *testing.T, raw string, key any) (jose.Header, map[string]any) {
	t.Helper()
	algorithms := append(joseAlgorithms(asymmetric), jose.HS256)
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	payload, err := jws.Verify(key)
	if err != nil {
		t.Fatalf("%s: %v", jws.Signatures[0].Header.Algorithm, err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return jws.Signatures[0].Header, claims
}

// remote is a key whose private half is somewhere else.
type remote struct{ crypto.Signer }

func (r remote) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return r.Signer.Sign(random, digest, opts)
}

func signingKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RS256": rsaKey(), "ES256": ecKey(), "ES384": p384, "EdDSA": edwards, "ES256 remote": remote{ecTwo()}}
}

func byKey(r *record.Record) {
	thin(r)
	r.Client.Auth = record.AuthPrivateKeyJWT
	r.Client.Assertion = record.Assertion{Issuer: "{client_id}", Audience: "{token_endpoint}", Life: time.Minute}
}

func TestAClientProvesItselfByAKeyOfItsOwnAtEveryEndpoint(t *testing.T) {
	for name, key := range signingKeys(t) {
		t.Run(name, func(t *testing.T) {
			f, clock := newFake(t), newClock()
			o := f.options("oidc", func(r *record.Record) { byKey(r); r.SignOut.ServerCall = record.ServerRefreshToken })
			o.Key, o.KeyID, o.ClientSecret, o.Now = key, "key-1", "", clock.Now
			p := build(t, o)
			now := clock.Now()
			f.grant(f.idClaims(now))
			if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
				t.Fatal(err)
			}
			first := f.form("/token")
			header, claims := opened(t, first.Get("client_assertion"), key.Public())
			if want, _, _ := strings.Cut(name, " "); header.Algorithm != want || header.KeyID != "key-1" || header.ExtraHeaders["typ"] != "JWT" {
				t.Errorf("header %+v", header)
			}
			jti, _ := claims["jti"].(string)
			want := map[string]any{"iss": testClient, "sub": testClient, "aud": f.issuer + "/token", "jti": jti,
				"iat": float64(now.Unix()), "exp": float64(now.Add(time.Minute).Unix())}
			if diff := cmp.Diff(want, claims); diff != "" || len(jti) < 32 {
				t.Error(diff)
			}
			if first.Get("client_assertion_type") != assertionType || first.Get("client_id") != testClient || first.Has("client_secret") || f.header("/token").Get("Authorization") != "" {
				t.Errorf("the request: %v", first)
			}
			if err := p.Revoke(t.Context(), oidc.Tokens{RefreshToken: "r"}); err != nil {
				t.Fatal(err)
			}
			if done, err := p.EndSessionByServer(t.Context(), oidc.EndSessionRequest{RefreshToken: "r"}); !done || err != nil {
				t.Fatal(done, err)
			}
			seen := map[string]bool{jti: true}
			for _, path := range []string{"/revoke", "/logout"} {
				_, claims := opened(t, f.form(path).Get("client_assertion"), key.Public())
				if jti, _ := claims["jti"].(string); jti == "" || seen[jti] {
					t.Errorf("%s: the assertion is an old one", path)
				} else {
					seen[jti] = true
				}
			}
		})
	}
}

func TestTheAssertionsTermsAreTheRecords(t *testing.T) {
	f := newFake(t)
	o := f.options("oidc", func(r *record.Record) {
		thin(r)
		r.Client.Auth = record.AuthSignedSecret
		r.Client.Assertion = record.Assertion{Issuer: "{key_issuer}", Audience: "{issuer}", Life: 5 * time.Minute}
	})
	o.Key, o.KeyID, o.KeyIssuer = ecKey(), "key-1", "TEAM123456"
	p, now := build(t, o), time.Now()
	f.grant(f.idClaims(now))
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Fatal(err)
	}
	form := f.form("/token")
	_, claims := opened(t, form.Get("client_secret"), ecKey().Public())
	life := claims["exp"].(float64) - claims["iat"].(float64)
	if claims["iss"] != "TEAM123456" || claims["aud"] != f.issuer || claims["sub"] != testClient || life != 300 || form.Has("client_assertion") {
		t.Errorf("%v in %v", claims, form)
	}
	if err := p.Revoke(t.Context(), oidc.Tokens{AccessToken: "a"}); err != nil {
		t.Fatal(err)
	}
	if again := f.form("/revoke").Get("client_secret"); again == "" || again == form.Get("client_secret") {
		t.Error("the secret is not new")
	}
}

func TestASecretCanSignTheAssertion(t *testing.T) {
	f := newFake(t)
	o := f.options("oidc", func(r *record.Record) { byKey(r); r.Client.Auth = record.AuthSecretJWT })
	o.ClientSecret = strings.Repeat("0123456789", 4)
	p, now := build(t, o), time.Now()
	f.grant(f.idClaims(now))
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Fatal(err)
	}
	form := f.form("/token")
	header, claims := opened(t, form.Get("client_assertion"), []byte(o.ClientSecret))
	if header.Algorithm != "HS256" || claims["iss"] != testClient || form.Has("client_secret") {
		t.Errorf("%+v %v", header, claims)
	}
}

func TestDiscoveryChoosesTheBestAuthentication(t *testing.T) {
	for name, tc := range map[string]struct {
		offered []string
		key     bool
		secret  string
		want    record.ClientAuth
	}{
		"a key beats a secret":              {[]string{"client_secret_basic", "private_key_jwt"}, true, "s", record.AuthPrivateKeyJWT},
		"a key that is not offered":         {[]string{"client_secret_post"}, true, "s", record.AuthPost},
		"a key alone, nothing said":         {nil, true, "", record.AuthPrivateKeyJWT},
		"a key beside a secret, not said":   {nil, true, "s", record.AuthBasic},
		"a key alone that is not offered":   {[]string{"client_secret_basic"}, true, "", ""},
		"Basic before post":                 {[]string{"client_secret_post", "client_secret_basic"}, false, "s", record.AuthBasic},
		"only signatures with secrets":      {[]string{"client_secret_jwt"}, false, "s", record.AuthSecretJWT},
		"nothing that a secret can do":      {[]string{"tls_client_auth"}, false, "s", ""},
		"no secret, no key: public, PKCE":   {[]string{"client_secret_basic"}, false, "", record.AuthNone},
		"nothing said, a secret: Discovery": {nil, false, "s", record.AuthBasic},
	} {
		f := newFake(t)
		o := f.options("oidc", nil)
		if o.ClientSecret = tc.secret; tc.key {
			o.Key = ecKey()
		}
		got, err := build(t, o).authMethod(&metadata{authMethods: tc.offered})
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestTheAssertionsAlgorithmIsOneThatTheProviderTakes(t *testing.T) {
	f := newFake(t)
	o := f.options("oidc", byKey)
	o.Key = rsaKey()
	p := build(t, o)
	m := &metadata{token: f.issuer + "/token", authAlgorithms: []string{"ES256", "PS256"}}
	raw, err := p.assertion(m, record.AuthPrivateKeyJWT)
	if err != nil {
		t.Fatal(err)
	}
	if header, _ := opened(t, raw, rsaKey().Public()); header.Algorithm != "PS256" || header.KeyID != "" {
		t.Errorf("%+v", header)
	}
	m.authAlgorithms = []string{"ES256"}
	if _, err := p.assertion(m, record.AuthPrivateKeyJWT); err == nil {
		t.Error("an RSA key signed where only ES256 is taken")
	}
}

func TestAKeyThatIsTooWeakIsRefusedAtTheStart(t *testing.T) {
	n := new(big.Int).SetBit(big.NewInt(1), 1023, 1)
	o := newFake(t).options("oidc", byKey)
	o.Key = &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Error(err)
	}
}

func TestCredentialsGoIntoTheQueryWhereTheRecordSaysSo(t *testing.T) {
	f := newFake(t)
	p := f.provider("oidc", func(r *record.Record) {
		thin(r)
		r.Client.Auth, r.Client.TokenBody = record.AuthQuery, record.TokenBodyQuery
		r.Client.TokenNames = map[string]string{"client_id": "appid", "client_secret": "secret"}
		r.Endpoints.Token = "{origin}/token?kind=web"
	})
	now := time.Now()
	f.grant(f.idClaims(now))
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"kind": {"web"}, "appid": {testClient}, "secret": {testSecret}, "code": {"code-1"},
		"grant_type": {"authorization_code"}, "code_verifier": {"verifier-1"}, "redirect_uri": {testRedirect}}
	if diff := cmp.Diff(want, f.query("/token")); diff != "" || len(f.form("/token")) != 0 || f.method("/token") != "POST" {
		t.Errorf("%s %v %s", f.method("/token"), f.form("/token"), diff)
	}
}
