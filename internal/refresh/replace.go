package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// ErrIdentity: a re-authorization answered for another person than the session's.
var ErrIdentity = errors.New("re-authorization is another person's")

// Replace gives a session the grant of a re-authorization by the same person. It owns
// the tokens from here: when it fails they are put into the outbox for revocation. The
// old grant is not revoked: at many providers that would end the new one with it.
// Errors: ErrIdentity, *session.EndedError (also when the rules no longer admit the
// person), session.ErrNotFound, session.ErrUnavailable, session.ErrConflict.
func (r *Refresher) Replace(ctx context.Context, now time.Time, s *session.Session, a oidc.Authentication) (*session.Session, error) {
	if a.Identity != s.Identity {
		r.revoke(ctx, s, a.Tokens)
		return nil, ErrIdentity
	}
	stored, err := r.replace(ctx, now, s.ID, a)
	if err != nil {
		r.revoke(ctx, s, a.Tokens)
		return nil, fmt.Errorf("replacing the grant of session %s: %w", s.ID, err)
	}
	r.health.forget(s.ID)
	return r.admit(ctx, stored)
}

// replace retries for a moment: a store that gave no answer may have taken the grant, and
// what it took must not be revoked.
func (r *Refresher) replace(ctx context.Context, now time.Time, id session.ID, a oidc.Authentication) (*session.Session, error) {
	wait := 100 * time.Millisecond
	for {
		s, err := r.replaceOnce(ctx, now, id, a)
		if !errors.Is(err, session.ErrUnavailable) || wait > time.Second || !sleep(ctx, wait) {
			return s, err
		}
		wait *= 3
	}
}

func (r *Refresher) replaceOnce(ctx context.Context, now time.Time, id session.ID, a oidc.Authentication) (*session.Session, error) {
	current, err := r.o.Store.ByID(ctx, id)
	// A grant without tokens, as some providers give, is none that was stored before.
	if err != nil || current.Grant.Tokens == a.Tokens && a.Tokens != (oidc.Tokens{}) {
		return current, err
	}
	alive := func(*session.Session) bool { return true }
	return r.amend(ctx, current, alive, func(next *session.Session) {
		next.Grant = session.Grant{Tokens: a.Tokens, CheckedAt: now}
		if a.SID != "" {
			next.SID = a.SID // a later logout token names the provider's present session
		}
		if a.AuthTime.After(next.AuthTime) && !a.AuthTime.After(now) {
			// The class goes with the time: an older authentication's, beside a newer
			// time, would satisfy a demand for both that neither of the two meets.
			next.AuthTime, next.ACR = a.AuthTime, a.ACR
		}
		if a.Claims != nil {
			learn(next, a.Claims, a.Profile)
		}
	})
}
