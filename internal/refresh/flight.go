package refresh

import (
	"context"
	"errors"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	pollEvery   = 200 * time.Millisecond // while another node's request is under way
	maxRequests = 3                      // of one flight, records changing under it
	maxRereads  = 5                      // of one update
	storePause  = time.Second            // after the store did not answer, so that requests do not queue up at it
)

// flight is the one refresh of a session in this process. Its result is read after done.
type flight struct {
	done    chan struct{}
	session *session.Session
	err     error
}

// join returns the session's flight, and starts it when there is none. It does not end
// with the request that started it: an answer that nobody waits for still counts.
func (r *Refresher) join(id session.ID) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flights[id]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	r.flights[id] = f
	go r.fly(id, f)
	return f
}

func (r *Refresher) fly(id session.ID, f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), r.o.Lock+r.o.CommitWait+maxRequests*r.o.Timeout)
	defer cancel()
	f.session, f.err = r.settle(ctx, id)
	if errors.Is(f.err, session.ErrUnavailable) {
		r.health.pause(id, storePause)
	}
	r.mu.Lock()
	delete(r.flights, id)
	r.mu.Unlock()
	close(f.done)
}

// settle takes steps until the record asks for none.
func (r *Refresher) settle(ctx context.Context, id session.ID) (*session.Session, error) {
	if a := r.heldAnswer(id); a != nil {
		if s, err := r.commitOnce(ctx, a); err != nil {
			return s, err
		}
	}
	for requests := 0; ; {
		s, err := r.o.Store.ByID(ctx, id)
		if err != nil {
			return nil, err
		}
		p, policy, ok := r.o.Providers.Provider(s.Provider)
		if !ok {
			return s, nil
		}
		move := r.next(s, policy, r.o.Now())
		if move == stepNone {
			return s, nil
		}
		if move == stepWait {
			if !sleep(ctx, pollEvery) {
				return s, nil
			}
			continue
		}
		if requests++; requests > maxRequests {
			return s, nil
		}
		next, err := r.take(ctx, move, s, p, policy)
		if !errors.Is(err, session.ErrConflict) {
			return next, err
		}
	}
}

// take takes one step. session.ErrConflict: the record is not what it was; look again.
func (r *Refresher) take(ctx context.Context, move step, s *session.Session, p Provider, policy Policy) (*session.Session, error) {
	switch move {
	case stepEnd:
		return nil, r.end(ctx, s, session.CauseUnconfirmed)
	case stepLose:
		return r.lose(ctx, s, session.GrantLost)
	}
	if !r.health.begin(s.Provider, s.ID) {
		if r.overdue(s, policy, r.o.Now()) {
			return nil, r.end(ctx, s, session.CauseUnconfirmed)
		}
		return s, nil
	}
	if move == stepUserinfo {
		return r.recheck(ctx, s, p)
	}
	return r.refresh(ctx, s, p)
}

// amend changes a record that still satisfies mine, reading it anew when it was changed
// meanwhile. session.ErrConflict: it no longer does.
func (r *Refresher) amend(ctx context.Context, s *session.Session, mine func(*session.Session) bool, change func(*session.Session)) (*session.Session, error) {
	for range maxRereads {
		next := *s
		change(&next)
		stored, err := r.o.Store.UpdateSession(ctx, r.o.Now(), &next)
		if !errors.Is(err, session.ErrConflict) {
			return stored, err
		}
		if s, err = r.o.Store.ByID(ctx, s.ID); err != nil {
			return nil, err
		}
		if !mine(s) {
			break
		}
	}
	return s, session.ErrConflict
}

// end has the session ended and returns the *session.EndedError, also when the store
// has not taken the end yet: then the Ender refuses the session in memory.
func (r *Refresher) end(ctx context.Context, s *session.Session, cause session.Cause) error {
	now := r.o.Now()
	r.health.forget(s.ID)
	err := r.o.Ender.End(ctx, now, s.ID, cause)
	if ended, ok := errors.AsType[*session.EndedError](err); ok {
		return ended
	}
	if err != nil {
		r.o.Logger.Error("session could not be ended durably", "session", s.ID, "cause", cause, "err", err)
	} else if _, err := r.o.Store.ByID(ctx, s.ID); err != nil {
		if ended, ok := errors.AsType[*session.EndedError](err); ok {
			return ended
		}
	}
	return &session.EndedError{Tombstone: session.Tombstone{
		Session: s.ID, Account: s.Account, Provider: s.Provider, Identity: s.Identity, SID: s.SID, Cause: cause, EndedAt: now,
	}}
}

// admit asks the rules anew about a record that is durable, and hands it on.
func (r *Refresher) admit(ctx context.Context, s *session.Session) (*session.Session, error) {
	if d := r.o.Admitter.Admitted(s); !d.Allowed {
		r.o.Logger.Info("access withdrawn at refresh", "session", s.ID, "account", s.Account, "reason", d.Reason, "rule", d.Rule)
		return nil, r.end(ctx, s, session.CauseAccessWithdrawn)
	}
	r.o.OnChange(s)
	return s, nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
