package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
)

// Incidents keeps what is refused, and why, for operators who are asked about it. Note
// never waits.
type Incidents interface{ Note(i incident.Incident) }

// forgotten keeps nothing.
type forgotten struct{}

func (forgotten) Note(incident.Incident) {}

// note keeps an incident of this request and returns the id to show.
func (s *Server) note(q *request, i incident.Incident) string {
	i.ID, i.At = cmp.Or(q.incident, httpx.NewIncident()), q.now
	q.incident = ""
	i.Origin, i.Path = string(q.origin), q.URL.Path
	i.Step = cmp.Or(i.Step, q.step, incident.StepRequest)
	i.App, i.Provider = cmp.Or(i.App, q.app), cmp.Or(i.Provider, q.provider)
	s.o.Incidents.Note(i)
	return i.ID
}

// reasonOf is an error's word in the table of explanations; "" for one that has none of
// its own.
func reasonOf(err error) string {
	if loop, ok := errors.AsType[*signin.LoopError](err); ok {
		return string(loop.Cause)
	}
	if _, ok := errors.AsType[*oidc.UnreachableError](err); ok {
		return "unreachable"
	}
	if e, ok := errors.AsType[*oidc.Error](err); ok {
		return "error/" + e.Code
	}
	for _, row := range []struct {
		err    error
		reason string
	}{
		{signin.ErrBusy, "busy"},
		{oidc.ErrStale, "stale"},
		{oidc.ErrWeak, "weak"},
		{signin.ErrExpired, "attempt-expired"},
		{signin.ErrUsed, "attempt-used"},
		{signin.ErrAttempt, "attempt"},
		{signin.ErrProvider, "provider"},
		{session.ErrNotFound, "gone"},
		{account.ErrDisabled, "account-disabled"},
		{errInitiated, "initiated"},
	} {
		if errors.Is(err, row.err) {
			return row.reason
		}
	}
	if _, ended := errors.AsType[*session.EndedError](err); ended {
		return "ended"
	}
	return ""
}

// stepOf says how far a callback came before it failed; every other step is known as it is.
func stepOf(step string, err error) string {
	if step != incident.StepAttempt {
		return step
	}
	if e, ok := errors.AsType[*oidc.Error](err); ok && e.Status == 0 {
		return incident.StepProvider
	} else if ok {
		return incident.StepExchange
	}
	_, unreachable := errors.AsType[*oidc.UnreachableError](err)
	_, ended := errors.AsType[*session.EndedError](err)
	switch {
	case unreachable:
		return incident.StepExchange
	case errors.Is(err, oidc.ErrStale), errors.Is(err, oidc.ErrWeak):
		return incident.StepUp
	case errors.Is(err, oidc.ErrRefused):
		return incident.StepVerify
	case ended, errors.Is(err, session.ErrUnavailable), errors.Is(err, session.ErrNotFound):
		return incident.StepOpen
	}
	return step
}

// refusal is what is kept of a decision of the rules.
func (s *Server) refusal(provider, app string, d access.Decision, who access.Subject) incident.Incident {
	p := s.providers[provider]
	i := incident.Incident{
		Kind: incident.KindDenied, App: app, Provider: provider, Step: incident.StepOfRule(d.Rule, app),
		Reason: string(d.Reason), Rule: d.Rule, Wanted: s.demanded(d.Rule), Cause: fmt.Sprintf("not admitted: %s (%s)", d.Reason, d.Rule),
	}
	switch d.Reason {
	case access.ReasonEmailUnverified:
		i.Setting = p.EmailSetting
		i.Seen = []incident.Seen{text("email", who.Profile.Email), claim(who.Claims, cmp.Or(p.VerifiedClaim, "email_verified"))}
	case access.ReasonEmail, access.ReasonEmailMissing:
		i.Seen = []incident.Seen{text(cmp.Or(p.EmailClaim, "email"), who.Profile.Email)}
	case access.ReasonGroupsUnknown:
		i.Setting = "providers[" + provider + "].record.claims.groups.lists"
	case access.ReasonGroup:
		i.Setting = "providers[" + provider + "].record.claims.groups.claim"
		i.Seen = []incident.Seen{text(cmp.Or(p.GroupsClaim, "groups"), strings.Join(who.Profile.Groups, ", "))}
	case access.ReasonClaim:
		i.Seen = []incident.Seen{claim(who.Claims, access.ClaimOf(d.Rule))}
	case access.ReasonProvider:
		i.Seen = []incident.Seen{text("provider", provider)}
	}
	if len(i.Seen) == 1 && i.Seen[0].Absent && (d.Reason == access.ReasonGroup || d.Reason == access.ReasonClaim) {
		i.Reason += "/none"
	}
	return i
}

// demanded is what the rule of a refusal accepts.
func (s *Server) demanded(rule string) []string {
	for i := range s.o.Apps {
		app := s.o.Apps[i].Rules
		if rule == "apps["+app.ID+"].providers" {
			return app.Providers
		}
		policies := []*access.Policy{app.Admission, app.Access}
		for _, p := range app.Paths {
			policies = append(policies, p.Access)
		}
		for _, p := range policies {
			if list := p.Demands(rule); list != nil {
				return list
			}
		}
	}
	return nil
}

func text(name, value string) incident.Seen {
	return incident.Seen{Name: name, Value: value, Absent: value == ""}
}

// claim is a claim as its provider sent it.
func claim(c oidc.Claims, path string) incident.Seen {
	value, ok := c.At(path)
	if !ok {
		return incident.Seen{Name: path, Absent: true}
	}
	if s, ok := value.(string); ok {
		return incident.Seen{Name: path, Value: s}
	}
	written, err := json.Marshal(value)
	if err != nil {
		written = []byte(fmt.Sprintf("(a %T)", value))
	}
	return incident.Seen{Name: path, Value: string(written)}
}

// missing is what is kept of a request that needed a session and had none.
func missing(q *request, v guard.Verdict) incident.Incident {
	i := incident.Incident{Step: incident.StepSession, Reason: "no-seat"}
	switch {
	case v.Ended != nil:
		i.Reason, i.Provider, i.Step = string(v.Ended.Cause), v.Ended.Provider, endedAt(v.Ended.Cause)
		i.Cause = "session ended: " + string(v.Ended.Cause) + " at " + v.Ended.EndedAt.UTC().Format(time.RFC3339)
	case q.seat() != "":
		i.Reason = "unknown-seat"
	}
	return i
}

// endedAt is the step that a session of this cause ended at.
func endedAt(c session.Cause) string {
	switch c {
	case session.CauseRefreshRefused, session.CauseUnconfirmed, session.CauseAccessWithdrawn:
		return incident.StepRefresh
	case session.CauseBackChannel:
		return incident.StepBackChannel
	case session.CauseFrontChannel:
		return incident.StepFrontChannel
	}
	return incident.StepSession
}

// unsought tells whether a session ended by nobody's doing that its person would know of:
// they will ask.
func unsought(c session.Cause) bool {
	switch c {
	case session.CauseRefreshRefused, session.CauseUnconfirmed, session.CauseAccessWithdrawn,
		session.CauseAccount, session.CauseIdentity, session.CauseProvider:
		return true
	}
	return false
}

// endedFor keeps what a signed-out page says of an end that nobody sought.
func (s *Server) endedFor(q *request, cause session.Cause, provider, shown string) string {
	id := s.note(q, incident.Incident{
		Kind: incident.KindSessionEnded, Status: 200, Shown: shown, Step: endedAt(cause), Reason: string(cause), Provider: provider,
		Cause: "session ended: " + string(cause),
	})
	s.o.Logger.Info("signed-out page shown", "incident", id, "cause", string(cause), "provider", provider)
	return id
}

// stepUp adds what a sign-in had to satisfy, and where that stands.
func (s *Server) stepUp(i *incident.Incident, f *signin.Failure) {
	site := s.sites.named(f.Target.Origin)
	if site == nil {
		return
	}
	app := site.app(pathOf(f.Target.Path))
	weak := len(f.ACRValues) > 0 && !errors.Is(f.Err, oidc.ErrStale)
	field := "max_age"
	switch {
	case weak:
		field, i.Wanted = "acr", f.ACRValues
	case f.MaxAge > 0:
		i.Wanted = []string{"a sign-in of the last " + f.MaxAge.String()}
	case errors.Is(f.Err, oidc.ErrStale):
		i.Reason, i.Rule, i.Wanted = "stale/fresh", "providers["+f.Provider+"].record.fresh_login", []string{"a sign-in made just now"}
	}
	if app == nil {
		return
	}
	i.App = app.Rules.ID
	if i.Rule == "" {
		i.Rule = demandedAt(app.Rules, pathOf(f.Target.Path), f.Provider, field)
	}
}

// tooLittle is what is kept of a session that is not recent or not strong enough for a path.
func (s *Server) tooLittle(q *request, app *App, v guard.Verdict) incident.Incident {
	kind, path := pages.StepUpRequired, q.URL.Path
	i := incident.Incident{
		Kind: string(kind), Status: cmp.Or(app.Refusal, kind.Status()), Step: incident.StepSession, Provider: v.Session.Provider,
		Shown: s.shown(q, pages.Problem{Kind: kind, App: app.page()}),
	}
	if v.Outcome == guard.TooWeak {
		i.Reason, i.Rule, i.Wanted = "weak", demandedAt(app.Rules, path, v.Session.Provider, "acr"), v.ACR
		i.Seen = []incident.Seen{text("acr", v.Session.ACR)}
		return i
	}
	i.Reason, i.Rule = "stale", demandedAt(app.Rules, path, v.Session.Provider, "max_age")
	i.Wanted = []string{"a sign-in of the last " + v.MaxAge.String()}
	i.Seen = []incident.Seen{text("auth_time", v.Session.AuthTime.UTC().Format(time.RFC3339))}
	return i
}

// demandedAt is where the configuration demands a class or an age at a path.
func demandedAt(app *guard.App, path, provider, field string) string {
	demands := func(acr []string, age time.Duration) bool {
		return field == "acr" && len(acr) > 0 || field == "max_age" && age > 0
	}
	best := ""
	for _, r := range app.Paths {
		if demands(r.ACR, r.MaxAge) && strings.HasPrefix(path, r.Path) && len(r.Path) > len(best) {
			best = r.Path
		}
	}
	switch {
	case best != "":
		return "apps[" + app.ID + "].paths[" + best + "]." + field
	case demands(app.ACR, app.MaxAge):
		return "apps[" + app.ID + "]." + field
	}
	return "providers[" + provider + "]." + field
}

// quiet is the level of what needs no operator until somebody asks.
const quiet = slog.LevelDebug
