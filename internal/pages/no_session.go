package pages

import (
	"html/template"
	"net/http"
)

// OpenInNewTab is what a frame shows in place of a sign-in.
type OpenInNewTab struct {
	App App
	URL string
}

// OpenInNewTab writes the one page that may be framed, by anyone: it holds a link
// and nothing about a person.
func (p *Pages) OpenInNewTab(w http.ResponseWriter, r *http.Request, status int, v OpenInNewTab) {
	l := p.locales.forRequest(r)
	ps := params{"app": v.App.label()}
	p.write(w, r, status, l, page{
		template: "new-tab", status: http.StatusUnauthorized, title: "new-tab.title", params: ps, ajar: true, policy: policy{framed: true},
		view: struct {
			Lead template.HTML
			URL  string
		}{l.html("new-tab.lead", ps), link(v.URL)},
	})
}

// NotSaved answers a form that was sent without a session.
type NotSaved struct {
	App       App
	SignInURL string // signs in and leads back to the page the form was on
	Incident  string
}

// NotSaved writes the page that says nothing was saved and how to go on.
func (p *Pages) NotSaved(w http.ResponseWriter, r *http.Request, status int, v NotSaved) {
	l := p.locales.forRequest(r)
	ps := params{"app": v.App.label()}
	p.write(w, r, status, l, page{
		template: "not-saved", status: http.StatusUnauthorized, title: "not-saved.title", params: ps, incident: v.Incident,
		view: struct {
			Lead template.HTML
			URL  string
		}{l.html("not-saved.lead", ps), link(v.SignInURL)},
	})
}
