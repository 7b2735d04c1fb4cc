package devprovider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestEveryBadIDTokenIsSeenAsBadByAnotherMakesVerifier(t *testing.T) {
	s := start(t, nil)
	ctx := t.Context()
	op, err := oidc.NewProvider(ctx, s.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	verifier := op.Verifier(&oidc.Config{ClientID: clientID})
	v := alice(t, s)
	set := func(name string, value any) devprovider.Faults {
		return devprovider.Faults{IDToken: func(c map[string]any) { c[name] = value }}
	}
	for name, tc := range map[string]struct {
		faults devprovider.Faults
		good   bool
	}{
		"no fault":          {good: true},
		"alg none":          {faults: devprovider.Faults{Sign: devprovider.SignNone}},
		"HS256, public key": {faults: devprovider.Faults{Sign: devprovider.SignHS256WithPublicKey}},
		"stranger's key":    {faults: devprovider.Faults{Sign: devprovider.SignWithStrangerKey}},
		"RS512":             {faults: devprovider.Faults{Sign: devprovider.SignRS512}},
		"wrong iss":         {faults: set("iss", s.Issuer()+"/")},
		"wrong aud":         {faults: set("aud", "somebody")},
		"expired":           {faults: set("exp", time.Now().Add(-time.Hour).Unix())},
	} {
		t.Run(name, func(t *testing.T) {
			s.SetFaults(tc.faults)
			defer s.SetFaults(devprovider.Faults{})
			_, err := verifier.Verify(ctx, signIn(t, s, v).id)
			if (err == nil) != tc.good {
				t.Errorf("verified: %v", err)
			}
		})
	}
}

func TestClaimsAndFieldsCanBeLeftOut(t *testing.T) {
	s := start(t, nil)
	s.SetFaults(devprovider.Faults{
		IDToken:           func(c map[string]any) { delete(c, "sub"); delete(c, "iat"); c["nonce"] = "other" },
		UserInfo:          func(c map[string]any) { c["sub"] = "somebody-else" },
		TokenResponse:     func(grant string, b map[string]any) { delete(b, "expires_in"); b["grant"] = grant },
		AuthorizeResponse: func(q url.Values) { q.Set("iss", "https://evil.example"); q.Del("state") },
		Discovery:         func(d map[string]any) { delete(d, "end_session_endpoint") },
		Keys:              func(k []json.RawMessage) []json.RawMessage { return nil },
	})
	q := visit(t, alice(t, s), authURL(s))
	if q.Get("iss") != "https://evil.example" || q.Has("state") {
		t.Errorf("authorization response %v", q)
	}
	_, answer := redeem(t, s, q.Get("code"))
	if answer["expires_in"] != nil || answer["grant"] != "authorization_code" {
		t.Errorf("token answer %v", answer)
	}
	claims := payload(t, asTokens(answer).id)
	if claims["sub"] != nil || claims["iat"] != nil || claims["nonce"] != "other" {
		t.Errorf("claims %v", claims)
	}
	if _, info := userinfo(t, s, asTokens(answer).access); info["sub"] != "somebody-else" {
		t.Errorf("userinfo %v", info)
	}
	for path, absent := range map[string]string{"/.well-known/openid-configuration": "end_session", "/jwks": "kid"} {
		if _, _, body := do(t, request(t, s, path, nil, nil), nil); strings.Contains(string(body), absent) {
			t.Errorf("%s still says %s", path, absent)
		}
	}
}

func TestAnswersCanBeReplaced(t *testing.T) {
	s := start(t, nil)
	for name, tc := range map[string]struct {
		answer *devprovider.Answer
		status int
		check  func([]byte) bool
	}{
		"not JSON": {devprovider.NewAnswer(200, "text/html", "<p>no"), 200, func(b []byte) bool { return string(b) == "<p>no" }},
		"status":   {devprovider.NewAnswer(503, "text/plain", ""), 503, func(b []byte) bool { return len(b) == 0 }},
		"huge":     {devprovider.HugeAnswer(3 << 20), 200, func(b []byte) bool { return len(b) > 3<<20 && json.Valid(b) }},
	} {
		t.Run(name, func(t *testing.T) {
			s.SetFaults(devprovider.Faults{Before: func(e devprovider.Endpoint, _ *http.Request) *devprovider.Answer {
				if e == devprovider.Token {
					return tc.answer
				}
				return nil
			}})
			status, _, body := do(t, request(t, s, "/token", url.Values{}, nil), nil)
			if status != tc.status || !tc.check(body) {
				t.Errorf("%d with %d bytes", status, len(body))
			}
			if status, _, _ := do(t, request(t, s, "/jwks", nil, nil), nil); status != http.StatusOK {
				t.Errorf("another endpoint answered %d", status)
			}
		})
	}
	if n := s.Counters().TokenRequests; len(n) != 0 {
		t.Errorf("replaced requests were processed: %v", n)
	}
}

func TestAnAnswerCanBeLostAfterItsTokensWereGiven(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.RefreshRotation = true })
	got := signIn(t, s, alice(t, s))
	s.SetFaults(devprovider.Faults{After: func(e devprovider.Endpoint, _ *http.Request, a *devprovider.Answer) {
		a.Drop = e == devprovider.Token
	}})
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.refresh}}
	r := request(t, s, "/token", form, func(r *http.Request) { r.SetBasicAuth(clientID, url.QueryEscape(clientSecret)) })
	r.GetBody = nil // the transport must not try again
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		t.Fatalf("an answer arrived: %d", resp.StatusCode)
	}
	if s.TokenLives(got.refresh) || s.LiveGrants() != 1 {
		t.Errorf("the old token lives: %v, grants %d", s.TokenLives(got.refresh), s.LiveGrants())
	}
	if n := s.Counters().TokensGiven["refresh_token"]; n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

func TestAnAnswerCanBeSlow(t *testing.T) {
	s := start(t, nil)
	for name, change := range map[string]func(*devprovider.Answer){
		"before the first byte": func(a *devprovider.Answer) { a.Delay = time.Minute },
		"between bytes":         func(a *devprovider.Answer) { a.Trickle = 20 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			s.SetFaults(devprovider.Faults{After: func(_ devprovider.Endpoint, _ *http.Request, a *devprovider.Answer) { change(a) }})
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			defer cancel()
			resp, err := http.DefaultClient.Do(request(t, s, "/jwks", nil, nil).WithContext(ctx))
			if err == nil {
				err = json.NewDecoder(resp.Body).Decode(&struct{}{})
				resp.Body.Close()
			}
			if err == nil {
				t.Error("the whole answer came in time")
			}
		})
	}
}
