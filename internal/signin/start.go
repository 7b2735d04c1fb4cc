package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Start asks for a sign-in.
type Start struct {
	Provider string
	Binding  string // value of the browser's binding cookie
	Target   Target
	Root     string // path of the app's root, for a return path too long to carry; "/" when empty
	SeatFor  string // a seat request of another origin (RequestSeat), or ""

	Fresh bool // the person must authenticate anew
	// Silent asks without interaction, for a new grant of Session. A session whose
	// provider demanded interaction is sent there with it all the same.
	Silent    bool
	MaxAge    time.Duration // the authentication may be no older
	ACRValues []string      // and must be of one of these classes; none: any. At most 256 characters together
	Session   session.ID    // re-authorization of
	LoginHint string
	UILocales string // the language that the person chose (OpenID Connect Core section 3.1.2.1)
	// Link is a live session: the identity that is proven at Provider goes to its account.
	// The person authenticates anew there. It excludes Silent, Session and SeatFor.
	Link session.ID
}

// maxHint keeps an ID token hint from making the URL longer than servers take.
const maxHint = 3000

// Start returns the provider's URL to send the browser to. It writes nothing anywhere.
// Errors: ErrProvider; a *LoopError; ErrAttempt for a Start that cannot be; for Silent,
// *session.EndedError and session.ErrUnavailable of the session; what the provider's
// discovery ends in.
func (s *SignIn) Start(ctx context.Context, now time.Time, st Start) (string, error) {
	p, ok := s.o.Providers.Provider(st.Provider)
	if !ok {
		return "", ErrProvider
	}
	binding, ok := hashBinding(st.Binding)
	if !ok || (st.Silent && (st.Fresh || st.Session == "")) || !st.linkable() || !validSealed(st.SeatFor) || !validClasses(st.ACRValues) {
		return "", ErrAttempt
	}
	if err := s.checkLoop(ctx, now, loopKey{binding: binding, silent: st.Silent}); err != nil {
		return "", err
	}
	st.Fresh = st.Fresh || st.Link != ""
	hint, err := s.expected(ctx, &st)
	if err != nil {
		return "", err
	}
	if st.Silent { // no sign-in: the session goes on with the authentication that it has
		st.MaxAge, st.ACRValues = 0, nil
	}
	root := localOr(st.Root, "/")
	st.Target.Path = localOr(st.Target.Path, root)
	if len(st.Target.Path) > MaxReturnPath {
		st.Target.Path = root
	}
	a := newAttempt(now, binding, st)
	a.demand(s.terms.Load().MaxAge[st.Provider])
	state, err := s.sealAttempt(st.Provider, &a, root)
	if err != nil {
		return "", fmt.Errorf("sealing sign-in attempt: %w", err)
	}
	url, err := p.AuthorizationURL(ctx, oidc.AuthorizationRequest{
		RedirectURI: p.RedirectURI(), State: state, Nonce: a.nonceText(), CodeChallenge: oidc.S256(a.verifierText()),
		Fresh: st.Fresh, Silent: st.Silent, MaxAge: a.maxAge, ACRValues: a.acrValues(),
		LoginHint: st.LoginHint, UILocales: st.UILocales, IDTokenHint: hint,
	})
	if err != nil {
		return "", fmt.Errorf("starting sign-in at %s: %w", st.Provider, err)
	}
	return url, nil
}

func (st *Start) linkable() bool {
	return st.Link == "" || !st.Silent && st.Session == "" && st.SeatFor == ""
}

func validSealed(text string) bool {
	_, err := sealedText.DecodeString(text)
	return err == nil && len(text) <= maxSeatRequest
}

// localOr returns path when it stays on its origin, else fallback.
func localOr(path, fallback string) string {
	if local, ok := httpx.LocalPath(path); ok && local == path {
		return path
	}
	return fallback
}

// expected names the person that a re-authorization without interaction waits for, so
// that a provider with several people signed in answers for the right one. Where the
// provider has said that it must see the person, asking in silence is of no use.
func (s *SignIn) expected(ctx context.Context, st *Start) (hint string, err error) {
	if !st.Silent {
		return "", nil
	}
	current, err := s.o.Store.ByID(ctx, st.Session)
	if err != nil {
		return "", fmt.Errorf("reading session to re-authorize: %w", err)
	}
	st.Silent = current.Grant.State != session.GrantInteraction
	if token := current.Grant.Tokens.IDToken; st.Silent && len(token) <= maxHint {
		return token, nil
	}
	return "", nil
}

// checkLoop refuses a fourth round within a minute of three that brought nothing. A
// browser that shows its session, or a person who used it and signed out, is no loop.
func (s *SignIn) checkLoop(ctx context.Context, now time.Time, key loopKey) error {
	rounds := s.rounds.unseen(now, key)
	if len(rounds) < loopRounds {
		return nil
	}
	for _, r := range rounds {
		if !key.silent && s.wasUsed(ctx, r.session) {
			s.rounds.forget(key)
			return nil
		}
	}
	return &LoopError{Cause: rounds[len(rounds)-1].cause}
}

func (s *SignIn) wasUsed(ctx context.Context, id session.ID) bool {
	found, err := s.o.Store.ByID(ctx, id)
	if ended, ok := errors.AsType[*session.EndedError](err); ok {
		switch ended.Tombstone.Cause {
		case session.CauseRenewed, session.CauseOtherAccount, session.CauseExpired:
			return false
		}
		return true
	}
	return err == nil && found.SeenAt.After(found.CreatedAt)
}
