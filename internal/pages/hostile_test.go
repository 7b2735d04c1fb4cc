package pages

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// hostileValues go into every field of every view.
func hostileValues() map[string]string {
	return map[string]string{
		"script":         `<script>alert(1)</script>`,
		"attribute":      `" onmouseover="alert(1)" x="`,
		"single quote":   `' onfocus='alert(1)' autofocus='`,
		"style":          `</style><style>*{background:url(//evil.example)}`,
		"title":          `</title><script>alert(1)</script>`,
		"comment":        `--><img src=x onerror=alert(1)><!--`,
		"bdi":            `</bdi></p></main><h1>Enter your password`,
		"template":       `{{.Style}}{app}{provider}`,
		"javascript":     `javascript:alert(1)`,
		"data":           `data:text/html,<script>alert(1)</script>`,
		"other host":     `//evil.example/x`,
		"backslash":      `/\evil.example`,
		"user":           `https://acme.example@evil.example/`,
		"quoted url":     `https://id.example/" onclick="alert(1)`,
		"refresh":        `https://id.example/;url=javascript:alert(1)`,
		"policy":         `https://id.example;script-src *`,
		"line breaks":    "/a\r\nSet-Cookie: x=y",
		"controls":       "a\x00b\x07c\x1b[31md\x7f",
		"override":       "\u202egnp.\u2066exe\u2069\u200f",
		"not utf-8":      "\xff\xfe<\xc0\xbcscript>",
		"zalgo":          "a" + strings.Repeat("\u0301", 500),
		"64 kB":          strings.Repeat("W", 64<<10),
		"64 kB override": strings.Repeat("\u202e", 21<<10),
		"64 kB quotes":   strings.Repeat(`"`, 64<<10),
	}
}

// fill puts s into every string of a view, typed kinds included.
func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(exampleNow()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), s)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), s)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(90 * time.Second))
	}
}

func hostile[V any](s string, known func(*V)) V {
	var v V
	fill(reflect.ValueOf(&v).Elem(), s)
	if known != nil {
		known(&v)
	}
	return v
}

// hostilePages fills every view, with kinds that are known where an unknown one
// would hide fields.
func hostilePages(s string) []fixture {
	pages := []fixture{
		{"choice", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Choice(w, r, 200, hostile(s, func(v *Choice) { v.Providers[0].URL = "/ok" }))
		}},
		{"confirm", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Confirm(w, r, 200, hostile(s, func(v *Confirm) { v.Form.Action = "/ok" }))
		}},
		{"confirm action", func(p *Pages, w http.ResponseWriter, r *http.Request) { p.Confirm(w, r, 200, hostile[Confirm](s, nil)) }},
		{"move-on", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.MoveOn(w, r, 200, hostile(s, func(v *MoveOn) { v.Form = nil }))
		}},
		{"move-on form", func(p *Pages, w http.ResponseWriter, r *http.Request) { p.MoveOn(w, r, 200, hostile[MoveOn](s, nil)) }},
		{"move-on fields", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.MoveOn(w, r, 200, hostile(s, func(v *MoveOn) { v.Form.Action = "https://id.example/logout" }))
		}},
		{"open-in-new-tab", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.OpenInNewTab(w, r, 401, hostile[OpenInNewTab](s, nil))
		}},
		{"not-saved", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.NotSaved(w, r, 401, hostile[NotSaved](s, nil))
		}},
		{"link", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.LinkRefused(w, r, 0, hostile(s, func(v *LinkRefused) { v.Reason, v.URL = LinkTaken, "/ok" }))
		}},
		{"link unknown", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.LinkRefused(w, r, 0, hostile[LinkRefused](s, nil))
		}},
		{"denied linking", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Denied(w, r, 0, hostile(s, func(v *Denied) { v.OtherAccount.Action, v.OtherAccountURL, v.BackURL = "", "", "/ok" }))
		}},
		{"account", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Account(w, r, 200, hostile(s, func(v *MyAccount) {
				v.Notice, v.Confirm.Kind, v.Confirm.Form.Action, v.SelfURL = NoticeLinked, ActUnlink, "/ok", "/ok"
				v.Identities[0].Last, v.Identities[1].Last, v.Identities[1].Unlink.Action = true, false, "/ok"
				v.Apps[0].URL, v.Links[0].Form.Action = "/ok", "/ok"
				v.Devices[0].This, v.Devices[1].SignOut.Action = false, "/ok"
				v.Devices[0].Device.Form, v.Devices[0].Device.Place, v.Events[0].What = "program", "anywhere", WordLinked
			}))
		}},
		{"account unknown", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Account(w, r, 200, hostile[MyAccount](s, nil))
		}},
		{"problem unknown", func(p *Pages, w http.ResponseWriter, r *http.Request) { p.Problem(w, r, 0, hostile[Problem](s, nil)) }},
		{"signed-out unknown", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, hostile[SignedOut](s, nil))
		}},
	}
	for _, kind := range ProblemKinds() {
		pages = append(pages, fixture{"problem " + string(kind), func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Problem(w, r, 0, hostile(s, func(v *Problem) { v.Kind = kind }))
		}})
	}
	for _, reason := range DeniedReasons() {
		pages = append(pages, fixture{"denied " + string(reason), func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Denied(w, r, 403, hostile(s, func(v *Denied) { v.Reason = reason }))
		}})
	}
	for _, subject := range StepSubjects() {
		pages = append(pages, fixture{"signed-out " + string(subject), func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, hostile(s, func(v *SignedOut) {
				v.Cause, v.Steps[0].Subject, v.Steps[1].Subject = CauseProvider, subject, subject
				v.Steps[1].State = StateDone
			}))
		}})
	}
	return pages
}

// shape is what of a page a value must not be able to change: the elements, their
// attributes' names, where links lead, and what characters the text has.
func checkShape(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	elements := strings.Fields("html head meta title link style body p header svg path circle span main h1 h2 ol " +
		"nav ul li a bdi dl div dt dd form input button section code footer")
	attributes := strings.Fields("lang charset name content http-equiv rel href class role viewbox width height " +
		"aria-hidden aria-label aria-labelledby focusable d cx cy r id method action type value target hreflang")
	if strings.HasPrefix(name, "account") {
		elements = append(elements, strings.Fields("details summary strong time img label script")...)
		attributes = append(attributes, strings.Fields("data-mark data-key data-live data-say aria-current aria-describedby tabindex "+
			"src alt for enctype accept required datetime title")...)
	}
	z := html.NewTokenizer(strings.NewReader(w.Body.String()))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		tok := z.Token()
		switch kind {
		case html.CommentToken:
			t.Errorf("%s: a comment", name)
		case html.TextToken:
			if strings.ContainsFunc(tok.Data, func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x7f || invisible(r)) }) {
				t.Errorf("%s: text with control characters: %.100q", name, tok.Data)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if !slices.Contains(elements, tok.Data) {
				t.Errorf("%s: element %s", name, tok.Data)
			}
			for _, a := range tok.Attr {
				if a.Key == "aria-label" && strings.ContainsFunc(a.Val, func(r rune) bool { return r < ' ' || r == 0x7f || invisible(r) }) {
					t.Errorf("%s: a label with control characters: %.100q", name, a.Val)
				}
				if !slices.Contains(attributes, strings.ToLower(a.Key)) {
					t.Errorf("%s: attribute %s of %s", name, a.Key, tok.Data)
				}
				checkTarget(t, name, tok.Data, a)
			}
		}
	}
}

func checkTarget(t *testing.T, name, element string, a html.Attribute) {
	t.Helper()
	target := a.Val
	switch {
	case element == "link" && a.Key == "href":
		return // the icon, a constant
	case element == "meta" && a.Key == "content" && strings.HasPrefix(a.Val, "0; url="):
		target = strings.TrimPrefix(a.Val, "0; url=")
	case a.Key != "href" && a.Key != "action" && a.Key != "src":
		return
	}
	u, err := url.Parse(target)
	rooted := strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//") && !strings.HasPrefix(target, `/\`)
	if err != nil || u.User != nil || !(rooted || u.Scheme == "https" || u.Scheme == "http") {
		t.Errorf("%s: %s of %s leads to %.100q", name, a.Key, element, target)
	}
}

func TestNoValueCanChangeAPage(t *testing.T) {
	p := newPages(t, Options{Insecure: true})
	languages := []string{"en", "zh"}
	for label, s := range hostileValues() {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			for i, f := range hostilePages(s) {
				w := f.get(p, languages[i%2])
				checkShape(t, f.name, w)
				csp := w.Header().Get("Content-Security-Policy")
				directives := 6
				if strings.HasPrefix(f.name, "account") {
					directives = 8
				}
				if strings.Count(csp, ";") != directives-1 || strings.Count(csp, "*") > 1 || strings.ContainsAny(csp, "\r\n\"<") {
					t.Errorf("%s: policy %q", f.name, csp)
				}
				// Only hidden fields may be long: they carry what a URL cannot.
				if n := w.Body.Len(); n > 24<<10 && !strings.HasPrefix(f.name, "account") && f.name != "confirm" && f.name != "move-on fields" {
					t.Errorf("%s: %d bytes", f.name, n)
				}
			}
		})
	}
}

func TestEveryNameStandsInItsOwnIsolation(t *testing.T) {
	const mark = "Zyxwv"
	p := newPages(t, Options{})
	for _, f := range hostilePages(mark) {
		z := html.NewTokenizer(strings.NewReader(f.get(p, "en").Body.String()))
		last := ""
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			tok := z.Token()
			if kind == html.TextToken && strings.Contains(tok.Data, mark) && last != "bdi" && last != "title" {
				t.Errorf("%s: %q stands in %s", f.name, tok.Data, last)
			}
			if kind == html.StartTagToken {
				last = tok.Data
			}
		}
	}
}

func TestHiddenFieldsArriveWhole(t *testing.T) {
	p := newPages(t, Options{})
	hint := strings.Repeat("eyJ.a-b_c\"<&'", 1000)
	w := httptest.NewRecorder()
	p.MoveOn(w, request("GET", "en"), 200, MoveOn{Form: &Form{Action: "https://id.example/logout", Hidden: []Field{{"id_token_hint", hint}}}})
	z := html.NewTokenizer(strings.NewReader(w.Body.String()))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		tok := z.Token()
		if tok.Data != "input" {
			continue
		}
		got := map[string]string{}
		for _, a := range tok.Attr {
			got[a.Key] = a.Val
		}
		if got["name"] != "id_token_hint" || got["value"] != hint || got["type"] != "hidden" {
			t.Errorf("the field arrives as %.80v", got)
		}
		return
	}
	t.Error("no field arrived")
}
