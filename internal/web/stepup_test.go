package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/signin"
)

const weakChallenge = `Bearer error="insufficient_user_authentication", acr_values="gold urn:x:platinum", max_age="60"`

func TestAPageThatDemandsMoreGoesToTheSignInAndNothingElseDoes(t *testing.T) {
	for name, tc := range map[string]struct {
		method  string
		headers []string
		code    int
	}{
		"page":                    {"GET", navigation(), 303},
		"fetch":                   {"GET", script(), 401},
		"fetch that changes":      {"POST", script(), 401},
		"WebSocket":               {"GET", []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-Fetch-Mode", "websocket"}, 401},
		"event stream":            {"GET", []string{"Accept", "text/event-stream"}, 401},
		"prefetch":                {"GET", navigation("Sec-Purpose", "prefetch"), 401},
		"form":                    {"POST", navigation(), 401},
		"frame":                   {"GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 401},
		"a program that signs in": {"GET", []string{"User-Agent", "curl"}, 401},
	} {
		for kind, cookie := range map[string]string{"weak": seatWeak, "old": seatOld} {
			f := newFace(t)
			w := f.ask(tc.method, page, append(tc.headers, seat(cookie)...)...)
			if w.Code != tc.code || len(f.reached) != 0 || len(f.signIn.started) != 0 || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s, %s: %d %v", name, kind, w.Code, w.Header())
			}
			if tc.code == 303 && location(t, w).String() != "/.cardea/sign-in?auto=1&return=%2Fdeep%3Fx%3D1" {
				t.Errorf("%s, %s: leads to %s", name, kind, location(t, w))
			}
		}
	}
}

func TestTheChallengeSaysWhatIsDemandedAndWhereToGetIt(t *testing.T) {
	for name, tc := range map[string]struct {
		seat, challenge, acr string
		age                  int64
	}{
		"class and age": {seatWeak, weakChallenge, "gold urn:x:platinum", 60},
		"age":           {seatOld, `Bearer error="insufficient_user_authentication", max_age="300"`, "", 300},
	} {
		f := newFace(t)
		w := f.ask("POST", page, script(append(seat(tc.seat), "Origin", "https://script.example")...)...)
		var p httpx.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Values("WWW-Authenticate"); len(got) != 1 || got[0] != tc.challenge {
			t.Errorf("%s: %q", name, got)
		}
		if p.Type != "urn:cardea:problem:step-up-required" || p.Status != 401 || p.ACRValues != tc.acr || p.MaxAge != tc.age ||
			p.SignIn != "https://app.example/.cardea/sign-in?return=%2Fdeep%3Fx%3D1" || !strings.Contains(p.Detail, "other") {
			t.Errorf("%s: %+v", name, p)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "https://script.example" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	f := newFace(t)
	f.guard.bySeat[seatOld] = guard.Verdict{Outcome: guard.TooOld, Session: person("idle")} // by the app's own limits
	for _, cookie := range []string{seatOld, ""} {
		w := f.ask("GET", page, script(seat(cookie)...)...)
		if w.Code != 401 || w.Header().Get("WWW-Authenticate") != "" || !strings.Contains(w.Body.String(), "session-required") {
			t.Errorf("%q: %d %v %s", cookie, w.Code, w.Header(), w.Body)
		}
	}
	if got := challenge(guard.Verdict{ACR: []string{`a"b`, `c\`}}); got != `Bearer error="insufficient_user_authentication", acr_values="a\"b c\\"` {
		t.Errorf("a class ends the quotes: %s", got)
	}
}

func TestAPresetsStatusOfRefusalsHoldsForStepUpsToo(t *testing.T) {
	f := newFace(t, func(o *Options) { o.Apps[2].Refusal = 403 })
	if w := f.ask("GET", page, script(seat(seatWeak)...)...); w.Code != 403 || w.Header().Get("WWW-Authenticate") != weakChallenge {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestTooWeakOnAPublicPathIsPassedOnAsAnybody(t *testing.T) {
	f := newFace(t)
	f.guard.bySeat[seatWeak] = guard.Verdict{Outcome: guard.TooWeak, Public: true, Session: person("weak"), ACR: []string{"gold"}}
	if w := f.ask("GET", page, navigation(seat(seatWeak)...)...); w.Code != 200 || len(f.reached) != 1 || f.verdict.Session != nil {
		t.Errorf("%d %v", w.Code, f.verdict)
	}
}

// A step-up that comes back unsatisfied is a page: no second redirect, and the cookies
// of the session that was there stay as they are.
func TestAnUnsatisfiedStepUpNamesWhatWasDemanded(t *testing.T) {
	failure := func(err error, signedIn bool) *signin.Failure {
		return &signin.Failure{
			Provider: "main", Target: signin.Target{Origin: "https://app.example", Path: "/pay?x=1"}, Err: err, SignedIn: signedIn,
			MaxAge: 5 * time.Minute, ACRValues: []string{"gold", "urn:x:platinum"},
		}
	}
	unmet := &oidc.Error{Code: oidc.UnmetAuthenticationRequirements}
	for name, tc := range map[string]struct {
		err      *signin.Failure
		language string
		says     []string
		not      string
	}{
		"weak":               {failure(fmt.Errorf("exchanging the code: %w", oidc.ErrWeak), true), "en", []string{"gold, urn:x:platinum", "Main", "gave is less", "still signed in", "other"}, "5 minutes"},
		"weak, in Chinese":   {failure(oidc.ErrWeak, true), "zh", []string{"gold, urn:x:platinum", "Main", "低于这一要求", "仍和之前一样处于登录状态"}, "5 分钟"},
		"old":                {failure(oidc.ErrStale, true), "en", []string{"last 5 minutes", "Main", "still signed in"}, "gold"},
		"old, in Chinese":    {failure(oidc.ErrStale, true), "zh", []string{"5 分钟", "Main"}, "gold"},
		"the provider says":  {failure(unmet, true), "en", []string{"gold, urn:x:platinum", "last 5 minutes", "still signed in"}, "unmet"},
		"at the first visit": {failure(oidc.ErrWeak, false), "en", []string{"gold, urn:x:platinum", "You are not signed in"}, "still signed in"},
	} {
		f := newFace(t)
		f.signIn.err = tc.err
		w := f.ask("GET", gateCallback+"?code=c&state=s", navigation(append(seat(seatLive), "Accept-Language", tc.language)...)...)
		body := w.Body.String()
		if w.Code != 403 || w.Header().Get("Location") != "" || w.Header().Get("Set-Cookie") != "" || strings.Contains(body, `http-equiv="refresh"`) {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		for _, want := range append(tc.says, "https://app.example/.cardea/sign-in?return=%2Fpay%3Fx%3D1") {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page does not say %q\n%s", name, want, body)
			}
		}
		if strings.Contains(body, tc.not) {
			t.Errorf("%s: the page says %q", name, tc.not)
		}
		if !strings.Contains(f.logs.String(), tc.err.Error()) {
			t.Errorf("%s: log %s", name, f.logs)
		}
	}
}

func TestClassesThatExcludeEachOtherAreADenialThatNamesTheRule(t *testing.T) {
	for name, v := range map[string]guard.Verdict{"signed in": {Session: person("p")}, "not signed in": {}} {
		f := newFace(t)
		v.Outcome, v.ACR = guard.Denied, []string{}
		v.Decision = access.Decision{Reason: access.ReasonClass, Rule: "apps[other].acr and apps[other].paths[].acr"}
		f.guard.bySeat[seatDenied] = v
		w := f.ask("GET", page, navigation(seat(seatDenied)...)...)
		if body := w.Body.String(); w.Code != 403 || !strings.Contains(body, "apps[other].paths[].acr") || !strings.Contains(body, "no sign-in can satisfy") {
			t.Errorf("%s: %d\n%s", name, w.Code, body)
		}
		if !strings.Contains(f.logs.String(), "reason=class") {
			t.Errorf("%s: log %s", name, f.logs)
		}
	}
}

func TestASeatElsewhereStepsUpToo(t *testing.T) {
	f := newFace(t)
	query := url.Values{"seat": {"https://app.example|/deep"}, "provider": {"main"}}.Encode()
	f.ask("GET", gateSignIn+"?"+query, navigation("Cookie", "__Host-cardea="+seatWeak)...)
	if len(f.signIn.started) != 1 || f.signIn.started[0].SeatFor != "https://app.example|/deep" || len(f.signIn.started[0].ACRValues) != 2 || f.signIn.started[0].Fresh {
		t.Errorf("%+v", f.signIn.started)
	}
}

func TestTheSessionTellsItsClass(t *testing.T) {
	f := newFace(t)
	p := person("p")
	p.ACR = "gold"
	f.guard.bySeat[seatLive] = guard.Verdict{Outcome: guard.Allow, Session: p}
	var got info
	if err := json.Unmarshal(f.ask("GET", "https://app.example/.cardea/session", script(seat(seatLive)...)...).Body.Bytes(), &got); err != nil || got.ACR != "gold" {
		t.Errorf("%+v, %v", got, err)
	}
}
