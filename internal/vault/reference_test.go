package vault

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// The standard library's jar is another reading of the same RFC: where the two agree on
// what may be sent at all, the app gets the very same line.
func TestSendsWhatAReferenceJarSends(t *testing.T) {
	for _, origin := range []httpx.Origin{chat, "http://localhost:4180", "http://127.0.0.1:4180"} {
		for seed := range uint64(15) {
			synctest.Test(t, func(t *testing.T) { compareWithJar(t, origin, rand.New(rand.NewPCG(seed, 1))) })
		}
	}
}

func compareWithJar(t *testing.T, origin httpx.Origin, rnd *rand.Rand) {
	ref, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, newStore(), Rules{Hold: []string{"*"}})
	paths := []string{"/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/b"}
	var history []string
	for step := range 80 {
		at := string(origin) + paths[rnd.IntN(len(paths))]
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		in := get(at)
		lines, drop, err := r.app.Request(t.Context(), sid, origin, in)
		if err != nil || drop != nil {
			t.Fatal(err, drop)
		}
		var want []string
		for _, c := range ref.Cookies(u) {
			want = append(want, c.Name+"="+c.Value)
		}
		if got := strings.Join(lines, "|"); got != strings.Join(want, "; ") {
			t.Fatalf("step %d, %s: sent\n%s\ninstead of\n%s\nafter\n%s", step, at, got, strings.Join(want, "; "), strings.Join(history, "\n"))
		}
		h := http.Header{}
		for range rnd.IntN(4) {
			h.Add("Set-Cookie", randomLine(rnd, hostname(origin)))
		}
		history = append(history, fmt.Sprint(time.Now().Format(time.TimeOnly), " ", at, " ", h["Set-Cookie"]))
		ref.SetCookies(u, (&http.Response{Header: h}).Cookies())
		if err := r.app.Response(t.Context(), sid, origin, in, h); err != nil {
			t.Fatal(err)
		}
		if rnd.IntN(3) == 0 {
			time.Sleep(time.Duration(rnd.IntN(40)) * time.Second)
		}
		if rnd.IntN(10) == 0 { // a restart loses nothing but expiries that were postponed
			ctx := t.Context()
			r.vault.writeAll(ctx, func(*entry) bool { return true })
			r = newRig(t, r.store, Rules{Hold: []string{"*"}})
		}
	}
}

func randomLine(rnd *rand.Rand, host string) string {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	line := pick("one", "two", "three", "four") + "=" + pick("1", "2", "", "a.b-c") +
		pick("", "", "; Path=/", "; Path=/a", "; Path=/a/", "; Path=/a/b", "; Path=b") +
		pick("", "", "; Secure") + pick("", "; HttpOnly") + pick("", "", "; Domain="+host) + pick("", "; SameSite=Lax", "; SameSite=Strict")
	switch rnd.IntN(6) {
	case 0:
		line += fmt.Sprintf("; Max-Age=%d", rnd.IntN(60))
	case 1:
		line += "; Max-Age=-1"
	case 2:
		line += "; Expires=" + time.Now().Add(time.Duration(rnd.IntN(90)-20)*time.Second).UTC().Format(http.TimeFormat)
	}
	return line
}

// model is a browser's jar written as plainly as can be, for what the reference jar does
// not know: nameless cookies, duplicate names, odd bytes and both places of a name.
type model struct {
	kept   []modelCookie
	passed map[string]bool
	clock  int
}

type modelCookie struct {
	name, value, path string
	born              int
}

func (m *model) set(name, value, path string, httpOnly, gone bool) {
	i := slices.IndexFunc(m.kept, func(c modelCookie) bool { return c.name == name && c.path == path })
	switch {
	case gone:
		if i >= 0 {
			m.kept = slices.Delete(m.kept, i, i+1)
		}
	case !httpOnly:
		m.kept = slices.DeleteFunc(m.kept, func(c modelCookie) bool { return c.name == name })
		m.passed[name] = true
	case i >= 0:
		m.kept[i].value = value
	default:
		m.clock++
		m.kept = append(m.kept, modelCookie{name, value, path, m.clock})
	}
	if httpOnly && !gone {
		delete(m.passed, name)
	}
}

func (m *model) line(path string) string {
	var out []modelCookie
	for _, c := range m.kept {
		if path == c.path || strings.HasPrefix(path, strings.TrimSuffix(c.path, "/")+"/") {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b modelCookie) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.born, b.born))
	})
	var parts []string
	for _, c := range out {
		if c.name == "" {
			parts = append(parts, c.value)
		} else {
			parts = append(parts, c.name+"="+c.value)
		}
	}
	return strings.Join(parts, "; ")
}

func TestSendsWhatAPlainModelSends(t *testing.T) {
	names := []string{"", "n", "N", "a b", "\xff\xfe", "é", `"q"`, "__host-x"}
	values := []string{"1", "x=y", "\x80", `"a b"`, "<&>"}
	paths := []string{"/", "/a", "/a/b", "/\xc3"}
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		m := &model{passed: map[string]bool{}}
		r := newRig(t, newStore(), Rules{})
		r.request(page, "")
		for step := range 60 {
			name, value, path := names[rnd.IntN(len(names))], values[rnd.IntN(len(values))], paths[rnd.IntN(len(paths))]
			httpOnly, gone := rnd.IntN(3) > 0, rnd.IntN(5) == 0
			if name == "__host-x" {
				path = "/"
			}
			m.set(name, value, path, httpOnly, gone)
			line := name + "=" + value + "; Secure; Path=" + path
			if httpOnly {
				line += "; HttpOnly"
			}
			if gone {
				line += "; Max-Age=0"
			}
			out := r.response(page, line)
			if httpOnly && !gone && slices.Contains(out, line) || !httpOnly && !gone && !slices.Contains(out, line) {
				t.Fatalf("seed %d step %d: %q goes on of %q", seed, step, out, line)
			}
			for _, at := range []string{"/", "/a", "/a/b/c"} {
				if got, _ := r.request("https://chat.example.com"+at, ""); got != m.line(at) {
					t.Fatalf("seed %d step %d, %s: %q instead of %q", seed, step, at, got, m.line(at))
				}
			}
			if rnd.IntN(8) == 0 {
				r = newRig(t, r.store, Rules{})
			}
		}
	}
}
