package web

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

var receiptA = signout.Receipt{Session: "a", Provider: "main", Cause: session.CauseButton, Mode: signout.ModeProvider, ReturnURL: "https://app.example/deep?x=1"}

func withReceipt(t *testing.T) *face {
	f := newFace(t)
	f.signOut.receipts["STATE"] = receiptA
	f.signOut.ofs["ended"] = receiptA
	f.signOut.steps = []signout.Step{
		{What: signout.WhatSession, State: signout.StepDone}, {What: signout.WhatConnections, State: signout.StepDone, Count: 3},
		{What: signout.WhatOthers, State: signout.StepDone, Count: 2},
		{What: signout.WhatTokens, State: signout.StepRetrying}, {What: signout.WhatProvider, State: signout.StepOpen},
	}
	return f
}

// shown tells whether the page is the receipt.
func shown(body string) bool { return strings.Contains(body, `id="receipt"`) }

func TestTheReceiptIsFoundByStateByReceiptAndByCookie(t *testing.T) {
	for name, tc := range map[string]struct {
		query    string
		headers  []string
		receipt  bool
		returned int
	}{
		"state, coming back":        {"?state=STATE", navigation(), true, 1},
		"state, fetched":            {"?state=STATE", script(), false, 0},
		"state, prefetched":         {"?state=STATE", navigation("Sec-Purpose", "prefetch"), false, 0},
		"state, framed":             {"?state=STATE", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, false, 0},
		"receipt":                   {"?receipt=STATE", navigation(), true, 0},
		"cookie":                    {"", navigation(seat(seatEnded)...), true, 0},
		"unknown state":             {"?state=FOREIGN", navigation(), false, 1},
		"unknown state, but cookie": {"?state=FOREIGN", navigation(seat(seatEnded)...), true, 1},
		"unknown receipt":           {"?receipt=FOREIGN", navigation(), false, 0},
		"nothing":                   {"", navigation(), false, 0},
		"a cookie nobody knows":     {"", navigation(seat(seatUnknown)...), false, 0},
	} {
		f := withReceipt(t)
		w := f.ask("GET", signedOut+tc.query, tc.headers...)
		if w.Code != 200 || shown(w.Body.String()) != tc.receipt || len(f.signOut.returned) != tc.returned || w.Header().Get("Set-Cookie") != "" || len(f.signIn.started) != 0 {
			t.Errorf("%s: %d, returned %v\n%s", name, w.Code, f.signOut.returned, w.Body)
		}
		if strings.Contains(w.Body.String(), "http-equiv") {
			t.Errorf("%s: the page moves on by itself", name)
		}
	}
}

func TestALookAgainDoesNotCountAsAReturn(t *testing.T) {
	f := withReceipt(t)
	body := f.ask("GET", signedOut+"?state=STATE&return=/deep", navigation()...).Body.String()
	const link = "/.cardea/signed-out?receipt=STATE&amp;return=%2Fdeep"
	if !strings.Contains(body, `href="`+link+`"`) {
		t.Fatalf("no link to look again:\n%s", body)
	}
	f.ask("GET", "https://gate.example"+strings.ReplaceAll(link, "&amp;", "&"), within()...)
	if len(f.signOut.returned) != 1 {
		t.Errorf("returned %v", f.signOut.returned)
	}
	f.signOut.steps = f.signOut.steps[:1]
	if body := f.ask("GET", signedOut+"?receipt=STATE", navigation()...).Body.String(); strings.Contains(body, "signed-out?receipt") {
		t.Error("there is nothing more to see")
	}
	if got := refreshURL(&request{Request: f.request("GET", signedOut, nil)}); got != "/.cardea/signed-out" {
		t.Errorf("by cookie: %s", got)
	}
}

func TestTheReceiptSaysWhatIsLeftOpen(t *testing.T) {
	f := withReceipt(t)
	body := f.ask("GET", signedOut+"?receipt=STATE", navigation()...).Body.String()
	if strings.Count(body, `href="https://idp.example/bye"`) != 1 || !strings.Contains(body, `class="still-open"`) || !strings.Contains(body, `class="retrying"`) {
		t.Errorf("%s", body)
	}
	if !strings.Contains(body, "Your sessions on 2 other devices or browsers have ended.") {
		t.Errorf("the others:\n%s", body)
	}
	f.signOut.steps[0].State = signout.StepNotDurable
	body = f.ask("GET", signedOut+"?receipt=STATE", navigation("Accept-Language", "en")...).Body.String()
	if !strings.Contains(body, "not yet for good") {
		t.Errorf("not durable:\n%s", body)
	}
	f.signOut.steps = []signout.Step{{What: signout.WhatSession, State: signout.StepDone}, {What: signout.WhatProvider, State: signout.StepDone}}
	if body = f.ask("GET", signedOut+"?receipt=STATE", navigation()...).Body.String(); strings.Contains(body, "https://idp.example/bye") {
		t.Error("a link to end what has ended")
	}
}

func TestEveryCauseHasAText(t *testing.T) {
	for _, cause := range []session.Cause{
		session.CauseButton, session.CauseApp, session.CauseEverywhere, session.CauseAdmin, session.CauseBackChannel, session.CauseFrontChannel, session.CauseExpired,
		session.CauseRefreshRefused, session.CauseUnconfirmed, session.CauseAccessWithdrawn, session.CauseAccount, session.CauseIdentity, session.CauseProvider, session.CauseOtherAccount,
	} {
		page := pages.SignedOutCause(signout.RuleOf(cause, "").Page)
		found := false
		for _, known := range pages.SignedOutCauses() {
			found = found || known == page
		}
		if !found {
			t.Errorf("%s has the page %q", cause, page)
		}
	}
}

func TestAReceiptThatIsGoneStillSaysWhy(t *testing.T) {
	f := newFace(t)
	f.signOut.steps = []signout.Step{{What: signout.WhatSession, State: signout.StepDone}}
	if w := f.ask("GET", signedOut, navigation(seat(seatExpired)...)...); w.Code != 200 || !shown(w.Body.String()) {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

// CVE-2026-34454: the page never looks as if somebody were signed out who is not.
func TestCVE_2026_34454_ThePageDoesNotPretend(t *testing.T) {
	f := newFace(t)
	for _, query := range []string{"", "?state=FOREIGN", "?receipt=FOREIGN"} {
		w := f.ask("GET", signedOut+query, within(seat(seatLive)...)...)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `action="/.cardea/sign-out"`) || len(signInLinks(w.Body.String())) != 0 || len(f.signOut.ended) != 0 {
			t.Errorf("%s: %d\n%s", query, w.Code, w.Body)
		}
	}
}

func TestTheSignedOutPageDuringAnOutage(t *testing.T) {
	f := withReceipt(t)
	f.signOut.readErr = errStore
	for _, query := range []string{"?state=STATE", "?receipt=STATE"} {
		if w := f.ask("GET", signedOut+query, navigation()...); w.Code != 503 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	f = withReceipt(t)
	f.signOut.stepsErr = errors.New("cannot be read")
	if w := f.ask("GET", signedOut+"?receipt=STATE", navigation()...); w.Code != 503 {
		t.Errorf("steps: %d", w.Code)
	}
	f = withReceipt(t)
	if w := f.ask("GET", signedOut, navigation(seat(seatDown)...)...); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("cookie: %d", w.Code)
	}
	// An end that waits for the store is known without it.
	hash, _ := session.HashSeatValue(seatDown)
	f.known[hash] = person("ended")
	if w := f.ask("GET", signedOut, navigation(seat(seatDown)...)...); w.Code != 200 || !shown(w.Body.String()) {
		t.Errorf("waiting end: %d", w.Code)
	}
	f.known[hash] = person("lives")
	if w := f.ask("GET", signedOut, navigation(seat(seatDown)...)...); w.Code != 503 {
		t.Errorf("a session that did not end: %d", w.Code)
	}
}

func TestOtherOriginsLeadToTheGatewaysPage(t *testing.T) {
	f := newFace(t)
	got := location(t, f.ask("GET", "https://app.example/.cardea/signed-out?state=STATE", navigation()...)).String()
	if got != signedOut+"?origin=https%3A%2F%2Fapp.example" || len(f.signOut.returned) != 0 {
		t.Errorf("%s, returned %v", got, f.signOut.returned)
	}
	if body := f.ask("GET", got, navigation()...).Body.String(); !strings.Contains(body, `href="https://app.example/.cardea/sign-in"`) {
		t.Errorf("%s", body)
	}
}

func TestSigningInAgainLeadsBackAndNowhereElse(t *testing.T) {
	for name, tc := range map[string]struct{ query, from, want string }{
		"from the receipt":             {"?receipt=STATE", "https://app.example/deep?x=1", "https://app.example/.cardea/sign-in?return=%2Fdeep%3Fx%3D1"},
		"a page asked for meanwhile":   {"?receipt=STATE&return=/new", "https://app.example/deep", "/.cardea/sign-in?return=%2Fnew"},
		"elsewhere":                    {"?receipt=STATE&return=/new&origin=https://x.apps.example", "", "https://x.apps.example/.cardea/sign-in?return=%2Fnew"},
		"the gateway itself":           {"?receipt=STATE", "https://gate.example/chat/", "/.cardea/sign-in?return=%2Fchat%2F"},
		"a receipt of a removed app":   {"?receipt=STATE", "https://gone.example/x", "/.cardea/sign-in"},
		"a receipt that names nothing": {"?receipt=STATE", "::", "/.cardea/sign-in"},
	} {
		f := withReceipt(t)
		r := receiptA
		r.ReturnURL = tc.from
		f.signOut.receipts["STATE"] = r
		if body := f.ask("GET", signedOut+tc.query, navigation()...).Body.String(); !strings.Contains(body, `href="`+tc.want+`"`) {
			t.Errorf("%s: no %s\n%s", name, tc.want, body)
		}
	}
	for _, origin := range []string{
		"https://evil.example", "https://evil/.apps.example", "https://evil%2f.apps.example", "https://evil@x.apps.example", "https://x.apps.example@evil.example",
		"https://x.apps.example.evil.example", "https://x.apps.example:1", "https://x.apps.example/", "https://X.apps.example", "https://x.apps.example#", "https://x.apps.example?a",
		"https://evil\\.apps.example", "https://evil:80/.apps.example", "https://[::1]/.apps.example", "https://2130706433/.apps.example", "//x.apps.example", "x.apps.example",
		"javascript:alert(1)//.apps.example", "https:x.apps.example", "https:///x.apps.example", "http://x.apps.example", "https://.apps.example", "https://a.b.apps.example", "https://\tx.apps.example", "null", "\x00",
	} {
		f := withReceipt(t)
		for _, on := range []string{"https://gone.example", ""} {
			r := receiptA
			r.ReturnURL = on
			f.signOut.receipts["STATE"] = r
			body := f.ask("GET", signedOut+"?"+url.Values{"receipt": {"STATE"}, "origin": {origin}, "return": {"/x"}}.Encode(), navigation()...).Body.String()
			if diff := cmp.Diff([]string{"/.cardea/sign-in"}, signInLinks(body)); diff != "" {
				t.Errorf("%q:\n%s", origin, diff)
			}
		}
	}
}

// signInLinks are the links to a sign-in on a page.
func signInLinks(body string) []string {
	var list []string
	for _, part := range strings.Split(body, `href="`)[1:] {
		link, _, _ := strings.Cut(part, `"`)
		if strings.Contains(link, "/sign-in") {
			list = append(list, link)
		}
	}
	return list
}
