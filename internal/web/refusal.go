package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
)

// failSignIn tells why a sign-in did not come to its end, and leads back to where it
// meant to go. What a provider wrote is for the log alone.
func (s *Server) failSignIn(w http.ResponseWriter, q *request, provider string, target signin.Target, err error) {
	if denied, ok := errors.AsType[*signin.DeniedError](err); ok {
		failure, _ := errors.AsType[*signin.Failure](err)
		if failure != nil {
			target = failure.Target
		}
		s.refused(w, q, provider, target, denied, failure != nil && failure.Linking)
		return
	}
	if refused, ok := errors.AsType[*signin.LinkError](err); ok {
		s.linkRefused(w, q, refused)
		return
	}
	if failure, ok := errors.AsType[*signin.Failure](err); ok {
		target = failure.Target
	}
	if errors.Is(err, signin.ErrNotConfirmed) {
		// The session has ended: the page that starts no sign-in says so.
		s.o.Logger.Warn("session was not confirmed by its provider", "provider", provider, "err", err)
		redirect(w, s.signedOutURL(target))
		return
	}
	p := pages.Problem{Provider: s.providers[provider].Name, RetryURL: s.retryURL(target)}
	p.Kind, p.Cause = kindOf(err)
	i := incident.Incident{Provider: provider, App: s.appAt(target), Reason: reasonOf(err)}
	if failure, ok := errors.AsType[*signin.Failure](err); ok && p.Kind == pages.StepUpUnsatisfied {
		s.unsatisfied(&p, failure)
		s.stepUp(&i, failure)
	}
	s.failNoted(w, q, p.Kind.Status(), p, i, err)
}

// appAt is the id of the app at a target; "" when none lives there.
func (s *Server) appAt(t signin.Target) string {
	if site := s.sites.named(t.Origin); site != nil && t.Path != "" {
		if app := site.app(pathOf(t.Path)); app != nil {
			return app.Rules.ID
		}
	}
	return ""
}

// retryURL starts the same sign-in once more.
func (s *Server) retryURL(t signin.Target) string {
	site := s.sites.named(t.Origin)
	if site == nil {
		return ownPrefix + "/sign-in"
	}
	link := ownPrefix + "/sign-in"
	if p := site.local(t.Path); p != "/" {
		link += "?" + url.Values{"return": {p}}.Encode()
	}
	if site.gateway {
		return link
	}
	return t.Origin + link
}

func kindOf(err error) (pages.ProblemKind, pages.LoopCause) {
	if loop, ok := errors.AsType[*signin.LoopError](err); ok {
		cause := pages.LoopCause(loop.Cause)
		if !slices.Contains(pages.LoopCauses(), cause) {
			cause = "" // a text that names none
		}
		return pages.SignInLoop, cause
	}
	if _, ok := errors.AsType[*oidc.UnreachableError](err); ok {
		return pages.ProviderUnavailable, ""
	}
	if e, ok := errors.AsType[*oidc.Error](err); ok {
		switch {
		case e.Code == oidc.AccessDenied:
			return pages.SignInCancelled, ""
		case e.Code == oidc.UnmetAuthenticationRequirements:
			return pages.StepUpUnsatisfied, ""
		case e.Code == oidc.TemporarilyUnavailable || e.Code == oidc.ServerError || e.Status >= 500 || e.Status == http.StatusTooManyRequests:
			return pages.ProviderUnavailable, ""
		}
		return pages.ProviderAnswerRefused, ""
	}
	return kindOfSentinel(err), ""
}

func kindOfSentinel(err error) pages.ProblemKind {
	for _, row := range []struct {
		err  error
		kind pages.ProblemKind
	}{
		{session.ErrUnavailable, pages.StoreUnavailable},
		{session.ErrNotFound, pages.SignInExpired},
		{signin.ErrProvider, pages.NotFound},
		{oidc.ErrStale, pages.StepUpUnsatisfied},
		{oidc.ErrWeak, pages.StepUpUnsatisfied},
		{oidc.ErrRefused, pages.ProviderAnswerRefused},
		{signin.ErrOtherBrowser, pages.SignInElsewhere},
		{signin.ErrExpired, pages.SignInExpired},
		{signin.ErrUsed, pages.SignInExpired},
		{signin.ErrAttempt, pages.BadRequest},
		{account.ErrDisabled, pages.SignInCancelled},
	} {
		if errors.Is(err, row.err) {
			return row.kind
		}
	}
	if _, ended := errors.AsType[*session.EndedError](err); ended {
		return pages.SignInExpired
	}
	return pages.Internal
}

// refused tells a person whom the admission rules kept out. No account was made and no
// session opened, so that another account is a new sign-in away.
func (s *Server) refused(w http.ResponseWriter, q *request, provider string, target signin.Target, d *signin.DeniedError, linking bool) {
	p := s.providers[provider]
	i := s.refusal(provider, s.appAt(target), d.Decision, access.Subject{Profile: d.Profile, Claims: d.Claims})
	i.Status, i.Step = http.StatusForbidden, incident.StepAdmission
	i.Shown = s.o.Pages.Text(q.Request, "denied.title")
	view := pages.Denied{
		Reason: reasons[d.Decision.Reason], Rule: d.Decision.Rule, Incident: s.note(q, i),
		Account: pages.Account{Name: d.Profile.Name, Email: d.Profile.Email, Provider: p.Name},
		OtherAccount: pages.Form{
			Action: ownPrefix + "/sign-out", Hidden: []pages.Field{{Name: "provider", Value: provider}},
		},
	}
	if d.Decision.Reason == access.ReasonEmailUnverified {
		view.Setting = p.EmailSetting
	}
	if linking { // the session goes on
		view.OtherAccount, view.BackURL = pages.Form{}, accountPath
	}
	s.o.Logger.Warn("sign-in refused", "incident", view.Incident, "provider", provider, "reason", string(d.Decision.Reason),
		"rule", d.Decision.Rule, "setting", view.Setting)
	s.o.Pages.Denied(w, q.Request, http.StatusForbidden, view)
}
