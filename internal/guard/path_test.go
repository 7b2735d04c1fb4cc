package guard

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
)

func ruledApp() *App {
	return &App{
		ID: "a", Origin: origin, Access: group("app"), MaxAge: time.Hour,
		Paths: []PathRule{
			{Path: "/public", Public: true},
			{Path: "/health", Exact: true, Public: true},
			{Path: "/admin", Access: group("admin")},
			{Path: "/admin/help", Public: true},
			{Path: "/api", Bearer: true},
			{Path: "/pay", MaxAge: time.Minute, ACR: []string{"gold"}},
			{Path: "/my docs/café", Public: true},
		},
	}
}

// holds describes a rule: "public", "bearer", the policies' names, a short max_age.
func holds(t *testing.T, raw string) string {
	t.Helper()
	r, ok := ruledApp().ruleOf(raw)
	if !ok {
		return "bad"
	}
	var words []string
	if r.public {
		words = append(words, "public")
	} else if r.bearer {
		words = append(words, "bearer")
	}
	for _, p := range r.access[:r.policies] {
		words = append(words, p.Name)
	}
	slices.Sort(words)
	if r.maxAge == time.Minute {
		words = append(words, "1m")
	}
	return strings.Join(slices.Compact(words), " ")
}

func TestTheLongestPathRules(t *testing.T) {
	for raw, want := range map[string]string{
		"/":                      "app",
		"/public":                "app public",
		"/public/":               "app public",
		"/public/x/y.css":        "app public",
		"/publicity":             "app",
		"/health":                "app public",
		"/health/":               "app",
		"/health/x":              "app",
		"/admin":                 "admin",
		"/admin/":                "admin",
		"/admin/users":           "admin",
		"/admin/help":            "app public",
		"/api/v1":                "app bearer",
		"/pay/now":               "app 1m",
		"/my%20docs/caf%C3%A9/x": "app public",
		"/my%20docs/caf%c3%a9":   "app public",
		"/files/a%20b%2Bc.pdf":   "app",
		"/.well-known/openid":    "app",
		"/a/...b/c":              "app",
		"/search/100%25":         "app",
	} {
		if got := holds(t, raw); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestMalformedPathsAreRefused(t *testing.T) {
	for _, raw := range []string{
		"", "*", "x", "http://x/", "/a b", "/a\tb", "/a\x00", "/a\x7f", "/a%", "/a%2", "/a%zz", "/a%00", "/public%00/../admin",
		"/a?b", "/public#/../admin", "/a\r\nX: y",
	} {
		for _, app := range []*App{ruledApp(), {ID: "none"}} {
			if _, ok := app.ruleOf(raw); ok {
				t.Errorf("%q passed (rules: %d)", raw, len(app.Paths))
			}
		}
	}
}

// An ambiguous path gets no looser rule than any of its readings.
func TestAmbiguousPathsGetTheStrictestRule(t *testing.T) {
	for _, tt := range []struct{ id, raw, want string }{
		{"CVE-2026-33494 traversal past a rule", "/public/../admin", "admin app"},
		{"CVE-2026-33494 encoded dots", "/public/%2e%2e/admin", "admin app"},
		{"CVE-2026-33494 half-encoded dots", "/public/.%2E/admin/users", "admin app"},
		{"CVE-2026-33494 out of the public path", "/public/../secret", "app"},
		{"CVE-2026-33494 out of a public path below a strict one", "/admin/help/../users", "admin app"},
		{"CVE-2026-41059 fragment in a public path", "/public%23/../../admin", "admin app"},
		{"CVE-2026-41059 fragment after the strict path", "/admin%23/public", "admin app"},
		{"CVE-2025-54576 encoded query does not match a public rule", "/secret%3fx=/public", "app"},
		{"CVE-2026-48794 double slash", "//admin", "admin app"},
		{"CVE-2026-48794 double slash before public", "//public", "app"},
		{"CVE-2026-48794 inner double slash", "/public//../admin", "admin app"},
		{"CVE-2026-42274 encoded slash", "/admin%2fusers", "admin app"},
		{"CVE-2026-42272 encoded slash and dots", "/public%2f..%2fadmin", "admin app"},
		{"CVE-2026-42273 letter case", "/ADMIN/users", "admin app"},
		{"CVE-2026-42273 letter case of a public path", "/PUBLIC/x", "app"},
		{"encoded backslash", "/public%5c..%5cadmin", "admin app"},
		{"backslash", `/public\..\admin`, "admin app"},
		{"path parameters", "/public/..;/admin", "admin app"},
		{"path parameters at the end", "/admin;x=/public", "admin app"},
		{"double encoding", "/public/%252e%252e/admin", "admin app"},
		{"triple encoding", "/%25252561dmin", "admin app"},
		{"dot at the end", "/admin./x", "admin app"},
		{"blank at the end", "/admin%20/x", "admin app"},
		{"full width", "/%EF%BC%A1dmin", "admin app"},
		{"Kelvin sign", "/public/%E2%84%AA/x", "app public"},
		{"not UTF-8", "/public/%ff", "bad"},
		{"overlong slash", "/public%c0%af..%c0%afadmin", "bad"},
		{"encoded control", "/public/%0d%0aadmin", "bad"},
		{"too many readings to judge", "/public" + strings.Repeat("/%2e;a%2f..%5c", 160), "bad"},
		{"too long to judge", "/public/%20" + strings.Repeat("a", 3000), "bad"},
	} {
		t.Run(tt.id, func(t *testing.T) {
			if got := holds(t, tt.raw); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.raw, got, tt.want)
			}
		})
	}
}

func TestUnusualPathsPassWhereNoRuleHangsOnThem(t *testing.T) {
	app := &App{ID: "none", Access: group("app")}
	for _, raw := range []string{"/a//b", "/a/../b", "/%ff", "/a%2fb", "/a;b", "/a%0ab"} {
		if r, ok := app.ruleOf(raw); !ok || r.public || r.policies != 1 {
			t.Errorf("%s: %v %+v", raw, ok, r)
		}
	}
}

func TestRulesThatCannotBeMeantAreFound(t *testing.T) {
	for path, ok := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/.well-known/x": true, "/my docs": true, "/é": true,
		"": false, "a": false, "/a/../b": false, "/a//b": false, "/a%20b": false, "/a;b": false, `/a\b`: false, "/a?b": false, "/a#b": false,
		"/a\nb": false, "/a.": false, "/\xff": false,
	} {
		app := &App{Paths: []PathRule{{Path: path}}}
		if err := app.Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
	twice := &App{Paths: []PathRule{{Path: "/a"}, {Path: "/A/"}}}
	if twice.Validate() == nil {
		t.Error("two rules for one path")
	}
}

// notLooser tells whether a demands all that b demands.
func notLooser(a, b rule) bool {
	if b.acr != nil && (a.acr == nil || slices.ContainsFunc(a.acr, func(c string) bool { return !slices.Contains(b.acr, c) })) {
		return false
	}
	if a.public && !b.public || a.bearer && !b.bearer || (b.maxAge != 0 && (a.maxAge == 0 || a.maxAge > b.maxAge)) {
		return false
	}
	if a.public {
		return true
	}
	for _, p := range b.access[:b.policies] {
		if !slices.ContainsFunc(a.access[:a.policies], func(q *access.Policy) bool { return q.Name == p.Name }) {
			return false
		}
	}
	return true
}

// Pairs of paths that some server takes for the same resource: the unusual one never
// gets a looser decision, and percent-encoding letters changes nothing at all.
// CVE-2026-33494, CVE-2026-41059, CVE-2025-54576, CVE-2026-48794, CVE-2026-42274.
func FuzzSameResourceEqualDecision(f *testing.F) {
	bases := []string{"/admin/users", "/public/x", "/admin/help", "/api/v1", "/pay/now", "/health", "/other/thing"}
	for i := range bases {
		for m := range 14 {
			f.Add(uint8(i), uint8(m), uint8(3*i+m))
		}
	}
	f.Fuzz(func(t *testing.T, b, m, at uint8) {
		base := bases[int(b)%len(bases)]
		app := ruledApp()
		plainRule, ok := app.ruleOf(base)
		if !ok {
			t.Fatalf("%s is refused", base)
		}
		odd, equal := mutate(base, int(m), int(at))
		oddRule, ok := app.ruleOf(odd)
		if !ok {
			return // refused: stricter than anything
		}
		if !notLooser(oddRule, plainRule) {
			t.Errorf("%s is judged looser than %s", odd, base)
		}
		if equal && (!notLooser(plainRule, oddRule) || oddRule.public != plainRule.public) {
			t.Errorf("%s is judged otherwise than %s", odd, base)
		}
	})
}

// mutate writes base in another way and tells whether every server must read it alike.
func mutate(base string, how, at int) (string, bool) {
	segments := strings.Split(base[1:], "/")
	letter := 1 + at%(len(base)-1)
	hex := func(c byte, digits string) string { return "%" + string(digits[c>>4]) + string(digits[c&15]) }
	slash := strings.LastIndexByte(base, '/')
	switch how % 14 {
	case 0, 1:
		if base[letter] == '/' {
			return base, true
		}
		digits := []string{"0123456789abcdef", "0123456789ABCDEF"}[how%14]
		return base[:letter] + hex(base[letter], digits) + base[letter+1:], true
	case 2:
		return "/public/../" + base[1:], false
	case 3:
		return "/public/%2e%2E/" + base[1:], false
	case 4:
		return "/" + base, false
	case 5:
		return base[:slash] + "//" + base[slash+1:], false
	case 6:
		return base[:slash] + "/./" + base[slash+1:], false
	case 7:
		return base[:slash] + "%2f" + base[slash+1:], false
	case 8:
		return base[:slash] + `\` + base[slash+1:], false
	case 9:
		return "/" + segments[0] + ";v=1/" + strings.Join(segments[1:], "/"), false
	case 10:
		return "/public/..;/" + base[1:], false
	case 11:
		return strings.ToUpper(base), false
	case 12:
		return base[:letter] + "%25" + hex(base[letter], "0123456789abcdef")[1:] + base[letter+1:], false
	}
	return "/public%2f%2e%2e" + base, false
}

func FuzzAnyPathIsJudged(f *testing.F) {
	for _, s := range []string{"/", "/a%2fb", "/..;/%2e", "/%25%32%66", "/\xff", "/a\\b", "//", "/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		app := ruledApp()
		r, ok := app.ruleOf(raw)
		if !ok {
			return
		}
		if r.public && !strings.Contains(strings.ToLower(raw), "%") && !strings.HasPrefix(raw, "/public") &&
			raw != "/health" && !strings.HasPrefix(raw, "/admin/help") && !strings.HasPrefix(raw, "/my") {
			t.Errorf("%q is public", raw)
		}
	})
}

func BenchmarkWorstPath(b *testing.B) {
	app := ruledApp()
	paths := []string{
		"/" + strings.Repeat("%2e;a%2f..%5c/", 140), "/" + strings.Repeat("%25", 600), "/" + strings.Repeat(";", 2000),
		"/" + strings.Repeat("a/../.", 300), "/" + strings.Repeat("/", 2000), "/" + strings.Repeat("%EF%BC%A1;. /", 100),
	}
	for b.Loop() {
		for _, p := range paths {
			app.ruleOf(p)
		}
	}
}
