package vault

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/session"
)

const page = "https://chat.example.com/a/b"

func TestWhatIsKeptAndWhatPasses(t *testing.T) {
	rules := Rules{Pass: []string{"pass", "share*"}, Hold: []string{"hold", "both"}}
	rules.Pass = append(rules.Pass, "both")
	for line, kept := range map[string]bool{
		"sid=1; HttpOnly": true, "sid=1": false, "pass=1; HttpOnly": false, "shared-x=1; HttpOnly": false, "Pass=1; HttpOnly": true,
		"hold=1": true, "both=1": true, "sid=1; HttpOnly; Domain=chat.example.com": true,
		"sid=1; HttpOnly; Domain=example.com": false, "hold=1; Domain=.example.com": false, "=1; HttpOnly": true, "1; HttpOnly": true,
	} {
		r := newRig(t, newStore(), rules)
		r.request(page, "")
		out := r.response(page, line)
		got, _ := r.request(page, "")
		pair, _, _ := strings.Cut(line, ";")
		if kept && (len(out) != 0 || got != strings.TrimPrefix(pair, "=")) {
			t.Errorf("%q: %q goes on and %q is sent", line, out, got)
		}
		if !kept && (!slices.Equal(out, []string{line}) || got != "") {
			t.Errorf("%q: %q goes on and %q is sent", line, out, got)
		}
	}
}

func TestCookiesGoInTheOrderOfTheirPathsAndAges(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	r.response(page, "one=1; Path=/; HttpOnly", "two=2; Path=/a; HttpOnly", "three=3; Path=/; HttpOnly", "four=4; Path=/a/b; HttpOnly", "x=0; Path=/x; HttpOnly")
	r.response(page, "one=1b; Path=/; HttpOnly")
	if got, _ := r.request(page, ""); got != "four=4; two=2; one=1b; three=3" {
		t.Error(got)
	}
	if got, _ := r.request("https://chat.example.com/ab", "theme=dark"); got != "one=1b; three=3; theme=dark" {
		t.Error(got)
	}
}

func TestPathsAreComparedAsTheyAreOnTheWire(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	r.response(page, "n=1; Path=/x%20y; HttpOnly", "m=1; Path=/x y; HttpOnly")
	if got, _ := r.request("https://chat.example.com/x%20y/z?q=/", ""); got != "n=1" {
		t.Error(got)
	}
}

func TestOneNameMayBeKeptAtSeveralPaths(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	r.response(page, "n=root; Path=/; HttpOnly", "n=deep; Path=/a; HttpOnly", "n=other; Path=/o; HttpOnly")
	if got, _ := r.request(page, ""); got != "n=deep; n=root" {
		t.Error(got)
	}
	if out := r.response(page, "n=; Path=/a; Max-Age=0"); len(out) != 0 {
		t.Errorf("the browser has no such cookie, and hears %q", out)
	}
	if got, _ := r.request(page, ""); got != "n=root" {
		t.Error(got)
	}
}

func TestADeletionReachesTheBrowserWhereItCouldHoldTheCookie(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	gone := "n=; Path=/; Max-Age=0"
	r.response(page, "n=1; Path=/; HttpOnly")
	if out := r.answer(get(page, "Cookie", "n=stale"), gone); !slices.Equal(out, []string{gone}) {
		t.Errorf("%q", out)
	}
	if got, _ := r.request(page, ""); got != "" {
		t.Errorf("still sent: %q", got)
	}
	r.response(page, "p=1; Path=/")
	if out := r.response(page, "p=; Path=/; Max-Age=0"); len(out) != 1 {
		t.Errorf("%q", out)
	}
	if j := r.store.stored(t, key{sid, "chat"}); len(j.passed) != 0 {
		t.Error("a deleted cookie is still on record")
	}
	if out := r.response(page, "never=; Path=/; Max-Age=0; HttpOnly"); len(out) != 0 {
		t.Errorf("%q", out)
	}
	if out := r.response(page, "never=; Path=/; Max-Age=0"); len(out) != 1 {
		t.Errorf("%q", out)
	}
}

func TestANameLivesInOnePlace(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	r.response(page, "n=1; Path=/; HttpOnly")
	r.response(page, "n=2; Path=/a; Secure")
	if got, drop := r.request(page, "n=2"); got != "n=2" || drop != nil {
		t.Errorf("a kept name that now passes: %q, %q", got, drop)
	}
	out := r.response(page, "n=3; Path=/; HttpOnly")
	if len(out) != 1 || !expires(out, "n", "", "/a") {
		t.Errorf("the browser's copy stays: %q", out)
	}
	got, drop := r.request(page, "n=2; other=1")
	if got != "n=3; other=1" {
		t.Errorf("%q", got)
	}
	for _, path := range []string{"/", "/a", "/a/"} {
		if !expires(drop, "n", "", path) {
			t.Errorf("not expired at %s: %q", path, drop)
		}
	}
	if !expires(drop, "n", "chat.example.com", "/") {
		t.Errorf("not expired for the host as a domain: %q", drop)
	}
	if out := r.response(page, "both=1; HttpOnly", "both=2", "both=3; HttpOnly"); len(out) != 2 || !strings.HasPrefix(out[0], "both=2") || !expires(out[1:], "both", "", "/a") {
		t.Errorf("within one answer: %q", out)
	}
}

func TestCardeasOwnCookiesAreLeftAlone(t *testing.T) {
	r := newRig(t, newStore(), Rules{Browser: []string{}})
	own := "__Host-cardea=secret; cardea-4180=x; __host-CARDEA-browser=y"
	lines, drop, err := r.app.Request(t.Context(), sid, chat, get(page, "Cookie", own))
	if err != nil || !slices.Equal(lines, []string{own}) || drop != nil {
		t.Errorf("%q %q %v", lines, drop, err)
	}
	r.response(page, "sid=1; HttpOnly")
	if got, drop := r.request(page, own+"; foreign=1"); got != "sid=1" || !expires(drop, "foreign", "", "/") || expires(drop, "__Host-cardea", "", "/") {
		t.Errorf("%q %q", got, drop)
	}
	set := []string{"__Host-cardea=stolen; Path=/; Secure; HttpOnly", "=cardea-4180=x; HttpOnly"}
	if out := r.response(page, set...); !slices.Equal(out, set) {
		t.Errorf("%q", out)
	}
	if got, _ := r.request(page, ""); got != "sid=1" {
		t.Errorf("%q", got)
	}
	if x := r.app.Leaving(t.Context(), sid, chat, get(page, "Cookie", own)); x != nil {
		t.Errorf("%q", x)
	}
}

func TestSameSiteHolds(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	r.response(page, "strict=1; HttpOnly; SameSite=Strict", "lax=1; HttpOnly; SameSite=Lax", "plain=1; HttpOnly", "none=1; HttpOnly; SameSite=None; Secure")
	all := "strict=1; lax=1; plain=1; none=1"
	for _, tt := range []struct {
		name, method string
		header       []string
		want         string
	}{
		{"no headers", "GET", nil, all},
		{"same-origin", "POST", []string{"Sec-Fetch-Site", "same-origin"}, all},
		{"typed", "GET", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, all},
		{"sibling host", "POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://www.example.com"}, all},
		{"link on another site", "GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, "lax=1; plain=1; none=1"},
		{"form on another site", "POST", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, "none=1"},
		{"frame on another site", "GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, "none=1"},
		{"script on another site", "GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, "none=1"},
		{"upgrade from here", "GET", []string{"Connection", "Upgrade", "Upgrade", "websocket", "Origin", "https://chat.example.com"}, all},
		{"upgrade from elsewhere", "GET", []string{"Connection", "Upgrade", "Upgrade", "websocket", "Origin", "https://evil.example"}, "none=1"},
	} {
		in := get(page, tt.header...)
		in.Method = tt.method
		lines, _, err := r.app.Request(t.Context(), sid, chat, in)
		if got := strings.Join(lines, "|"); err != nil || got != tt.want {
			t.Errorf("%s: %q %v", tt.name, got, err)
		}
	}
	r.answer(get(page, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), "lax=planted; HttpOnly; SameSite=Lax", "none=2; HttpOnly; SameSite=None; Secure")
	if got, _ := r.request(page, ""); got != "strict=1; lax=1; plain=1; none=2" {
		t.Errorf("after an answer to another site's request: %q", got)
	}
}

func TestSecureCookiesStayOffInsecureOrigins(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	plain := mustOrigin(t, "http://chat.example.com")
	r.request(page, "")
	r.response(page, "s=1; HttpOnly; Secure; Path=/", "p=1; HttpOnly; Path=/")
	lines, _, err := r.app.Request(t.Context(), sid, plain, get(page))
	if err != nil || !slices.Equal(lines, []string{"p=1"}) {
		t.Errorf("%q %v", lines, err)
	}
	h := http.Header{"Set-Cookie": {"s=planted; HttpOnly; Path=/a", "t=1; HttpOnly; Secure"}}
	if err := r.app.Response(t.Context(), sid, plain, get(page), h); err != nil || len(h) != 0 {
		t.Errorf("%v %v", h, err)
	}
	if got, _ := r.request(page, ""); got != "s=1; p=1" {
		t.Errorf("%q", got)
	}
}

func TestExpiredCookiesAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newStore(), Rules{})
		r.request(page, "")
		r.response(page, "short=1; HttpOnly; Max-Age=60", "long=1; HttpOnly; Max-Age=3600", "session=1; HttpOnly")
		time.Sleep(time.Minute)
		if got, drop := r.request(page, "short=script"); got != "long=1; session=1; short=script" || drop != nil {
			t.Errorf("%q %q", got, drop)
		}
	})
}

// Bad input: each is bounded, and named to the operator without names or values.
func TestHostileAppsAreBounded(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("secretname%d=secretvalue; HttpOnly; Path=/", i))
	}
	if out := r.response(page, many...); len(out) != 0 {
		t.Errorf("%d lines go on", len(out))
	}
	got, _ := r.request(page, "")
	if n := strings.Count(got, "="); n != maxKept || !strings.HasSuffix(got, "secretname499=secretvalue") || strings.Contains(got, "secretname349=") {
		t.Errorf("%d cookies are kept", n)
	}
	bad := []string{
		"big=" + strings.Repeat("x", 1<<20) + "; HttpOnly", "big=" + strings.Repeat("x", 5000), "else=1; HttpOnly; Domain=other.example",
		"__Host-a=1; Secure; HttpOnly; Path=/a", "ctl=\x01; HttpOnly", "none=1; SameSite=None; HttpOnly",
	}
	if out := r.response(page, bad...); len(out) != 0 {
		t.Errorf("%d lines go on", len(out))
	}
	if again, _ := r.request(page, ""); again != got {
		t.Error("what browsers refuse was kept")
	}
	text := r.log.String()
	if n := strings.Count(text, "count="); n != 6 {
		t.Errorf("%d lines in the log:\n%s", n, text)
	}
	if !strings.Contains(text, "count=350") || !strings.Contains(text, "app=chat") || strings.Contains(text, "secret") {
		t.Errorf("log:\n%s", text)
	}
}

func TestAJarHolds48KiB(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	for i := range 20 {
		r.response(page, fmt.Sprintf("n%02d=%s; HttpOnly", i, strings.Repeat("x", 4000)))
	}
	r.response(page, "n08="+strings.Repeat("y", 4000)+"; HttpOnly", "next="+strings.Repeat("z", 4000)+"; HttpOnly")
	got, _ := r.request(page, "")
	if len(got) > maxKeptBytes+200 || len(got) < 40000 {
		t.Errorf("%d bytes are sent", len(got))
	}
	if !strings.Contains(got, "n08=yyy") || !strings.Contains(got, "next=zzz") || strings.Contains(got, "n09=") {
		t.Error("the least recently set do not go first")
	}
}

func TestRecordsOfWhatPassedAreBounded(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	for i := range 120 {
		if out := r.response(page, fmt.Sprintf("n%03d=%s", i, strings.Repeat("x", 4000))); len(out) != 1 {
			t.Fatal("a cookie for scripts does not pass")
		}
	}
	j := r.store.stored(t, key{sid, "chat"})
	total := 0
	for _, c := range j.passed {
		total += len(c.value)
	}
	if len(j.passed) != maxPassed || total > maxValues || total == 0 {
		t.Errorf("%d records with %d bytes of values", len(j.passed), total)
	}
	if x := r.app.Leaving(t.Context(), sid, chat, get(page)); !expires(x, "n119", "", "/a") {
		t.Error("sign-out does not expire the latest")
	}
}

func TestWithoutASessionNothingIsKept(t *testing.T) {
	s := newStore()
	s.ended[sid] = true
	r := newRig(t, s, Rules{})
	_, _, err := r.app.Request(t.Context(), sid, chat, get(page))
	if !gone(err) {
		t.Errorf("%v", err)
	}
	if out := r.response(page, "sid=1; HttpOnly", "theme=dark", "bad=\x01"); !slices.Equal(out, []string{"theme=dark"}) {
		t.Errorf("%q", out)
	}
}

func TestModes(t *testing.T) {
	s := newStore()
	s.set(session.ErrUnavailable, nil) // nothing may be asked
	for _, mode := range []Mode{Observe, Off} {
		r := newRig(t, s, Rules{Mode: mode, Browser: []string{"theme"}, Keep: []string{"kept*"}})
		for range 3 {
			if got, drop := r.request(page, "sid=secret; theme=dark; kept=1"); got != "sid=secret; theme=dark; kept=1" || drop != nil {
				t.Errorf("%s: %q %q", mode, got, drop)
			}
			set := []string{"sid=secret; HttpOnly", "x=secret", "old=; Max-Age=0", "bad=secret; Domain=other.example"}
			if out := r.response(page, set...); !slices.Equal(out, set) {
				t.Errorf("%s: %q", mode, out)
			}
			if x := r.app.Leaving(t.Context(), sid, chat, get(page, "Cookie", "sid=1")); x != nil {
				t.Errorf("%s: %q", mode, x)
			}
		}
		want := map[Mode]int{Observe: 5, Off: 0}[mode]
		if text := r.log.String(); strings.Count(text, "would=") != want || strings.Contains(text, "secret") {
			t.Errorf("%s: %s", mode, text)
		}
	}
}

func TestRulesAreChecked(t *testing.T) {
	v := newRig(t, newStore(), Rules{}).vault
	for name, r := range map[string]Rules{
		"no app": {Mode: On}, "no mode": {App: "a"}, "path": {App: "a", Mode: On, Path: "x"}, "empty pattern": {App: "a", Mode: On, Pass: []string{""}},
		"inner star": {App: "a", Mode: On, Keep: []string{"a*b"}},
	} {
		if _, err := v.App(r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p, err := compile("x", []string{"a", "b*"})
	got := map[string]bool{}
	for _, name := range []string{"a", "ab", "b", "bc", "B", ""} {
		got[name] = p.match(name)
	}
	if d := cmp.Diff(map[string]bool{"a": true, "ab": false, "b": true, "bc": true, "B": false, "": false}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a vault without a store")
	}
}
