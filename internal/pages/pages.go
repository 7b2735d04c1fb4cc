package pages

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed style.css
var styleSheet string

// Options are the live values that [New] needs.
type Options struct {
	// PublicURL is the gateway's own origin. Required: pages name its host.
	PublicURL string
	// Insecure puts a warning on every page that this gateway runs without https.
	Insecure bool
	// Logger hears of pages that could not be rendered. Nil discards.
	Logger *slog.Logger
}

// Pages renders the gateway's own pages. It is safe for concurrent use. Its
// methods take a status to answer with; 0 takes the one that suits the page.
type Pages struct {
	host      string
	insecure  bool
	log       *slog.Logger
	sheet     *sheet
	templates map[string]*template.Template
	locales   *locales

	accountScript script
	accountSheet  *sheet
}

// New parses templates and catalogues. It fails if PublicURL is not an absolute
// http or https URL, or if the catalogues disagree about their keys.
func New(o Options) (*Pages, error) {
	u, err := url.Parse(o.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("parsing the public URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("public URL %q: want an absolute http or https URL", o.PublicURL)
	}
	p := &Pages{
		host:     u.Host,
		insecure: o.Insecure,
		log:      o.Logger,
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.locales, err = loadLocales(); err != nil {
		return nil, fmt.Errorf("loading texts: %w", err)
	}
	if p.templates, err = parseTemplates(); err != nil {
		return nil, fmt.Errorf("parsing templates: %w", err)
	}
	p.sheet = newSheet(styleSheet)
	p.accountScript, p.accountSheet = newScript(accountSource), newSheet(styleSheet+accountStyle)
	return p, nil
}

// parseTemplates gives each page its own copy of the layout, so that every page
// may define "main".
func parseTemplates() (map[string]*template.Template, error) {
	layout, err := template.ParseFS(templateFiles, "templates/layout.html")
	if err != nil {
		return nil, err
	}
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	set := make(map[string]*template.Template, len(entries))
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".html")
		if name == "layout" {
			continue
		}
		t, err := layout.Clone()
		if err != nil {
			return nil, err
		}
		if set[name], err = t.ParseFS(templateFiles, "templates/"+e.Name()); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// frame is what the layout knows; V is the page's own part.
type frame struct {
	localizer
	Title    string
	Heading  template.HTML
	Ajar     bool // the door in the mark: ajar where one goes on, shut elsewhere
	Insecure bool
	Brand    template.HTML
	Style    template.HTML
	Refresh  string // where a page that moves on by itself goes
	Incident string
	Others   []languageLink
	Wide     bool
	V        any
}

// page is one response before it is written.
type page struct {
	template string
	status   int // where the caller gives none; 0 means 200
	title    string
	params   params
	ajar     bool
	refresh  string
	incident string
	wide     bool
	sheet    *sheet // nil takes the one of all pages
	again    string // shows the page once more, where its own address does not
	policy   policy
	view     any
}

// write renders into memory first, so that a fault in a template never leaves
// half a page under a good status.
func (p *Pages) write(w http.ResponseWriter, r *http.Request, status int, l localizer, pg page) {
	pg.sheet = cmp.Or(pg.sheet, p.sheet)
	pg.policy.style = pg.sheet.hash
	f := frame{
		localizer: l,
		Title:     l.Plain(pg.title, pg.params),
		Heading:   l.html(pg.title, pg.params),
		Ajar:      pg.ajar,
		Insecure:  p.insecure,
		Brand:     l.html("common.brand-line", params{"host": p.host}),
		Style:     pg.sheet.element,
		Refresh:   pg.refresh,
		Incident:  clean(pg.incident, maxName),
		Others:    p.locales.languageLinks(l, r, pg.again, pg.incident, pg.policy.framed),
		Wide:      pg.wide,
		V:         pg.view,
	}
	var body bytes.Buffer
	if err := p.templates[pg.template].ExecuteTemplate(&body, "layout", f); err != nil {
		p.log.Error("rendering a page", "page", pg.template, "error", err)
		p.writeBare(w, r, l)
		return
	}
	p.setHeaders(w.Header(), l, pg.policy)
	send(w, r, cmp.Or(status, pg.status, http.StatusOK), body.Bytes())
}

// writeBare is what remains when a template fails: the text without the page.
func (p *Pages) writeBare(w http.ResponseWriter, r *http.Request, l localizer) {
	p.setHeaders(w.Header(), l, policy{style: p.sheet.hash})
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	send(w, r, http.StatusInternalServerError, []byte(l.Plain("problem.internal.title", nil)+"\n"))
}

func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader went away; nobody is left to tell
	}
}

// Text returns the plain text of a key in the language that r asks for, for
// problem documents. params are names and values in turn; values are bounded and
// freed of control characters, but not escaped. An unknown key is returned as is.
func (p *Pages) Text(r *http.Request, key string, nameValues ...string) string {
	ps := make(params, len(nameValues)/2)
	for i := 0; i+1 < len(nameValues); i += 2 {
		ps[nameValues[i]] = nameValues[i+1]
	}
	return p.locales.forRequest(r).Plain(key, ps)
}

// Language returns the BCP 47 tag of the language that r is answered in.
func (p *Pages) Language(r *http.Request) string {
	return p.locales.forRequest(r).Tag
}
