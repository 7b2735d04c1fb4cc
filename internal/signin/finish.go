package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// finishTime bounds what follows once a code is about to be spent. The browser going
// away no longer stops it: half a sign-in would strand tokens.
const finishTime = 30 * time.Second

// visit is one callback at work.
type visit struct {
	*SignIn
	now      time.Time
	cb       Callback
	ans      answer
	attempt  attempt
	provider Provider
	terms    *Terms
	picture  *string // where the picture of whoever was proven is
	proven   oidc.Authentication
	known    account.Account  // of whoever was proven
	live     *session.Session // the browser's, nil when it has none
	stale    bool             // its seat named a session past its limits
	incident string           // of a linking that the store refuses, and records
}

// Finish takes a provider's answer to the session that it opens. Callbacks of one
// browser run one after another.
//
// A callback whose attempt cannot be read is ErrAttempt. All later errors are a *Failure
// around: ErrOtherBrowser, ErrExpired, ErrUsed, *DeniedError, *oidc.Error, *oidc.UnreachableError, oidc.ErrRefused, oidc.ErrStale, oidc.ErrWeak,
// ErrNotConfirmed, *session.EndedError (signed out while signing in), ErrBusy and
// session.ErrUnavailable. Tokens that came with a failure are revoked.
func (s *SignIn) Finish(ctx context.Context, now time.Time, cb Callback) (Result, error) {
	p, ok := s.o.Providers.Provider(cb.Provider)
	if !ok {
		return Result{}, ErrProvider
	}
	code, user := p.AnswerParams()
	ans, err := parseAnswer(cb.Query, code, user)
	if err != nil {
		return Result{}, err
	}
	a, err := s.openAttempt(cb.Provider, ans.state)
	if err != nil {
		return Result{}, err
	}
	v := &visit{SignIn: s, terms: s.terms.Load(), now: now, cb: cb, ans: ans, attempt: a, provider: p}
	if !a.boundTo(cb.Binding) {
		return Result{}, v.fail(ctx, ErrOtherBrowser)
	}
	res, err := v.inTurn(ctx)
	res.Picture = v.picture
	if err != nil {
		return Result{}, v.fail(ctx, err)
	}
	return res, nil
}

// fail returns a failure that is in the audit trail by then.
func (v *visit) fail(ctx context.Context, err error) *Failure {
	f := v.attempt.failure(v.cb.Provider, err)
	f.SignedIn = v.live != nil
	v.record(ctx, f)
	return f
}

func (v *visit) inTurn(ctx context.Context) (Result, error) {
	release, err := v.turns.take(ctx, v.attempt.binding)
	if err != nil {
		return Result{}, err
	}
	defer release()
	if err := v.findLive(ctx); err != nil {
		return Result{}, err
	}
	if v.attempt.link {
		return v.link(ctx)
	}
	if v.live != nil && (v.attempt.expired(v.now) || v.overtaken()) {
		return v.goOn(), nil
	}
	if v.attempt.expired(v.now) {
		return Result{}, ErrExpired
	}
	if v.attempt.silent {
		return v.reauthorize(ctx)
	}
	if v.ans.err != nil {
		return Result{}, v.ans.err
	}
	return v.signIn(ctx)
}

// findLive reads the session that the browser's seat names. A store that does not
// answer is not "no session": then nothing is spent.
func (v *visit) findLive(ctx context.Context) error {
	hash, ok := session.HashSeatValue(v.cb.Seat)
	if !ok {
		return nil
	}
	found, seat, err := v.o.Store.BySeat(ctx, hash)
	switch {
	case isGone(err):
		ended, ok := errors.AsType[*session.EndedError](err)
		v.stale = ok && ended.Tombstone.Cause == session.CauseExpired
	case err != nil:
		return fmt.Errorf("reading the browser's session: %w", err)
	case seat.Origin != v.o.Origin:
	case !found.Limits.Within(found.CreatedAt, found.SeenAt, v.now):
		v.stale = true
	default:
		v.live = found
		v.rounds.forget(loopKey{binding: v.attempt.binding})
	}
	return nil
}

// overtaken tells of an attempt that began before the live session did and wants
// nothing that the session does not give: another tab was faster.
func (v *visit) overtaken() bool {
	return !v.attempt.special() && v.attempt.satisfiedBy(v.live.ACR) && !v.attempt.startedAt.After(v.live.CreatedAt)
}

// goOn lets the browser go where the attempt meant to, with the session it has.
func (v *visit) goOn() Result {
	return Result{Session: v.live, Target: v.attempt.target, SeatFor: v.attempt.seatFor}
}

// spend uses the attempt up and exchanges the code. ErrUsed comes before the code is
// sent anywhere: at some providers a code that arrives twice kills the first sign-in.
func (v *visit) spend(ctx context.Context) (oidc.Authentication, error) {
	until := v.attempt.startedAt.Add(AttemptLife + 2*clockTolerance)
	if err := v.o.Store.Use(ctx, v.now, v.attempt.useKey(), until); err != nil {
		return oidc.Authentication{}, fmt.Errorf("using the attempt up: %w", err)
	}
	auth, err := v.provider.Exchange(ctx, v.now, oidc.CodeExchange{
		Code: v.ans.code, RedirectURI: v.provider.RedirectURI(), CodeVerifier: v.attempt.verifierText(),
		Nonce: v.attempt.nonceText(), Iss: v.ans.iss, User: v.ans.user, Fresh: v.attempt.fresh, MaxAge: v.attempt.maxAge,
		ACRValues: v.attempt.acrValues(), RequestedAt: v.attempt.startedAt,
	})
	if err == nil {
		v.picture = &auth.Picture
		v.proven = auth
	}
	return auth, err
}

// signIn opens a session, or goes on with the one that the same attempt opened before.
func (v *visit) signIn(ctx context.Context) (Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	auth, err := v.spend(ctx)
	if errors.Is(err, ErrUsed) && v.live != nil {
		return v.goOn(), nil
	}
	s := v.newSession(auth)
	if err == nil {
		err = v.attempt.unmet(v.now, s)
	}
	if err != nil {
		v.revoke(ctx, s, auth.Tokens) // of an answer that must not be believed
		return Result{}, err
	}
	res, err := v.open(ctx, auth, s)
	if err != nil {
		v.revoke(ctx, s, auth.Tokens)
		return Result{}, err
	}
	return res, nil
}

func (v *visit) newSession(a oidc.Authentication) *session.Session {
	authTime := a.AuthTime
	if authTime.IsZero() || authTime.After(v.now) {
		authTime = v.now
	}
	return &session.Session{
		ID: session.NewID(), Provider: v.cb.Provider, Client: v.terms.Clients[v.cb.Provider], Identity: a.Identity, SID: a.SID,
		CreatedAt: v.now, AuthTime: authTime, SeenAt: v.now, Limits: v.terms.Limits,
		UserAgent: clean(v.cb.UserAgent, 256), Address: clean(v.cb.Address, 64), Version: 1,
		ACR: a.ACR, Claims: a.Claims, Profile: a.Profile,
		Grant: session.Grant{Tokens: a.Tokens, CheckedAt: v.now},
	}
}

// clean makes text from a request fit to be stored and shown in a list.
func clean(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

func (v *visit) revoke(ctx context.Context, of *session.Session, t oidc.Tokens) {
	if t.RefreshToken == "" && t.AccessToken == "" {
		return
	}
	if err := v.o.Revoker.RevokeLater(ctx, v.now, of, t); err != nil {
		v.o.Logger.Error("tokens could not be queued for revocation", "session", of.ID, "provider", of.Provider, "err", err)
	}
}

// isGone tells whether an error says, with certainty, that no session answers.
func isGone(err error) bool {
	_, ended := errors.AsType[*session.EndedError](err)
	return ended || errors.Is(err, session.ErrNotFound)
}
