package vault

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestDatesAreReadAsBrowsersDo(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, s := range []string{
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"6 nov 94 8:49:37", "1994 november 6th 08:49:37pm", "08:49:37,6;NOVxyz;1994abc", "Nov-06-1994=08:49:37-0800",
		"\t06 Nov 1994 08:49:37:99",
	} {
		if got, ok := parseDate(s); !ok || !got.Equal(want) {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
	for s, want := range map[string]int{"1 Jan 69 0:0:0": 2069, "1 Jan 70 0:0:0": 1970, "1 Jan 99 0:0:0": 1999, "1 Jan 1601 0:0:0": 1601} {
		if got, ok := parseDate(s); !ok || got.Year() != want {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "tomorrow", "0", "30 Feb 2027 10:00:00 GMT", "32 Jan 2027 10:00:00", "00 Jan 2027 10:00:00", "1 Jan 1600 10:00:00",
		"1 Jan 2027 24:00:00", "1 Jan 2027 10:60:00", "1 Jan 2027 10:00:60", "1 Jan 2027 10:00", "1 Jan 20270 10:00:00",
		"1 Foo 2027 10:00:00", "Jan 2027 10:00:00", "1 Jan 10:00:00", "1 Jan 2027 1x:00:00", "1 Jan 2027 100:00:00", "1 Jan 2027",
	} {
		if got, ok := parseDate(s); ok {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestSetCookieIsReadAsBrowsersDo(t *testing.T) {
	src := source{host: "chat.example.com", path: "/a/b", secure: true, now: noon}
	type got struct {
		Name, Value, Domain, Path string
		Secure, HTTPOnly          bool
		SameSite                  sameSite
		Life                      time.Duration
		Beyond, Expired           bool
		Refused                   refusal
	}
	base := func(change func(*got)) got {
		g := got{Name: "n", Value: "v", Path: "/a"}
		change(&g)
		return g
	}
	plain := base(func(*got) {})
	long := strings.Repeat("x", 1025)
	tests := map[string]got{
		"n=v":                       plain,
		"  n  =  v  ; ":             plain,
		"\tn\t=\tv\t":               plain,
		"n=v; Unknown=1; ;;=;":      plain,
		"n=v=w":                     base(func(g *got) { g.Value = "v=w" }),
		`n="v w"`:                   base(func(g *got) { g.Value = `"v w"` }),
		"n=":                        base(func(g *got) { g.Value = "" }),
		"v":                         base(func(g *got) { g.Name = "" }),
		"=v":                        base(func(g *got) { g.Name = "" }),
		"=":                         base(func(g *got) { g.Name, g.Value, g.Path, g.Refused = "", "", "", refusedEmpty }),
		"":                          base(func(g *got) { g.Name, g.Value, g.Path, g.Refused = "", "", "", refusedEmpty }),
		"; Path=/":                  base(func(g *got) { g.Name, g.Value, g.Path, g.Refused = "", "", "", refusedEmpty }),
		"n=\xff\xc3":                base(func(g *got) { g.Value = "\xff\xc3" }),
		"n=v; path=/x":              base(func(g *got) { g.Path = "/x" }),
		"n=v; PATH = /x ":           base(func(g *got) { g.Path = "/x" }),
		"n=v; Path=x":               plain,
		"n=v; Path=":                plain,
		"n=v; Path=/x; Path=":       plain,
		"n=v; Path=/" + long:        plain,
		"n=v; Path=/x; Path=/y":     base(func(g *got) { g.Path = "/y" }),
		"n=v; Secure":               base(func(g *got) { g.Secure = true }),
		"n=v; secure=no; httponly=": base(func(g *got) { g.Secure, g.HTTPOnly = true, true }),
		"n=v; SameSite=strict":      base(func(g *got) { g.SameSite = siteStrict }),
		"n=v; SameSite=LAX":         base(func(g *got) { g.SameSite = siteLax }),
		"n=v; SameSite=odd":         plain,
		"n=v; SameSite=None; Secure": base(func(g *got) {
			g.SameSite, g.Secure = siteNone, true
		}),
		"n=v; SameSite=None":                                     base(func(g *got) { g.SameSite, g.Refused = siteNone, refusedNone }),
		"n=v; Max-Age=60":                                        base(func(g *got) { g.Life = time.Minute }),
		"n=v; Max-Age=0":                                         base(func(g *got) { g.Expired = true }),
		"n=v; Max-Age=-1":                                        base(func(g *got) { g.Expired = true }),
		"n=v; Max-Age=-99999999999999999999":                     base(func(g *got) { g.Expired = true }),
		"n=v; Max-Age=99999999999999999999":                      base(func(g *got) { g.Life = maxLife }),
		"n=v; Max-Age=6x":                                        plain,
		"n=v; Max-Age=-":                                         plain,
		"n=v; Max-Age=+60":                                       plain,
		"n=v; Max-Age=":                                          plain,
		"n=v; Expires=Sun, 22 Nov 2026 12:01:00 GMT":             base(func(g *got) { g.Life = time.Minute }),
		"n=v; Expires=Sun, 22 Nov 2026 12:00:00 GMT":             base(func(g *got) { g.Expired = true }),
		"n=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT":             base(func(g *got) { g.Expired = true }),
		"n=v; Expires=Fri, 31 Dec 9999 23:59:59 GMT":             base(func(g *got) { g.Life = maxLife }),
		"n=v; Expires=yesterday":                                 plain,
		"n=v; Expires=0":                                         plain,
		"n=v; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT": base(func(g *got) { g.Life = time.Minute }),
		"n=v; Expires=Fri, 31 Dec 9999 23:59:59 GMT; Max-Age=0":  base(func(g *got) { g.Expired = true }),
		"n=v; Domain=chat.example.com":                           base(func(g *got) { g.Domain = "chat.example.com" }),
		"n=v; Domain=.CHAT.example.com":                          base(func(g *got) { g.Domain = "chat.example.com" }),
		"n=v; Domain=":                                           plain,
		"n=v; Domain=example.com":                                base(func(g *got) { g.Domain, g.Beyond = "example.com", true }),
		"n=v; Domain=at.example.com":                             base(func(g *got) { g.Domain, g.Path, g.Refused = "at.example.com", "", refusedDomain }),
		"n=v; Domain=other.org":                                  base(func(g *got) { g.Domain, g.Path, g.Refused = "other.org", "", refusedDomain }),
		"n=v; Domain=x.chat.example.com":                         base(func(g *got) { g.Domain, g.Path, g.Refused = "x.chat.example.com", "", refusedDomain }),
		"n=v; Domain=ex\u00e4mple.com":                           base(func(g *got) { g.Domain, g.Path, g.Refused = "ex\u00e4mple.com", "", refusedDomain }),
		"n=v; Domain=chat.example.com; Domain=":                  plain,
		"__Secure-n=v; Secure":                                   base(func(g *got) { g.Name, g.Secure = "__Secure-n", true }),
		"__secure-n=v":                                           base(func(g *got) { g.Name, g.Refused = "__secure-n", refusedPrefix }),
		"__Host-n=v; Secure; Path=/":                             base(func(g *got) { g.Name, g.Secure, g.Path = "__Host-n", true, "/" }),
		"__HOST-n=v; Secure; Path=/a":                            base(func(g *got) { g.Name, g.Secure, g.Refused = "__HOST-n", true, refusedPrefix }),
		"__Host-n=v; Secure":                                     base(func(g *got) { g.Name, g.Secure, g.Refused = "__Host-n", true, refusedPrefix }),
		"__Host-n=v; Path=/":                                     base(func(g *got) { g.Name, g.Path, g.Refused = "__Host-n", "/", refusedPrefix }),
		"__Host-n=v; Secure; Path=/; Domain=chat.example.com": base(func(g *got) {
			g.Name, g.Secure, g.Path, g.Domain, g.Refused = "__Host-n", true, "/", "chat.example.com", refusedPrefix
		}),
		"=__host-n=v; Secure; Path=/": base(func(g *got) {
			g.Name, g.Value, g.Secure, g.Path, g.Refused = "", "__host-n=v", true, "/", refusedPrefix
		}),
		"n=a\x00b":        base(func(g *got) { g.Name, g.Value, g.Path, g.Refused = "", "", "", refusedControl }),
		"n=v; Path=/\x1f": base(func(g *got) { g.Name, g.Value, g.Path, g.Refused = "", "", "", refusedControl }),
		"n=v\x7f":         base(func(g *got) { g.Name, g.Value, g.Path, g.Refused = "", "", "", refusedControl }),
		"n=a\tb":          base(func(g *got) { g.Value = "a\tb" }),
	}
	for line, want := range tests {
		c, refused := parseSetCookie(line)
		m := made{cookie: cookie{name: c.name, value: c.value}}
		if refused == "" {
			m, refused = c.at(src)
		}
		g := got{
			Name: m.name, Value: m.value, Domain: m.domain, Path: m.path, Secure: m.secure, HTTPOnly: m.httpOnly, SameSite: m.sameSite,
			Beyond: m.beyond, Expired: m.expired, Refused: refused,
		}
		if m.expires != 0 {
			g.Life = time.UnixMilli(m.expires).Sub(noon)
		}
		if d := cmp.Diff(want, g); d != "" {
			t.Errorf("%q (-want +got):\n%s", line[:min(len(line), 80)], d)
		}
	}
}

func TestNameAndValueMayHave4096Bytes(t *testing.T) {
	for n, want := range map[int]refusal{4096: "", 4097: refusedSize, 1 << 20: refusedSize} {
		if _, refused := parseSetCookie("n=" + strings.Repeat("v", n-1) + "; Path=/"); refused != want {
			t.Errorf("%d bytes: %q", n, refused)
		}
	}
}

func TestSecureCookiesNeedASecureOriginOrThisMachine(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://a.example": true, "http://a.example": false, "http://localhost:4180": true, "http://app.localhost": true,
		"http://127.0.0.1:80": true, "http://[::1]:4180": true, "http://10.0.0.1": false,
	} {
		if got := secureOrigin(mustOrigin(t, origin)); got != want {
			t.Errorf("%s: %v", origin, got)
		}
	}
	c, _ := parseSetCookie("n=v; Secure")
	if _, refused := c.at(source{host: "a.example", path: "/", now: noon}); refused != refusedSecure {
		t.Errorf("Secure over plain http: %q", refused)
	}
}

func TestPathsMatchAsBrowsersDo(t *testing.T) {
	for _, tt := range []struct {
		request, cookie string
		want            bool
	}{
		{"/", "/", true}, {"/a", "/", true}, {"/a", "/a", true}, {"/a/", "/a", true}, {"/a/b", "/a", true}, {"/a/b", "/a/", true},
		{"/ab", "/a", false}, {"/a", "/a/", false}, {"/", "/a", false}, {"/A", "/a", false},
	} {
		if got := pathMatch(tt.request, tt.cookie); got != tt.want {
			t.Errorf("%s at %s: %v", tt.cookie, tt.request, got)
		}
	}
	for request, want := range map[string]string{"": "/", "x": "/", "/": "/", "/a": "/", "/a/": "/a", "/a/b": "/a", "/a/b/": "/a/b"} {
		if got := defaultPath(request); got != want {
			t.Errorf("default path of %q: %q", request, got)
		}
	}
}

func TestDomainsMatchNamesOnly(t *testing.T) {
	for _, tt := range []struct {
		host, domain string
		want         bool
	}{
		{"a.example", "a.example", true}, {"x.a.example", "a.example", true}, {"xa.example", "a.example", false},
		{"a.example", "x.a.example", false}, {"127.0.0.1", "127.0.0.1", true}, {"127.0.0.1", "0.0.1", false}, {"::1", "1", false},
	} {
		if got := domainMatch(tt.host, tt.domain); got != tt.want {
			t.Errorf("%s in %s: %v", tt.host, tt.domain, got)
		}
	}
}

// Whatever a hostile app sends, what comes out can be sent on in headers, is within its
// bounds, and reads the same when it is written and read again.
func FuzzSetCookie(f *testing.F) {
	for _, s := range []string{
		"n=v; Path=/; Domain=.example.com; Max-Age=60; Secure; HttpOnly; SameSite=Lax", "=;;;=", "__Host-a=b; Path=/;Secure",
		"n=v; Expires=Sun, 06 Nov 1994 08:49:37 GMT", "n=\xff\x00", "; ; Path", "n=v; Max-Age=-99999999999999999999", "=__Host-cardea=x; Secure; Path=/",
	} {
		f.Add(s)
	}
	src := source{host: "chat.example.com", path: "/a/b", secure: true, now: noon}
	f.Fuzz(func(t *testing.T, line string) {
		c, refused := parseSetCookie(line)
		if refused != "" {
			return
		}
		m, refused := c.at(src)
		if refused != "" {
			return
		}
		if !sendable(m.name) || !sendable(m.value) || !sendable(m.path) || !sendable(m.domain) || m.size() > maxPair || m.size() == 0 {
			t.Fatalf("%q makes %+v", line, m)
		}
		if !strings.HasPrefix(m.path, "/") || len(m.path) > maxAttribute || m.domain != "" && !domainMatch(src.host, m.domain) {
			t.Fatalf("%q makes %+v", line, m)
		}
		if m.expired != (m.expires == 0) && m.expired || m.expires > noon.Add(maxLife).UnixMilli() {
			t.Fatalf("%q lives until %d", line, m.expires)
		}
		again := fmt.Sprintf("%s=%s; Path=%s", m.name, m.value, m.path)
		if m.secure {
			again += "; Secure"
		}
		if m.sameSite == siteNone {
			again += "; SameSite=None"
		}
		c2, refused := parseSetCookie(again)
		if refused != "" || c2.name != m.name || c2.value != m.value || c2.path != m.path {
			t.Fatalf("%q, written as %q, is read as %+v %s", line, again, c2, refused)
		}
		j := &jar{kept: []*cookie{&m.cookie}}
		j.next, m.born, m.set = 1, 1, 1
		data, err := j.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(data, noon.UnixMilli())
		if err != nil || len(back.kept) != 1 {
			t.Fatalf("%q is stored as %s: %v", line, data, err)
		}
		got := *back.kept[0]
		got.firm = m.firm
		if got != m.cookie {
			t.Fatalf("%q comes back as %+v instead of %+v", line, got, m.cookie)
		}
	})
}

func FuzzStoredJar(f *testing.F) {
	f.Add([]byte(`{"v":1,"next":2,"origin":"https://a","hosts":["a"],"kept":[{"n":"n","v":"v","h":"a","p":"/","b":1,"w":2}]}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := decode(data, noon.UnixMilli())
		if err != nil {
			return
		}
		if len(j.kept) > maxKept || len(j.passed) > maxPassed || len(j.left) > maxLeft || len(j.hosts) > maxHosts {
			t.Fatal("out of bounds")
		}
		if _, err := j.encode(); err != nil {
			t.Fatal(err)
		}
	})
}
