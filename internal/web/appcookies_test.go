package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// kept says which session was left, and at which origin.
type keptCookies struct{ app string }

func (k keptCookies) Leaving(_ context.Context, id session.ID, o httpx.Origin, _ *http.Request) []string {
	return []string{k.app + "=" + string(id) + "; Max-Age=0; Domain=" + o.Host()}
}

func withCookies(o *Options) {
	for i := range o.Apps {
		o.Apps[i].Cookies = keptCookies{o.Apps[i].Rules.ID}
	}
}

func TestSigningOutExpiresWhatTheBrowserHoldsOfTheAppsThere(t *testing.T) {
	const gone = "other=live; Max-Age=0; Domain=app.example"
	f := newFace(t, withCookies)
	atProvider(f)
	w := f.form("https://app.example/.cardea/sign-out", "https://app.example", nil, seat(seatLive)...)
	if got := w.Header()["Set-Cookie"]; !slices.Contains(got, gone) || strings.Contains(strings.Join(got, ""), "chat=") {
		t.Errorf("%q", got)
	}
	f = newFace(t, withCookies, func(o *Options) {
		for i := range o.Apps {
			o.Apps[i].Logout, o.Apps[i].Upstream = []Logout{{"POST", "/api/logout"}}, answers(loggedOut)
		}
	})
	if got := fetchLogout(f, seatLive).Header()["Set-Cookie"]; !slices.Contains(got, gone) {
		t.Errorf("by the app's own logout: %q", got)
	}
}

func TestAPageThatLeavesByItselfExpiresThemToo(t *testing.T) {
	f := newFace(t, withCookies)
	w := f.ask("GET", "https://app.example/.cardea/signed-out?return=%2Fdeep%3Fx", within(seat(seatEnded)...)...)
	to := location(t, w)
	if got := w.Header()["Set-Cookie"]; !slices.Contains(got, "other=ended; Max-Age=0; Domain=app.example") {
		t.Errorf("%q", got)
	}
	if to.Host != "gate.example" || to.Query().Get("return") != "/deep?x" || to.Query().Get("origin") != "https://app.example" {
		t.Errorf("leads to %s", to)
	}
	if w = f.ask("GET", "https://app.example/.cardea/signed-out", within(seat(seatLive)...)...); len(w.Header()["Set-Cookie"]) > 0 {
		t.Errorf("a live session loses its cookies: %q", w.Header()["Set-Cookie"])
	}
}

func TestPollingIsNobodysActivity(t *testing.T) {
	f := newFace(t, func(o *Options) {
		for i := range o.Apps {
			o.Apps[i].Polling = []string{"/_stcore/health", "/user/*/api/status"}
		}
	})
	for path, active := range map[string]bool{
		"/": true, "/_stcore/health": false, "/_stcore/healthy": true, "/_stcore": true, "/_stcore/health/deep": false,
		"/user/ada/api/status": false, "/user/ada/api/status?x=1": false, "/user/ada/api/contents": true, "/user//api/status": true,
	} {
		f.guard.asked = nil
		f.ask("GET", "https://app.example"+path, script(seat(seatLive)...)...)
		if len(f.guard.asked) != 1 || f.guard.asked[0].Active != active {
			t.Errorf("%s: %+v", path, f.guard.asked)
		}
	}
}

func TestAnAppsClientGetsTheRefusalThatItUnderstands(t *testing.T) {
	f := newFace(t, func(o *Options) {
		for i := range o.Apps {
			o.Apps[i].Refusal = http.StatusForbidden
		}
	})
	if w := f.ask("GET", "https://app.example/api", script(seat(seatEnded)...)...); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
	if w := f.ask("GET", "https://app.example/page", navigation()...); w.Code != http.StatusSeeOther {
		t.Errorf("a page gets %d", w.Code)
	}
}
