package refresh

import (
	"context"
	"errors"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

const invalidToken = "invalid_token" // RFC 6750 section 3.1

// recheck asks userinfo about a person whose session has no refresh token. Asking twice
// does no harm, so that it takes no mark.
func (r *Refresher) recheck(ctx context.Context, s *session.Session, p Provider) (*session.Session, error) {
	asked, cancel := context.WithTimeout(ctx, r.o.Timeout)
	claims, profile, err := p.Userinfo(asked, r.o.Now(), s.Grant.Tokens, s.Identity)
	cancel()
	if err != nil {
		return r.uncheckable(ctx, s, err)
	}
	defer r.health.succeeded(s.Provider, s.ID)()
	stored, err := r.amend(ctx, s, sameToken(s), func(next *session.Session) {
		next.Grant.CheckedAt, next.Grant.FailingSince = r.o.Now(), time.Time{}
		if claims != nil {
			learn(next, claims, profile)
		}
	})
	if err != nil {
		return stored, err
	}
	return r.admit(ctx, stored)
}

func sameToken(s *session.Session) func(*session.Session) bool {
	return func(now *session.Session) bool {
		return now.Grant.Tokens.AccessToken == s.Grant.Tokens.AccessToken && now.Grant.State == s.Grant.State
	}
}

func (r *Refresher) uncheckable(ctx context.Context, s *session.Session, err error) (*session.Session, error) {
	e, answered := errors.AsType[*oidc.Error](err)
	switch {
	case answered && (e.Code == invalidToken || e.Code == oidc.InvalidGrant):
		defer r.health.succeeded(s.Provider, s.ID)()
		return r.withdrawn(ctx, s)
	case outcomeOf(err) == outcomeInteraction:
		defer r.health.succeeded(s.Provider, s.ID)()
		return r.loseUnmarked(ctx, s, session.GrantInteraction)
	case errors.Is(err, oidc.ErrRefused):
		r.o.Logger.Error("userinfo answer refused", "session", s.ID, "provider", s.Provider, "err", err)
		return r.loseUnmarked(ctx, s, session.GrantLost)
	}
	r.health.failed(s.Provider, s.ID, err, 0)
	if s.Grant.FailingSince.IsZero() {
		stored, err := r.amend(ctx, s, sameToken(s), func(next *session.Session) { next.Grant.FailingSince = r.o.Now() })
		if err != nil {
			return stored, err
		}
		s = stored
	}
	return r.afterFailure(ctx, s, r.o.Now())
}

// withdrawn ends the session, unless its token is no longer the one that was refused.
func (r *Refresher) withdrawn(ctx context.Context, s *session.Session) (*session.Session, error) {
	now, err := r.o.Store.ByID(ctx, s.ID)
	if _, ended := errors.AsType[*session.EndedError](err); ended {
		return nil, err
	}
	if err == nil && !sameToken(s)(now) {
		return now, session.ErrConflict
	}
	r.tell(audit.RefreshRefused, s, "")
	return nil, r.end(ctx, s, session.CauseRefreshRefused)
}

func (r *Refresher) loseUnmarked(ctx context.Context, s *session.Session, state session.GrantState) (*session.Session, error) {
	stored, err := r.amend(ctx, s, sameToken(s), func(next *session.Session) {
		next.Grant.State, next.Grant.LostSince, next.Grant.FailingSince = state, r.o.Now(), time.Time{}
	})
	if err != nil {
		return stored, err
	}
	r.lost(stored)
	r.o.OnChange(stored)
	return stored, nil
}
