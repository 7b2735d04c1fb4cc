package guard

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

const origin = "https://app.example"

// store is an in-memory Store that can hang or fail, and counts what it is asked.
type store struct {
	mu       sync.Mutex
	sessions map[session.ID]*session.Session
	seats    map[session.SeatHash]session.Seat
	of       map[session.SeatHash]session.ID
	ended    map[session.ID]session.Tombstone
	touched  map[session.ID]time.Time
	hang     chan struct{} // reads and pings wait for it when not nil
	err      error
	before   func() // called in BySeat after the answer is known
	reads    atomic.Int64
	touches  atomic.Int64
}

func newStore() *store {
	return &store{
		sessions: map[session.ID]*session.Session{}, seats: map[session.SeatHash]session.Seat{}, of: map[session.SeatHash]session.ID{},
		ended: map[session.ID]session.Tombstone{}, touched: map[session.ID]time.Time{},
	}
}

// open stores a session with a seat and returns the cookie's value.
func (s *store) open(sess *session.Session) string {
	value, hash := session.NewSeatValue()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[sess.ID] = sess
	s.seats[hash] = session.Seat{Hash: hash, Origin: origin, CreatedAt: sess.CreatedAt}
	s.of[hash] = sess.ID
	return value
}

func (s *store) end(id session.ID, cause session.Cause) session.Tombstone {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := session.Tombstone{Session: id, Cause: cause, Seq: int64(len(s.ended) + 1)}
	s.ended[id] = t
	return t
}

func (s *store) set(hang chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang, s.err = hang, err
}

func (s *store) wait(ctx context.Context) error {
	s.mu.Lock()
	hang, err := s.hang, s.err
	s.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return session.ErrUnavailable
		}
	}
	return err
}

func (s *store) BySeat(ctx context.Context, h session.SeatHash) (*session.Session, session.Seat, error) {
	s.reads.Add(1)
	if err := s.wait(ctx); err != nil {
		return nil, session.Seat{}, err
	}
	s.mu.Lock()
	id, ok := s.of[h]
	sess, seat := s.sessions[id], s.seats[h]
	tomb, ended := s.ended[id]
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before()
	}
	switch {
	case !ok:
		return nil, session.Seat{}, session.ErrNotFound
	case ended:
		return nil, session.Seat{}, &session.EndedError{Tombstone: tomb}
	}
	return sess, seat, nil
}

func (s *store) Touch(ctx context.Context, list []session.Touch) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	s.touches.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range list {
		s.touched[t.ID] = t.SeenAt
	}
	return nil
}

func (s *store) Ping(ctx context.Context) error { return s.wait(ctx) }

type refresher func(ctx context.Context, s *session.Session) (*session.Session, error)

func (f refresher) Fresh(ctx context.Context, s *session.Session) (*session.Session, error) {
	return f(ctx, s)
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func person(now time.Time) *session.Session {
	return &session.Session{
		ID: session.NewID(), Account: "acc1", Handle: "alice", Provider: "main",
		Identity: oidc.Identity{Issuer: "https://idp", Subject: "1"}, CreatedAt: now, AuthTime: now, SeenAt: now,
		Limits: session.Limits{Idle: time.Hour, Absolute: 24 * time.Hour}, Version: 1,
		Profile: oidc.Profile{Groups: []string{"staff"}}, ACR: "silver",
	}
}

// fixture is a guard with its store and one session.
type fixture struct {
	*Guard
	store *store
	app   *App
	sess  *session.Session
	seat  string
}

func newFixture(t testing.TB, o Options) *fixture {
	t.Helper()
	st := newStore()
	o.Store, o.Logger = st, quiet()
	o.LoadWithin = orDefault(o.LoadWithin, time.Minute) // a busy machine is no store that hangs
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := person(time.Now())
	return &fixture{Guard: g, store: st, app: &App{ID: "chat", Origin: origin}, sess: s, seat: st.open(s)}
}

func (f *fixture) ask(now time.Time) Verdict {
	return f.Check(context.Background(), now, f.query())
}

func (f *fixture) query() Query {
	return Query{App: f.app, Origin: origin, Seat: f.seat, RawPath: "/", Active: true}
}

func want(t *testing.T, v Verdict, o Outcome) {
	t.Helper()
	if v.Outcome != o {
		t.Fatalf("outcome %v, want %v (decision %+v, ended %+v, err %v)", v.Outcome, o, v.Decision, v.Ended, v.Err)
	}
}

func group(name string) *access.Policy { return &access.Policy{Name: name, Groups: []string{name}} }

func contextWithCancel() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}
