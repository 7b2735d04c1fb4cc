package pagescript

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/google/go-cmp/cmp"
)

var nonces = regexp.MustCompile(`'nonce-([A-Za-z0-9+/]{22}==)'`)

func TestEveryPolicyThatRefusesTheScriptIsExtendedAndNoOther(t *testing.T) {
	const own = "https://app.example.com/.cardea/"
	for _, row := range []struct{ name, in, want string }{
		{"nothing that concerns scripts", "frame-ancestors 'none'; img-src x", ""},
		{"trusted types", "require-trusted-types-for 'script'; trusted-types x", ""},
		{"script-src", "script-src 'self'", "script-src 'self' 'nonce-N'"},
		{"script-src 'none'", "script-src 'NONE'", "script-src 'nonce-N'"},
		{"an empty script-src", "script-src", "script-src 'nonce-N'"},
		{"script-src-elem governs", "script-src 'unsafe-inline'; script-src-elem 'self'", "script-src 'unsafe-inline'; script-src-elem 'self' 'nonce-N'"},
		{"script-src-elem lets it run", "script-src 'none'; script-src-elem 'unsafe-inline'", ""},
		{"unsafe-inline in force", "script-src 'self' 'Unsafe-Inline'", ""},
		{"unsafe-inline beside a nonce", "script-src 'unsafe-inline' 'nonce-abc'", "script-src 'unsafe-inline' 'nonce-abc' 'nonce-N'"},
		{"unsafe-inline beside a hash", "script-src 'unsafe-inline' 'sha256-abc='", "script-src 'unsafe-inline' 'sha256-abc=' 'nonce-N'"},
		{"unsafe-inline beside what is no hash", "script-src 'unsafe-inline' 'sha256-' 'sha1-abc' 'nonce-' nonce-abc 'nonce-a b'", ""},
		{"unsafe-inline beside strict-dynamic", "script-src 'unsafe-inline' 'strict-dynamic' https:", "script-src 'unsafe-inline' 'strict-dynamic' https: 'nonce-N'"},
		{"default-src with unsafe-inline", "default-src 'self' 'unsafe-inline'", ""},
		{"default-src 'self'", "default-src 'self'", "default-src 'self'; script-src 'self' 'nonce-N'"},
		{"default-src 'none'", "default-src 'none';", "default-src 'none'; script-src 'nonce-N'; connect-src " + own},
		{"default-src elsewhere", "default-src https://cdn.test 'unsafe-eval'; img-src *", "default-src https://cdn.test 'unsafe-eval'; img-src *; script-src https://cdn.test 'unsafe-eval' 'nonce-N'; connect-src https://cdn.test 'unsafe-eval' " + own},
		{"default-src runs it but does not reach", "default-src https://cdn.test 'unsafe-inline'", "default-src https://cdn.test 'unsafe-inline'; connect-src https://cdn.test 'unsafe-inline' " + own},
		{"connect-src", "connect-src https://api.test", "connect-src https://api.test " + own},
		{"connect-src 'none'", "default-src *; script-src 'unsafe-inline'; Connect-Src 'none'", "default-src *; script-src 'unsafe-inline'; connect-src " + own},
		{"an empty connect-src", "connect-src", "connect-src " + own},
		{"connect-src 'self'", "connect-src 'self'", ""},
		{"only one of the own paths", "connect-src " + own + "events", "connect-src " + own + "events " + own},
		{"all of the own paths", "connect-src " + own + "events " + own + "session " + own + "stay", ""},
		{"a second directive counts for nothing", "script-src 'self'; script-src 'unsafe-inline'; connect-src *; connect-src 'none'", "script-src 'self' 'nonce-N'; script-src 'unsafe-inline'; connect-src *; connect-src 'none'"},
		{"upper case and odd space", "\tSCRIPT-SRC\t'self'  https:;;", "script-src 'self' https: 'nonce-N';;"},
		{"several policies in a line", "script-src 'self', script-src 'unsafe-inline',default-src 'none'", "script-src 'self' 'nonce-N', script-src 'unsafe-inline',default-src 'none'; script-src 'nonce-N'; connect-src " + own},
		{"an empty one", " , ;", ""},
	} {
		want := row.want
		if want == "" {
			want = row.in
		}
		got, nonce := extend([]string{row.in}, somewhere())
		if found := nonces.FindString(got[0]); (found == "") != (nonce == "") || (nonce != "" && found != "'nonce-"+nonce+"'") {
			t.Errorf("%s: nonce %q, policy %q", row.name, nonce, got[0])
		}
		if d := cmp.Diff(want, nonces.ReplaceAllString(got[0], "'nonce-N'")); d != "" {
			t.Errorf("%s:\n%s", row.name, d)
		}
		// What was extended once needs nothing more.
		if again, nonce := extend(got, somewhere()); row.want == "" && (nonce != "" || again[0] != got[0]) {
			t.Errorf("%s: again: %q", row.name, again)
		}
	}
}

func TestEverySeparatePolicyGetsTheSameNonceAndEveryAnswerAnother(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		res := answer(strings.NewReader("<p>"), "Content-Security-Policy: script-src 'self'", "Content-Security-Policy: default-src *", "Content-Security-Policy-Report-Only: script-src 'none'")
		page, err := added(t, res)
		if err != nil {
			t.Fatal(err)
		}
		found := nonces.FindAllStringSubmatch(strings.Join(res.Header["Content-Security-Policy"], "\n"), -1)
		if len(found) != 2 || found[0][1] != found[1][1] || seen[found[0][1]] {
			t.Fatalf("nonces %v", found)
		}
		seen[found[0][1]] = true
		if want := snippet(somewhere(), found[0][1], "") + "<p>"; page != want {
			t.Errorf("the page's nonce is another: %.80q", page)
		}
		if got := res.Header.Get("Content-Security-Policy-Report-Only"); got != "script-src 'none'" {
			t.Errorf("report-only: %q", got)
		}
	}
}

func TestSourcesThatReachTheOwnPaths(t *testing.T) {
	for _, row := range []struct {
		origin  httpx.Origin
		sources string
		want    bool
	}{
		{"https://app.example.com", "*", true},
		{"https://app.example.com", "https:", true},
		{"https://app.example.com", "http:", true},
		{"https://app.example.com", "wss:", true},
		{"https://app.example.com", "ws:", true},
		{"https://app.example.com", "data: blob:", false},
		{"http://app.example.com", "https: wss:", false},
		{"http://app.example.com", "ws:", true},
		{"https://app.example.com", "app.example.com", true},
		{"https://app.example.com", "APP.Example.com", true},
		{"https://app.example.com", "*.example.com", true},
		{"https://app.example.com", "*.com", true},
		{"https://app.example.com", "example.com", false},
		{"https://app.example.com", "*.app.example.com", false},
		{"https://app.example.com", "https://*", true},
		{"https://app.example.com", "http://app.example.com", true},
		{"https://app.example.com", "http://app.example.com:80", true},
		{"https://app.example.com", "https://app.example.com:80", false},
		{"https://app.example.com", "https://app.example.com:443/", true},
		{"https://app.example.com", "wss://app.example.com", true},
		{"https://app.example.com", "app.example.com:8443", false},
		{"https://app.example.com:8443", "app.example.com", false},
		{"https://app.example.com:8443", "app.example.com:*", true},
		{"https://app.example.com:8443", "app.example.com:8443", true},
		{"http://app.example.com", "https://app.example.com", false},
		{"https://app.example.com", "app.example.com/api", false},
		{"https://app.example.com", "app.example.com/api/", false},
		{"https://app.example.com", "app.example.com/.cardea", false},
		{"https://app.example.com", "app.example.com/%2Ecardea/", true},
		{"https://app.example.com", "app.example.com/%zz", false},
		{"https://app.example.com", "'none'", false},
		{"https://app.example.com", "'unsafe-inline' 'nonce-x'", false},
		{"http://[::1]:8080", "'self'", true},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080", true},
	} {
		p := Page{Origin: row.origin, Mark: "m", Own: "/.cardea"}
		if got := reaches(strings.Fields(row.sources), p); got != row.want {
			t.Errorf("%s from %s: %v", row.sources, row.origin, got)
		}
		extended, _ := extend([]string{"connect-src " + row.sources}, p)
		if !reaches(strings.Fields(extended[0])[1:], p) {
			t.Errorf("%s from %s: %q does not reach", row.sources, row.origin, extended[0])
		}
	}
	if got := ownSource(Page{Origin: "http://[::1]:8080", Own: "/.cardea"}); got != "'self'" {
		t.Errorf("no host source can spell an IPv6 address: %q", got)
	}
}
