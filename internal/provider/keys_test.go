package provider

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// secp256k1 is the base point of a curve that JOSE libraries for the web do not know.
const secp256k1 = `{"kty":"EC","crv":"secp256k1","kid":"k1","use":"sig","alg":"ES256K",` +
	`"x":"eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g","y":"SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"}`

func b64(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

func TestKeysAreDroppedOneByOne(t *testing.T) {
	good, err := json.Marshal(public("ec", &ecKey().PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	rsaDoc := func(n *big.Int, e, more string) string {
		return fmt.Sprintf(`{"kty":"RSA","kid":"r","n":%q,"e":%q%s}`, b64(n), e, more)
	}
	big2048 := rsaKey().N
	private, err := json.Marshal(jose.JSONWebKey{Key: newEC(), KeyID: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key  string
		keep bool
	}{
		"secp256k1 (conformance suite)": {secp256k1, false},
		"RSA of 1024 bits":              {rsaDoc(new(big.Int).Rsh(big2048, 1024), "AQAB", ""), false},
		"RSA of 16384 bits":             {rsaDoc(new(big.Int).Lsh(big.NewInt(1), 16383), "AQAB", ""), false},
		"RSA with exponent 1":           {rsaDoc(big2048, "AQ", ""), false},
		"RSA with an even exponent":     {rsaDoc(big2048, "BA", ""), false},
		"RSA for encryption":            {rsaDoc(big2048, "AQAB", `,"use":"enc"`), false},
		"RSA with RSA-OAEP":             {rsaDoc(big2048, "AQAB", `,"alg":"RSA-OAEP"`), false},
		"RSA with ES256":                {rsaDoc(big2048, "AQAB", `,"alg":"ES256"`), false},
		"RSA with HS256":                {rsaDoc(big2048, "AQAB", `,"alg":"HS256"`), false},
		"RSA for wrapping":              {rsaDoc(big2048, "AQAB", `,"key_ops":["wrapKey"]`), false},
		"RSA for verifying":             {rsaDoc(big2048, "AQAB", `,"use":"sig","key_ops":["verify"],"alg":"PS256"`), true},
		"RSA with a broken certificate": {rsaDoc(big2048, "AQAB", `,"x5c":["!!"],"x5u":"::","x5t":"x"`), true},
		"symmetric":                     {`{"kty":"oct","k":"c2VjcmV0","kid":"s"}`, false},
		"private key published":         {string(private), false},
		"point not on the curve":        {`{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`, false},
		"kty unknown":                   {`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, false},
		"kty absent":                    {`{"kid":"x"}`, false},
		"a string":                      {`"key"`, false},
		"null":                          {`null`, false},
		"a list":                        {`[[[]]]`, false},
		"wrong types":                   {`{"kty":1,"n":{}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseKeys([]byte(`{"keys":[` + tc.key + `,` + string(good) + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 2, false: 1}[tc.keep]; len(keys) != want {
				t.Errorf("%d keys are left, want %d", len(keys), want)
			}
			for _, k := range keys {
				switch k.key.(type) {
				case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
				default:
					t.Errorf("kept a %T", k.key)
				}
			}
		})
	}
	for _, junk := range []string{``, `[]`, `{}`, `{"keys":{}}`, `{"keys":[]}`, `{"keys":[` + secp256k1 + `]}`, `<html>`} {
		if _, err := parseKeys([]byte(junk)); err == nil {
			t.Errorf("%.20q was taken for a key set", junk)
		}
	}
}

func TestUnparsableKeyInTheSetDoesNotStopSignIn(t *testing.T) {
	f := newFake(t)
	f.keys = append([]any{json.RawMessage(secp256k1), "junk"}, f.keys...)
	now := time.Now()
	f.grant(f.idClaims(now))
	if _, err := f.provider("oidc", thin).Exchange(t.Context(), now, ask(now)); err != nil {
		t.Fatal(err)
	}
}

func TestEveryAsymmetricAlgorithmVerifies(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f.keys = append(f.keys, public("ed", ed.Public()), public("p384", &p384.PublicKey))
	f.discovery["id_token_signing_alg_values_supported"] = []string{"RS512", "PS256", "ES384", "EdDSA", "HS256", "none"}
	p := f.provider("oidc", thin)
	claims := without(f.idClaims(now), nil)
	for _, token := range []string{
		sign(t, "rsa", rsaKey(), jose.RS512, claims), sign(t, "rsa", rsaKey(), jose.PS256, claims),
		sign(t, "p384", p384, jose.ES384, claims), sign(t, "ed", ed, jose.EdDSA, claims),
	} {
		f.set(func() { f.answer = map[string]any{"access_token": "access-1", "id_token": token} })
		if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
			t.Errorf("%.30s: %v", token, err)
		}
	}
}

func TestKeyServesItsStatedAlgorithmAlone(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	stated := public("rsa", &rsaKey().PublicKey)
	stated.Algorithm = "PS256"
	f.keys = []any{stated}
	f.discovery["id_token_signing_alg_values_supported"] = []string{"RS256", "PS256"}
	p := f.provider("oidc", thin)
	for alg, good := range map[jose.SignatureAlgorithm]bool{jose.PS256: true, jose.RS256: false} {
		f.set(func() {
			f.answer = map[string]any{"access_token": "access-1", "id_token": sign(t, "rsa", rsaKey(), alg, f.idClaims(now))}
		})
		if _, err := p.Exchange(t.Context(), now, ask(now)); (err == nil) != good {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestKeysThatRotateInTheMiddleAreLearned(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.provider("oidc", thin)
	f.grant(f.idClaims(now))
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Fatal(err)
	}
	for i, kid := range []string{"new", "ec"} { // a new kid, then the old kid with another key
		key := newEC()
		f.set(func() { f.keys = []any{public(kid, &key.PublicKey)} })
		f.set(func() {
			f.answer = map[string]any{"access_token": "access-1", "id_token": sign(t, kid, key, jose.ES256, f.idClaims(now))}
		})
		if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
			t.Errorf("rotation %d: %v", i+1, err)
		}
	}
	// The withdrawn key is no longer believed.
	f.grant(f.idClaims(now))
	mustRefuse(t, p, now)
}

func TestUnknownKidFloodIsBounded(t *testing.T) {
	f := newFake(t)
	c := newClock()
	now := c.Now()
	o := f.options("oidc", thin)
	o.Now = c.Now
	p := build(t, o)
	f.grant(f.idClaims(now))
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Fatal(err)
	}
	flood := func() {
		for i := range 50 {
			token := sign(t, fmt.Sprint("kid-", i), ecTwo(), jose.ES256, f.idClaims(now))
			f.set(func() { f.answer = map[string]any{"access_token": "access-1", "id_token": token} })
			mustRefuse(t, p, now)
		}
	}
	flood()
	if n := f.count("/keys"); n > 1+burst {
		t.Errorf("50 tokens with unknown kids made %d fetches", n)
	}
	c.advance(burst*keysRetry + time.Second)
	flood()
	if n := f.count("/keys"); n > 1+2*burst {
		t.Errorf("100 tokens with unknown kids made %d fetches in 31 s", n)
	}
	f.grant(f.idClaims(now))
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Errorf("a good token during the flood: %v", err)
	}
}

func TestKeysThatCannotBeHadAreNoForgery(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.grant(f.idClaims(now))
	f.reply("/keys", http.StatusInternalServerError, "oops")
	_, err := f.provider("oidc", thin).Exchange(t.Context(), now, ask(now))
	down, ok := errors.AsType[*oidc.UnreachableError](err)
	if !ok || !down.Sent || errors.Is(err, oidc.ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestStaleKeysServeForABoundedTime(t *testing.T) {
	f := newFake(t)
	c := newClock()
	o := f.options("oidc", thin)
	o.Now = c.Now
	log := &logBuffer{}
	o.Logger = log.logger()
	p := build(t, o)
	exchange := func() error {
		now := c.Now()
		f.grant(f.idClaims(now))
		_, err := p.Exchange(t.Context(), now, ask(now))
		return err
	}
	if err := exchange(); err != nil {
		t.Fatal(err)
	}
	f.reply("/keys", http.StatusBadGateway, "down")
	for _, d := range []time.Duration{keysTTL * 3, time.Hour, 10 * time.Hour} {
		c.advance(d)
		if err := exchange(); err != nil {
			t.Errorf("keys of %s ago: %v", d, err)
		}
	}
	c.advance(keysStale)
	if err := exchange(); err == nil {
		t.Error("keys are believed beyond their bound")
	}
	if n := strings.Count(log.String(), "provider's keys cannot be had"); n != 1 {
		t.Errorf("the alarm came %d times", n)
	}
	f.handle("/keys", nil)
	c.advance(keysRetry)
	if err := exchange(); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	if !strings.Contains(log.String(), "provider's keys is back") {
		t.Error("nothing says that the keys are back")
	}
}
