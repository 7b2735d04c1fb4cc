package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

const (
	appSignOut = "https://app.example/.cardea/sign-out"
	signedOut  = "https://gate.example/.cardea/signed-out"
)

// atProvider makes the browser's next stop the provider.
func atProvider(f *face) {
	f.signOut.call = oidc.BrowserCall{URL: "https://idp.example/logout?id_token_hint=h"}
	f.signOut.result = signout.Result{StateValue: seatNew}
}

func TestTheButtonEndsTheSessionAndMovesOnToTheProvider(t *testing.T) {
	f := newFace(t)
	atProvider(f)
	w := f.form(appSignOut, "https://app.example", url.Values{"return": {"/deep?x=1"}}, seat(seatLive)...)
	want := []signout.Request{{Session: "live", Cause: session.CauseButton, Mode: signout.ModeProvider, From: "https://app.example/deep?x=1", By: "person", Known: person("live")}}
	if diff := cmp.Diff(want, f.signOut.ended, cmpopts.IgnoreUnexported(signout.Request{})); diff != "" {
		t.Error(diff)
	}
	// A page that moves on by itself satisfies form-action 'self' of the page that the
	// form was on; a redirect to the provider would not.
	if w.Code != 200 || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), `content="0; url=https://idp.example/logout?id_token_hint=h"`) {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), w.Body)
	}
	// The cookie, which forces the next sign-in, stays as it is; setting it anew makes
	// Chromium drop the pages that it keeps for Back.
	stays := []string{"__Host-cardea=" + seatLive + "; Path=/; Max-Age=36000; HttpOnly; Secure; SameSite=Lax"}
	if diff := cmp.Diff(stays, w.Header()["Set-Cookie"]); diff != "" || w.Header().Get("Clear-Site-Data") != "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v\n%s", w.Header(), diff)
	}
}

func TestWithoutALogoutAtTheProviderTheReceiptIsNext(t *testing.T) {
	f := newFace(t)
	f.signOut.result = signout.Result{StateValue: seatNew}
	w := f.form(appSignOut, "https://app.example", nil, seat(seatLive)...)
	if !strings.Contains(w.Body.String(), `content="0; url=`+signedOut+`?receipt=`+seatNew+`"`) {
		t.Errorf("%s", w.Body)
	}
	f.signOut.result = signout.Result{} // ended before, or waits
	w = f.form(appSignOut, "https://app.example", nil, seat(seatLive)...)
	if !strings.Contains(w.Body.String(), `content="0; url=`+signedOut+`"`) {
		t.Errorf("%s", w.Body)
	}
}

func TestAHintTooLongForAURLIsPostedByThePerson(t *testing.T) {
	f := newFace(t)
	f.signOut.call = oidc.BrowserCall{URL: "https://idp.example/logout", Form: url.Values{"id_token_hint": {"h\"><x"}}}
	w := f.form(appSignOut, "https://app.example", nil, seat(seatLive)...)
	body := w.Body.String()
	if !strings.Contains(body, `action="https://idp.example/logout"`) || !strings.Contains(body, `name="id_token_hint" value="h&#34;&gt;&lt;x"`) || strings.Contains(body, "http-equiv") {
		t.Errorf("%s", body)
	}
	if !strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action https://idp.example") {
		t.Errorf("%v", w.Header())
	}
}

func TestAPostCountsOnlyFromOurOwnPage(t *testing.T) {
	for name, tc := range map[string]struct {
		origin  string
		headers []string
	}{
		"none": {"", nil}, "another": {"https://evil.example", nil}, "another app here": {"https://gate.example", nil}, "plain": {"http://app.example", nil},
		"null": {"null", nil}, "null, cross-site": {"null", []string{"Sec-Fetch-Site", "cross-site"}}, "twice": {"https://app.example", []string{"Origin", "https://evil.example"}},
	} {
		f := newFace(t)
		r := f.request("POST", appSignOut, strings.NewReader("return=/"), navigation(append(tc.headers, seat(seatLive)...)...)...)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if tc.origin != "" {
			r.Header["Origin"] = append([]string{tc.origin}, r.Header["Origin"]...)
		}
		if w := f.send(r); w.Code != http.StatusForbidden || len(f.signOut.ended) != 0 {
			t.Errorf("%s: %d, ended %v", name, w.Code, f.signOut.ended)
		}
	}
	f := newFace(t)
	r := f.request("POST", appSignOut, nil, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Origin", "null", "Cookie", "__Host-cardea="+seatLive)
	if w := f.send(r); w.Code != 200 || len(f.signOut.ended) != 1 {
		t.Errorf("our own page without a referrer: %d", w.Code)
	}
}

func TestAGETEndsNothingUnlessItIsOurOwnNavigation(t *testing.T) {
	f := newFace(t)
	atProvider(f)
	w := f.ask("GET", appSignOut, within(append(seat(seatLive), "Referer", "https://app.example/deep")...)...)
	if w.Code != 200 || len(f.signOut.ended) != 1 || f.signOut.ended[0].From != "https://app.example/deep" || !strings.Contains(w.Body.String(), "https://idp.example/logout") {
		t.Errorf("own link: %d, ended %+v", w.Code, f.signOut.ended)
	}
	for name, headers := range map[string][]string{
		"address bar":     navigation(),
		"cross-site link": {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site", "Accept", "text/html"},
		"same-site link":  {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-site", "Accept", "text/html"},
		"frame":           {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-origin"},
		"picture":         {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image", "Sec-Fetch-Site", "same-origin"},
		"fetch":           script(),
		"prefetch":        within("Sec-Purpose", "prefetch"),
		"no headers":      nil,
		"old browser":     {"Accept", "text/html"},
	} {
		f := newFace(t)
		w := f.ask("GET", appSignOut+"?return=/deep", append(headers, seat(seatLive)...)...)
		body := w.Body.String()
		if w.Code != 200 || len(f.signOut.ended) != 0 || !strings.Contains(body, `<form method="post" action="/.cardea/sign-out">`) || !strings.Contains(body, `value="/deep"`) ||
			strings.Contains(body, "http-equiv") || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d, ended %v\n%s", name, w.Code, f.signOut.ended, body)
		}
	}
}

func TestTheAppLeftDecidesWhatEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		address, origin, referer, back string
		mode                           signout.Mode
		from                           string
	}{
		"by the form":             {"https://gate.example", "https://gate.example", "", "/chat/x", signout.ModeGateway, "https://gate.example/chat/x"},
		"by the page":             {"https://gate.example", "https://gate.example", "https://gate.example/chat/y", "", signout.ModeGateway, "https://gate.example/chat/y"},
		"the root":                {"https://gate.example", "https://gate.example", "https://gate.example/z", "", signout.ModeProvider, "https://gate.example/z"},
		"another's page":          {"https://gate.example", "https://gate.example", "https://evil.example/chat/y", "", signout.ModeProvider, "https://gate.example/"},
		"a path of ours":          {"https://gate.example", "https://gate.example", "", "/.cardea/sign-in", signout.ModeProvider, "https://gate.example/"},
		"an app that has no root": {"https://hub.example", "https://hub.example", "", "", signout.ModeProvider, "https://hub.example/hub"},
	} {
		f := newFace(t)
		f.form(tc.address+"/.cardea/sign-out", tc.origin, url.Values{"return": {tc.back}, "mode": {"provider"}}, append(seat(seatLive), "Referer", tc.referer)...)
		if len(f.signOut.ended) != 1 || f.signOut.ended[0].Mode != tc.mode || f.signOut.ended[0].From != tc.from {
			t.Errorf("%s: %+v", name, f.signOut.ended)
		}
	}
}

func TestWhereAnAppAsksThePersonChooses(t *testing.T) {
	const ask = "https://ask.example:8443"
	f := newFace(t)
	for _, w := range []string{
		f.form(ask+"/.cardea/sign-out", ask, nil, seat(seatLive)...).Body.String(),
		f.form(ask+"/.cardea/sign-out", ask, url.Values{"mode": {"everything"}}, seat(seatLive)...).Body.String(),
		f.ask("GET", ask+"/.cardea/sign-out", within(seat(seatLive)...)...).Body.String(),
	} {
		if len(f.signOut.ended) != 0 || !strings.Contains(w, `name="mode" value="provider"`) || !strings.Contains(w, `name="mode" value="gateway"`) {
			t.Errorf("ended %v\n%s", f.signOut.ended, w)
		}
	}
	for _, mode := range []string{"provider", "gateway"} {
		f := newFace(t)
		f.form(ask+"/.cardea/sign-out", ask, url.Values{"mode": {mode}}, seat(seatLive)...)
		if len(f.signOut.ended) != 1 || string(f.signOut.ended[0].Mode) != mode {
			t.Errorf("%s: %+v", mode, f.signOut.ended)
		}
	}
	f = newFace(t)
	w := f.ask("POST", ask+"/.cardea/sign-out", script(append(seat(seatLive), "Origin", ask)...)...)
	if got := answer(t, w.Body.Bytes()); len(f.signOut.ended) != 0 || got.SignedOut || got.Continue != ask+"/.cardea/sign-out?return=%2F" {
		t.Errorf("script: %+v, ended %v", got, f.signOut.ended)
	}
}

type told struct {
	SignedOut bool `json:"signed_out"`
	Durable   bool
	Continue  string
}

func answer(t *testing.T, body []byte) told {
	t.Helper()
	var got told
	if err := json.Unmarshal(body, &got); err != nil {
		t.Errorf("%v: %s", err, body)
	}
	return got
}

func TestAScriptIsToldWhereToGo(t *testing.T) {
	post := script(append(seat(seatLive), "Origin", "https://app.example")...)
	f := newFace(t)
	atProvider(f)
	w := f.ask("POST", appSignOut, post...)
	if diff := cmp.Diff(told{true, true, f.signOut.call.URL}, answer(t, w.Body.Bytes())); diff != "" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v\n%s", w.Header(), diff)
	}
	f.signOut.call.Form = url.Values{"id_token_hint": {"long"}}
	if diff := cmp.Diff(told{true, true, signedOut + "?receipt=" + seatNew}, answer(t, f.ask("POST", appSignOut, post...).Body.Bytes())); diff != "" {
		t.Error(diff)
	}
	none := script("Origin", "https://app.example")
	if diff := cmp.Diff(told{true, true, signedOut}, answer(t, f.ask("POST", appSignOut, none...).Body.Bytes())); diff != "" {
		t.Error(diff)
	}
}

// CVE-2020-15223: with the store down the sign-out takes effect, and the answer says
// that it is not durable yet.
func TestCVE_2020_15223_ASignOutDuringAnOutageIsToldAsWhatItIs(t *testing.T) {
	hash, _ := session.HashSeatValue(seatDown)
	f := newFace(t)
	f.known[hash] = person("cached")
	f.signOut.err = errors.Join(signout.ErrNotDurable, errStore)
	f.signOut.result = signout.Result{StateValue: seatNew}
	w := f.form(appSignOut, "https://app.example", nil, seat(seatDown)...)
	if w.Code != 200 || len(f.signOut.ended) != 1 || f.signOut.ended[0].Session != "cached" || f.signOut.ended[0].Known == nil || !strings.Contains(w.Body.String(), "receipt="+seatNew) {
		t.Errorf("%d, ended %+v", w.Code, f.signOut.ended)
	}
	if got := answer(t, f.ask("POST", appSignOut, script("Origin", "https://app.example", "Cookie", "__Host-cardea="+seatDown)...).Body.Bytes()); !got.SignedOut || got.Durable {
		t.Errorf("script: %+v", got)
	}

	// What nobody here knows cannot be ended, and nobody is told that it was.
	for _, err := range []error{errStore, session.ErrConflict, errors.New("too many")} {
		f := newFace(t)
		f.signOut.err = err
		cookie := seatLive
		if errors.Is(err, errStore) {
			cookie = seatDown
		}
		w := f.form(appSignOut, "https://app.example", nil, seat(cookie)...)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Set-Cookie") != "" || strings.Contains(w.Body.String(), "http-equiv") {
			t.Errorf("%v: %d %v", err, w.Code, w.Header())
		}
	}
}

func TestASignOutWithoutASessionEndsOnThePageToo(t *testing.T) {
	for _, value := range []string{"", seatEnded, seatExpired, seatUnknown} {
		f := newFace(t)
		w := f.form(appSignOut, "https://app.example", nil, seat(value)...)
		if w.Code != 200 || len(f.signOut.ended) != 0 || !strings.Contains(w.Body.String(), `url=`+signedOut+`"`) || len(f.signOut.asked) != 0 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%q: %d\n%s", value, w.Code, w.Body)
		}
	}
	f := newFace(t)
	f.signOut.err = session.ErrNotFound // ended and swept between verdict and end
	if w := f.form(appSignOut, "https://app.example", nil, seat(seatLive)...); w.Code != 200 || !strings.Contains(w.Body.String(), `url=`+signedOut) {
		t.Errorf("%d", w.Code)
	}
	// Only the gateway's own page offers to leave a provider without a session.
	f = newFace(t)
	for _, values := range []url.Values{{"provider": {"nobody"}}, {"provider": {"main"}}} {
		if w := f.form(appSignOut, "https://app.example", values); len(f.signOut.asked) != 0 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%v: asked %v", values, f.signOut.asked)
		}
	}
	if w := f.ask("GET", "https://gate.example/.cardea/sign-out?provider=main", navigation()...); len(f.signOut.asked) != 0 || w.Header().Get("Set-Cookie") != "" {
		t.Error("a link signs out of the provider")
	}
}

func TestEndingAsksNoRuleOfAnyApp(t *testing.T) {
	for _, value := range []string{seatDenied, seatOld, seatLost} {
		f := newFace(t)
		f.form(appSignOut, "https://app.example", nil, seat(value)...)
		if len(f.signOut.ended) != 1 || f.guard.asked[0].App.ID != "cardea" || f.guard.asked[0].Active {
			t.Errorf("ended %+v, asked %+v", f.signOut.ended, f.guard.asked)
		}
	}
}
