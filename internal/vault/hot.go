package vault

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const shards = 64

// shard is a part of what is hot. All jars of a session lie in one shard.
type shard struct {
	mu      sync.RWMutex
	entries map[key]*entry
	loads   map[key]*load
}

// load is one read of the store, shared by all who want the same jar meanwhile.
type load struct {
	began time.Duration
	done  chan struct{} // closed when entry and err are set
	entry *entry
	err   error
}

// fate is what has become of a session id. Sessions do not come back, so that a read of
// the store that was under way when one ended cannot bring its cookies back.
type fate struct {
	to   session.ID // the id under which it goes on
	tomb *session.Tombstone
	at   time.Duration
}

func (v *Vault) shard(id session.ID) *shard {
	return &v.shards[maphash.String(v.seed, string(id))%shards]
}

// hot returns the entry from memory. It does not allocate.
func (v *Vault) hot(k key) *entry {
	s := v.shard(k.id)
	s.mu.RLock()
	e := s.entries[k]
	s.mu.RUnlock()
	if e != nil {
		e.used.Store(int64(v.mono()))
	}
	return e
}

// entry returns the jar of a session at an app, from the store where it is not hot.
func (v *Vault) entry(ctx context.Context, k key) (*entry, error) {
	if e := v.hot(k); e != nil {
		return e, nil
	}
	timer := time.NewTimer(v.loading)
	defer timer.Stop()
	for {
		var err error
		if k.id, err = v.presentID(k.id); err != nil {
			return nil, fmt.Errorf("loading app cookies: %w", err)
		}
		if e := v.hot(k); e != nil {
			return e, nil
		}
		l := v.load(k)
		select {
		case <-l.done:
			if !errors.Is(l.err, errMoved) {
				return l.entry, l.err
			}
		case <-timer.C:
			return nil, fmt.Errorf("loading app cookies: %w", errSlow)
		case <-ctx.Done():
			return nil, fmt.Errorf("loading app cookies: %w", errors.Join(session.ErrUnavailable, context.Cause(ctx)))
		}
	}
}

// presentID follows a session to the id under which it goes on, and refuses one that is
// known to have ended.
func (v *Vault) presentID(id session.ID) (session.ID, error) {
	v.fateMu.Lock()
	defer v.fateMu.Unlock()
	for range 8 {
		f, ok := v.fates[id]
		if !ok {
			return id, nil
		}
		if f.to == "" {
			return "", &session.EndedError{Tombstone: *f.tomb}
		}
		id = f.to
	}
	return id, nil
}

// load joins the read under way or starts one.
func (v *Vault) load(k key) *load {
	s := v.shard(k.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := v.mono()
	if l := s.loads[k]; l != nil && now-l.began < v.loading {
		return l
	}
	l := &load{began: now, done: make(chan struct{})}
	s.loads[k] = l
	go v.fetch(k, l)
	return l
}

func (v *Vault) fetch(k key, l *load) {
	ctx, cancel := context.WithTimeout(context.Background(), v.loading)
	defer cancel()
	e, err := v.fetchEntry(ctx, k)
	s := v.shard(k.id)
	s.mu.Lock()
	if s.loads[k] == l {
		delete(s.loads, k)
	}
	switch known := s.entries[k]; {
	case err != nil:
	case known != nil:
		e = known
	default:
		// Under the lock that Ended and Moved take after they have noted the fate.
		var present session.ID
		if present, err = v.presentID(k.id); err == nil && present == k.id {
			v.makeRoom(s)
			s.entries[k] = e
		} else if err == nil {
			err = errMoved
		}
	}
	s.mu.Unlock()
	if err != nil {
		e = nil
	}
	l.entry, l.err = e, err
	close(l.done)
}

func (v *Vault) fetchEntry(ctx context.Context, k key) (*entry, error) {
	select {
	case v.reads <- struct{}{}:
		defer func() { <-v.reads }()
	case <-ctx.Done():
		return nil, errSlow
	}
	j, version, err := v.read(ctx, k, v.now().UnixMilli())
	if err != nil {
		return nil, err
	}
	e := &entry{app: k.app, id: k.id, version: version}
	e.snap.Store(j)
	e.used.Store(int64(v.mono()))
	return e, nil
}

// makeRoom forgets, in a full shard, the longest unused of a few entries that the map's
// random order offers, unwritten ones apart. The caller holds the shard's lock.
func (v *Vault) makeRoom(s *shard) {
	if len(s.entries) < v.perShard {
		return
	}
	var victim key
	var oldest *entry
	n := 0
	for k, e := range s.entries {
		if n++; n > 16 {
			break
		}
		if oldest == nil || e.used.Load() < oldest.used.Load() {
			e.mu.Lock()
			if e.clean() {
				victim, oldest = k, e
			}
			e.mu.Unlock()
		}
	}
	if oldest != nil {
		s.evict(victim, oldest)
	}
}

// evict removes an entry unless something in it is unwritten.
func (s *shard) evict(k key, e *entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.clean() {
		e.evicted = true
		delete(s.entries, k)
	}
}

// Ended hears of an end: the session's cookies are forgotten at once, and no read or
// write under way brings them back. It closes nothing.
func (v *Vault) Ended(t session.Tombstone) (closed int) {
	v.fateMu.Lock()
	if f, ok := v.fates[t.Session]; !ok || f.to == "" {
		v.note(t.Session, fate{tomb: &t})
	}
	v.fateMu.Unlock()
	for _, e := range v.remove(t.Session) {
		e.mu.Lock()
		e.leave(&session.EndedError{Tombstone: t})
		e.mu.Unlock()
	}
	return 0
}

// Moved hears that a session goes on under another id, to which the store has moved
// what it keeps. What is not written yet moves along.
func (v *Vault) Moved(from, to session.ID) {
	if from == to {
		return
	}
	v.fateMu.Lock()
	v.note(from, fate{to: to})
	v.fateMu.Unlock()
	for _, e := range v.remove(from) {
		e.mu.Lock()
		e.id = to
		e.mu.Unlock()
		v.rejoin(key{to, e.app}, e)
	}
}

// rejoin puts an entry under its new key. Where one has been loaded there already, it
// takes over what the old one had not written.
func (v *Vault) rejoin(k key, e *entry) {
	s := v.shard(k.id)
	s.mu.Lock()
	known := s.entries[k]
	_, err := v.presentID(k.id)
	if known == nil && err == nil {
		s.entries[k] = e
	}
	s.mu.Unlock()
	if err != nil {
		e.mu.Lock()
		e.leave(err)
		e.mu.Unlock()
	}
	if known == nil {
		return
	}
	e.mu.Lock()
	e.evicted = true
	ops := append([]pending(nil), e.pending...)
	e.mu.Unlock()
	if len(ops) == 0 {
		return
	}
	// A failure leaves the ops in the other entry, whose own write may still succeed.
	_, _ = v.mutate(known, v.now().UnixMilli(), func(b *batch) {
		for _, p := range ops {
			b.do(p.op)
		}
	})
}

// remove takes all entries of a session out of the map.
func (v *Vault) remove(id session.ID) []*entry {
	v.namesMu.Lock()
	names := v.names
	v.namesMu.Unlock()
	var out []*entry
	s := v.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		k := key{id, name}
		if e := s.entries[k]; e != nil {
			delete(s.entries, k)
			out = append(out, e)
		}
	}
	return out
}

// note remembers a fate, a bounded number of them. The caller holds the lock.
func (v *Vault) note(id session.ID, f fate) {
	if len(v.fates) >= maxFates {
		for k := range v.fates {
			delete(v.fates, k) // the store knows what has ended
			break
		}
	}
	f.at = v.mono()
	v.fates[id] = f
}
