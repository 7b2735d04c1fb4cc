package pages

import (
	"html/template"
	"net/http"
)

// DeniedReason is why an account may not use an app.
type DeniedReason string

// Reasons, each with texts of its own.
const (
	EmailNotVerified   DeniedReason = "email-not-verified"
	EmailMissing       DeniedReason = "email-missing"
	EmailNotAllowed    DeniedReason = "email-not-allowed"
	NotInGroup         DeniedReason = "not-in-group"
	GroupsUnknown      DeniedReason = "groups-unknown"
	ClaimMissing       DeniedReason = "claim-missing"
	ProviderNotAllowed DeniedReason = "provider-not-allowed"
	AccountDisabled    DeniedReason = "account-disabled"
	NoClassWillDo      DeniedReason = "no-class-will-do"
	NoRule             DeniedReason = "no-rule"
)

// DeniedReasons lists every reason.
func DeniedReasons() []DeniedReason {
	return []DeniedReason{
		EmailNotVerified, EmailMissing, EmailNotAllowed, NotInGroup, GroupsUnknown,
		ClaimMissing, ProviderNotAllowed, AccountDisabled, NoClassWillDo, NoRule,
	}
}

// Key is the text that says what happened, for [Pages.Text]; its parameters are
// app, provider and email.
func (d DeniedReason) Key() string { return "denied." + string(d) + ".what" }

// Denied says that an account may not use an app, and why.
type Denied struct {
	App     App
	Reason  DeniedReason // anything unknown counts as NoRule
	Account Account      // Provider and Email also fill the reason's text
	// Rule and Setting are paths into the configuration, such as
	// "apps[chat].access.groups" and "providers[main].record.email_verified".
	Rule    string
	Setting string
	// OtherAccount posts to the sign-out; OtherAccountURL is a link in its place.
	OtherAccount    Form
	OtherAccountURL string
	AccountURL      string // the page of the person; empty leaves the link out
	// BackURL is the account page of a person who is signed in and stays so: it was an
	// identity that was to be linked.
	BackURL  string
	Incident string
}

// Denied writes the page that names the reason and offers another account.
func (p *Pages) Denied(w http.ResponseWriter, r *http.Request, status int, v Denied) {
	l := p.locales.forRequest(r)
	reason := NoRule
	for _, known := range DeniedReasons() {
		if v.Reason == known {
			reason = known
		}
	}
	ps := params{
		"app": v.App.label(), "provider": v.Account.Provider, "email": v.Account.Email,
	}
	view := struct {
		What, Do, Operator      template.HTML
		Account                 []string
		Provider, Rule, Setting string
		BackURL                 string
		Button                  *button
		OtherURL, AccountURL    string
	}{
		What:     l.html(reason.Key(), ps),
		Do:       l.html("denied."+string(reason)+".do", ps),
		Account:  v.Account.lines(),
		Provider: clean(v.Account.Provider, maxName),
		Rule:     clean(v.Rule, maxPath),
		Setting:  clean(v.Setting, maxPath),
		BackURL:  link(v.BackURL),
		Button:   newButton(v.OtherAccount, l.T("denied.other-account")),

		AccountURL: link(v.AccountURL),
	}
	if reason == EmailNotVerified && view.Setting != "" {
		view.Operator = l.html("denied.email-not-verified.operator", ps)
	}
	if view.Button == nil {
		view.OtherURL = link(v.OtherAccountURL)
	}
	title := "denied.title"
	if view.BackURL != "" {
		title = "link.denied.title"
	}
	p.write(w, r, status, l, page{
		template: "denied", status: http.StatusForbidden, title: title, params: ps, incident: v.Incident, view: view,
		policy: policy{formAction: view.Button.target(), keepOrigin: true},
	})
}
