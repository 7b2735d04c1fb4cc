package signout

import (
	"context"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
)

// who tells, for the audit trail, who asked for an end: whom the context names, or what
// the request and its cause say.
func (r Request) who(ctx context.Context) (actor, by string) {
	if actor, by = audit.ActorOf(ctx); actor != "" {
		return actor, by
	}
	switch r.Cause {
	case session.CauseRefreshRefused, session.CauseBackChannel, session.CauseFrontChannel:
		return audit.ActorProvider, ""
	case session.CauseOtherAccount:
		return audit.ActorPerson, ""
	case session.CauseApp:
		return audit.ActorApp, ""
	}
	switch r.By {
	case audit.ActorPerson, audit.ActorOperator, audit.ActorProvider, audit.ActorApp:
		return r.By, ""
	}
	return audit.ActorGateway, ""
}
