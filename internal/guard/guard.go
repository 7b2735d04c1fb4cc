package guard

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/session"
)

// App is what the guard knows of an app. It is not changed once it has been used.
type App struct {
	ID        string
	Origin    string         // scheme://host[:port]
	Providers []string       // ids whose sign-ins it takes; empty: all
	Admission *access.Policy // of the installation; nil admits everybody
	Access    *access.Policy // of the app; nil admits everybody admitted
	Paths     []PathRule     // what holds below or at certain paths instead
	Limits    session.Limits // of the app; zero fields set none
	MaxAge    time.Duration  // how long ago the person may have authenticated; zero: any time
	ACR       []string       // classes of which the authentication must have one; none: any
}

// PathRule says what holds at a path or below it. The longest path that matches rules,
// an exact one before a prefix of the same length.
type PathRule struct {
	Path   string // decoded, starts with "/"; a prefix ends at a segment boundary
	Exact  bool
	Public bool // passed on without a session, with the identity when there is one
	Bearer bool // passed on without a session when it carries an Authorization header
	// BareToken, with Bearer, takes an Authorization header without a scheme as well.
	BareToken bool
	Access    *access.Policy // instead of the app's
	MaxAge    time.Duration  // instead of the app's
	ACR       []string       // instead of the app's
}

// Query is what a verdict hangs on.
type Query struct {
	App     *App
	Origin  string // that the client addressed
	Seat    string // value of the seat cookie, unchecked
	RawPath string // as on the wire, without the query
	Bearer  bool   // the request carries an Authorization header of its own
	// BareToken: it carries one that names no scheme.
	BareToken bool
	Active    bool // the request is a person's doing and keeps the session from idling
}

// Outcome is the kind of a verdict.
type Outcome int

// Outcomes. The zero Outcome lets nobody in.
const (
	NoSession   Outcome = iota // none, ended, expired, or of another origin
	Allow                      // pass it on with the session's identity
	Denied                     // Verdict.Decision says which rule refused
	Unavailable                // the store did not answer: not the same as no session
	Reauthorize                // Allow, but the next navigation should go to the provider
	TooOld                     // alive, but this app's limits or max_age want a new sign-in
	BadPath                    // malformed, or readable in too many ways
	TooWeak                    // alive, but authenticated in no class that this path demands
)

var outcomeNames = [...]string{"no-session", "allow", "denied", "unavailable", "reauthorize", "too-old", "bad-path", "too-weak"}

func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return "unknown"
	}
	return outcomeNames[o]
}

// Verdict is the answer to a Query. Session is set for Allow, Reauthorize, TooOld and
// TooWeak, and for Denied unless nobody at all could be let in; it is never to be changed.
type Verdict struct {
	Outcome  Outcome
	Session  *session.Session
	Decision access.Decision
	Ended    *session.Tombstone // why there is no session, where it is known
	Public   bool               // the path is public: pass it on, whatever the outcome but Unavailable and BadPath
	Bearer   bool               // so is a request with its own Authorization
	MaxAge   time.Duration      // what a sign-in for this path has to satisfy; zero: any age
	ACR      []string           // and the classes of which it must have one; none: any
	Err      error              // with Unavailable: the cause, for the log

	app          *App // what was asked about, for Holds
	origin, path string
}

// Live tells whether the session's identity may be passed on.
func (v Verdict) Live() bool { return v.Outcome == Allow || v.Outcome == Reauthorize }

// Holds tells whether a session would still be let in where this verdict let it in:
// connections outlive the request that opened them, and meanwhile rules about groups and
// claims may cease to be satisfied, and the rules may change. at returns the app that is
// served at an origin and a path now, nil where none is; a connection does not hold where
// that is another app. It may be called at any time.
func (v Verdict) Holds(at func(origin, path string) *App, s *session.Session) bool {
	if v.app == nil {
		return true
	}
	app := at(v.origin, v.path)
	if app == nil || app.ID != v.app.ID {
		return false
	}
	rule, ok := app.ruleOf(v.path)
	if !ok || rule.public {
		return ok
	}
	if rule.acr != nil && !slices.Contains(rule.acr, s.ACR) {
		return false
	}
	return decide(&snapshot{session: s}, app, rule).Allowed
}

// Store is where sessions are kept.
type Store interface {
	BySeat(ctx context.Context, hash session.SeatHash) (*session.Session, session.Seat, error)
	Touch(ctx context.Context, touches []session.Touch) error
	Ping(ctx context.Context) error
}

// Refresher renews a session's grant when it is due.
type Refresher interface {
	// Fresh returns s itself, at once, when nothing is due.
	Fresh(ctx context.Context, s *session.Session) (*session.Session, error)
}

// Options are what a Guard lives on. Store and Logger are required.
type Options struct {
	Store     Store
	Refresher Refresher // nil: grants are left alone
	Logger    *slog.Logger
	// Now is the believed time, asked before a limit ends a session: one that a clock's
	// jump does not mislead until it is confirmed. Nil stands for time.Now.
	Now func() time.Time

	CacheTTL   time.Duration // bound of a cached session's age; 5 s when zero
	CacheSize  int           // bound of cached seats; 65,536 when zero
	FlushEvery time.Duration // how often activity is written; 15 s when zero
	// LoadWithin bounds how long a verdict waits for the store; 900 ms when zero, so
	// that an outage is told within a second.
	LoadWithin time.Duration
}

const (
	defaultTTL        = 5 * time.Second
	defaultCacheSize  = 1 << 16
	defaultFlushEvery = 15 * time.Second
	defaultLoadWithin = 900 * time.Millisecond
	// beatLost is how long the store may be silent before the cache is bypassed.
	beatLost = time.Second
	// maxLoads bounds the reads under way, so that a hanging store costs bounded memory.
	maxLoads = 256
)

// Guard gives verdicts. It is safe for concurrent use.
type Guard struct {
	store      Store
	refresher  Refresher
	log        *slog.Logger
	now        func() time.Time
	ttl        time.Duration
	flushEvery time.Duration
	loadWithin atomic.Int64 // nanoseconds

	base  time.Time // origin of the guard's own monotonic time
	beat  atomic.Int64
	drops atomic.Uint64 // the sequence that Drop stamps cells with
	floor atomic.Uint64 // the stamp that DropAll put on all of them
	cache cache
	loads chan struct{}

	refusing atomic.Int64 // len(refused), readable without the lock
	refuseMu sync.Mutex
	refused  map[session.ID]*session.Tombstone

	dirtyMu sync.Mutex
	dirty   []*cell // cells whose activity is not written yet
}

// New returns a Guard. Its Run must be running: without the heartbeat the cache is
// bypassed, and without the flush activity is lost.
func New(o Options) (*Guard, error) {
	if o.Store == nil || o.Logger == nil {
		return nil, errors.New("guard: Store and Logger are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Guard{
		store: o.Store, refresher: o.Refresher, log: o.Logger, now: o.Now,
		ttl: orDefault(o.CacheTTL, defaultTTL), flushEvery: orDefault(o.FlushEvery, defaultFlushEvery),
		base: time.Now(), loads: make(chan struct{}, maxLoads), refused: map[session.ID]*session.Tombstone{},
	}
	g.Reconfigure(o.LoadWithin)
	size := o.CacheSize
	if size <= 0 {
		size = defaultCacheSize
	}
	g.cache.init(size)
	return g, nil
}

// Reconfigure changes how long a verdict waits for the store; 900 ms when zero.
func (g *Guard) Reconfigure(loadWithin time.Duration) {
	g.loadWithin.Store(int64(orDefault(loadWithin, defaultLoadWithin)))
}

func (g *Guard) patience() time.Duration { return time.Duration(g.loadWithin.Load()) }

func orDefault(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}

// mono is the time since the guard was made, untouched by changes of the clock.
func (g *Guard) mono() time.Duration { return time.Since(g.base) }

// Drop makes the guard forget a session at once: what is cached, and what loads under
// way will bring. The next verdict asks the store.
func (g *Guard) Drop(id session.ID) {
	n := g.drops.Add(1)
	g.cache.cell(id, g.mono()).drop(n)
}

// DropAll is Drop for every session.
func (g *Guard) DropAll() { stamp(&g.floor, g.drops.Add(1)) }

// Refuse refuses a session that has ended though the store does not know it yet. It
// stays refused until Settle, or until the store itself says that it ended.
func (g *Guard) Refuse(id session.ID) {
	g.RefuseAs(session.Tombstone{Session: id, EndedAt: g.now()})
}

// RefuseAs is Refuse with what verdicts are to say of the end.
func (g *Guard) RefuseAs(t session.Tombstone) {
	g.refuseMu.Lock()
	if _, ok := g.refused[t.Session]; !ok {
		g.refused[t.Session] = &t
		g.refusing.Store(int64(len(g.refused)))
	}
	g.refuseMu.Unlock()
	g.Drop(t.Session)
}

// Ended hears of an end: one that the store knows has a sequence number and drops the
// session, any other is refused in memory until the store knows. It closes nothing.
func (g *Guard) Ended(t session.Tombstone) (closed int) {
	if t.Seq == 0 {
		g.RefuseAs(t)
	} else {
		g.Settle(t.Session)
	}
	return 0
}

// Settle says that the end of a refused session is durable now.
func (g *Guard) Settle(id session.ID) {
	g.Drop(id)
	g.refuseMu.Lock()
	defer g.refuseMu.Unlock()
	delete(g.refused, id)
	g.refusing.Store(int64(len(g.refused)))
}

// refusal returns what is to be said of a refused session, nil for any other.
func (g *Guard) refusal(id session.ID) *session.Tombstone {
	if g.refusing.Load() == 0 {
		return nil
	}
	g.refuseMu.Lock()
	defer g.refuseMu.Unlock()
	return g.refused[id]
}

// Put replaces a cached session by a newer record of it. It makes no session known
// that was not, revives none that was dropped, and ignores older records.
func (g *Guard) Put(s *session.Session) {
	if c := g.cache.known(s.ID); c != nil {
		c.put(s)
	}
}

// Record returns what the cache holds of a session, however old; nil where that is nothing.
// It is not a verdict.
func (g *Guard) Record(id session.ID) *session.Session {
	c := g.cache.known(id)
	if c == nil {
		return nil
	}
	if snap := c.snap.Load(); snap != nil {
		return snap.session
	}
	return nil
}

// Known returns the session of a seat from the cache alone, however old: with the
// store down it is what a sign-out can still name. It is not a verdict.
func (g *Guard) Known(hash session.SeatHash) (*session.Session, bool) {
	e := g.cache.get(hash)
	if e == nil {
		return nil, false
	}
	return e.cell.snap.Load().session, true
}
