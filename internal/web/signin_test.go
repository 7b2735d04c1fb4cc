package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/signin"
)

const gateSignIn = "https://gate.example/.cardea/sign-in"

func TestWhatASignInDecides(t *testing.T) {
	seatAt := "?" + url.Values{"seat": {"https://app.example|/deep"}, "provider": {"main"}}.Encode()
	for name, tc := range map[string]struct {
		query, seat string
		start       *signin.Start // nil: none
		leads       string        // where to; "" for the provider
	}{
		"no cookie: a plain start":            {"?return=/deep&auto=1", "", &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/deep"}, Root: "/"}, ""},
		"an app below a path has its root":    {"?return=/chat/room", "", &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/chat/room"}, Root: "/chat"}, ""},
		"signed out, a page asked for":        {"?return=/deep&auto=1", seatEnded, nil, "https://gate.example/.cardea/signed-out?return=%2Fdeep"},
		"signed out, a click: credentials":    {"?return=/deep", seatEnded, &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/deep"}, Root: "/", Fresh: true}, ""},
		"expired: the deep link, nothing new": {"?return=/deep&auto=1", seatExpired, &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/deep"}, Root: "/"}, ""},
		"a cookie that nobody knows":          {"?auto=1", seatUnknown, &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/"}, Root: "/", Fresh: true}, ""},
		"a cookie that is none":               {"?auto=1", "garbage", &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/"}, Root: "/", Fresh: true}, ""},
		"signed in already":                   {"?return=/deep", seatLive, nil, "/deep"},
		"denied: the app says why":            {"?return=/deep", seatDenied, nil, "/deep"},
		"too old: a step up":                  {"?return=/deep&auto=1", seatOld, &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/deep"}, Root: "/", MaxAge: 5 * time.Minute}, ""},
		"too weak: a step up": {"?return=/deep&auto=1", seatWeak, &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/deep"}, Root: "/",
			MaxAge: time.Minute, ACRValues: []string{"gold", "urn:x:platinum"}}, ""},
		"grant lost: without interaction":     {"?return=/deep&auto=1", seatLost, &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/deep"}, Root: "/", Silent: true, Session: "lost"}, ""},
		"a seat elsewhere, signed in":         {seatAt, seatLive, nil, "https://app.example/.cardea/seat?code=c"},
		"a seat elsewhere, not signed in":     {seatAt, "", &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://app.example", Path: "/deep"}, Root: "/", SeatFor: "https://app.example|/deep"}, ""},
		"a seat elsewhere, signed out, asked": {seatAt + "&auto=1", seatEnded, nil, "https://gate.example/.cardea/signed-out?origin=https%3A%2F%2Fapp.example&return=%2Fdeep"},
		"a path of ours is no page":           {"?return=/.cardea/sign-out", "", &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/"}, Root: "/"}, ""},
		"another site is no page":             {"?return=//evil.example", seatLive, nil, "/"},
		"a provider that is not offered":      {"?provider=second", "", &signin.Start{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/"}, Root: "/"}, ""},
	} {
		f := newFace(t)
		cookie := "__Host-cardea-browser=" + binding
		if tc.seat != "" {
			cookie += "; __Host-cardea=" + tc.seat
		}
		w := f.ask("GET", gateSignIn+tc.query, navigation("Cookie", cookie)...)
		leads := tc.leads
		if leads == "" {
			leads = "https://idp.example/authorize?p=" + tc.start.Provider
		}
		if got := location(t, w).String(); got != leads {
			t.Errorf("%s: leads to %s", name, got)
		}
		if (tc.start == nil) != (len(f.signIn.started) == 0) {
			t.Errorf("%s: started %+v", name, f.signIn.started)
			continue
		}
		if tc.start != nil {
			tc.start.Binding = binding
			if diff := cmp.Diff(*tc.start, f.signIn.started[0]); diff != "" {
				t.Errorf("%s: started (-want +got):\n%s", name, diff)
			}
		}
		if w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
}

func TestSeveralProvidersAreAChoice(t *testing.T) {
	seat := "https://app.example|/deep?a=1"
	f := newFace(t)
	w := f.ask("GET", gateSignIn+"?"+url.Values{"seat": {seat}, "auto": {"1"}}.Encode(), navigation()...)
	body := w.Body.String()
	for _, id := range []string{"main", "second"} {
		link := strings.ReplaceAll(url.Values{"provider": {id}, "seat": {seat}}.Encode(), "&", "&amp;")
		if w.Code != 200 || !strings.Contains(body, link) {
			t.Errorf("%d, no link %s:\n%s", w.Code, link, body)
		}
	}
	for provider, want := range map[string]int{"second": 303, "main": 303, "third": 200, "": 200, "MAIN": 200} {
		f := newFace(t)
		if w := f.ask("GET", gateSignIn+"?"+url.Values{"seat": {seat}, "provider": {provider}}.Encode(), navigation()...); w.Code != want {
			t.Errorf("%q: %d", provider, w.Code)
		}
		if want == 303 && f.signIn.started[0].Provider != provider {
			t.Errorf("%q: %+v", provider, f.signIn.started)
		}
	}
	// Where the app does not take the provider of the session, another one may be chosen.
	f = newFace(t)
	f.guard.bySeat[seatLive] = guard.Verdict{Outcome: guard.Denied, Session: person("p"), Decision: access.Decision{Reason: access.ReasonProvider}}
	w = f.ask("GET", gateSignIn+"?"+url.Values{"seat": {seat}, "provider": {"second"}}.Encode(), navigation("Cookie", "__Host-cardea="+seatLive)...)
	if location(t, w).Host != "idp.example" || f.signIn.started[0].Provider != "second" {
		t.Errorf("%v %+v", w.Header(), f.signIn.started)
	}
}

func TestAStoreThatIsDownStartsNothing(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", gateSignIn+"?auto=1", navigation(seat(seatDown)...)...)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || len(f.signIn.started) != 0 || strings.Contains(strings.Join(w.Header()["Set-Cookie"], ""), "__Host-cardea=") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestOnlyATopLevelNavigationStartsASignIn(t *testing.T) {
	for _, origin := range []string{"https://gate.example", "https://app.example"} {
		for name, headers := range map[string][]string{
			"fetch": script(), "prefetch": navigation("Sec-Purpose", "prefetch"), "a script file": {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"},
			"frame": {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, "WebSocket": {"Connection", "upgrade", "Upgrade", "websocket"}, "a program": nil,
		} {
			f := newFace(t)
			w := f.ask("GET", origin+"/.cardea/sign-in?auto=1", headers...)
			if w.Code != 401 || len(f.signIn.started) != 0 || w.Header().Get("Set-Cookie") != "" || w.Header().Get("Location") != "" {
				t.Errorf("%s at %s: %d %v", name, origin, w.Code, w.Header())
			}
		}
	}
}

func TestASeatRequestThatIsNoneIsRefused(t *testing.T) {
	for _, seat := range []string{"garbage", "https://evil.example|/x", "https://a.b.apps.example|/x", "http://gate.example|/"} {
		f := newFace(t)
		w := f.ask("GET", gateSignIn+"?"+url.Values{"seat": {seat}}.Encode(), navigation("Cookie", "__Host-cardea="+seatLive)...)
		if w.Code != 400 || len(f.signIn.started) != 0 || len(f.signIn.offered) != 0 {
			t.Errorf("%s: %d", seat, w.Code)
		}
	}
}

// The whole way of a browser whose cookie at an app's own origin is stale.
func TestAStaleCookieAtAnAppLeadsThroughTheGatewayAndNotInCircles(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://app.example/deep?x=1", navigation(seat(seatUnknown)...)...)
	step := location(t, w)
	w = f.ask("GET", "https://app.example"+step.String(), navigation(seat(seatUnknown)...)...)
	set := w.Result().Cookies()
	if len(set) != 1 || set[0].Name != "__Host-cardea-browser" || len(set[0].Value) != 43 {
		t.Fatalf("cookies %v", set)
	}
	step = location(t, w)
	if got := step.Query(); step.Host != "gate.example" || step.Path != "/.cardea/sign-in" || got.Get("seat") != "https://app.example|/deep?x=1" || got.Get("auto") != "1" {
		t.Fatalf("the gateway is asked by %s", step)
	}
	w = f.ask("GET", step.String(), navigation("Cookie", "__Host-cardea="+seatLive+"; __Host-cardea-browser="+binding)...)
	step = location(t, w)
	if step.Host != "app.example" || step.Path != "/.cardea/seat" {
		t.Fatalf("the seat is offered at %s", step)
	}
	w = f.ask("GET", step.String(), navigation("Cookie", "__Host-cardea="+seatUnknown+"; __Host-cardea-browser="+set[0].Value)...)
	if location(t, w).String() != "/deep" {
		t.Fatalf("%v", w.Header())
	}
	taken := w.Result().Cookies()
	if len(taken) != 1 || taken[0].Name != "__Host-cardea" || taken[0].Value != seatNew || taken[0].MaxAge != 36000 {
		t.Errorf("cookies %v", taken)
	}
	if got := f.signIn.taken; got[0] != "c" || got[1] != "https://app.example" || got[2] != set[0].Value {
		t.Errorf("taken %v", got)
	}
}

func TestAReturnPathTooLongToCarryBecomesTheRoot(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://hub.example/.cardea/sign-in?return=/hub/"+strings.Repeat("x", 400), navigation()...)
	if got := location(t, w).Query().Get("seat"); got != "https://hub.example|/hub" {
		t.Errorf("%s", got)
	}
	w = f.ask("GET", "https://hub.example/.cardea/sign-in", navigation()...)
	if got := location(t, w).Query().Get("seat"); got != "https://hub.example|/hub" {
		t.Errorf("no page asked for: %s", got)
	}
}

// Every redirect parameter meets the corpus of the return paths.
func TestNoReturnLeadsAway(t *testing.T) {
	corpus(t, func(target string, ok bool) {
		f := newFace(t)
		q := "?" + url.Values{"return": {target}}.Encode()
		want := "/"
		if ok {
			want, _, _ = strings.Cut(target, "#")
		}
		w := f.ask("GET", gateSignIn+q, navigation(seat(seatLive)...)...)
		got := location(t, w)
		if got.Host != "" || got.Scheme != "" || !strings.HasPrefix(got.Path, "/") || strings.HasPrefix(got.Path, "//") || w.Header().Get("Location") != ascii(want) {
			t.Errorf("%q leads to %s, want %s", target, got, want)
		}
		sealed := location(t, f.ask("GET", "https://app.example/.cardea/sign-in"+q, navigation()...)).Query().Get("seat")
		if !ok && sealed != "https://app.example|/" {
			t.Errorf("%q is carried as %s", target, sealed)
		}
		signedOut := f.ask("GET", "https://gate.example/.cardea/signed-out"+q, navigation()...).Body.String()
		if !ok && !strings.Contains(signedOut, `href="/.cardea/sign-in"`) {
			t.Errorf("%q on the signed-out page:\n%s", target, signedOut)
		}
	})
}
