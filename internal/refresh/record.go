package refresh

import (
	"context"
	"errors"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Audit keeps what became of refreshes. An event is durable when Record returns nil; else
// it is Audit's to write it later.
type Audit interface {
	Record(ctx context.Context, now time.Time, e ...audit.Event) error
}

// record writes an event, whoever waits for the refresh. Audit says so itself when it
// cannot, and goes on trying.
func record(o Options, e audit.Event) { _ = o.Audit.Record(context.Background(), o.Now(), e) }

// tell writes an event of one session.
func (r *Refresher) tell(t audit.Type, s *session.Session, cause string) {
	record(r.o, audit.Event{
		Type: t, Actor: audit.ActorProvider, Account: s.Account, Handle: s.Handle, Session: string(s.ID), Provider: s.Provider, Cause: cause,
	})
}

// lost tells that a session's grant was given up.
func (r *Refresher) lost(s *session.Session) {
	cause := "lost"
	if s.Grant.State == session.GrantInteraction {
		cause = "interaction"
	}
	r.tell(audit.RefreshLost, s, cause)
}

// word is an outcome without a verdict in the words of the trail.
func (o outcome) word(err error) string {
	switch o {
	case outcomeUnknown:
		return "no-answer"
	case outcomeUndecided:
		return "server-error"
	case outcomeDisbelieved:
		return "verification"
	}
	if _, answered := errors.AsType[*oidc.Error](err); answered {
		return "refused"
	}
	return "unreachable"
}
