package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

func TestExchangeTellsWhoSignedIn(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.grant(f.idClaims(now))
	p := f.provider("keycloak", nil)
	got, err := p.Exchange(t.Context(), now, ask(now))
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Authentication{
		Identity: oidc.Identity{Issuer: f.issuer, Subject: "alice-1"},
		SID:      "sid-1", AuthTime: time.Unix(now.Unix(), 0), ACR: "1", AMR: []string{"pwd"},
		Profile: oidc.Profile{PreferredUsername: "alice", Name: "Alice", Email: "alice@example.com", EmailBelieved: true, Groups: []string{"staff"}},
	}
	tokens := got.Tokens
	got.Tokens, got.Claims = oidc.Tokens{}, nil
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if tokens.AccessToken != "access-1" || tokens.RefreshToken != "refresh-1" || !tokens.Expiry.Equal(now.Add(5*time.Minute)) {
		t.Errorf("tokens: %+v", tokens)
	}
	form := f.form("/token")
	if form.Get("grant_type") != "authorization_code" || form.Get("code") != "code-1" || form.Get("code_verifier") != "verifier-1" || form.Get("redirect_uri") != testRedirect {
		t.Errorf("form: %v", form)
	}
	if f.count("/userinfo") != 0 {
		t.Error("userinfo was asked against the record")
	}
}

// without returns claims with some taken out (value nil) or changed.
func without(claims map[string]any, changes map[string]any) map[string]any {
	out := maps.Clone(claims)
	for name, v := range changes {
		if v == nil {
			delete(out, name)
		} else {
			out[name] = v
		}
	}
	return out
}

func TestForgedIDTokensAreRefused(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", thin)
	stranger := newEC()
	for name, changes := range map[string]map[string]any{
		"expired":                 {"exp": now.Add(-2 * time.Minute).Unix()},
		"exp absent":              {"exp": nil},
		"exp a string":            {"exp": "9999999999"},
		"exp negative beyond all": {"exp": -1e300},
		"iat absent":              {"iat": nil},
		"iat far in the future":   {"iat": now.Add(5 * time.Minute).Unix()},
		"iat saturates":           {"iat": 1e300},
		"iat a string":            {"iat": "now"},
		"not valid yet":           {"nbf": now.Add(5 * time.Minute).Unix()},
		"sub absent":              {"sub": nil},
		"sub empty":               {"sub": ""},
		"sub a number":            {"sub": 7},
		"sub too long":            {"sub": strings.Repeat("a", 256)},
		"sub with control":        {"sub": "alice\n"},
		"aud of another":          {"aud": "someone"},
		"aud absent":              {"aud": nil},
		"aud empty":               {"aud": []any{}},
		"aud only by other case":  {"aud": nil, "AUD": testClient},
		"azp of another":          {"azp": "someone"},
		"azp empty":               {"azp": ""},
		"several aud without azp": {"aud": []any{testClient, "someone"}},
		"several aud, wrong azp":  {"aud": []any{testClient, "someone"}, "azp": "someone"},
		"iss of another":          {"iss": "https://evil.example"},
		"iss with a slash more":   {"iss": f.issuer + "/"},
		"iss absent":              {"iss": nil},
		"iss only by other case":  {"iss": nil, "ISS": f.issuer},
		"at_hash wrong":           {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
		"at_hash not a string":    {"at_hash": []any{}},
		"logout token":            {"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}},
	} {
		t.Run(name, func(t *testing.T) {
			f.grant(without(f.idClaims(now), changes))
			mustRefuse(t, p, now)
		})
	}
	good := f.idClaims(now)
	for name, token := range map[string]string{
		"CVE-2022-29226 alg none":               unsigned(t, `{"alg":"none"}`, good),
		"alg None":                              unsigned(t, `{"alg":"None"}`, good),
		"alg empty":                             unsigned(t, `{"alg":""}`, good),
		"no header alg":                         unsigned(t, `{}`, good),
		"HS256 with the RSA key in PEM":         hs256(t, rsaPEM(t), "rsa", good),
		"HS256 with the client secret":          hs256(t, []byte(testSecret), "", good),
		"stranger's key under a known kid":      sign(t, "ec", stranger, jose.ES256, good),
		"stranger's key under an unknown kid":   sign(t, "nobody", stranger, jose.ES256, good),
		"stranger's key without kid":            sign(t, "", stranger, jose.ES256, good),
		"known key, other kid":                  sign(t, "rsa", ecKey(), jose.ES256, good),
		"algorithm that is not offered (PS256)": sign(t, "rsa", rsaKey(), jose.PS256, good),
		"typ at+jwt":                            typed(t, "at+jwt", good),
		"typ logout+jwt":                        typed(t, "logout+jwt", good),
		"typ application/LOGOUT+JWT":            typed(t, "application/LOGOUT+JWT", good),
		"payload changed":                       tamper(sign(t, "ec", ecKey(), jose.ES256, good)),
		"signature cut":                         strings.TrimRight(sign(t, "ec", ecKey(), jose.ES256, good), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-abcdefghijklmnopqrstuvwxyz"),
		"key in the header":                     embedded(t, stranger, good),
		"JSON serialization":                    `{"payload":"e30","signatures":[]}`,
		"five parts":                            "a.b.c.d.e",
		"many dots (CVE-2025-27144)":            strings.Repeat(".", 100_000),
		"not base64":                            "%%%.###.!!!",
		"empty object":                          "e30.e30.",
		"absent":                                "",
	} {
		t.Run(name, func(t *testing.T) {
			f.set(func() { f.answer = map[string]any{"access_token": "access-1", "id_token": token} })
			mustRefuse(t, p, now)
		})
	}
}

func mustRefuse(t *testing.T, p *Provider, now time.Time) {
	t.Helper()
	got, err := p.Exchange(t.Context(), now, ask(now))
	if !errors.Is(err, oidc.ErrRefused) {
		t.Fatalf("got %v", err)
	}
	if got.Identity != (oidc.Identity{}) || got.Claims != nil || got.Tokens.AccessToken != "access-1" {
		t.Errorf("a refused answer must bring its tokens and nothing else: %+v", got.Identity)
	}
	for _, secret := range []string{"access-1", "refresh-1", "code-1", "verifier-1", "nonce-1", testSecret, "eyJ"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells %q: %v", secret, err)
		}
	}
}

func unsigned(t *testing.T, header string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

func hs256(t *testing.T, key []byte, kid string, claims map[string]any) string {
	t.Helper()
	input := strings.TrimSuffix(unsigned(t, `{"alg":"HS256","kid":"`+kid+`"}`, claims), ".")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func rsaPEM(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func typed(t *testing.T, typ string, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecKey(), KeyID: "ec"}}, typ, claims)
}

// embedded signs with a stranger's key and offers that key in the header.
func embedded(t *testing.T, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// tamper changes the subject under the signature.
func tamper(token string) string {
	parts := strings.Split(token, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), "alice-1", "mallory", 1)))
	return strings.Join(parts, ".")
}

func TestCVE_2024_10318_NonceIsMandatory(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", thin)
	for name, nonce := range map[string]any{"absent": nil, "of another sign-in": "nonce-2", "empty": "", "not a string": 1} {
		t.Run(name, func(t *testing.T) {
			f.grant(without(f.idClaims(now), map[string]any{"nonce": nonce}))
			mustRefuse(t, p, now)
		})
	}
	before := f.count("/token")
	for name, change := range map[string]func(*oidc.CodeExchange){
		"no nonce kept (CVE-2023-27490)": func(a *oidc.CodeExchange) { a.Nonce = "" },
		"no verifier kept":               func(a *oidc.CodeExchange) { a.CodeVerifier = "" },
		"no code":                        func(a *oidc.CodeExchange) { a.Code = "" },
	} {
		a := ask(now)
		change(&a)
		if _, err := p.Exchange(t.Context(), now, a); !errors.Is(err, oidc.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f.count("/token") != before {
		t.Error("a code was spent without what protects it")
	}
}

func TestUnusualGoodIDTokensAreAccepted(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", thin)
	for name, changes := range map[string]map[string]any{
		"aud a list":                 {"aud": []any{testClient}},
		"several aud with azp":       {"aud": []any{"other", testClient}, "azp": testClient},
		"azp alone":                  {"azp": testClient},
		"fractions of seconds":       {"iat": float64(now.Unix()) + 0.5, "exp": float64(now.Unix()) + 299.5},
		"exp saturates":              {"exp": 1e300},
		"clock a little ahead":       {"iat": now.Add(50 * time.Second).Unix()},
		"expired within the skew":    {"exp": now.Add(-50 * time.Second).Unix()},
		"no auth_time":               {"auth_time": nil},
		"auth_time null":             {"auth_time": 0},
		"junk optional claims":       {"amr": "pwd", "acr": 2, "sid": 5, "email": 3, "groups": "staff"},
		"a sub in another case, too": {"SUB": "mallory"},
		"at_hash right":              {"at_hash": atHash("access-1")},
	} {
		t.Run(name, func(t *testing.T) {
			f.grant(without(f.idClaims(now), changes))
			got, err := p.Exchange(t.Context(), now, ask(now))
			if err != nil {
				t.Fatal(err)
			}
			if got.Identity.Subject != "alice-1" {
				t.Errorf("subject %q", got.Identity.Subject)
			}
		})
	}
	f.set(func() {
		f.answer = map[string]any{"access_token": "access-1", "id_token": sign(t, "", rsaKey(), jose.RS256, f.idClaims(now))}
	})
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Errorf("RS256 without kid: %v", err)
	}
}

func atHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func TestOldAuthenticationDoesNotPassForAFreshOne(t *testing.T) {
	f := newFake(t)
	now := time.Now().Truncate(time.Second)
	unstated := func(r *record.Record) {
		thin(r)
		r.FreshLogin.AuthTime = record.AuthTimeAbsent
	}
	picker := func(r *record.Record) {
		unstated(r)
		r.FreshLogin.By = record.FreshByImpossible
	}
	for name, tc := range map[string]struct {
		record   func(*record.Record)
		authTime any // seconds before now; nil: absent
		clock    time.Duration
		fresh    bool
		maxAge   time.Duration
		stale    bool
	}{
		"fresh, signed in just now":                     {thin, 1, 0, true, 0, false},
		"fresh, session of a moment before the request": {thin, 10, 0, true, 0, true},
		"fresh, auth_time absent":                       {thin, nil, 0, true, 0, true},
		"fresh, provider's clock ahead":                 {thin, 1, 40 * time.Second, true, 0, false},
		"fresh, clock ahead does not make old new":      {thin, 20, 40 * time.Second, true, 0, true},
		"fresh, clock behind":                           {thin, 1, -40 * time.Second, true, 0, false},
		"fresh, auth_time beyond iat":                   {thin, -3600, 0, true, 0, true},
		"max_age kept":                                  {thin, 200, 0, false, 5 * time.Minute, false},
		"max_age passed":                                {thin, 400, 0, false, 5 * time.Minute, true},
		"max_age, auth_time absent":                     {thin, nil, 0, false, 5 * time.Minute, true},
		"nothing asked, old":                            {thin, 86400, 0, false, 0, false},
		"fresh where auth_time is not to be had":        {unstated, nil, 0, true, 0, false},
		"max_age by prompt alone":                       {unstated, nil, 0, false, time.Minute, false},
		"max_age where nothing proves it":               {picker, nil, 0, false, time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			claims := f.idClaims(now.Add(tc.clock))
			delete(claims, "auth_time")
			if ago, ok := tc.authTime.(int); ok {
				claims["auth_time"] = now.Add(tc.clock).Unix() - int64(ago)
			}
			f.grant(claims)
			a := ask(now)
			a.Fresh, a.MaxAge = tc.fresh, tc.maxAge
			got, err := f.provider("oidc", tc.record).Exchange(t.Context(), now, a)
			if errors.Is(err, oidc.ErrStale) != tc.stale || (err != nil) != tc.stale {
				t.Fatalf("got %v", err)
			}
			if tc.stale && got.Tokens.RefreshToken == "" {
				t.Error("the tokens of a stale answer must come back, to be revoked")
			}
		})
	}
}

func TestSlowTokenAnswerIsNotTakenForAFastClock(t *testing.T) {
	f := newFake(t)
	p := f.provider("oidc", thin)
	asked := time.Unix(2_000_000_000, 0)
	token := &idToken{issuedAt: asked.Add(8 * time.Second), authTime: asked.Add(-time.Second)}
	a := oidc.CodeExchange{Fresh: true, RequestedAt: asked.Add(-3 * time.Second)}
	if err := p.checkAge(asked, asked.Add(9*time.Second), token, a); err != nil {
		t.Errorf("got %v", err)
	}
}
