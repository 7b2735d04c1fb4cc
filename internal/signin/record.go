package signin

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Audit keeps what was refused. An event is durable when Record returns nil; else it is
// Audit's to write it later, and the refusal stands.
type Audit interface {
	Record(ctx context.Context, now time.Time, e ...audit.Event) error
}

// record tells the trail of a failure, and gives it the id under which its page can be
// asked about.
func (v *visit) record(ctx context.Context, f *Failure) {
	if !errors.Is(f.Err, session.ErrUnavailable) {
		v.recognise(ctx)
	}
	e, ok := v.refusal(f)
	if !ok {
		f.Incident = v.incident
		return
	}
	if ctx.Err() == nil && v.shown(f) {
		f.Incident = httpx.NewIncident()
		e.Incident = f.Incident
	}
	_ = v.o.Audit.Record(ctx, v.now, e) // Audit says so itself, and goes on trying
}

// recognise finds the account of somebody who was refused before they were admitted to it,
// if they have one. The trail tells of a refusal where their others are.
func (v *visit) recognise(ctx context.Context) {
	if v.known.ID != "" || v.proven.Identity.Subject == "" || v.attempt.link || v.attempt.silent {
		return
	}
	acc, err := v.o.Accounts.AccountOf(context.WithoutCancel(ctx), v.proven.Identity)
	switch {
	case err == nil:
		v.known = acc
	case !errors.Is(err, session.ErrNotFound):
		v.o.Logger.Warn("whose a refused sign-in is cannot be read", "provider", v.cb.Provider, "err", err)
	}
}

// shown tells whether the browser gets a page about a failure. One that has a binding
// asks for a sign-in of its own instead, and after an end comes the signed-out page.
func (v *visit) shown(f *Failure) bool {
	_, bound := session.HashSeatValue(v.cb.Binding)
	return !(errors.Is(f.Err, ErrOtherBrowser) && bound && !f.Linking) && !errors.Is(f.Err, ErrNotConfirmed)
}

// refusal is the event of a failure; false where the trail has it already.
func (v *visit) refusal(f *Failure) (audit.Event, bool) {
	e := audit.Event{Type: audit.SigninRefused, Actor: audit.ActorPerson, Provider: v.cb.Provider, Detail: map[string]string{}}
	link, refused := errors.AsType[*LinkError](f.Err)
	switch {
	case refused && link.Reason == LinkTaken:
		return e, false // with the look at whose it is
	case refused && link.Reason != LinkUnlinked:
		e.Type, e.Cause = audit.IdentityLinkRefused, string(link.Reason)
	default:
		e.Cause = reason(f.Err, e.Detail)
	}
	if e.Cause == "provider" {
		e.Actor = audit.ActorProvider
	}
	if v.live != nil {
		e.Session = string(v.live.ID)
	}
	switch {
	case v.known.ID != "":
		e.Account, e.Handle = v.known.ID, v.known.Handle
	case v.live != nil && (v.attempt.link || v.attempt.silent):
		e.Account, e.Handle = v.live.Account, v.live.Handle
	}
	if e.Type == audit.SigninRefused {
		e.Detail["for"] = v.purpose()
	}
	e.Personal = &audit.Personal{
		Issuer: v.proven.Identity.Issuer, Subject: v.proven.Identity.Subject, Email: v.proven.Profile.Email, Name: v.proven.Profile.Name,
		Address: clean(v.cb.Address, 64), UserAgent: clean(v.cb.UserAgent, 256),
	}
	return e, true
}

func (v *visit) purpose() string {
	switch {
	case v.attempt.link:
		return "linking"
	case v.attempt.silent:
		return "re-authorization"
	}
	return ""
}

// reason is the word of the trail for an error, and what more it says.
func reason(err error, detail map[string]string) string {
	if answer, ok := errors.AsType[*oidc.Error](err); ok {
		detail["error"] = plainErrorCode(answer.Code)
		if answer.Status != 0 {
			detail["status"] = strconv.Itoa(answer.Status)
		}
		if !errors.Is(err, ErrNotConfirmed) {
			return "provider"
		}
	}
	if denied, ok := errors.AsType[*DeniedError](err); ok {
		if denied.Decision.Reason == access.ReasonDisabled {
			return "disabled"
		}
		detail["rule"], detail["reason"] = denied.Decision.Rule, string(denied.Decision.Reason)
		return "denied"
	}
	if _, ok := errors.AsType[*oidc.UnreachableError](err); ok {
		return "unreachable"
	}
	if link, ok := errors.AsType[*LinkError](err); ok {
		return string(link.Reason)
	}
	for _, row := range []struct {
		err  error
		word string
	}{
		{ErrNotConfirmed, "not-confirmed"},
		{oidc.ErrStale, "stale"},
		{oidc.ErrWeak, "weak"},
		{oidc.ErrRefused, "verification"},
		{ErrExpired, "expired"},
		{ErrUsed, "used"},
		{ErrOtherBrowser, "other-browser"},
		{ErrBusy, "busy"},
		{session.ErrUnavailable, "store"},
		{session.ErrNotFound, "expired"},
		{context.Canceled, "busy"},
		{context.DeadlineExceeded, "busy"},
	} {
		if errors.Is(err, row.err) {
			return row.word
		}
	}
	if _, ended := errors.AsType[*session.EndedError](err); ended {
		return "signed-out"
	}
	return "internal"
}
