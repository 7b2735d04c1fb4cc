package refresh

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Provider is what a refresh asks of a provider. Errors are *oidc.Error,
// *oidc.UnreachableError and oidc.ErrRefused; with the last, tokens may be returned too.
type Provider interface {
	// Refresh returns complete tokens. Claims and Profile are whole, or zero when the
	// answer told nothing new of the person.
	Refresh(ctx context.Context, now time.Time, old oidc.Tokens, want oidc.Identity) (oidc.Authentication, error)
	Userinfo(ctx context.Context, now time.Time, tokens oidc.Tokens, want oidc.Identity) (oidc.Claims, oidc.Profile, error)
}

// Policy is what a provider's record says about staying in.
type Policy struct {
	// Recheck is how often userinfo is asked where there is no refresh token, and how
	// often a refresh is made where the provider does not say when its tokens expire.
	// Zero: userinfo is not asked, and such refreshes are made AtLatest.
	Recheck time.Duration
	// AtLatest is how long after the provider's last answer a refresh is made, however
	// long its tokens live; an hour when zero.
	AtLatest time.Duration
	// AtEarliest is how long after the provider's last answer no refresh is made, although
	// the access token has expired: some providers take more for abuse.
	AtEarliest time.Duration
	// ReuseEnds says that a spent refresh token which is presented again takes the
	// provider's own session with it. After an unknown outcome it is then presented again
	// only within Grace, how long spent ones still work.
	ReuseEnds bool
	Grace     time.Duration
}

// mayRetry tells whether the one more try after an unknown outcome may be made, so long
// after the request.
func (p Policy) mayRetry(age time.Duration) bool { return !p.ReuseEnds || age < p.Grace }

// Providers finds a configured provider.
type Providers interface {
	Provider(id string) (Provider, Policy, bool)
}

// Store keeps sessions. UpdateSession is conditional on s.Version (session.ErrConflict)
// and on the session being alive (*session.EndedError), and durable when it returns.
type Store interface {
	ByID(ctx context.Context, id session.ID) (*session.Session, error)
	UpdateSession(ctx context.Context, now time.Time, s *session.Session) (*session.Session, error)
}

// Ender ends a session (package signout). When it fails the session must be refused in
// memory all the same, as signout does.
type Ender interface {
	End(ctx context.Context, now time.Time, id session.ID, cause session.Cause) error
}

// Revoker writes tokens that nobody will use into the outbox.
type Revoker interface {
	RevokeLater(ctx context.Context, now time.Time, s *session.Session, t oidc.Tokens) error
}

// Admitter asks the admission rules about a session anew.
type Admitter interface {
	Admitted(s *session.Session) access.Decision
}

// Options are what a Refresher lives on. The first eight are required.
type Options struct {
	Store     Store
	Providers Providers
	Ender     Ender
	Revoker   Revoker
	Admitter  Admitter
	Audit     Audit
	Logger    *slog.Logger
	Now       func() time.Time // the believed time: a clock that jumps must not reach the limits

	// Alone, if set, is when this process became the only one on the store: marks from
	// before belong to nobody any more, and are not waited for.
	Alone time.Time

	// OnChange is given every record that a refresh has changed, once it is durable.
	OnChange func(*session.Session)

	Timeout      time.Duration // of one request to a provider; 10 s when zero
	Lock         time.Duration // how long a mark keeps other nodes away; 30 s when zero. Must exceed Timeout by 5 s
	MaxWait      time.Duration // how long a caller of Fresh waits; Timeout and 5 s when zero
	CommitWait   time.Duration // how long a flight retries to store an answer; 15 s when zero
	LostLimit    time.Duration // life of a session whose grant is lost; 1 h when zero
	FailingLimit time.Duration // life of a session whose refreshes fail; 1 h when zero. Reconfigure changes it
	Workers      int           // background refreshes at once; 8 when zero
	Tick         time.Duration // pace of Run; 5 s when zero
}

// Refresher refreshes grants. It is safe for concurrent use.
type Refresher struct {
	o      Options
	health *health
	limit  atomic.Int64 // FailingLimit, as it holds now

	mu      sync.Mutex
	flights map[session.ID]*flight
	held    map[session.ID]*answer // answers that the store has not taken yet
}

// New returns a Refresher. Run must be started for background refreshes and for answers
// that the store did not take at first.
func New(o Options) (*Refresher, error) {
	if o.Store == nil || o.Providers == nil || o.Ender == nil || o.Revoker == nil || o.Admitter == nil || o.Audit == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("refresh: Store, Providers, Ender, Revoker, Admitter, Audit, Logger and Now are required")
	}
	if o.OnChange == nil {
		o.OnChange = func(*session.Session) {}
	}
	o.Timeout = orDefault(o.Timeout, 10*time.Second)
	o.Lock = orDefault(o.Lock, 30*time.Second)
	o.MaxWait = orDefault(o.MaxWait, o.Timeout+5*time.Second)
	o.CommitWait = orDefault(o.CommitWait, 15*time.Second)
	o.LostLimit = orDefault(o.LostLimit, time.Hour)
	o.FailingLimit = orDefault(o.FailingLimit, time.Hour)
	o.Workers = orDefault(o.Workers, 8)
	o.Tick = orDefault(o.Tick, 5*time.Second)
	if o.Lock < o.Timeout+5*time.Second {
		return nil, errors.New("refresh: Lock must exceed Timeout by 5 seconds, or a slow answer meets a second request")
	}
	r := &Refresher{
		o: o, health: newHealth(o.Logger, func(e audit.Event) { record(o, e) }),
		flights: map[session.ID]*flight{}, held: map[session.ID]*answer{},
	}
	r.Reconfigure(o.FailingLimit)
	return r, nil
}

// Reconfigure changes how long a session lives whose refreshes fail; an hour when zero.
// Refreshes under way go on.
func (r *Refresher) Reconfigure(failing time.Duration) {
	r.limit.Store(int64(orDefault(failing, time.Hour)))
}

func (r *Refresher) failingLimit() time.Duration { return time.Duration(r.limit.Load()) }

func orDefault[T int | time.Duration](v, standard T) T {
	if v == 0 {
		return standard
	}
	return v
}

// Fresh returns s itself, at once, when nothing is due; else what the refresh under way
// makes of it, whoever began it. Trouble that keeps the session is no error: then s, or
// a newer record, is returned with the tokens it had. *session.EndedError: it ended;
// session.ErrNotFound: the store knows nothing of it.
func (r *Refresher) Fresh(ctx context.Context, s *session.Session) (*session.Session, error) {
	_, policy, ok := r.o.Providers.Provider(s.Provider)
	if now := r.o.Now(); !ok || !r.wants(s, policy, now) ||
		(!r.health.mayTry(s.Provider, s.ID) && !r.overdue(s, policy, now)) {
		return s, nil
	}
	f := r.join(s.ID)
	timer := time.NewTimer(r.o.MaxWait)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-ctx.Done():
		return s, nil
	case <-timer.C:
		return s, nil
	}
	if _, ended := errors.AsType[*session.EndedError](f.err); ended || errors.Is(f.err, session.ErrNotFound) {
		return nil, f.err
	}
	if f.session == nil {
		return s, nil
	}
	return f.session, nil
}

// Wait returns when no refresh is in flight, so that a process that stops strands no
// answer; or when ctx is done.
func (r *Refresher) Wait(ctx context.Context) error {
	for {
		f := r.anyFlight()
		if f == nil {
			return nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (r *Refresher) anyFlight() *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.flights {
		return f
	}
	return nil
}
