package devprovider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	records "github.com/cardea-auth/cardea/internal/record"
)

// leave visits the end-session endpoint with parameters and returns where that leads; nil where the
// person stays at the provider.
func leave(t *testing.T, s *devprovider.Server, v *devprovider.Visitor, params ...string) *url.URL {
	t.Helper()
	v.Asked = nil
	to, err := v.Visit(t.Context(), s.Address(devprovider.EndSession)+"?"+with(url.Values{}, params...).Encode())
	if err != nil {
		return nil
	}
	return to
}

func TestASignOutIsTakenAsTheRecordSays(t *testing.T) {
	custom := func(r *records.Record) {
		r.SignOut.Kind, r.SignOut.Hint, r.SignOut.ReturnsState = records.SignOutCustom, records.HintUnused, records.No
		r.SignOut.Params = map[string]string{"client_id": "{client_id}", "logout_uri": "{return_url}", "v": "2"}
		r.Endpoints.EndSession = "{authorization_origin}/bye"
	}
	portal := func(r *records.Record) {
		r.SignOut.Kind, r.SignOut.Hint, r.SignOut.ReturnMatch = records.SignOutPortal, records.HintUnused, records.ReturnMatchOrigin
		r.SignOut.Params, r.Endpoints.EndSession = map[string]string{"rd": "{return_url}"}, "{issuer}/portal"
	}
	required := func(r *records.Record) { r.SignOut.Hint = records.HintRequired }
	const hint, old = "(hint)", "(old hint)"
	std := func(more ...string) []string {
		return append([]string{"id_token_hint", hint, "post_logout_redirect_uri", returnURI, "state", "s"}, more...)
	}
	for name, tc := range map[string]struct {
		record func(*records.Record)
		params []string
		stays  bool // at the provider
		alive  bool // its session
		state  string
		asked  []string
	}{
		"standard":                  {nil, std(), false, false, "s", nil},
		"state is not returned":     {func(r *records.Record) { r.SignOut.ReturnsState = records.Unknown }, std(), false, false, "", nil},
		"hint of the past":          {nil, std("id_token_hint", old), false, false, "s", nil},
		"hint has to be fresh":      {func(r *records.Record) { r.SignOut.HintExpiredOK = records.No }, std("id_token_hint", old), true, true, "", nil},
		"nobody knows how fresh":    {func(r *records.Record) { r.SignOut.HintExpiredOK = records.Unknown }, std("id_token_hint", old), true, true, "", nil},
		"hint required":             {required, std("id_token_hint", "", "client_id", clientID), true, true, "", nil},
		"client_id is enough":       {nil, std("id_token_hint", "", "client_id", clientID), false, false, "s", nil},
		"asks without hint":         {func(r *records.Record) { r.SignOut.ConfirmPageWhen = []records.ConfirmWhen{"no_hint"} }, std("id_token_hint", "", "client_id", clientID), false, false, "s", []string{"logout"}},
		"does not ask with hint":    {func(r *records.Record) { r.SignOut.ConfirmPageWhen = []records.ConfirmWhen{"no_hint"} }, std(), false, false, "s", nil},
		"asks always":               {func(r *records.Record) { r.SignOut.ConfirmPageWhen = []records.ConfirmWhen{"unknown"} }, std(), false, false, "s", []string{"logout"}},
		"not registered":            {nil, std("post_logout_redirect_uri", "https://rp.example/else"), true, true, "", nil},
		"registered elsewhere":      {func(r *records.Record) { r.SignOut.ReturnRegistered = records.RegisteredRedirect }, std(), true, true, "", nil},
		"among the redirect URIs":   {func(r *records.Record) { r.SignOut.ReturnRegistered = records.RegisteredRedirect }, std("post_logout_redirect_uri", redirectURI), false, false, "s", nil},
		"session survives":          {func(r *records.Record) { r.SignOut.EndsSSOByDefault = records.No }, std(), false, true, "s", nil},
		"nobody knows what it ends": {func(r *records.Record) { r.SignOut.EndsSSOByDefault = records.Unknown }, std(), false, true, "s", nil},
		"own names":                 {custom, []string{"client_id", clientID, "logout_uri", returnURI, "v", "2"}, false, false, "", nil},
		"a fixed value missing":     {custom, []string{"client_id", clientID, "logout_uri", returnURI}, true, true, "", nil},
		"standard names refused":    {custom, std("client_id", clientID, "v", "2"), true, true, "", nil},
		"portal":                    {portal, []string{"rd", "https://rp.example/anywhere"}, false, false, "", nil},
		"portal, of elsewhere":      {portal, []string{"rd", "https://else.example/"}, true, false, "", nil},
		"by its id":                 {func(r *records.Record) { r.SignOut.Params["logout_hint"] = "{sid}"; required(r) }, std("logout_hint", "(sid)"), false, false, "s", nil},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			s := startBy(t, tc.record, func(o *devprovider.Options) { o.Now = clock.now })
			v := aliceAt(t, s)
			got, _ := signInBy(t, s, v)
			params := slices.Clone(tc.params)
			for i := range params {
				if params[i] == old {
					clock.advance(time.Hour)
				}
				params[i] = strings.NewReplacer(hint, got.id, old, got.id, "(sid)", s.Sessions()[0].SID).Replace(params[i])
			}
			to := leave(t, s, v, params...)
			if (to == nil) != tc.stays || len(s.Sessions()) != map[bool]int{true: 1}[tc.alive] {
				t.Fatalf("led to %v with %d sessions", to, len(s.Sessions()))
			}
			if to != nil && to.Query().Get("state") != tc.state {
				t.Errorf("state came back as %q", to.Query().Get("state"))
			}
			if diff := cmp.Diff(tc.asked, v.Asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReturnAddressesAreComparedAsTheRecordSays(t *testing.T) {
	for match, want := range map[records.ReturnMatch][3]bool{ // as it is, another query, another path
		records.ReturnMatchExact: {true, false, false}, records.ReturnMatchExactWithQuery: {true, false, false}, records.ReturnMatchUnknown: {true, false, false},
		records.ReturnMatchOrigin: {true, true, true}, records.ReturnMatchPattern: {false, true, false},
	} {
		s := startBy(t, func(r *records.Record) { r.SignOut.ReturnMatch, r.SignOut.EndsSSOByDefault = match, records.No }, nil)
		registered := "https://rp.example/out?a=1"
		if match == records.ReturnMatchPattern {
			registered = `https://rp.example/out\?b=[0-9]`
		}
		if err := s.AddClient(devprovider.Client{ID: clientID, Secret: clientSecret, RedirectURIs: []string{redirectURI}, PostLogoutRedirectURIs: []string{registered}}); err != nil {
			t.Fatal(err)
		}
		v := aliceAt(t, s)
		got, _ := signInBy(t, s, v)
		for i, uri := range []string{"https://rp.example/out?a=1", "https://rp.example/out?b=2", "https://rp.example/other"} {
			if to := leave(t, s, v, "id_token_hint", got.id, "post_logout_redirect_uri", uri); (to != nil) != want[i] {
				t.Errorf("%s: %s led to %v", match, uri, to)
			}
		}
	}
}

func TestAServerEndsASessionWhereTheRecordLetsIt(t *testing.T) {
	for call, want := range map[records.ServerCall][2]int{ // sessions left after a call by hint, by refresh token
		records.ServerNone: {1, 1}, records.ServerHint: {0, 1}, records.ServerRefreshToken: {1, 0},
	} {
		for i := range want {
			s := startBy(t, func(r *records.Record) { r.SignOut.ServerCall = call }, nil)
			got, _ := signInBy(t, s, aliceAt(t, s))
			form := url.Values{"id_token_hint": {got.id}}
			if i == 1 {
				form = url.Values{"refresh_token": {got.refresh}}
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Address(devprovider.EndSession), strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", formMedia)
			asClient(r)
			status, _, _ := do(t, r, nil)
			if n := len(s.Sessions()); n != want[i] {
				t.Errorf("%s, call %d: %d sessions left (status %d)", call, i, n, status)
			}
		}
	}
}

func TestNoticesAreAsTheRecordSays(t *testing.T) {
	var mu sync.Mutex
	var heard []string
	rp := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			heard = append(heard, r.PostFormValue("logout_token"))
		} else {
			heard = append(heard, "frame "+r.URL.RawQuery)
		}
	}))
	defer rp.Close()
	client := devprovider.Client{ID: clientID, Secret: clientSecret, RedirectURIs: []string{redirectURI}, BackChannelLogoutURI: rp.URL, BackChannelLogoutSessionRequired: true, FrontChannelLogoutURI: rp.URL}
	end := func(t *testing.T, n records.Notices, times int) []string {
		t.Helper()
		s := startBy(t, func(r *records.Record) { r.Notices = n }, nil)
		if err := s.AddClient(client); err != nil {
			t.Fatal(err)
		}
		heard = nil
		for range times {
			v := aliceAt(t, s)
			signInBy(t, s, v)
			if n.FrontChannel == records.No {
				if _, err := s.EndSessionsOf(t.Context(), "alice"); err != nil {
					t.Fatal(err)
				}
			} else if err := v.SignOutThere(t.Context(), s.Address(devprovider.Home)); err != nil {
				t.Fatal(err)
			}
		}
		return slices.Clone(heard)
	}
	no := records.Notices{FrontChannel: records.No, FrontChannelIss: records.No, BackChannel: records.No, BackChannelExp: records.No, Sid: records.No}
	if got := end(t, no, 1); len(got) != 0 {
		t.Errorf("a provider that tells nobody told %q", got)
	}
	n := no
	n.BackChannel, n.Sid, n.BackChannelTyp = records.Yes, records.Yes, []records.LogoutTyp{records.LogoutTypJWT, records.LogoutTypAbsent}
	var seen []string
	for _, token := range end(t, n, 2) {
		claims := payload(t, token)
		_, exp := claims["exp"]
		_, sub := claims["sub"]
		_, sid := claims["sid"]
		seen = append(seen, strings.Join([]string{header(t, token), yes(exp), yes(sub), yes(sid)}, " "))
	}
	if diff := cmp.Diff([]string{"JWT no yes yes", " no no yes"}, seen); diff != "" {
		t.Errorf("typ, exp, sub, sid (-want +got):\n%s", diff)
	}
	n.BackChannelExp, n.Sid, n.BackChannelTyp = records.Yes, records.Unknown, []records.LogoutTyp{records.LogoutTypOwn}
	claims := payload(t, end(t, n, 1)[0])
	if claims["exp"] == nil || claims["sid"] != nil || claims["sub"] == nil {
		t.Errorf("without sid: %v", claims)
	}
	for iss, want := range map[records.Known]bool{records.Yes: true, records.No: false, records.Unknown: false} {
		n := no
		n.FrontChannel, n.FrontChannelIss, n.Sid = records.Yes, iss, records.Yes
		got := end(t, n, 1)
		if len(got) != 1 || strings.Contains(got[0], "iss=") != want || !strings.Contains(got[0], "sid=") {
			t.Errorf("frontchannel_iss %s: %q", iss, got)
		}
	}
}

func yes(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }

// header is a token's typ.
func header(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	typ, _ := payload(t, "."+head+".")["typ"].(string)
	return typ
}

func TestARevocationEndsWhatTheRecordSays(t *testing.T) {
	for ends, want := range map[records.RevocationEnds][4]bool{ // the token, its access token, the phone's tokens, the session
		records.RevocationEndsToken:   {false, true, true, true},
		records.RevocationEndsSession: {false, false, true, false},
		records.RevocationEndsGrant:   {false, false, false, true},
	} {
		s := startBy(t, func(r *records.Record) { r.Revocation.Ends = ends }, nil)
		desk, _ := signInBy(t, s, aliceAt(t, s))
		sid := s.Sessions()[0].SID
		phone, _ := signInBy(t, s, aliceAt(t, s))
		if status, doc := ask(t, "POST", s.Address(devprovider.Revocation), formMedia, url.Values{"token": {desk.refresh}}.Encode(), asClient); status != 200 {
			t.Fatalf("%d %v", status, doc)
		}
		alive := slices.ContainsFunc(s.Sessions(), func(i devprovider.SessionInfo) bool { return i.SID == sid })
		if got := [4]bool{s.TokenLives(desk.refresh), s.TokenLives(desk.access), s.TokenLives(phone.refresh), alive}; got != want {
			t.Errorf("%s: %v, want %v", ends, got, want)
		}
	}
	s := startBy(t, func(r *records.Record) { r.Revocation.Tokens = []records.TokenKind{records.TokenRefresh} }, nil)
	got, _ := signInBy(t, s, aliceAt(t, s))
	if _, doc := ask(t, "POST", s.Address(devprovider.Revocation), formMedia, url.Values{"token": {got.access}}.Encode(), asClient); doc["error"] != "unsupported_token_type" {
		t.Errorf("a token of the other kind: %v", doc)
	}
}

func TestARevocationOfTheProvidersOwnIsTakenAsTheRecordSays(t *testing.T) {
	for name, tc := range map[string]struct {
		auth   records.RevocationAuth
		body   map[string]string
		change func(*http.Request, string)
		json   string
		good   bool
	}{
		"basic":             {records.RevocationAuthBasic, map[string]string{"access_token": "{token}"}, func(r *http.Request, _ string) { asClient(r) }, `{"access_token":"(token)"}`, true},
		"nobody asks":       {records.RevocationAuthBasic, map[string]string{"access_token": "{token}"}, nil, `{"access_token":"(token)"}`, false},
		"another member":    {records.RevocationAuthBasic, map[string]string{"access_token": "{token}"}, func(r *http.Request, _ string) { asClient(r) }, `{"token":"(token)"}`, false},
		"bearer":            {records.RevocationAuthBearer, nil, func(r *http.Request, token string) { bearing(token)(r) }, "", true},
		"bearer of nothing": {records.RevocationAuthBearer, nil, func(r *http.Request, _ string) { bearing("x")(r) }, "", false},
		"as a client":       {records.RevocationAuthClient, map[string]string{"t": "{token}", "app": "{client_id}"}, func(r *http.Request, _ string) { asClient(r) }, `{"t":"(token)","app":"rp"}`, true},
		"of another client": {records.RevocationAuthClient, map[string]string{"t": "{token}", "app": "{client_id}"}, func(r *http.Request, _ string) { asClient(r) }, `{"t":"(token)","app":"x"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := startBy(t, func(r *records.Record) {
				r.Revocation.Kind, r.Revocation.Method, r.Revocation.Auth, r.Revocation.Body = records.RevocationCustom, "DELETE", tc.auth, tc.body
				r.Endpoints.Revocation = "https://api.example/apps/{client_id}/token"
			}, nil)
			got, _ := signInBy(t, s, aliceAt(t, s))
			address := s.Origin() + "/~api.example/apps/" + clientID + "/token"
			ask(t, "DELETE", address, jsonMedia, strings.ReplaceAll(tc.json, "(token)", got.access), func(r *http.Request) {
				if tc.change != nil {
					tc.change(r, got.access)
				}
			})
			if s.TokenLives(got.access) == tc.good {
				t.Errorf("the token lives: %t", !tc.good)
			}
		})
	}
}
