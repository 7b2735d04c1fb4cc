package provider

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// still is a provider that never speaks to anybody.
func still(f *testing.F, change func(*record.Record)) *Provider {
	f.Helper()
	r, ok := record.Lookup("oidc")
	if !ok {
		f.Fatal("no record")
	}
	if change != nil {
		change(&r)
	}
	p, err := New(Options{ID: "main", Issuer: "https://idp.example/a", ClientID: testClient, ClientSecret: "s", Record: r, RedirectURI: testRedirect})
	if err != nil {
		f.Fatal(err)
	}
	return p
}

func FuzzTokenAnswer(f *testing.F) {
	for _, seed := range []string{`{"access_token":"a","expires_in":"60","scope":["a","b"]}`, `{"access_token":"a","expires_in":-1e999}`,
		`{"error":"invalid_grant"}`, `{"data":{"access_token":"a"}}`, `access_token=a&expires_in=60`, `[`, `{"access_token":{}}`, "\x00", `{"error":"a\u0000"}`} {
		f.Add(200, seed)
		f.Add(400, seed)
	}
	plain := still(f, nil)
	odd := still(f, func(r *record.Record) {
		r.Client.ErrorIn200, r.Client.TokenReply, r.Client.TokenEnvelope = record.Yes, record.TokenReplyForm, "data"
	})
	now := time.Unix(2_000_000_000, 0)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if e := statusError(answer{status: status, body: []byte(body)}, "error"); e.Code == "" || len(e.Code) > 64 || !printable(e.Code) {
			t.Errorf("code %q", e.Code)
		}
		for _, p := range []*Provider{plain, odd} {
			got, err := p.parseTokens(now, "token request", answer{status: 200, body: []byte(body)})
			if err != nil {
				_, decided := errors.AsType[*oidc.Error](err)
				u, unknown := errors.AsType[*oidc.UnreachableError](err)
				if !decided && (!unknown || !u.Sent) {
					t.Errorf("%v", err)
				}
				continue
			}
			if got.AccessToken == "" || !printable(got.AccessToken+got.RefreshToken+got.IDToken) {
				t.Errorf("%+v", got)
			}
			if !got.Expiry.IsZero() && (got.Expiry.Before(now) || got.Expiry.After(now.Add(longestLife))) {
				t.Errorf("expiry %s", got.Expiry)
			}
			if _, err := json.Marshal(got); err != nil {
				t.Errorf("cannot be stored: %v", err)
			}
		}
	})
}

func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://idp.example/a","authorization_endpoint":"https://idp.example/x","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/k"}`))
	f.Add([]byte(`{"issuer":"https://idp.example/a","token_endpoint":"http://idp.example/t"}`))
	f.Add([]byte(`{"issuer":["x"],"id_token_signing_alg_values_supported":["none","HS256"]}`))
	f.Add([]byte(`{"issuer":"https://idp.example/a","authorization_endpoint":"javascript:alert(1)"}`))
	p := still(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMetadata(body)
		if err != nil || p.checkMetadataIssuer(m.issuer) != nil {
			return
		}
		if m, err = p.completed(m); err != nil {
			return
		}
		if m.issuer != "https://idp.example/a" {
			t.Errorf("issuer %q", m.issuer)
		}
		for _, endpoint := range []string{m.authorization, m.token, m.keys, m.userinfo, m.endSession, m.revocation} {
			if endpoint != "" && !strings.HasPrefix(strings.ToLower(endpoint), "https://") {
				t.Errorf("endpoint %q", endpoint)
			}
		}
		for _, alg := range m.algorithms {
			if alg == "none" || strings.HasPrefix(alg, "HS") {
				t.Errorf("algorithm %q", alg)
			}
		}
	})
}

func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[` + secp256k1 + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"Ed25519","x":"AA"},null,7]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err != nil {
			return
		}
		for _, k := range keys {
			if algorithms, err := algorithmsOf(k.key); err != nil || len(algorithms) == 0 || len(k.algorithms) == 0 {
				t.Errorf("%v", err)
			}
		}
	})
}

func FuzzResponseIssuer(f *testing.F) {
	for _, seed := range []string{"", "https://idp.example/a", "https://idp.example/a/", "https://IDP.example/a", "https://idp.example/{tenantid}", "https://idp.example/x/y", "\x00"} {
		f.Add(seed)
	}
	exact := still(f, nil)
	tenant := still(f, func(r *record.Record) { r.Issuer.Match = record.IssuerTemplateTID })
	f.Fuzz(func(t *testing.T, iss string) {
		m := &metadata{issuer: "https://idp.example/a", issInResponse: true}
		if err := exact.checkResponseIssuer(m, iss); (err == nil) != (iss == "https://idp.example/a") {
			t.Errorf("%q: %v", iss, err)
		} else if err != nil && strings.ContainsAny(err.Error(), "\x00\n\r\x1b") {
			t.Errorf("%q", err)
		}
		m.issuer = "https://idp.example/{tenantid}/v2"
		if tenant.acceptsIssuer(m, iss, "") {
			middle := strings.TrimSuffix(strings.TrimPrefix(iss, "https://idp.example/"), "/v2")
			if !isTenant(middle) || iss != "https://idp.example/"+middle+"/v2" {
				t.Errorf("%q", iss)
			}
		}
	})
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"sub":"a","email":"a@b.c","email_verified":true,"groups":["x"],"picture":"data:x","name":"A\u202e"}`))
	f.Add([]byte(`{"exp":1e999,"iat":-9e99,"a":{"b":[[[{}]]]}}`))
	p := still(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		claims, err := parseClaims(body)
		if err != nil {
			return
		}
		if _, err := json.Marshal(claims); err != nil {
			t.Errorf("cannot be stored: %v", err)
		}
		got := p.profile(claims)
		for _, s := range append([]string{got.Name, got.PreferredUsername, got.Email, got.Picture}, got.Groups...) {
			if hasControl(s) {
				t.Errorf("%q", s)
			}
		}
		if got.EmailBelieved && claims["email_verified"] != true {
			t.Error("believed")
		}
		for _, name := range []string{"exp", "iat", "auth_time"} {
			if at, ok := numericDate(claims[name]); ok {
				if _, err := at.MarshalJSON(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
}

func FuzzLogoutToken(f *testing.F) {
	const good = `{"iss":"https://idp.example/a","aud":"cardea","sub":"a","sid":"s","jti":"j","iat":2000000000,"exp":2000000100,"events":{"` + logoutEvent + `":{}}}`
	f.Add(`{"alg":"ES256","typ":"logout+jwt"}`, []byte(good))
	f.Add(`{"alg":"none"}`, []byte(strings.Replace(good, `"sid":"s"`, `"nonce":null`, 1)))
	f.Add(`{"typ":7}`, []byte(strings.Replace(good, "2000000000", "1e999", 1)))
	f.Add(`{"typ":"JWT"}`, []byte(`{"events":[],"aud":[[]]}`))
	p := still(f, nil)
	now := time.Unix(2_000_000_000, 0)
	f.Fuzz(func(t *testing.T, header string, payload []byte) {
		raw := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + ".AAAA"
		_, found := oidc.IssuerOf(raw)
		if err := p.checkLogoutType(raw); err != nil && (!errors.Is(err, oidc.ErrRefused) || strings.ContainsAny(err.Error(), "\n\r\x00\x1b")) {
			t.Errorf("%q", err)
		}
		var claims oidc.Claims
		if !found || json.Unmarshal(payload, &claims) != nil {
			return
		}
		got, err := p.checkLogoutClaims(now, p.issuer, claims)
		if err != nil {
			if got != (oidc.LogoutToken{}) || !errors.Is(err, oidc.ErrRefused) || strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
				t.Errorf("%+v, %q", got, err)
			}
			return
		}
		if _, nonce := claims["nonce"]; nonce || got.ID == "" || got.Subject == "" && got.SID == "" {
			t.Errorf("%+v of %s", got, payload)
		}
		if !now.Before(got.Expires) || got.Expires.After(now.Add(logoutAge+2*skew)) || got.IssuedAt.After(now.Add(skew)) {
			t.Errorf("issued %s, expires %s", got.IssuedAt, got.Expires)
		}
		for _, s := range []string{got.ID, got.Subject, got.SID} {
			if len(s) > maxSubject || hasControl(s) {
				t.Errorf("%q", s)
			}
		}
	})
}
