package signout

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

// EndOthers ends every session of an account but one, as EndAll does: somebody who signs
// out everywhere still needs their own to be told what came of it.
func (o *SignOut) EndOthers(ctx context.Context, now time.Time, account string, but session.ID, r Request) (int, error) {
	return o.endAll(ctx, now, session.Filter{Account: account}, r, func(s *session.Session) bool { return s.ID != but })
}

// rule is what the end does. Where the browser of the session is the one that asks, it
// goes to the provider itself, whatever the cause would have the server do.
func (r Request) rule() Rule {
	rule := RuleOf(r.Cause, r.Mode)
	if r.Here && rule.EndSession == Server {
		rule.EndSession = Browser
	}
	return rule
}
