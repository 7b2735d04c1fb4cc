package vault

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	chat = httpx.Origin("https://chat.example.com")
	sid  = session.ID("s1")
)

type row struct {
	data    []byte
	version int64
}

// store is an in-memory Store that can hang, fail, lose races and say that sessions ended.
type store struct {
	mu     sync.Mutex
	rows   map[key]row
	ended  map[session.ID]bool
	err    error         // of every call
	saveAs error         // of SaveVault alone
	hang   chan struct{} // calls wait for it when not nil
	before func(k key)   // called by SaveVault before it compares
	loads  int
	saves  int
}

func newStore() *store { return &store{rows: map[key]row{}, ended: map[session.ID]bool{}} }

func (s *store) enter(ctx context.Context, id session.ID, ended bool) error {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return session.ErrUnavailable
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if s.ended[id] && !ended {
		return &session.EndedError{Tombstone: session.Tombstone{Session: id, Cause: session.CauseButton}}
	}
	return nil
}

func (s *store) LoadVault(ctx context.Context, id session.ID, app string) ([]byte, int64, error) {
	s.mu.Lock()
	s.loads++
	s.mu.Unlock()
	if err := s.enter(ctx, id, false); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[key{id, app}]
	return slices.Clone(r.data), r.version, nil
}

func (s *store) SaveVault(ctx context.Context, _ time.Time, id session.ID, app string, version int64, data []byte) (int64, error) {
	k := key{id, app}
	if s.before != nil {
		s.before(k)
	}
	if err := s.enter(ctx, id, false); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	if s.saveAs != nil {
		return 0, s.saveAs
	}
	if s.rows[k].version != version {
		return 0, session.ErrConflict
	}
	s.rows[k] = row{slices.Clone(data), version + 1}
	return version + 1, nil
}

func (s *store) EndedVault(ctx context.Context, id session.ID, app string) ([]byte, error) {
	if err := s.enter(ctx, id, true); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rows[key{id, app}].data), nil
}

func (s *store) DropVault(ctx context.Context, id session.ID, app string) error {
	if err := s.enter(ctx, id, true); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, key{id, app})
	return nil
}

func (s *store) set(err, saveAs error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.saveAs = err, saveAs
}

func (s *store) counts() (loads, saves int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads, s.saves
}

// stored returns what a process that starts now would find.
func (s *store) stored(t testing.TB, k key) *jar {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := decode(s.rows[k].data, time.Now().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// log collects what operators read.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rig is one app with its vault, driven as the proxy does, and a browser's cookies as
// one Cookie line.
type rig struct {
	t     testing.TB
	store *store
	vault *Vault
	app   *App
	log   *log
}

// newRig's vault is patient: a busy machine is no store that hangs.
func newRig(t testing.TB, s *store, r Rules) *rig {
	t.Helper()
	rig := newImpatientRig(t, s, r)
	rig.vault.loading, rig.vault.saving = time.Minute, time.Minute
	return rig
}

// newImpatientRig's vault gives a store up as in production. It is for synctest bubbles.
func newImpatientRig(t testing.TB, s *store, r Rules) *rig {
	t.Helper()
	l := &log{}
	v, err := New(Options{Store: s, Logger: slog.New(slog.NewTextHandler(l, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if r.App == "" {
		r.App = "chat"
	}
	if r.Mode == "" {
		r.Mode = On
	}
	a, err := v.App(r)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, store: s, vault: v, app: a, log: l}
}

func get(target string, header ...string) *http.Request {
	in := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		in.Header.Add(header[i], header[i+1])
	}
	return in
}

// request returns the Cookie line that the app gets, and the lines that expire.
func (r *rig) request(target, cookies string, header ...string) (line string, drop []string) {
	r.t.Helper()
	if cookies != "" {
		header = append(header, "Cookie", cookies)
	}
	lines, drop, err := r.app.Request(r.t.Context(), sid, chat, get(target, header...))
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.Join(lines, " | "), drop
}

// response passes an answer's Set-Cookie lines by the vault and returns what goes on.
func (r *rig) response(target string, lines ...string) []string {
	r.t.Helper()
	return r.answer(get(target), lines...)
}

func (r *rig) answer(in *http.Request, lines ...string) []string {
	r.t.Helper()
	h := http.Header{"Set-Cookie": lines}
	if err := r.app.Response(r.t.Context(), sid, chat, in, h); err != nil {
		r.t.Fatal(err)
	}
	return h["Set-Cookie"]
}

// expires tells whether lines delete a cookie, and from where.
func expires(lines []string, name, domain, path string) bool {
	for _, line := range lines {
		c, refused := parseSetCookie(line)
		m, late := c.at(source{host: hostname(chat), path: "/", secure: true, now: time.Now()})
		if refused == "" && late == "" && m.expired && c.name == name && c.domain == domain && m.path == path {
			return true
		}
	}
	return false
}

func mustOrigin(t testing.TB, s string) httpx.Origin {
	t.Helper()
	scheme, host, _ := strings.Cut(s, "://")
	o, err := httpx.MakeOrigin(scheme, host)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
