package signout

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// fakeStore keeps sessions and ends with the conditional writes that stores promise.
type fakeStore struct {
	mu       sync.Mutex
	sessions map[session.ID]*session.Session
	stones   map[session.ID]session.Tombstone
	receipts map[session.ID]Receipt
	entries  []outbox.Entry
	seq      int64
	events   *events

	down      bool                                              // every call answers ErrUnavailable
	hang      bool                                              // every call waits for its context
	fail      map[session.ID]error                              // what End answers for one session
	beforeEnd func(id session.ID)                               // runs before End looks at the version
	flushed   func()                                            //
	expired   func(now time.Time, limit int) []*session.Session // nil: by limits
	swept     []int                                             // what Sweep answers in turn
	sweeps    int
	lists     int
	clients   []session.Client // as written last
	written   int              // how often
	by        []string         // who asked for each end
}

func newStore(e *events, list ...*session.Session) *fakeStore {
	f := &fakeStore{
		sessions: map[session.ID]*session.Session{}, stones: map[session.ID]session.Tombstone{},
		receipts: map[session.ID]Receipt{}, fail: map[session.ID]error{}, events: e,
	}
	for _, s := range list {
		f.sessions[s.ID] = s
	}
	return f
}

func (f *fakeStore) up(ctx context.Context) error {
	f.mu.Lock()
	down, hang := f.down, f.hang
	f.mu.Unlock()
	if hang {
		<-ctx.Done()
		return session.ErrUnavailable
	}
	if down {
		return session.ErrUnavailable
	}
	return ctx.Err()
}

func (f *fakeStore) set(down, hang bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.hang = down, hang
}

func (f *fakeStore) find(id session.ID) (*session.Session, error) {
	if t, ok := f.stones[id]; ok {
		return nil, &session.EndedError{Tombstone: t}
	}
	if s, ok := f.sessions[id]; ok {
		return s, nil
	}
	return nil, session.ErrNotFound
}

func (f *fakeStore) ByID(ctx context.Context, id session.ID) (*session.Session, error) {
	if err := f.up(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(id)
}

func (f *fakeStore) End(ctx context.Context, _ time.Time, e Ending) (session.Tombstone, error) {
	if err := f.up(ctx); err != nil {
		return session.Tombstone{}, err
	}
	if f.beforeEnd != nil {
		f.beforeEnd(e.Session)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail[e.Session]; err != nil {
		return session.Tombstone{}, err
	}
	if e.Session == "" { // of a provider's session that no session here belongs to
		f.stones[""] = e.Tombstone
		return e.Tombstone, nil
	}
	s, err := f.find(e.Session)
	if err != nil {
		return session.Tombstone{}, err
	}
	if s.Version != e.Version {
		return session.Tombstone{}, session.ErrConflict
	}
	f.seq++
	e.Tombstone.Seq = f.seq
	delete(f.sessions, e.Session)
	f.stones[e.Session], f.receipts[e.Session] = e.Tombstone, e.Receipt
	f.entries = append(f.entries, e.Entries...)
	f.by = append(f.by, strings.TrimSpace(string(e.Session)+" "+e.Actor+" "+e.By))
	f.events.add("store")
	return e.Tombstone, nil
}

// update is the conditional write of a refresh.
func (f *fakeStore) update(s *session.Session) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := f.find(s.ID)
	if err != nil {
		return err
	}
	if now.Version != s.Version {
		return session.ErrConflict
	}
	next := *s
	next.Version++
	f.sessions[s.ID] = &next
	return nil
}

func (f *fakeStore) List(ctx context.Context, flt session.Filter) ([]*session.Session, error) {
	if err := f.up(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	var list []*session.Session
	for _, s := range f.sessions {
		if s.ID > flt.After && (flt.Account == "" || s.Account == flt.Account) && (flt.Provider == "" || s.Provider == flt.Provider) &&
			(flt.Identity.Issuer == "" || s.Identity.Issuer == flt.Identity.Issuer) &&
			(flt.Identity.Subject == "" || s.Identity.Subject == flt.Identity.Subject) && (flt.SID == "" || s.SID == flt.SID) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *session.Session) int { return cmp.Compare(a.ID, b.ID) })
	if flt.Limit > 0 && len(list) > flt.Limit {
		list = list[:flt.Limit]
	}
	return list, nil
}

func (f *fakeStore) Expired(ctx context.Context, now time.Time, limit int) ([]*session.Session, error) {
	if err := f.up(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.expired != nil {
		return f.expired(now, limit), nil
	}
	var list []*session.Session
	for _, s := range f.sessions {
		if !s.Limits.Within(s.CreatedAt, s.SeenAt, now) && len(list) < limit {
			list = append(list, s)
		}
	}
	return list, nil
}

func (f *fakeStore) Sweep(context.Context, time.Time, int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sweeps >= len(f.swept) {
		return 0, session.ErrUnavailable
	}
	f.sweeps++
	return f.swept[f.sweeps-1], nil
}

func (f *fakeStore) Receipt(ctx context.Context, state session.SeatHash) (Receipt, error) {
	if err := f.up(ctx); err != nil {
		return Receipt{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.receipts {
		if r.State == state && state != (session.SeatHash{}) {
			return r, nil
		}
	}
	return Receipt{}, ErrNoReceipt
}

func (f *fakeStore) ReceiptBySession(ctx context.Context, id session.ID) (Receipt, error) {
	if err := f.up(ctx); err != nil {
		return Receipt{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.receipts[id]; ok {
		return r, nil
	}
	return Receipt{}, ErrNoReceipt
}

func (f *fakeStore) MarkReturned(ctx context.Context, now time.Time, state session.SeatHash) (Receipt, error) {
	r, err := f.Receipt(ctx, state)
	if err != nil || !r.Returned.IsZero() {
		return r, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r.Returned = now
	f.receipts[r.Session] = r
	for i, e := range f.entries {
		if e.Session == string(r.Session) && e.Kind == outbox.KindEndSession && e.State == outbox.Pending {
			f.entries[i].State = outbox.Cancelled
		}
	}
	return r, nil
}

func (f *fakeStore) BySession(ctx context.Context, id string) ([]outbox.Entry, error) {
	if err := f.up(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []outbox.Entry
	for _, e := range f.entries {
		if e.Session == id {
			list = append(list, e)
		}
	}
	return list, nil
}

func (f *fakeStore) Requeue(ctx context.Context, now time.Time, id string) error {
	if err := f.up(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, e := range f.entries {
		if e.ID == id && e.State == outbox.Pending {
			f.entries[i].NextAt = now
			return nil
		}
	}
	return session.ErrConflict
}

func (f *fakeStore) SharesProviderSession(ctx context.Context, issuer, sid string) (bool, error) {
	if err := f.up(ctx); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sessions {
		if s.Identity.Issuer == issuer && s.SID == sid && sid != "" {
			return true, nil
		}
	}
	return false, nil
}

func (f *fakeStore) Clients(ctx context.Context) ([]session.Client, error) {
	if err := f.up(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clients, nil
}

func (f *fakeStore) SetClients(ctx context.Context, list []session.Client) error {
	if err := f.up(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clients = slices.Clone(list)
	f.written++
	return nil
}

func (f *fakeStore) OpenedAs(ctx context.Context) ([]session.OpenedAs, error) {
	if err := f.up(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []session.OpenedAs
	for _, s := range f.sessions {
		if x := (session.OpenedAs{Provider: s.Provider, Client: s.Client}); !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	return list, nil
}

func (f *fakeStore) add(s *session.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions[s.ID] = s
}

func (f *fakeStore) kinds(id session.ID) []outbox.Kind {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []outbox.Kind
	for _, e := range f.entries {
		if e.Session == string(id) {
			list = append(list, e.Kind)
		}
	}
	return list
}

// fakeProvider is a provider that remembers what it was told.
type fakeProvider struct {
	mu        sync.Mutex
	rec       record.Record
	down      bool
	byBrowser bool
	byServer  bool
	err       error
	revoked   []oidc.Tokens
	asked     []oidc.EndSessionRequest
}

func (p *fakeProvider) Record() record.Record { return p.rec }

func (p *fakeProvider) EndSessionByBrowser(_ context.Context, r oidc.EndSessionRequest) (oidc.BrowserCall, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r)
	return oidc.BrowserCall{URL: "https://idp.example/logout"}, p.byBrowser, p.err
}

func (p *fakeProvider) EndSessionByServer(_ context.Context, r oidc.EndSessionRequest) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r)
	return p.byServer, p.err
}

func (p *fakeProvider) Revoke(_ context.Context, t oidc.Tokens) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.revoked = append(p.revoked, t)
	}
	return p.err
}

func (p *fakeProvider) Reachable(context.Context) bool { return !p.down }
