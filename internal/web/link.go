package web

import (
	"errors"
	"net/http"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/signin"
)

// accountPath is the page that linkings begin on and lead back to, at the gateway's origin.
const accountPath = ownPrefix + "/account"

// linked leads back to the account page, which says what was done. No cookie changes: the
// session is the one that the browser has.
func (s *Server) linked(w http.ResponseWriter, res signin.Result) {
	notice := pages.NoticeLinked
	if res.Linked.Already {
		notice = pages.NoticeLinkedBefore
	}
	doneOf(w, notice, res.Linked.Provider)
}

// linkRefused tells why an identity is not the account's. The page names what the person
// proved themselves and nothing of another account; the log names no account either.
func (s *Server) linkRefused(w http.ResponseWriter, q *request, e *signin.LinkError) {
	view := pages.LinkRefused{Reason: pages.LinkReason(e.Reason), Provider: s.providers[e.Provider].Name, Email: e.Email, URL: accountPath}
	if e.Reason == signin.LinkUnlinked {
		view.URL = ownPrefix + "/sign-in"
	}
	status := http.StatusForbidden
	if e.Reason == signin.LinkTaken {
		status = http.StatusConflict
	}
	i := incident.Incident{
		Kind: incident.KindLink, Reason: string(e.Reason), Provider: e.Provider, Status: status, Step: incident.StepLink, Cause: e.Error(),
		Shown: s.o.Pages.Text(q.Request, view.Reason.TitleKey(), "provider", view.Provider),
	}
	if e.Email != "" {
		i.Seen = []incident.Seen{text("email", e.Email)}
	}
	if taken, ok := errors.AsType[*account.TakenError](e); ok {
		i.Seen = append(i.Seen, text(incident.SeenAccount, taken.Asking), text(incident.SeenOwner, taken.Owner), text(incident.SeenIdentity, taken.Key))
		if taken.Only {
			i.Reason += "/only"
		}
	}
	view.Incident = s.note(q, i)
	s.o.Logger.Warn("linking refused", "incident", view.Incident, "provider", e.Provider, "reason", string(e.Reason))
	s.o.Pages.LinkRefused(w, q.Request, status, view)
}
