package web

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

// Failures answers in an app's place when passing a request on came to nothing.
type Failures struct{ s Server }

// NewFailures returns answers made of pages and problem documents.
func NewFailures(p *pages.Pages, logger *slog.Logger) *Failures {
	return &Failures{Server{o: Options{Pages: p, Logger: logger}}}
}

func wrap(r *http.Request) *request {
	client, _ := httpx.ClientFrom(r.Context())
	origin, _ := client.Origin()
	return &request{Request: r, client: client, origin: origin}
}

// Unavailable answers for an app that did not answer, with the status that suits why:
// below 500 it was the request that broke off or was too large.
func (f *Failures) Unavailable(w http.ResponseWriter, r *http.Request, status int, err error) {
	p := pages.Problem{Kind: pages.UpstreamUnavailable, RetryURL: retryURL(r)}
	switch {
	case status < http.StatusInternalServerError:
		p.Kind = pages.BadRequest
	case errors.Is(err, session.ErrUnavailable):
		p.Kind = pages.StoreUnavailable
	}
	f.s.failAs(w, wrap(r), status, p, err)
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
	f.s.failWith(w, wrap(r), pages.Problem{Kind: pages.SessionRequired, RetryURL: ownPrefix + "/sign-in"}, nil)
}

// UpgradeRefused answers a WebSocket that a page of another origin asked for.
func (f *Failures) UpgradeRefused(w http.ResponseWriter, r *http.Request) {
	f.s.fail(w, wrap(r), pages.OriginRefused, errors.New("upgrade asked for by a page of another origin"))
}
