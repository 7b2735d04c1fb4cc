package refresh

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// answer is a good answer that is not durable yet. Nobody uses its tokens before, and
// while this process lives nobody presents the old ones again.
type answer struct {
	marked *session.Session // the record as it was when the request left
	auth   oidc.Authentication
	at     time.Time
}

func (r *Refresher) hold(s *session.Session, auth oidc.Authentication) *answer {
	auth.Tokens = auth.Tokens.Merge(s.Grant.Tokens)
	a := &answer{marked: s, auth: auth, at: r.o.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[s.ID] = a
	return a
}

func (r *Refresher) heldAnswer(id session.ID) *answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[id]
}

func (r *Refresher) release(a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held[a.marked.ID] == a {
		delete(r.held, a.marked.ID)
	}
}

// commit stores an answer, retrying while the store is down, for a bounded time. After
// that the answer stays in memory for the next flight, and Run.
func (r *Refresher) commit(ctx context.Context, a *answer) (*session.Session, error) {
	wait := 50 * time.Millisecond
	for deadline := time.Now().Add(r.o.CommitWait); ; {
		s, err := r.commitOnce(ctx, a)
		if !unsettled(err) || time.Now().Add(wait).After(deadline) || !sleep(ctx, wait) {
			return s, err
		}
		wait = min(2*wait, 2*time.Second)
	}
}

// commitOnce stores an answer. *session.EndedError: the session ended while the provider
// was asked; the tokens go to the outbox, so that none survives the end.
func (r *Refresher) commitOnce(ctx context.Context, a *answer) (*session.Session, error) {
	stored, err := r.amend(ctx, a.marked, a.fits, a.apply)
	switch {
	case err == nil:
		r.release(a)
		return r.admit(ctx, stored)
	case isGone(err):
		r.release(a)
		r.revoke(ctx, a.marked, a.auth.Tokens)
		return nil, err
	case errors.Is(err, session.ErrConflict) && stored != nil && !a.fits(stored):
		// Another node's answer stands, or this one was stored although the store had not
		// said so: then nothing is left over.
		r.release(a)
		r.revoke(ctx, a.marked, surplus(a.auth.Tokens, stored.Grant.Tokens))
		return r.admit(ctx, stored)
	}
	return nil, err
}

// fits tells whether a record still has the refresh token that the answer replaces, also
// when another node has meanwhile given that token up.
func (a *answer) fits(s *session.Session) bool {
	return s.Grant.Tokens.RefreshToken == a.marked.Grant.Tokens.RefreshToken && !s.Grant.CheckedAt.After(a.at)
}

func (a *answer) apply(next *session.Session) {
	next.Grant = session.Grant{Tokens: a.auth.Tokens, CheckedAt: a.at}
	if a.auth.Claims != nil {
		learn(next, a.auth.Claims, a.auth.Profile)
	}
}

// learn takes what is new of the person. A name is kept where none is told: some providers
// tell it at the first sign-in and never again.
func learn(next *session.Session, c oidc.Claims, p oidc.Profile) {
	p.Name = cmp.Or(p.Name, next.Profile.Name)
	next.Claims, next.Profile = c, p
}

func unsettled(err error) bool {
	return errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrConflict)
}

// isGone tells whether an error says, with certainty, that the session is no more.
func isGone(err error) bool {
	_, ended := errors.AsType[*session.EndedError](err)
	return ended || errors.Is(err, session.ErrNotFound)
}
