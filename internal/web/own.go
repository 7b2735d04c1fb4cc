package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

// serveOwn serves what follows "/.cardea/". Nothing here ever reaches an app, and
// nothing is an answer that a front proxy could take for a yes.
func (s *Server) serveOwn(w http.ResponseWriter, q *request, name string) {
	head, rest, _ := strings.Cut(name, "/")
	q.step = ownSteps[head]
	q.Request = q.WithContext(audit.WithClient(q.Context(), q.client.Addr.String(), q.UserAgent()))
	switch {
	case name == "sign-in":
		s.only(w, q, s.signIn, http.MethodGet, http.MethodHead, http.MethodPost)
	case head == "callback" && q.site.gateway && rest != "" && !strings.Contains(rest, "/"):
		s.only(w, q, func(w http.ResponseWriter, q *request) { s.callback(w, q, rest) }, http.MethodGet, http.MethodPost)
	case name == "seat":
		s.only(w, q, s.takeSeat, http.MethodGet)
	case name == "sign-out":
		s.only(w, q, s.signOut, http.MethodGet, http.MethodPost)
	case name == "signed-out":
		s.only(w, q, s.signedOut, http.MethodGet, http.MethodHead)
	case name == "backchannel-logout" && q.site.gateway:
		s.only(w, q, s.backChannel, http.MethodPost)
	case head == "frontchannel-logout" && q.site.gateway && rest != "" && !strings.Contains(rest, "/"):
		s.only(w, q, func(w http.ResponseWriter, q *request) { s.frontChannel(w, q, rest) }, http.MethodGet)
	case name == "session":
		s.only(w, q, s.sessionInfo, http.MethodGet, http.MethodHead)
	case head == "account" && (rest != "" || name == "account"):
		s.account(w, q, rest)
	case name == "language":
		s.only(w, q, s.language, http.MethodGet)
	case name == "avatar":
		s.only(w, q, s.ownAvatar, http.MethodGet, http.MethodHead)
	case head == "avatar" && rest != "" && !strings.Contains(rest, "/"):
		s.only(w, q, func(w http.ResponseWriter, q *request) { s.avatar(w, q, rest) }, http.MethodGet, http.MethodHead)
	case name == "events":
		s.only(w, q, s.events, http.MethodGet)
	case name == "stay":
		s.only(w, q, s.stay, http.MethodPost)
	case name == "jwks":
		s.only(w, q, s.jwks, http.MethodGet, http.MethodHead)
	default:
		s.fail(w, q, pages.NotFound, nil)
	}
}

// ownSteps are the steps of a flow that own paths are.
var ownSteps = map[string]string{
	"sign-in": incident.StepSignIn, "callback": incident.StepAttempt, "seat": incident.StepSeat, "sign-out": incident.StepSignOut,
	"signed-out": incident.StepSignOut, "backchannel-logout": incident.StepBackChannel, "frontchannel-logout": incident.StepFrontChannel,
	"session": incident.StepSession, "account": incident.StepSession, "avatar": incident.StepSession, "events": incident.StepSession, "stay": incident.StepSession,
}

func (s *Server) only(w http.ResponseWriter, q *request, h func(http.ResponseWriter, *request), methods ...string) {
	for _, m := range methods {
		if q.Method == m {
			h(w, q)
			return
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	s.fail(w, q, pages.MethodNotAllowed, nil)
}

// check asks the guard about this origin's seat under the rules of an app, or under
// none beyond the session itself. It is not activity.
func (s *Server) check(q *request, rules *guard.App, path string) guard.Verdict {
	if rules == nil {
		rules = s.gateway
	}
	return s.o.Guard.Check(q.Context(), q.now, guard.Query{
		App: rules, Origin: string(q.origin), Seat: q.seat(), RawPath: path,
	})
}

// jwks serves the keys of the signed identity: none where it is off.
func (s *Server) jwks(w http.ResponseWriter, q *request) {
	if s.o.JWKS != nil {
		s.o.JWKS.ServeHTTP(w, q.Request)
		return
	}
	writeJSON(w, q, []byte(`{"keys":[]}`))
}

// info is what GET /.cardea/session answers. It holds no token.
type info struct {
	Account   string         `json:"account"`
	Handle    string         `json:"handle"`
	Name      string         `json:"name,omitempty"`
	Picture   string         `json:"picture,omitempty"` // a path here
	Email     string         `json:"email,omitempty"`
	Groups    []string       `json:"groups,omitempty"`
	Provider  string         `json:"provider"`
	SignedIn  time.Time      `json:"signed_in_at"`
	AuthTime  time.Time      `json:"auth_time"`
	ACR       string         `json:"acr,omitempty"`
	Idle      map[string]any `json:"idle,omitempty"`
	Absolute  map[string]any `json:"absolute,omitempty"`
	SignOut   string         `json:"sign_out"`
	SessionID session.ID     `json:"session"`
}

func (s *Server) sessionInfo(w http.ResponseWriter, q *request) {
	v := s.check(q, nil, "/")
	switch {
	case v.Outcome == guard.Unavailable:
		s.fail(w, q, pages.StoreUnavailable, v.Err)
		return
	case v.Session == nil:
		for _, a := range q.site.apps {
			if a.CORS != nil {
				a.CORS.allow(w, q.Request)
				break
			}
		}
		s.sessionRequired(w, q, http.StatusUnauthorized, v)
		return
	}
	x := v.Session
	out := info{
		Account: x.Account, Handle: x.Handle, Name: x.Profile.Name, Groups: x.Profile.Groups, Provider: x.Provider,
		SignedIn: x.CreatedAt, AuthTime: x.AuthTime, ACR: x.ACR, SignOut: ownPrefix + "/sign-out", SessionID: x.ID,
	}
	if x.Profile.EmailBelieved {
		out.Email = x.Profile.Email
	}
	out.Picture = s.pictureOf(q, x)
	out.Idle = limit(x.Limits.Idle, s.idleUntil(x), q.now)
	out.Absolute = limit(x.Limits.Absolute, x.AbsoluteUntil(), q.now)
	body, err := json.Marshal(out)
	if err != nil {
		s.fail(w, q, pages.Internal, err)
		return
	}
	writeJSON(w, q, body)
}

// writeJSON answers with a document that no cache keeps and no other site loads.
func writeJSON(w http.ResponseWriter, q *request, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if q.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func limit(d time.Duration, until, now time.Time) map[string]any {
	if d == 0 {
		return nil
	}
	return map[string]any{"limit_seconds": int(d / time.Second), "seconds_left": max(0, int(until.Sub(now)/time.Second))}
}

// ensureBinding returns the browser's binding at this origin and sets a fresh one when
// it has none.
func (q *request) ensureBinding(w http.ResponseWriter) string {
	if b := q.binding(); validBinding(b) {
		return b
	}
	b, _ := session.NewSeatValue()
	q.cookies.SetBrowser(w, b)
	return b
}

func validBinding(b string) bool {
	_, ok := session.HashSeatValue(b)
	return ok
}
