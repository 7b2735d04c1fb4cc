package httpx

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
)

// corpus calls f for every target of the corpus.
func corpus(t testing.TB, f func(target string, ok bool)) {
	t.Helper()
	text, err := os.ReadFile("testdata/targets.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		verdict, quoted, found := strings.Cut(line, " ")
		if !found || verdict == "#" {
			continue
		}
		var target string
		if err := json.Unmarshal([]byte(quoted), &target); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		n++
		f(target, verdict == "ok")
	}
	if n < 300 {
		t.Fatalf("only %d targets read", n)
	}
}

// The rows of the table of advisories that this corpus stands for: GHSA-5m6c-jp6f-2vcv,
// GHSA-j7px-6hwj-hpjg, GHSA-qqxw-m5fj-f7gv, CVE-2019-14857, CVE-2019-20479,
// CVE-2024-39694, CVE-2024-21497, CVE-2021-29456, CVE-2020-1723.
func TestReturnTargetsStayOnTheOrigin(t *testing.T) {
	corpus(t, func(target string, ok bool) {
		if _, got := LocalPath(target); got != ok {
			t.Errorf("LocalPath(%q) = %v, want %v", target, got, ok)
		}
	})
}

func FuzzLocalPath(f *testing.F) {
	corpus(f, func(target string, _ bool) { f.Add(target) })
	base, err := url.Parse("https://cardea.example/x/y")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		local, ok := LocalPath(target)
		if !ok {
			return
		}
		ref, err := url.Parse(local)
		if err != nil {
			t.Fatalf("accepted %q, which does not parse: %v", target, err)
		}
		if got := base.ResolveReference(ref); got.Host != base.Host || got.Scheme != base.Scheme || got.User != nil {
			t.Fatalf("accepted %q, which leads to %v", target, got)
		}
		if strings.ContainsAny(local, "\\\r\n\t\x00 #") || strings.HasPrefix(local, "//") {
			t.Fatalf("accepted %q", target)
		}
		if again, ok := LocalPath(local); !ok || again != local {
			t.Fatalf("%q is accepted once and then not", target)
		}
	})
}
