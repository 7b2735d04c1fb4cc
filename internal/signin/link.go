package signin

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Linked is what a callback that was a linking did.
type Linked struct {
	Identity account.Identity
	Provider string
	Already  bool // the identity was the account's before
}

// LinkReason is why an identity is not, or not any more, the account's.
type LinkReason string

// Reasons.
const (
	LinkTaken        LinkReason = "taken"         // it belongs to another account, and stays there
	LinkSessionGone  LinkReason = "session-gone"  // the session that asked for it has ended
	LinkOtherAccount LinkReason = "other-account" // the browser is signed in to another account by now
	LinkUnlinked     LinkReason = "unlinked"      // a sign-in: it was taken from its account meanwhile
)

// LinkError refuses a linking, or a sign-in whose identity was unlinked while it was under
// way. Nothing was linked and no session opened. Email is what the second provider says
// of the person who stands there, believed or not: their own.
type LinkError struct {
	Reason   LinkReason
	Provider string
	Email    string
	Err      error // may be nil
}

func (e *LinkError) Error() string {
	text := "linking refused: " + string(e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap is the cause.
func (e *LinkError) Unwrap() error { return e.Err }

// link takes the answer of a second provider for the account of the session that asked.
// It opens no session and ends none: the browser goes on with the one that it has, and
// with that one's tokens. What came with the second sign-in is revoked at once.
func (v *visit) link(ctx context.Context) (Result, error) {
	if v.attempt.expired(v.now) {
		return Result{}, ErrExpired
	}
	if v.ans.err != nil {
		return Result{}, v.ans.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	if err := v.mayLink(ctx); err != nil {
		return Result{}, err // the code is never redeemed: no tokens come to be
	}
	auth, err := v.spend(ctx)
	if errors.Is(err, ErrUsed) {
		return v.goOn(), nil // the same answer once more
	}
	came := v.newSession(auth)
	if err == nil {
		err = v.attempt.unmet(v.now, came)
	}
	if err != nil {
		v.revoke(ctx, came, auth.Tokens)
		return Result{}, err
	}
	already, err := v.join(ctx, auth)
	came.Account, came.Handle = v.live.Account, v.live.Handle
	v.revoke(ctx, came, surplus(auth.Tokens, v.live.Grant.Tokens))
	if err != nil {
		return Result{}, err
	}
	v.o.Logger.Info("identity linked", "session", v.live.ID, "account", v.live.Account, "provider", v.cb.Provider, "already", already)
	res := v.goOn()
	res.Linked = &Linked{Identity: v.identity(auth), Provider: v.cb.Provider, Already: already}
	return res, nil
}

// mayLink demands the session that asked, or what it was renewed into. A browser that is
// signed in to another account by now would give that account a way in.
func (v *visit) mayLink(ctx context.Context) error {
	if v.live == nil {
		return v.refuseLink(LinkSessionGone, "", nil)
	}
	if v.live.ID == v.attempt.session {
		return nil
	}
	asked, err := v.o.Store.ByID(ctx, v.attempt.session)
	ended, gone := errors.AsType[*session.EndedError](err)
	switch {
	case err == nil && asked.Account != v.live.Account, gone && ended.Tombstone.Account != v.live.Account:
		return v.refuseLink(LinkOtherAccount, "", nil)
	case gone && ended.Tombstone.Cause == session.CauseRenewed:
		return nil
	case err == nil, isGone(err): // it lives in another browser, or was signed out and in again
		return v.refuseLink(LinkSessionGone, "", nil)
	}
	return fmt.Errorf("reading the session that asked for a linking: %w", err)
}

// join asks the rules first: whoever may not sign in by an identity may not link it.
func (v *visit) join(ctx context.Context, a oidc.Authentication) (already bool, err error) {
	if err := v.allowed(a); err != nil {
		return false, err
	}
	v.incident = httpx.NewIncident()
	linked, err := v.o.Accounts.Link(ctx, v.now, account.Linking{
		Account: v.live.Account, Session: string(v.live.ID), Identity: a.Identity, Provider: v.cb.Provider, Profile: a.Profile,
		How: account.HowPerson, Incident: v.incident,
	})
	switch {
	case err == nil:
		return !linked, nil
	case errors.Is(err, account.ErrTaken):
		return false, v.refuseLink(LinkTaken, a.Profile.Email, err)
	case errors.Is(err, account.ErrDisabled):
		return false, disabled(a)
	case isGone(err): // since the callback began
		return false, v.refuseLink(LinkSessionGone, a.Profile.Email, err)
	}
	return false, fmt.Errorf("linking the identity: %w", err)
}

func (v *visit) refuseLink(reason LinkReason, email string, cause error) error {
	return &LinkError{Reason: reason, Provider: v.cb.Provider, Email: email, Err: cause}
}

// identity is what stands in the account now.
func (v *visit) identity(a oidc.Authentication) account.Identity {
	return account.Identity{
		Identity: a.Identity, Account: v.live.Account, Provider: v.cb.Provider, LinkedAt: v.now, LastUsed: v.now,
		Email: a.Profile.Email, EmailBelieved: a.Profile.EmailBelieved,
	}
}

// account finds or makes the account of an admitted person. Where the operator trusts the
// provider with it, a verified e-mail leads to an account that is there.
func (v *visit) account(ctx context.Context, a account.Admission) (account.Account, bool, error) {
	trusts := v.terms.LinkByEmail
	if trusts == nil || !trusts(a.Provider, a.Identity.Issuer) {
		return v.o.Accounts.Admit(ctx, v.now, a)
	}
	got, err := v.o.Accounts.AdmitByEmail(ctx, v.now, a, trusts)
	switch {
	case err != nil:
	case got.Linked:
		v.o.Logger.Warn("identity linked by its verified e-mail", "account", got.Account.ID, "provider", a.Provider)
	case got.Created:
		v.o.Logger.Info("a new account: the e-mail linked nothing", "account", got.Account.ID, "provider", a.Provider, "reason", string(got.Apart))
	}
	return got.Account, got.Created, err
}
