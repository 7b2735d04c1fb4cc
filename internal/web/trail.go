package web

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
)

// Trail keeps events of acts that stand whether or not they can be written: one that
// Record returns an error for is Trail's to write later. It tells what repeats once.
type Trail interface {
	Record(ctx context.Context, now time.Time, e ...audit.Event) error
}

// untold keeps nothing.
type untold struct{}

func (untold) Record(context.Context, time.Time, ...audit.Event) error { return nil }

// tellDenied tells the trail, before the answer, whom an app's rules keep out. Of a
// stranger there is nothing to tell.
func (s *Server) tellDenied(q *request, app *App, who *session.Session, d access.Decision, incident string) {
	if who == nil {
		return
	}
	_ = s.o.Trail.Record(q.Context(), q.now, audit.Event{ // Trail says so itself, and goes on trying
		Type: audit.AccessRefused, Actor: audit.ActorPerson, Account: who.Account, Handle: who.Handle, Session: string(who.ID),
		Provider: who.Provider, App: app.Rules.ID, Incident: incident,
		Detail:   map[string]string{"rule": d.Rule, "reason": string(d.Reason)},
		Personal: &audit.Personal{Address: q.client.Addr.String(), UserAgent: q.UserAgent()},
	})
}
