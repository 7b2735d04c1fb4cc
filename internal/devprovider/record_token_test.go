package devprovider_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	records "github.com/cardea-auth/cardea/internal/record"
)

const (
	formMedia = "application/x-www-form-urlencoded"
	jsonMedia = "application/json"
)

func jsonOf(t *testing.T, params url.Values) string {
	t.Helper()
	doc := map[string]string{}
	for name := range params {
		doc[name] = params.Get(name)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func with(params url.Values, more ...string) url.Values {
	for i := 0; i+1 < len(more); i += 2 {
		params.Set(more[i], more[i+1])
	}
	return params
}

func TestAClientProvesItselfInTheOneWayOfTheRecord(t *testing.T) {
	post := func(v url.Values) url.Values { return with(v, "client_id", clientID, "client_secret", clientSecret) }
	raw := func(r *http.Request) { r.SetBasicAuth(clientID, clientSecret) }
	type way func(t *testing.T, s *devprovider.Server, form url.Values) (int, map[string]any)
	ways := map[string]way{
		"basic": func(t *testing.T, s *devprovider.Server, form url.Values) (int, map[string]any) {
			return ask(t, "POST", s.Address(devprovider.Token), formMedia, form.Encode(), asClient)
		},
		"basic, raw": func(t *testing.T, s *devprovider.Server, form url.Values) (int, map[string]any) {
			return ask(t, "POST", s.Address(devprovider.Token), formMedia, form.Encode(), raw)
		},
		"post": func(t *testing.T, s *devprovider.Server, form url.Values) (int, map[string]any) {
			return ask(t, "POST", s.Address(devprovider.Token), formMedia, post(form).Encode(), nil)
		},
		"JSON": func(t *testing.T, s *devprovider.Server, form url.Values) (int, map[string]any) {
			return ask(t, "POST", s.Address(devprovider.Token), jsonMedia, jsonOf(t, post(form)), nil)
		},
		"query, form": func(t *testing.T, s *devprovider.Server, form url.Values) (int, map[string]any) {
			return ask(t, "POST", s.Address(devprovider.Token)+"?"+post(url.Values{}).Encode(), formMedia, form.Encode(), nil)
		},
		"query": func(t *testing.T, s *devprovider.Server, form url.Values) (int, map[string]any) {
			return ask(t, "GET", s.Address(devprovider.Token)+"?"+post(form).Encode(), "", "", nil)
		},
	}
	for name, tc := range map[string]struct {
		auth     records.ClientAuth
		encoding records.SecretEncoding
		body     records.TokenBody
		good     string
	}{
		"basic":       {records.AuthBasic, records.SecretForm, records.TokenBodyForm, "basic"},
		"basic, raw":  {records.AuthBasic, records.SecretRaw, records.TokenBodyForm, "basic, raw"},
		"post":        {records.AuthPost, records.SecretForm, records.TokenBodyForm, "post"},
		"discovery":   {records.AuthDiscovery, records.SecretForm, records.TokenBodyForm, "post"},
		"JSON":        {records.AuthJSON, records.SecretRaw, records.TokenBodyJSON, "JSON"},
		"query, form": {records.AuthQuery, records.SecretRaw, records.TokenBodyForm, "query, form"},
		"query":       {records.AuthQuery, records.SecretRaw, records.TokenBodyQuery, "query"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startBy(t, func(r *records.Record) {
				r.Client.Auth, r.Client.SecretEncoding, r.Client.TokenBody = tc.auth, tc.encoding, tc.body
			}, nil)
			v := aliceAt(t, s)
			for other, how := range ways {
				code := visit(t, v, askAt(s)).Get("code")
				if other == "query" && tc.body != records.TokenBodyQuery {
					continue // no such method there
				}
				status, doc := how(t, s, codeForm(code))
				if good := status == http.StatusOK; good != (other == tc.good) {
					t.Errorf("by %s: %d %v", other, status, doc["error_description"])
				}
			}
		})
	}
}

func TestAClientsJWTIsVerified(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat(clientSecret, 4) // an HMAC's key has a least length
	clock := newClock()
	for _, auth := range []records.ClientAuth{records.AuthPrivateKeyJWT, records.AuthSecretJWT, records.AuthSignedSecret} {
		s := startBy(t, func(r *records.Record) {
			r.Client.Auth = auth
			r.Client.Assertion = records.Assertion{Issuer: "{key_issuer}", Audience: "{token_endpoint}", Life: time.Minute}
		}, func(o *devprovider.Options) { o.Now = clock.now })
		if err := s.AddClient(devprovider.Client{ID: clientID, Secret: secret, Key: key.Public(), KeyIssuer: "TEAM", RedirectURIs: []string{redirectURI}}); err != nil {
			t.Fatal(err)
		}
		good := map[string]any{
			"iss": "TEAM", "sub": clientID, "aud": s.Address(devprovider.Token), "jti": "1",
			"iat": clock.now().Unix(), "exp": clock.now().Add(time.Minute).Unix(),
		}
		try := func(t *testing.T, signer crypto.Signer, change map[string]any) int {
			t.Helper()
			claims := map[string]any{}
			for name, value := range good {
				claims[name] = value
			}
			for name, value := range change {
				claims[name] = value
			}
			sign := jose.SigningKey{Algorithm: jose.ES256, Key: signer}
			if auth == records.AuthSecretJWT {
				sign = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)}
				if signer == crypto.Signer(stranger) {
					sign.Key = []byte(secret + "x")
				}
			}
			made, err := jose.NewSigner(sign, nil)
			if err != nil {
				t.Fatal(err)
			}
			token, err := jwt.Signed(made).Claims(claims).Serialize()
			if err != nil {
				t.Fatal(err)
			}
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"unknown"}}
			if auth == records.AuthSignedSecret {
				with(form, "client_id", clientID, "client_secret", token)
			} else {
				with(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", token)
			}
			_, doc := ask(t, "POST", s.Address(devprovider.Token), formMedia, form.Encode(), nil)
			return map[any]int{"invalid_grant": 1, "invalid_client": 0}[doc["error"]]
		}
		for name, tc := range map[string]struct {
			signer crypto.Signer
			change map[string]any
			want   int
		}{
			"good":          {key, map[string]any{"jti": "first"}, 1},
			"another key":   {stranger, map[string]any{"jti": "2"}, 0},
			"iss":           {key, map[string]any{"jti": "3", "iss": clientID}, 0},
			"sub":           {key, map[string]any{"jti": "4", "sub": "TEAM"}, 0},
			"aud":           {key, map[string]any{"jti": "5", "aud": s.Issuer()}, 0},
			"life":          {key, map[string]any{"jti": "6", "exp": clock.now().Add(2 * time.Minute).Unix()}, 0},
			"expired":       {key, map[string]any{"jti": "7", "iat": clock.now().Unix() - 60, "exp": clock.now().Unix()}, 0},
			"of the future": {key, map[string]any{"jti": "8", "iat": clock.now().Unix() + 120, "exp": clock.now().Unix() + 150}, 0},
		} {
			t.Run(string(auth)+"/"+name, func(t *testing.T) {
				if got := try(t, tc.signer, tc.change); got != tc.want {
					t.Errorf("taken %d times, want %d", got, tc.want)
				}
			})
		}
		t.Run(string(auth)+"/twice", func(t *testing.T) {
			first, second := try(t, key, map[string]any{"jti": "again"}), try(t, key, map[string]any{"jti": "again"})
			want := map[bool]int{true: 1, false: 0}[auth == records.AuthSignedSecret]
			if first != 1 || second != want {
				t.Errorf("taken %d and %d times", first, second)
			}
		})
	}
}

func TestTokenAnswersHaveTheRecordsShape(t *testing.T) {
	s := startBy(t, func(r *records.Record) {
		r.Client.TokenNames = map[string]string{"access_token": "accessToken", "expires_in": "expireIn", "grant_type": "grantType"}
		r.Client.TokenEnvelope, r.Client.ErrorIn200, r.Client.ErrorParam, r.Client.ErrorUnless = "data.tokens", records.Yes, "errcode", "0"
	}, nil)
	v := aliceAt(t, s)
	form := codeForm(visit(t, v, askAt(s)).Get("code"))
	if status, doc := ask(t, "POST", s.Address(devprovider.Token), formMedia, form.Encode(), asClient); status != 200 || doc["errcode"] == 0.0 || doc["error"] != "invalid_request" {
		t.Errorf("a standard name where the provider has its own: %d %v", status, doc)
	}
	form.Set("grantType", form.Get("grant_type"))
	form.Del("grant_type")
	_, doc := ask(t, "POST", s.Address(devprovider.Token), formMedia, form.Encode(), asClient)
	inner, _ := doc["data"].(map[string]any)
	got, _ := inner["tokens"].(map[string]any)
	if doc["errcode"] != 0.0 || got["accessToken"] == nil || got["expireIn"] == nil || got["refresh_token"] == nil || got["access_token"] != nil {
		t.Errorf("the answer is %v", doc)
	}

	for own, want := range map[string]map[string]any{"bad_token": {"ok": false, "error": "bad_token"}, "40163": {"ok": 40163.0}} {
		s := startBy(t, func(r *records.Record) {
			r.Client.ErrorIn200, r.Client.ErrorParam, r.Client.ErrorUnless = records.Yes, "ok", map[bool]string{true: "true", false: "0"}[own == "bad_token"]
			r.Client.ErrorNames = map[string]string{own: "invalid_grant"}
		}, nil)
		_, doc := refreshBy(t, s, "unknown")
		delete(doc, "error_description")
		if diff := cmp.Diff(want, doc); diff != "" {
			t.Errorf("an error of its own (-want +got):\n%s", diff)
		}
	}

	s = startBy(t, func(r *records.Record) {
		r.Client.TokenReply, r.Client.Headers = records.TokenReplyForm, map[string]string{"Accept": "text/plain"}
	}, nil)
	form = codeForm(visit(t, aliceAt(t, s), askAt(s)).Get("code"))
	r := request(t, s, "/token", form, asClient)
	if status, _, body := do(t, r, nil); status != http.StatusBadRequest || !strings.HasPrefix(string(body), "error=invalid_request") {
		t.Errorf("without the header: %d %s", status, body)
	}
	r = request(t, s, "/token", form, asClient)
	r.Header.Set("Accept", "text/plain")
	_, header, body := do(t, r, nil)
	if values, err := url.ParseQuery(string(body)); err != nil || values.Get("access_token") == "" || header.Get("Content-Type") != formMedia {
		t.Errorf("%v: %s as %s", err, body, header.Get("Content-Type"))
	}
}

func TestRefreshTokensComeAndGoAsTheRecordSays(t *testing.T) {
	single := func(r *records.Record) { r.Refresh.Rotation = records.RotationSingleUse }
	clock := newClock()
	now := func(o *devprovider.Options) { o.Now = clock.now }

	t.Run("only where what it needs was asked for", func(t *testing.T) {
		s := startBy(t, func(r *records.Record) {
			r.Refresh.Needs = records.RefreshNeeds{Scopes: []string{"offline_access"}, Params: map[string]string{"prompt": "login", "access_type": "offline"}}
		}, nil)
		for want, changes := range map[bool][][]string{
			false: {nil, {"scope", "openid profile offline_access", "prompt", "login"}, {"access_type", "offline", "prompt", "login"}},
			true:  {{"scope", "openid profile offline_access", "prompt", "login", "access_type", "offline"}},
		} {
			for _, change := range changes {
				if got, _ := signInBy(t, s, aliceAt(t, s), change...); (got.refresh != "") != want {
					t.Errorf("%v: %t", change, got.refresh != "")
				}
			}
		}
	})
	t.Run("never to whom gets none", func(t *testing.T) {
		people := devprovider.DefaultPeople()
		people[0].NoRefreshToken = true
		s := startBy(t, nil, func(o *devprovider.Options) { o.People = people })
		if got, _ := signInBy(t, s, aliceAt(t, s)); got.refresh != "" || got.access == "" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("rotation", func(t *testing.T) {
		for rotation, want := range map[records.Rotation][3]any{ // a new one comes, the old one works, the old access token works
			records.RotationNone: {false, 200, true}, records.RotationReissue: {true, 200, true},
			records.RotationSingleUse: {true, 400, false}, records.RotationUnknown: {true, 400, false},
		} {
			s := startBy(t, func(r *records.Record) { r.Refresh.Rotation = rotation }, nil)
			first, _ := signInBy(t, s, aliceAt(t, s))
			_, doc := refreshBy(t, s, first.refresh)
			next := asTokens(doc)
			lives := s.TokenLives(first.access)
			status, _ := refreshBy(t, s, first.refresh)
			if got := [3]any{next.refresh != "" && next.refresh != first.refresh, status, lives}; got != want {
				t.Errorf("%s: %v, want %v", rotation, got, want)
			}
		}
	})
	t.Run("grace", func(t *testing.T) {
		s := startBy(t, func(r *records.Record) { single(r); r.Refresh.Grace = 3 * time.Second }, now)
		first, _ := signInBy(t, s, aliceAt(t, s))
		var got []int
		for range 3 {
			status, _ := refreshBy(t, s, first.refresh)
			got = append(got, status)
			clock.advance(2 * time.Second)
		}
		if diff := cmp.Diff([]int{200, 200, 400}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what a reuse ends", func(t *testing.T) {
		for ends, want := range map[records.ReuseEnds][2]any{ // the new one works, sign-ins left
			records.ReuseNothing: {200, 1}, records.ReuseGrant: {400, 1}, records.ReuseSession: {400, 0}, records.ReuseUnknown: {400, 0},
		} {
			s := startBy(t, func(r *records.Record) { single(r); r.Refresh.ReuseEnds = ends }, nil)
			first, _ := signInBy(t, s, aliceAt(t, s))
			_, doc := refreshBy(t, s, first.refresh)
			refreshBy(t, s, first.refresh)
			status, _ := refreshBy(t, s, asTokens(doc).refresh)
			if got := [2]any{status, len(s.Sessions())}; got != want {
				t.Errorf("%s: %v, want %v", ends, got, want)
			}
		}
	})
	t.Run("not too often", func(t *testing.T) {
		s := startBy(t, func(r *records.Record) { r.Refresh.AtEarliest = time.Minute }, now)
		first, _ := signInBy(t, s, aliceAt(t, s))
		clock.advance(50 * time.Second)
		early, doc := refreshBy(t, s, first.refresh)
		clock.advance(10 * time.Second)
		late, _ := refreshBy(t, s, first.refresh)
		if early != 400 || doc["error"] != "slow_down" || late != 200 {
			t.Errorf("early %d %v, late %d", early, doc, late)
		}
	})
	t.Run("parameters that are repeated", func(t *testing.T) {
		s := startBy(t, func(r *records.Record) { r.Refresh.Extra = map[string]string{"redirect_uri": "{redirect_uri}"} }, nil)
		first, _ := signInBy(t, s, aliceAt(t, s))
		without, _ := refreshBy(t, s, first.refresh)
		with, _ := refreshBy(t, s, first.refresh, "redirect_uri", redirectURI)
		if without != 400 || with != 200 {
			t.Errorf("without %d, with %d", without, with)
		}
	})
}
