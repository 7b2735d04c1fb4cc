package vault

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// C4, J4: what the last person's session left in the browser never reaches the app.
func TestASignInInheritsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newStore(), Rules{Keep: []string{"theme"}})
		cookies := "sid=alice; theme=dark; __Host-cardea=own"
		got, drop := r.request(page, cookies)
		if got != "theme=dark" || !expires(drop, "sid", "", "/") || !expires(drop, "sid", "", "/a") || expires(drop, "theme", "", "/") {
			t.Errorf("first use: %q %q", got, drop)
		}
		if got, drop := r.request(page, cookies+"; sid2=script"); got != "theme=dark; sid2=script" || !expires(drop, "sid", "", "/") {
			t.Errorf("a parallel request: %q %q", got, drop)
		}
		again := newRig(t, r.store, Rules{Keep: []string{"theme"}})
		if got, _ := again.request(page, "sid=alice; late=script"); got != "late=script" {
			t.Errorf("after a restart: %q", got)
		}
		if got, drop := r.request(page, "sid=new"); got != "sid=new" || drop != nil {
			t.Errorf("a script's own: %q %q", got, drop)
		}
		time.Sleep(time.Minute)
		if got, drop := r.request(page, "sid=alice"); got != "sid=alice" || drop != nil {
			t.Errorf("a script's own of the same value, later: %q %q", got, drop)
		}
	})
}

func TestWhatTheAppGivesTheBrowserIsNoLeftover(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	if got, _ := r.request(page, "_xsrf=1"); got != "" {
		t.Errorf("%q", got)
	}
	r.response(page, "_xsrf=1")
	if got, drop := r.request(page, "_xsrf=1"); got != "_xsrf=1" || drop != nil {
		t.Errorf("%q %q", got, drop)
	}
}

func TestTooManyLeftoversAreLeftoversAltogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newStore(), Rules{Keep: []string{"theme"}})
		var many []string
		for i := range 100 {
			many = append(many, fmt.Sprintf("n%d=old", i))
		}
		cookies := strings.Join(many, "; ")
		for range 2 {
			got, drop := r.request(page, cookies+"; theme=dark")
			if got != "theme=dark" || len(drop) > mostExpired || len(strings.Join(drop, "")) > roomExpired {
				t.Errorf("%q, %d lines", got, len(drop))
			}
		}
		time.Sleep(time.Minute)
		if got, _ := r.request(page, "n7=new"); got != "n7=new" {
			t.Errorf("%q", got)
		}
	})
}

func TestEachHostOfAWildcardHasAFirstUse(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	one, two := mustOrigin(t, "https://one.apps.example.com"), mustOrigin(t, "https://two.apps.example.com")
	use := func(o httpx.Origin, cookies string) string {
		t.Helper()
		lines, _, err := r.app.Request(t.Context(), sid, o, get(string(o)+"/", "Cookie", cookies))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "|")
	}
	if got := use(one, "left=1"); got != "" {
		t.Errorf("%q", got)
	}
	h := map[string][]string{"Set-Cookie": {"sid=one; HttpOnly"}}
	if err := r.app.Response(t.Context(), sid, one, get(string(one)+"/"), h); err != nil {
		t.Fatal(err)
	}
	if got := use(two, "left=1"); got != "" {
		t.Errorf("%q", got)
	}
	if got := use(two, "sid=script"); got != "sid=script" {
		t.Errorf("one host's cookie is held against another: %q", got)
	}
	if got := use(one, "x=1"); got != "sid=one; x=1" {
		t.Errorf("%q", got)
	}
}

func TestOnlyExpectedNamesComeFromTheBrowser(t *testing.T) {
	r := newRig(t, newStore(), Rules{Browser: []string{"ui-*"}, Keep: []string{"theme"}, Pass: []string{"shared"}})
	r.request(page, "")
	r.response(page, "_xsrf=1", "shared=1; HttpOnly", "wide=1; Domain=example.com; HttpOnly", "sid=1; HttpOnly")
	got, drop := r.request(page, "ui-x=1; theme=dark; _xsrf=1; shared=1; wide=1; planted=1; sid=planted; naked")
	if got != "sid=1; ui-x=1; theme=dark; _xsrf=1; shared=1; wide=1" {
		t.Errorf("%q", got)
	}
	for _, name := range []string{"planted", "sid", ""} {
		if !expires(drop, name, "", "/") || !expires(drop, name, "", "/a") {
			t.Errorf("%q is not expired: %q", name, drop)
		}
	}
	if expires(drop, "ui-x", "", "/") || expires(drop, "_xsrf", "", "/") {
		t.Errorf("%q", drop)
	}
}

func TestAppsOnOneHostDoNotExpireEachOthersCookies(t *testing.T) {
	r := newRig(t, newStore(), Rules{})
	r.request(page, "")
	r.response(page, "_xsrf=1; Path=/", "sid=chat; Path=/; HttpOnly")
	hub, err := r.vault.App(Rules{App: "hub", Path: "/hub", Mode: On, Browser: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // first use, and ever after
		lines, drop, err := hub.Request(t.Context(), sid, chat, get("https://chat.example.com/hub/", "Cookie", "_xsrf=1; old=1"))
		if err != nil || len(lines) != 0 || expires(drop, "_xsrf", "", "/") || !expires(drop, "old", "", "/hub") {
			t.Errorf("%q %q %v", lines, drop, err)
		}
	}
	if got, drop := r.request(page, "_xsrf=1"); got != "sid=chat; _xsrf=1" || drop != nil {
		t.Errorf("%q %q", got, drop)
	}
}

func TestLeavingExpiresWhatPassedByNameDomainAndPath(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{Path: "/a", Keep: []string{"theme", "pref*"}})
	r.request(page, "")
	r.response(page, "_xsrf=1; Path=/a/user", "_xsrf=2; Path=/", "wide=1; Domain=.example.com; HttpOnly; Secure", "theme=dark; Path=/",
		"__Secure-p=1; Secure; Path=/; Partitioned", "sid=1; HttpOnly")
	check := func(r *rig) {
		t.Helper()
		in := get("https://chat.example.com/.cardea/sign-out", "Cookie", "script=1; pref1=1; __Host-cardea=own; _xsrf=2")
		x := r.app.Leaving(t.Context(), sid, chat, in)
		for _, want := range [][3]string{
			{"_xsrf", "", "/a/user"}, {"_xsrf", "", "/"}, {"wide", "example.com", "/a"}, {"__Secure-p", "", "/"},
			{"script", "", "/"}, {"script", "", "/a"}, {"script", "", "/a/"}, {"script", "chat.example.com", "/"},
		} {
			if !expires(x, want[0], want[1], want[2]) {
				t.Errorf("%v stays: %q", want, x)
			}
		}
		if slices.ContainsFunc(x, func(line string) bool {
			return strings.HasPrefix(line, "theme") || strings.HasPrefix(line, "pref") || strings.Contains(line, "cardea=") || strings.HasPrefix(line, "sid")
		}) {
			t.Errorf("expires what is to stay: %q", x)
		}
		for _, line := range x {
			if strings.HasPrefix(line, "__Secure-p") != strings.HasSuffix(line, "; Partitioned") || !strings.Contains(line, "; Secure") {
				t.Errorf("a browser would keep it: %q", line)
			}
		}
	}
	check(r)
	s.ended[sid] = true
	check(r)
	r.vault.Ended(session.Tombstone{Session: sid})
	check(r)
	check(newRig(t, s, Rules{Path: "/a", Keep: []string{"theme", "pref*"}}))

	s.set(session.ErrUnavailable, nil)
	down := newRig(t, s, Rules{})
	if x := down.app.Leaving(t.Context(), sid, chat, get(page, "Cookie", "script=1")); !expires(x, "script", "", "/") {
		t.Errorf("with the store down: %q", x)
	}
}

func TestRemainsServeTheAppsOwnLogout(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	r.request(page, "")
	r.response(page, "sid=1; HttpOnly; Path=/", "_xsrf=one; Path=/a", "_xsrf=two; Path=/b", "strict=1; HttpOnly; SameSite=Strict; Path=/a", "wide=w; Path=/; Domain=example.com")
	s.ended[sid] = true
	r.vault.Ended(session.Tombstone{Session: sid})

	m, err := r.app.Remains(t.Context(), sid)
	if err != nil || m == nil {
		t.Fatal(m, err)
	}
	now := time.Now()
	if m.Origin() != chat {
		t.Error(m.Origin())
	}
	if got := m.Cookie(now, "/a/logout?x=/b"); got != "strict=1; _xsrf=one; sid=1; wide=w" {
		t.Errorf("%q", got)
	}
	if v, ok := m.Value(now, "/b/logout", "_xsrf"); !ok || v != "two" {
		t.Errorf("%q %v", v, ok)
	}
	if _, ok := m.Value(now, "/", "_xsrf"); ok {
		t.Error("a cookie of another path")
	}
	m.Set(now, "/a/page", []string{"_xsrf=three; Path=/a", "sid=; Max-Age=0; Path=/", "new=1", "__Host-cardea=1; Path=/; Secure", "bad=1; Domain=other.example"})
	if got := m.Cookie(now, "/a/logout"); got != "strict=1; _xsrf=three; new=1; wide=w" {
		t.Errorf("%q", got)
	}
	if v, _ := m.Value(now, "/b", "_xsrf"); v != "two" {
		t.Errorf("%q", v)
	}
	if err := r.app.Forget(t.Context(), sid); err != nil {
		t.Fatal(err)
	}
	if m, err := r.app.Remains(t.Context(), sid); m != nil || err != nil {
		t.Error("not forgotten", err)
	}
	s.set(session.ErrUnavailable, nil)
	if _, err := r.app.Remains(t.Context(), sid); err == nil {
		t.Error("a silent store is taken for nothing to replay")
	}
	if err := r.app.Forget(t.Context(), sid); err == nil {
		t.Error("a silent store is taken for forgotten")
	}
}

// Whatever a hostile client sends as Cookie: what the app gets stays one header line of
// the same cookies, what is kept is never shadowed, and answers stay small and clean.
func FuzzCookieLine(f *testing.F) {
	for _, s := range []string{"sid=planted", "a=1;;; =x;b", "sid = x ; =sid=y; sid", "__Host-cardea=own; \tn=v\t;", strings.Repeat("n=v;", 300), "\xff=\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n\x00") {
			return // no server hands these on
		}
		r := newRig(t, newStore(), Rules{Browser: []string{"n"}})
		r.request(page, "")
		r.response(page, "sid=kept; HttpOnly", "p=1")
		in := get(page)
		in.Header["Cookie"] = []string{line}
		lines, drop, err := r.app.Request(t.Context(), sid, chat, in)
		if err != nil || len(lines) != 1 || !strings.HasPrefix(lines[0], "sid=kept") {
			t.Fatalf("%q %v", lines, err)
		}
		n := 0
		for p := (pairs{lines: lines}); p.next(); {
			if p.own() || p.name != "sid" && p.name != "n" && p.name != "p" {
				t.Fatalf("%q lets %q through", line, p.pair)
			}
			if p.name == "sid" {
				n++
			}
		}
		if n != 1 || len(drop) > mostExpired || len(strings.Join(drop, "")) > roomExpired {
			t.Fatalf("%q: %d cookies of that name, %d lines", line, n, len(drop))
		}
		for _, s := range drop {
			c, refused := parseSetCookie(s)
			if refused != "" || ownName(c.name, c.value) || c.maxAge != 0 || !c.hasMaxAge {
				t.Fatalf("%q makes the line %q", line, s)
			}
		}
	})
}
