package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/session"
)

func newKeys(t *testing.T) *IdentityKeys {
	t.Helper()
	var keys []IdentityKey
	for _, id := range []string{"now", "next"} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, IdentityKey{ID: id, Key: k})
	}
	k, err := NewIdentityKeys("https://gate.example", keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignedIdentityVerifiesWithThePublishedKeys(t *testing.T) {
	keys := newKeys(t)
	now := time.Now()
	r := newRig(t, app(t, echoHeaders), func(o *Options) { o.Identity, o.Now = keys, func() time.Time { return now } })
	tokens := seen(body(t, r.get("/", "X-Cardea-Identity", mark)), "X-Cardea-Identity")
	if len(tokens) != 1 {
		t.Fatalf("%d tokens", len(tokens))
	}
	w := httptest.NewRecorder()
	keys.ServeHTTP(w, nil)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 2 || !set.Keys[0].IsPublic() {
		t.Fatalf("%v %d", err, len(set.Keys))
	}
	signed, err := jose.ParseSignedCompact(tokens[0], []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(&set)
	if err != nil {
		t.Fatal(err)
	}
	var c identityClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	if c.Issuer != "https://gate.example" || c.Audience != "chat" || c.Subject != "acc1" || c.Handle != "alice" || c.Email != "alice@example.com" || c.Expiry-c.IssuedAt != 60 {
		t.Errorf("%+v", c)
	}
}

func TestSignedIdentityIsReusedForHalfItsLife(t *testing.T) {
	now := time.Now()
	signs := 0
	c := newTokenCache(identifier(func(now time.Time, _ string, s *session.Session) (string, error) {
		signs++
		return fmt.Sprint(s.Version, now), nil
	}), "chat")
	s := alice()
	for _, step := range []struct {
		after   time.Duration
		version int64
		signs   int
	}{{0, 1, 1}, {29 * time.Second, 1, 1}, {30 * time.Second, 1, 2}, {31 * time.Second, 2, 3}, {20 * time.Second, 2, 4}} {
		s.Version = step.version
		if _, err := c.get(now.Add(step.after), s); err != nil {
			t.Fatal(err)
		}
		if signs != step.signs {
			t.Errorf("after %v: signed %d times, want %d", step.after, signs, step.signs)
		}
	}
	for i := range 2 * maxTokens {
		s := alice()
		s.ID = session.ID(fmt.Sprint(i))
		if _, err := c.get(now, s); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.tokens) > maxTokens {
		t.Errorf("%d tokens are kept", len(c.tokens))
	}
}

type identifier func(now time.Time, app string, s *session.Session) (string, error)

func (f identifier) Identify(now time.Time, app string, s *session.Session) (string, error) {
	return f(now, app, s)
}

func TestIdentityKeysThatWouldNotDoAreRefused(t *testing.T) {
	small, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	for _, keys := range [][]IdentityKey{nil, {{ID: "a"}}, {{ID: "a", Key: small}}} {
		if _, err := NewIdentityKeys("https://gate.example", keys...); err == nil {
			t.Errorf("%v were accepted", keys)
		}
	}
}
