package pages

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// addressed is a request as a face hands it on: with what the client addressed.
func addressed(method, origin, target string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r.WithContext(httpx.WithClient(r.Context(), httpx.Client{}.At(httpx.Origin(origin))))
}

func TestAChosenLanguageComesBeforeAcceptLanguage(t *testing.T) {
	p := newPages(t, Options{})
	const https, loopback = "https://auth.acme.example", "http://localhost:4180"
	for _, c := range []struct{ origin, cookie, accept, tag, chosen string }{
		{https, "", "zh", "zh-Hans", ""},
		{https, "__Host-cardea-language=en", "zh", "en", "en"},
		{https, "a=b; __Host-cardea-language=zh", "en", "zh-Hans", "zh"},
		{https, "__Host-cardea-language=zh", "", "zh-Hans", "zh"},
		{https, "cardea-language-443=zh", "en", "en", ""},
		{loopback, "cardea-language-4180=zh", "en", "zh-Hans", "zh"},
		{loopback, "cardea-language-4181=zh", "en", "en", ""},
		{loopback, "__Host-cardea-language=zh", "en", "en", ""},
		{https, "__Host-cardea-language=xx", "zh", "zh-Hans", ""},
		{https, "__Host-cardea-language=", "zh", "zh-Hans", ""},
		{https, "__Host-cardea-language=zh-Hans", "en", "en", ""},
		{https, "__Host-cardea-language=zh; __Host-cardea-language=en", "en", "en", ""},
	} {
		r := addressed("GET", c.origin, "/", "Accept-Language", c.accept, "Cookie", c.cookie)
		if got := p.Language(r); got != c.tag {
			t.Errorf("%s %q, %q: %s, want %s", c.origin, c.cookie, c.accept, got, c.tag)
		}
		if got := p.Chosen(r); got != c.chosen {
			t.Errorf("%s %q: chosen %q, want %q", c.origin, c.cookie, got, c.chosen)
		}
		just := r.WithContext(InLanguage(r.Context(), "zh"))
		if got := p.Language(just); got != "zh-Hans" {
			t.Errorf("%s %q: chosen just now: %s", c.origin, c.cookie, got)
		}
	}
	if got := p.Language(request("GET", "zh")); got != "zh-Hans" {
		t.Errorf("no client in the context: %s", got)
	}
}

// languageLinkOf finds the switch: the one link of a nav with a label, in the footer.
func languageLinkOf(t *testing.T, body string) (attributes map[string]string, text string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && n.Parent.Data == "nav" && n.Parent.Parent.Data == "footer" {
			found = append(found, n)
		}
	}
	if len(found) != 1 || len(found[0].Parent.Attr) != 1 || found[0].Parent.Attr[0].Key != "aria-label" || found[0].Parent.Attr[0].Val == "" {
		t.Fatalf("the footer has %d language links in a nav with a label", len(found))
	}
	attributes = map[string]string{}
	for _, a := range found[0].Attr {
		attributes[a.Key] = a.Val
	}
	return attributes, found[0].FirstChild.Data
}

func TestEveryPageOffersTheOtherLanguageInThatLanguage(t *testing.T) {
	p := newPages(t, Options{})
	for _, f := range fixtures() {
		for from, want := range map[string]struct{ to, tag, text string }{
			"en": {"zh", "zh-Hans", "中文"},
			"zh": {"en", "en", "English"},
		} {
			a, text := languageLinkOf(t, f.get(p, from).Body.String())
			u, err := url.Parse(a["href"])
			if err != nil {
				t.Fatal(err)
			}
			if u.Path != "/.cardea/language" || u.Host != "" || u.Query().Get("to") != want.to || a["lang"] != want.tag || a["hreflang"] != want.tag || text != want.text {
				t.Errorf("%s.%s: %v %q", f.name, from, a, text)
			}
			if newTab := a["target"] == "_blank"; newTab != (f.name == "open-in-new-tab") {
				t.Errorf("%s: a new tab: %v", f.name, newTab)
			}
		}
	}
}

func TestTheSwitchLeadsBackToPagesThatMayBeShownAgainAndToNoOther(t *testing.T) {
	p := newPages(t, Options{})
	for _, c := range []struct{ method, target, back string }{
		{"GET", "/room?a=1&b=%20x", "/room?a=1&b=%20x"},
		{"HEAD", "/", "/"},
		{"POST", "/room", ""},
		{"GET", "/.cardea/sign-in?return=%2Froom", "/.cardea/sign-in?return=%2Froom"},
		{"GET", "/.cardea/signed-out?receipt=abc", "/.cardea/signed-out?receipt=abc"},
		{"GET", "/.cardea/account", "/.cardea/account"},
		{"GET", "/.cardea/callback/main?code=secret&state=s", ""},
		{"GET", "/.cardea/seat?code=secret", ""},
		{"GET", "/.cardea/sign-out?return=%2Froom", ""},
		{"GET", "/.cardea/language?to=zh", ""},
		{"GET", "//evil.example/x", ""},
		{"GET", "/" + strings.Repeat("x", httpx.MaxLocalPath), ""},
	} {
		w := httptest.NewRecorder()
		p.Problem(w, addressed(c.method, "https://auth.acme.example", c.target), 0, Problem{Kind: NotFound})
		if c.method == "HEAD" {
			continue
		}
		a, _ := languageLinkOf(t, w.Body.String())
		u, err := url.Parse(a["href"])
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Query().Get("return"); got != c.back || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s %.60s: leads back to %q", c.method, c.target, got)
		}
	}
	w := httptest.NewRecorder()
	p.Confirm(w, addressed("GET", "https://auth.acme.example", "/logout"), 200, Confirm{AgainURL: "/.cardea/sign-out?ask=1"})
	if a, _ := languageLinkOf(t, w.Body.String()); a["href"] != "/.cardea/language?return=%2F.cardea%2Fsign-out%3Fask%3D1&to=zh" {
		t.Errorf("a page that says how it is shown again: %s", a["href"])
	}
}
