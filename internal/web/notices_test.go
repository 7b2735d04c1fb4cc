package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// fakeNotices takes tokens by what they are called.
type fakeNotices struct{}

func (fakeNotices) LogoutToken(_ context.Context, raw string) (string, oidc.LogoutToken, error) {
	switch raw {
	case "good":
		return "main", oidc.LogoutToken{Issuer: "https://idp.example", Subject: "ada", SID: "sid-1", ID: "jti-1", IssuedAt: now, Expires: now.Add(2 * time.Minute)}, nil
	case "no-keys":
		return "", oidc.LogoutToken{}, &oidc.UnreachableError{Err: errStore}
	}
	return "", oidc.LogoutToken{}, fmt.Errorf("%w: bad signature", oidc.ErrRefused)
}

func (fakeNotices) FrontChannel(provider, iss string) (string, bool) {
	return "https://idp.example", provider == "main" && (iss == "" || iss == "https://idp.example")
}

// spent remembers single-use values.
type spent map[session.SeatHash]time.Time

func (s spent) once(_ context.Context, _ time.Time, key session.SeatHash, until time.Time) error {
	if _, again := s[key]; again {
		return signin.ErrUsed
	}
	s[key] = until
	return nil
}

const backChannelAt = "https://gate.example/.cardea/backchannel-logout"

func (f *face) post(values url.Values) *httptest.ResponseRecorder {
	r := f.request("POST", backChannelAt, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.send(r)
}

func TestALogoutTokenEndsWhatItIsAbout(t *testing.T) {
	f := newFace(t)
	w := f.post(url.Values{"logout_token": {"good"}})
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || w.Body.Len() != 0 {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	want := []signout.Notice{{
		Provider: "main", Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "ada"}, SID: "sid-1", At: now, Cause: session.CauseBackChannel,
	}}
	if diff := cmp.Diff(want, f.signOut.notices); diff != "" {
		t.Error(diff)
	}
	if w = f.post(url.Values{"logout_token": {"good"}}); w.Code != http.StatusBadRequest {
		t.Errorf("a token that is used again: %d", w.Code)
	}
}

func TestATokenThatIsNotGoodIsRefusedAsTheSpecificationSays(t *testing.T) {
	for name, values := range map[string]url.Values{
		"bad": {"logout_token": {"bad"}}, "none": {}, "two": {"logout_token": {"good", "good"}}, "large": {"logout_token": {strings.Repeat("x", maxNotice)}},
	} {
		f := newFace(t)
		w := f.post(values)
		if w.Code != http.StatusBadRequest || w.Header().Get("Cache-Control") != "no-store" ||
			!strings.HasPrefix(w.Body.String(), `{"error":"invalid_request"`) || len(f.signOut.notices) != 0 {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
	}
	f := newFace(t)
	if w := f.ask("POST", backChannelAt+"?logout_token=good"); w.Code != http.StatusBadRequest {
		t.Errorf("in the query: %d", w.Code)
	}
	if w := f.ask("GET", backChannelAt); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	if w := f.ask("POST", "https://app.example/.cardea/backchannel-logout"); w.Code != http.StatusNotFound {
		t.Errorf("at an app's origin: %d", w.Code)
	}
}

func TestWhatCannotBeDoneNowIsNotTakenForDone(t *testing.T) {
	f := newFace(t)
	if w := f.post(url.Values{"logout_token": {"no-keys"}}); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("without keys: %d", w.Code)
	}
	f.signOut.err = errStore
	if w := f.post(url.Values{"logout_token": {"good"}}); w.Code != http.StatusServiceUnavailable {
		t.Errorf("store down: %d", w.Code)
	}
	f.signOut.err = nil
	if w := f.post(url.Values{"logout_token": {"good"}}); w.Code != http.StatusOK {
		t.Errorf("again, with the store back: %d", w.Code)
	}
}

func TestStrangersWhoSendBadTokensWait_GoodOnesNeverDo(t *testing.T) {
	f := newFace(t, func(o *Options) {
		o.Once = func(context.Context, time.Time, session.SeatHash, time.Time) error { return nil }
	})
	for range 200 {
		if w := f.post(url.Values{"logout_token": {"good"}}); w.Code != http.StatusOK {
			t.Fatalf("a good token: %d", w.Code)
		}
	}
	codes := map[int]int{}
	for range 100 {
		codes[f.post(url.Values{"logout_token": {"bad"}}).Code]++
	}
	if diff := cmp.Diff(map[int]int{400: badNotices, 429: 100 - badNotices}, codes); diff != "" {
		t.Error(diff)
	}
	if w := f.post(url.Values{"logout_token": {"good"}}); w.Code != http.StatusOK {
		t.Errorf("a good token from an address that they share: %d", w.Code)
	}
	if n := strings.Count(f.logs.String(), "logout token refused"); n != badNotices {
		t.Errorf("%d lines in the log", n)
	}
}

func TestAFrameOfTheProvidersEndsASessionBySidAlone(t *testing.T) {
	const at = "https://gate.example/.cardea/frontchannel-logout/"
	f := newFace(t)
	frame := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "cross-site"}
	w := f.ask("GET", at+"main?sid=sid-1&iss=https%3A%2F%2Fidp.example", frame...)
	h := w.Header()
	if w.Code != http.StatusOK || h.Get("X-Frame-Options") != "" || h.Get("Cache-Control") != "no-store" ||
		h.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors *" || h["Set-Cookie"] != nil {
		t.Errorf("%d %v", w.Code, h)
	}
	want := []signout.Notice{{
		Provider: "main", Identity: oidc.Identity{Issuer: "https://idp.example"}, SID: "sid-1", At: now, Cause: session.CauseFrontChannel,
	}}
	if diff := cmp.Diff(want, f.signOut.notices); diff != "" {
		t.Error(diff)
	}
	for name, query := range map[string]string{
		"no sid": "main?iss=https%3A%2F%2Fidp.example", "another issuer": "main?sid=sid-1&iss=https%3A%2F%2Fevil.example",
		"unknown provider": "other?sid=sid-1", "long": "main?sid=" + strings.Repeat("x", 600),
	} {
		f := newFace(t)
		if w := f.ask("GET", at+query, frame...); w.Code != http.StatusBadRequest || len(f.signOut.notices) != 0 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
