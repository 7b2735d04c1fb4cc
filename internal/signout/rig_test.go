package signout

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// events is what happened, in order.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, what)
}

func (e *events) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// hearer is a cache or a register of connections.
type hearer struct {
	name   string
	events *events
	mu     sync.Mutex
	heard  []session.Tombstone
}

func (h *hearer) Ended(t session.Tombstone) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = append(h.heard, t)
	h.events.add(h.name)
	return 1
}

func (h *hearer) all() []session.Tombstone {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.heard)
}

// rig is a SignOut with everything that it lives on.
type rig struct {
	*SignOut
	store    *fakeStore
	provider *fakeProvider
	cache    *hearer
	conns    *hearer
	events   *events
	logs     *syncBuffer
	now      time.Time
	apps     []string
	kicked   func() // an outbox that wakes
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// keycloakLike ends its session with a revocation and can be called by the server.
func keycloakLike() record.Record {
	return record.Record{
		SignOut:    record.SignOut{Kind: record.SignOutOIDC, ServerCall: record.ServerRefreshToken, EndsSSOByDefault: record.Yes},
		Revocation: record.Revocation{Kind: record.RevocationRFC7009, Ends: record.RevocationEndsSession},
	}
}

func newRig(t *testing.T, list ...*session.Session) *rig {
	t.Helper()
	return newRigWithApps(t, nil, list...)
}

// newRigWithApps has apps whose own logout can be called.
func newRigWithApps(t *testing.T, apps []string, list ...*session.Session) *rig {
	t.Helper()
	e := &events{}
	r := &rig{
		store: newStore(e, list...), events: e, now: start, logs: &syncBuffer{},
		apps: apps, provider: &fakeProvider{rec: keycloakLike(), byBrowser: true, byServer: true},
		cache: &hearer{name: "cache", events: e}, conns: &hearer{name: "connections", events: e},
	}
	var err error
	r.SignOut, err = New(Options{
		Store: r.store, Receipts: r.store, Outbox: r.store, Hearers: []Hearer{r.cache, r.conns},
		Providers: func(id string) (Provider, bool) { return r.provider, id == "main" },
		Kick: func() {
			e.add("kick")
			if r.kicked != nil {
				r.kicked()
			}
		},
		Logger: slog.New(slog.NewTextHandler(r.logs, nil)), Now: func() time.Time { return r.now },
		Flush: func(context.Context) error {
			if r.store.flushed != nil {
				r.store.flushed()
			}
			return nil
		},
		Connections:  func(session.ID) int { return 3 },
		SignedOutURL: "https://gate.example/.cardea/signed-out", Terms: Terms{Apps: r.apps, Absolute: 24 * time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// configure makes the rig's gateway one that is these clients at its providers.
func (r *rig) configure(list ...session.Client) *Clients {
	c := NewClients(r.store, list)
	r.Reconfigure(Terms{Apps: r.apps, Absolute: 24 * time.Hour, Clients: c})
	return c
}

func someone(id session.ID) *session.Session {
	return &session.Session{
		ID: id, Account: "ada", Provider: "main", Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "ada"}, SID: "sid-" + string(id),
		CreatedAt: start.Add(-time.Hour), SeenAt: start.Add(-time.Minute), Limits: session.Limits{Idle: time.Hour, Absolute: 12 * time.Hour}, Version: 4,
		Grant: session.Grant{Tokens: oidc.Tokens{AccessToken: "at-secret", RefreshToken: "rt-secret", IDToken: "idt-secret"}},
	}
}
