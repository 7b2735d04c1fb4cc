package devprovider

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

//go:embed pages
var pageFiles embed.FS

// pageNames are the pages, each a template file of that name.
var pageNames = []string{"login", "select", "consent", "logout", "loggedout", "problem", "formpost", "frontchannel", "home"}

// pageSet holds the parsed pages by language and name, and the content security policy.
type pageSet struct {
	pages  map[string]map[string]*template.Template
	policy string
}

// pageData is what a page may show. Not every page uses every field.
type pageData struct {
	Issuer   string
	Home     string // the home page's path
	Action   string // where the page's form posts to
	Client   string
	Person   Person
	People   []Person
	Clients  []Client
	Scopes   []string
	Typed    string
	Wrong    bool
	SignedIn bool
	Another  bool // logout was asked for with another session's hint
	Key      string
	Reason   string
	Params   []param
	Frames   []string // addresses that a page loads out of sight
}

type param struct{ Name, Value string }

// newPageSet parses the pages for both languages.
func newPageSet() (*pageSet, error) {
	style, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		return nil, fmt.Errorf("reading the style sheet: %w", err)
	}
	script, err := pageFiles.ReadFile("pages/formpost.js")
	if err != nil {
		return nil, fmt.Errorf("reading the form post script: %w", err)
	}
	frameScript, err := pageFiles.ReadFile("pages/frontchannel.js")
	if err != nil {
		return nil, fmt.Errorf("reading the front-channel script: %w", err)
	}
	set := &pageSet{pages: map[string]map[string]*template.Template{}}
	for _, lang := range []string{"en", "zh"} {
		texts, err := readTexts(lang)
		if err != nil {
			return nil, err
		}
		if set.pages[lang], err = parsePages(lang, texts, string(style), string(script), string(frameScript)); err != nil {
			return nil, err
		}
	}
	// No form-action: Chromium applies it to every redirect that follows a form, and where those go
	// after the client's redirect URI is not ours to know. The forms themselves post to this origin.
	set.policy = "default-src 'none'; style-src '" + cspHash(style) + "'; script-src '" + cspHash(script) +
		"' '" + cspHash(frameScript) + "'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
	return set, nil
}

func cspHash(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func readTexts(lang string) (map[string]string, error) {
	raw, err := pageFiles.ReadFile("pages/" + lang + ".json")
	if err != nil {
		return nil, fmt.Errorf("reading the texts: %w", err)
	}
	texts := map[string]string{}
	if err := json.Unmarshal(raw, &texts); err != nil {
		return nil, fmt.Errorf("parsing the texts in %s: %w", lang, err)
	}
	return texts, nil
}

func parsePages(lang string, texts map[string]string, style, script, frameScript string) (map[string]*template.Template, error) {
	funcs := template.FuncMap{
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
		"lang":    func() string { return lang },
		"style":   func() template.CSS { return template.CSS(style) },
		"script":  func() template.JS { return template.JS(script) },
		"frames":  func() template.JS { return template.JS(frameScript) },
		"initial": func(s string) string { return strings.ToUpper(string([]rune(s + "?")[:1])) },
		"scope": func(scope string) string {
			if text, ok := texts["scope."+scope]; ok {
				return text
			}
			return scope
		},
	}
	pages := map[string]*template.Template{}
	for _, name := range pageNames {
		page, err := template.New("layout.html").Funcs(funcs).ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("parsing page %s: %w", name, err)
		}
		pages[name] = page
	}
	return pages, nil
}

// render answers with a page.
func (p *Provider) render(w http.ResponseWriter, r *http.Request, status int, name string, data pageData) {
	data.Issuer, data.Home = p.opts.Issuer, p.path+"/"
	var page bytes.Buffer
	if err := p.pages.pages[httpx.Language(r)][name].Execute(&page, data); err != nil {
		p.failed(w, fmt.Errorf("rendering page %s: %w", name, err))
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", p.pages.policy+framePolicy(data.Frames))
	header.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with it browsers send "Origin: null" from the forms, which looks cross-site.
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	w.Write(page.Bytes()) // a client that has gone is not told
}

// problem shows what went wrong. reason is for developers and in English.
func (p *Provider) problem(w http.ResponseWriter, r *http.Request, status int, key, reason string) {
	p.render(w, r, status, "problem", pageData{Key: "problem." + key, Reason: reason})
}

// showStep shows the page of an interaction's next step.
func (p *Provider) showStep(w http.ResponseWriter, r *http.Request, it *interaction, sess *session, todo step) {
	action := p.path + "/interaction/" + it.id
	data := pageData{Client: it.req.client.title(), Typed: it.req.loginHint, Wrong: it.wrong}
	if it.wrong {
		data.Typed = it.typed
	}
	p.mu.Lock()
	for _, person := range p.people {
		if !person.Disabled {
			data.People = append(data.People, person)
		}
	}
	if sess != nil {
		data.Person, data.SignedIn = p.personBySubject(sess.Subject)
	}
	p.mu.Unlock()
	switch todo {
	case stepSelect:
		data.Action = action + "/select"
		p.render(w, r, http.StatusOK, "select", data)
	case stepConsent:
		data.Action, data.Scopes = action+"/consent", it.req.scope
		p.render(w, r, http.StatusOK, "consent", data)
	default:
		data.Action = action + "/login"
		p.render(w, r, http.StatusOK, "login", data)
	}
}

// formPost answers an authorization request by a form that the browser posts (OAuth 2.0 Form Post
// Response Mode). Without scripts the person presses the button.
func (p *Provider) formPost(w http.ResponseWriter, r *http.Request, req *authRequest, values url.Values) {
	data := pageData{Action: req.redirectURI, Client: req.client.title()}
	for name := range values {
		data.Params = append(data.Params, param{name, values.Get(name)})
	}
	slices.SortFunc(data.Params, func(a, b param) int { return strings.Compare(a.Name, b.Name) })
	p.render(w, r, http.StatusOK, "formpost", data)
}

// home says what this is, who is signed in here, and who could be.
func (p *Provider) home(w http.ResponseWriter, r *http.Request) {
	data := pageData{Action: p.path + "/sign-out"}
	p.mu.Lock()
	data.People = slices.Clone(p.people)
	for _, c := range p.clients {
		data.Clients = append(data.Clients, Client{ID: c.ID, Name: c.title()})
	}
	if here := p.browserSession(r, p.opts.Now()); here != nil {
		data.Person, data.SignedIn = p.personBySubject(here.Subject)
	}
	p.mu.Unlock()
	slices.SortFunc(data.Clients, func(a, b Client) int { return strings.Compare(a.ID, b.ID) })
	p.render(w, r, http.StatusOK, "home", data)
}
