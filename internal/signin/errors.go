package signin

import (
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

var (
	// ErrUsed: a single-use value was used before.
	ErrUsed = errors.New("single-use value was used before")
	// ErrAttempt: the state or code is not one of ours, or was changed.
	ErrAttempt = errors.New("sign-in attempt cannot be read")
	// ErrExpired: the attempt is too old.
	ErrExpired = errors.New("sign-in attempt has expired")
	// ErrOtherBrowser: the answer arrived in another browser than the one that asked.
	ErrOtherBrowser = errors.New("sign-in attempt belongs to another browser")
	// ErrLoop: three rounds in a minute brought no session that was seen again; the
	// error is a *LoopError.
	ErrLoop = errors.New("sign-in goes round in circles")
	// ErrProvider: no such provider is configured.
	ErrProvider = errors.New("no such provider")
	// ErrNotConfirmed: a re-authorization without interaction was refused, or confirmed
	// somebody else. The session has ended.
	ErrNotConfirmed = errors.New("provider did not confirm the person")
	// ErrBusy: too many callbacks wait at once. It is a session.ErrUnavailable.
	ErrBusy = fmt.Errorf("too many sign-ins at once: %w", session.ErrUnavailable)
)

// LoopCause says why a sign-in does not stick.
type LoopCause string

// Causes of a loop.
const (
	LoopCookie LoopCause = "cookie-not-returned" // the browser does not send the seat back
	LoopScheme LoopCause = "scheme-mismatch"     // public_url says https, requests arrive by http, or the other way round
	LoopClock  LoopCause = "clock"               // the session counts as expired as soon as it is made
	LoopGrant  LoopCause = "grant"               // each re-authorization brings a grant that fails at once
)

// LoopError ends a loop and names its cause.
type LoopError struct{ Cause LoopCause }

func (e *LoopError) Error() string { return ErrLoop.Error() + ": " + string(e.Cause) }

// Is makes a LoopError an ErrLoop.
func (e *LoopError) Is(target error) bool { return target == ErrLoop }

// DeniedError: the person is who they say, and is not admitted. It unwraps to
// account.ErrDisabled when the account is disabled.
type DeniedError struct {
	Decision access.Decision
	Profile  oidc.Profile
	Claims   oidc.Claims
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("not admitted: %s (%s)", e.Decision.Reason, e.Decision.Rule)
}

// Unwrap is described at DeniedError.
func (e *DeniedError) Unwrap() error {
	if e.Decision.Reason == access.ReasonDisabled {
		return account.ErrDisabled
	}
	return nil
}

// Failure is the error of a callback whose attempt could be read: it knows where the
// attempt meant to go, so that a page can offer to try again.
type Failure struct {
	Provider string
	Target   Target
	SeatFor  string
	// MaxAge and ACRValues are what the sign-in had to satisfy; zero and none: nothing.
	MaxAge    time.Duration
	ACRValues []string
	Linking   bool // it was no sign-in: an identity was to be linked
	SignedIn  bool // the browser had a session, which goes on unless Err says otherwise
	Err       error
	// Incident is what the audit trail calls it, and what a page about it says; "" where
	// no page is shown.
	Incident string
}

func (a *attempt) failure(provider string, err error) *Failure {
	return &Failure{Provider: provider, Target: a.target, SeatFor: a.seatFor, MaxAge: a.maxAge, ACRValues: a.acrValues(), Linking: a.link, Err: err}
}

func (e *Failure) Error() string { return "signing in at " + e.Provider + ": " + e.Err.Error() }
func (e *Failure) Unwrap() error { return e.Err }
