package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/signin"
)

// followed are the headers of a link that was followed on a page of the same origin.
func followed(more ...string) []string {
	return append([]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Accept", "text/html"}, more...)
}

func TestChoosingALanguageRemembersItAndShowsThePageAgain(t *testing.T) {
	f := newFace(t)
	for address, want := range map[string]string{
		"https://gate.example": "__Host-cardea-language=zh; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax",
		"https://app.example":  "__Host-cardea-language=zh; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax",
	} {
		w := f.ask("GET", address+"/.cardea/language?to=zh&return=%2Froom%3Fa%3D1", followed()...)
		if diff := cmp.Diff([]string{want}, w.Header()["Set-Cookie"]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", address, diff)
		}
		if got := location(t, w).String(); got != "/room?a=1" {
			t.Errorf("%s leads to %s", address, got)
		}
	}
}

func TestOnLoopbackTheLanguageCookieCarriesThePort(t *testing.T) {
	f := newFace(t, func(o *Options) {
		o.Public = "http://localhost:4180"
		o.Apps = o.Apps[:1]
		o.Apps[0].Origin = "http://localhost:4180"
	})
	w := f.ask("GET", "http://localhost:4180/.cardea/language?to=en&return=/", followed()...)
	if diff := cmp.Diff([]string{"cardea-language-4180=en; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax"}, w.Header()["Set-Cookie"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhatComesFromElsewhereChoosesNoLanguage(t *testing.T) {
	with := func(site, mode, dest string) []string {
		return []string{"Sec-Fetch-Site", site, "Sec-Fetch-Mode", mode, "Sec-Fetch-Dest", dest, "Accept", "text/html"}
	}
	f := newFace(t)
	for name, c := range map[string]struct {
		query   string
		headers []string
		leads   string
	}{
		"another site":       {"to=zh&return=/x", with("cross-site", "navigate", "document"), "/x"},
		"a sibling host":     {"to=zh&return=/x", with("same-site", "navigate", "document"), "/x"},
		"the address bar":    {"to=zh&return=/x", with("none", "navigate", "document"), "/x"},
		"a frame":            {"to=zh&return=/x", with("same-origin", "navigate", "iframe"), "/x"},
		"a script":           {"to=zh&return=/x", with("same-origin", "cors", "empty"), "/x"},
		"an image":           {"to=zh&return=/x", with("same-origin", "no-cors", "image"), "/x"},
		"nothing said":       {"to=zh&return=/x", []string{"Accept", "text/html"}, "/x"},
		"a prefetch":         {"to=zh&return=/x", followed("Sec-Purpose", "prefetch"), "/x"},
		"an unknown tag":     {"to=fr&return=/x", followed(), "/x"},
		"a tag with more":    {"to=zh%3B%20Domain%3Devil&return=/x", followed(), "/x"},
		"no tag":             {"return=/x", followed(), "/x"},
		"nowhere to go back": {"to=xx", followed(), "/"},
	} {
		w := f.ask("GET", "https://gate.example/.cardea/language?"+c.query, c.headers...)
		if got := w.Header()["Set-Cookie"]; got != nil {
			t.Errorf("%s: %q", name, got)
		}
		if got := location(t, w).String(); got != c.leads {
			t.Errorf("%s: leads to %s", name, got)
		}
	}
	if w := f.ask("POST", "https://gate.example/.cardea/language?to=zh", followed()...); w.Code != http.StatusMethodNotAllowed || w.Header()["Set-Cookie"] != nil {
		t.Errorf("a POST: %d", w.Code)
	}
}

func TestWhereBrowsersTellNothingALinkChoosesTheLanguage(t *testing.T) {
	f := newFace(t, func(o *Options) {
		o.Public = "http://gate.lan"
		o.Apps = o.Apps[:1]
		o.Apps[0].Origin = "http://gate.lan"
	})
	if w := f.ask("GET", "http://gate.lan/.cardea/language?to=zh&return=/", "Accept", "text/html"); len(w.Header()["Set-Cookie"]) != 1 {
		t.Errorf("%v", w.Header())
	}
	if w := f.ask("GET", "http://gate.lan/.cardea/language?to=zh&return=/", "Accept", "*/*"); w.Header()["Set-Cookie"] != nil {
		t.Errorf("a program: %v", w.Header())
	}
}

func TestALanguageLinkLeadsOnlyToPagesThatDoNothing(t *testing.T) {
	f := newFace(t)
	const notice = ""
	for back, leads := range map[string]string{
		"/":                               "/",
		"/room?x=%2F":                     "/room?x=%2F",
		"/.cardea/sign-in?return=%2Froom": "/.cardea/sign-in?return=%2Froom",
		"/.cardea/signed-out?receipt=r":   "/.cardea/signed-out?receipt=r",
		"/.cardea/account":                "/.cardea/account",
		"/.cardea/sign-out?ask=1":         "/.cardea/sign-out?ask=1",
		"/.cardea/sign-out?ask=":          notice,
		"/.cardea/sign-out":               notice,
		"/.cardea/%73ign-out":             notice,
		"/.cardea/account/unlink":         notice,
		"/.cardea/callback/main?code=c":   notice,
		"/.cardea/seat?code=c":            notice,
		"/.cardea/language?to=en":         notice,
		"/.cardea/frontchannel-logout/m":  notice,
		"//evil.example/":                 notice,
		"https://evil.example/":           notice,
		`/\evil.example`:                  notice,
		"/%2F/evil.example":               notice,
		"/a\r\nSet-Cookie: x=y":           notice,
		"javascript:alert(1)":             notice,
		"":                                notice,
	} {
		w := f.ask("GET", "https://gate.example/.cardea/language?"+url.Values{"to": {"zh"}, "return": {back}}.Encode(), followed()...)
		if len(w.Header()["Set-Cookie"]) != 1 {
			t.Errorf("%q: %q", back, w.Header()["Set-Cookie"])
		}
		if leads != notice {
			if got := w.Header().Get("Location"); got != leads {
				t.Errorf("%q leads to %q", back, got)
			}
			continue
		}
		if w.Code != http.StatusOK || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), "已更改语言") {
			t.Errorf("%q: %d to %q", back, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestPagesAndProblemDocumentsSpeakTheChosenLanguage(t *testing.T) {
	f := newFace(t)
	chosen := []string{"Cookie", "__Host-cardea-language=zh", "Accept-Language", "en"}
	page := f.ask("GET", "https://hub.example/nothing", navigation(chosen...)...)
	if !strings.Contains(page.Body.String(), `<html lang="zh-Hans">`) || page.Header().Get("Content-Language") != "zh-Hans" {
		t.Errorf("a page at an app's origin: %s", page.Body)
	}
	document := f.ask("GET", "https://app.example/api", script(chosen...)...)
	if !strings.Contains(document.Body.String(), `"title":"`) || !strings.Contains(document.Body.String(), "登录") {
		t.Errorf("a problem document: %s", document.Body)
	}
}

func TestTheConfirmationIsShownAgainAndEndsNothing(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://gate.example/.cardea/sign-out?return=%2Froom", navigation(seat(seatLive)...)...)
	const again = "/.cardea/language?return=%2F.cardea%2Fsign-out%3Fask%3D1%26return%3D%252Froom&amp;to=zh"
	if !strings.Contains(w.Body.String(), again) {
		t.Fatalf("no link to %s in %s", again, w.Body)
	}
	w = f.ask("GET", "https://gate.example/.cardea/sign-out?ask=1&return=%2Froom", followed(seat(seatLive)...)...)
	if len(f.signOut.ended) != 0 || !strings.Contains(w.Body.String(), "<form") {
		t.Errorf("asked for again, it ended %v", f.signOut.ended)
	}
}

func TestAChosenLanguageGoesAlongToTheSignInAndBack(t *testing.T) {
	f := newFace(t)
	chose := "__Host-cardea-browser=" + binding + "; __Host-cardea-language=zh"
	on := location(t, f.ask("GET", "https://app.example/.cardea/sign-in?return=/deep", navigation("Cookie", chose)...))
	if on.Host != "gate.example" || on.Query().Get("lang") != "zh" {
		t.Fatalf("leads to %s", on)
	}
	w := f.ask("GET", on.String(), navigation("Cookie", "__Host-cardea-browser="+binding)...)
	if !strings.Contains(w.Body.String(), `<html lang="zh-Hans">`) || !setsLanguage(w.Header(), "zh") {
		t.Errorf("the choice page: %v %s", w.Header()["Set-Cookie"], w.Body)
	}
	w = f.ask("GET", on.String(), navigation("Cookie", "__Host-cardea-language=en; __Host-cardea-browser="+binding)...)
	if !strings.Contains(w.Body.String(), `<html lang="en">`) || setsLanguage(w.Header(), "") {
		t.Errorf("a choice that was made here before: %v", w.Header()["Set-Cookie"])
	}
	for _, bad := range []string{"lang=fr&seat=" + url.QueryEscape("https://app.example|/deep"), "lang=zh&return=/deep", "lang=zh&seat=forged"} {
		if w := f.ask("GET", gateSignIn+"?"+bad, navigation("Cookie", "__Host-cardea-browser="+binding)...); setsLanguage(w.Header(), "") {
			t.Errorf("%s sets %v", bad, w.Header()["Set-Cookie"])
		}
	}

	f.signIn.result = signin.Result{Session: person("p"), SeatValue: seatNew, SeatFor: "https://app.example|/deep", Target: signin.Target{Origin: "https://app.example", Path: "/deep"}}
	back := location(t, f.ask("GET", "https://gate.example/.cardea/callback/main?state=s&code=c", navigation("Cookie", chose)...))
	if back.Query().Get("lang") != "zh" || back.Query().Get("code") != "c" {
		t.Fatalf("back by %s", back)
	}
	if w := f.ask("GET", back.String(), navigation("Cookie", "__Host-cardea-browser="+binding)...); !setsLanguage(w.Header(), "zh") {
		t.Errorf("at the app: %v", w.Header()["Set-Cookie"])
	}
	f.signIn.err = signin.ErrExpired
	if w := f.ask("GET", back.String(), navigation("Cookie", "__Host-cardea-browser="+binding)...); setsLanguage(w.Header(), "") {
		t.Errorf("a seat that is refused: %v", w.Header()["Set-Cookie"])
	}
}

func TestAProviderHearsTheChosenLanguageAndNoOther(t *testing.T) {
	for cookie, want := range map[string]string{
		"": "", "; __Host-cardea-language=zh": "zh-CN zh", "; __Host-cardea-language=en": "en", "; __Host-cardea-language=fr": "",
	} {
		f := newFace(t)
		f.ask("GET", gateSignIn+"?return=/deep", navigation("Cookie", "__Host-cardea-browser="+binding+cookie, "Accept-Language", "zh")...)
		if len(f.signIn.started) != 1 || f.signIn.started[0].UILocales != want {
			t.Errorf("%q: %+v", cookie, f.signIn.started)
		}
	}
}

func setsLanguage(h http.Header, to string) bool {
	for _, line := range h["Set-Cookie"] {
		if strings.HasPrefix(line, "__Host-cardea-language="+to) {
			return true
		}
	}
	return false
}
