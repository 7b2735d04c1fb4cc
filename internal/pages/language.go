package pages

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

const (
	ownPrefix    = "/.cardea/"
	languagePath = ownPrefix + "language"
)

// Speaks tells whether the pages are there in a language, named as the language cookie
// names it: "en" or "zh".
func (p *Pages) Speaks(short string) bool {
	_, ok := p.locales.named(short)
	return ok
}

// Chosen returns the language that the person chose at the origin of r, named as the
// language cookie names it; "" where they have chosen none.
func (p *Pages) Chosen(r *http.Request) string {
	l, _ := p.locales.chosen(r)
	return l.Short
}

// UILocales is the language that the person chose at the origin of r, as a provider is
// asked for it (OpenID Connect Core section 3.1.2.1); "" where they have chosen none: then
// the provider sees Accept-Language itself.
func (p *Pages) UILocales(r *http.Request) string {
	l, _ := p.locales.chosen(r)
	return l.asks
}

// ShowsAgain tells whether asking once more for an own path shows the page that it
// showed, and does nothing else. name is what follows "/.cardea/".
func ShowsAgain(name string) bool {
	return name == "sign-in" || name == "signed-out" || name == "account"
}

func (ls *locales) named(short string) (localizer, bool) {
	for _, l := range ls.written {
		if l.Short == short {
			return l, true
		}
	}
	return localizer{}, false
}

type languageKey struct{}

// InLanguage returns a context whose request is answered in a language that was chosen
// just now: its cookie is on its way to the browser.
func InLanguage(ctx context.Context, short string) context.Context {
	return context.WithValue(ctx, languageKey{}, short)
}

// chosen reads the language cookie of the origin that the client addressed.
func (ls *locales) chosen(r *http.Request) (localizer, bool) {
	if short, ok := r.Context().Value(languageKey{}).(string); ok {
		return ls.named(short)
	}
	client, ok := httpx.ClientFrom(r.Context())
	if !ok {
		return localizer{}, false
	}
	origin, err := client.Origin()
	if err != nil {
		return localizer{}, false
	}
	return ls.named(httpx.CookieValue(r.Header, httpx.CookiesOf(origin).Language))
}

// languageLink leads to this page in another language.
type languageLink struct {
	Tag, Name, URL string
	NewTab         bool // a frame has no cookies of ours to keep a choice in
}

// languageLinks are the links to the languages that a page is not in. again is the local
// address that shows it once more; "" takes the request's own. A page that cannot be shown
// again passes its reference on.
func (ls *locales) languageLinks(l localizer, r *http.Request, again, reference string, framed bool) []languageLink {
	if again == "" {
		again = ownAddress(r)
	}
	if _, ok := httpx.LocalPath(again); !ok {
		again = "" // whoever follows the link is told that the page cannot be shown again
	}
	var out []languageLink
	for _, other := range ls.written {
		if other.Tag == l.Tag {
			continue
		}
		query := url.Values{"to": {other.Short}}
		if again != "" {
			query.Set("return", again)
		} else if Reference(reference) {
			query.Set("reference", reference)
		}
		out = append(out, languageLink{Tag: other.Tag, Name: other.Own, URL: languagePath + "?" + query.Encode(), NewTab: framed})
	}
	return out
}

// Reference tells whether a text has the shape of a reference that pages show.
func Reference(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// ownAddress is the address of a page that can be asked for again: no answer to a POST,
// and nothing that holds a code or a state that counts once.
func ownAddress(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return ""
	}
	name, own := strings.CutPrefix(r.URL.EscapedPath(), ownPrefix)
	if own && !ShowsAgain(name) {
		return ""
	}
	return r.URL.RequestURI()
}

// LanguageChanged tells that the choice holds and that the page from which it was made
// cannot be shown again.
type LanguageChanged struct {
	HomeURL  string // where to go on
	Incident string // that the page showed
}

// LanguageChanged writes that page.
func (p *Pages) LanguageChanged(w http.ResponseWriter, r *http.Request, status int, v LanguageChanged) {
	l := p.locales.forRequest(r)
	p.write(w, r, status, l, page{template: "language", title: "language.title", incident: v.Incident, view: struct{ HomeURL string }{link(v.HomeURL)}})
}
