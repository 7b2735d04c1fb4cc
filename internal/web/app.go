package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

// serveApp is one request's way: verdict, then the app or an answer in its place.
func (s *Server) serveApp(w http.ResponseWriter, q *request, app *App) {
	if app.CORS.preflight(q.Request) {
		app.Upstream.ServeApp(w, q.Request, guard.Verdict{Outcome: guard.NoSession, Public: true})
		return
	}
	kind := httpx.KindOf(q.Request)
	q.app, q.step = app.Rules.ID, incident.StepSession
	v := s.o.Guard.Check(q.Context(), q.now, guard.Query{
		App: app.Rules, Origin: string(q.origin), Seat: q.seat(), RawPath: q.URL.EscapedPath(),
		Bearer: bearer(q.Request), BareToken: bareToken(q.Request), Active: !app.polls(q.Request),
	})
	if app.logsOut(q.Request) && s.appLogout(w, q, app, v) {
		return
	}
	switch v.Outcome {
	case guard.Allow:
		app.Upstream.ServeApp(w, q.Request, v)
		return
	case guard.Unavailable:
		s.fail(w, q, pages.StoreUnavailable, v.Err)
		return
	case guard.BadPath:
		s.fail(w, q, pages.BadRequest, nil)
		return
	}
	safe := q.Method == http.MethodGet || q.Method == http.MethodHead
	if v.Public || v.Bearer {
		if v.Ended != nil && kind == httpx.Navigation && safe && s.goLater(w, q, *v.Ended) {
			return
		}
		if !v.Live() {
			v.Session = nil // refused here: passed on as anybody
		}
		app.Upstream.ServeApp(w, q.Request, v)
		return
	}
	switch {
	case v.Outcome == guard.Denied:
		s.denied(w, q, app, v.Session, v.Decision)
	case v.Outcome == guard.Reauthorize && (kind != httpx.Navigation || !safe || !s.answers(q.Context(), v.Session.Provider)):
		app.Upstream.ServeApp(w, q.Request, v)
	default:
		s.noSession(w, q, app, v, kind, safe)
	}
}

// bearer tells whether a request brings credentials of its own for the app.
func bearer(r *http.Request) bool {
	scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return ok && value != "" && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "token"))
}

// bareToken tells whether the Authorization header is a token without a scheme, as some
// apps' own clients send it.
func bareToken(r *http.Request) bool {
	value := r.Header.Get("Authorization")
	return value != "" && !strings.Contains(value, " ")
}

// noSession answers a request that needs a session, or one of a newer or stronger
// sign-in. Only a page in a tab of its own starts a sign-in: a sub-resource or a script
// that was redirected would sign the browser in again behind the person's back.
func (s *Server) noSession(w http.ResponseWriter, q *request, app *App, v guard.Verdict, kind httpx.Kind, safe bool) {
	back := q.refererPath()
	if safe {
		back = q.URL.RequestURI()
	}
	if _, ok := httpx.LocalPath(back); !ok {
		back = app.Path
	}
	switch {
	case kind == httpx.Navigation && safe:
		redirect(w, q.signInURL(back, url.Values{"auto": {"1"}}))
	case kind == httpx.Navigation:
		i := missing(q, v)
		i.Kind, i.Status, i.Shown = incident.KindNotSaved, http.StatusUnauthorized, s.o.Pages.Text(q.Request, "not-saved.title")
		s.o.Pages.NotSaved(w, q.Request, http.StatusUnauthorized, pages.NotSaved{
			App: app.page(), SignInURL: q.signInURL(back, nil), Incident: s.note(q, i),
		})
	case kind == httpx.Framed:
		s.o.Pages.OpenInNewTab(w, q.Request, http.StatusUnauthorized, pages.OpenInNewTab{
			App: app.page(), URL: string(q.origin) + back,
		})
	case v.Session != nil && (v.MaxAge > 0 || len(v.ACR) > 0):
		s.stepUpRequired(w, q, app, v)
	default:
		app.CORS.allow(w, q.Request)
		s.sessionRequired(w, q, cmp.Or(app.Refusal, http.StatusUnauthorized), v)
	}
}

// polls tells whether a page of the app asks for the path by itself, so that asking is
// nobody's activity. Whoever spells the path in another way has only acted.
func (a *App) polls(r *http.Request) bool {
	if len(a.Polling) == 0 || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	path := r.URL.Path
	for _, p := range a.Polling {
		if matches(path, p) {
			return true
		}
	}
	return false
}

// matches tells whether a path is, or is below, a pattern.
func matches(path, pattern string) bool {
	for pattern != "" {
		want, restOf, _ := strings.Cut(strings.TrimPrefix(pattern, "/"), "/")
		have, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if have == "" || want != "*" && want != have {
			return false
		}
		path, pattern = rest, restOf
	}
	return true
}

// localURI is the request's own path and query where that is a safe target, else "/".
func (q *request) localURI() string {
	if target, ok := httpx.LocalPath(q.URL.RequestURI()); ok {
		return target
	}
	return "/"
}

// refererPath is the page that a form was on, as far as it is on this origin, else "".
func (q *request) refererPath() string {
	u, err := url.Parse(q.Referer())
	if err != nil {
		return ""
	}
	if o, err := httpx.OriginOf(u); err != nil || o != q.origin {
		return ""
	}
	return u.RequestURI()
}

// signInURL returns this origin's sign-in address with a return path; one that is not
// safe is left out, which leads to "/".
func (q *request) signInURL(returnTo string, query url.Values) string {
	if query == nil {
		query = url.Values{}
	}
	if target, ok := httpx.LocalPath(returnTo); ok && target != "/" {
		query.Set("return", target)
	}
	if len(query) == 0 {
		return ownPrefix + "/sign-in"
	}
	return ownPrefix + "/sign-in?" + query.Encode()
}

// redirect sends the browser on by a GET that no cache keeps.
func redirect(w http.ResponseWriter, target string) {
	h := w.Header()
	h.Set("Location", ascii(target))
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// ascii encodes what may not stand in a header field.
func ascii(target string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c >= 0x7f {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (a *App) page() pages.App {
	return pages.App{Name: a.Name, Host: a.Origin.Host()}
}

// reasons maps what the rules refused to the page's texts.
var reasons = map[access.Reason]pages.DeniedReason{
	access.ReasonEmail:           pages.EmailNotAllowed,
	access.ReasonEmailUnverified: pages.EmailNotVerified,
	access.ReasonEmailMissing:    pages.EmailMissing,
	access.ReasonGroup:           pages.NotInGroup,
	access.ReasonGroupsUnknown:   pages.GroupsUnknown,
	access.ReasonClaim:           pages.ClaimMissing,
	access.ReasonProvider:        pages.ProviderNotAllowed,
	access.ReasonDisabled:        pages.AccountDisabled,
	access.ReasonClass:           pages.NoClassWillDo,
}

func (s *Server) denied(w http.ResponseWriter, q *request, app *App, who *session.Session, d access.Decision) {
	view := pages.Denied{App: app.page(), Reason: reasons[d.Reason], Rule: d.Rule}
	provider, subject := "", access.Subject{}
	if who != nil {
		p := s.providers[who.Provider]
		provider, subject = who.Provider, access.Subject{Profile: who.Profile, Claims: who.Claims}
		view.Account = pages.Account{Name: who.Handle, Email: who.Profile.Email, Provider: p.Name}
		view.Setting = p.EmailSetting
		view.OtherAccount = pages.Form{Action: ownPrefix + "/sign-out", Hidden: []pages.Field{{Name: "return", Value: q.localURI()}}}
		if s.o.Account != nil {
			view.AccountURL = s.url(accountPath, nil)
		}
	}
	if d.Reason != access.ReasonEmailUnverified {
		view.Setting = ""
	}
	i := s.refusal(provider, app.Rules.ID, d, subject)
	i.Status, i.Shown = http.StatusForbidden, s.o.Pages.Text(q.Request, "denied.title", "app", cmp.Or(app.Name, app.Origin.Host()))
	view.Incident = s.note(q, i)
	s.tellDenied(q, app, who, d, view.Incident)
	s.o.Logger.Warn("access denied", "incident", view.Incident, "app", app.Rules.ID, "provider", provider,
		"reason", string(d.Reason), "rule", d.Rule, "setting", view.Setting)
	if httpx.WantsPage(q.Request) {
		s.o.Pages.Denied(w, q.Request, http.StatusForbidden, view)
		return
	}
	app.CORS.allow(w, q.Request)
	httpx.WriteProblem(w, httpx.Problem{
		Type: "denied", Status: http.StatusForbidden, Instance: view.Incident,
		Title:  s.o.Pages.Text(q.Request, "denied.title"),
		Detail: fmt.Sprintf("%s (%s)", d.Reason, d.Rule),
	}, 0)
}
