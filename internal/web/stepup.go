package web

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/signin"
)

// stepUpRequired tells a script or a socket that somebody is signed in, but not recently
// or not strongly enough for this path. The sign-in that it names leads back to the path,
// since the demand is the path's.
func (s *Server) stepUpRequired(w http.ResponseWriter, q *request, app *App, v guard.Verdict) {
	app.CORS.allow(w, q.Request)
	w.Header().Set("WWW-Authenticate", challenge(v))
	kind := pages.StepUpRequired
	httpx.WriteProblem(w, httpx.Problem{
		Type: string(kind), Status: cmp.Or(app.Refusal, kind.Status()), Instance: s.note(q, s.tooLittle(q, app, v)),
		Title:  s.o.Pages.Text(q.Request, kind.TitleKey(), "app", app.page().Name),
		Detail: s.o.Pages.Text(q.Request, kind.DetailKey(), "app", app.page().Name),
		SignIn: string(q.origin) + q.signInURL(q.localURI(), nil), ACRValues: strings.Join(v.ACR, " "), MaxAge: seconds(v.MaxAge),
	}, 0)
}

// challenge is the step-up challenge of RFC 9470 section 3.
func challenge(v guard.Verdict) string {
	var b strings.Builder
	b.WriteString(`Bearer error="insufficient_user_authentication"`)
	if len(v.ACR) > 0 {
		b.WriteString(`, acr_values="` + quotable(strings.Join(v.ACR, " ")) + `"`)
	}
	if v.MaxAge > 0 {
		b.WriteString(`, max_age="` + strconv.FormatInt(seconds(v.MaxAge), 10) + `"`)
	}
	return b.String()
}

// quotable escapes what would end a quoted string (RFC 9110 section 5.6.4).
func quotable(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// unsatisfied completes the page of a sign-in that did not bring what was demanded. The
// session that the browser had goes on.
func (s *Server) unsatisfied(p *pages.Problem, f *signin.Failure) {
	p.SignedIn = f.SignedIn
	switch {
	case errors.Is(f.Err, oidc.ErrWeak):
		p.ACR = f.ACRValues
	case errors.Is(f.Err, oidc.ErrStale):
		p.MaxAge = f.MaxAge
	default:
		p.ACR, p.MaxAge = f.ACRValues, f.MaxAge
	}
	if site := s.sites.named(f.Target.Origin); site != nil {
		if app := site.app(pathOf(f.Target.Path)); app != nil {
			p.App = app.page()
		}
	}
}
