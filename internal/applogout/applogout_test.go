package applogout

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/session"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// jar keeps cookies for every path.
type jar map[string]string

func (j jar) Cookie(time.Time, string) string {
	if v, ok := j["sid"]; ok {
		return "sid=" + v
	}
	return ""
}

func (j jar) Value(_ time.Time, _, name string) (string, bool) { v, ok := j[name]; return v, ok }

func (j jar) Set(_ time.Time, _ string, lines []string) {
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		j[name] = value
	}
}

func (jar) Origin() httpx.Origin { return "https://app.example" }

// upstream is an app that answers by a handler.
type upstream http.HandlerFunc

func (u upstream) Call(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() { defer close(done); u(w, r) }()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func caller(t *testing.T, u upstream, j Jar, calls ...preset.Call) *Caller {
	t.Helper()
	c, err := New(Options{Now: func() time.Time { return now }, Apps: []App{{
		ID: "app", Calls: calls, Upstream: u, Remains: func(_ context.Context, id session.ID) (Jar, error) {
			switch id {
			case "none":
				return nil, nil
			case "down":
				return nil, session.ErrUnavailable
			}
			return j, nil
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func entry(id string) outbox.Entry {
	return outbox.Entry{Kind: outbox.KindAppLogout, App: "app", Session: id}
}

var logout = preset.Call{Method: "POST", Path: "/logout"}

func TestTheCallIsTheOneThatTheAppsOwnPageMakes(t *testing.T) {
	var got *http.Request
	var form url.Values
	c := caller(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ := io.ReadAll(r.Body)
		form, _ = url.ParseQuery(string(body))
	}, jar{"sid": "s", "_xsrf": "token"}, preset.Call{
		Method: "POST", Path: "/hub/logout?now=1", Header: map[string]string{"X-Own": "1"}, Form: map[string]string{"all": "no"},
		XSRF: &preset.XSRF{Cookie: "_xsrf", Header: "X-XSRFToken"},
	})
	if err := c.Deliver(t.Context(), entry("s1")); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Cookie": {"sid=s"}, "X-Xsrftoken": {"token"}, "X-Own": {"1"}, "Origin": {"https://app.example"}, "Sec-Fetch-Site": {"same-origin"},
		"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"app.example"},
		"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"Cardea"}, "Accept": {"*/*"}, "Referer": {"https://app.example/hub/logout"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" || got.Host != "app.example" || got.URL.String() != "/hub/logout?now=1" {
		t.Errorf("%s at %s\n%s", got.URL, got.Host, diff)
	}
	if diff := cmp.Diff(url.Values{"all": {"no"}}, form); diff != "" {
		t.Error(diff)
	}
}

func TestATokenIsFetchedWhereNoneIsKept(t *testing.T) {
	var paths []string
	c := caller(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.Method+" "+r.URL.String())
		if r.URL.Path == "/home" {
			w.Header().Set("Set-Cookie", "csrf=fresh; Path=/")
		}
	}, jar{}, preset.Call{Method: "POST", Path: "/logout", XSRF: &preset.XSRF{Cookie: "csrf", Query: "t", From: "/home"}})
	if err := c.Deliver(t.Context(), entry("s1")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"GET /home", "POST /logout?t=fresh"}, paths); diff != "" {
		t.Error(diff)
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for status, want := range map[int]error{
		200: nil, 204: nil, 302: nil, 401: nil, 410: nil,
		400: outbox.ErrPermanent, 403: outbox.ErrPermanent, 404: outbox.ErrPermanent, 405: outbox.ErrPermanent,
		408: errAny, 429: errAny, 500: errAny, 503: errAny,
	} {
		c := caller(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://evil.example/") // is not followed
			w.WriteHeader(status)
		}, jar{"sid": "s"}, logout)
		err := c.Deliver(t.Context(), entry("s1"))
		switch {
		case want == nil && err != nil, want != nil && err == nil:
			t.Errorf("%d: %v", status, err)
		case errors.Is(want, errAny) && errors.Is(err, outbox.ErrPermanent), errors.Is(want, outbox.ErrPermanent) && !errors.Is(err, want):
			t.Errorf("%d: %v", status, err)
		}
		if err != nil && strings.Contains(err.Error(), "sid") {
			t.Errorf("%d: a cookie in %v", status, err)
		}
	}
}

var errAny = errors.New("any that is tried again")

func TestWhatIsNotKeptIsNotTold(t *testing.T) {
	c := caller(t, nil, jar{}, logout)
	for id, want := range map[string]error{"none": outbox.ErrNotNeeded, "down": session.ErrUnavailable} {
		if err := c.Deliver(t.Context(), entry(id)); !errors.Is(err, want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := c.Deliver(t.Context(), outbox.Entry{App: "gone"}); !errors.Is(err, outbox.ErrPermanent) {
		t.Errorf("an app that is gone: %v", err)
	}
	noToken := caller(t, func(http.ResponseWriter, *http.Request) {}, jar{}, preset.Call{Method: "POST", Path: "/logout", XSRF: &preset.XSRF{Cookie: "csrf", Header: "X-T"}})
	if err := noToken.Deliver(t.Context(), entry("s1")); !errors.Is(err, outbox.ErrPermanent) {
		t.Errorf("without a token: %v", err)
	}
}

func TestAnAppThatHangsIsGivenUpInTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hold := make(chan struct{})
	defer close(hold)
	c := caller(t, func(http.ResponseWriter, *http.Request) { <-hold }, jar{"sid": "s"}, logout)
	if err := c.Deliver(ctx, entry("s1")); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, outbox.ErrPermanent) {
		t.Errorf("%v", err)
	}
}
