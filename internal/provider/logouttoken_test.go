package provider

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// logoutClaims are those of a good logout token at now.
func (f *fake) logoutClaims(now time.Time) map[string]any {
	return map[string]any{
		"iss": f.issuer, "sub": "alice-1", "sid": "sid-1", "aud": testClient, "jti": "jti-1",
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
}

// logoutJWT signs claims well, under a header's typ; "" leaves it out.
func logoutJWT(t *testing.T, typ string, claims map[string]any) string {
	t.Helper()
	if typ == "" {
		return signHeader(t, nil, claims)
	}
	return signHeader(t, map[jose.HeaderKey]any{"typ": typ}, claims)
}

func signHeader(t *testing.T, header map[jose.HeaderKey]any, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signPayload(t, header, payload)
}

func signPayload(t *testing.T, header map[jose.HeaderKey]any, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecKey(), KeyID: "ec"}},
		&jose.SignerOptions{ExtraHeaders: header})
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

// logoutProvider is a relying party of the "oidc" record, changed, whose clock stands at now.
func (f *fake) logoutProvider(now time.Time, kind string, change func(*record.Record)) *Provider {
	f.t.Helper()
	o := f.options(kind, change)
	o.Now = func() time.Time { return now }
	return build(f.t, o)
}

func mustRefuseLogout(t *testing.T, p *Provider, raw string) {
	t.Helper()
	got, err := p.VerifyLogoutToken(t.Context(), raw)
	if !errors.Is(err, oidc.ErrRefused) || got != (oidc.LogoutToken{}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, secret := range []string{"jti-1", "sid-1", testSecret, "eyJ"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells %q: %v", secret, err)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
		t.Errorf("the error can break a log: %q", err)
	}
}

func TestALogoutTokenNamesPersonAndSession(t *testing.T) {
	f := newFake(t)
	now := time.Unix(time.Now().Unix(), 0)
	p := f.logoutProvider(now, "oidc", nil)
	whole := oidc.LogoutToken{Issuer: f.issuer, Subject: "alice-1", SID: "sid-1", ID: "jti-1",
		IssuedAt: now, Expires: now.Add(2*time.Minute + skew)}
	changed := func(change func(*oidc.LogoutToken)) oidc.LogoutToken {
		c := whole
		change(&c)
		return c
	}
	for name, tc := range map[string]struct {
		changes map[string]any
		want    oidc.LogoutToken
	}{
		"both":                  {nil, whole},
		"sid alone":             {map[string]any{"sub": nil}, changed(func(l *oidc.LogoutToken) { l.Subject = "" })},
		"sub alone":             {map[string]any{"sid": nil}, changed(func(l *oidc.LogoutToken) { l.SID = "" })},
		"aud a list":            {map[string]any{"aud": []any{"other", testClient}}, whole},
		"Keycloak's extra":      {map[string]any{"events": map[string]any{logoutEvent: map[string]any{}, "revoke_offline_access": true}}, whole},
		"members in the event":  {map[string]any{"events": map[string]any{logoutEvent: map[string]any{"a": 1}}}, whole},
		"exp within the skew":   {map[string]any{"iat": now.Add(-3 * time.Minute).Unix(), "exp": now.Add(-50 * time.Second).Unix()}, changed(func(l *oidc.LogoutToken) { l.IssuedAt, l.Expires = now.Add(-3*time.Minute), now.Add(10*time.Second) })},
		"exp far away":          {map[string]any{"exp": now.Add(24 * time.Hour).Unix()}, changed(func(l *oidc.LogoutToken) { l.Expires = now.Add(logoutAge + skew) })},
		"iat within the window": {map[string]any{"iat": now.Add(-logoutAge).Unix()}, changed(func(l *oidc.LogoutToken) { l.IssuedAt, l.Expires = now.Add(-logoutAge), now.Add(skew) })},
		"a clock ahead":         {map[string]any{"iat": now.Add(50 * time.Second).Unix()}, changed(func(l *oidc.LogoutToken) { l.IssuedAt = now.Add(50 * time.Second) })},
		"claims of others":      {map[string]any{"typ": "Logout", "azp": "someone", "NONCE": "x"}, whole},
	} {
		got, err := p.VerifyLogoutToken(t.Context(), logoutJWT(t, "logout+jwt", without(f.logoutClaims(now), tc.changes)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := p.VerifyLogoutToken(t.Context(), signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "rsa"}},
		"logout+jwt", f.logoutClaims(now))); err != nil {
		t.Errorf("RS256: %v", err)
	}
}

func TestBadLogoutTokensAreRefused(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.logoutProvider(now, "oidc", nil)
	for name, changes := range map[string]map[string]any{
		"iss of another":             {"iss": "https://evil.example"},
		"iss with a slash more":      {"iss": f.issuer + "/"},
		"iss absent":                 {"iss": nil},
		"iss only by other case":     {"iss": nil, "ISS": f.issuer},
		"iss that breaks lines":      {"iss": "https://evil.example\n\x1b[31m"},
		"aud of another":             {"aud": "someone"},
		"aud absent":                 {"aud": nil},
		"aud empty":                  {"aud": []any{}},
		"aud in another case":        {"aud": strings.ToUpper(testClient)},
		"aud with more behind it":    {"aud": testClient + "2"},
		"aud inside a list":          {"aud": []any{[]any{testClient}}},
		"no event":                   {"events": nil},
		"events empty":               {"events": map[string]any{}},
		"events a list":              {"events": []any{logoutEvent}},
		"events a string":            {"events": logoutEvent},
		"another event":              {"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}},
		"event by https":             {"events": map[string]any{"https" + strings.TrimPrefix(logoutEvent, "http"): map[string]any{}}},
		"event is true":              {"events": map[string]any{logoutEvent: true}},
		"event is null":              {"events": map[string]any{logoutEvent: json.RawMessage("null")}},
		"event is a list":            {"events": map[string]any{logoutEvent: []any{}}},
		"nonce":                      {"nonce": "nonce-1"},
		"nonce empty":                {"nonce": ""},
		"nonce null":                 {"nonce": json.RawMessage("null")},
		"nonce a picture":            {"nonce": "data:image/png;base64,AA"},
		"nonce beyond measure":       {"nonce": strings.Repeat("n", maxClaimText+1)},
		"iat absent":                 {"iat": nil},
		"iat a string":               {"iat": "now"},
		"iat null":                   {"iat": json.RawMessage("null")},
		"iat in the future":          {"iat": now.Add(2 * time.Minute).Unix()},
		"iat saturates":              {"iat": 1e300},
		"iat long ago":               {"iat": now.Add(-logoutAge - skew - time.Second).Unix()},
		"iat negative":               {"iat": -1e300},
		"exp absent":                 {"exp": nil},
		"exp a string":               {"exp": "9999999999"},
		"exp null":                   {"exp": json.RawMessage("null")},
		"expired":                    {"exp": now.Add(-2 * time.Minute).Unix()},
		"not valid yet":              {"nbf": now.Add(5 * time.Minute).Unix()},
		"nbf a string":               {"nbf": "now"},
		"jti absent":                 {"jti": nil},
		"jti empty":                  {"jti": ""},
		"jti a number":               {"jti": 7},
		"jti too long":               {"jti": strings.Repeat("j", maxSubject+1)},
		"jti with control":           {"jti": "j\x00"},
		"neither sub nor sid":        {"sub": nil, "sid": nil},
		"sub empty":                  {"sub": ""},
		"sub a number":               {"sub": 7},
		"sub null":                   {"sub": json.RawMessage("null")},
		"sub too long":               {"sub": strings.Repeat("a", maxSubject+1)},
		"sub with control":           {"sub": "alice\n"},
		"sub bad though sid is good": {"sub": []any{"alice-1"}},
		"sid empty":                  {"sid": ""},
		"sid a list":                 {"sid": []any{"sid-1"}},
		"sid too long":               {"sid": strings.Repeat("s", maxSubject+1)},
		"sid bad though sub is good": {"sid": map[string]any{}},
		"sid only by other case":     {"sub": nil, "sid": nil, "SID": "sid-1"},
	} {
		t.Run(name, func(t *testing.T) {
			mustRefuseLogout(t, p, logoutJWT(t, "logout+jwt", without(f.logoutClaims(now), changes)))
		})
	}
	if _, err := p.VerifyLogoutToken(t.Context(), logoutJWT(t, "logout+jwt", f.logoutClaims(now))); err != nil {
		t.Errorf("the control: %v", err)
	}
}

func TestForgedLogoutTokensAreRefused(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.logoutProvider(now, "oidc", nil)
	good := f.logoutClaims(now)
	stranger := newEC()
	whole := logoutJWT(t, "logout+jwt", good)
	payload, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(whole, ".")
	twice := strings.Replace(string(payload), "{", `{"iss":"`+f.issuer+`",`, 1)
	stating := func(typ any) string { return signHeader(t, map[jose.HeaderKey]any{"typ": typ}, good) }
	for name, token := range map[string]string{
		"nothing":                           "",
		"rubbish":                           "rubbish",
		"dots":                              "..",
		"JSON serialization":                `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"five parts (JWE)":                  whole + ".x.y",
		"alg none":                          unsigned(t, `{"alg":"none","typ":"logout+jwt"}`, good),
		"alg None":                          unsigned(t, `{"alg":"None","typ":"logout+jwt"}`, good),
		"no alg":                            unsigned(t, `{"typ":"logout+jwt"}`, good),
		"alg twice":                         unsigned(t, `{"alg":"none","alg":"ES256","typ":"logout+jwt"}`, good) + parts[2],
		"header no object":                  base64.RawURLEncoding.EncodeToString([]byte(`"ES256"`)) + "." + parts[1] + "." + parts[2],
		"HS256 with the RSA key in PEM":     hs256(t, rsaPEM(t), "rsa", good),
		"HS256 with the client secret":      hs256(t, []byte(testSecret), "", good),
		"stranger's key under a known kid":  signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: stranger, KeyID: "ec"}}, "logout+jwt", good),
		"stranger's key, unknown kid":       signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: stranger, KeyID: "x"}}, "logout+jwt", good),
		"known key under another kid":       signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecKey(), KeyID: "rsa"}}, "logout+jwt", good),
		"algorithm not offered":             signWith(t, jose.SigningKey{Algorithm: jose.PS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "rsa"}}, "logout+jwt", good),
		"no signature":                      parts[0] + "." + parts[1] + ".",
		"signature of another payload":      parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(twice)) + "." + parts[2],
		"iss twice, well signed":            signPayload(t, map[jose.HeaderKey]any{"typ": "logout+jwt"}, []byte(twice)),
		"payload a list, well signed":       signPayload(t, map[jose.HeaderKey]any{"typ": "logout+jwt"}, []byte(`[]`)),
		"number beyond all, well signed":    signPayload(t, map[jose.HeaderKey]any{"typ": "logout+jwt"}, []byte(strings.Replace(string(payload), "{", `{"x":1e999,`, 1))),
		"unknown critical header":           signHeader(t, map[jose.HeaderKey]any{"typ": "logout+jwt", "crit": []string{"exp"}, "exp": 1}, good),
		"ID token":                          sign(t, "ec", ecKey(), jose.ES256, f.idClaims(now)),
		"ID token without a typ":            logoutJWT(t, "", f.idClaims(now)),
		"ID token with a nonce and events":  logoutJWT(t, "", without(good, map[string]any{"nonce": "n", "exp": now.Add(time.Minute).Unix()})),
		"typ JWT":                           logoutJWT(t, "JWT", good),
		"typ at+jwt":                        logoutJWT(t, "at+jwt", good),
		"typ secevent+jwt":                  logoutJWT(t, "secevent+jwt", good),
		"typ with more behind it":           logoutJWT(t, "logout+jwt2", good),
		"typ empty":                         stating(""),
		"typ a list":                        stating([]string{"logout+jwt"}),
		"typ is the record's word for none": stating("absent"),
		"longer than any logout token":      logoutJWT(t, "logout+jwt", without(good, map[string]any{"x": strings.Repeat("x", oidc.MaxLogoutToken)})),
	} {
		t.Run(name, func(t *testing.T) { mustRefuseLogout(t, p, token) })
	}
}

func TestTheRecordSaysWhichTypesAndTimesLogoutTokensHave(t *testing.T) {
	f := newFake(t)
	now := time.Unix(time.Now().Unix(), 0)
	hydra := func(r *record.Record) {
		r.Notices.BackChannelTyp, r.Notices.BackChannelExp = []record.LogoutTyp{record.LogoutTypJWT}, record.No
	}
	unknown := func(r *record.Record) { r.Notices.BackChannelExp = record.Unknown }
	noExp := map[string]any{"exp": nil, "sub": nil}
	for name, tc := range map[string]struct {
		kind    string
		change  func(*record.Record)
		typ     string
		changes map[string]any
		good    bool
	}{
		"oidc, own type":                    {kind: "oidc", typ: "logout+jwt", good: true},
		"oidc, in other case":               {kind: "oidc", typ: "Logout+JWT", good: true},
		"oidc, with application/":           {kind: "oidc", typ: "application/logout+jwt", good: true},
		"oidc, none":                        {kind: "oidc", typ: "", good: true},
		"oidc, JWT":                         {kind: "oidc", typ: "JWT"},
		"keycloak, own type":                {kind: "keycloak", typ: "logout+jwt", good: true},
		"keycloak, none":                    {kind: "keycloak", typ: ""},
		"keycloak, JWT":                     {kind: "keycloak", typ: "JWT"},
		"hydra, as it sends":                {kind: "oidc", change: hydra, typ: "JWT", changes: noExp, good: true},
		"hydra, with an exp":                {kind: "oidc", change: hydra, typ: "JWT", good: true},
		"hydra, own type":                   {kind: "oidc", change: hydra, typ: "logout+jwt", changes: noExp},
		"hydra, none":                       {kind: "oidc", change: hydra, typ: "", changes: noExp},
		"hydra, at its age's end":           {kind: "oidc", change: hydra, typ: "JWT", changes: map[string]any{"exp": nil, "iat": now.Add(-logoutAgeNoExp - skew + time.Second).Unix()}, good: true},
		"hydra, too old":                    {kind: "oidc", change: hydra, typ: "JWT", changes: map[string]any{"exp": nil, "iat": now.Add(-logoutAgeNoExp - skew).Unix()}},
		"hydra, an ID token":                {kind: "oidc", change: hydra, typ: "JWT", changes: map[string]any{"events": nil, "nonce": "n"}},
		"nobody knows whether exp is there": {kind: "oidc", change: unknown, typ: "logout+jwt", changes: noExp},
	} {
		t.Run(name, func(t *testing.T) {
			p := f.logoutProvider(now, tc.kind, tc.change)
			raw := logoutJWT(t, tc.typ, without(f.logoutClaims(now), tc.changes))
			if !tc.good {
				mustRefuseLogout(t, p, raw)
			} else if _, err := p.VerifyLogoutToken(t.Context(), raw); err != nil {
				t.Error(err)
			}
		})
	}
}

// A provider may publish keys for all clients and offer every algorithm; what counts is what this
// client is registered for.
func TestTheRecordNarrowsTheAlgorithms(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	p := f.logoutProvider(now, "oidc", func(r *record.Record) {
		thin(r)
		r.Client.IDTokenAlgorithms = []record.SignatureAlgorithm{"RS256"}
	})
	for kid, want := range map[string]bool{"rsa": true, "ec": false} {
		key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: kid}}
		if kid == "ec" {
			key = jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecKey(), KeyID: kid}}
		}
		if _, err := p.VerifyLogoutToken(t.Context(), signWith(t, key, "logout+jwt", f.logoutClaims(now))); (err == nil) != want {
			t.Errorf("logout token by %s: %v", kid, err)
		}
		f.set(func() {
			f.answer = map[string]any{"access_token": "access-1", "id_token": signWith(t, key, "JWT", f.idClaims(now))}
		})
		if _, err := p.Exchange(t.Context(), now, ask(now)); (err == nil) != want {
			t.Errorf("ID token by %s: %v", kid, err)
		}
	}
}
