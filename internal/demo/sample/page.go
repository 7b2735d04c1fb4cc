package sample

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

//go:embed page
var pageFiles embed.FS

// pages holds the page, parsed, by language.
type pages struct {
	home map[string]*template.Template
	// texts are, by language, what the page's script shows.
	texts map[string]map[string]string
	style template.CSS
	code  template.JS
}

type homeData struct {
	Name, Nonce string
	Person      person
	Display     string
	Style       template.CSS
	Code        template.JS
	Texts       map[string]string // "js." texts, for the script
}

func newPages() (*pages, error) {
	read := func(name string) ([]byte, error) {
		data, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		return data, nil
	}
	style, err := read("style.css")
	if err != nil {
		return nil, err
	}
	code, err := read("live.js")
	if err != nil {
		return nil, err
	}
	p := &pages{
		home: map[string]*template.Template{}, texts: map[string]map[string]string{},
		style: template.CSS(style), code: template.JS(code),
	}
	for _, lang := range []string{"en", "zh"} {
		raw, err := read(lang + ".json")
		if err != nil {
			return nil, err
		}
		texts := map[string]string{}
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("parsing the texts in %s: %w", lang, err)
		}
		p.texts[lang] = map[string]string{}
		for key, text := range texts {
			if short, ok := strings.CutPrefix(key, "js."); ok {
				p.texts[lang][short] = text
			}
		}
		p.home[lang], err = template.New("home.html").Funcs(funcs(lang, texts)).ParseFS(pageFiles, "page/home.html")
		if err != nil {
			return nil, fmt.Errorf("parsing the page: %w", err)
		}
	}
	return p, nil
}

func funcs(lang string, texts map[string]string) template.FuncMap {
	return template.FuncMap{
		"lang": func() string { return lang },
		"t": func(key string, args ...any) (string, error) {
			text, ok := texts[key]
			if !ok {
				return "", fmt.Errorf("no text %q in %s", key, lang)
			}
			if len(args) == 0 {
				return text, nil
			}
			return fmt.Sprintf(text, args...), nil
		},
	}
}

// home is the app's page. Its policy is one that careful apps send: no form may go elsewhere, which
// browsers apply to the redirects after a form too, so that signing out must not need one.
func (a *app) home(w http.ResponseWriter, r *http.Request) {
	lang := httpx.Language(r)
	who := personOf(r)
	data := homeData{
		Name: a.opts.Name, Nonce: rand.Text(), Person: who, Display: who.display(),
		Style: a.pages.style, Code: a.pages.code, Texts: a.pages.texts[lang],
	}
	var page bytes.Buffer
	if err := a.pages.home[lang].Execute(&page, data); err != nil {
		a.opts.Logger.Error("rendering the page failed", "cause", err.Error())
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	nonce := "'nonce-" + data.Nonce + "'"
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src "+nonce+"; style-src "+nonce+
		"; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Vary", "Accept-Language")
	w.Write(page.Bytes()) // a client that has gone is not told
}

// strict is the barest page with a sign-out button under the strictest policy.
func (a *app) strict(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>form-action 'self'</title>`+
		`<form method="post" action="/.cardea/sign-out"><button id="sign-out">Sign out</button></form></html>`)
}
