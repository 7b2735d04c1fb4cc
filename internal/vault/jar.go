package vault

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/cardea-auth/cardea/internal/httpx"
)

const (
	maxKept      = 150      // cookies kept per jar
	maxKeptBytes = 48 << 10 // of their names and values
	maxPassed    = 100      // records of cookies that passed through
	maxValues    = 48 << 10 // bytes of their remembered values
	maxLeft      = 64       // left-overs remembered
	maxHosts     = 64       // hosts at which a session used one app
)

// cookie is one that is kept, or the record of one that passed through. It is never
// changed once a jar holds it.
type cookie struct {
	name, value string
	host        string // of the origin that it came from, lower case, without port
	domain      string // as the app asked; "" for a host-only cookie
	path        string
	secure      bool
	httpOnly    bool
	partitioned bool
	sameSite    sameSite
	expires     int64 // Unix milliseconds; 0: with the session
	born, set   int64 // positions in the jar's sequence: when it was made, and last set
	firm        int64 // Unix milliseconds: when its expiry was last written; not stored
}

func (c *cookie) expired(now int64) bool { return c.expires != 0 && c.expires <= now }

func (c *cookie) size() int { return len(c.name) + len(c.value) }

// leftover is a cookie that the browser had from before this session used the app.
type leftover struct {
	host, name string
	digest     string // of the value
	all        bool   // there were too many to name: whatever the browser carries is one
	until      int64  // Unix milliseconds
}

// jar is what is known of one session's cookies at one app. A jar that an entry shows is
// shared and never changed: whoever changes one changes a clone.
type jar struct {
	next   int64 // of the sequence
	origin httpx.Origin
	hosts  []string // at which the session used the app, the longest known first
	kept   []*cookie
	passed []*cookie
	left   []leftover

	names map[string]struct{}    // of kept, made by finish
	whole atomic.Pointer[string] // kept as one line, made when first asked for
	gone  error                  // the session is not there any more; nothing else is set
}

func (j *jar) clone() *jar {
	return &jar{
		next: j.next, origin: j.origin, hosts: slices.Clone(j.hosts),
		kept: slices.Clone(j.kept), passed: slices.Clone(j.passed), left: slices.Clone(j.left),
	}
}

// purge forgets what has expired.
func (j *jar) purge(now int64) {
	expired := func(c *cookie) bool { return c.expired(now) }
	j.kept = slices.DeleteFunc(j.kept, expired)
	j.passed = slices.DeleteFunc(j.passed, expired)
	j.left = slices.DeleteFunc(j.left, func(l leftover) bool { return l.until <= now })
}

// finish brings a changed clone within its bounds and into the order of RFC 6265bis
// section 5.8.3. It returns how many kept cookies and how many records had to go.
func (j *jar) finish() (kept, passed int) {
	total := 0
	for _, c := range j.kept {
		total += c.size()
	}
	for len(j.kept) > maxKept || total > maxKeptBytes {
		i := leastRecent(j.kept)
		total -= j.kept[i].size()
		j.kept = slices.Delete(j.kept, i, i+1)
		kept++
	}
	for len(j.passed) > maxPassed {
		i := leastRecent(j.passed)
		j.passed = slices.Delete(j.passed, i, i+1)
		passed++
	}
	j.forgetValues()
	sortForSending(j.kept)
	sortForSending(j.passed)
	j.names = nil
	if len(j.kept) > 0 {
		j.names = make(map[string]struct{}, len(j.kept))
		for _, c := range j.kept {
			j.names[c.name] = struct{}{}
		}
	}
	return kept, passed
}

// forgetValues keeps the latest remembered values of what passed through.
func (j *jar) forgetValues() {
	total := 0
	for _, c := range j.passed {
		total += len(c.value)
	}
	for total > maxValues {
		var oldest *cookie
		at := 0
		for i, c := range j.passed {
			if c.value != "" && (oldest == nil || c.set < oldest.set) {
				oldest, at = c, i
			}
		}
		total -= len(oldest.value)
		bare := *oldest
		bare.value = ""
		j.passed[at] = &bare
	}
}

func leastRecent(list []*cookie) int {
	least := 0
	for i, c := range list {
		if c.set < list[least].set {
			least = i
		}
	}
	return least
}

func sortForSending(list []*cookie) {
	slices.SortFunc(list, func(a, b *cookie) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.born, b.born))
	})
}

// uses tells whether the session has used the app at a host.
func (j *jar) uses(host string) bool { return slices.Contains(j.hosts, host) }

// holds tells whether a cookie of that name is kept for a host.
func (j *jar) holds(host, name string, now int64) bool {
	if _, ok := j.names[name]; !ok {
		return false
	}
	return slices.ContainsFunc(j.kept, func(c *cookie) bool {
		return c.name == name && c.host == host && !c.expired(now)
	})
}

// passes tells whether the app gave the browser a cookie of that name at a host, or one
// whose domain covers it.
func (j *jar) passes(host, name string) bool {
	for _, c := range j.passed {
		if c.name == name && (c.host == host || c.domain != "" && domainMatch(host, c.domain)) {
			return true
		}
	}
	return false
}

// isLeft tells whether what the browser carries is left over.
func (j *jar) isLeft(host, name, value string, now int64) bool {
	for i := range j.left {
		l := &j.left[i]
		if l.until <= now || l.host != host {
			continue
		}
		if l.all || l.name == name && l.digest == digest(value) {
			return true
		}
	}
	return false
}

func sameKept(a, b *cookie) bool {
	return a.name == b.name && a.host == b.host && a.path == b.path
}

func samePassed(a, b *cookie) bool { return sameKept(a, b) && a.domain == b.domain }
