package web

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
)

// retryAfter is what a client is told to wait when the store does not answer.
const retryAfter = 5 * time.Second

// fail tells a failure in the form that suits who asked, and logs its cause under the
// id that is shown. cause may be nil for what needs no operator.
func (s *Server) fail(w http.ResponseWriter, q *request, kind pages.ProblemKind, cause error) {
	s.failWith(w, q, pages.Problem{Kind: kind}, cause)
}

func (s *Server) failWith(w http.ResponseWriter, q *request, p pages.Problem, cause error) {
	s.failAs(w, q, p.Kind.Status(), p, cause)
}

// failAs is failWith where the status says more than the kind does.
func (s *Server) failAs(w http.ResponseWriter, q *request, status int, p pages.Problem, cause error) {
	if cause != nil {
		p.Incident = httpx.NewIncident()
		s.o.Logger.Log(q.Context(), levelOf(status), "request refused", "incident", p.Incident, "kind", string(p.Kind),
			"status", status, "origin", string(q.origin), "path", q.URL.Path, "err", cause)
	}
	if p.Kind == pages.StoreUnavailable || p.Kind == pages.ProviderUnavailable {
		p.RetryAfter = retryAfter
	}
	if httpx.WantsPage(q.Request) {
		s.o.Pages.Problem(w, q.Request, status, p)
		return
	}
	s.problem(w, q, p.Kind, status, p.Incident, p.RetryAfter)
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
