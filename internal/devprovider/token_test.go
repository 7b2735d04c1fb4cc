package devprovider_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestACodeIsRedeemedOnlyAsItWasAsked(t *testing.T) {
	s := start(t, nil)
	v := alice(t, s)
	for name, tc := range map[string]struct {
		changes []string // of the token request
		ask     []string // of the authorization request
		want    string
	}{
		"as asked":               {want: ""},
		"unknown code":           {changes: []string{"code", "x"}, want: "invalid_grant"},
		"no code":                {changes: []string{"code", ""}, want: "invalid_grant"},
		"other redirect_uri":     {changes: []string{"redirect_uri", redirectURI + "/"}, want: "invalid_grant"},
		"no redirect_uri":        {changes: []string{"redirect_uri", ""}, want: "invalid_grant"},
		"other verifier":         {changes: []string{"code_verifier", verifier + "x"}, want: "invalid_grant"},
		"short verifier":         {changes: []string{"code_verifier", "x"}, want: "invalid_grant"},
		"no verifier":            {changes: []string{"code_verifier", ""}, want: "invalid_grant"},
		"verifier without PKCE":  {ask: []string{"code_challenge", "", "code_challenge_method", ""}, want: "invalid_grant"},
		"other client's code":    {ask: []string{"client_id", otherClientID}, want: "invalid_grant"},
		"no grant type":          {changes: []string{"grant_type", ""}, want: "invalid_request"},
		"password grant":         {changes: []string{"grant_type", "password"}, want: "unsupported_grant_type"},
		"client_id disagrees":    {changes: []string{"client_id", otherClientID}, want: "invalid_request"},
		"two ways to say secret": {changes: []string{"client_secret", clientSecret}, want: "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			q := visit(t, v, authURL(s, tc.ask...))
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {q.Get("code")},
				"redirect_uri": {redirectURI}, "code_verifier": {verifier},
			}
			for i := 0; i < len(tc.changes); i += 2 {
				form.Set(tc.changes[i], tc.changes[i+1])
				if tc.changes[i+1] == "" {
					form.Del(tc.changes[i])
				}
			}
			_, answer := post(t, s, "/token", form)
			got, _ := answer["error"].(string)
			if got != tc.want || (answer["access_token"] != nil) != (tc.want == "") {
				t.Errorf("error %q (%v), want %q", got, answer["error_description"], tc.want)
			}
		})
	}
}

func TestACodeExpires(t *testing.T) {
	clock := newClock()
	s := start(t, func(o *devprovider.Options) { o.Now = clock.now })
	q := visit(t, alice(t, s), authURL(s))
	clock.advance(time.Minute)
	if status, answer := redeem(t, s, q.Get("code")); status != http.StatusBadRequest || answer["error"] != "invalid_grant" {
		t.Errorf("%d %v", status, answer)
	}
}

func TestACodeOfAnEndedSessionGivesNothing(t *testing.T) {
	s := start(t, nil)
	q := visit(t, alice(t, s), authURL(s))
	if found, err := s.EndSession(s.Sessions()[0].SID); !found || err != nil {
		t.Fatalf("ending the session: %v, %v", found, err)
	}
	if status, answer := redeem(t, s, q.Get("code")); status != http.StatusBadRequest || answer["error"] != "invalid_grant" {
		t.Errorf("%d %v", status, answer)
	}
}

func TestAReplayedCodeTakesItsTokensAlong(t *testing.T) {
	s := start(t, nil)
	q := visit(t, alice(t, s), authURL(s))
	_, answer := redeem(t, s, q.Get("code"))
	got := asTokens(answer)
	if !s.TokenLives(got.access) || !s.TokenLives(got.refresh) {
		t.Fatal("tokens do not work to begin with")
	}
	if _, answer := redeem(t, s, q.Get("code")); answer["error"] != "invalid_grant" {
		t.Errorf("the replay was answered %v", answer)
	}
	if s.TokenLives(got.access) || s.TokenLives(got.refresh) || s.Counters().Reuses != 1 {
		t.Error("the tokens outlived the replay of their code")
	}
}

func TestClientsAuthenticateAsTheyShould(t *testing.T) {
	s := start(t, nil)
	basic := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(id, secret) }
	}
	for name, tc := range map[string]struct {
		form      url.Values
		change    func(*http.Request)
		status    int
		challenge bool
	}{
		// A good client with a bad token is refused 400; only the client's own failure is 401.
		"basic, form-encoded":  {change: basic(clientID, url.QueryEscape(clientSecret)), status: 400},
		"basic, raw":           {change: basic(clientID, clientSecret), status: 401, challenge: true},
		"basic, wrong":         {change: basic(clientID, "no"), status: 401, challenge: true},
		"basic, nobody":        {change: basic("nobody", "no"), status: 401, challenge: true},
		"post":                 {form: url.Values{"client_id": {clientID}, "client_secret": {clientSecret}}, status: 400},
		"post, wrong":          {form: url.Values{"client_id": {clientID}, "client_secret": {"no"}}, status: 401},
		"no secret":            {form: url.Values{"client_id": {clientID}}, status: 401},
		"nothing":              {status: 401},
		"bearer":               {change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, status: 401, challenge: true},
		"public":               {form: url.Values{"client_id": {"public"}}, status: 400},
		"public with a secret": {form: url.Values{"client_id": {"public"}, "client_secret": {"x"}}, status: 401},
		"basic only, basic":    {change: basic("basic-only", "b"), status: 400},
		"basic only, post":     {form: url.Values{"client_id": {"basic-only"}, "client_secret": {"b"}}, status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}
			for k, v := range tc.form {
				form[k] = v
			}
			status, header, body := do(t, request(t, s, "/token", form, tc.change), nil)
			if status != tc.status || (header.Get("WWW-Authenticate") != "") != tc.challenge {
				t.Errorf("%d %q %s", status, header.Get("WWW-Authenticate"), body)
			}
			if header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

func TestAPublicClientSignsInWithPKCE(t *testing.T) {
	s := start(t, nil)
	q := visit(t, alice(t, s), authURL(s, "client_id", "public"))
	status, _, body := do(t, request(t, s, "/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "client_id": {"public"},
		"redirect_uri": {redirectURI}, "code_verifier": {verifier},
	}, nil), nil)
	if status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

func TestTokenRequestsInTheURLAreRefused(t *testing.T) {
	s := start(t, nil)
	status, _ := post(t, s, "/token?refresh_token=x", url.Values{"grant_type": {"refresh_token"}})
	if status != http.StatusBadRequest {
		t.Errorf("%d", status)
	}
}

func TestRotationMakesRefreshTokensSingleUse(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.RefreshRotation = true })
	v := alice(t, s)
	first := signIn(t, s, v)
	_, answer := refresh(t, s, first.refresh)
	second := asTokens(answer)
	if second.refresh == "" || second.refresh == first.refresh || second.id == "" {
		t.Fatalf("refresh answered %v", answer)
	}
	if _, answer := refresh(t, s, first.refresh); answer["error"] != "invalid_grant" {
		t.Errorf("a used token was answered %v", answer)
	}
	if s.TokenLives(second.refresh) || s.TokenLives(second.access) {
		t.Error("the family outlived the reuse")
	}
	if len(s.Sessions()) != 1 {
		t.Error("the reuse ended the sign-in session")
	}
	want := map[string]int{"authorization_code": 1, "refresh_token": 2}
	if diff := cmp.Diff(want, s.Counters().TokenRequests); diff != "" {
		t.Errorf("token requests (-want +got):\n%s", diff)
	}
	if got := s.Counters(); got.Reuses != 1 || got.TokensGiven["refresh_token"] != 1 {
		t.Errorf("counters %+v", got)
	}
}

func TestNobodyRefreshesWithAnothersToken(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.RefreshRotation = true })
	got := signIn(t, s, alice(t, s))
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.refresh}}
	status, _, body := do(t, request(t, s, "/token", form, func(r *http.Request) { r.SetBasicAuth(otherClientID, "other") }), nil)
	if status != http.StatusBadRequest || !strings.Contains(string(body), "invalid_grant") || !s.TokenLives(got.refresh) {
		t.Errorf("%d %s, token lives %v", status, body, s.TokenLives(got.refresh))
	}
}

func TestGraceForgivesAQuickReuse(t *testing.T) {
	clock := newClock()
	s := start(t, func(o *devprovider.Options) {
		o.RefreshRotation, o.RefreshReuseGrace, o.Now = true, 10*time.Second, clock.now
	})
	first := signIn(t, s, alice(t, s))
	refresh(t, s, first.refresh)
	clock.advance(9 * time.Second)
	if status, answer := refresh(t, s, first.refresh); status != http.StatusOK {
		t.Errorf("within the grace: %v", answer)
	}
	clock.advance(time.Second)
	if status, _ := refresh(t, s, first.refresh); status != http.StatusBadRequest {
		t.Errorf("after the grace: %d", status)
	}
}

func TestParallelUseOfOneRefreshTokenHasOneWinner(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.RefreshRotation = true })
	first := signIn(t, s, alice(t, s))
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for range 8 {
		wg.Go(func() {
			if status, _ := refresh(t, s, first.refresh); status == http.StatusOK {
				mu.Lock()
				good++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if good != 1 {
		t.Errorf("%d of 8 were answered", good)
	}
}

func TestWhoGetsARefreshTokenIsAPolicy(t *testing.T) {
	for name, tc := range map[string]struct {
		policy devprovider.RefreshPolicy
		scope  string
		want   bool
	}{
		"always":                   {devprovider.RefreshAlways, "openid", true},
		"offline, not asked":       {devprovider.RefreshOffline, "openid", false},
		"offline, asked":           {devprovider.RefreshOffline, "openid offline_access", true},
		"never, though asked":      {devprovider.RefreshNever, "openid offline_access", false},
		"always, offline is asked": {devprovider.RefreshAlways, "openid offline_access", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *devprovider.Options) { o.RefreshTokens = tc.policy })
			if got := signIn(t, s, alice(t, s), "scope", tc.scope); (got.refresh != "") != tc.want {
				t.Errorf("refresh token %v, want %v", got.refresh != "", tc.want)
			}
		})
	}
}

func TestRefreshAnswersMayOmitTokens(t *testing.T) {
	s := start(t, func(o *devprovider.Options) { o.RefreshOmitsIDToken, o.RefreshOmitsRefreshToken = true, true })
	first := signIn(t, s, alice(t, s))
	for range 2 {
		status, answer := refresh(t, s, first.refresh)
		if got := asTokens(answer); status != http.StatusOK || got.id != "" || got.refresh != "" || got.access == "" {
			t.Errorf("%d %v", status, answer)
		}
	}
}

func TestWithoutRotationTheSameTokenComesBack(t *testing.T) {
	s := start(t, nil)
	first := signIn(t, s, alice(t, s))
	_, answer := refresh(t, s, first.refresh)
	if asTokens(answer).refresh != first.refresh {
		t.Error("another refresh token came back")
	}
	status, answer := post(t, s, "/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {first.refresh}, "scope": {"openid admin"},
	})
	if status != http.StatusBadRequest || answer["error"] != "invalid_scope" {
		t.Errorf("a wider scope: %d %v", status, answer)
	}
}

func TestAccessTokensAreAsShortAsAsked(t *testing.T) {
	clock := newClock()
	s := start(t, func(o *devprovider.Options) { o.Now, o.AccessTokenLife = clock.now, 3*time.Second })
	got := signIn(t, s, alice(t, s))
	if status, _ := userinfo(t, s, got.access); status != http.StatusOK {
		t.Errorf("fresh token: %d", status)
	}
	clock.advance(3 * time.Second)
	if status, _ := userinfo(t, s, got.access); status != http.StatusUnauthorized {
		t.Errorf("old token: %d", status)
	}
	if status, _ := userinfo(t, s, got.refresh); status != http.StatusUnauthorized {
		t.Errorf("refresh token at userinfo: %d", status)
	}
	clock.advance(13 * time.Hour)
	if status, _ := refresh(t, s, got.refresh); status != http.StatusBadRequest {
		t.Errorf("refresh token after its life: %d", status)
	}
}

func TestRevocationEndsWhatItShould(t *testing.T) {
	for name, tc := range map[string]struct {
		change   func(*devprovider.Options)
		token    func(tokens) string
		status   int
		access   bool
		refresh  bool
		sessions int
	}{
		"refresh token": {token: func(t tokens) string { return t.refresh }, status: 200, sessions: 1},
		"access token":  {token: func(t tokens) string { return t.access }, status: 200, refresh: true, sessions: 1},
		"junk":          {token: func(tokens) string { return "junk" }, status: 200, access: true, refresh: true, sessions: 1},
		"nothing":       {token: func(tokens) string { return "" }, status: 400, access: true, refresh: true, sessions: 1},
		"last grant, and the provider ends the session": {
			change: func(o *devprovider.Options) { o.RevocationEndsSession = true },
			token:  func(t tokens) string { return t.refresh }, status: 200, sessions: 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, tc.change)
			got := signIn(t, s, alice(t, s))
			form := url.Values{}
			if value := tc.token(got); value != "" {
				form.Set("token", value)
			}
			if status, answer := post(t, s, "/revoke", form); status != tc.status {
				t.Errorf("%d %v", status, answer)
			}
			if s.TokenLives(got.access) != tc.access || s.TokenLives(got.refresh) != tc.refresh || len(s.Sessions()) != tc.sessions {
				t.Errorf("access %v, refresh %v, sessions %d", s.TokenLives(got.access), s.TokenLives(got.refresh), len(s.Sessions()))
			}
		})
	}
}

func TestNobodyRevokesAnothersToken(t *testing.T) {
	s := start(t, nil)
	got := signIn(t, s, alice(t, s))
	status, _, _ := do(t, request(t, s, "/revoke", url.Values{"token": {got.refresh}}, func(r *http.Request) { r.SetBasicAuth(otherClientID, "other") }), nil)
	if status != http.StatusBadRequest || !s.TokenLives(got.refresh) {
		t.Errorf("%d, token lives %v", status, s.TokenLives(got.refresh))
	}
	status, _, _ = do(t, request(t, s, "/revoke", url.Values{"token": {got.refresh}}, nil), nil)
	if status != http.StatusUnauthorized || !s.TokenLives(got.refresh) {
		t.Errorf("without a client: %d", status)
	}
}

func FuzzTheTokenEndpointGivesNothingForNothing(f *testing.F) {
	f.Add("grant_type=authorization_code&code=x", "Basic cnA6cw==")
	f.Add("grant_type=refresh_token&refresh_token=%zz", "Basic %%%")
	f.Add("client_id=rp&client_secret=s&grant_type=refresh_token&refresh_token=", "")
	p, err := devprovider.New(devprovider.Options{
		Issuer: "http://localhost:9000", SigningAlg: devprovider.ES256,
		Clients: []devprovider.Client{{ID: "rp", Secret: "s", RedirectURIs: []string{redirectURI}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, authorization string) {
		r := newPost("/token", body)
		r.Header.Set("Authorization", authorization)
		if w := recordRequest(p, r); w.Code/100 != 4 || strings.Contains(w.Body.String(), "access_token\":") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
