package signin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// open admits the person and opens s for them. Where it fails, nothing of the new
// sign-in stands, and the caller sees to the tokens.
func (v *visit) open(ctx context.Context, a oidc.Authentication, s *session.Session) (Result, error) {
	acc, created, err := v.admit(ctx, a)
	if err != nil {
		return Result{}, err
	}
	s.Account, s.Handle = acc.ID, acc.Handle
	// Some providers tell a name at the first sign-in and never again.
	s.Profile.Name = cmp.Or(s.Profile.Name, acc.Name)
	old, err := v.makeWay(ctx, acc.ID)
	if err != nil {
		return Result{}, err
	}
	if old != nil && old.Identity == s.Identity && a.AuthTime.IsZero() && !v.attempt.asksAnew() {
		s.AuthTime = old.AuthTime
	}
	value, hash := session.NewSeatValue()
	err = v.store(ctx, s, session.Seat{Hash: hash, Origin: v.o.Origin, CreatedAt: v.now}, old)
	if errors.Is(err, account.ErrDisabled) { // since it was admitted
		return Result{}, disabled(a)
	}
	if errors.Is(err, account.ErrNotLinked) { // any more, since it was admitted
		return Result{}, v.refuseLink(LinkUnlinked, a.Profile.Email, err)
	}
	if err != nil {
		return Result{}, err
	}
	v.opened(ctx, s, hash, old)
	return Result{Session: s, SeatValue: value, Target: v.attempt.target, SeatFor: v.attempt.seatFor, Created: created}, nil
}

// admit asks the admission rules before an account is made: whoever is refused leaves
// no trace in the accounts.
func (v *visit) admit(ctx context.Context, a oidc.Authentication) (account.Account, bool, error) {
	if err := v.allowed(a); err != nil {
		return account.Account{}, false, err
	}
	acc, created, err := v.account(ctx, account.Admission{
		Identity: a.Identity, Provider: v.cb.Provider, Profile: a.Profile,
		Candidates: account.Candidates(a.Profile, v.o.Reserved), AccountID: account.NewID(),
	})
	v.known = acc
	if errors.Is(err, account.ErrDisabled) {
		return account.Account{}, false, disabled(a)
	}
	if err != nil {
		return account.Account{}, false, fmt.Errorf("admitting the account: %w", err)
	}
	return acc, created, nil
}

// allowed asks the admission rules.
func (v *visit) allowed(a oidc.Authentication) error {
	d := v.terms.Admission.Evaluate(access.Subject{Profile: a.Profile, Claims: a.Claims})
	if !d.Allowed {
		return &DeniedError{Decision: d, Profile: a.Profile, Claims: a.Claims}
	}
	return nil
}

// disabled keeps a person out whose account is.
func disabled(a oidc.Authentication) error {
	return &DeniedError{Decision: access.Decision{Reason: access.ReasonDisabled, Rule: "account"}, Profile: a.Profile, Claims: a.Claims}
}

// makeWay deals with the session that this browser has: the same account's is returned,
// to be replaced; another account's is ended first, with all that an end means.
func (v *visit) makeWay(ctx context.Context, acc string) (*session.Session, error) {
	old, err := v.browsers(ctx)
	if err != nil || old == nil || old.Account == acc {
		return old, err
	}
	err = v.o.Ender.End(ctx, v.now, old.ID, session.CauseOtherAccount)
	if err != nil && !isGone(err) {
		return nil, fmt.Errorf("ending the other account's session: %w", err)
	}
	return nil, nil
}

// browsers reads the browser's session anew: its grant may have been refreshed since.
// A callback that left before the last sign-in's cookie arrived shows no seat, but the
// session it opened is the browser's all the same.
func (v *visit) browsers(ctx context.Context) (*session.Session, error) {
	var id session.ID
	if v.live != nil {
		id = v.live.ID
	} else if recent, ok := v.recent.get(v.attempt.binding, v.now); ok {
		id = recent
	} else {
		return nil, nil
	}
	found, err := v.o.Store.ByID(ctx, id)
	switch {
	case err == nil:
		return found, nil
	case v.live == nil && isGone(err), errors.Is(err, session.ErrNotFound):
		return nil, nil
	}
	// Also when it ended: a sign-out that ran beside this sign-in wins.
	return nil, fmt.Errorf("reading the browser's session: %w", err)
}

// store writes the session. When the store gave no clear answer the session may stand
// nevertheless, so that it is looked for before its tokens are given up.
func (v *visit) store(ctx context.Context, s *session.Session, seat session.Seat, old *session.Session) error {
	var replaces session.ID
	if old != nil {
		replaces = old.ID
	}
	err := v.o.Store.OpenSession(ctx, v.now, s, seat, replaces)
	if errors.Is(err, session.ErrUnavailable) {
		if _, found := v.o.Store.ByID(ctx, s.ID); found == nil {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("opening the session: %w", err)
	}
	return nil
}

func (v *visit) opened(ctx context.Context, s *session.Session, seat session.SeatHash, old *session.Session) {
	v.recent.put(v.attempt.binding, s.ID, v.now)
	v.rounds.completed(loopKey{binding: v.attempt.binding}, v.attempt.startedAt,
		round{session: s.ID, seat: seat, at: v.now, cause: v.cause()})
	v.o.Logger.Info("session opened", "session", s.ID, "account", s.Account, "provider", s.Provider, "renews", renews(old))
	if old == nil {
		return
	}
	v.o.Moved(old.ID, s.ID)
	v.revoke(ctx, old, surplus(old.Grant.Tokens, s.Grant.Tokens))
}

func renews(old *session.Session) session.ID {
	if old == nil {
		return ""
	}
	return old.ID
}

// surplus leaves out of an old grant what the new one still uses: some providers hand
// out the same refresh token again.
func surplus(old, new oidc.Tokens) oidc.Tokens {
	if old.RefreshToken == new.RefreshToken {
		old.RefreshToken = ""
	}
	if old.AccessToken == new.AccessToken {
		old.AccessToken = ""
	}
	return old
}

// cause guesses, from what this callback brought, why a next round would be needed.
func (v *visit) cause() LoopCause {
	scheme, _, _ := cutScheme(v.o.Origin)
	switch {
	case v.cb.Scheme != "" && v.cb.Scheme != scheme:
		return LoopScheme
	case v.stale:
		return LoopClock
	}
	return LoopCookie
}

// expiredAt tells whether a session is past its limits.
func expiredAt(s *session.Session, now time.Time) bool {
	return !s.Limits.Within(s.CreatedAt, s.SeenAt, now)
}
