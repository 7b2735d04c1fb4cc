package web

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/pages"
)

// retryAfter is what a client is told to wait when the store does not answer.
const retryAfter = 5 * time.Second

// fail tells a failure in the form that suits who asked, and keeps and logs its cause
// under the id that is shown. cause may be nil for what needs no operator: then the log
// has a line at level debug only.
func (s *Server) fail(w http.ResponseWriter, q *request, kind pages.ProblemKind, cause error) {
	s.failWith(w, q, pages.Problem{Kind: kind}, cause)
}

func (s *Server) failWith(w http.ResponseWriter, q *request, p pages.Problem, cause error) {
	s.failAs(w, q, p.Kind.Status(), p, cause)
}

// failAs is failWith where the status says more than the kind does.
func (s *Server) failAs(w http.ResponseWriter, q *request, status int, p pages.Problem, cause error) {
	s.failNoted(w, q, status, p, incident.Incident{Reason: reasonOf(cause)}, cause)
}

// failNoted is failAs where more is known of the failure than its error tells.
func (s *Server) failNoted(w http.ResponseWriter, q *request, status int, p pages.Problem, i incident.Incident, cause error) {
	i.Kind, i.Status, i.Shown = string(p.Kind), status, s.shown(q, p)
	level, more := quiet, []any{}
	if cause != nil {
		i.Cause, i.Step = cause.Error(), stepOf(cmp.Or(i.Step, q.step), cause)
		level, more = levelOf(status), []any{"err", cause}
	}
	if q.Context().Err() != nil {
		level = quiet // who asked has gone: that is what failed, and nobody reads the answer
	} else {
		p.Incident = s.note(q, i)
	}
	s.o.Logger.Log(q.Context(), level, "request refused", append([]any{"incident", p.Incident, "kind", i.Kind,
		"status", status, "origin", string(q.origin), "path", q.URL.Path}, more...)...)
	if p.Kind == pages.StoreUnavailable || p.Kind == pages.ProviderUnavailable {
		p.RetryAfter = retryAfter
	}
	if httpx.WantsPage(q.Request) {
		s.o.Pages.Problem(w, q.Request, status, p)
		return
	}
	s.problem(w, q, p.Kind, status, p.Incident, p.RetryAfter)
}

// shown is a problem's headline in the words that its reader gets.
func (s *Server) shown(q *request, p pages.Problem) string {
	return s.o.Pages.Text(q.Request, p.Kind.TitleKey(), "app", cmp.Or(p.App.Name, p.App.Host), "provider", p.Provider)
}

// sessionRequired answers a script or a socket without a session.
func (s *Server) sessionRequired(w http.ResponseWriter, q *request, status int, v guard.Verdict) {
	i := missing(q, v)
	i.Kind, i.Status, i.Shown = string(pages.SessionRequired), status, s.shown(q, pages.Problem{Kind: pages.SessionRequired})
	id := s.note(q, i)
	s.o.Logger.Log(q.Context(), quiet, "request refused", "incident", id, "kind", i.Kind, "status", status, "reason", i.Reason,
		"origin", string(q.origin), "path", q.URL.Path)
	s.problem(w, q, pages.SessionRequired, status, id, 0)
}

func (s *Server) problem(w http.ResponseWriter, q *request, kind pages.ProblemKind, status int, incident string, wait time.Duration) {
	doc := httpx.Problem{
		Type: string(kind), Status: status, Instance: incident,
		Title:  s.o.Pages.Text(q.Request, kind.TitleKey()),
		Detail: s.o.Pages.Text(q.Request, kind.DetailKey()),
	}
	if kind == pages.SessionRequired {
		doc.SignIn = string(q.origin) + ownPrefix + "/sign-in"
	}
	httpx.WriteProblem(w, doc, wait)
}

func levelOf(status int) slog.Level {
	if status >= http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelWarn
}
