package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

const appLogout = "https://app.example/api/logout"

// answers is an app by what it answers.
type answers func(w http.ResponseWriter, r *http.Request, v guard.Verdict)

func (a answers) ServeApp(w http.ResponseWriter, r *http.Request, v guard.Verdict) { a(w, r, v) }

// loggedOut is an app that drops its own cookies at its logout.
func loggedOut(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) {
	h := w.Header()
	h.Add("Set-Cookie", "app=; Max-Age=0")
	h.Add("Set-Cookie", "app2=; Max-Age=0")
	h.Set("Content-Type", "application/json")
	h.Set("X-App", "said")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Length", "11")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"bye":"x"}`)
}

// withLogout gives every app a logout of its own, by link and by POST.
func withLogout(t *testing.T, says answers) *face {
	t.Helper()
	f := newFace(t, func(o *Options) {
		for i := range o.Apps {
			o.Apps[i].Logout = []Logout{{"POST", "/api/logout"}, {"GET", "/logout"}}
			app := o.Apps[i].Upstream
			o.Apps[i].Upstream = answers(func(w http.ResponseWriter, r *http.Request, v guard.Verdict) {
				if says == nil || r.URL.Path != "/api/logout" && r.URL.Path != "/logout" {
					app.ServeApp(w, r, v)
					return
				}
				app.ServeApp(httptest.NewRecorder(), r, v) // is counted
				says(w, r, v)
			})
		}
	})
	atProvider(f)
	return f
}

func fetchLogout(f *face, value string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.ask("POST", appLogout, script(append(seat(value), "Origin", "https://app.example")...)...)
}

var keptSeat = "__Host-cardea=" + seatLive + "; Path=/; Max-Age=36000; HttpOnly; Secure; SameSite=Lax"

func TestAScriptThatSignsOutInTheAppGetsTheAppsAnswerAndTheSessionEnds(t *testing.T) {
	f := withLogout(t, loggedOut)
	w := fetchLogout(f, seatLive)
	want := []signout.Request{{Session: "live", Cause: session.CauseApp, Mode: signout.ModeProvider, From: "https://app.example/", By: "app", Known: person("live"), Told: "other"}}
	if diff := cmp.Diff(want, f.signOut.ended, cmpopts.IgnoreUnexported(signout.Request{})); diff != "" {
		t.Error(diff)
	}
	header := http.Header{
		"Set-Cookie":   {"app=; Max-Age=0", "app2=; Max-Age=0", keptSeat},
		"Content-Type": {"application/json"}, "X-App": {"said"}, "Cache-Control": {"no-store"},
	}
	if diff := cmp.Diff(header, w.Header()); diff != "" || w.Code != http.StatusAccepted || w.Body.String() != `{"bye":"x"}` {
		t.Errorf("%d %s\n%s", w.Code, w.Body, diff)
	}
	if diff := cmp.Diff([]string{"other /api/logout"}, f.reached); diff != "" || f.verdict.Session == nil {
		t.Errorf("the app was asked as %+v:\n%s", f.verdict, diff)
	}
}

// The app's own logout by a form or a link: the person's browser moves on by itself, and
// what the app would have it do next does not come between.
func TestAPageThatSignsOutInTheAppMovesOnToTheProvider(t *testing.T) {
	toLogin := func(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) {
		w.Header().Set("Set-Cookie", "app=; Max-Age=0")
		w.Header().Set("Location", "/login")
		w.WriteHeader(http.StatusFound)
	}
	for name, send := range map[string]func(*face) *httptest.ResponseRecorder{
		"form": func(f *face) *httptest.ResponseRecorder {
			return f.form(appLogout, "https://app.example", url.Values{"csrf": {"x"}}, seat(seatLive)...)
		},
		"link": func(f *face) *httptest.ResponseRecorder {
			return f.ask("GET", "https://app.example/logout?next=%2F", within(seat(seatLive)...)...)
		},
	} {
		f := withLogout(t, toLogin)
		w := send(f)
		if w.Code != 200 || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), `content="0; url=https://idp.example/logout?id_token_hint=h"`) {
			t.Errorf("%s: %d %v\n%s", name, w.Code, w.Header(), w.Body)
		}
		if diff := cmp.Diff([]string{"app=; Max-Age=0", keptSeat}, w.Header()["Set-Cookie"]); diff != "" || len(f.signOut.ended) != 1 || len(f.reached) != 1 {
			t.Errorf("%s: ended %v, reached %v\n%s", name, f.signOut.ended, f.reached, diff)
		}
	}
}

// Anybody can make a browser send a GET, so that only a person's own click counts.
func TestALinkToTheAppsLogoutEndsNothingUnlessItWasFollowedHere(t *testing.T) {
	for name, tc := range map[string]struct {
		method  string
		headers []string
	}{
		"address bar":     {"GET", navigation()},
		"cross-site link": {"GET", navigation("Sec-Fetch-Site", "cross-site")},
		"old browser":     {"GET", []string{"Accept", "text/html"}},
		"no headers":      {"GET", nil},
		"picture":         {"GET", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image", "Sec-Fetch-Site", "same-origin"}},
		"fetch":           {"GET", script()},
		"prefetch":        {"GET", within("Sec-Purpose", "prefetch")},
		"HEAD":            {"HEAD", script()},
		"HEAD as a page":  {"HEAD", within()},
	} {
		f := withLogout(t, loggedOut)
		w := f.ask(tc.method, "https://app.example/logout", append(tc.headers, seat(seatLive)...)...)
		asks := tc.method == "HEAD" || strings.Contains(w.Body.String(), `<form method="post" action="/.cardea/sign-out">`)
		if w.Code != 200 || len(f.signOut.ended) != 0 || len(f.reached) != 0 || !asks {
			t.Errorf("%s: %d, ended %v, reached %v", name, w.Code, f.signOut.ended, f.reached)
		}
	}
}

func TestAnotherSitesPostReachesTheAppAndEndsNothingHere(t *testing.T) {
	for name, headers := range map[string][]string{
		"none": nil, "another": {"Origin", "https://evil.example"}, "another app here": {"Origin", "https://gate.example"},
		"null": {"Origin", "null", "Sec-Fetch-Site", "cross-site"}, "one that may call the app": {"Origin", "https://script.example"},
	} {
		f := withLogout(t, nil)
		headers = append(headers, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "*/*")
		w := f.ask("POST", appLogout, append(headers, seat(seatLive)...)...)
		if w.Body.String() != "UPSTREAM other" || len(f.signOut.ended) != 0 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s, ended %v", name, w.Code, w.Body, f.signOut.ended)
		}
	}
}

func TestOnlyTheAppsLogoutIsOne(t *testing.T) {
	for _, address := range []string{"/api/logout/", "/api/logout2", "/API/logout", "/api", "/logout", "/x?/api/logout"} {
		f := withLogout(t, nil)
		f.ask("POST", "https://app.example"+address, script(append(seat(seatLive), "Origin", "https://app.example")...)...)
		if len(f.signOut.ended) != 0 || len(f.reached) != 1 {
			t.Errorf("%s: ended %v", address, f.signOut.ended)
		}
	}
}

// The session ends whatever the app answers. What is not whole is not passed on, but
// what the app did to its cookies is.
func TestTheSessionEndsWhateverTheAppSays(t *testing.T) {
	begin := func(w http.ResponseWriter) {
		w.Header().Set("Set-Cookie", "app=; Max-Age=0")
		w.WriteHeader(200)
	}
	large := strings.Repeat("x", maxAppAnswer)
	for name, tc := range map[string]struct {
		says   answers
		code   int
		body   string
		cookie bool
	}{
		"nothing":   {func(http.ResponseWriter, *http.Request, guard.Verdict) {}, 204, "", false},
		"error":     {func(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) { w.WriteHeader(500) }, 500, "", false},
		"no status": {func(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) { _, _ = io.WriteString(w, "ok") }, 200, "ok", false},
		"hints first": {func(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) {
			w.WriteHeader(103)
			begin(w)
			w.WriteHeader(500)
		}, 200, "", true},
		"broke off before": {func(http.ResponseWriter, *http.Request, guard.Verdict) { panic(http.ErrAbortHandler) }, 204, "", false},
		"broke off": {func(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) {
			begin(w)
			_, _ = io.WriteString(w, "ha")
			panic(http.ErrAbortHandler)
		}, 204, "", true},
		"the most": {func(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) {
			begin(w)
			_, _ = io.WriteString(w, large)
			if http.NewResponseController(w).Flush() != nil {
				panic(http.ErrAbortHandler) // as a proxy does that cannot flush
			}
		}, 200, large, true},
		"too much": {func(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) {
			begin(w)
			_, _ = io.WriteString(w, large)
			if _, err := io.WriteString(w, "x"); err == nil {
				t.Error("an answer without end is kept")
			}
		}, 204, "", true},
		"late headers": {func(w http.ResponseWriter, _ *http.Request, _ guard.Verdict) {
			begin(w)
			w.Header().Set("X-Trailer", "late")
			w.Header().Add("Set-Cookie", "late=1")
		}, 200, "", true},
	} {
		f := withLogout(t, tc.says)
		w := fetchLogout(f, seatLive)
		cookies := []string{keptSeat}
		if tc.cookie {
			cookies = []string{"app=; Max-Age=0", keptSeat}
		}
		if diff := cmp.Diff(cookies, w.Header()["Set-Cookie"]); diff != "" || w.Code != tc.code || w.Body.String() != tc.body || len(f.signOut.ended) != 1 ||
			w.Header().Get("X-Trailer") != "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %d bytes, ended %v\n%s", name, w.Code, w.Body.Len(), f.signOut.ended, diff)
		}
	}
}

func TestAnAppThatHangsHoldsNobodysSignOutUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withLogout(t, func(_ http.ResponseWriter, r *http.Request, _ guard.Verdict) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		})
		began := time.Now()
		w := fetchLogout(f, seatLive)
		if took := time.Since(began); w.Code != 204 || len(f.signOut.ended) != 1 || took != appLogoutWithin {
			t.Errorf("%d after %v, ended %v", w.Code, took, f.signOut.ended)
		}
	})
}

func TestTheAppHearsBeforeTheSessionEnds(t *testing.T) {
	var f *face
	before := -1
	f = withLogout(t, func(http.ResponseWriter, *http.Request, guard.Verdict) { before = len(f.signOut.ended) })
	if fetchLogout(f, seatLive); before != 0 || len(f.signOut.ended) != 1 {
		t.Errorf("%d ends before the app's answer, %d after", before, len(f.signOut.ended))
	}
}

// Whom the rules keep out of an app signs out there all the same; the app is not told of
// them, as ever.
func TestARefusedPersonSignsOutInTheAppToo(t *testing.T) {
	hash, _ := session.HashSeatValue(seatDown)
	for value, asked := range map[string]bool{seatLive: true, seatLost: true, seatDenied: false, seatOld: false, seatDown: false} {
		f := withLogout(t, loggedOut)
		f.known[hash] = person("cached")
		w := fetchLogout(f, value)
		want := http.StatusNoContent
		if asked {
			want = http.StatusAccepted
		}
		if w.Code != want || len(f.signOut.ended) != 1 || (len(f.reached) == 1) != asked {
			t.Errorf("%s: %d, ended %v, reached %v", value[:1], w.Code, f.signOut.ended, f.reached)
		}
	}
	f := withLogout(t, loggedOut)
	f.guard.bySeat[seatDenied] = guard.Verdict{Outcome: guard.Denied, Session: person("denied"), Public: true}
	if w := fetchLogout(f, seatDenied); w.Code != http.StatusAccepted || len(f.signOut.ended) != 1 || f.verdict.Session != nil {
		t.Errorf("a public logout: %d, ended %v, the app was told of %+v", w.Code, f.signOut.ended, f.verdict.Session)
	}
	f = withLogout(t, loggedOut)
	if w := fetchLogout(f, seatDown); w.Code != 503 || len(f.signOut.ended) != 0 || len(f.reached) != 0 {
		t.Errorf("a session that nobody can name: %d, ended %v", w.Code, f.signOut.ended)
	}
}

func TestTheAppsLogoutIsToldAsWhatItIs(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		code int
	}{
		"not durable yet":        {errors.Join(signout.ErrNotDurable, errStore), http.StatusAccepted},
		"ended and swept before": {session.ErrNotFound, http.StatusAccepted},
		"cannot be ended":        {errors.New("too many ends wait"), http.StatusServiceUnavailable},
	} {
		f := withLogout(t, loggedOut)
		f.signOut.err = tc.err
		w := fetchLogout(f, seatLive)
		if w.Code != tc.code || w.Header()["Set-Cookie"][0] != "app=; Max-Age=0" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
}

func TestTheAppsLogoutEndsAsMuchAsTheAppSays(t *testing.T) {
	const ask = "https://ask.example:8443"
	own := func(origin string) []string { return append(seat(seatLive), "Origin", origin) }
	f := withLogout(t, loggedOut)
	f.Server.sites.find("https://gate.example").app("/chat/x").Logout = []Logout{{"POST", "/chat/logout"}}
	f.ask("POST", "https://gate.example/chat/logout", script(own("https://gate.example")...)...)
	if len(f.signOut.ended) != 1 || f.signOut.ended[0].Mode != signout.ModeGateway || f.signOut.ended[0].From != "https://gate.example/chat" {
		t.Errorf("%+v", f.signOut.ended)
	}
	// A person can be asked; a script means all of it.
	f = withLogout(t, loggedOut)
	for _, w := range []*httptest.ResponseRecorder{
		f.form(ask+"/api/logout", ask, nil, seat(seatLive)...), f.ask("GET", ask+"/logout", within(seat(seatLive)...)...),
	} {
		if len(f.signOut.ended) != 0 || len(f.reached) != 0 || !strings.Contains(w.Body.String(), `name="mode" value="gateway"`) {
			t.Errorf("ended %v, reached %v\n%s", f.signOut.ended, f.reached, w.Body)
		}
	}
	if f.ask("POST", ask+"/api/logout", script(own(ask)...)...); len(f.signOut.ended) != 1 || f.signOut.ended[0].Mode != signout.ModeProvider {
		t.Errorf("%+v", f.signOut.ended)
	}
}
