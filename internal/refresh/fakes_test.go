package refresh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// memStore obeys the documented semantics in memory, for one session or more.
type memStore struct {
	mu       sync.Mutex
	sessions map[session.ID]*session.Session
	ended    map[session.ID]session.Tombstone
	down     func(write bool) bool // does it fail?
	applies  bool                  // failing writes are applied nevertheless
	writes   int
	reads    int
}

func (m *memStore) unavailable(write bool) bool { return m.down != nil && m.down(write) }

func (m *memStore) ByID(_ context.Context, id session.ID) (*session.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.unavailable(false) {
		return nil, fmt.Errorf("reading: %w", session.ErrUnavailable)
	}
	if t, gone := m.ended[id]; gone {
		return nil, &session.EndedError{Tombstone: t}
	}
	if s, ok := m.sessions[id]; ok {
		return s, nil
	}
	return nil, session.ErrNotFound
}

func (m *memStore) UpdateSession(_ context.Context, _ time.Time, s *session.Session) (*session.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fails := m.unavailable(true)
	if fails && !m.applies {
		return nil, fmt.Errorf("writing: %w", session.ErrUnavailable)
	}
	if t, gone := m.ended[s.ID]; gone {
		return nil, &session.EndedError{Tombstone: t}
	}
	if m.sessions[s.ID].Version != s.Version {
		return nil, session.ErrConflict
	}
	next := *s
	next.Version++
	m.sessions[s.ID] = &next
	m.writes++
	if fails {
		return nil, fmt.Errorf("writing: %w", session.ErrUnavailable)
	}
	return &next, nil
}

func (m *memStore) get(id session.ID) *session.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[id]
}

func (m *memStore) set(id session.ID, change func(*session.Session)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := *m.sessions[id]
	change(&next)
	next.Version++
	m.sessions[id] = &next
}

// idp rotates single-use refresh tokens: one that was used is refused.
type idp struct {
	mu       sync.Mutex
	n        int
	current  string
	requests []time.Time
	userinfo []time.Time
	delay    time.Duration
	hang     bool  // answers nothing, having acted
	err      error // instead of an answer
	answer   func(*oidc.Authentication)
	person   error // of userinfo
	claims   oidc.Claims
}

func (p *idp) Refresh(ctx context.Context, now time.Time, old oidc.Tokens, want oidc.Identity) (oidc.Authentication, error) {
	p.mu.Lock()
	p.requests = append(p.requests, now)
	delay, hang, failure := p.delay, p.hang, p.err
	p.mu.Unlock()
	if delay > 0 && !sleep(ctx, delay) {
		return oidc.Authentication{}, &oidc.UnreachableError{Sent: true, Err: context.DeadlineExceeded}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if failure != nil {
		return oidc.Authentication{}, failure
	}
	if old.RefreshToken != p.current {
		return oidc.Authentication{}, &oidc.Error{Code: oidc.InvalidGrant, Status: 400}
	}
	p.n++
	p.current = fmt.Sprintf("refresh-%d", p.n)
	a := oidc.Authentication{Identity: want, Tokens: oidc.Tokens{
		AccessToken: fmt.Sprintf("access-%d", p.n), RefreshToken: p.current, IDToken: old.IDToken, Expiry: now.Add(5 * time.Minute),
	}}
	if p.answer != nil {
		p.answer(&a)
	}
	if hang {
		p.mu.Unlock()
		<-ctx.Done()
		p.mu.Lock()
		return oidc.Authentication{}, &oidc.UnreachableError{Sent: true, Err: ctx.Err()}
	}
	return a, nil
}

func (p *idp) Userinfo(_ context.Context, now time.Time, _ oidc.Tokens, _ oidc.Identity) (oidc.Claims, oidc.Profile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.userinfo = append(p.userinfo, now)
	return p.claims, oidc.Profile{Name: p.claims.String("name")}, p.person
}

func (p *idp) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *idp) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

// world is one store and one provider, around which nodes are made.
type world struct {
	t      *testing.T
	store  *memStore
	idp    *idp
	policy Policy
	log    strings.Builder
	offset time.Duration // by which the clock is wrong

	mu      sync.Mutex
	ends    []session.Cause
	revoked []oidc.Tokens
	changed int
	denied  bool
	endErr  error
	trail   []audit.Event
}

func newWorld(t *testing.T) *world {
	return &world{t: t, idp: &idp{current: "refresh-0"}, policy: Policy{Recheck: 10 * time.Minute},
		store: &memStore{sessions: map[session.ID]*session.Session{}, ended: map[session.ID]session.Tombstone{}}}
}

// session is signed in now, with tokens for a minute, and a refresh token.
func (w *world) session(id session.ID) *session.Session {
	now := time.Now()
	s := &session.Session{
		ID: id, Account: "account", Provider: "main", Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "ann"},
		CreatedAt: now, SeenAt: now, Version: 1, Claims: oidc.Claims{"name": "Ann"}, Profile: oidc.Profile{Name: "Ann"},
		Grant: session.Grant{CheckedAt: now, Tokens: oidc.Tokens{
			AccessToken: "access-0", RefreshToken: "refresh-0", IDToken: "id-0", Expiry: now.Add(time.Minute),
		}},
	}
	w.store.sessions[id] = s
	return s
}

func (w *world) Provider(id string) (Provider, Policy, bool) { return w.idp, w.policy, id == "main" }

func (w *world) End(_ context.Context, now time.Time, id session.ID, cause session.Cause) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = append(w.ends, cause)
	if w.endErr != nil {
		return w.endErr
	}
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if s, ok := w.store.sessions[id]; ok {
		w.revoked = append(w.revoked, s.Grant.Tokens)
	}
	w.store.ended[id] = session.Tombstone{Session: id, Cause: cause, EndedAt: now}
	delete(w.store.sessions, id)
	return nil
}

func (w *world) RevokeLater(_ context.Context, _ time.Time, _ *session.Session, t oidc.Tokens) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.revoked = append(w.revoked, t)
	return nil
}

func (w *world) Record(_ context.Context, _ time.Time, e ...audit.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trail = append(w.trail, e...)
	return nil
}

func (w *world) Admitted(*session.Session) access.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	return access.Decision{Allowed: !w.denied, Reason: access.ReasonGroup}
}

func (w *world) node(change ...func(*Options)) *Refresher {
	w.t.Helper()
	o := Options{
		Store: w.store, Providers: w, Ender: w, Revoker: w, Admitter: w, Audit: w,
		Logger: slog.New(slog.NewTextHandler(io.MultiWriter(&w.log), nil)), Now: func() time.Time { return time.Now().Add(w.offset) },
		OnChange: func(*session.Session) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.changed++
		},
	}
	for _, c := range change {
		c(&o)
	}
	r, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) fresh(r *Refresher, s *session.Session) *session.Session {
	w.t.Helper()
	got, err := r.Fresh(w.t.Context(), s)
	if err != nil {
		w.t.Fatalf("fresh: %v", err)
	}
	return got
}

func endedBy(err error) session.Cause {
	if e, ok := errors.AsType[*session.EndedError](err); ok {
		return e.Tombstone.Cause
	}
	return ""
}
