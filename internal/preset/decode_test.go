package preset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/strict"
)

func override(t *testing.T, p Preset, doc string) (Preset, []strict.Fault) {
	t.Helper()
	node, faults := strict.Parse([]byte(doc))
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	return Decode(p, node, "record")
}

func TestOverrideChangesOnlyWhatItStates(t *testing.T) {
	p := known(t, "chainlit")
	got, faults := override(t, p, `
cookies: {browser: [theme]}
websocket: {code: 4001}
replay: [{path: /bye, xsrf: {cookie: csrf, field: csrf_token, from: /profile}, form: {all: "1"}}]
`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := known(t, "chainlit")
	want.Cookies.Browser = []string{"theme"}
	want.WebSocket.Code = 4001
	want.Replay = []Call{{Method: "POST", Path: "/bye", XSRF: &XSRF{Cookie: "csrf", Field: "csrf_token", From: "/profile"}, Form: map[string]string{"all": "1"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(known(t, "chainlit"), p); diff != "" {
		t.Errorf("the base changed:\n%s", diff)
	}
}

func TestMistakesAreRefusedWhereTheyStand(t *testing.T) {
	tests := []struct{ name, doc, path, message string }{
		{"unknown key", "log_out: []", "log_out", "unknown key"},
		{"word", "vault: maybe", "vault", "not known"},
		{"script word", "page_script: yes", "page_script", "not known"},
		{"prefix word", "needs: {prefix: stripped}", "needs.prefix", "not known"},
		{"header of HTTP", "headers: {Cookie: email}", "headers.Cookie", "belongs to HTTP"},
		{"header host", "headers: {hOsT: email}", "headers.hOsT", "belongs to HTTP"},
		{"header hop-by-hop", "headers: {Connection: email}", "headers.Connection", "belongs to HTTP"},
		{"header underscore", "headers: {X_User: email}", "headers.X_User", "underscore"},
		{"header twice", "headers: {X-User: email, x-user: name}", "headers.x-user", "another case"},
		{"header source", "headers: {X-User: mail}", "headers.X-User", "not known"},
		{"header claim", "headers: {X-User: 'claim:'}", "headers.X-User", "names no claim"},
		{"reads", "reads: ['X User']", "reads[0]", "not a header"},
		{"reads twice", "reads: [X-A, X-A]", "reads[1]", "twice"},
		{"logout method", "logout: [{method: PUT, path: /x}]", "logout[0].method", "no method"},
		{"logout path", "logout: [{path: x}]", "logout[0].path", "begin with a slash"},
		{"logout without path", "logout: [{method: GET}]", "logout[0].path", "is missing"},
		{"logout query", "logout: [{path: '/x?y'}]", "logout[0].path", "read alike"},
		{"logout of ours", "logout: [{path: /.cardea/sign-out}]", "logout[0].path", "gateway's own"},
		{"logout twice", "logout: [{path: /x}, {method: POST, path: /x}]", "logout[1]", "twice"},
		{"call method", "replay: [{method: TRACE, path: /x}]", "replay[0].method", "no method"},
		{"call elsewhere", "replay: [{path: 'https://evil.example/x'}]", "replay[0].path", "begin with a slash"},
		{"call query", "replay: [{path: '/x?a b'}]", "replay[0].path", "query"},
		{"call form by GET", "replay: [{method: GET, path: /x, form: {a: b}}]", "replay[0].method", "no form"},
		{"call header", "replay: [{path: /x, header: {Cookie: a}}]", "replay[0].header.Cookie", "set by the gateway"},
		{"call hop-by-hop", "replay: [{path: /x, header: {transfer-encoding: chunked}}]", "replay[0].header.transfer-encoding", "set by the gateway"},
		{"call header value", `replay: [{path: /x, header: {A: "b\r\nCookie: c"}}]`, "replay[0].header.A", "control"},
		{"call form name", "replay: [{path: /x, form: {'': b}}]", "replay[0].form", "without a name"},
		{"xsrf without place", "replay: [{path: /x, xsrf: {cookie: a}}]", "replay[0].xsrf", "exactly one place"},
		{"xsrf with two", "replay: [{path: /x, xsrf: {cookie: a, header: X-A, query: a}}]", "replay[0].xsrf", "exactly one place"},
		{"xsrf cookie", "replay: [{path: /x, xsrf: {cookie: 'a=b', header: X-A}}]", "replay[0].xsrf.cookie", "no cookie"},
		{"xsrf header", "replay: [{path: /x, xsrf: {cookie: a, header: Host}}]", "replay[0].xsrf.header", "set by the gateway"},
		{"xsrf from", "replay: [{path: /x, xsrf: {cookie: a, header: X-A, from: '//evil.example'}}]", "replay[0].xsrf.from", "simpler way"},
		{"xsrf field by GET", "replay: [{method: GET, path: /x, xsrf: {cookie: a, field: a}}]", "replay[0].method", "no form"},
		{"path without path", "paths: [{public: true}]", "paths[0]", "names no path"},
		{"path both", "paths: [{prefix: /a, exact: /b, public: true}]", "paths[0].exact", "beside prefix"},
		{"path neither", "paths: [{prefix: /a}]", "paths[0]", "either public"},
		{"path all", "paths: [{prefix: /a, public: true, bearer: true}]", "paths[0]", "either public"},
		{"path bare", "paths: [{prefix: /a, public: true, bare_token: true}]", "paths[0].bare_token", "none is taken"},
		{"path encoded", "paths: [{prefix: /a%2fb, public: true}]", "paths[0].prefix", "read alike"},
		{"path slash", "paths: [{prefix: /a/, public: true}]", "paths[0].prefix", "ends in a slash"},
		{"path of ours", "paths: [{prefix: /.cardea, public: true}]", "paths[0].prefix", "gateway's own"},
		{"path twice", "paths: [{prefix: /a, public: true}, {prefix: /A, bearer: true}]", "paths[1]", "same path"},
		{"polling star", "polling: [/user/*x/api]", "polling[0]", "star within"},
		{"polling slash", "polling: [/user/]", "polling[0]", "ends in a slash"},
		{"polling all", "polling: [/]", "polling[0]", "ends in a slash"},
		{"polling relative", "polling: [user]", "polling[0]", "begin with a slash"},
		{"polling dots", "polling: [/a/../b]", "polling[0]", "simpler way"},
		{"cookie", "cookies: {pass: ['a;b']}", "cookies.pass[0]", "no cookie"},
		{"cookie star within", "cookies: {hold: ['a*b']}", "cookies.hold[0]", "no cookie"},
		{"cookie empty", "cookies: {browser: ['']}", "cookies.browser[0]", "no cookie"},
		{"cookie twice", "cookies: {pass: [a, a]}", "cookies.pass[1]", "twice"},
		{"cookie held and passed", "cookies: {pass: [a], hold: [a]}", "cookies.hold[0]", "under pass too"},
		{"cookie held and brought", "cookies: {browser: [a], hold: [a]}", "cookies.hold[0]", "under browser too"},
		{"cookie held and left", "cookies: {hold: [a], keep: [a]}", "cookies.hold[0]", "under keep too"},
		{"everything left", "cookies: {keep: ['*']}", "cookies.keep", "next person"},
		{"close code never sent", "websocket: {code: 1006}", "websocket.code", "may be sent"},
		{"close code below", "websocket: {code: 999}", "websocket.code", "may be sent"},
		{"close code above", "websocket: {code: 5000}", "websocket.code", "may be sent"},
		{"close code without meaning", "websocket: {code: 2000}", "websocket.code", "may be sent"},
		{"farewell", "websocket: {farewell: " + strings.Repeat("x", 126) + "}", "websocket.farewell", "short text"},
		{"status", "refusal: {status: 302}", "refusal.status", "neither 401 nor 403"},
		{"mark without path", "recognise: [{status: 200}]", "recognise[0].path", "is missing"},
		{"mark elsewhere", "recognise: [{path: 'https://evil.example/', status: 200}]", "recognise[0].path", "begin with a slash"},
		{"mark of ours", "recognise: [{path: /.cardea/session, status: 401}]", "recognise[0].path", "gateway's own"},
		{"mark of everything", "recognise: [{path: /}]", "recognise[0]", "every answer"},
		{"mark status", "recognise: [{path: /, status: 20}]", "recognise[0].status", "no status"},
		{"mark header", "recognise: [{path: /, header: {'a b': x}}]", `recognise[0].header["a b"]`, "not a header"},
		{"mark header value", `recognise: [{path: /, header: {Server: "a\n"}}]`, "recognise[0].header.Server", "short text"},
		{"takes without a mark", "takes: {lacks: x}", "takes.lacks", "there are none"},
		{"takes mark of everything", "takes: {marks: [{path: /}]}", "takes.marks[0]", "every answer"},
		{"takes mark elsewhere", "takes: {marks: [{path: evil, status: 200}]}", "takes.marks[0].path", "begin with a slash"},
		{"mark body", "recognise: [{path: /, body: " + strings.Repeat("x", 201) + "}]", "recognise[0].body", "short text"},
		{"sources", "sources: []", "sources", "no source"},
		{"day", "checked_on: 28.11.2026", "checked_on", "not a day"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := override(t, known(t, Generic), tt.doc)
			if len(faults) != 1 {
				t.Fatalf("faults: %v", faults)
			}
			f := faults[0]
			if f.Path != "record."+tt.path || !strings.Contains(f.Message, tt.message) || f.Fix == "" || f.Line == 0 {
				t.Errorf("got %d:%d %s: %s; %s", f.Line, f.Column, f.Path, f.Message, f.Fix)
			}
		})
	}
}

func TestEverySwitchMustBeStated(t *testing.T) {
	stated := map[string]bool{}
	for _, f := range (Preset{}).Validate() {
		stated[f.Path] = true
	}
	for _, path := range []string{"vault", "page_script", "needs.prefix", "websocket.code", "refusal.status", "sources", "checked_on"} {
		if !stated[path] {
			t.Errorf("%s may be left out", path)
		}
	}
}

// The shapes of apps that have no embedded preset can be stated all the same.
func TestOddAppsCanBeStated(t *testing.T) {
	tests := map[string]string{
		"a form with a token from a page": `
logout: [{path: /session/destroy}]
replay: [{path: /session/destroy, xsrf: {cookie: csrftoken, field: csrfmiddlewaretoken, from: /accounts/profile}, form: {next: /}}]
`,
		"a token in the query, a deletion, own headers": `
replay:
  - {method: DELETE, path: /api/session?all=1, xsrf: {cookie: XSRF-TOKEN, header: X-XSRF-TOKEN}, header: {Accept: application/json}}
  - {method: GET, path: /logout, xsrf: {cookie: t, query: token}}
`,
		"own header, 403, own close code, a farewell": `
title: Board
headers: {X-Board-User: handle, X-Board-Role: "claim:realm_access.roles"}
reads: [X-Board-User, X-Cardea-Account]
refusal: {status: 403}
websocket: {code: 4001, farewell: '{"type":"bye"}'}
page_script: "on"
vault: "off"
needs: {prefix: none}
paths: [{exact: /hook/, bearer: true}, {prefix: /, public: true}]
cookies: {pass: [csrf, "pref_*"], hold: ["sess*"], browser: ["*"], keep: ["pref_*", "a:b"]}
`,
	}
	for name, doc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, faults := override(t, known(t, Generic), doc); len(faults) > 0 {
				t.Errorf("faults: %v", faults)
			}
		})
	}
}

// Whatever an operator writes, reading it ends in faults or in a preset that can be
// used: checked again, and joined to any address.
func FuzzDecode(f *testing.F) {
	f.Add("logout: [{path: /x}]", "/base")
	f.Add("polling: [/a/*/b]\npaths: [{prefix: /, public: true}]", "")
	f.Add("recognise: [{path: /x, status: 200, header: {Server: x}, body: y}]", "/a")
	f.Add("takes: {marks: [{path: /x, status: 200, header: {Server: x}, body: y}], lacks: z}", "/a")
	f.Add("replay: [{path: '/x?y=1', xsrf: {cookie: a, header: X-A, from: /b}}]", "/")
	f.Fuzz(func(t *testing.T, doc, base string) {
		node, faults := strict.Parse([]byte(doc))
		if len(faults) > 0 {
			return
		}
		generic, _ := Lookup(Generic)
		p, faults := Decode(generic, node, "record")
		if len(faults) > 0 {
			return
		}
		if again := p.Validate(); len(again) > 0 {
			t.Fatalf("valid and not: %v", again)
		}
		if CheckPath(base) != nil {
			base = "/"
		}
		at := p.At(base)
		for _, l := range at.Logout {
			if err := CheckPath(l.Path); err != nil {
				t.Fatalf("%q is no path: %v", l.Path, err)
			}
		}
		for _, m := range at.Recognise {
			if err := CheckPath(m.Path); err != nil {
				t.Fatalf("%q is no path: %v", m.Path, err)
			}
		}
		for _, x := range at.Paths {
			if err := CheckPath(x.Prefix + x.Exact); err != nil {
				t.Fatalf("%q is no path: %v", x.Prefix+x.Exact, err)
			}
		}
	})
}
