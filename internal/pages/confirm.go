package pages

import (
	"html/template"
	"net/http"
)

// ConfirmKind is what a person is asked to confirm.
type ConfirmKind string

// What can be confirmed.
const (
	ConfirmSignOut           ConfirmKind = "sign-out"
	ConfirmSignOutEverywhere ConfirmKind = "sign-out-everywhere"
)

// Confirm asks before a sign-out that a person may not have asked for.
type Confirm struct {
	Kind     ConfirmKind // empty means ConfirmSignOut
	App      App
	Account  Account
	Provider string // set where the provider's session ends as well
	Form     Form
	// GatewayOnly, where it has an action, makes the page a choice: Form ends the
	// provider's session too, GatewayOnly ends only the one here.
	GatewayOnly Form
	CancelURL   string // empty leaves the link out
	AgainURL    string // path that asks again and ends nothing, where the request's own may not
}

// Confirm writes the page that asks before signing out.
func (p *Pages) Confirm(w http.ResponseWriter, r *http.Request, status int, v Confirm) {
	l := p.locales.forRequest(r)
	key := "confirm." + string(ConfirmSignOut)
	if v.Kind == ConfirmSignOutEverywhere {
		key = "confirm." + string(ConfirmSignOutEverywhere)
	}
	view := struct {
		Lead, Provider template.HTML
		Account        []string
		Button, Here   *button
		Why            template.HTML
		CancelURL      string
	}{
		Lead:      l.html(key+".lead", params{"app": v.App.label()}),
		Account:   v.Account.lines(),
		Button:    newButton(v.Form, l.T(key+".button")),
		Here:      newButton(v.GatewayOnly, l.T("confirm.here-only")),
		Why:       l.T("confirm.why"),
		CancelURL: link(v.CancelURL),
	}
	if view.Here != nil {
		view.Why = l.T("confirm.choice")
		view.Button = newButton(v.Form, l.html("confirm.both", params{"provider": v.Provider}))
		v.Provider = ""
	}
	if v.Kind == ConfirmSignOutEverywhere {
		view.Why = "" // nobody comes there but by the page of their own
	}
	if v.Provider != "" {
		view.Provider = l.html("confirm.provider", params{"provider": v.Provider})
	}
	p.write(w, r, status, l, page{
		template: "confirm", title: key + ".title", again: v.AgainURL, view: view,
		policy: policy{formAction: view.Button.target(), keepOrigin: true},
	})
}
