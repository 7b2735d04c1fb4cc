package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestIdentityHeadersCarryTheSession(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), func(o *Options) {
		o.Headers = append(DefaultHeaders(),
			Header{Name: "x-dept", Source: "claim:dept"}, Header{Name: "X-N", Source: "claim:n"}, Header{Name: "X-Ok", Source: "claim:ok"},
			Header{Name: "X-Roles", Source: "claim:roles", Separator: ";"}, Header{Name: "X-Missing", Source: "claim:none"},
			Header{Name: "X-Sub", Source: SourceSubject}, Header{Name: "X-Idt", Source: SourceIDToken}, Header{Name: "X-At", Source: SourceAccessToken})
	})
	echo := body(t, r.get("/"))
	for name, want := range map[string][]string{
		"X-Forwarded-User": {"alice"}, "X-Forwarded-Preferred-Username": {"alice"}, "X-Cardea-Account": {"acc1"},
		"X-Forwarded-Email": {"alice@example.com"}, "X-Forwarded-Name": {"Alice Åström"}, "X-Forwarded-Groups": {"staff,dev"},
		"X-Dept": {"R&D"}, "X-N": {"7"}, "X-Ok": {"true"}, "X-Roles": {"a;b"}, "X-Missing": nil, "X-Sub": {"sub-1"}, "X-Idt": {"idt-secret"}, "X-At": {"at-secret"},
	} {
		if diff := cmp.Diff(want, seen(echo, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOnlyBelievedEmailIsPassedOn(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	s := alice()
	s.Profile.EmailBelieved = false
	r.setVerdict(guard.Verdict{Outcome: guard.Allow, Session: s})
	if got := seen(body(t, r.get("/", "X-Forwarded-Email", "boss@example.com")), "X-Forwarded-Email"); got != nil {
		t.Errorf("an e-mail that nobody believes arrived: %q", got)
	}
}

func TestValuesThatCannotStandInAHeaderAreLeftOutAndLoggedOnce(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	s := alice()
	s.Profile.Name = "Eve\r\nX-Forwarded-User: root"
	s.Profile.Groups = []string{"ok", "a,b", "c\nd", "\xff", " blank", "", "grün"}
	r.setVerdict(guard.Verdict{Outcome: guard.Allow, Session: s})
	var echo string
	for range 3 {
		echo = body(t, r.get("/"))
	}
	if got := seen(echo, "X-Forwarded-Name"); got != nil {
		t.Errorf("name %q", got)
	}
	if diff := cmp.Diff([]string{"alice"}, seen(echo, "X-Forwarded-User")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ok,grün"}, seen(echo, "X-Forwarded-Groups")); diff != "" {
		t.Error(diff)
	}
	log := r.log.String()
	if n := strings.Count(log, "contains the separator"); n != 1 {
		t.Errorf("the comma in a group's name was logged %d times:\n%s", n, log)
	}
	if strings.Contains(log, "Eve") {
		t.Error("the log shows the value")
	}
}

func TestLongGroupListsAreBounded(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	s := alice()
	s.Profile.Groups = nil
	for i := range 5000 {
		s.Profile.Groups = append(s.Profile.Groups, fmt.Sprintf("group-%04d", i))
	}
	r.setVerdict(guard.Verdict{Outcome: guard.Allow, Session: s})
	got := seen(body(t, r.get("/")), "X-Forwarded-Groups")
	if len(got) != 1 || len(got[0]) > maxValue || !strings.HasPrefix(got[0], "group-0000,") || strings.HasSuffix(got[0], ",") {
		t.Errorf("%d values", len(got))
	}
}

// spoofs are spellings under which an app could read an identity that a client made up.
func spoofs() []string {
	return []string{
		"X-Forwarded-User", "x-forwarded-user", "X-FORWARDED-USER", "X_Forwarded_User", "x_forwarded_user", "X-Forwarded_User",
		"X_Forwarded-User", "X.Forwarded.User", "X-Forwarded-Preferred-Username", "X-Cardea-Account", "X_Cardea_Account",
		"X-Cardea-Identity", "X-Cardea-Anything", "x_cardea_identity", "X-Forwarded-Email", "X-Forwarded-Name", "X-Forwarded-Groups",
		"x_forwarded_groups", "Remote-User", "Remote_User", "X-Remote-User", "X-Auth-Request-User", "X_Auth_Request_Email",
		"X-Authentik-Username", "x_authentik_groups", "X-Forwarded-Access-Token", "X-Real-Ip", "X_Real_IP", "X-Forwarded-For", "X_Forwarded_For",
		"X-Forwarded-Proto", "X-Forwarded-Host", "X_Forwarded_Host", "Forwarded", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Original-Url", "X-Rewrite-Url",
		"X-Forwarded-Port", "x_forwarded_anything", "X-Auth-Request-Access-Token", "X-Authentik-Jwt", "X-Mapped", "x_mapped",
	}
}

const mark = "spoofed"

func withMapped(o *Options) {
	o.Headers = append(DefaultHeaders(), Header{Name: "X-Mapped", Source: SourceHandle})
}

// Identity headers of a client never arrive, whatever the verdict.
// CVE-2020-14359 (letter case), CVE-2025-64484 (underscores), CVE-2017-6413 (in every
// mode), CVE-2024-45410 and GHSA-w9mr-28mw-j8hg (Connection), CVE-2026-57210 (addresses).
func TestSpoofedHeadersNeverArrive(t *testing.T) {
	verdicts := map[string]guard.Verdict{
		"CVE-2020-14359 CVE-2025-64484 signed in":   allow(),
		"CVE-2017-6413 public without a session":    {Outcome: guard.NoSession, Public: true},
		"CVE-2017-6413 public though denied":        {Outcome: guard.Denied, Public: true, Session: alice()},
		"CVE-2017-6413 bearer without a session":    {Outcome: guard.NoSession, Bearer: true},
		"CVE-2017-6413 grant lost, still signed in": {Outcome: guard.Reauthorize, Session: alice()},
	}
	upstream := app(t, echoHeaders)
	for name, v := range verdicts {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, upstream, withMapped)
			r.setVerdict(v)
			for _, method := range []string{"GET", "POST", "OPTIONS", "PROPFIND"} {
				for _, header := range spoofs() {
					echo := body(t, r.raw(method+" / HTTP/1.1\r\nHost: app\r\nConnection: close\r\nContent-Length: 0\r\n"+header+": "+mark+"\r\n"+header+": "+mark+"2\r\n\r\n"))
					if strings.Contains(echo, mark) {
						t.Errorf("%s %s arrived:\n%s", method, header, echo)
					}
					if want := v.Live(); (seen(echo, "X-Forwarded-User") != nil) != want {
						t.Errorf("%s %s: identity passed on: %v", method, header, !want)
					}
				}
			}
		})
	}
}

func TestSpoofedHeadersNeverArriveOverHTTP2(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), withMapped)
	h2 := httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	h2.EnableHTTP2 = true
	h2.StartTLS()
	defer h2.Close()
	for _, header := range spoofs() {
		q, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, h2.URL, nil)
		q.Header[header] = []string{mark}
		res, err := h2.Client().Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if res.ProtoMajor != 2 {
			t.Fatalf("spoke %s", res.Proto)
		}
		if echo := body(t, res); strings.Contains(echo, mark) {
			t.Errorf("%s arrived:\n%s", header, echo)
		}
		_ = res.Body.Close()
	}
}

func TestConnectionHeaderCannotTakeTheIdentityOut(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	for _, id := range []string{"GHSA-w9mr-28mw-j8hg X-Forwarded-User, X-Cardea-Account", "CVE-2024-45410 X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded"} {
		_, names, _ := strings.Cut(id, " ")
		echo := body(t, r.raw("GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close, "+names+"\r\nX-Forwarded-User: "+mark+"\r\n\r\n"))
		for name, want := range map[string]string{"X-Forwarded-User": "alice", "X-Cardea-Account": "acc1", "X-Forwarded-Host": "app.example", "X-Forwarded-Proto": "http"} {
			if diff := cmp.Diff([]string{want}, seen(echo, name)); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", id, name, diff)
			}
		}
		if len(seen(echo, "X-Forwarded-For")) != 1 || len(seen(echo, "Forwarded")) != 1 {
			t.Errorf("%s:\n%s", id, echo)
		}
	}
}

func TestSpoofedTrailersNeverArriveAndOthersDo(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	echo := body(t, r.raw("POST / HTTP/1.1\r\nHost: app\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-User, X_Forwarded_Email, X-Sum\r\n\r\n"+
		"3\r\nabc\r\n0\r\nX-Forwarded-User: "+mark+"\r\nX_Forwarded_Email: "+mark+"\r\nX-Undeclared: "+mark+"\r\nX-Sum: 42\r\n\r\n"))
	if strings.Contains(echo, mark) {
		t.Errorf("a trailer arrived:\n%s", echo)
	}
	if !strings.Contains(echo, "trailer X-Sum: 42") {
		t.Errorf("the app's trailer did not:\n%s", echo)
	}
}

// Requests that two servers could read as one or as two, or as addressed to two hosts.
// CVE-2023-33189: duplicates and smuggling.
func TestSmuggledAndDuplicateHeadersCVE202333189(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	for name, tt := range map[string]struct {
		request string
		status  int
	}{
		"two hosts":                  {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		"two lengths":                {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		"negative length":            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
		"length that is no number":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400},
		"unknown transfer coding":    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
		"two transfer codings":       {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
		"blank before the colon":     {"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-User : root\r\n\r\n", 400},
		"folded line":                {"GET / HTTP/1.1\r\nHost: a\r\n X-Forwarded-User: root\r\n\r\n", 400},
		"control character in value": {"GET / HTTP/1.1\r\nHost: a\r\nX-A: a\x00b\r\n\r\n", 400},
		"no name":                    {"GET / HTTP/1.1\r\nHost: a\r\n: root\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			if res := r.raw(tt.request); res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
		})
	}
	// Both framings at once: the length is void, and only one request arrives.
	echo := body(t, r.raw("POST /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /two HTTP/1.1\r\nX-Forwarded-User: root\r\n\r\n"))
	if !strings.HasPrefix(echo, "POST /one") || seen(echo, "Content-Length") != nil || strings.Contains(echo, "root") {
		t.Errorf("arrived:\n%s", echo)
	}
}

func TestForwardedHeadersSayOnlyWhatIsBelieved(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	echo := body(t, r.raw("GET / HTTP/1.1\r\nHost: App.Example:8443\r\nConnection: close\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6;host=evil\r\n\r\n"))
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "app.example:8443",
		"Forwarded": `for=127.0.0.1;host="app.example:8443";proto=http`,
	} {
		if diff := cmp.Diff([]string{want}, seen(echo, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if !strings.Contains(echo, " App.Example:8443\n") {
		t.Errorf("the host was changed:\n%s", echo)
	}
}

// CVE-2026-57210 and GHSA-4jgr-pg2m-m988: a host or an address is never injected.
func TestForwardedHeadersAreEscaped(t *testing.T) {
	p := newRig(t, app(t, echoHeaders), nil).proxy
	x := &exchange{p: p}
	x.client.Scheme, x.client.Host = "http", `a";for="6.6.6.6`
	if got, want := forwarded(x), `for=unknown;host="a\";for=\"6.6.6.6";proto=http`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	x.client.Host = "a\r\nX-Forwarded-User: root"
	h := http.Header{}
	p.setHeaders(h, x)
	if h.Get("X-Forwarded-Host") != "" || strings.Contains(h.Get("Forwarded"), "root") {
		t.Errorf("%v", h)
	}
}

func TestHeaderMapsThatCannotBeMeantStopTheStart(t *testing.T) {
	for _, h := range [][]Header{
		{{Name: "Host", Source: SourceHandle}}, {{Name: "cookie", Source: SourceHandle}}, {{Name: "X_User", Source: SourceHandle}},
		{{Name: "X User", Source: SourceHandle}}, {{Name: "X-A", Source: "nickname"}}, {{Name: "X-A", Source: "claim:"}},
		{{Name: "X-Forwarded-For", Source: SourceHandle}}, {{Name: "X-Cardea-Identity", Source: SourceHandle}},
		{{Name: "X-A", Source: SourceHandle}, {Name: "x-a", Source: SourceName}}, {{Name: "", Source: SourceHandle}},
	} {
		if _, err := ownedNames(h); err == nil {
			t.Errorf("%v was accepted", h)
		}
	}
	for _, set := range []string{"oauth2-proxy", "authelia", "authentik"} {
		list, ok := HeaderSet(set)
		if _, err := ownedNames(list); !ok || err != nil {
			t.Errorf("%s: %v", set, err)
		}
	}
}

func TestUpstreamsThatCannotBeMeantStopTheStart(t *testing.T) {
	for upstream, ok := range map[string]bool{
		"http://127.0.0.1:80": true, "http://app/": true, "https://app": true, "h2c://app:1": true, "unix:/run/a.sock": true, "unix:///run/a.sock": true,
		"": false, "app:80": false, "ftp://a": false, "http://": false, "http://a/base": false, "http://u:p@a": false, "http://a?x=1": false, "unix:a.sock": false,
	} {
		if _, err := parseTarget(upstream); (err == nil) != ok {
			t.Errorf("%q: %v", upstream, err)
		}
	}
}

func TestNoSecretOfTheSessionIsLogged(t *testing.T) {
	r := newRig(t, rawApp(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), func(o *Options) {
		o.Headers = []Header{{Name: "X-At", Source: SourceAccessToken}}
	})
	res := r.get("/", "Cookie", "cardea-80=seat-secret; other=cookie-secret")
	_, _ = io.ReadAll(res.Body)
	eventually(t, "the broken answer is logged", func() bool { return strings.Contains(r.log.String(), "broke off") })
	if strings.Contains(r.log.String(), "secret") {
		t.Error(r.log.String())
	}
}

func session2(groups ...string) *session.Session {
	s := alice()
	s.Profile = oidc.Profile{Groups: groups}
	return s
}

func TestGroupsUseTheSetsOwnSeparator(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), func(o *Options) { o.Headers, _ = HeaderSet("authentik") })
	r.setVerdict(guard.Verdict{Outcome: guard.Allow, Session: session2("a,b", "c|d", "e")})
	if diff := cmp.Diff([]string{"a,b|e"}, seen(body(t, r.get("/")), "X-Authentik-Groups")); diff != "" {
		t.Error(diff)
	}
	r.setVerdict(guard.Verdict{Outcome: guard.Allow, Session: session2("solo")})
	if diff := cmp.Diff([]string{"solo"}, seen(body(t, r.get("/")), "X-Authentik-Groups")); diff != "" {
		t.Error(diff)
	}
}
