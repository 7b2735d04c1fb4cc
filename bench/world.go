package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/freeport"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/refresh"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

const (
	clientID       = "cardea"
	clientSecret   = "bench-secret"
	secretVariable = "CARDEA_BENCH_SECRET"
	// storeWait is long: a machine that is busy with the measurement is no store that hangs.
	storeWait = 10 * time.Second
)

// world is a gateway's folder and configuration, before any process uses it.
type world struct {
	config string // path of the file
	listen string // where the gateway will listen
	origin string // public_url, and where the app is
	cookie string // name of the seat cookie
}

// newWorld writes a configuration for an app at host:port, with a provider that need
// not exist.
func (l *lab) newWorld(name, upstream, issuer string) (*world, error) {
	listen, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	return l.newWorldAt(name, listen, upstream, issuer)
}

func (l *lab) newWorldAt(name, listen, upstream, issuer string) (*world, error) {
	dir, err := l.folder(name)
	if err != nil {
		return nil, err
	}
	ops, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	w := &world{config: filepath.Join(dir, "cardea.yaml"), listen: listen, origin: originAt(listen)}
	w.cookie = httpx.CookiesOf(httpx.Origin(w.origin)).Seat
	text := fmt.Sprintf(`public_url: %s
listen: %s
data_dir: %s
ops: {listen: %s}
providers: [{id: main, kind: oidc, issuer: %q, client_id: %s, client_secret_env: %s}]
apps: [{id: app, url: %q, upstream: %q, record: {cookies: {keep: [theme]}}}]
limits: {store_wait: %s}
`, w.origin, listen, filepath.Join(dir, "data"), ops, issuer, clientID, secretVariable, w.origin, "http://"+upstream, storeWait)
	return w, os.WriteFile(w.config, []byte(text), 0o600)
}

// originAt is the origin under which browsers reach a loopback address.
func originAt(address string) string {
	_, port, _ := net.SplitHostPort(address) // an address of ours always splits
	return "http://localhost:" + port
}

// fill opens n sessions of one person in the world's store and returns their seats.
// They are what sign-ins leave, without a browser.
func (w *world) fill(ctx context.Context, n int) ([]string, error) {
	cfg, err := w.load()
	if err != nil {
		return nil, err
	}
	st, err := openStore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	seats, err := openSessions(ctx, st, w.origin, n)
	return seats, errors.Join(err, st.Close())
}

// load reads the configuration in this process, which has no secrets in its environment.
func (w *world) load() (*config.Config, error) {
	cfg, _, err := config.Load(w.config, func(string) (string, bool) { return clientSecret, true }, os.ReadFile)
	return cfg, err
}

// openStore opens the store of a configuration as the gateway does.
func openStore(ctx context.Context, cfg *config.Config) (*sqlite.Store, error) {
	st, _, err := openKeyed(ctx, cfg)
	return st, err
}

func openKeyed(ctx context.Context, cfg *config.Config) (*sqlite.Store, *keyring.Keyring, error) {
	db, err := sqlite.Open(ctx, sqlite.Options{Path: cfg.Store.SQLite.Path, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return nil, nil, err
	}
	root, _, err := keyring.LoadRoot(cfg.Keys.RootFile)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	keys, err := keyring.Open(ctx, keyring.Options{Root: root, Store: db, Now: time.Now()})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db.Store(keys), keys, nil
}

// openSessions opens sessions from many goroutines, so that they share commits.
func openSessions(ctx context.Context, st *sqlite.Store, origin string, n int) ([]string, error) {
	seats := make([]string, n)
	work := make(chan int)
	errs := make(chan error, 64)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() {
			for i := range work {
				value, hash := session.NewSeatValue()
				seats[i] = value
				s := newSession(time.Now())
				if err := st.OpenSession(ctx, s.CreatedAt, s, session.Seat{Hash: hash, Origin: origin, CreatedAt: s.CreatedAt}, ""); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case work <- i:
		case err = <-errs:
		}
	}
	close(work)
	wg.Wait()
	if err == nil && len(errs) > 0 {
		err = <-errs
	}
	return seats, err
}

// newSession is a session with tokens of a common size that are good for hours.
func newSession(now time.Time) *session.Session {
	token := strings.Repeat("x", 300)
	return &session.Session{
		ID: session.NewID(), Account: "3f7c1d52a9e84b06", Handle: "person", Provider: "main",
		Identity:  oidc.Identity{Issuer: "http://127.0.0.1:1", Subject: "person"},
		CreatedAt: now, AuthTime: now, SeenAt: now, Limits: session.Limits{Idle: 24 * time.Hour, Absolute: 30 * 24 * time.Hour},
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Address: "192.0.2.1", Version: 1,
		Claims:  oidc.Claims{"email": "person@example.com", "email_verified": true, "groups": []any{"staff"}},
		Profile: oidc.Profile{PreferredUsername: "person", Name: "A Person", Email: "person@example.com", EmailBelieved: true, Groups: []string{"staff"}},
		Grant: session.Grant{CheckedAt: now, Tokens: oidc.Tokens{
			AccessToken: token, RefreshToken: token, IDToken: token, TokenType: "Bearer", Scope: "openid", Expiry: now.Add(12 * time.Hour),
		}},
	}
}

// newGuard is a guard with everything that a gateway gives it.
func newGuard(st *sqlite.Store, ttl time.Duration) (*guard.Guard, error) {
	logger := slog.New(slog.DiscardHandler)
	r, err := refresh.New(refresh.Options{
		Store: st, Providers: idle{}, Ender: idle{}, Revoker: idle{}, Admitter: idle{}, Audit: idle{}, Logger: logger, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	return guard.New(guard.Options{Store: st, Refresher: r, Logger: logger, CacheTTL: ttl, LoadWithin: storeWait})
}

// idle stands for what a refresh needs where none is ever due.
type idle struct{}

var errIdle = errors.New("a token that is good for hours was to be refreshed")

func (idle) Provider(string) (refresh.Provider, refresh.Policy, bool) {
	return nil, refresh.Policy{}, true
}
func (idle) Record(context.Context, time.Time, ...audit.Event) error         { return errIdle }
func (idle) End(context.Context, time.Time, session.ID, session.Cause) error { return errIdle }
func (idle) RevokeLater(context.Context, time.Time, *session.Session, oidc.Tokens) error {
	return errIdle
}
func (idle) Admitted(*session.Session) access.Decision { return access.Decision{Allowed: true} }

// request is a small GET as a browser's script sends it, with a seat.
func (w *world) request(path, seat string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, strings.TrimPrefix(w.origin, "http://"))
	b.WriteString("User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
		"Accept: application/json\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en,de;q=0.7\r\n" +
		"Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n")
	fmt.Fprintf(&b, "Cookie: theme=dark; %s=%s\r\n\r\n", w.cookie, seat)
	return b.Bytes()
}

func (w *world) requests(path string, seats []string) [][]byte {
	var list [][]byte
	for _, s := range seats {
		list = append(list, w.request(path, s))
	}
	return list
}
