package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/proxy"
)

// onApp adds lines to the app of the least configuration.
func onApp(lines string) string {
	return least + "    " + strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\n    ") + "\n"
}

func TestAPresetFillsWhatTheAppDoesNotState(t *testing.T) {
	cfg, warnings := mustLoad(t, onApp("preset: zipline"))
	a := cfg.Apps[0]
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	if a.Vault != VaultOn || !a.Script() || a.Resolved.Name != "zipline" {
		t.Errorf("vault %s, script %v, %q", a.Vault, a.Script(), a.Resolved.Name)
	}
	if diff := cmp.Diff([]Logout{{"POST", "/api/auth/logout"}, {"GET", "/api/auth/logout"}}, a.Logout); diff != "" {
		t.Errorf("logout (-want +got):\n%s", diff)
	}
	want := []Path{
		{Prefix: "/u", Public: true},
		{Prefix: "/view", Public: true},
		{Prefix: "/raw", Public: true},
		{Prefix: "/go", Public: true},
		{Prefix: "/assets", Public: true},
		{Exact: "/api/healthcheck", Public: true},
		{Prefix: "/api", Bearer: true, BareToken: true},
	}
	if diff := cmp.Diff(want, a.Paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if generic, _ := mustLoad(t, least); generic.Apps[0].Script() || generic.Apps[0].Vault != VaultOn || len(generic.Apps[0].Paths) > 0 {
		t.Errorf("an app without a preset: %+v", generic.Apps[0])
	}
}

func TestWhatTheAppStatesStandsInPlaceOfThePresets(t *testing.T) {
	cfg, _ := mustLoad(t, onApp(`
preset: jupyterhub
record: {headers: {X-Team: "claim:team", X-Role: groups}, websocket: {code: 4000}}
headers: {x-team: "claim:department"}
vault: observe
page_script: false
logout: [{method: GET, path: /leave}]
paths: [{prefix: /hub/API, public: true}]
`))
	a := cfg.Apps[0]
	if a.Vault != VaultObserve || a.Script() || a.Resolved.WebSocket.Code != 4000 {
		t.Errorf("vault %s, script %v, code %d", a.Vault, a.Script(), a.Resolved.WebSocket.Code)
	}
	if diff := cmp.Diff([]Logout{{"GET", "/leave"}}, a.Logout); diff != "" {
		t.Errorf("logout (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]preset.Logout{{Method: "GET", Path: "/leave"}}, a.Resolved.Logout); diff != "" {
		t.Errorf("resolved logout (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Path{{Prefix: "/hub/API", Public: true}, {Prefix: "/user", Bearer: true}}, a.Paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]HeaderSource{"x-team": "claim:department", "X-Role": "groups"}, a.Headers.Names); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestAPresetsPathsAreThoseThatBrowsersSee(t *testing.T) {
	cfg, _ := mustLoad(t, strings.Replace(onApp("preset: jupyterhub"), "    url: http://localhost:4180\n", "    url: http://localhost:4180/lab\n", 1))
	a := cfg.Apps[0]
	if a.URL.Path != "/lab" {
		t.Fatalf("url %s", a.URL)
	}
	got := []string{a.Logout[0].Path, a.Paths[0].Prefix, a.Resolved.Replay[0].Path, a.Resolved.Polling[0], a.Record.Logout[0].Path}
	want := []string{"/lab/hub/logout", "/lab/hub/api", "/lab/hub/logout", "/lab/user/*/api/contents", "/hub/logout"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A rule of the operator holds below its path although a preset opens a part of it to
// tokens: people there are still asked for what the rule demands.
func TestARuleHoldsBelowItsPathInSpiteOfAPreset(t *testing.T) {
	cfg, warnings := mustLoad(t, onApp(`
preset: jupyterhub
paths: [{prefix: /hub, access: {groups: [staff]}, max_age: 5m}]
`))
	a := cfg.Apps[0]
	want := []Path{a.Paths[0], {Prefix: "/hub/api", Bearer: true, Access: a.Paths[0].Access, MaxAge: a.Paths[0].MaxAge}, {Prefix: "/user", Bearer: true}}
	if diff := cmp.Diff(want, a.Paths); diff != "" || a.Paths[1].Access == nil {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	warned(t, warnings, "apps[0].paths[0]", "requests with a token")
	cfg, warnings = mustLoad(t, onApp("preset: jupyterhub\npaths: [{prefix: /hub, public: true}]"))
	if diff := cmp.Diff([]Path{{Prefix: "/hub", Public: true}, {Prefix: "/user", Bearer: true}}, cfg.Apps[0].Paths); diff != "" || len(warnings) > 0 {
		t.Errorf("below an open path (-want +got):\n%s%v", diff, warnings)
	}
}

func warned(t *testing.T, warnings []Warning, path, message string) {
	t.Helper()
	if len(warnings) != 1 || warnings[0].Path != path || !strings.Contains(warnings[0].Message, message) {
		t.Errorf("warnings %v, want %s: …%s…", warnings, path, message)
	}
}

func TestDisagreementWithThePresetIsAWarning(t *testing.T) {
	tests := []struct{ name, lines, path, message string }{
		{"header no longer sent", "preset: chainlit\nheaders: {set: authelia}", "apps[0].headers", "reads X-Forwarded-User"},
		{"e-mail no longer sent", "preset: streamlit\nheaders: {set: authentik, X-Forwarded-User: handle}", "apps[0].headers", "X-Forwarded-Email"},
		{"vault off with a replay", "preset: chainlit\nvault: off", "apps[0].vault", "its own logout"},
		{"vault only observes", "preset: zipline\nvault: observe", "apps[0].vault", "with observe"},
		{"vault off", "preset: streamlit\nvault: off", "apps[0].vault", "next person"},
		{"vault off in the record", "preset: streamlit\nrecord: {vault: off}\nvault: off", "", ""},
		{"vault off with a record of one's own", "vault: off\nrecord: {replay: [{path: /logout}]}", "apps[0].vault", "its own logout"},
		{"script off", "preset: jupyterhub\npage_script: false", "apps[0].page_script", "stay on the screen"},
		{"logout taken away", "preset: chainlit\nlogout: []", "apps[0].logout", "POST /logout"},
		{"logout taken away in the record", "preset: chainlit\nrecord: {logout: []}", "apps[0].record.logout", "straight back in"},
		{"another logout", "preset: zipline\nlogout: [{path: /api/auth/logout}]", "apps[0].logout", "by GET /api/auth/logout,"},
		{"more logouts", "preset: chainlit\nlogout: [{path: /logout}, {path: /leave}]", "", ""},
		{"tokens refused", "preset: jupyterhub\npaths: [{prefix: /hub/api, access: {groups: [x]}}]", "apps[0].paths[0]", "tokens of its own"},
		{"bare tokens refused", "preset: zipline\npaths: [{prefix: /api, bearer: true}]", "apps[0].paths[0]", "tokens of its own"},
		{"public links closed", "preset: zipline\npaths: [{prefix: /u, max_age: 1h}]", "apps[0].paths[0]", "to everyone"},
		{"public below a rule", "preset: zipline\npaths: [{prefix: /api, bearer: true, bare_token: true, access: {groups: [x]}}]", "apps[0].paths[0]", "everyone pass at /api/healthcheck"},
		{"same as the preset", "preset: zipline\npaths: [{prefix: /u, public: true}]", "", ""},
		{"unnamed by its upstream", "", "apps[0].preset", "preset: chainlit"},
		{"generic on purpose", "preset: generic", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := onApp(tt.lines)
			if strings.Contains(tt.name, "unnamed") || strings.Contains(tt.name, "on purpose") {
				doc = strings.Replace(doc, "127.0.0.1:8000", "chainlit.internal:8000", 1)
			}
			_, warnings := mustLoad(t, doc)
			if tt.path == "" {
				if len(warnings) > 0 {
					t.Errorf("warnings: %v", warnings)
				}
				return
			}
			warned(t, warnings, tt.path, tt.message)
		})
	}
}

func TestAnAddressThatTheAppCannotLiveAtIsAWarning(t *testing.T) {
	second := func(lines string) string {
		return least + "  - {id: b, url: 'http://localhost:4180/b', upstream: 'http://127.0.0.1:1', " + lines + "}\n"
	}
	_, warnings := mustLoad(t, second("preset: streamlit, strip_prefix: true"))
	warned(t, warnings, "apps[1].strip_prefix", "remove strip_prefix")
	_, warnings = mustLoad(t, second("preset: zipline"))
	warned(t, warnings, "apps[1].url", "root of an origin")
	_, warnings = mustLoad(t, second("preset: generic, strip_prefix: true"))
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	_, warnings = mustLoad(t, strings.Replace(second("strip_prefix: true"), "id: b,", "id: my-jupyterhub,", 1))
	warned(t, warnings, "apps[1].preset", "preset: jupyterhub")
}

func TestFaultsOfPresets(t *testing.T) {
	app := func(lines string) string { return upstreamLine + "\n    " + lines }
	tests := []faultCase{
		{"unknown preset", upstreamLine, app("preset: " + mark + "jupiterhub"), "apps[0].preset", "no preset", `write "jupyterhub"`},
		{"preset of another app", upstreamLine, app("preset: " + mark + "wordpress"), "apps[0].preset", "no preset", "generic for any other app"},
		{"preset empty", upstreamLine, app("preset: " + mark + "''"), "apps[0].preset", "no preset", "known: chainlit, generic"},
		{"record key", upstreamLine, app("preset: chainlit\n    record: {" + mark + "cokies: {}}"), "apps[0].record.cokies", "unknown key", `"cookies"`},
		{"record word", upstreamLine, app("record: {cookies: {" + mark + "pas: []}}"), "apps[0].record.cookies.pas", "unknown key", `"pass"`},
		{"record contradiction", upstreamLine, app("record: {refusal: {status: " + mark + "302}}"), "apps[0].record.refusal.status", "neither", "401"},
		{"record claim", upstreamLine, app("record: {headers: {X-A: " + mark + "'claim:a..b'}}"), "apps[0].record.headers.X-A", "empty part", "realm_access.roles"},
		{"vault word", upstreamLine, app("vault: " + mark + "true"), "apps[0].vault", "not known", "on, observe, off"},
		{"script word", upstreamLine, app("page_script: " + mark + "on"), "apps[0].page_script", "not a truth value", "true or false"},
		{"bare token alone", upstreamLine, app("paths: [{prefix: /a, bare_token: " + mark + "true, max_age: 1h}]"), "apps[0].paths[0].bare_token", "none is taken", "bearer: true"},
		{"logout empty without a preset", upstreamLine, app("logout: " + mark + "[]"), "apps[0].logout", "is empty", "remove the key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// The check of the configuration knows which headers an app gets; what sends them must
// know the same.
func TestHeadersOfReadySetsAreThoseThatAreSent(t *testing.T) {
	for _, set := range append([]HeaderSet{""}, HeadersOAuth2Proxy, HeadersAuthelia, HeadersAuthentik) {
		sent := proxy.DefaultHeaders()
		if set != "" {
			sent, _ = proxy.HeaderSet(string(set))
		}
		var want []string
		for _, h := range sent {
			want = append(want, h.Name)
		}
		if diff := cmp.Diff(sorted(want), sorted(setHeaders(set))); diff != "" {
			t.Errorf("%q (-sent +known here):\n%s", set, diff)
		}
	}
}

func TestPrintedPresetsLoadAgainToTheSame(t *testing.T) {
	for _, lines := range []string{
		"preset: chainlit\nlogout: []",
		"preset: zipline\npaths: [{prefix: /u/private, access: {groups: [x]}}]",
		"preset: jupyterhub\nheaders: {set: authelia, X-Forwarded-User: email}\nvault: observe\npage_script: false\npaths: [{prefix: /hub, max_age: 1h}]",
		"preset: streamlit\nrecord: {headers: {X-Team: groups}, logout: []}",
		`record: {title: Board, replay: [{path: /out, xsrf: {cookie: c, header: X-C}}], page_script: "on"}`,
	} {
		first, before := mustLoad(t, onApp(lines))
		printed, err := Print(first)
		if err != nil {
			t.Fatal(err)
		}
		second, after := mustLoad(t, string(printed))
		ignore := []cmp.Option{cmpopts.IgnoreFields(App{}, "Override"), cmpopts.EquateEmpty()}
		if diff := cmp.Diff(first.Apps, second.Apps, ignore...); diff != "" {
			t.Errorf("%s (-first +second):\n%s\n%s", lines, diff, printed)
		}
		if len(after) > len(before) { // what is stated in so many words is warned of no more
			t.Errorf("%s: warnings %v, and when read again %v", lines, before, after)
		}
	}
}
