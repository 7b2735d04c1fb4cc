package signin

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// reauthorize takes the answer to a request without interaction (prompt=none), made
// because a session's grant was lost. It never opens a session: what ended meanwhile
// stays ended.
func (v *visit) reauthorize(ctx context.Context) (Result, error) {
	if v.live == nil {
		return Result{}, fmt.Errorf("re-authorizing: %w", v.goneError(ctx))
	}
	if v.live.ID != v.attempt.session || v.renewed() {
		return v.goOn(), nil // another tab signed in or re-authorized meanwhile
	}
	if v.ans.err != nil {
		return Result{}, v.notConfirmed(ctx, v.ans.err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	auth, err := v.spend(ctx)
	if errors.Is(err, ErrUsed) {
		return v.goOn(), nil
	}
	if err != nil {
		v.revoke(ctx, v.newSession(auth), auth.Tokens)
		return Result{}, err
	}
	if auth.Identity != v.live.Identity {
		v.revoke(ctx, v.newSession(auth), auth.Tokens)
		return Result{}, v.end(ctx, errors.New("somebody else is signed in at the provider"))
	}
	return v.replaceGrant(ctx, auth)
}

func (v *visit) replaceGrant(ctx context.Context, auth oidc.Authentication) (Result, error) {
	next, err := v.o.Refresher.Replace(ctx, v.now, v.live, auth)
	if err != nil {
		return Result{}, fmt.Errorf("replacing the grant: %w", err)
	}
	v.rounds.completed(loopKey{binding: v.attempt.binding, silent: true}, v.attempt.startedAt,
		round{session: next.ID, at: v.now, cause: LoopGrant})
	return Result{Session: next, Target: v.attempt.target, SeatFor: v.attempt.seatFor, Reauthorized: true}, nil
}

// renewed tells whether the grant is good again since the attempt began.
func (v *visit) renewed() bool {
	g := v.live.Grant
	return g.State == session.GrantGood && g.CheckedAt.After(v.attempt.startedAt)
}

// notConfirmed ends the session when the provider refused; trouble at the provider
// leaves it as it is.
func (v *visit) notConfirmed(ctx context.Context, answer *oidc.Error) error {
	switch answer.Code {
	case oidc.LoginRequired, oidc.InteractionRequired, oidc.ConsentRequired, oidc.AccountSelectionRequired, oidc.AccessDenied:
		return v.end(ctx, answer)
	}
	return answer
}

func (v *visit) end(ctx context.Context, reason error) error {
	err := v.o.Ender.End(ctx, v.now, v.live.ID, session.CauseRefreshRefused)
	if err != nil && !isGone(err) {
		return fmt.Errorf("ending a session that was not confirmed: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrNotConfirmed, reason)
}

func (v *visit) goneError(ctx context.Context) error {
	s, err := v.o.Store.ByID(ctx, v.attempt.session)
	if err != nil {
		return err
	}
	// It lives, but not in this browser, or it is past its limits.
	if expiredAt(s, v.now) {
		return ErrExpired
	}
	return session.ErrNotFound
}
