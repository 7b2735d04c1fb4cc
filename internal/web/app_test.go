package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
)

const page = "https://app.example/deep?x=1"

// Only a page in a tab of its own starts a sign-in. JupyterLab was seen to sign itself
// back in by a script file that followed redirects.
func TestOnlyATopLevelNavigationIsLedToASignIn(t *testing.T) {
	for name, tc := range map[string]struct {
		method  string
		headers []string
		want    int
		body    string
	}{
		"page":                   {"GET", navigation(), 303, ""},
		"page, HEAD":             {"HEAD", navigation(), 303, ""},
		"page of an old browser": {"GET", []string{"Accept", "text/html,*/*;q=0.8"}, 303, ""},
		"form":                   {"POST", navigation(), 401, "<h1>"},
		"frame":                  {"GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 401, "<h1>"},
		"a script file":          {"GET", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script", "Accept", "*/*"}, 401, "session-required"},
		"a module":               {"GET", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "script"}, 401, "session-required"},
		"a picture":              {"GET", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 401, "session-required"},
		"a worker":               {"GET", []string{"Sec-Fetch-Mode", "same-origin", "Sec-Fetch-Dest", "serviceworker"}, 401, "session-required"},
		"fetch":                  {"GET", script(), 401, "session-required"},
		"fetch that likes HTML":  {"GET", script("Accept", "text/html"), 401, "session-required"},
		"XHR of an old browser":  {"GET", []string{"X-Requested-With", "XMLHttpRequest", "Accept", "text/html"}, 401, "session-required"},
		"event stream":           {"GET", []string{"Accept", "text/event-stream"}, 401, "session-required"},
		"WebSocket":              {"GET", []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-Fetch-Mode", "websocket"}, 401, "session-required"},
		"prefetch":               {"GET", navigation("Sec-Purpose", "prefetch"), 401, "session-required"},
		"prerender":              {"GET", navigation("Sec-Purpose", "prefetch;prerender"), 401, "session-required"},
		"a program":              {"GET", []string{"User-Agent", "curl"}, 401, "session-required"},
		"a program's POST":       {"POST", nil, 401, "session-required"},
	} {
		f := newFace(t)
		w := f.ask(tc.method, page, tc.headers...)
		if w.Code != tc.want || !strings.Contains(w.Body.String(), tc.body) || len(f.reached) != 0 || len(f.signIn.started) != 0 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if tc.want == 303 {
			if got := location(t, w).String(); got != "/.cardea/sign-in?auto=1&return=%2Fdeep%3Fx%3D1" {
				t.Errorf("%s: leads to %s", name, got)
			}
		} else if w.Header().Get("Location") != "" || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
}

func TestTheProblemDocumentSaysWhereToSignIn(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", page, script("Accept-Language", "zh")...)
	var p httpx.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Type != "urn:cardea:problem:session-required" || p.Status != 401 ||
		p.SignIn != "https://app.example/.cardea/sign-in" || p.Title == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAFrameOffersANewTabAndAFormSaysThatNothingWasSaved(t *testing.T) {
	f := newFace(t)
	frame := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"}
	w := f.ask("GET", page, frame...)
	if w.Code != 401 || !strings.Contains(w.Body.String(), `href="https://app.example/deep?x=1"`) || w.Header().Get("X-Frame-Options") != "" {
		t.Errorf("frame: %d %v\n%s", w.Code, w.Header(), w.Body)
	}
	w = f.ask("POST", page, append(frame, "Referer", "https://app.example/form")...)
	if w.Code != 401 || !strings.Contains(w.Body.String(), `href="https://app.example/form"`) {
		t.Errorf("form in a frame: %d\n%s", w.Code, w.Body)
	}
	for referer, want := range map[string]string{
		"https://app.example/form?a=1": "/.cardea/sign-in?return=%2Fform%3Fa%3D1",
		"https://evil.example/form":    `"/.cardea/sign-in"`,
		"https://app.example//evil":    `"/.cardea/sign-in"`,
		"":                             `"/.cardea/sign-in"`,
	} {
		w := f.ask("POST", page, navigation("Referer", referer)...)
		if w.Code != 401 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("form on %q: %d\n%s", referer, w.Code, w.Body)
		}
	}
}

func TestAReturnPathThatIsNoneBecomesTheAppsRoot(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://hub.example/hub/"+strings.Repeat("x", 3000), navigation()...)
	if got := location(t, w).Query().Get("return"); got != "/hub" {
		t.Errorf("return %q", got)
	}
}

func TestTheVerdictDecides(t *testing.T) {
	live := guard.Verdict{Outcome: guard.Allow, Session: person("p")}
	for name, tc := range map[string]struct {
		verdict guard.Verdict
		method  string
		headers []string
		code    int
		reached bool
		session bool
	}{
		"allowed":                             {live, "GET", navigation(), 200, true, true},
		"no session":                          {guard.Verdict{}, "GET", navigation(), 303, false, false},
		"public without a session":            {guard.Verdict{Public: true}, "GET", navigation(), 200, true, false},
		"public with one":                     {guard.Verdict{Outcome: guard.Allow, Public: true, Session: person("p")}, "GET", navigation(), 200, true, true},
		"public, grant lost":                  {guard.Verdict{Outcome: guard.Reauthorize, Public: true, Session: person("p")}, "GET", navigation(), 200, true, true},
		"public, denied: as anybody":          {guard.Verdict{Outcome: guard.Denied, Public: true, Session: person("p")}, "GET", navigation(), 200, true, false},
		"public, too old: as anybody":         {guard.Verdict{Outcome: guard.TooOld, Public: true, Session: person("p")}, "GET", navigation(), 200, true, false},
		"bearer":                              {guard.Verdict{Bearer: true}, "POST", nil, 200, true, false},
		"denied page":                         {guard.Verdict{Outcome: guard.Denied, Session: person("p")}, "GET", navigation(), 403, false, false},
		"denied script":                       {guard.Verdict{Outcome: guard.Denied, Session: person("p")}, "GET", script(), 403, false, false},
		"store down":                          {guard.Verdict{Outcome: guard.Unavailable, Err: errStore}, "GET", navigation(), 503, false, false},
		"store down is not public":            {guard.Verdict{Outcome: guard.Unavailable, Err: errStore, Public: true}, "GET", navigation(), 503, false, false},
		"store down, script":                  {guard.Verdict{Outcome: guard.Unavailable, Err: errStore}, "GET", script(), 503, false, false},
		"a path that is none":                 {guard.Verdict{Outcome: guard.BadPath, Public: true}, "GET", navigation(), 400, false, false},
		"grant lost: the next page goes":      {guard.Verdict{Outcome: guard.Reauthorize, Session: person("p")}, "GET", navigation(), 303, false, false},
		"grant lost: scripts go on":           {guard.Verdict{Outcome: guard.Reauthorize, Session: person("p")}, "GET", script(), 200, true, true},
		"grant lost: sockets go on":           {guard.Verdict{Outcome: guard.Reauthorize, Session: person("p")}, "GET", []string{"Connection", "upgrade", "Upgrade", "websocket"}, 200, true, true},
		"grant lost: a form is not thrown":    {guard.Verdict{Outcome: guard.Reauthorize, Session: person("p")}, "POST", navigation(), 200, true, true},
		"too old: the page goes":              {guard.Verdict{Outcome: guard.TooOld, Session: person("p")}, "GET", navigation(), 303, false, false},
		"too old: scripts are told":           {guard.Verdict{Outcome: guard.TooOld, Session: person("p")}, "GET", script(), 401, false, false},
		"an outcome that nobody has heard of": {guard.Verdict{Outcome: 99, Session: person("p")}, "GET", script(), 401, false, false},
	} {
		f := newFace(t)
		f.guard.bySeat[seatLive] = tc.verdict
		w := f.ask(tc.method, page, append(tc.headers, seat(seatLive)...)...)
		if w.Code != tc.code || (len(f.reached) == 1) != tc.reached || (tc.reached && (f.verdict.Session != nil) != tc.session) {
			t.Errorf("%s: %d, reached %v, session %v", name, w.Code, f.reached, f.verdict.Session)
		}
		if !tc.reached && strings.Contains(w.Body.String(), "UPSTREAM") {
			t.Errorf("%s: %s", name, w.Body)
		}
		if w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie is set: %v", name, w.Header())
		}
		if tc.code == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
	}
}

func TestTheGuardIsAskedAboutTheRequestAsItIs(t *testing.T) {
	f := newFace(t)
	f.ask("GET", "https://app.example/a%2Fb?q=/public", script("Cookie", "__Host-cardea="+seatLive, "Authorization", "Bearer x")...)
	q := f.guard.asked[0]
	if q.App.ID != "other" || q.Origin != "https://app.example" || q.RawPath != "/a%2Fb" || q.Seat != seatLive || !q.Bearer || !q.Active {
		t.Errorf("%+v", q)
	}
	for value, want := range map[string]bool{"Bearer x": true, "bearer x": true, "token x": true, "Basic x": false, "Bearer": false, "Bearer ": false, "": false, "Bearerx": false} {
		f.guard.asked = nil
		f.ask("GET", "https://app.example/", "Authorization", value)
		if f.guard.asked[0].Bearer != want {
			t.Errorf("%q: %v", value, !want)
		}
	}
}

// CVE-2026-25748: a cookie that is malformed, planted twice or of another name is no
// session, and no answer that lets anybody in.
func TestCVE_2026_25748_AMalformedCookieLetsNobodyIn(t *testing.T) {
	for _, cookie := range []string{
		"__Host-cardea", "__Host-cardea=", "__Host-cardea=;", "=" + seatLive, seatLive, "__Host-cardea=" + seatLive + "; __Host-cardea=" + seatUnknown,
		"__host-cardea=" + seatLive, "x__Host-cardea=" + seatLive, "__Host-cardea-browser=" + seatLive, "cardea-443=" + seatLive, "__Host-cardea =" + seatLive,
		"__Host-cardea=\"" + seatLive + "\"", "__Host-cardea=%" + seatLive, strings.Repeat("a=b;", 5000), "__Host-cardea=" + strings.Repeat("A", 1<<16), "\x00", "__Host-cardea=\xff\xfe",
	} {
		for _, path := range []string{"/x", "/.cardea/session", "/.cardea/auth"} {
			f := newFace(t)
			if w := f.ask("GET", "https://app.example"+path, script("Cookie", cookie)...); w.Code/100 == 2 || len(f.reached) != 0 {
				t.Errorf("%.60q at %s: %d", cookie, path, w.Code)
			}
		}
	}
}

// CVE-2022-29228: after a denial nothing else is written.
func TestCVE_2022_29228_NothingFollowsADenial(t *testing.T) {
	f := newFace(t)
	f.guard.bySeat[seatDenied] = guard.Verdict{Outcome: guard.Denied, Session: person("p"), Decision: access.Decision{Reason: access.ReasonEmailUnverified, Rule: "apps[other].access.emails"}}
	w := f.ask("GET", page, navigation(seat(seatDenied)...)...)
	body := w.Body.String()
	if w.Code != 403 || len(f.reached) != 0 || strings.Count(body, "</html>") != 1 || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
		t.Errorf("%d\n%s", w.Code, body)
	}
	for _, want := range []string{"apps[other].access.emails", "providers[main].email_verified", `action="/.cardea/sign-out"`, `value="/deep?x=1"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if !strings.Contains(f.logs.String(), "email_verified") {
		t.Errorf("log: %s", f.logs)
	}
	w = f.ask("GET", page, script("Cookie", "__Host-cardea="+seatDenied)...)
	var p httpx.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Type != "urn:cardea:problem:denied" || p.Instance == "" || !strings.Contains(f.logs.String(), p.Instance) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWhatWentWrongIsLoggedUnderTheIdThatIsShown(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", page, script("Cookie", "__Host-cardea="+seatDown)...)
	var p httpx.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Type != "urn:cardea:problem:store-unavailable" || p.Instance == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	if !strings.Contains(f.logs.String(), p.Instance) || !strings.Contains(f.logs.String(), errStore.Error()) {
		t.Errorf("log: %s", f.logs)
	}
}

func TestAPreflightReachesTheAppWithoutAnIdentity(t *testing.T) {
	ok := []string{"Origin", "https://script.example", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "X-Api, Content-Type", "Cookie", "__Host-cardea=" + seatLive}
	f := newFace(t)
	if w := f.ask("OPTIONS", page, ok...); w.Code != 200 || len(f.reached) != 1 || f.verdict.Session != nil || f.verdict.Live() || len(f.guard.asked) != 0 {
		t.Errorf("%d, %v %+v", w.Code, f.reached, f.verdict)
	}
	for name, headers := range map[string][]string{
		"another origin":         {"Origin", "https://evil.example", "Access-Control-Request-Method", "PUT"},
		"two origins":            {"Origin", "https://script.example", "Origin", "https://evil.example", "Access-Control-Request-Method", "PUT"},
		"suffix":                 {"Origin", "https://script.example.evil", "Access-Control-Request-Method", "PUT"},
		"another method":         {"Origin", "https://script.example", "Access-Control-Request-Method", "DELETE"},
		"another header":         {"Origin", "https://script.example", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "X-Api, X-Other"},
		"no preflight":           {"Origin", "https://script.example"},
		"no origin":              {"Access-Control-Request-Method", "PUT"},
		"null":                   {"Origin", "null", "Access-Control-Request-Method", "PUT"},
		"without configuration:": nil,
	} {
		f, address := newFace(t), page
		if headers == nil {
			address, headers = "https://gate.example/", ok[:6]
		}
		if w := f.ask("OPTIONS", address, headers...); w.Code != 401 || len(f.reached) != 0 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if f := newFace(t); f.ask("GET", page, ok[:6]...).Code != 401 {
		t.Error("a GET passes for a preflight")
	}
}

func TestARefusalCanBeReadByAllowedOriginsAlone(t *testing.T) {
	f := newFace(t)
	for address, headers := range map[string][]string{page: script(), "https://app.example/.cardea/session": script(), "https://app.example/denied": script("Cookie", "__Host-cardea="+seatDenied)} {
		w := f.ask("GET", address, append(headers, "Origin", "https://script.example")...)
		if w.Code/100 != 4 || w.Header().Get("Access-Control-Allow-Origin") != "https://script.example" ||
			w.Header().Get("Access-Control-Allow-Credentials") != "true" || w.Header().Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", address, w.Code, w.Header())
		}
		for _, origin := range []string{"https://evil.example", "null", ""} {
			w := f.ask("GET", address, append(headers, "Origin", origin)...)
			if w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Access-Control-Allow-Credentials") != "" || w.Header().Get("Vary") != "Origin" {
				t.Errorf("%s, %q: %v", address, origin, w.Header())
			}
		}
	}
	any := &CORS{Origins: []string{"*"}, Credentials: true}
	f = newFace(t, func(o *Options) { o.Apps[0].CORS = any })
	w := f.ask("GET", "https://gate.example/", script("Origin", "https://anybody.example")...)
	if w.Header().Get("Access-Control-Allow-Origin") == "" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("any origin has credentials: %v", w.Header())
	}
}

func TestForwardedHeadersOfStrangersChooseNoApp(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://other.example/", navigation("X-Forwarded-Host", "gate.example", "X-Forwarded-Proto", "https", "Forwarded", "host=gate.example")...)
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("%d", w.Code)
	}
}
