package guard

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	shards = 64
	// maxDecided bounds what is remembered of policies about one record: every configuration
	// brings its own.
	maxDecided = 64
	// keepFor is how long entries stay past their use, for Known.
	keepFor = 10 * time.Minute
)

// cache holds seats and, for each session, a cell that its seats share.
type cache struct {
	seed  maphash.Seed
	max   int // seats per shard
	seats [shards]seatShard
	cells [shards]cellShard
}

type seatShard struct {
	mu      sync.RWMutex
	seats   map[session.SeatHash]*seat
	flights map[session.SeatHash]*flight
}

type cellShard struct {
	mu    sync.Mutex
	cells map[session.ID]*cell
}

// seat is a cached answer of the store. It is never changed.
type seat struct {
	cell   *cell
	origin string
	loaded time.Duration // when its load began, monotonic
	start  uint64        // where the sequence of drops stood when its load began
}

// cell is what is known of one session, whichever seat it was reached by.
type cell struct {
	id      session.ID
	snap    atomic.Pointer[snapshot]
	dropped atomic.Uint64 // number of the last Drop
	seen    atomic.Int64  // latest activity, Unix nanoseconds
	dirty   atomic.Bool   // seen is not written yet
	used    time.Duration // guarded by its shard's lock
}

// snapshot is one version of a session's record with what policies said of it.
type snapshot struct {
	session *session.Session
	decided atomic.Pointer[[]decided]
}

type decided struct {
	policy   *access.Policy
	decision access.Decision
}

func (c *cache) init(size int) {
	c.seed = maphash.MakeSeed()
	c.max = max(1, size/shards)
	for i := range shards {
		c.seats[i].seats = map[session.SeatHash]*seat{}
		c.seats[i].flights = map[session.SeatHash]*flight{}
		c.cells[i].cells = map[session.ID]*cell{}
	}
}

func (c *cache) seatShard(h session.SeatHash) *seatShard { return &c.seats[h[0]%shards] }

func (c *cache) cellShard(id session.ID) *cellShard {
	return &c.cells[maphash.String(c.seed, string(id))%shards]
}

func (c *cache) get(h session.SeatHash) *seat {
	s := c.seatShard(h)
	s.mu.RLock()
	e := s.seats[h]
	s.mu.RUnlock()
	return e
}

// set stores a seat; the caller holds the shard's lock. A full shard loses the oldest
// of a few that the map's random order offers.
func (c *cache) set(s *seatShard, h session.SeatHash, e *seat) {
	if _, there := s.seats[h]; !there && len(s.seats) >= c.max {
		var victim session.SeatHash
		var oldest *seat
		n := 0
		for k, v := range s.seats {
			if oldest == nil || v.loaded < oldest.loaded {
				victim, oldest = k, v
			}
			if n++; n == 8 {
				break
			}
		}
		delete(s.seats, victim)
	}
	s.seats[h] = e
}

// cell returns the session's cell, made where there is none. Its use is noted under
// the lock, so that a sweep cannot part a cell from a seat that is about to hold it.
func (c *cache) cell(id session.ID, now time.Duration) *cell {
	s := c.cellShard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.cells[id]
	if l == nil {
		l = &cell{id: id}
		s.cells[id] = l
	}
	l.used = now
	return l
}

func (c *cache) known(id session.ID) *cell {
	s := c.cellShard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cells[id]
}

// sweep forgets what has not been loaded for keepFor. A cell outlives its seats, and
// stays while its activity is not written.
func (c *cache) sweep(now time.Duration) {
	for i := range shards {
		s := &c.seats[i]
		s.mu.Lock()
		for h, e := range s.seats {
			if now-e.loaded > keepFor {
				delete(s.seats, h)
			}
		}
		s.mu.Unlock()
	}
	for i := range shards {
		s := &c.cells[i]
		s.mu.Lock()
		for id, l := range s.cells {
			if now-l.used > keepFor+time.Minute && !l.dirty.Load() {
				delete(s.cells, id)
			}
		}
		s.mu.Unlock()
	}
}

// drop stamps the cell.
func (l *cell) drop(n uint64) { stamp(&l.dropped, n) }

// stamp keeps the later of two stamps.
func stamp(at *atomic.Uint64, n uint64) {
	for {
		old := at.Load()
		if old >= n || at.CompareAndSwap(old, n) {
			return
		}
	}
}

// put takes over a record unless the cell holds a newer one.
func (l *cell) put(s *session.Session) {
	fresh := &snapshot{session: s}
	for {
		old := l.snap.Load()
		if old != nil && (old.session == s || old.session.Version > s.Version) {
			return
		}
		if old != nil && old.session.Version == s.Version && !s.SeenAt.After(old.session.SeenAt) {
			return // the same record: keep what policies said of it
		}
		if l.snap.CompareAndSwap(old, fresh) {
			return
		}
	}
}

// lastSeen is the latest activity that either the record or this process knows.
func (l *cell) lastSeen(s *session.Session) time.Time {
	if n := l.seen.Load(); n > s.SeenAt.UnixNano() {
		return time.Unix(0, n)
	}
	return s.SeenAt
}

// decide asks a policy about this version of the record, once.
func (p *snapshot) decide(policy *access.Policy) access.Decision {
	if policy == nil {
		return access.Decision{Allowed: true}
	}
	was := p.decided.Load()
	known := was
	if known != nil {
		for i := range *known {
			if (*known)[i].policy == policy {
				return (*known)[i].decision
			}
		}
	}
	if known != nil && len(*known) >= maxDecided {
		known = nil // most are of configurations that no longer hold
	}
	d := decided{policy: policy, decision: policy.Evaluate(access.Subject{Profile: p.session.Profile, Claims: p.session.Claims})}
	var all []decided
	if known != nil {
		all = append(all, *known...)
	}
	all = append(all, d)
	p.decided.CompareAndSwap(was, &all) // a lost race costs one more evaluation
	return d.decision
}
