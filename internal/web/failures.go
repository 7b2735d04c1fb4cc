package web

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

// Failures answers in an app's place when passing a request on came to nothing.
type Failures struct {
	s   *Server
	app string // id; "" for any
}

// NewFailures returns answers made of pages and problem documents. kept may be nil.
func NewFailures(p *pages.Pages, kept Incidents, logger *slog.Logger) *Failures {
	if kept == nil {
		kept = forgotten{}
	}
	return &Failures{s: &Server{o: Options{Pages: p, Logger: logger, Incidents: kept}}}
}

// Of returns the same answers, given in the place of one app.
func (f *Failures) Of(app string) *Failures { return &Failures{s: f.s, app: app} }

func (f *Failures) wrap(r *http.Request, step string) *request {
	client, _ := httpx.ClientFrom(r.Context())
	origin, _ := client.Origin()
	return &request{Request: r, client: client, origin: origin, app: f.app, step: step}
}

// Unavailable answers for an app that did not answer, with the status that suits why:
// below 500 it was the request that broke off or was too large.
func (f *Failures) Unavailable(w http.ResponseWriter, r *http.Request, status int, err error) {
	p := pages.Problem{Kind: pages.UpstreamUnavailable, RetryURL: retryURL(r)}
	i := incident.Incident{}
	switch {
	case status < http.StatusInternalServerError:
		p.Kind, i.Reason = pages.BadRequest, "body"
	case errors.Is(err, session.ErrUnavailable):
		p.Kind, i.Step = pages.StoreUnavailable, incident.StepSession
	}
	f.s.failNoted(w, f.wrap(r, incident.StepUpstream), status, p, i, err)
}

// BrokeOff keeps why an app's answer ended before its end, and returns the id to log. The
// person has a part of the answer, and no page.
func (f *Failures) BrokeOff(r *http.Request, err error) string {
	return f.s.note(f.wrap(r, incident.StepUpstream), incident.Incident{
		Kind: string(pages.UpstreamUnavailable), Reason: "broke-off", Status: http.StatusOK, Cause: err.Error(),
	})
}

// retryURL is the page itself where asking again changes nothing.
func retryURL(r *http.Request) string {
	if r.Method != http.MethodGet {
		return ""
	}
	target, _ := httpx.LocalPath(r.URL.RequestURI())
	return target
}

// Ended answers a request whose session ended after its verdict.
func (f *Failures) Ended(w http.ResponseWriter, r *http.Request) {
	p := pages.Problem{Kind: pages.SessionRequired, RetryURL: ownPrefix + "/sign-in"}
	f.s.failNoted(w, f.wrap(r, incident.StepSession), p.Kind.Status(), p, incident.Incident{Reason: "just-ended"}, nil)
}

// UpgradeRefused answers a WebSocket that a page of another origin asked for.
func (f *Failures) UpgradeRefused(w http.ResponseWriter, r *http.Request) {
	f.s.fail(w, f.wrap(r, incident.StepRequest), pages.OriginRefused, errors.New("upgrade asked for by a page of another origin"))
}
