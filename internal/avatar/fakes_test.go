package avatar

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/session"
)

// memory is a Store; down makes it answer nothing.
type memory struct {
	mu       sync.Mutex
	down     bool
	gone     map[string]error
	pictures map[string]map[string]account.Picture // by account and source
	tries    map[string]account.PictureTry
	writes   int
}

func newMemory() *memory {
	return &memory{gone: map[string]error{}, pictures: map[string]map[string]account.Picture{}, tries: map[string]account.PictureTry{}}
}

func (m *memory) fault(id string) error {
	if m.down {
		return session.ErrUnavailable
	}
	return m.gone[id]
}

func (m *memory) SetPicture(_ context.Context, _ time.Time, id string, p account.Picture) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return true, m.set(id, p)
}

func (m *memory) set(id string, p account.Picture) error {
	if err := m.fault(id); err != nil {
		return err
	}
	if m.pictures[id] == nil {
		m.pictures[id] = map[string]account.Picture{}
	}
	if m.pictures[id][p.Source] = p; len(p.Bytes) == 0 {
		delete(m.pictures[id], p.Source)
	}
	return nil
}

func (m *memory) TriedPicture(_ context.Context, _ time.Time, id string, try account.PictureTry, p *account.Picture) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fault(id); err != nil {
		return false, err
	}
	m.writes++
	m.tries[id] = try
	if p == nil {
		return false, nil
	}
	return true, m.set(id, *p)
}

func (m *memory) PictureOf(_ context.Context, id string) (account.Picture, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, source := range []string{account.PictureUpload, account.PictureProvider} {
		if p, ok := m.pictures[id][source]; ok {
			return p, m.fault(id)
		}
	}
	return account.Picture{}, m.fault(id)
}

func (m *memory) PictureByHash(_ context.Context, hash string) (account.Picture, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, of := range m.pictures {
		for _, p := range of {
			if p.Hash == hash {
				return p, m.fault(id)
			}
		}
	}
	return account.Picture{}, session.ErrNotFound
}

func (m *memory) PictureTry(_ context.Context, id string) (account.PictureTry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tries[id], m.fault(id)
}

func (m *memory) try(id string) account.PictureTry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tries[id]
}

func parsed(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// log is what a logger wrote.
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

func inData(raw []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(raw)
}

// newAvatars are Avatars at a provider on the internet, and one on this machine.
func newAvatars(t testing.TB, n Net, change ...func(*Options)) (*Avatars, *memory, *log) {
	t.Helper()
	store, lines := newMemory(), &log{}
	settings := Settings{Fetch: true, Sources: map[string]Source{
		"world": {Issuer: parsed(t, "https://id.example.com/realms/acme")}, "home": {Issuer: parsed(t, "http://localhost:9000")},
	}}
	o := Options{
		Store: store, Logger: slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: time.Now,
		Settings: func() Settings { return settings }, Net: n,
	}
	for _, c := range change {
		c(&o)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a, store, lines
}
