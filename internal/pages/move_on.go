package pages

import (
	"html/template"
	"net/http"
)

// MoveOnPurpose is why a page moves on.
type MoveOnPurpose string

// Where a page that moves on by itself can lead.
const (
	MoveOnSignOut MoveOnPurpose = "sign-out" // to the provider's end-session endpoint
	MoveOnSignIn  MoveOnPurpose = "sign-in"  // to the provider's authorization endpoint
	MoveOnBack    MoveOnPurpose = "back"     // to the app, or on within the gateway
)

// MoveOn leads on without a redirect, which form-action policies would stop. With
// Form set it does not move by itself: it shows a button, because what has to be
// sent does not fit a URL.
type MoveOn struct {
	Purpose  MoveOnPurpose // empty means MoveOnSignOut
	App      App
	Provider string
	URL      string
	Form     *Form // posted instead of following URL
}

// MoveOn writes the page that leads on. A target that may not be linked to
// becomes an internal problem.
func (p *Pages) MoveOn(w http.ResponseWriter, r *http.Request, status int, v MoveOn) {
	l := p.locales.forRequest(r)
	key := "move-on." + string(MoveOnSignOut)
	switch v.Purpose {
	case MoveOnSignIn, MoveOnBack:
		key = "move-on." + string(v.Purpose)
	}
	ps := params{"app": v.App.label(), "provider": v.Provider}
	view := struct {
		Lead, Link template.HTML
		URL        string
		Button     *button
	}{Lead: l.html(key+".lead", ps), Link: l.html(key+".link", ps)}
	if v.Form != nil {
		view.Button = newButton(*v.Form, view.Link)
	} else {
		view.URL = link(v.URL)
	}
	if view.URL == "" && view.Button == nil {
		p.log.Error("a page that moves on has no target that may be linked to", "purpose", string(v.Purpose))
		p.Problem(w, r, http.StatusInternalServerError, Problem{Kind: Internal})
		return
	}
	p.write(w, r, status, l, page{
		template: "move-on", title: key + ".title", params: ps, ajar: true, refresh: view.URL, view: view,
		policy: policy{formAction: view.Button.target()},
	})
}
