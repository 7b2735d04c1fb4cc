package signout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Notice is what a provider says of a session of its own that is over (OpenID Connect
// Back-Channel Logout 1.0, Front-Channel Logout 1.0).
type Notice struct {
	Provider string
	Identity oidc.Identity // the issuer, but for a front-channel call that leaves it open; the subject where it was said
	SID      string        // "" means every session of the subject
	At       time.Time     // when it was over, by the provider's clock
	Cause    session.Cause // session.CauseBackChannel or session.CauseFrontChannel
}

const (
	// noticeLife is how long a notice is remembered for sign-ins that were under way.
	noticeLife = 48 * time.Hour
	// noticeSkew is how far the provider's clock may be behind ours before a session that
	// the notice is about looks as if it had begun after it.
	noticeSkew = time.Minute
)

var errNotice = errors.New("notice names neither a session nor a person")

// EndByProvider ends what a notice is about, and returns how many sessions that were. A
// back-channel notice is on disk before anything else, so that a sign-in under way
// cannot open a session for it; a front-channel one, which anybody can send, leaves
// nothing behind where there is no session. What began after the notice lives on.
func (o *SignOut) EndByProvider(ctx context.Context, now time.Time, n Notice) (int, error) {
	// A frame's call may leave out which of the provider's issuers it is of: the session's
	// id says enough there, and nothing is remembered of it.
	unnamed := n.Identity.Issuer == "" && (n.Cause != session.CauseFrontChannel || n.Provider == "" || n.SID == "")
	if unnamed || n.SID == "" && n.Identity.Subject == "" {
		return 0, errNotice
	}
	if n.Cause == session.CauseBackChannel {
		subject := n.Identity.Subject
		if n.SID != "" {
			subject = "" // the session alone: a tombstone of both would be one of the person
		}
		_, err := o.o.Store.End(ctx, now, Ending{Tombstone: session.Tombstone{
			Provider: n.Provider, Identity: oidc.Identity{Issuer: n.Identity.Issuer, Subject: subject}, SID: n.SID,
			Cause: n.Cause, Fresh: true, EndedAt: n.At, Until: now.Add(noticeLife),
		}})
		if err != nil {
			return 0, fmt.Errorf("remembering a provider's notice: %w", err)
		}
	}
	f := session.Filter{Provider: n.Provider, Identity: n.Identity, SID: n.SID}
	return o.endAll(ctx, now, f, Request{Cause: n.Cause, By: "provider"}, func(s *session.Session) bool {
		return !s.AuthTime.After(n.At.Add(noticeSkew))
	})
}
