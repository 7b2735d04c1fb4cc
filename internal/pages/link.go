package pages

import (
	"html/template"
	"net/http"
	"slices"
)

// LinkReason is why an identity was not linked, or is no account's any more.
type LinkReason string

// Reasons, each with texts of its own.
const (
	LinkTaken        LinkReason = "taken"
	LinkSessionGone  LinkReason = "session-gone"
	LinkOtherAccount LinkReason = "other-account"
	LinkUnlinked     LinkReason = "unlinked" // of a sign-in that was under way
)

// LinkReasons lists every reason.
func LinkReasons() []LinkReason {
	return []LinkReason{LinkTaken, LinkSessionGone, LinkOtherAccount, LinkUnlinked}
}

// TitleKey is the key of the page's title, for [Pages.Text].
func (r LinkReason) TitleKey() string { return "link." + string(r) + ".title" }

// takenSteps are what a person does who wants an identity of another account of theirs.
var takenSteps = [...]string{"sign-out", "sign-in", "unlink", "link"}

// LinkRefused says that an identity was not linked, and why. It names what the person
// proved at the provider just now, and nothing of another account.
type LinkRefused struct {
	Reason   LinkReason // anything unknown counts as LinkSessionGone
	Provider string
	Email    string // of the identity, as its provider says it
	URL      string // of the account page; for LinkUnlinked, of a sign-in
	Incident string
}

// LinkRefused writes the page.
func (p *Pages) LinkRefused(w http.ResponseWriter, r *http.Request, status int, v LinkRefused) {
	l := p.locales.forRequest(r)
	if !slices.Contains(LinkReasons(), v.Reason) {
		v.Reason = LinkSessionGone
	}
	prefix := "link." + string(v.Reason)
	ps := params{"provider": v.Provider}
	view := struct {
		What, Do, Only, Go template.HTML
		Steps              []template.HTML
		Why                string // the reference that the operator asks by
		Taken              bool
		Provider, Email    string
		URL                string
	}{
		What: l.html(prefix+".what", ps), Do: l.html(prefix+".do", ps), Go: l.T("link.account"), Taken: v.Reason == LinkTaken,
		Provider: clean(v.Provider, maxName), Email: clean(v.Email, maxName), URL: link(v.URL),
	}
	if v.Reason == LinkUnlinked {
		view.Go = l.T("common.sign-in")
	}
	if view.Taken {
		view.Only = l.T("link.taken.only")
		for _, step := range takenSteps {
			view.Steps = append(view.Steps, l.html("link.taken.step."+step, ps))
		}
		if ref := clean(v.Incident, maxName); ref != "" {
			view.Why = ref
		}
	}
	suits := http.StatusForbidden
	if view.Taken {
		suits = http.StatusConflict
	}
	p.write(w, r, status, l, page{
		template: "link", status: suits, title: v.Reason.TitleKey(), params: ps, incident: v.Incident, view: view,
	})
}
