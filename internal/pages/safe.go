package pages

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName    = 80       // runes of a name, address or reference that a page shows
	maxClasses = 300      // runes of a list of authentication classes
	maxPath    = 160      // runes of a path into the configuration
	maxURL     = 16 << 10 // bytes of a link; longer ones are left out
	maxMarks   = 4        // combining marks in a row; more would paint over other lines
)

// clean makes hostile text fit for a sentence: valid UTF-8, no control or
// invisible formatting characters (bidirectional overrides among them), single
// spaces, bounded stacks of combining marks, and at most limit runes. Its cost is
// bounded by limit for ordinary text and by len(s) at worst.
func clean(s string, limit int) string {
	var b strings.Builder
	count, marks, space := 0, 0, false
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = count > 0
			continue
		}
		if invisible(r) {
			continue
		}
		if unicode.Is(unicode.M, r) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		if count >= limit {
			return strings.TrimRightFunc(b.String(), unfinished) + "…"
		}
		if space {
			b.WriteByte(' ')
			count, space = count+1, false
		}
		b.WriteRune(r)
		count++
	}
	return strings.TrimRightFunc(b.String(), unfinished)
}

// invisible reports characters that are there but not seen, and can reorder or
// disguise what is seen. The zero-width joiners stay: emoji and several scripts
// need them.
func invisible(r rune) bool {
	switch r {
	case '\u200c', '\u200d':
		return false
	case '\u115f', '\u1160', '\u3164', '\uffa0': // fillers that look like nothing
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) ||
		unicode.Is(unicode.Noncharacter_Code_Point, r)
}

func unfinished(r rune) bool { return r == '\u200c' || r == '\u200d' || r == ' ' }

// safeURL returns raw fit for an attribute, or false if a page must not link to
// it: only absolute http and https URLs without user information, and paths
// rooted at this host. Backslashes and whitespace are refused because browsers
// and net/url read them differently.
func safeURL(raw string) (string, bool) {
	if raw == "" || len(raw) > maxURL || !utf8.ValidString(raw) {
		return "", false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.User != nil {
		return "", false
	}
	if u.Scheme == "" && u.Host == "" {
		if raw[0] != '/' || strings.HasPrefix(raw, "//") {
			return "", false
		}
	} else if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || !plainHost(u.Host) {
		return "", false
	}
	return escapeURL(raw)
}

// plainHost keeps a host from adding anything to a policy header.
func plainHost(host string) bool {
	for i := range len(host) {
		c := host[i]
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']'
		if !ok {
			return false
		}
	}
	return true
}

// escapeURL percent-encodes what may not stand in an attribute or a refresh
// pragma and refuses what no URL may hold.
func escapeURL(raw string) (string, bool) {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c == 0x7f || c == '\\':
			return "", false
		case c > 0x7f || strings.IndexByte("\"'<>`", c) >= 0:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// link is safeURL for places where an unusable target means no link.
func link(raw string) string {
	s, _ := safeURL(raw)
	return s
}
