package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
)

func TestProtectedAnswersStayPrivate(t *testing.T) {
	const html, json, css = "text/html; charset=utf-8", "application/json", "text/css"
	for _, tt := range []struct {
		name, media, said, dest, want string
		status                        int
		noStore                       bool
	}{
		{name: "page", media: html, want: "private, no-cache"},
		{name: "page that the app would share", media: html, said: "public, max-age=3600", want: "private, no-cache"},
		{name: "page that says no-store", media: html, said: "no-store", want: "no-store"},
		{name: "page that is private already", media: html, said: "private, no-cache, max-age=0", want: "private, no-cache, max-age=0"},
		{name: "page with field names only", media: html, said: `private="x", no-cache="y"`, want: "private, no-cache"},
		{name: "page where no-store is set", media: html, noStore: true, want: "private, no-store"},
		{name: "data", media: json, said: "max-age=60", want: "private, no-cache"},
		{name: "problem", media: "application/problem+json", want: "private, no-cache"},
		{name: "data where no-store is set for pages", media: json, noStore: true, want: "private, no-cache"},
		{name: "immutable asset", media: css, said: "public, max-age=31536000, immutable", want: "private, max-age=31536000, immutable"},
		{name: "asset for shared caches", media: css, said: "s-maxage=60, max-age=5", want: "private, max-age=5"},
		{name: "asset that says nothing", media: css, want: "private"},
		{name: "asset that is private", media: css, said: "private, max-age=5", want: "private, max-age=5"},
		{name: "unchanged page", status: 304, said: "public, max-age=5", want: "private, no-cache"},
		{name: "unchanged asset", status: 304, said: "public, max-age=5", dest: "script", want: "private, max-age=5"},
		{name: "unchanged immutable asset", status: 304, said: "max-age=5, immutable", want: "private, max-age=5, immutable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.media != "" {
					w.Header().Set("Content-Type", tt.media)
				}
				if tt.said != "" {
					w.Header().Set("Cache-Control", tt.said)
				}
				w.Header().Set("Surrogate-Control", "max-age=60")
				w.Header().Set("CDN-Cache-Control", "max-age=60")
				w.WriteHeader(max(tt.status, 200))
			}), func(o *Options) { o.NoStore = tt.noStore })
			res := r.get("/", "Sec-Fetch-Dest", tt.dest)
			if diff := cmp.Diff([]string{tt.want}, res.Header["Cache-Control"]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if res.Header["Surrogate-Control"] != nil || res.Header["Cdn-Cache-Control"] != nil {
				t.Error("shared caches are told to keep it")
			}
		})
	}
}

func TestPublicAnswersStayAsTheyAreUnlessSomebodyIsSignedIn(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "public, max-age=60")
	}), nil)
	r.setVerdict(guard.Verdict{Public: true})
	if got := r.get("/").Header.Get("Cache-Control"); got != "public, max-age=60" {
		t.Errorf("%q", got)
	}
	v := allow()
	v.Public = true
	r.setVerdict(v)
	if got := r.get("/").Header.Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("with a session: %q", got)
	}
	r.setVerdict(guard.Verdict{Bearer: true})
	if got := r.get("/").Header.Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("bearer: %q", got)
	}
}

func TestClearSiteDataIsFiltered(t *testing.T) {
	for _, tt := range []struct {
		said    []string
		storage bool
		want    []string
	}{
		{[]string{`"cookies"`}, true, nil},
		{[]string{`"*"`}, true, nil},
		{[]string{`"cache", "cookies", "storage", "executionContexts"`}, false, []string{`"executionContexts"`}},
		{[]string{`"cache"`, `"storage"`}, true, []string{`"storage"`}},
		{[]string{`storage, "somethingNew"`}, true, nil},
	} {
		r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Clear-Site-Data"] = tt.said }), func(o *Options) { o.ClearStorage = tt.storage })
		if diff := cmp.Diff(tt.want, r.get("/").Header["Clear-Site-Data"]); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.said, diff)
		}
	}
}

func TestBrowsersAreNotLedAroundTheGateway(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Alt-Svc", `h3=":8443"`) }), nil)
	if got := r.get("/").Header.Get("Alt-Svc"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestOwnCookiesNeverReachTheApp(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"a=1; b=2", "a=1; b=2"},
		{"__Host-cardea=v", ""},
		{"__Host-cardea=v; a=1", "a=1"},
		{"a=1; __Host-cardea=v; b=2", "a=1; b=2"},
		{"a=1;__host-CARDEA=v;b=2", "a=1;b=2"},
		{"__Host-cardea-browser=v; a=1", "a=1"},
		{"cardea-80=v; cardea-browser-4180=w; a=x", "a=x"},
		{"cardea-language-80=zh; a=x; __Host-cardea-language=zh; __Host-cardea-provider=main;cardea-provider-4180=main", "a=x"},
		{"cardea-notours=v", "cardea-notours=v"},
		{"mycardea-80=v", "mycardea-80=v"},
		{`a="x; __Host-cardea=v"; b=1`, `a="x; b=1`},
		{" cardea-80 =v; a=1", "a=1"},
		{"=cardea-80=v; a=1", "a=1"},
		{"a=cardea-80", "a=cardea-80"},
		{"a=1;; b=2", "a=1;; b=2"},
		{"cardea-80", ""},
	} {
		h := http.Header{"Cookie": {tt.line}}
		dropOwnCookies(h)
		var want []string
		if tt.want != "" {
			want = []string{tt.want}
		}
		if diff := cmp.Diff(want, h["Cookie"]); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.line, diff)
		}
	}
	h := http.Header{"Cookie": {"cardea-80=v", "a=1", "__Host-cardea=x"}}
	dropOwnCookies(h)
	if diff := cmp.Diff([]string{"a=1"}, h["Cookie"]); diff != "" {
		t.Error(diff)
	}
}

func TestAppsCannotSetOwnCookies(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Set-Cookie"] = []string{
			"a=1; Path=/", "__Host-cardea=evil; Secure; Path=/", "__host-Cardea=evil", "cardea-80=evil; Domain=x", "=cardea-80=evil", "cardea-browser-4180", "\tcardea-80\t=evil",
			"__Host-cardea-language=zh; Secure; Path=/", "cardea-language-80=zh; Path=/", "cardea-provider-80=evil", "__Host-Cardea-Provider=evil",
			"cardea-theme=dark", "b=__Host-cardea",
		}
	}), nil)
	if diff := cmp.Diff([]string{"a=1; Path=/", "cardea-theme=dark", "b=__Host-cardea"}, r.get("/").Header["Set-Cookie"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever a cookie header looks like, no cookie of Cardea's is left in it and no other is lost.
func FuzzOwnCookiesAreRemoved(f *testing.F) {
	for _, s := range []string{"a=1; b=2", "__Host-cardea=v", "a=\"x; cardea-80=v\"", ";;=;", "cardea-80", " = ; =cardea-1=", "__HOST-CARDEA-browser=1;x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := withoutOwn(line)
		var want []string
		for part := range strings.SplitSeq(line, ";") {
			if !httpx.OwnCookie(cookieName(part)) {
				want = append(want, strings.TrimLeft(part, " \t"))
			}
		}
		for part := range strings.SplitSeq(got, ";") {
			if httpx.OwnCookie(cookieName(part)) {
				t.Errorf("%q leaves %q", line, got)
			}
		}
		squeeze := func(s string) string { return strings.NewReplacer(" ", "", "\t", "", ";", "").Replace(s) }
		if squeeze(got) != squeeze(strings.Join(want, ";")) {
			t.Errorf("%q became %q", line, got)
		}
	})
}
