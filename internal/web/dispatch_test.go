package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/httpx"
)

func httpxOrigin(o string) httpx.Origin { return httpx.Origin(o) }

func TestARequestReachesTheAppOfItsHostAndPath(t *testing.T) {
	for address, want := range map[string]string{
		"https://gate.example/":             "root /",
		"https://gate.example/chat":         "chat /chat",
		"https://gate.example/chat/":        "chat /chat/",
		"https://gate.example/chat/a/b":     "chat /chat/a/b",
		"https://gate.example/chatter":      "root /chatter",
		"https://gate.example/a/chat":       "root /a/chat",
		"https://gate.example/my%20file":    "root /my%20file",
		"https://gate.example:443/x":        "root /x",
		"https://GATE.example/x":            "root /x",
		"https://app.example/x":             "other /x",
		"https://app.example/a%2Fb;v=1/../": "other /a%2Fb;v=1/../",
		"https://ask.example:8443/x":        "asking /x",
		"https://ann.apps.example/x":        "lab /x",
		"https://hub.example/hub/x%20y":     "hub /hub/x%20y",
		"https://hub.example/":              "404",
		"https://hub.example/hubble":        "404",
		"https://gate.example:8443/":        "421",
		"http://gate.example/":              "421",
		"https://ask.example/":              "421",
		"https://other.example/":            "421",
		"https://apps.example/":             "421",
		"https://a.b.apps.example/":         "421",
		"https://a.apps.example.evil/":      "421",
		"https://gate.example.evil/":        "421",
		"https://gate.example@evil/":        "400",
		"https://a b/":                      "400",
	} {
		f := newFace(t)
		w := f.ask("GET", address, navigation(seat(seatLive)...)...)
		got := http.StatusText(w.Code)
		switch {
		case len(f.reached) == 1:
			got = f.reached[0]
		case w.Code >= 400:
			got = map[int]string{400: "400", 404: "404", 421: "421"}[w.Code]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// What another program could read as another app's page is nobody's: the rules of one
// app would decide about what the other serves.
func TestAPathThatIsTwoAppsIsRefused(t *testing.T) {
	for _, path := range []string{
		"/%63hat/secret", "/x/../chat/secret", "//chat/secret", "/./chat", "/CHAT/secret", "/chat%2fsecret", "/chat;v=1/secret", "/%2563hat/x",
		`/x\..\chat/secret`, "/x/..;/chat/secret", "/chat/../secret", "/chat/%2e%2e/secret", "/chat/..%2fsecret", "/chat%3f", "/chat./x", "/%EF%BD%83hat/x",
	} {
		f := newFace(t)
		if w := f.ask("GET", "https://gate.example"+path, navigation(seat(seatLive)...)...); w.Code != http.StatusBadRequest || len(f.reached) != 0 {
			t.Errorf("%s: %d, reached %v", path, w.Code, f.reached)
		}
	}
	for _, path := range []string{"/hub/../admin", "/hub/%2e%2e/admin", "/hub/..%5cadmin"} {
		f := newFace(t)
		if w := f.ask("GET", "https://hub.example"+path, navigation(seat(seatLive)...)...); w.Code != http.StatusBadRequest || len(f.reached) != 0 {
			t.Errorf("out of the app: %s: %d, reached %v", path, w.Code, f.reached)
		}
	}
}

// spellings are ways to write an own path that are none of ours.
var spellings = []string{
	"/.cardea/auth", "/.cardea", "/.cardea/", "/.cardea//session", "/.cardea/./session", "/.cardea/x/../session", "/.cardea/session/",
	"/.cardea/session/x", "//.cardea/session", "/./.cardea/session", "/x/../.cardea/session", "/%2ecardea/session", "/%2Ecardea/session",
	"/%2e%63ardea/session", "/.cardea%2fsession", "/.cardea%2Fsession", "/%252ecardea/session", "/%25252ecardea/session", "/.cardea%252fsession",
	"/.CARDEA/session", "/.Cardea/Session", "/%2eCARDEA/session", "/.cardea;x/session", "/.cardea;/session", "/.cardea/session;x=1", "/;a/.cardea/session",
	"/x;a/..;b/.cardea/session", "/..;/.cardea/session", "/x/..;/.cardea/session", `/.cardea\session`, `\.cardea\session`, `/x\..\.cardea\session`, "/%5c.cardea/session",
	"/x%5c..%5c.cardea%5csession", "/.cardea%00/session", "/.cardea%09/session", "/.cardea%3fx", "/.cardea%23x", "/.cardea%20/session", "/.cardea./session",
	"/.cardea%2e/session", "/.cardea/%2e%2e/x", "/.cardea/../x", "/%c0%aecardea/session", "/%EF%BC%8Ecardea/session", "/\uff0ecardea/session", "/.c%EF%BD%81rdea/session",
	"/%E2%80%A4cardea/session", "/.cardea/%zz", "/%252ecardea/%25zz", "/.cardea/session%2f", "/.cardea/sign%2Dout", "/%2f.cardea/session", "/%2f%2f.cardea/session",
	"/.cardea/AUTH", "/.cardea/callback/", "/.cardea/callback/main/x", "/.cardea/callback/../session", "/.cardea/unknown", "/.cardea/account/x",
}

// GHSA-5wcc-hf24-rf5h: no spelling of an own path reaches an app, and an unusual one is
// never an answer that somebody could take for a yes.
func TestGHSA_5wcc_hf24_rf5h_OwnPathsAreReservedInEverySpelling(t *testing.T) {
	for _, path := range spellings {
		for _, origin := range []string{"https://gate.example", "https://app.example", "https://x.apps.example"} {
			for _, method := range []string{"GET", "POST", "OPTIONS"} {
				f := newFace(t)
				r := f.request(method, origin+"/", nil, navigation(append(seat(seatLive), "Origin", "https://script.example", "Access-Control-Request-Method", "GET")...)...)
				if u, err := url.ParseRequestURI("http://h" + path); err == nil && strings.HasPrefix(path, "/") {
					r.URL.Path, r.URL.RawPath = u.Path, u.RawPath
				} else {
					r.URL.Path, r.URL.RawPath = path, ""
				}
				if w := f.send(r); w.Code/100 == 2 || w.Code/100 == 3 || len(f.reached) != 0 {
					t.Errorf("%s %s%s: %d, reached %v", method, origin, path, w.Code, f.reached)
				}
			}
		}
	}
}

func TestWhatOnlyLooksLikeAnOwnPathIsTheApps(t *testing.T) {
	for _, path := range []string{
		"/.cardea-docs/x", "/.cardeax", "/x.cardea/auth", "/.well-known/x", "/cardea/session", "/a/.cardea/auth", "/.git/../x", "/%2ewell-known/x",
		"/files/.cardea", "/..a/x", "/.cardea%2dx/y", "/a%20b/.cardea", "/文/.cardea",
	} {
		f := newFace(t)
		if w := f.ask("GET", "https://app.example"+path, script(seat(seatLive)...)...); w.Code != http.StatusOK || len(f.reached) != 1 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func FuzzNoSpellingOfAnOwnPathReachesAnApp(f *testing.F) {
	for _, s := range spellings {
		f.Add(s)
	}
	f.Add("/files/a%2fb")
	f.Fuzz(func(t *testing.T, p string) {
		name, own := ownPath(p)
		if name != "" && (!own || p != "/.cardea/"+name || strings.ContainsAny(name, "%\\;") || strings.Contains(name, "..") && slices.Contains(strings.Split(name, "/"), "..")) {
			t.Fatalf("%q names %q", p, name)
		}
		if own || !strings.HasPrefix(p, "/") { // the latter is refused before
			return
		}
		// Whatever is passed on stays outside, however the app reads it.
		for range 5 {
			for _, read := range []string{p, strings.ToLower(p), strings.ReplaceAll(p, `\`, "/")} {
				if segments := resolve(split(read, false, false, false)); len(segments) > 0 && strings.EqualFold(segments[0], ".cardea") {
					t.Fatalf("%q reaches an app and reads as %q", p, read)
				}
			}
			p = decode(p)
		}
	})
}

func TestAPathMadeToBeHardToReadCostsLittle(t *testing.T) {
	f := newFace(t)
	began := time.Now()
	for _, unit := range []string{"/.", "/;", "/..", "%25", "/%2e", "%5c", "/a;b", "%ff"} {
		for _, length := range []int{maxAmbiguous - 100, 1 << 19} {
			w := f.ask("GET", "https://app.example/"+strings.Repeat(unit, length/len(unit)), script(seat(seatLive)...)...)
			if length > maxAmbiguous && (w.Code != http.StatusNotFound || len(f.reached) > 0 && len(f.reached[len(f.reached)-1]) > maxAmbiguous) {
				t.Errorf("%s, %d bytes: %d", unit, length, w.Code)
			}
		}
	}
	// What is not linear in half a megabyte takes minutes.
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestWhatHasNoPathIsRefused(t *testing.T) {
	f := newFace(t)
	r := f.request("OPTIONS", "https://gate.example/", nil)
	r.URL.Path = "*"
	if w := f.send(r); w.Code != http.StatusBadRequest || len(f.reached) != 0 {
		t.Errorf("*: %d", w.Code)
	}
}

func TestOwnPathsTakeTheirMethodsAndHEADConsumesNothing(t *testing.T) {
	allowed := map[string]string{
		"sign-in": "GET, HEAD, POST", "callback/main": "GET, POST", "seat": "GET", "sign-out": "GET, POST", "signed-out": "GET, HEAD", "session": "GET, HEAD", "jwks": "GET, HEAD",
		"stay": "POST", "backchannel-logout": "POST", "frontchannel-logout/main": "GET",
	}
	for name, allow := range allowed {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"} {
			f := newFace(t)
			f.signIn.result.Session = person("p")
			w := f.ask(method, "https://gate.example/.cardea/"+name, navigation(seat(seatLive)...)...)
			refused := w.Code == http.StatusMethodNotAllowed
			if want := !slices.Contains(strings.Split(allow, ", "), method); refused != want || (refused && w.Header().Get("Allow") != allow) {
				t.Errorf("%s %s: %d, Allow %q", method, name, w.Code, w.Header().Get("Allow"))
			}
			if method == "HEAD" && (w.Body.Len() != 0 || len(f.signIn.finished) != 0 || len(f.signIn.taken) != 0 || len(f.signOut.ended) != 0) {
				t.Errorf("HEAD %s: a body, or something was consumed", name)
			}
			if len(f.reached) != 0 {
				t.Errorf("%s %s reached an app", method, name)
			}
		}
	}
}

func TestCallbacksAnswerOnTheGatewaysOriginAlone(t *testing.T) {
	f := newFace(t)
	if w := f.ask("GET", "https://app.example/.cardea/callback/main?state=s&code=c", navigation()...); w.Code != http.StatusNotFound || len(f.signIn.finished) != 0 {
		t.Errorf("%d", w.Code)
	}
	if w := f.ask("GET", "https://gate.example/.cardea/callback/nobody?state=s&code=c", navigation()...); w.Code != http.StatusNotFound || len(f.signIn.finished) != 0 {
		t.Errorf("unknown provider: %d", w.Code)
	}
}

func TestTheUsualMistakeOfAFrontProxyIsNamedOnce(t *testing.T) {
	f := newFace(t)
	for range 3 {
		f.ask("GET", "http://gate.example/", navigation()...)
	}
	if n := strings.Count(f.logs.String(), "trusted_proxies"); n != 1 {
		t.Errorf("named %d times", n)
	}
}

func TestKeysOfTheSignedIdentity(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://app.example/.cardea/jwks")
	if diff := cmp.Diff(`{"keys":[]}`, w.Body.String()); diff != "" || w.Code != http.StatusOK {
		t.Errorf("%d\n%s", w.Code, diff)
	}
	f = newFace(t, func(o *Options) {
		o.JWKS = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	})
	if w := f.ask("GET", "https://app.example/.cardea/jwks"); w.Code != http.StatusTeapot {
		t.Errorf("%d", w.Code)
	}
}

func TestRequiredOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("New without anything")
	}
}
