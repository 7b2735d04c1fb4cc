package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/session"
)

// key names one session's jar at one app.
type key struct {
	id  session.ID
	app string
}

// entry is a jar that is hot in memory. What is asked reads snap; what changes does so
// under mu, at once in memory, and is written by whoever comes first for all who have
// changed something by then.
type entry struct {
	app  string
	snap atomic.Pointer[jar]
	used atomic.Int64 // monotonic time of the vault

	mu      sync.Mutex
	id      session.ID
	version int64 // of the row that snap without pending is
	pending []pending
	asked   int64 // batches that have to be written
	done    int64 // of these, how many are
	flying  int   // ops that the write under way covers
	flight  *flight
	due     int64 // Unix milliseconds: when postponed ops are to be written; 0: none
	evicted bool  // no longer in the map: look the entry up again
}

type pending struct {
	op        op
	postponed bool
}

// flight is one write, shared by all whose changes it covers.
type flight struct {
	done  chan struct{} // closed when err is set
	upTo  int64
	began time.Duration
	err   error
}

var (
	// errBusy: somebody else kept writing the same row.
	errBusy = fmt.Errorf("app cookies kept changing while they were written: %w", session.ErrUnavailable)
	// errSlow: the store did not answer in time.
	errSlow = fmt.Errorf("store did not answer in time: %w", session.ErrUnavailable)
	// errMoved: the session goes on under another id since the read began.
	errMoved = fmt.Errorf("session has just moved to another id: %w", session.ErrUnavailable)
	// errEvicted: the entry has left the map since it was looked up.
	errEvicted = errors.New("entry evicted")
)

// unavailable makes any trouble of a store one that callers recognise.
func unavailable(doing string, err error) error {
	if errors.Is(err, session.ErrUnavailable) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, errors.Join(session.ErrUnavailable, err))
}

// gone tells whether the store knows that there is no such session.
func gone(err error) bool {
	_, ended := errors.AsType[*session.EndedError](err)
	return ended || errors.Is(err, session.ErrNotFound)
}

// renewed tells whether the session goes on under another id.
func renewed(err error) bool {
	ended, ok := errors.AsType[*session.EndedError](err)
	return ok && ended.Tombstone.Cause == session.CauseRenewed
}

// batch is what a caller wants changed, made while the entry is locked.
type batch struct {
	jar *jar // the clone; its ops are applied
	ops []pending
	ch  change
	now int64
}

func begin(from *jar, now int64) *batch {
	b := &batch{jar: from.clone(), now: now}
	b.jar.purge(now)
	return b
}

func (b *batch) do(o op) change {
	o.at = b.now
	ch := b.jar.apply(&o)
	if ch >= postponed {
		b.ops = append(b.ops, pending{op: o, postponed: ch == postponed})
	}
	b.ch = max(b.ch, ch)
	return ch
}

// mutate lets fill change the jar. The change counts in memory at once; want is what
// flush is to be called with so that it is durable, 0 when nothing has to be written.
func (v *Vault) mutate(e *entry, now int64, fill func(*batch)) (want int64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	cur := e.snap.Load()
	if cur.gone != nil {
		return 0, cur.gone
	}
	if e.evicted {
		return 0, errEvicted
	}
	b := begin(cur, now)
	fill(b)
	if b.ch == unchanged {
		return 0, nil
	}
	v.sayEvicted(e.app, b.jar)
	e.snap.Store(b.jar)
	for i := range b.ops {
		e.add(&b.ops[i], now)
	}
	if b.ch < changed {
		return 0, nil
	}
	e.asked++
	return e.asked, nil
}

// add appends an op. It takes the place of an earlier one that it makes needless, so
// that an app that sets its cookies in every answer does not pile them up.
func (e *entry) add(p *pending, now int64) {
	if p.postponed {
		if at := now + p.op.cookie.patienceAt(now); e.due == 0 || at < e.due {
			e.due = at
		}
	}
	for i := len(e.pending) - 1; i >= e.flying; i-- {
		old := &e.pending[i]
		if !p.op.concerns(&old.op) {
			continue
		}
		if p.op.replaces(&old.op) {
			*old = pending{op: p.op, postponed: p.postponed && old.postponed}
			return
		}
		if p.op.verb != old.op.verb {
			break
		}
	}
	e.pending = append(e.pending, *p)
	if len(e.pending) > maxPending {
		// The jar itself holds their outcome; only a conflict would need them again.
		e.pending = slices.Delete(e.pending, e.flying, e.flying+1)
	}
}

func (c *cookie) patienceAt(now int64) int64 { return max(1, min((c.expires-now)/lazyShare, lazyMost)) }

// flush returns when the first want batches are durable, or when they cannot be made so
// now: then they stay in memory, and Run tries again.
func (v *Vault) flush(ctx context.Context, e *entry, want int64) error {
	timer := time.NewTimer(v.saving)
	defer timer.Stop()
	for {
		e.mu.Lock()
		if err := e.snap.Load().gone; err != nil {
			e.mu.Unlock()
			return err
		}
		if e.done >= want && want > 0 || len(e.pending) == 0 {
			e.mu.Unlock()
			return nil
		}
		f := e.flight
		if f == nil {
			f = &flight{done: make(chan struct{}), upTo: e.asked, began: v.mono()}
			e.flight, e.flying = f, len(e.pending)
			go v.fly(e, f)
		}
		e.mu.Unlock()
		select {
		case <-f.done:
		case <-timer.C:
			return errSlow
		case <-ctx.Done():
			return fmt.Errorf("waiting for the store: %w", errors.Join(session.ErrUnavailable, context.Cause(ctx)))
		}
		if f.err != nil && f.upTo >= want {
			return f.err
		}
		if want == 0 {
			return f.err
		}
	}
}

// fly writes the entry, on nobody's behalf in particular: a caller that goes away takes
// nobody else's write along.
func (v *Vault) fly(e *entry, f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), v.saving)
	defer cancel()
	err := v.write(ctx, e, f)
	e.mu.Lock()
	e.flight, e.flying = nil, 0
	f.err = err
	e.mu.Unlock()
	close(f.done)
}

// write is compare-and-swap: when the row has changed since it was read, it is read
// again and what was changed here is changed anew.
func (v *Vault) write(ctx context.Context, e *entry, f *flight) error {
	select {
	case v.saves <- struct{}{}:
		defer func() { <-v.saves }()
	case <-ctx.Done():
		return errSlow
	}
	for range maxTries {
		e.mu.Lock()
		j, id, version, ops, upTo := e.snap.Load(), e.id, e.version, len(e.pending), e.asked
		e.flying, f.upTo = ops, upTo
		e.mu.Unlock()
		if j.gone != nil {
			return j.gone
		}
		data, err := j.encode()
		if err != nil {
			return err
		}
		fresh, err := v.store.SaveVault(ctx, v.now(), id, e.app, version, data)
		if err == nil {
			e.saved(fresh, ops, upTo)
			v.say.works()
			return nil
		}
		again, err := v.failed(ctx, e, id, err)
		if !again {
			return err
		}
	}
	return errBusy
}

func (e *entry) saved(version int64, ops int, upTo int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.snap.Load().gone != nil {
		return
	}
	e.version, e.done = version, upTo
	clear(e.pending[:ops])
	e.pending = e.pending[ops:]
	e.due = 0
	for i := range e.pending {
		if p := &e.pending[i]; p.postponed {
			if at := p.op.at + p.op.cookie.patienceAt(p.op.at); e.due == 0 || at < e.due {
				e.due = at
			}
		}
	}
	if len(e.pending) == 0 {
		e.pending = nil
	}
}

// failed says whether a write that failed is to be tried again at once.
func (v *Vault) failed(ctx context.Context, e *entry, id session.ID, err error) (again bool, _ error) {
	switch {
	case renewed(err):
		return false, errMoved // Moved is about to say under which id it goes on
	case gone(err):
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.id != id {
			return true, err // it goes on under another id
		}
		e.leave(err)
		return false, err
	case errors.Is(err, session.ErrConflict):
		if err := v.reload(ctx, e); err != nil {
			return false, err
		}
		return true, err
	}
	return false, unavailable("writing app cookies", err)
}

// leave forgets everything; whoever still holds the entry learns why. The caller holds
// the lock.
func (e *entry) leave(err error) {
	e.snap.Store(&jar{gone: err})
	e.pending, e.due = nil, 0
}

// reload takes the stored row for the truth and applies to it what is not written yet.
func (v *Vault) reload(ctx context.Context, e *entry) error {
	e.mu.Lock()
	id := e.id
	e.mu.Unlock()
	now := v.now().UnixMilli()
	j, version, err := v.read(ctx, key{id, e.app}, now)
	if err != nil && !gone(err) {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.snap.Load().gone != nil:
		return e.snap.Load().gone
	case e.id != id:
		return nil // it has moved meanwhile: the next try finds out what is there
	case err != nil:
		e.leave(err)
		return err
	}
	for i := range e.pending {
		j.apply(&e.pending[i].op)
	}
	v.sayEvicted(e.app, j)
	e.version = version
	e.snap.Store(j)
	return nil
}

// read asks the store. A row that cannot be read counts as an empty one.
func (v *Vault) read(ctx context.Context, k key, now int64) (*jar, int64, error) {
	data, version, err := v.store.LoadVault(ctx, k.id, k.app)
	if err != nil {
		if gone(err) {
			return nil, 0, fmt.Errorf("loading app cookies: %w", err)
		}
		if !errors.Is(err, keyring.ErrSealed) {
			return nil, 0, unavailable("loading app cookies", err)
		}
	}
	var j *jar
	if err == nil {
		j, err = decode(data, now)
	}
	if errors.Is(err, errJar) || errors.Is(err, keyring.ErrSealed) {
		v.say.now(k.app, "app cookies of a session could not be read and are forgotten; the app will want a new sign-in of its own", 1)
		return &jar{}, version, nil
	}
	return j, version, err
}

// clean tells whether everything is written. The caller holds the lock.
func (e *entry) clean() bool { return len(e.pending) == 0 && e.flight == nil }
