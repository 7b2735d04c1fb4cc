package devprovider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func texts(t *testing.T, lang string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("pages/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	if err := json.Unmarshal(raw, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	en, zh := texts(t, "en"), texts(t, "zh")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(zh))); diff != "" {
		t.Errorf("texts (-en +zh):\n%s", diff)
	}
	for key, text := range en {
		if text == "" || zh[key] == "" || strings.Count(text, "%s") != strings.Count(zh[key], "%s") {
			t.Errorf("%s: %q and %q", key, text, zh[key])
		}
	}
}

// pagesOf shows every kind of page once.
func pagesOf(t *testing.T, s *devprovider.Server, lang string) map[string]page {
	t.Helper()
	v := alice(t, s)
	get := func(path string) page {
		r := request(t, s, path, nil, func(r *http.Request) { r.Header.Set("Accept-Language", lang) })
		_, header, body := do(t, r, v.Client.Jar)
		if to := header.Get("Location"); strings.HasPrefix(to, "/") {
			r = request(t, s, to, nil, func(r *http.Request) { r.Header.Set("Accept-Language", lang) })
			_, header, body = do(t, r, v.Client.Jar)
		}
		return page{header, string(body)}
	}
	auth := func(changes ...string) page { return get(strings.TrimPrefix(authURL(s, changes...), s.Issuer())) }
	pages := map[string]page{"login": auth(), "home": get("/"), "problem": get("/interaction/x")}
	signIn(t, s, v)
	pages["select"] = auth("prompt", "select_account")
	pages["consent"] = auth("prompt", "consent")
	pages["again"] = auth("prompt", "login")
	pages["formpost"] = auth("response_mode", "form_post")
	pages["home, signed in"] = get("/")
	pages["logout"] = get("/end-session?client_id=" + clientID)
	pages["loggedout"] = page{}
	v = alice(t, s)
	pages["loggedout"] = get("/end-session")
	return pages
}

type page struct {
	header http.Header
	body   string
}

func TestEveryPageSaysWhatThisIsAndNeedsNothingFromElsewhere(t *testing.T) {
	s := start(t, nil)
	for lang, tc := range map[string]string{"en": "Development provider", "zh-CN,zh;q=0.9": "开发用身份提供方"} {
		for name, p := range pagesOf(t, s, lang) {
			if !strings.Contains(p.body, tc) || !strings.Contains(p.body, `class="ribbon"`) {
				t.Errorf("%s in %s does not say what it is", name, lang)
			}
			if !strings.Contains(p.body, `<html lang="`+lang[:2]) {
				t.Errorf("%s is not in %s", name, lang)
			}
			if regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(p.body) {
				t.Errorf("%s loads something", name)
			}
			checkPolicy(t, name, p)
		}
	}
}

// checkPolicy checks that the policy lets the page's own style and script run, and no more. It
// must not name form-action: the redirects after a login form would be held against it.
func checkPolicy(t *testing.T, name string, p page) {
	t.Helper()
	policy := p.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s: the policy lacks %s", name, want)
		}
	}
	if strings.Contains(policy, "form-action") || strings.Contains(policy, "unsafe") {
		t.Errorf("%s: policy %s", name, policy)
	}
	for _, block := range regexp.MustCompile(`(?s)<(?:style|script)>(.*?)</`).FindAllStringSubmatch(p.body, -1) {
		sum := sha256.Sum256([]byte(block[1]))
		if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(policy, "'sha256-"+hash+"'") {
			t.Errorf("%s: the policy forbids the page's own %.40s", name, block[0])
		}
	}
}

func TestNamesAreEscaped(t *testing.T) {
	s := start(t, func(o *devprovider.Options) {
		o.People = devprovider.DefaultPeople()
		o.People[0].Name = `<img src=x onerror=alert(1)>`
	})
	for name, p := range pagesOf(t, s, "en") {
		if strings.Contains(p.body, "<img") || strings.Contains(p.body, "<RP>") {
			t.Errorf("%s carries markup of others", name)
		}
	}
	v := devprovider.NewVisitor(s.Issuer(), jar(t), nil, `"><script>`, "x")
	if _, err := v.Visit(t.Context(), authURL(s, "login_hint", `"><script>`)); err == nil {
		t.Error("signed in")
	}
}

func TestTheLanguageIsTheReadersFirstChoice(t *testing.T) {
	s := start(t, nil)
	for accept, want := range map[string]string{
		"": "en", "de": "en", "zh": "zh", "zh-TW, en;q=0.8": "zh", "en, zh;q=0.9": "en", "fr, zh;q=0.3, en;q=0.2": "zh",
		"zh;q=0": "en", "zh;q=x": "en", "*": "en", ",,;": "en",
	} {
		r := request(t, s, "/", nil, func(r *http.Request) { r.Header.Set("Accept-Language", accept) })
		if _, _, body := do(t, r, nil); !strings.Contains(string(body), `<html lang="`+want+`"`) {
			t.Errorf("%q: not %s", accept, want)
		}
	}
}

func FuzzAcceptLanguageIsHarmless(f *testing.F) {
	f.Add("zh-CN,zh;q=0.9,en;q=0.8")
	f.Add(";q=1e999,zh;q=NaN")
	p, err := devprovider.New(devprovider.Options{Issuer: "http://localhost:9000", SigningAlg: devprovider.ES256})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		r := newPost("/nothing", "")
		r.Method, r.URL.Path = http.MethodGet, "/"
		r.Header.Set("Accept-Language", accept)
		if w := recordRequest(p, r); w.Code != http.StatusOK {
			t.Errorf("status %d", w.Code)
		}
	})
}
