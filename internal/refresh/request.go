package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// outcome is what a provider's answer, or its absence, means for the grant.
type outcome int

const (
	outcomeGood outcome = iota
	outcomeRefused
	outcomeInteraction
	outcomeUnknown     // the request left and no answer came
	outcomeUndecided   // a server error: it may have acted
	outcomeNothing     // surely nothing happened
	outcomeDisbelieved // the answer must not be believed
)

func outcomeOf(err error) outcome {
	if err == nil {
		return outcomeGood
	}
	if errors.Is(err, oidc.ErrRefused) {
		return outcomeDisbelieved
	}
	if u, ok := errors.AsType[*oidc.UnreachableError](err); ok {
		if u.Sent {
			return outcomeUnknown
		}
		return outcomeNothing
	}
	e, ok := errors.AsType[*oidc.Error](err)
	if !ok {
		return outcomeUnknown
	}
	if e.Status >= 500 {
		return outcomeUndecided
	}
	switch e.Code {
	case oidc.InvalidGrant:
		return outcomeRefused
	case oidc.InteractionRequired, oidc.LoginRequired, oidc.ConsentRequired, oidc.AccountSelectionRequired:
		return outcomeInteraction
	case oidc.ServerError:
		return outcomeUndecided
	}
	return outcomeNothing
}

// refresh marks the record, asks the provider, and stores what came of it. The mark is
// durable before the request leaves: from then on every node knows that the refresh
// token may be spent (RFC 9700 section 4.14.2).
func (r *Refresher) refresh(ctx context.Context, s *session.Session, p Provider) (*session.Session, error) {
	oneMore := !s.Grant.RefreshMark.IsZero()
	marked := *s
	marked.Grant.RefreshMark, marked.Grant.Retried = r.o.Now(), oneMore
	stored, err := r.o.Store.UpdateSession(ctx, marked.Grant.RefreshMark, &marked)
	if err != nil {
		return s, err
	}
	auth, err := r.ask(ctx, stored, p)
	if err == nil {
		defer r.health.succeeded(s.Provider, s.ID)()
		return r.commit(ctx, r.hold(stored, auth))
	}
	return r.failed(ctx, stored, oneMore, auth, err)
}

func (r *Refresher) ask(ctx context.Context, s *session.Session, p Provider) (oidc.Authentication, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	auth, err := p.Refresh(ctx, r.o.Now(), s.Grant.Tokens, s.Identity)
	if err == nil && auth.Identity != s.Identity && auth.Identity != (oidc.Identity{}) {
		return auth, fmt.Errorf("refresh answered for another person: %w", oidc.ErrRefused)
	}
	return auth, err
}

func (r *Refresher) failed(ctx context.Context, s *session.Session, oneMore bool, auth oidc.Authentication, err error) (*session.Session, error) {
	switch outcomeOf(err) {
	case outcomeRefused:
		defer r.health.succeeded(s.Provider, s.ID)()
		if oneMore {
			// The answer that was never read may have spent the token: no verdict on the person.
			return r.lose(ctx, s, session.GrantLost)
		}
		return r.refused(ctx, s)
	case outcomeInteraction:
		defer r.health.succeeded(s.Provider, s.ID)()
		return r.lose(ctx, s, session.GrantInteraction)
	case outcomeDisbelieved:
		r.o.Logger.Error("refresh answer refused", "session", s.ID, "provider", s.Provider, "err", err)
		r.revoke(ctx, s, surplus(auth.Tokens, s.Grant.Tokens))
		return r.lose(ctx, s, session.GrantLost)
	case outcomeUnknown:
		r.health.failed(s.Provider, s.ID, err, r.o.Lock)
		if oneMore {
			return r.lose(ctx, s, session.GrantLost)
		}
		return s, nil // the mark tells it, here and on every node
	case outcomeUndecided:
		return r.failing(ctx, s, err, true)
	}
	return r.failing(ctx, s, err, oneMore)
}

// awaiting tells whether a record still waits for the answer to the request that s made.
func awaiting(s *session.Session) func(*session.Session) bool {
	return func(now *session.Session) bool {
		return now.Grant.Tokens.RefreshToken == s.Grant.Tokens.RefreshToken &&
			!now.Grant.RefreshMark.IsZero() && now.Grant.State == session.GrantGood
	}
}

// refused ends the session, unless the record has moved on: then the token that was
// refused is not the one it has.
func (r *Refresher) refused(ctx context.Context, s *session.Session) (*session.Session, error) {
	now, err := r.o.Store.ByID(ctx, s.ID)
	if _, ended := errors.AsType[*session.EndedError](err); ended {
		return nil, err
	}
	if err == nil && !awaiting(s)(now) {
		return now, session.ErrConflict
	}
	r.tell(audit.RefreshRefused, s, "")
	return nil, r.end(ctx, s, session.CauseRefreshRefused)
}

// lose gives the grant up and keeps the session.
func (r *Refresher) lose(ctx context.Context, s *session.Session, state session.GrantState) (*session.Session, error) {
	stored, err := r.amend(ctx, s, awaiting(s), func(next *session.Session) {
		g := &next.Grant
		g.State, g.LostSince = state, r.o.Now()
		g.RefreshMark, g.Retried, g.FailingSince = time.Time{}, false, time.Time{}
	})
	if err != nil {
		return stored, err
	}
	r.lost(stored)
	r.o.Logger.Warn("grant lost; the next navigation re-authorizes", "session", s.ID, "provider", s.Provider, "state", state)
	r.o.OnChange(stored)
	return stored, nil
}

// failing keeps the session through an outage, up to the limit. Where the refresh token
// may be spent, the mark stays, as one that nobody waits for.
func (r *Refresher) failing(ctx context.Context, s *session.Session, reason error, maybeSpent bool) (*session.Session, error) {
	r.health.failed(s.Provider, s.ID, reason, 0)
	now := r.o.Now()
	stored, err := r.amend(ctx, s, awaiting(s), func(next *session.Session) {
		g := &next.Grant
		g.RefreshMark, g.Retried = time.Time{}, false
		if maybeSpent {
			g.RefreshMark = now.Add(-2 * r.o.Lock)
		}
		if g.FailingSince.IsZero() {
			g.FailingSince = now
		}
	})
	if err != nil {
		return stored, err
	}
	return r.afterFailure(ctx, stored, now)
}

func (r *Refresher) afterFailure(ctx context.Context, s *session.Session, now time.Time) (*session.Session, error) {
	if passed(s.Grant.FailingSince, r.failingLimit(), now) {
		return nil, r.end(ctx, s, session.CauseUnconfirmed)
	}
	r.o.OnChange(s)
	return s, nil
}

func (r *Refresher) revoke(ctx context.Context, s *session.Session, t oidc.Tokens) {
	if t.RefreshToken == "" && t.AccessToken == "" {
		return
	}
	if err := r.o.Revoker.RevokeLater(ctx, r.o.Now(), s, t); err != nil {
		r.o.Logger.Error("tokens could not be queued for revocation", "session", s.ID, "provider", s.Provider, "err", err)
	}
}

// surplus leaves out of tokens what kept still uses.
func surplus(tokens, kept oidc.Tokens) oidc.Tokens {
	if tokens.RefreshToken == kept.RefreshToken {
		tokens.RefreshToken = ""
	}
	if tokens.AccessToken == kept.AccessToken {
		tokens.AccessToken = ""
	}
	return tokens
}
