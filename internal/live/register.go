package live

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is something open on behalf of a session.
type Conn interface {
	// Close begins the end of the connection. It returns at once and never waits for
	// the network. It is called at most once, from any goroutine, with no lock held.
	Close(cause string)
}

// Briefer is implemented by connections that may turn out to be ordinary requests.
// While Brief reports true a connection is closed like any other and not counted.
// Brief must be safe for concurrent use and must not call the register.
type Briefer interface {
	Brief() bool
}

// Aside is implemented by connections of the gateway's own pages. They are closed like
// any other, and keep their session among Sessions, but nobody counts them: a receipt
// speaks of the apps' connections.
type Aside interface {
	Aside()
}

// Follower is implemented by connections that want to know when their session goes on
// under another id. Moved must return at once and must not call the register.
type Follower interface {
	Moved(id string)
}

const (
	shardCount = 64
	// rememberFor bounds how late a connection of an ended session may still try to
	// register; a verdict is at most seconds old when its request is passed on.
	rememberFor = time.Minute
	// rememberMax bounds the ends that one shard remembers.
	rememberMax = 4096
	detached    = shardCount // entry.shard of an entry that is in no list
)

// Register holds the open connections. It is safe for concurrent use.
type Register struct {
	seed   maphash.Seed
	shards [shardCount]shard
}

type shard struct {
	mu   sync.Mutex
	open map[string]*entry // id to the first of its connections
	past memory
	_    [32]byte // keeps neighbours' locks off one cache line
}

// entry is one registered connection, linked into its session's list.
type entry struct {
	reg        *Register
	id         string // guarded by the lock of the shard it is in
	conn       Conn
	prev, next *entry
	shard      atomic.Uint32
}

// NewRegister returns an empty register.
func NewRegister() *Register {
	r := &Register{seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].open = map[string]*entry{}
	}
	return r
}

func (r *Register) index(id string) uint32 {
	return uint32(maphash.String(r.seed, id) % shardCount)
}

// Add registers c under a session and returns the function that removes it, which may
// be called any number of times. It reports false when the session has just been
// closed: then c is not registered, was not closed, and must not be used. A session
// that was moved is looked for under its new id.
func (r *Register) Add(id string, c Conn) (remove func(), ok bool) {
	e := &entry{reg: r, conn: c}
	asked := id
	for range 4 { // a session renewed more often than that within a minute is refused
		i := r.index(id)
		s := &r.shards[i]
		s.mu.Lock()
		was, found := s.past.find(id)
		if !found {
			e.id = id
			e.shard.Store(i)
			s.push(e)
			if id != asked {
				follow(c, id)
			}
			s.mu.Unlock()
			return e.remove, true
		}
		s.mu.Unlock()
		if was.movedTo == "" {
			break
		}
		id = was.movedTo
	}
	return func() {}, false
}

// Close closes every connection of a session, refuses those that come late, and
// returns how many it closed, counted as by Count.
func (r *Register) Close(id, cause string) int {
	i := r.index(id)
	s := &r.shards[i]
	s.mu.Lock()
	first := s.open[id]
	delete(s.open, id)
	for e := first; e != nil; e = e.next {
		e.shard.Store(detached)
	}
	if was, found := s.past.find(id); !found || was.movedTo == "" {
		s.past.add(id, "")
	}
	s.mu.Unlock()

	n := 0
	for e := first; e != nil; e = e.next {
		if counts(e.conn) {
			n++
		}
		e.conn.Close(cause)
	}
	return n
}

// Move puts the connections of a session under the id it goes on with. Late
// connections of the old id follow. When the new id has itself moved on, they follow
// it; when it has ended meanwhile, they are closed.
func (r *Register) Move(from, to string) {
	for range 4 {
		if from == to {
			return
		}
		next, orphans := r.move(from, to)
		for e := orphans; e != nil; e = e.next {
			e.conn.Close("moved to an ended session")
		}
		if next == "" {
			return
		}
		to = next
	}
	r.Close(from, "moved too often")
}

// move does one step of Move. It returns where to has moved to, or the detached
// connections of from when to has ended.
func (r *Register) move(from, to string) (next string, orphans *entry) {
	a, b := r.index(from), r.index(to)
	src, dst := &r.shards[a], &r.shards[b]
	lockBoth(src, dst, a, b)
	defer unlockBoth(src, dst)
	if was, found := src.past.find(from); found && was.movedTo == "" {
		return "", nil // closed for good already
	}
	target, past := dst.past.find(to)
	if past && target.movedTo != "" {
		return target.movedTo, nil
	}
	list := src.open[from]
	delete(src.open, from)
	if past {
		src.past.add(from, "")
		for e := list; e != nil; e = e.next {
			e.shard.Store(detached)
		}
		return "", list
	}
	for list != nil {
		e := list
		list = e.next
		e.prev, e.next = nil, nil
		e.id = to
		e.shard.Store(b)
		dst.push(e)
		follow(e.conn, to)
	}
	src.past.add(from, to)
	return "", nil
}

// lockBoth takes two shards' locks in the order of their positions.
func lockBoth(src, dst *shard, a, b uint32) {
	switch {
	case a == b:
		src.mu.Lock()
	case a < b:
		src.mu.Lock()
		dst.mu.Lock()
	default:
		dst.mu.Lock()
		src.mu.Lock()
	}
}

func unlockBoth(src, dst *shard) {
	src.mu.Unlock()
	if dst != src {
		dst.mu.Unlock()
	}
}

// Sessions returns the sessions that have at least one connection that is not brief.
func (r *Register) Sessions() []string {
	var ids []string
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for id, first := range s.open {
			if lasting(first) {
				ids = append(ids, id)
			}
		}
		s.mu.Unlock()
	}
	return ids
}

// Count returns how many sessions have connections, and how many those are. Brief
// requests and connections aside are not counted.
func (r *Register) Count() (sessions, conns int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for _, first := range s.open {
			if n := count(first); n > 0 {
				sessions++
				conns += n
			}
		}
		s.mu.Unlock()
	}
	return sessions, conns
}

// Open returns how many connections a session has, counted as by Count.
func (r *Register) Open(id string) int {
	s := &r.shards[r.index(id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return count(s.open[id])
}

func count(first *entry) int {
	n := 0
	for e := first; e != nil; e = e.next {
		if counts(e.conn) {
			n++
		}
	}
	return n
}

// lasting tells whether one of a list is more than a brief request.
func lasting(first *entry) bool {
	for e := first; e != nil; e = e.next {
		if !brief(e.conn) {
			return true
		}
	}
	return false
}

func counts(c Conn) bool {
	_, aside := c.(Aside)
	return !aside && !brief(c)
}

func brief(c Conn) bool {
	b, ok := c.(Briefer)
	return ok && b.Brief()
}

func follow(c Conn, id string) {
	if f, ok := c.(Follower); ok {
		f.Moved(id)
	}
}

func (s *shard) push(e *entry) {
	if e.next = s.open[e.id]; e.next != nil {
		e.next.prev = e
	}
	s.open[e.id] = e
}

// remove takes the entry out of its list, wherever a Move has put it meanwhile.
func (e *entry) remove() {
	for {
		i := e.shard.Load()
		if i == detached {
			return
		}
		s := &e.reg.shards[i]
		s.mu.Lock()
		if e.shard.Load() != i {
			s.mu.Unlock()
			continue
		}
		s.unlink(e)
		s.mu.Unlock()
		return
	}
}

func (s *shard) unlink(e *entry) {
	e.shard.Store(detached)
	if e.next != nil {
		e.next.prev = e.prev
	}
	switch {
	case e.prev != nil:
		e.prev.next = e.next
	case e.next != nil:
		s.open[e.id] = e.next
	default:
		delete(s.open, e.id)
	}
	e.prev, e.next = nil, nil
}
