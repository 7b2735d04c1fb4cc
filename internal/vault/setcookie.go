package vault

import (
	"math"
	"strings"
	"time"
)

const (
	maxPair      = 4096                 // bytes of a cookie's name and value
	maxAttribute = 1024                 // bytes of an attribute's value
	maxLife      = 400 * 24 * time.Hour // longest life that a cookie may ask for
)

// refusal says why a Set-Cookie line makes no cookie; "" when it makes one. It names no
// part of the line.
type refusal string

const (
	refusedControl refusal = "a control character"
	refusedEmpty   refusal = "neither name nor value"
	refusedSize    refusal = "more than 4096 bytes"
	refusedDomain  refusal = "a domain that is not the app's"
	refusedSecure  refusal = "Secure on an insecure origin"
	refusedNone    refusal = "SameSite=None without Secure"
	refusedPrefix  refusal = "a __Host- or __Secure- name without what it demands"
	refusedShadow  refusal = "a Secure cookie of that name on an insecure origin"
)

type sameSite byte

const (
	siteDefault sameSite = iota
	siteNone
	siteLax
	siteStrict
)

// setCookie is a Set-Cookie line as read, before it is known who sent it.
type setCookie struct {
	name, value string
	domain      string // lower case, without a leading dot
	path        string // "" where the attribute is absent or unusable
	hasPath     bool
	expires     time.Time
	hasExpires  bool
	maxAge      int64 // seconds
	hasMaxAge   bool
	secure      bool
	httpOnly    bool
	partitioned bool
	sameSite    sameSite
}

// parseSetCookie reads one line (RFC 6265bis section 5.6).
func parseSetCookie(line string) (setCookie, refusal) {
	var c setCookie
	for i := range len(line) {
		if b := line[i]; b < ' ' && b != '\t' || b == 0x7f {
			return c, refusedControl
		}
	}
	pair, attributes, more := strings.Cut(line, ";")
	name, value, named := strings.Cut(pair, "=")
	if !named {
		name, value = "", pair
	}
	c.name, c.value = trim(name), trim(value)
	if len(c.name)+len(c.value) > maxPair {
		return c, refusedSize
	}
	if c.name == "" && c.value == "" {
		return c, refusedEmpty
	}
	for more {
		var attribute string
		attribute, attributes, more = strings.Cut(attributes, ";")
		key, value, _ := strings.Cut(attribute, "=")
		if value = trim(value); len(value) <= maxAttribute {
			c.attribute(trim(key), value)
		}
	}
	return c, ""
}

// attribute takes one attribute; the last of a name counts.
func (c *setCookie) attribute(key, value string) {
	switch {
	case strings.EqualFold(key, "Expires"):
		if t, ok := parseDate(value); ok {
			c.expires, c.hasExpires = t, true
		}
	case strings.EqualFold(key, "Max-Age"):
		if n, ok := parseMaxAge(value); ok {
			c.maxAge, c.hasMaxAge = n, true
		}
	case strings.EqualFold(key, "Domain"):
		c.domain = strings.ToLower(strings.TrimPrefix(value, "."))
	case strings.EqualFold(key, "Path"):
		c.hasPath = true
		if c.path = ""; strings.HasPrefix(value, "/") {
			c.path = value
		}
	case strings.EqualFold(key, "Secure"):
		c.secure = true
	case strings.EqualFold(key, "HttpOnly"):
		c.httpOnly = true
	case strings.EqualFold(key, "Partitioned"):
		c.partitioned = true
	case strings.EqualFold(key, "SameSite"):
		c.sameSite = sameSiteOf(value)
	}
}

func sameSiteOf(value string) sameSite {
	switch {
	case strings.EqualFold(value, "None"):
		return siteNone
	case strings.EqualFold(value, "Lax"):
		return siteLax
	case strings.EqualFold(value, "Strict"):
		return siteStrict
	}
	return siteDefault
}

// parseMaxAge reads seconds (RFC 6265bis section 5.6.2); a number too large to hold is
// as large as can be.
func parseMaxAge(s string) (int64, bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" {
		return 0, false
	}
	var n int64
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return 0, false
		}
		if n > math.MaxInt32 {
			continue
		}
		n = n*10 + int64(digits[i]-'0')
	}
	if digits != s {
		n = -n
	}
	return n, true
}

// trim removes what RFC 6265bis calls WSP.
func trim(s string) string { return strings.Trim(s, " \t") }

// source is where a Set-Cookie line came from, and when.
type source struct {
	host   string // lower case, without port
	path   string // of the request, as on the wire
	secure bool
	now    time.Time
}

// made is the cookie that a line makes at its source.
type made struct {
	cookie
	beyond  bool // its Domain reaches beyond the host
	expired bool // the line deletes
}

// at applies RFC 6265bis section 5.7, steps that look at one cookie alone.
func (c setCookie) at(s source) (made, refusal) {
	m := made{cookie: cookie{
		name: c.name, value: c.value, host: s.host, domain: c.domain, path: c.path,
		secure: c.secure, httpOnly: c.httpOnly, partitioned: c.partitioned, sameSite: c.sameSite,
	}}
	if c.domain != "" {
		if !ascii(c.domain) || !domainMatch(s.host, c.domain) {
			return m, refusedDomain
		}
		m.beyond = c.domain != s.host
	}
	if m.path == "" {
		m.path = defaultPath(s.path)
	}
	switch {
	case c.secure && !s.secure:
		return m, refusedSecure
	case c.sameSite == siteNone && !c.secure:
		return m, refusedNone
	case !c.prefixHolds():
		return m, refusedPrefix
	}
	m.life(c, s.now)
	return m, ""
}

// prefixHolds tells whether a name with a prefix keeps its promise; a cookie without a
// name may not look like one that has.
func (c setCookie) prefixHolds() bool {
	if c.name == "" {
		return !hasPrefixFold(c.value, "__Secure-") && !hasPrefixFold(c.value, "__Host-")
	}
	if hasPrefixFold(c.name, "__Secure-") {
		return c.secure
	}
	if hasPrefixFold(c.name, "__Host-") {
		return c.secure && c.domain == "" && c.path == "/"
	}
	return true
}

func (m *made) life(c setCookie, now time.Time) {
	until := c.expires
	switch {
	case c.hasMaxAge && c.maxAge <= 0:
		m.expired = true
		return
	case c.hasMaxAge:
		until = now.Add(min(time.Duration(min(c.maxAge, int64(maxLife/time.Second)))*time.Second, maxLife))
	case !c.hasExpires:
		return
	}
	if !until.After(now) {
		m.expired = true
		return
	}
	if limit := now.Add(maxLife); until.After(limit) {
		until = limit
	}
	m.expires = until.UnixMilli()
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
