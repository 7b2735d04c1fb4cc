package vault

import (
	"net/netip"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// expiry writes Set-Cookie lines by which a browser forgets cookies, a bounded number of
// them: what stays is carried again and expired with a later answer.
type expiry struct {
	host   string
	https  bool
	most   int // lines
	room   int // bytes
	lines  []string
	cached []string // directories, see dirs
}

const (
	mostExpired  = 48       // lines with one answer to a request
	roomExpired  = 8 << 10  // bytes of them
	mostLeaving  = 256      // lines with the answer to a sign-out
	roomLeaving  = 24 << 10 // bytes of them
	deepestGuess = 4        // segments of a path at which a cookie may have been set
)

func newExpiry(o httpx.Origin, most, room int) *expiry {
	return &expiry{host: hostname(o), https: o.Secure(), most: most, room: room}
}

// line adds one line, once. A browser deletes the cookie that has just this name, domain,
// path and partition. A name that no header can carry cannot be deleted.
func (x *expiry) line(name, domain, path string, secure, partitioned bool) {
	if !sendable(name) || !sendable(path) || !sendable(domain) {
		return
	}
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte('=')
	if name == "" {
		b.WriteByte('x') // a line with neither name nor value is ignored
	}
	b.WriteString("; Path=")
	b.WriteString(path)
	if domain != "" {
		b.WriteString("; Domain=")
		b.WriteString(domain)
	}
	b.WriteString("; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0")
	if secure || partitioned || x.https || hasPrefixFold(name, "__Secure-") || hasPrefixFold(name, "__Host-") {
		b.WriteString("; Secure") // without it, prefixed and partitioned ones would stay
	}
	if partitioned {
		b.WriteString("; Partitioned")
	}
	s := b.String()
	if len(x.lines) >= x.most || len(s) > x.room {
		return
	}
	for _, known := range x.lines {
		if known == s {
			return
		}
	}
	x.room -= len(s)
	x.lines = append(x.lines, s)
}

// record expires what is known to have passed through.
func (x *expiry) record(c *cookie) { x.line(c.name, c.domain, c.path, c.secure, c.partitioned) }

// root expires a cookie at the place where most are.
func (x *expiry) root(name string) { x.line(name, "", "/", false, false) }

// guess expires a cookie of which nothing but the name is known, wherever it may have
// been set for a request like this to carry it: at the directories of paths, and for
// the host as a domain. Domains beyond the host belong to others too.
func (x *expiry) guess(name string, paths ...string) {
	if hasPrefixFold(name, "__Host-") {
		return // these are at the root alone
	}
	for _, path := range paths {
		for _, dir := range x.dirs(path) {
			x.line(name, "", dir, false, false)
		}
	}
	if x.domainable() {
		x.line(name, x.host, "/", false, false)
	}
}

// dirs returns the directories of a path, each with and without its last slash.
func (x *expiry) dirs(path string) []string {
	x.cached = x.cached[:0]
	for i := 1; i < len(path) && len(x.cached) < 2*deepestGuess; i++ {
		if path[i] == '/' {
			x.cached = append(x.cached, path[:i], path[:i+1])
		}
	}
	return x.cached
}

// domainable tells whether browsers take the host for a Domain attribute.
func (x *expiry) domainable() bool {
	if !strings.Contains(x.host, ".") {
		return false
	}
	_, err := netip.ParseAddr(x.host)
	return err != nil
}
