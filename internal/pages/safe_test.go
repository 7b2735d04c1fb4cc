package pages

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanKeepsNamesAndDropsWhatDisguises(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "",
		"Maria Lindqvist":                 "Maria Lindqvist",
		"  a \t\r\n b  ":                  "a b",
		"张伟":                              "张伟",
		"فاطمة":                           "فاطمة",
		"👩\u200d🔬 Ada":                    "👩\u200d🔬 Ada",
		"a\x00b":                          "a b",
		"a\u202eb\u2066c\u2069\u200fd":    "abcd",
		"\u200b\ufeff\u00ad\U000e0041x":   "x",
		"e\u0301\u0301\u0301\u0301\u0301": "e\u0301\u0301\u0301\u0301",
		"\u3164":                          "",
		"\u200d":                          "",
		"a\xff":                           "a\ufffd",
		strings.Repeat("x", 80):           strings.Repeat("x", 80),
		strings.Repeat("x", 81):           strings.Repeat("x", 80) + "…",
		strings.Repeat("x", 80) + "   ":   strings.Repeat("x", 80),
		strings.Repeat("界", 64<<10):       strings.Repeat("界", 80) + "…",
	} {
		if got := clean(in, maxName); got != want {
			t.Errorf("clean(%.40q) = %q, want %q", in, got, want)
		}
	}
}

func TestOnlySafeTargetsAreLinked(t *testing.T) {
	for raw, want := range map[string]string{
		"/":                               "/",
		"/room?a=1&b=2#top":               "/room?a=1&b=2#top",
		"https://id.example/x?s=a%20b":    "https://id.example/x?s=a%20b",
		"http://localhost:8080/":          "http://localhost:8080/",
		"HTTPS://id.example/":             "HTTPS://id.example/",
		"https://[::1]:8443/x":            "https://[::1]:8443/x",
		"/søk?q='<\">`":                   "/s%C3%B8k?q=%27%3C%22%3E%60",
		"/.cardea/sign-in?return=%2F%2Fx": "/.cardea/sign-in?return=%2F%2Fx",
	} {
		if got, ok := safeURL(raw); !ok || got != want {
			t.Errorf("safeURL(%q) = %q, %t; want %q", raw, got, ok, want)
		}
	}
	for _, raw := range []string{
		"", "room", "?a=b", "#x", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`,
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
		"ftp://a.example", "mailto:a@b.example", "blob:https://a.example/x",
		"https:evil.example", "https:/evil.example", "https:///evil.example", "https://", "https://:443/",
		"https://user@evil.example/", "https://a:b@evil.example/", "https://@evil.example/",
		"https://a.example;x/", "https://a.example,b/", "https://bücher.example/", "https://a.example'/",
		"/a b", "/a\tb", "/a\nb", "/a\x00b", "/a\x7fb", " /a", "\t//evil.example", "/%zz", "/\xff",
		"/" + strings.Repeat("a", maxURL),
	} {
		if got, ok := safeURL(raw); ok {
			t.Errorf("safeURL(%.60q) = %q, want it refused", raw, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range hostileValues() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s, maxName)
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		if n := utf8.RuneCountInString(got); n > maxName+2 {
			t.Errorf("%d runes", n)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || invisible(r) }) {
			t.Errorf("%q has what it should not", got)
		}
		if again := clean(got, maxName+2); again != got {
			t.Errorf("cleaning twice: %q, then %q", got, again)
		}
	})
}

func FuzzSafeURL(f *testing.F) {
	for _, s := range hostileValues() {
		f.Add(s)
	}
	f.Add("https://id.example:8443/a/b?c=d&e=f#g")
	f.Add("/a?b=c")
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := safeURL(raw)
		if !ok {
			return
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q does not parse: %v", got, err)
		}
		if strings.HasPrefix(got, "/") {
			if u.Host != "" || u.Scheme != "" || strings.HasPrefix(got, "//") {
				t.Errorf("%q leaves this host", got)
			}
		} else if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
			t.Errorf("%q is not http or https", got)
		}
		for i := range len(got) {
			if c := got[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"'<>`", c) >= 0 {
				t.Errorf("%q holds %q", got, c)
			}
		}
		if sources := formSources(got); strings.ContainsAny(sources, " ;,*\"") {
			t.Errorf("%q makes the policy %q", got, sources)
		}
	})
}

func FuzzAcceptLanguage(f *testing.F) {
	for _, s := range []string{"", "en", "zh-CN,zh;q=0.9", "*;q=0", "a-b-c-d", "zh-Hant-u-co-stroke", "x;q=1;q=2", ",,,"} {
		f.Add(s)
	}
	ls, err := loadLocales()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if tag := ls.forRequest(request("GET", accept)).Tag; tag != "en" && tag != "zh-Hans" {
			t.Errorf("%q chose %q", accept, tag)
		}
	})
}
