package web

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// seatLeft is a browser's whose session a script's call to the app's logout ended.
var seatLeft = strings.Repeat("F", 42) + "A"

func leftByScript(t *testing.T, public bool) *face {
	t.Helper()
	f := withLogout(t, loggedOut)
	f.signOut.later = oidc.BrowserCall{URL: "https://idp.example/logout?later"}
	f.guard.bySeat[seatLeft] = guard.Verdict{Public: public, Ended: &session.Tombstone{Session: "left", Provider: "main", Cause: session.CauseApp, Fresh: true}}
	return f
}

func TestTheNextPageAfterAScriptsLogoutGoesToTheProvider(t *testing.T) {
	// At the app's own origin a page first asks the gateway.
	f := leftByScript(t, false)
	next := location(t, f.ask("GET", "https://app.example/deep", navigation(seat(seatLeft)...)...))
	next = location(t, f.ask("GET", "https://app.example"+next.String(), navigation(seat(seatLeft)...)...))
	w := f.ask("GET", next.String(), navigation(seat(seatLeft)...)...)
	if got := location(t, w).String(); got != "https://idp.example/logout?later" || len(f.signIn.started) != 0 {
		t.Errorf("leads to %s, started %v", got, f.signIn.started)
	}
	f.signOut.later = oidc.BrowserCall{} // it has been there, or that is over
	w = f.ask("GET", next.String(), navigation(seat(seatLeft)...)...)
	if got := location(t, w).String(); !strings.HasPrefix(got, signedOut) || len(f.signIn.started) != 0 {
		t.Errorf("then leads to %s, started %v", got, f.signIn.started)
	}
	f.signOut.later = oidc.BrowserCall{URL: "https://idp.example/logout", Form: url.Values{"id_token_hint": {"long"}}}
	if w := f.ask("GET", next.String(), navigation(seat(seatLeft)...)...); w.Code != 200 || !strings.Contains(w.Body.String(), `action="https://idp.example/logout"`) {
		t.Errorf("a hint too long for a URL: %d\n%s", w.Code, w.Body)
	}

	// A page that everybody may see is the next page too.
	f = leftByScript(t, true)
	if got := location(t, f.ask("GET", "https://app.example/welcome", navigation(seat(seatLeft)...)...)).String(); got != f.signOut.later.URL || len(f.reached) != 0 {
		t.Errorf("public: leads to %s, reached %v", got, f.reached)
	}
	f.signOut.later = oidc.BrowserCall{}
	if w := f.ask("GET", "https://app.example/welcome", navigation(seat(seatLeft)...)...); w.Body.String() != "UPSTREAM other" {
		t.Errorf("public, then: %d %s", w.Code, w.Body)
	}
}

func TestOnlyPagesGoToTheProviderLater(t *testing.T) {
	for name, headers := range map[string][]string{
		"fetch": script(), "picture": {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, "program": nil, "prefetch": navigation("Sec-Purpose", "prefetch"),
	} {
		f := leftByScript(t, false)
		if w := f.ask("GET", "https://app.example/api/data", append(headers, seat(seatLeft)...)...); w.Code != 401 || w.Header().Get("Location") != "" || len(f.reached) != 0 {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		f = leftByScript(t, true)
		if w := f.ask("GET", "https://app.example/api/data", append(headers, seat(seatLeft)...)...); w.Code != 200 || len(f.reached) != 1 {
			t.Errorf("%s, public: %d %v", name, w.Code, w.Header())
		}
	}
}

// A second press of the app's button, or one after the session ended, starts no sign-in.
func TestSigningOutTwiceInTheAppEndsOnThePageToo(t *testing.T) {
	for name, tc := range map[string]struct{ cookie, want string }{
		"pressed twice": {seatLeft, "https://idp.example/logout?later"},
		"expired":       {seatExpired, signedOut + "?origin=https%3A%2F%2Fapp.example"},
	} {
		for _, send := range []func(*face) *httptest.ResponseRecorder{
			func(f *face) *httptest.ResponseRecorder {
				return f.form(appLogout, "https://app.example", nil, seat(tc.cookie)...)
			},
			func(f *face) *httptest.ResponseRecorder {
				return f.ask("GET", "https://app.example/logout", within(seat(tc.cookie)...)...)
			},
		} {
			f := leftByScript(t, false)
			if w := send(f); w.Code != 200 || !strings.Contains(w.Body.String(), "url="+tc.want) || len(f.signOut.ended) != 0 || len(f.reached) != 0 {
				t.Errorf("%s: %d, ended %v\n%s", name, w.Code, f.signOut.ended, w.Body)
			}
		}
	}
	f := leftByScript(t, false)
	if w := fetchLogout(f, seatLeft); w.Code != 401 || len(f.signOut.ended) != 0 || len(f.reached) != 0 {
		t.Errorf("a script: %d, ended %v", w.Code, f.signOut.ended)
	}
	if w := f.form(appLogout, "https://evil.example", nil, seat(seatLeft)...); w.Code != 401 || strings.Contains(w.Body.String(), "idp.example") {
		t.Errorf("another site's form: %d\n%s", w.Code, w.Body)
	}
}

// An end that is still to be told to a provider would end the next sign-in there with it.
func TestAProviderHearsOfTheLastEndBeforeItIsAskedToSignIn(t *testing.T) {
	ofApp := "?" + url.Values{"seat": {"https://app.example|/deep"}}.Encode()
	for name, tc := range map[string]struct {
		query, cookie string
		down          bool
		want          []session.ID
	}{
		"a click, at the session's provider": {ofApp + "&provider=main", seatLeft, false, []session.ID{"left"}},
		"a click, at another provider":       {ofApp + "&provider=second", seatLeft, false, nil},
		"nothing is chosen yet":              {ofApp, seatLeft, false, nil},
		"a page, not a click":                {ofApp + "&auto=1&provider=main", seatLeft, false, nil},
		"a provider that does not answer":    {ofApp + "&provider=main", seatLeft, true, nil},
		"nobody was signed in":               {ofApp + "&provider=main", "", false, nil},
		"somebody is signed in":              {ofApp + "&provider=main", seatLive, false, nil},
	} {
		f := leftByScript(t, false)
		if tc.down {
			p := f.Server.providers["main"]
			p.Down = func(context.Context) bool { return true }
			f.Server.providers["main"] = p
		}
		var headers []string
		if tc.cookie != "" {
			headers = seat(tc.cookie)
		}
		f.ask("GET", gateSignIn+tc.query, navigation(headers...)...)
		if diff := cmp.Diff(tc.want, f.signOut.told); diff != "" {
			t.Errorf("%s: told %s", name, diff)
		}
	}
}
