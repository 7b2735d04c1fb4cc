package preset

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func known(t *testing.T, name string) Preset {
	t.Helper()
	p, ok := Lookup(name)
	if !ok {
		t.Fatalf("no preset %q", name)
	}
	return p
}

func TestEveryEmbeddedPresetIsWhole(t *testing.T) {
	names := Names()
	if diff := cmp.Diff([]string{"chainlit", "generic", "jupyterhub", "streamlit", "zipline"}, names); diff != "" {
		t.Fatalf("names (-want +got):\n%s", diff)
	}
	for _, name := range names {
		p, faults := shelf().Read(name)
		for _, f := range faults {
			t.Errorf("%s:%s", name, f)
		}
		if p.Name != name || p.WebSocket.Code != policyViolation || len(p.Setup) == 0 {
			t.Errorf("%s: name %q, close code %d, %d lines of setup", name, p.Name, p.WebSocket.Code, len(p.Setup))
		}
	}
}

func TestLookupKnowsOnlyItsNamesAndGivesCopies(t *testing.T) {
	for _, name := range []string{"", "grafana", "../generic", "generic.yaml", "Chainlit"} {
		if _, ok := Lookup(name); ok {
			t.Errorf("%q has a preset", name)
		}
	}
	a := known(t, "jupyterhub")
	a.Polling[0], a.Logout[0].Path = "/changed", "/changed"
	if b := known(t, "jupyterhub"); b.Polling[0] == "/changed" || b.Logout[0].Path == "/changed" {
		t.Error("a caller can change the preset for others")
	}
}

// What is not known is left as it is: no page is changed, no cookie of a script is lost.
func TestGenericAssumesNothingOfAnApp(t *testing.T) {
	p := known(t, Generic)
	if p.PageScript != Off || p.Vault != On || !slices.Equal(p.Cookies.Browser, []string{"*"}) || p.Needs.Prefix != PrefixAny {
		t.Errorf("generic: %+v", p)
	}
	if n := len(p.Logout) + len(p.Replay) + len(p.Paths) + len(p.Polling) + len(p.Reads) + len(p.Headers) + len(p.Cookies.Hold); n > 0 {
		t.Errorf("generic says %d things about an app that nobody knows", n)
	}
}

func TestEveryKnownAppIsHeardLeftAndKept(t *testing.T) {
	for _, name := range Names() {
		p := known(t, name)
		if name == Generic {
			continue
		}
		if len(p.Logout) == 0 || p.PageScript != On || p.Vault != On || p.Versions == "" || p.Title == "" {
			t.Errorf("%s: logout %v, script %s, vault %s, versions %q", name, p.Logout, p.PageScript, p.Vault, p.Versions)
		}
		if name != "streamlit" && len(p.Replay) == 0 {
			t.Errorf("%s has a session on its server, and nothing ends it", name)
		}
	}
}

// Zipline's session cookie lacks HttpOnly, and Streamlit's lives for 30 days: neither
// may be taken from a browser that somebody else used before.
func TestSessionCookiesAreNeverTakenFromABrowser(t *testing.T) {
	if p := known(t, "zipline"); !slices.Contains(p.Cookies.Hold, "zipline_session") || len(p.Cookies.Browser) > 0 {
		t.Errorf("zipline: %+v", p.Cookies)
	}
	if p := known(t, "streamlit"); !slices.Contains(p.Cookies.Hold, "_streamlit_user*") {
		t.Errorf("streamlit: %+v", p.Cookies)
	}
	for _, name := range []string{"chainlit", "jupyterhub"} {
		if slices.Contains(known(t, name).Cookies.Browser, "*") {
			t.Errorf("%s takes any cookie from a browser", name)
		}
	}
}

func TestZiplinesUploadsTakeTokensWithoutAScheme(t *testing.T) {
	want := Path{Prefix: "/api", Bearer: true, BareToken: true}
	if !slices.Contains(known(t, "zipline").Paths, want) {
		t.Error("token uploads need a sign-in")
	}
	for _, p := range known(t, "jupyterhub").Paths {
		if p.BareToken || p.Public || !p.Bearer {
			t.Errorf("jupyterhub: %+v", p)
		}
	}
}

// A page that a person opens is activity: only lists and states are named.
func TestPollingNamesNoPageThatPeopleOpen(t *testing.T) {
	for _, name := range Names() {
		for _, pattern := range known(t, name).Polling {
			if !strings.Contains(pattern, "/api/") && !strings.HasPrefix(pattern, "/_stcore/") && pattern != "/ws/socket.io" {
				t.Errorf("%s: %s may be a page", name, pattern)
			}
		}
	}
}

// A list that is empty takes nothing from a browser; none at all would take everything.
func TestAnEmptyListOfCookiesStaysOne(t *testing.T) {
	for _, name := range []string{"jupyterhub", "zipline"} {
		for _, base := range []string{"/", "/below"} {
			if list := known(t, name).At(base).Cookies.Browser; list == nil || len(list) > 0 {
				t.Errorf("%s at %s: %#v", name, base, list)
			}
		}
	}
}

func TestAtJoinsEveryPathAndSharesNothing(t *testing.T) {
	p := known(t, "zipline")
	p.Replay = []Call{{Method: "POST", Path: "/out?all=1", XSRF: &XSRF{Cookie: "x", Header: "X-X", From: "/form"}, Header: map[string]string{"A": "b"}, Form: map[string]string{"c": "d"}}}
	p.Paths = []Path{{Prefix: "/", Public: true}, {Prefix: "/u", Public: true}, {Exact: "/ok/", Bearer: true}}
	p.Polling = []string{"/user/*/x"}
	p.Headers = map[string]string{"X-A": "email"}
	p.Recognise = []Mark{{Path: "/health", Status: 200, Header: map[string]string{"X-M": "m"}}}
	p.Takes = Takes{Marks: []Mark{{Path: "/auth", Header: map[string]string{"X-T": "t"}}}}
	got := p.At("/files/")
	want := p.clone()
	want.Logout = []Logout{{"POST", "/files/api/auth/logout"}, {"GET", "/files/api/auth/logout"}}
	want.Replay[0].Path, want.Replay[0].XSRF.From = "/files/out?all=1", "/files/form"
	want.Paths = []Path{{Prefix: "/files", Public: true}, {Prefix: "/files/u", Public: true}, {Exact: "/files/ok/", Bearer: true}}
	want.Polling = []string{"/files/user/*/x"}
	want.Recognise = []Mark{{Path: "/files/health", Status: 200, Header: map[string]string{"X-M": "m"}}}
	want.Takes.Marks = []Mark{{Path: "/files/auth", Header: map[string]string{"X-T": "t"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	before := p.clone()
	got.Replay[0].XSRF.Cookie, got.Replay[0].Header["A"], got.Replay[0].Form["c"], got.Headers["X-A"] = "y", "y", "y", "y"
	got.Recognise[0].Header["X-M"], got.Takes.Marks[0].Header["X-T"] = "y", "y"
	got.Cookies.Hold[0], got.Setup[0], got.Sources[0] = "y", "y", "y"
	if diff := cmp.Diff(before, p); diff != "" {
		t.Errorf("a copy shares with its base:\n%s", diff)
	}
	for _, root := range []string{"", "/"} {
		if diff := cmp.Diff(before, p.At(root)); diff != "" {
			t.Errorf("at %q:\n%s", root, diff)
		}
	}
}
