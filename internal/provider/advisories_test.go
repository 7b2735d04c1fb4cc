package provider

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// encrypted makes a JWE of claims with a key that the relying party has.
func encrypted(t *testing.T, alg jose.KeyAlgorithm, key any, o *jose.EncrypterOptions, p2c int, claims []byte) string {
	t.Helper()
	r := jose.Recipient{Algorithm: alg, Key: key, PBES2Count: p2c}
	e, err := jose.NewEncrypter(jose.A256GCM, r, o)
	if err != nil {
		t.Fatal(err)
	}
	object, err := e.Encrypt(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A provider, or whoever speaks in its place, sends tokens that are dear to read. They
// are refused by their form, before any key is derived or anything unpacked.
func TestGHSA_2c7c_3mj9_8fqh_CVE_2024_28180_CVE_2026_34986_CVE_2025_27144_CVE_2025_30204_BombsAreRefusedUnread(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", thin)
	good, err := json.Marshal(f.idClaims(now))
	if err != nil {
		t.Fatal(err)
	}
	signed := sign(t, "ec", ecKey(), jose.ES256, f.idClaims(now))
	parts := strings.Split(signed, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	head := func(text string) string { return b64([]byte(text)) }
	many := maps.Clone(f.idClaims(now))
	for i := range 20_000 {
		many[fmt.Sprintf("claim-%d", i)] = "xxxxxxxxxxxxxxxx"
	}
	secret := []byte(testSecret)
	for name, token := range map[string]string{
		"PBES2 with many rounds (GHSA-2c7c-3mj9-8fqh)": head(`{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":2000000000,"p2s":"c2FsdHNhbHRzYWx0"}`) + "." + b64(make([]byte, 40)) + "." + b64(make([]byte, 12)) + ".AAAA." + b64(make([]byte, 16)),
		"PBES2 that opens with the client secret":      encrypted(t, jose.PBES2_HS256_A128KW, secret, nil, 1000, good),
		"PBES2 named in a JWS":                         head(`{"alg":"PBES2-HS512+A256KW","p2c":2000000000,"p2s":"c2FsdA"}`) + "." + parts[1] + "." + parts[2],
		"zip bomb (CVE-2024-28180)":                    encrypted(t, jose.DIRECT, append(secret, make([]byte, 32)...)[:32], &jose.EncrypterOptions{Compression: jose.DEFLATE}, 0, append(good, strings.Repeat(" ", 240_000)...)),
		"zip named in a JWS":                           head(`{"alg":"ES256","kid":"ec","zip":"DEF"}`) + "." + parts[1] + "." + parts[2],
		"wrapped key of no length (CVE-2026-34986)":    head(`{"alg":"A128KW","enc":"A128GCM"}`) + ".." + b64(make([]byte, 12)) + ".AAAA." + b64(make([]byte, 16)),
		"wrapped key, GCM, of no length":               head(`{"alg":"A128GCMKW","enc":"A128GCM","iv":"","tag":""}`) + "...." + b64(make([]byte, 16)),
		"encrypted to the client's key":                encrypted(t, jose.RSA_OAEP_256, &rsaKey().PublicKey, nil, 0, good),
		"a signed one within an encrypted one":         encrypted(t, jose.RSA_OAEP_256, &rsaKey().PublicKey, (&jose.EncrypterOptions{}).WithContentType("JWT"), 0, []byte(signed)),
		"a million dots (CVE-2025-27144)":              strings.Repeat(".", 900_000),
		"dots in the header's place":                   strings.Repeat(".", 300_000) + signed,
		"dots behind (CVE-2025-30204)":                 signed + strings.Repeat(".", 900_000),
		"one dot more":                                 signed + ".",
		"four parts":                                   signed + "." + parts[2],
		"two parts":                                    parts[0] + "." + parts[1],
		"a huge header":                                b64([]byte(`{"alg":"ES256","kid":"`+strings.Repeat("x", 500_000)+`"}`)) + "." + parts[1] + "." + parts[2],
		"a deep header":                                b64([]byte(`{"alg":"ES256","x":`+strings.Repeat("[", 300_000)+strings.Repeat("]", 300_000)+`}`)) + "." + parts[1] + "." + parts[2],
		"a huge signature":                             parts[0] + "." + parts[1] + "." + b64(make([]byte, 600_000)),
		"thousands of claims, signed well":             sign(t, "ec", ecKey(), jose.ES256, many),
		"crit unknown":                                 head(`{"alg":"ES256","kid":"ec","crit":["x"],"x":1}`) + "." + parts[1] + "." + parts[2],
		"payload not encoded (RFC 7797)":               head(`{"alg":"ES256","kid":"ec","b64":false,"crit":["b64"]}`) + "." + string(good) + "." + parts[2],
		"wrong algorithm for the key":                  head(`{"alg":"RS256","kid":"ec"}`) + "." + parts[1] + "." + parts[2],
		"algorithm in two places":                      head(`{"alg":"none","alg":"ES256","kid":"ec"}`) + "." + parts[1] + "." + parts[2],
	} {
		t.Run(name, func(t *testing.T) {
			f.set(func() { f.answer = map[string]any{"access_token": "access-1", "id_token": token} })
			began := time.Now()
			mustRefuse(t, p, now)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("refused after %s", took)
			}
		})
	}
	f.grant(f.idClaims(now))
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Errorf("a good token afterwards: %v", err)
	}
}

// What is wrong with a token in two ways is refused by every caller's one test.
func TestCVE_2024_51744_ATokenWithTwoFaultsIsRefusedLikeAnyOther(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", thin)
	stranger := newEC()
	for _, changes := range []map[string]any{
		{"exp": now.Add(-time.Hour).Unix()}, {"aud": "other"}, {"iss": "https://evil.example"}, {"nonce": "other"}, {"exp": now.Add(-time.Hour).Unix(), "aud": "other", "iss": "x", "nonce": "y"},
	} {
		for name, token := range map[string]string{"well signed": sign(t, "ec", ecKey(), jose.ES256, without(f.idClaims(now), changes)), "badly signed": sign(t, "ec", stranger, jose.ES256, without(f.idClaims(now), changes))} {
			f.set(func() { f.answer = map[string]any{"access_token": "access-1", "id_token": token} })
			t.Run(fmt.Sprintf("%s, %d wrong", name, len(changes)), func(t *testing.T) { mustRefuse(t, p, now) })
		}
	}
}

// A token answer beyond its bound is no answer, however good it begins.
func TestCVE_2025_27144_AnAnswerBeyondItsBoundIsNotRead(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", thin)
	token := sign(t, "ec", ecKey(), jose.ES256, f.idClaims(now))
	f.reply("/token", 200, `{"access_token":"access-1","token_type":"Bearer","id_token":"`+token+`","x":"`+strings.Repeat("x", maxTokenAnswer)+`"}`)
	got, err := p.Exchange(t.Context(), now, ask(now))
	if err == nil || got.Identity != (oidc.Identity{}) || got.Claims != nil {
		t.Errorf("%+v, %v", got.Identity, err)
	}
	if e, ok := errors.AsType[*oidc.Error](err); ok && e.Code == oidc.InvalidGrant {
		t.Errorf("it looks like a verdict on the person: %v", err)
	}
}

func TestAFloodOfUnknownKeyIDsIsThrottledWhileKeysCannotBeHad(t *testing.T) {
	f := newFake(t)
	c := newClock()
	o := f.options("oidc", thin)
	o.Now = c.Now
	p := build(t, o)
	f.grant(f.idClaims(c.Now()))
	if _, err := p.Exchange(t.Context(), c.Now(), ask(c.Now())); err != nil {
		t.Fatal(err)
	}
	had := f.count("/keys")
	f.reply("/keys", 503, "down")
	for i := range 60 {
		token := sign(t, fmt.Sprint("kid-", i), ecTwo(), jose.ES256, f.idClaims(c.Now()))
		f.set(func() { f.answer = map[string]any{"access_token": "access-1", "id_token": token} })
		if _, err := p.Exchange(t.Context(), c.Now(), ask(c.Now())); err == nil {
			t.Fatal("a forged token was taken")
		}
	}
	if n := f.count("/keys") - had; n > burst {
		t.Errorf("60 tokens made %d requests for keys", n)
	}
	f.grant(f.idClaims(c.Now()))
	if _, err := p.Exchange(t.Context(), c.Now(), ask(c.Now())); err != nil {
		t.Errorf("a good token meanwhile: %v", err)
	}
}
