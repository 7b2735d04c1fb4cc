package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// silent makes every provider one that does not answer in time, or that is down.
func silent(down bool) func(*Options) {
	return func(o *Options) {
		for i := range o.Providers {
			o.Providers[i].Reachable = func(context.Context) bool { return false }
			o.Providers[i].Down = func(context.Context) bool { return down }
		}
	}
}

func TestAProviderThatIsSlowIsWaitedFor(t *testing.T) {
	f := newFace(t, silent(false))
	w := f.ask(http.MethodGet, "https://gate.example/.cardea/sign-in?return=/deep&provider=main", navigation()...)
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "https://idp.example/authorize") {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestNobodyIsSentToAProviderThatIsDown(t *testing.T) {
	f := newFace(t, silent(true))
	w := f.ask(http.MethodGet, "https://gate.example/.cardea/sign-in?return=/deep&provider=main", navigation()...)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Location") != "" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d, Location %q", w.Code, w.Header().Get("Location"))
	}
	if !strings.Contains(w.Body.String(), "return=%2Fdeep") {
		t.Error("the page does not lead back to where the person was going")
	}
}

func TestALostGrantKeepsPeopleInWhileTheProviderIsSilent(t *testing.T) {
	f := newFace(t, silent(false))
	if w := f.ask(http.MethodGet, "https://app.example/page", navigation(seat(seatLost)...)...); w.Code != http.StatusOK || len(f.reached) != 1 {
		t.Errorf("%d, %d requests reached the app", w.Code, len(f.reached))
	}
}

func TestAHeaderThatIsTooLargeIsToldByAPage(t *testing.T) {
	f := newFace(t, func(o *Options) { o.HeaderBytes = 8192 })
	big := strings.Repeat("x", 9000)
	for name, tc := range map[string]struct {
		headers []string
		media   string
	}{
		"a person":  {navigation("Cookie", "a="+big), "text/html"},
		"a program": {[]string{"X-Big", big}, "application/problem+json"},
	} {
		w := f.ask(http.MethodGet, "https://app.example/page", tc.headers...)
		if w.Code != http.StatusRequestHeaderFieldsTooLarge || !strings.HasPrefix(w.Header().Get("Content-Type"), tc.media) {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		if len(w.Header()["Set-Cookie"]) != 0 {
			t.Errorf("%s: cookies were touched", name)
		}
	}
	if len(f.reached) != 0 {
		t.Error("it reached the app")
	}
	if w := f.ask(http.MethodGet, "https://app.example/page", navigation(seat(seatLive)...)...); w.Code != http.StatusOK {
		t.Errorf("an ordinary request: %d", w.Code)
	}
}

func TestAnAppsFailureKeepsTheStatusThatSaysWhy(t *testing.T) {
	f := NewFailures(newPages(t), nil, slog.New(slog.DiscardHandler))
	for status, kind := range map[int]string{
		http.StatusBadGateway: "upstream-unavailable", http.StatusGatewayTimeout: "upstream-unavailable",
		http.StatusBadRequest: "bad-request", http.StatusRequestEntityTooLarge: "bad-request",
	} {
		w := httptest.NewRecorder()
		f.Unavailable(w, httptest.NewRequest(http.MethodPost, "/upload", nil), status, errors.New("broke off"))
		if w.Code != status || !strings.Contains(w.Body.String(), kind) {
			t.Errorf("%d became %d: %s", status, w.Code, w.Body)
		}
	}
}
