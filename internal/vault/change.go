package vault

import (
	"crypto/sha256"
	"slices"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// change says what has become of a jar, the weightier the greater.
type change byte

const (
	unchanged change = iota
	touched          // only the order in which cookies would have to go
	postponed        // only an expiry, which may be written later
	changed          // to be written before an answer leaves
)

const (
	lazyShare = 10                   // a changed expiry waits for this part of a cookie's life,
	lazyMost  = int64(10 * 60 * 1e3) // and no longer than this, in milliseconds
	leftLife  = int64(60 * 1e3)      // how long left-overs are remembered, in milliseconds
)

type verb byte

const (
	opUse    verb = iota // the session uses the app at a host
	opKeep               // keep a cookie
	opRemove             // keep it no longer
	opPass               // record one that passed through
	opUnpass             // the browser has been told to forget it
)

// op is one change of a jar, such that it can be applied again to another version of
// the jar when somebody else has written meanwhile.
type op struct {
	verb   verb
	at     int64   // Unix milliseconds
	cookie *cookie // opUse: only the host
	origin httpx.Origin
	left   []leftover // opUse
}

// apply changes a clone.
func (j *jar) apply(o *op) change {
	switch o.verb {
	case opUse:
		return j.use(o)
	case opKeep:
		return j.keep(o)
	case opRemove:
		return drop(&j.kept, func(c *cookie) bool { return sameKept(c, o.cookie) })
	case opPass:
		return j.pass(o)
	default:
		return drop(&j.passed, func(c *cookie) bool { return samePassed(c, o.cookie) })
	}
}

func (j *jar) use(o *op) change {
	if j.uses(o.cookie.host) {
		return unchanged
	}
	j.origin = o.origin
	if len(j.hosts) >= maxHosts {
		j.hosts = slices.Delete(j.hosts, 0, 1)
	}
	j.hosts = append(j.hosts, o.cookie.host)
	j.left = append(j.left, o.left...)
	if n := len(j.left); n > maxLeft {
		j.left = append(j.left[:0], leftover{host: o.cookie.host, all: true, until: o.at + leftLife})
	}
	return changed
}

// keep takes a cookie in. A name lives in one place: what passed through under it is no
// longer known; its copy in the browser is expired by whoever made the op.
func (j *jar) keep(o *op) change {
	ch := drop(&j.passed, func(c *cookie) bool { return c.name == o.cookie.name && c.host == o.cookie.host })
	j.origin = o.origin
	return max(ch, j.put(&j.kept, o, sameKept))
}

// pass records what goes on to the browser, which from now on is what counts.
func (j *jar) pass(o *op) change {
	ch := drop(&j.kept, func(c *cookie) bool { return c.name == o.cookie.name && c.host == o.cookie.host })
	j.left = slices.DeleteFunc(j.left, func(l leftover) bool { return l.name == o.cookie.name && l.host == o.cookie.host && !l.all })
	j.origin = o.origin
	return max(ch, j.put(&j.passed, o, samePassed))
}

// put sets a cookie in a list: a new one at the end, a known one in its place with the
// age that it has (RFC 6265bis section 5.7, step 23).
func (j *jar) put(list *[]*cookie, o *op, same func(a, b *cookie) bool) change {
	c := *o.cookie
	j.next++
	c.born, c.set, c.firm = j.next, j.next, o.at
	i := slices.IndexFunc(*list, func(old *cookie) bool { return same(old, &c) })
	if i < 0 {
		*list = append(*list, &c)
		return changed
	}
	old := (*list)[i]
	c.born = old.born
	(*list)[i] = &c
	ch := compare(old, &c)
	if ch < changed {
		c.firm = old.firm
	}
	return ch
}

// compare weighs the difference between a cookie and what is set in its place.
func compare(old, c *cookie) change {
	switch {
	case old.value != c.value || old.domain != c.domain || old.secure != c.secure || old.httpOnly != c.httpOnly ||
		old.partitioned != c.partitioned || old.sameSite != c.sameSite:
		return changed
	case old.expires == c.expires:
		return touched
	case old.expires == 0 || c.expires == 0 || c.firm-old.firm >= c.patience():
		return changed
	}
	return postponed
}

// patience is how long a change of the expiry alone may stay unwritten, in milliseconds,
// for a cookie that was just set.
func (c *cookie) patience() int64 { return min((c.expires-c.firm)/lazyShare, lazyMost) }

func drop(list *[]*cookie, which func(c *cookie) bool) change {
	before := len(*list)
	*list = slices.DeleteFunc(*list, which)
	if len(*list) < before {
		return changed
	}
	return unchanged
}

// replaces tells whether an op makes an earlier one of its kind needless.
func (o *op) replaces(old *op) bool {
	if o.verb != old.verb {
		return false
	}
	if o.verb == opPass {
		return samePassed(o.cookie, old.cookie)
	}
	return o.verb == opKeep && sameKept(o.cookie, old.cookie)
}

// concerns tells whether two ops are about one name, so that their order matters.
func (o *op) concerns(old *op) bool {
	return o.cookie.name == old.cookie.name && o.cookie.host == old.cookie.host
}

// digest stands for the value of a cookie that is remembered only to be told again.
func digest(value string) string {
	sum := sha256.Sum256([]byte(value))
	return string(sum[:12])
}
