package web

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
)

// Many tabs opened at once in a new browser each set a binding, and one of them stays:
// the other tabs' answers look like another browser's. Their tabs ask once more.
func TestATabWhoseBindingWasReplacedSignsInOnceMore(t *testing.T) {
	const cookie = "__Host-cardea-browser="
	gate := signin.Target{Origin: "https://gate.example", Path: "/deep?x=1"}
	for name, tc := range map[string]struct {
		address string
		cookie  string
		failure signin.Failure
		want    string // "": the answer is refused
	}{
		"to where it meant to go": {gateCallback, cookie + binding, signin.Failure{Provider: "main", Target: gate}, "/.cardea/sign-in?provider=main&return=%2Fdeep%3Fx%3D1"},
		"to the root":             {gateCallback, cookie + binding, signin.Failure{Provider: "main", Target: signin.Target{Path: "/"}}, "/.cardea/sign-in?provider=main"},
		"for a seat": {gateCallback, cookie + binding, signin.Failure{Provider: "main", Target: signin.Target{Path: "/deep"}, SeatFor: "https://app.example|/deep"},
			"/.cardea/sign-in?provider=main&seat=https%3A%2F%2Fapp.example%7C%2Fdeep"},
		"a browser that keeps no cookie": {gateCallback, "", signin.Failure{Provider: "main", Target: gate}, ""},
		"a binding that is none":         {gateCallback, cookie + "short", signin.Failure{Provider: "main", Target: gate}, ""},
		"two bindings":                   {gateCallback, cookie + binding + "; " + cookie + seatNew, signin.Failure{Provider: "main", Target: gate}, ""},
	} {
		f := newFace(t)
		tc.failure.Err = signin.ErrOtherBrowser
		f.signIn.err = &tc.failure
		w := f.ask("GET", tc.address+"?state=s&code=c", navigation("Cookie", tc.cookie)...)
		if w.Header().Get("Set-Cookie") != "" || len(f.signIn.started) != 0 {
			t.Errorf("%s: something of the answer was used: %v", name, w.Header())
		}
		switch {
		case tc.want == "":
			if w.Code != 400 || w.Header().Get("Location") != "" {
				t.Errorf("%s: %d %v", name, w.Code, w.Header())
			}
		case location(t, w).String() != tc.want:
			t.Errorf("%s: leads to %s", name, w.Header().Get("Location"))
		}
	}
	// All other failures of a browser that has a binding stay failures.
	for _, err := range []error{signin.ErrExpired, signin.ErrUsed, signin.ErrAttempt} {
		f := newFace(t)
		f.signIn.err = &signin.Failure{Provider: "main", Target: gate, Err: err}
		if w := f.ask("GET", gateCallback+"?state=s&code=c", navigation("Cookie", cookie+binding)...); w.Code != 400 {
			t.Errorf("%v: %d %v", err, w.Code, w.Header())
		}
	}
}

func TestATabWhoseBindingWasReplacedAsksForASeatOfItsOwn(t *testing.T) {
	const cookie = "__Host-cardea-browser="
	for name, tc := range map[string]struct{ cookie, path, want string }{
		"to where it meant to go":        {cookie + binding, "/deep", "/.cardea/sign-in?return=%2Fdeep"},
		"to the root":                    {cookie + binding, "/", "/.cardea/sign-in"},
		"another site's path":            {cookie + binding, "//evil.example", "/.cardea/sign-in"},
		"a code of another origin":       {cookie + binding, "", ""},
		"a browser that keeps no cookie": {"", "/deep", ""},
		"a binding that is none":         {cookie + "short", "/deep", ""},
	} {
		f := newFace(t)
		f.signIn.err, f.signIn.takePath = signin.ErrOtherBrowser, tc.path
		w := f.ask("GET", "https://app.example/.cardea/seat?code=c", navigation("Cookie", tc.cookie)...)
		if w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: a seat was taken: %v", name, w.Header())
		}
		switch {
		case tc.want == "":
			if w.Code != 400 || w.Header().Get("Location") != "" {
				t.Errorf("%s: %d %v", name, w.Code, w.Header())
			}
		case location(t, w).String() != tc.want:
			t.Errorf("%s: leads to %s", name, w.Header().Get("Location"))
		}
	}
}

// A tab that was closed in the middle says nothing of the store that its request waited for.
func TestWhoIsGoneIsNoFailureOfTheStore(t *testing.T) {
	f := newFace(t)
	f.signIn.err = fmt.Errorf("%w: %w", session.ErrUnavailable, context.Canceled)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.send(f.request("GET", gateCallback+"?state=s&code=c", nil, navigation("Cookie", "__Host-cardea-browser="+binding)...).WithContext(ctx))
	if logged := f.logs.String(); logged != "" {
		t.Errorf("logged: %s", logged)
	}
	f.ask("GET", gateCallback+"?state=s&code=c", navigation("Cookie", "__Host-cardea-browser="+binding)...)
	if logged := f.logs.String(); !strings.Contains(logged, "store-unavailable") {
		t.Errorf("logged of a store that does not answer: %q", logged)
	}
}
