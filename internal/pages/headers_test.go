package pages

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryPageCarriesTheHeadersThatConfineIt(t *testing.T) {
	p := newPages(t, Options{})
	for _, f := range fixtures() {
		w := f.get(p, "zh-CN,zh;q=0.9")
		framed := f.name == "open-in-new-tab"
		want := map[string]string{
			"Content-Type":                 "text/html; charset=utf-8",
			"Content-Language":             "zh-Hans",
			"Cache-Control":                "no-store",
			"X-Content-Type-Options":       "nosniff",
			"Vary":                         "Accept-Language, Cookie",
			"X-Frame-Options":              "DENY",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Content-Length":               strconv.Itoa(w.Body.Len()),
		}
		if framed {
			want["X-Frame-Options"], want["Cross-Origin-Opener-Policy"], want["Cross-Origin-Resource-Policy"] = "", "", ""
		}
		got := map[string]string{}
		for k := range want {
			got[k] = strings.Join(w.Header().Values(k), ", ")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", f.name, diff)
		}
	}
}

func TestPolicyPermitsTheStyleTheFormAndNothingElse(t *testing.T) {
	p := newPages(t, Options{})
	formAction := map[string]string{
		"denied":             "'self'",
		"confirm":            "'self'",
		"confirm-choice":     "'self'",
		"confirm-everywhere": "https://auth.acme.example",
		"move-on-post":       "https://id.acme.example:8443",
		"account":            "'self'",
		"account-confirm":    "'self'",
		"account-bare":       "'self'",
		"account-odd":        "'self'",
	}
	for _, f := range fixtures() {
		w := f.get(p, "en")
		_, rest, _ := strings.Cut(w.Body.String(), "<style>")
		style, _, _ := strings.Cut(rest, "</style>")
		form, ok := formAction[f.name]
		if !ok {
			form = "'none'"
		}
		ancestors := "'none'"
		if f.name == "open-in-new-tab" {
			ancestors = "*"
		}
		want := "default-src 'none'; style-src " + cspHash(style) + "; img-src data:; base-uri 'none'; form-action " +
			form + "; frame-ancestors " + ancestors
		if _, rest, ok := strings.Cut(w.Body.String(), "<script>"); ok {
			script, _, _ := strings.Cut(rest, "</script>")
			want = strings.Replace(want, "img-src data:", "img-src 'self' data:", 1) + "; script-src " + cspHash(script) + "; connect-src 'self'"
		}
		if diff := cmp.Diff([]string{want}, w.Header().Values("Content-Security-Policy")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", f.name, diff)
		}
		if hasForm := strings.Contains(w.Body.String(), "<form"); hasForm != ok {
			t.Errorf("%s: form %t, want %t", f.name, hasForm, ok)
		}
	}
}

// A form under no-referrer would arrive with "Origin: null" and be refused.
func TestFormsThatComeBackToUsKeepTheirOriginAndNothingElseTellsAReferrer(t *testing.T) {
	p := newPages(t, Options{})
	want := map[string]string{"denied": "same-origin", "confirm": "same-origin", "confirm-choice": "same-origin", "confirm-everywhere": "strict-origin",
		"account": "same-origin", "account-confirm": "same-origin", "account-bare": "same-origin", "account-odd": "same-origin",
	}
	for _, f := range fixtures() {
		w, ok := want[f.name]
		if !ok {
			w = "no-referrer"
		}
		if got := f.get(p, "en").Header().Get("Referrer-Policy"); got != w {
			t.Errorf("%s: Referrer-Policy %q, want %q", f.name, got, w)
		}
	}
}

func TestFormSourcesNameExactlyTheTarget(t *testing.T) {
	for action, want := range map[string]string{
		"":                                  "'none'",
		"/.cardea/sign-out":                 "'self'",
		"https://id.example/a?b=c":          "https://id.example",
		"http://localhost:8080/x":           "http://localhost:8080",
		"https://[2001:db8::1]:8443/logout": "https:",
	} {
		if got := formSources(action); got != want {
			t.Errorf("formSources(%q) = %q, want %q", action, got, want)
		}
	}
}

func TestHeadIsAnsweredWithHeadersOnly(t *testing.T) {
	p := newPages(t, Options{})
	for _, f := range fixtures() {
		get := f.get(p, "en")
		head := httptest.NewRecorder()
		f.write(p, head, request(http.MethodHead, "en"))
		if head.Body.Len() != 0 {
			t.Errorf("%s: HEAD has a body", f.name)
		}
		if diff := cmp.Diff(get.Header(), head.Header()); diff != "" {
			t.Errorf("%s: HEAD and GET differ (-get +head)\n%s", f.name, diff)
		}
		if get.Code != head.Code {
			t.Errorf("%s: HEAD %d, GET %d", f.name, head.Code, get.Code)
		}
	}
}

func TestVaryIsAddedToWhatIsThereAndNotTwice(t *testing.T) {
	for _, c := range []struct{ have, want []string }{
		{nil, []string{"Accept-Language"}},
		{[]string{"Cookie, Accept"}, []string{"Cookie, Accept", "Accept-Language"}},
		{[]string{"Cookie, accept-language"}, []string{"Cookie, accept-language"}},
		{[]string{"*"}, []string{"*"}},
	} {
		h := http.Header{}
		for _, v := range c.have {
			h.Add("Vary", v)
		}
		addVary(h, "Accept-Language")
		if diff := cmp.Diff(c.want, h.Values("Vary")); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.have, diff)
		}
	}
}

func TestRetryAfterIsSentAndSaid(t *testing.T) {
	p := newPages(t, Options{})
	for _, c := range []struct {
		after        time.Duration
		header, text string
	}{
		{0, "", ""},
		{-time.Second, "", ""},
		{300 * time.Millisecond, "1", "trying again in a second"},
		{30 * time.Second, "30", "about 30 seconds"},
		{60 * time.Second, "60", "about a minute"},
		{150 * time.Second, "150", "about 3 minutes"},
	} {
		w := httptest.NewRecorder()
		p.Problem(w, request("GET", "en"), 0, Problem{Kind: StoreUnavailable, RetryAfter: c.after})
		if got := w.Header().Get("Retry-After"); got != c.header {
			t.Errorf("%v: Retry-After %q, want %q", c.after, got, c.header)
		}
		if said := strings.Contains(w.Body.String(), "trying again in"); said != (c.text != "") || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%v: the page does not say %q as it should", c.after, c.text)
		}
	}
}

func TestAMoveOnWithoutAUsableTargetIsAnInternalProblem(t *testing.T) {
	var log bytes.Buffer
	p := newPages(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, v := range []MoveOn{
		{},
		{URL: "javascript:alert(1)"},
		{URL: "https://id.example/?h=" + strings.Repeat("a", maxURL)},
		{Form: &Form{Action: "//id.example"}},
	} {
		log.Reset()
		w := httptest.NewRecorder()
		p.MoveOn(w, request("GET", "en"), 200, v)
		if w.Code != 500 || strings.Contains(w.Body.String(), "http-equiv") {
			t.Errorf("status %d, want 500 and no refresh", w.Code)
		}
		if log.Len() == 0 || strings.Contains(log.String(), "aaaa") {
			t.Errorf("log %.80q: want a line without the target", log.String())
		}
	}
}

func TestAPageThatCannotBeRenderedIsAnHonestError(t *testing.T) {
	var log bytes.Buffer
	p := newPages(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	w := httptest.NewRecorder()
	l := p.locales.forRequest(request("GET", "en"))
	p.write(w, request("GET", "en"), 200, l, page{template: "confirm", title: "confirm.sign-out.title", view: struct{}{}})
	if w.Code != 500 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || log.Len() == 0 {
		t.Errorf("status %d, type %q, logged %t", w.Code, w.Header().Get("Content-Type"), log.Len() > 0)
	}
	if strings.Contains(w.Body.String(), "<") {
		t.Errorf("half a page was sent: %q", w.Body.String())
	}
}

func TestNewWantsAPublicURL(t *testing.T) {
	for _, bad := range []string{"", "auth.acme.example", "/x", "ftp://a.example", "https://", "https://a b.example"} {
		if _, err := New(Options{PublicURL: bad}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestWithoutAStatusAPageTakesTheOneThatSuitsItAndARefusalIsNeverAYes(t *testing.T) {
	p := newPages(t, Options{})
	for name, c := range map[string]struct {
		want  int
		write func(w http.ResponseWriter, r *http.Request)
	}{
		"choice":          {200, func(w http.ResponseWriter, r *http.Request) { p.Choice(w, r, 0, Choice{}) }},
		"signed-out":      {200, func(w http.ResponseWriter, r *http.Request) { p.SignedOut(w, r, 0, SignedOut{}) }},
		"confirm":         {200, func(w http.ResponseWriter, r *http.Request) { p.Confirm(w, r, 0, Confirm{}) }},
		"move-on":         {200, func(w http.ResponseWriter, r *http.Request) { p.MoveOn(w, r, 0, MoveOn{URL: "/"}) }},
		"move-on nowhere": {500, func(w http.ResponseWriter, r *http.Request) { p.MoveOn(w, r, 0, MoveOn{}) }},
		"denied":          {403, func(w http.ResponseWriter, r *http.Request) { p.Denied(w, r, 0, Denied{}) }},
		"link":            {409, func(w http.ResponseWriter, r *http.Request) { p.LinkRefused(w, r, 0, LinkRefused{Reason: LinkTaken}) }},
		"link, gone":      {403, func(w http.ResponseWriter, r *http.Request) { p.LinkRefused(w, r, 0, LinkRefused{}) }},
		"not-saved":       {401, func(w http.ResponseWriter, r *http.Request) { p.NotSaved(w, r, 0, NotSaved{}) }},
		"open-in-new-tab": {401, func(w http.ResponseWriter, r *http.Request) { p.OpenInNewTab(w, r, 0, OpenInNewTab{}) }},
		"problem":         {500, func(w http.ResponseWriter, r *http.Request) { p.Problem(w, r, 0, Problem{}) }},
		"store":           {503, func(w http.ResponseWriter, r *http.Request) { p.Problem(w, r, 0, Problem{Kind: StoreUnavailable}) }},
		"upstream late":   {504, func(w http.ResponseWriter, r *http.Request) { p.Problem(w, r, 504, Problem{Kind: UpstreamUnavailable}) }},
	} {
		w := httptest.NewRecorder()
		c.write(w, request("GET", "en"))
		if w.Code != c.want {
			t.Errorf("%s: status %d, want %d", name, w.Code, c.want)
		}
	}
}
