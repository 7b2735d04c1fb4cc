package pages

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

//go:embed locale/*.json
var localeFiles embed.FS

// maxAcceptLanguage bounds the bytes of Accept-Language that are read.
const maxAcceptLanguage = 512

// params are the values of a text's placeholders by name.
type params map[string]string

// segment is a piece of a text: literal, or the name of a placeholder.
type segment struct{ literal, param string }

type catalogue map[string][]segment

// localizer speaks one language.
type localizer struct {
	Tag       string // BCP 47
	Gap       string // between two sentences
	Short     string // as the language cookie names it
	Own       string // as its speakers name it
	asks      string // how a provider is asked for it: BCP 47 tags, separated by blanks
	catalogue catalogue
}

type locales struct {
	matcher language.Matcher
	all     []localizer // in the order the matcher knows them
	written []localizer // each once
}

func loadLocales() (*locales, error) {
	files := []struct {
		name, own, asks string
		tag             language.Tag
		gap             string
	}{
		{"en", "English", "en", language.English, " "}, // the first is the fallback
		{"zh", "中文", "zh-CN zh", language.SimplifiedChinese, ""},
	}
	ls := &locales{}
	var tags []language.Tag
	for _, f := range files {
		raw, err := localeFiles.ReadFile("locale/" + f.name + ".json")
		if err != nil {
			return nil, err
		}
		c, err := parseCatalogue(raw)
		if err != nil {
			return nil, fmt.Errorf("%s.json: %w", f.name, err)
		}
		ls.all = append(ls.all, localizer{Tag: f.tag.String(), Gap: f.gap, Short: f.name, Own: f.own, asks: f.asks, catalogue: c})
		tags = append(tags, f.tag)
	}
	ls.written = slices.Clone(ls.all)
	// A reader of traditional Chinese is better served by 中文 than by English.
	tags = append(tags, language.TraditionalChinese)
	ls.all = append(ls.all, ls.all[1])
	ls.matcher = language.NewMatcher(tags)

	want := slices.Sorted(maps.Keys(ls.all[0].catalogue))
	for _, l := range ls.all[1:] {
		if !slices.Equal(want, slices.Sorted(maps.Keys(l.catalogue))) {
			return nil, fmt.Errorf("%s has other keys than %s", l.Tag, ls.all[0].Tag)
		}
	}
	return ls, nil
}

// parseCatalogue reads one flat JSON object of texts. Empty texts and keys given
// twice are errors.
func parseCatalogue(raw []byte) (catalogue, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("want a JSON object")
	}
	c := make(catalogue)
	for dec.More() {
		var text string
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		k, _ := key.(string)
		if err := dec.Decode(&text); err != nil {
			return nil, fmt.Errorf("key %q: %w", k, err)
		}
		if _, twice := c[k]; twice {
			return nil, fmt.Errorf("key %q is given twice", k)
		}
		if c[k], err = parseText(text); err != nil {
			return nil, fmt.Errorf("key %q: %w", k, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	return c, nil
}

// parseText splits a text at its {placeholders}.
func parseText(text string) ([]segment, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the text is empty")
	}
	var out []segment
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if strings.Contains(before, "}") {
			return nil, errors.New("a } without its {")
		}
		if before != "" {
			out = append(out, segment{literal: before})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || name == "" || strings.ContainsAny(name, "{ ") {
			return nil, errors.New("a { without its name and }")
		}
		out = append(out, segment{param: name})
		text = after
	}
	return out, nil
}

// forRequest picks the language that the person chose at this origin, else one by
// Accept-Language (RFC 9110 section 12.5.4); what cannot be read counts as not asked.
func (ls *locales) forRequest(r *http.Request) localizer {
	if l, ok := ls.chosen(r); ok {
		return l
	}
	accept := strings.Join(r.Header.Values("Accept-Language"), ",")
	if accept == "" || len(accept) > maxAcceptLanguage {
		return ls.all[0]
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(wanted) == 0 {
		return ls.all[0]
	}
	_, i, confidence := ls.matcher.Match(wanted...)
	if confidence == language.No {
		return ls.all[0]
	}
	return ls.all[i]
}

// T is html without parameters, for templates.
func (l localizer) T(key string) template.HTML { return l.html(key, nil) }

// html returns a text for a page. Values are bounded, escaped and isolated with
// bdi, so that a name can change neither the markup nor the order of the words
// around it.
func (l localizer) html(key string, p params) template.HTML {
	return template.HTML(l.assemble(key, p, html.EscapeString, func(name, value string) string {
		if name == "count" {
			return html.EscapeString(value)
		}
		return "<bdi>" + html.EscapeString(value) + "</bdi>"
	}))
}

// Plain returns a text without markup, for titles and problem documents.
func (l localizer) Plain(key string, p params) string {
	asIs := func(s string) string { return s }
	return l.assemble(key, p, asIs, func(_, value string) string { return value })
}

// assemble joins the pieces of a text. Values are put in last and never read for
// placeholders again.
func (l localizer) assemble(key string, p params, literal func(string) string, value func(name, value string) string) string {
	segments, ok := l.catalogue[key]
	if !ok {
		return literal(key)
	}
	var b strings.Builder
	begins := true // whether the next piece begins a sentence
	for n, s := range segments {
		if s.param != "" {
			b.WriteString(value(s.param, l.value(s.param, p, begins)))
			begins = false
			continue
		}
		text := s.literal
		if l.Gap == "" { // blanks set off names of another script, and no words of this one
			if n > 0 && general(segments[n-1].param, p) {
				text = strings.TrimPrefix(text, " ")
			}
			if n+1 < len(segments) && general(segments[n+1].param, p) {
				text = strings.TrimSuffix(text, " ")
			}
		}
		b.WriteString(literal(text))
		begins = strings.HasSuffix(s.literal, ". ")
	}
	return b.String()
}

// value is a parameter cleaned; an app or provider without a name is spoken of
// in general words, which take a capital where they begin a sentence.
func (l localizer) value(name string, p params, begins bool) string {
	limit := maxName
	if name == "acr" { // several names, each of which may be a URI
		limit = maxClasses
	}
	if v := clean(p[name], limit); v != "" {
		return v
	}
	key := inGeneral(name)
	if key == "" {
		return "–"
	}
	v := l.Plain(key, nil)
	if first, size := utf8.DecodeRuneInString(v); begins {
		v = string(unicode.ToUpper(first)) + v[size:]
	}
	return v
}

// inGeneral is the key of the general words for a parameter; "" for one that has none.
func inGeneral(name string) string {
	switch name {
	case "app":
		return "common.this-app"
	case "provider":
		return "common.the-provider"
	}
	return ""
}

// general tells whether general words stand for a parameter.
func general(name string, p params) bool {
	return inGeneral(name) != "" && clean(p[name], maxName) == ""
}

// count picks the singular or plural form of key and adds the number.
func (l localizer) count(key string, n int, p params) template.HTML {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	q := maps.Clone(p)
	if q == nil {
		q = params{}
	}
	q["count"] = strconv.Itoa(n)
	return l.html(key+form, q)
}
