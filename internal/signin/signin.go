package signin

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Provider is an OpenID provider as a sign-in needs it.
type Provider interface {
	RedirectURI() string
	// AnswerParams are the authorization response's parameters with the code and with what
	// the provider tells of the person beside it; user is "" where it tells nothing.
	AnswerParams() (code, user string)
	AuthorizationURL(ctx context.Context, r oidc.AuthorizationRequest) (string, error)
	// Exchange may return tokens beside an error: they are to be revoked.
	Exchange(ctx context.Context, now time.Time, x oidc.CodeExchange) (oidc.Authentication, error)
}

// Providers finds a configured provider.
type Providers interface {
	Provider(id string) (Provider, bool)
}

// Store keeps sessions and remembers single-use values. All methods return an error
// that wraps session.ErrUnavailable when the store does not answer.
type Store interface {
	// OpenSession stores s with its first seat, durably. Where replaces is not empty that
	// session's seats move to s and it ends as renewed. *session.EndedError: the provider
	// ended this sign-in meanwhile, or the replaced session had ended.
	OpenSession(ctx context.Context, now time.Time, s *session.Session, seat session.Seat, replaces session.ID) error
	BySeat(ctx context.Context, h session.SeatHash) (*session.Session, session.Seat, error)
	ByID(ctx context.Context, id session.ID) (*session.Session, error)
	AddSeat(ctx context.Context, now time.Time, id session.ID, seat session.Seat) error
	// Use returns nil to the first caller for a key, ErrUsed to all others.
	Use(ctx context.Context, now time.Time, key session.SeatHash, until time.Time) error
}

// Accounts finds the account of an identity or makes it, durably.
type Accounts interface {
	Admit(ctx context.Context, now time.Time, a account.Admission) (acc account.Account, created bool, err error)
	// AccountOf returns the account that an identity has, or session.ErrNotFound, and makes
	// none.
	AccountOf(ctx context.Context, id oidc.Identity) (account.Account, error)
	// AdmitByEmail is Admit for a provider whose verified e-mails link identities.
	AdmitByEmail(ctx context.Context, now time.Time, a account.Admission, t account.Trusts) (account.Admitted, error)
	// Link returns account.ErrTaken, account.ErrDisabled, and, of the session that the
	// linking happens in, *session.EndedError.
	Link(ctx context.Context, now time.Time, l account.Linking) (linked bool, err error)
}

// Sealer encrypts and authenticates, bound to a purpose and a record.
type Sealer interface {
	Seal(purpose, record string, plaintext []byte) ([]byte, error)
	Unseal(purpose, record string, sealed []byte) ([]byte, error)
}

// Ender ends a session (package signout). A session that has ended is no error.
type Ender interface {
	End(ctx context.Context, now time.Time, id session.ID, cause session.Cause) error
}

// Refresher gives a session the grant of a re-authorization (package refresh). It owns
// the tokens: when it fails it sees to their revocation.
type Refresher interface {
	Replace(ctx context.Context, now time.Time, s *session.Session, a oidc.Authentication) (*session.Session, error)
}

// Revoker writes tokens that nobody will use into the outbox.
type Revoker interface {
	RevokeLater(ctx context.Context, now time.Time, s *session.Session, t oidc.Tokens) error
}

// Options are what a SignIn lives on. MaxAge, Clients, Admission, Reserved and Moved may be left out.
type Options struct {
	Providers Providers
	Store     Store
	Accounts  Accounts
	Sealer    Sealer
	Ender     Ender
	Refresher Refresher
	Revoker   Revoker
	Audit     Audit
	Logger    *slog.Logger

	Origin   string            // the gateway's own, where callbacks arrive
	Terms                      // until Reconfigure brings others
	Reserved func(string) bool // handles that only the operator gives, beyond account.Reserved
	// Moved is told that a session goes on under a new id.
	Moved func(old, new session.ID)
}

// Terms are what sign-ins hang on that may change while people sign in. They are not
// changed once they were given.
type Terms struct {
	Limits session.Limits // of new sessions: the widest of all apps
	// MaxAge is, by provider, how old the authentication may be whenever somebody signs in
	// there; no entry: any age. It asks nothing of a session that is open.
	MaxAge    map[string]time.Duration
	Clients   map[string]string // marks of the session.Client that sessions are opened as, by provider
	Admission *access.Policy    // who may have an account
	// LinkByEmail tells whether the operator trusts a provider so far that one of its
	// verified e-mails links an identity to the account that has the same, and whether
	// identities of the issuer are that provider's. nil: none.
	LinkByEmail account.Trusts
}

// SignIn starts and finishes sign-ins. It is safe for concurrent use.
type SignIn struct {
	o      Options
	terms  atomic.Pointer[Terms]
	turns  *turns
	rounds *rounds
	recent *recent
}

// New returns a SignIn.
func New(o Options) (*SignIn, error) {
	if o.Providers == nil || o.Store == nil || o.Accounts == nil || o.Sealer == nil || o.Ender == nil ||
		o.Refresher == nil || o.Revoker == nil || o.Audit == nil || o.Logger == nil || o.Origin == "" {
		return nil, errors.New("signin: Providers, Store, Accounts, Sealer, Ender, Refresher, Revoker, Audit, Logger and Origin are required")
	}
	if o.Moved == nil {
		o.Moved = func(_, _ session.ID) {}
	}
	s := &SignIn{o: o, turns: newTurns(), rounds: newRounds(), recent: newRecent()}
	s.Reconfigure(o.Terms)
	return s, nil
}

// Reconfigure makes other terms hold for what begins from now on. A callback that is being
// answered ends under those that it began under.
func (s *SignIn) Reconfigure(t Terms) { s.terms.Store(&t) }

// Seen says that a browser sent this seat back: whatever opened it was no loop. It is
// cheap and may be called for every seat that is looked up in the store.
func (s *SignIn) Seen(seat session.SeatHash) { s.rounds.seen(seat) }

// Target is where a sign-in goes when it is done: a local path with its query, as
// httpx.LocalPath accepts it, at an origin that Cardea serves.
type Target struct{ Origin, Path string }

// bindingHash names a browser: the hash of the binding value that its cookie holds.
type bindingHash [sha256.Size]byte

// hashBinding reports false for what cannot be a binding value.
func hashBinding(value string) (bindingHash, bool) {
	if len(value) < 32 || len(value) > 128 {
		return bindingHash{}, false
	}
	return sha256.Sum256([]byte("browser\x00" + value)), true
}
