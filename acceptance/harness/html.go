package harness

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Form is a form of a page with the values it would send as it stands.
type Form struct {
	ID     string
	Method string
	Action string
	Values url.Values
}

var (
	formTag   = regexp.MustCompile(`(?is)<form\b([^>]*)>(.*?)</form>`)
	fieldTag  = regexp.MustCompile(`(?is)<(input|button)\b([^>]*)>`)
	attribute = regexp.MustCompile(`(?s)([a-zA-Z][a-zA-Z0-9-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	anchorTag = regexp.MustCompile(`(?is)<a\b([^>]*)>`)
	metaTag   = regexp.MustCompile(`(?is)<meta\b([^>]*)>`)
	refreshTo = regexp.MustCompile(`(?i)url\s*=\s*['"]?([^'"]+)`)
	unread    = regexp.MustCompile(`(?is)<(style|script|svg)\b.*?</(style|script|svg)>`)
	tags      = regexp.MustCompile(`(?s)<[^>]*>`)
	spaces    = regexp.MustCompile(`\s+`)
)

func attributes(tag string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
		out[strings.ToLower(m[1])] = html.UnescapeString(m[2] + m[3])
	}
	return out
}

// Forms returns the forms of the page.
func (p *Page) Forms() []Form {
	var out []Form
	for _, m := range formTag.FindAllStringSubmatch(p.Body, -1) {
		attrs := attributes(m[1])
		form := Form{ID: attrs["id"], Method: strings.ToUpper(attrs["method"]), Action: attrs["action"], Values: url.Values{}}
		if form.Method == "" {
			form.Method = http.MethodGet
		}
		for _, f := range fieldTag.FindAllStringSubmatch(m[2], -1) {
			field := attributes(f[2])
			if field["name"] == "" || field["type"] == "checkbox" {
				continue
			}
			form.Values.Set(field["name"], field["value"])
		}
		out = append(out, form)
	}
	return out
}

// Form returns the form with an id.
func (p *Page) Form(id string) (Form, bool) {
	for _, f := range p.Forms() {
		if f.ID == id {
			return f, true
		}
	}
	return Form{}, false
}

// Link returns the whole address of the first link whose href contains a text.
func (p *Page) Link(part string) (string, bool) {
	for _, m := range anchorTag.FindAllStringSubmatch(p.Body, -1) {
		href := attributes(m[1])["href"]
		if !strings.Contains(href, part) {
			continue
		}
		if to, err := p.URL.Parse(href); err == nil {
			return to.String(), true
		}
	}
	return "", false
}

// Text is the page without its tags, for reading what a person reads.
func (p *Page) Text() string {
	text := tags.ReplaceAllString(unread.ReplaceAllString(p.Body, " "), " ")
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(text), " "))
}

// refresh returns where the page moves on to by itself, or "".
func (p *Page) refresh() string {
	if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
		return ""
	}
	for _, m := range metaTag.FindAllStringSubmatch(p.Body, -1) {
		attrs := attributes(m[1])
		if !strings.EqualFold(attrs["http-equiv"], "refresh") {
			continue
		}
		if to := refreshTo.FindStringSubmatch(attrs["content"]); to != nil {
			return strings.TrimSpace(to[1])
		}
	}
	return ""
}
