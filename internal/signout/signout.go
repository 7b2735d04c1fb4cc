package signout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// Store keeps sessions and their ends.
type Store interface {
	ByID(ctx context.Context, id session.ID) (*session.Session, error)
	// End writes tombstone, receipt and outbox entries in one durable transaction.
	// session.ErrConflict: the session changed since it was read.
	End(ctx context.Context, now time.Time, e Ending) (session.Tombstone, error)
	List(ctx context.Context, f session.Filter) ([]*session.Session, error)
	Expired(ctx context.Context, now time.Time, limit int) ([]*session.Session, error)
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
}

// Receipts reads what was written with an end, and records that a browser came back.
type Receipts interface {
	Receipt(ctx context.Context, state session.SeatHash) (Receipt, error)
	ReceiptBySession(ctx context.Context, id session.ID) (Receipt, error)
	// MarkReturned also cancels the session's pending end-session entry. Only the first
	// return counts.
	MarkReturned(ctx context.Context, now time.Time, state session.SeatHash) (Receipt, error)
	SharesProviderSession(ctx context.Context, issuer, sid string) (bool, error)
}

// Outbox keeps what participants must still be told.
type Outbox interface {
	BySession(ctx context.Context, session string) ([]outbox.Entry, error)
	// Requeue makes an entry due now. session.ErrConflict: it waits no longer.
	Requeue(ctx context.Context, now time.Time, id string) error
}

// Provider is what an end asks of a provider.
type Provider interface {
	Record() record.Record
	EndSessionByBrowser(ctx context.Context, r oidc.EndSessionRequest) (oidc.BrowserCall, bool, error)
	EndSessionByServer(ctx context.Context, r oidc.EndSessionRequest) (bool, error)
	Revoke(ctx context.Context, t oidc.Tokens) error
	Reachable(ctx context.Context) bool
}

// Hearer is told of every end at once: a cache that drops the session, a register that
// closes its connections. It returns how many connections it closed and never blocks.
// An end that is not durable yet has no place in the sequence (Tombstone.Seq zero) and
// is told again when it is; ends that have been told may be told once more.
type Hearer interface {
	Ended(t session.Tombstone) (closed int)
}

// Options are what a SignOut lives on. The fields up to Now are required, and SignedOutURL.
type Options struct {
	Store     Store
	Receipts  Receipts
	Outbox    Outbox
	Providers func(id string) (Provider, bool)
	Hearers   []Hearer
	Kick      func() // wakes the outbox
	Logger    *slog.Logger
	Now       func() time.Time

	// Flush writes activity that is still in memory, before limits are judged.
	Flush func(context.Context) error
	// Connections counts a session's live connections, for the receipt.
	Connections func(session.ID) int

	// StateKey makes the values that browsers take to providers. With it a browser whose
	// session ended by a script's call can be sent there later; nil makes random ones.
	StateKey []byte
	// SignedOutURL is where providers send the browser back to.
	SignedOutURL string
	// Terms hold until Reconfigure brings others.
	Terms Terms
}

// Terms are what ends hang on that may change while sessions live. They are not changed
// once they were given.
type Terms struct {
	// Tried is how long a participant is tried to be told; 72 h when zero.
	Tried time.Duration
	// Clients say which providers and clients were withdrawn; nil: none.
	Clients *Clients
	// Apps are those with a logout of their own that can be called without a browser.
	Apps []string
	// Absolute is the longest absolute limit of any session: tombstones outlive it. Zero
	// says that some session has none.
	Absolute time.Duration
}

// SignOut ends sessions. It is safe for concurrent use.
type SignOut struct {
	o     Options
	terms atomic.Pointer[Terms]
	renew chan struct{} // there are other clients
	sent  sent

	mu      sync.Mutex
	pending map[session.ID]pendingEnd // refused in memory, not yet durable
}

// New returns a SignOut; Run must be started for expiry, sweeping and ends that were
// not durable at first.
func New(o Options) (*SignOut, error) {
	if o.Store == nil || o.Receipts == nil || o.Outbox == nil || o.Providers == nil || o.Kick == nil || o.Logger == nil || o.Now == nil || o.SignedOutURL == "" {
		return nil, errors.New("signout: Store, Receipts, Outbox, Providers, Kick, Logger, Now and SignedOutURL are required")
	}
	if o.Flush == nil {
		o.Flush = func(context.Context) error { return nil }
	}
	if o.Connections == nil {
		o.Connections = func(session.ID) int { return 0 }
	}
	s := &SignOut{o: o, renew: make(chan struct{}, 1), pending: map[session.ID]pendingEnd{}}
	s.Reconfigure(o.Terms)
	return s, nil
}

// Reconfigure makes other terms hold from now on. Run then ends the sessions of providers
// and clients that these withdraw.
func (o *SignOut) Reconfigure(t Terms) {
	if t.Tried <= 0 {
		t.Tried = deliveryLife
	}
	o.terms.Store(&t)
	o.Rewithdraw()
}

// Rewithdraw makes Run look once more for sessions of withdrawn providers and clients.
func (o *SignOut) Rewithdraw() {
	select {
	case o.renew <- struct{}{}:
	default:
	}
}

// Request asks for the end of one session.
type Request struct {
	Session session.ID
	Cause   session.Cause
	Mode    Mode             // ModeProvider when empty
	From    string           // address of the page that it came from, for "sign in again"
	By      string           // who asked, for the log: "person", "operator", ...; the trail takes the context's word first (audit.WithActor)
	Known   *session.Session // what a cache knows of it: used when the store is down
	Told    string           // an app that has heard already: its own logout was the cause
	Here    bool             // the browser of this session is the one that asks
	Because string           // what the cause leaves open, in words for the trail
	Others  int              // sessions of the same person that the same act has ended, for the receipt

	state  string    // value that the browser takes to the provider
	at     time.Time // when the session ended, also where that became durable later
	closed int       // connections that were closed then
	actor  string    // who asked, for the trail: an end may become durable under another context
	which  string    // operator

	each func(Receipt, error) // told of every end of several; the error is nil or ErrNotDurable
}

// Result is what End did. StateValue is a secret of the browser that asked.
type Result struct {
	Receipt    Receipt
	StateValue string
	session    *session.Session
}

const (
	// endWithin bounds an end. The browser that asked going away does not stop it.
	endWithin = 3 * time.Second
	// refuseAfter bounds how long a store that hangs keeps a session usable.
	refuseAfter = 500 * time.Millisecond
)

// errInUse: a session that was to expire was used meanwhile.
var errInUse = errors.New("session is within its limits")

// End ends a session: tombstone, receipt and outbox first, durably; then caches and
// live connections; then the participants. When it returns nil or ErrNotDurable the
// session is refused on this node and its connections are closed. Ending what has
// ended returns the first end's receipt and no error, ending what waits to become
// durable the waiting end's receipt; neither has a StateValue. session.ErrNotFound says
// that there never was such a session, session.ErrUnavailable without ErrNotDurable that
// nothing was done.
func (o *SignOut) End(ctx context.Context, now time.Time, req Request) (Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	if p, ok := o.waiting(req.Session); ok {
		return o.join(ctx, now, p)
	}
	if req.Mode == "" {
		req.Mode = ModeProvider
	}
	req.state = o.stateOf(req.Session)
	req.at, req.closed = now, o.o.Connections(req.Session)
	req.actor, req.which = req.who(ctx)
	settled := o.refuseWhenSlow(req)
	res, err := o.durably(ctx, now, req)
	settled()
	ended, already := errors.AsType[*session.EndedError](err)
	switch {
	case err == nil:
	case already:
		o.tell(ended.Tombstone)
		return o.earlier(ctx, req.Session)
	case req.Cause != session.CauseExpired && (errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrConflict)):
		return o.inMemory(req, err)
	default:
		return Result{}, fmt.Errorf("ending session %s: %w", req.Session, err)
	}
	o.tell(res.tombstone)
	o.o.Kick()
	o.log(req, res.Receipt)
	return res.Result, nil
}

func (o *SignOut) log(req Request, r Receipt) {
	o.o.Logger.Info("session ended", "session", req.Session, "account", r.Account, "provider", r.Provider,
		"cause", req.Cause, "by", req.By, "closed", r.Closed)
}

// refuseWhenSlow has a session refused in memory, and its connections closed, when the
// store takes long to say that it ended. The returned function stops the clock; when it
// returns, nobody is told any more. Expiry needs none: its sessions are refused by their
// limits.
func (o *SignOut) refuseWhenSlow(req Request) (settled func()) {
	if req.Cause == session.CauseExpired {
		return func() {}
	}
	done := make(chan struct{})
	timer := time.AfterFunc(refuseAfter, func() {
		defer close(done)
		o.tell(req.tombstone())
	})
	return func() {
		if !timer.Stop() {
			<-done
		}
	}
}

// maxConflicts bounds how often an end is planned anew because a refresh changed the
// session in between; each round is one read and one write.
const maxConflicts = 8

type written struct {
	Result
	tombstone session.Tombstone
}

func (o *SignOut) durably(ctx context.Context, now time.Time, req Request) (written, error) {
	for range maxConflicts {
		s, err := o.o.Store.ByID(ctx, req.Session)
		if err != nil {
			return written{}, err
		}
		if req.Cause == session.CauseExpired && s.Limits.Within(s.CreatedAt, s.SeenAt, now) {
			return written{}, errInUse
		}
		e := o.plan(now, req, s)
		t, err := o.o.Store.End(ctx, now, e)
		if errors.Is(err, session.ErrConflict) {
			continue
		}
		if err != nil {
			return written{}, err
		}
		return written{Result{Receipt: e.Receipt, StateValue: req.state, session: s}, t}, nil
	}
	return written{}, session.ErrConflict
}

func (o *SignOut) tell(t session.Tombstone) {
	for _, h := range o.o.Hearers {
		h.Ended(t)
	}
}

func (o *SignOut) earlier(ctx context.Context, id session.ID) (Result, error) {
	r, err := o.o.Receipts.ReceiptBySession(ctx, id)
	if err != nil && !errors.Is(err, ErrNoReceipt) {
		return Result{}, fmt.Errorf("reading the receipt of %s: %w", id, err)
	}
	return Result{Receipt: r}, nil
}

// EndAll ends every session that f selects and returns how many of them are refused
// from now on. It goes on past single failures and returns the first; ErrNotDurable
// alone says that all ended, some not durably yet.
func (o *SignOut) EndAll(ctx context.Context, now time.Time, f session.Filter, req Request) (int, error) {
	return o.endAll(ctx, now, f, req, func(*session.Session) bool { return true })
}

// EndWhere is EndAll for those that which picks out. which is called from several goroutines.
func (o *SignOut) EndWhere(ctx context.Context, now time.Time, f session.Filter, req Request, which func(*session.Session) bool) (int, error) {
	return o.endAll(ctx, now, f, req, which)
}

// endAll is EndAll for those that which picks out.
func (o *SignOut) endAll(ctx context.Context, now time.Time, f session.Filter, req Request, which func(*session.Session) bool) (int, error) {
	const page = 200
	var (
		mu               sync.Mutex
		ended            int
		failed, deferred error
	)
	for {
		f.Limit = page
		list, err := o.o.Store.List(ctx, f)
		if err != nil {
			return ended, fmt.Errorf("listing sessions to end: %w", err)
		}
		inParallel(list, func(s *session.Session) {
			if !which(s) {
				return
			}
			one := req
			one.Session, one.Known = s.ID, s
			res, err := o.End(ctx, now, one)
			if req.each != nil && (err == nil || errors.Is(err, ErrNotDurable)) {
				req.each(res.Receipt, err)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				ended++
			case errors.Is(err, ErrNotDurable):
				ended++
				deferred = err
			case failed == nil:
				failed = err
			}
		})
		if len(list) < page || ctx.Err() != nil {
			break
		}
		f.After = list[len(list)-1].ID
	}
	if failed == nil {
		failed = deferred
	}
	return ended, errors.Join(failed, ctx.Err())
}

// inParallel calls do for every member, a few at once so that the store can commit
// them together, and returns when all are done.
func inParallel[T any](list []T, do func(T)) {
	const parallel = 16
	slots := make(chan struct{}, parallel)
	var work sync.WaitGroup
	for _, x := range list {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			do(x)
		})
	}
	work.Wait()
}
