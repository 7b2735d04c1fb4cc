package web

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const ownPrefix = "/.cardea"

// ownPath tells whether a path is reserved for Cardea, in any spelling that some
// server, framework or browser could resolve to it, and returns what follows
// "/.cardea/". An unusual spelling is reserved but names nothing. A path that only
// passes through the prefix ("/.cardea/../x") is reserved too: whoever does not resolve
// it sees an own path.
func ownPath(escaped string) (name string, own bool) {
	if escaped == ownPrefix {
		return "", true
	}
	if name, ok := strings.CutPrefix(escaped, ownPrefix+"/"); ok && !strings.ContainsAny(name, "%\\;") && path.Clean("/"+name) == "/"+name {
		return name, true
	}
	if unambiguous(escaped) && !strings.Contains(escaped, "/.") {
		return "", false
	}
	if len(escaped) > maxAmbiguous {
		return "", true // nobody writes such a path to be understood
	}
	for segments := range readings(escaped) {
		if first(segments) || first(resolve(segments)) {
			return "", true
		}
	}
	return "", false
}

func first(segments []string) bool {
	return len(segments) > 0 && strings.EqualFold(segments[0], ownPrefix[1:])
}

// unambiguous tells whether a path has one reading but for letter case: plain ASCII,
// nothing encoded, no empty segments, no dots at the ends of segments.
func unambiguous(p string) bool {
	for i := range len(p) {
		c := p[i]
		if c == '%' || c == '\\' || c == ';' || c <= ' ' || c >= 0x7f {
			return false
		}
		if c == '/' && i+1 < len(p) && p[i+1] == '/' {
			return false
		}
		if c == '.' && (i+1 == len(p) || p[i+1] == '/') {
			return false
		}
	}
	return true
}

const (
	// maxDecoding bounds how often a path is decoded; whoever decodes more often than that
	// is beyond help.
	maxDecoding = 8
	// maxAmbiguous bounds the work that one path can cause.
	maxAmbiguous = 8 << 10
)

// readings yields the segments of a path as different software could read it: decoded
// any number of times, with and without parameters, text behind "?" or "#", and dots or
// blanks at the ends of segments; backslashes count as slashes, empty segments vanish,
// dot segments stay.
func readings(p string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for range maxDecoding {
			for variant := range 8 {
				if !yield(split(p, variant&1 != 0, variant&2 != 0, variant&4 != 0)) {
					return
				}
			}
			next := decode(p)
			if next == p {
				return
			}
			p = next
		}
	}
}

func split(p string, params, cut, trim bool) []string {
	if cut {
		if i := strings.IndexAny(p, "?#\x00\t\r\n"); i >= 0 {
			p = p[:i]
		}
	}
	var list []string
	for s := range strings.SplitSeq(strings.ReplaceAll(p, `\`, "/"), "/") {
		if params {
			s, _, _ = strings.Cut(s, ";")
		}
		if trim && s != "." && s != ".." {
			s = strings.TrimRight(s, ". \t\r\n\x00")
		}
		if s != "" {
			list = append(list, s)
		}
	}
	return list
}

// resolve removes dot segments (RFC 3986 section 5.2.4).
func resolve(segments []string) []string {
	if !slices.Contains(segments, ".") && !slices.Contains(segments, "..") {
		return segments
	}
	out := make([]string, 0, len(segments))
	for _, s := range segments {
		switch s {
		case ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, s)
		}
	}
	return out
}

// decode replaces percent escapes once; what is none stays. Overlong and full-width
// forms of ASCII become ASCII.
func decode(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return narrow(p)
	}
	out := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) {
			hi, lo := nibble(p[i+1]), nibble(p[i+2])
			if hi < 16 && lo < 16 {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, p[i])
	}
	return narrow(string(out))
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

func narrow(p string) string {
	if !strings.ContainsFunc(p, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return p
	}
	out := make([]byte, 0, len(p))
	for i := 0; i < len(p); {
		if i+1 < len(p) && (p[i] == 0xc0 || p[i] == 0xc1) && p[i+1]&0xc0 == 0x80 {
			out = append(out, p[i]&1<<6|p[i+1]&0x3f)
			i += 2
			continue
		}
		r, n := utf8.DecodeRuneInString(p[i:])
		switch {
		case r >= 0xff01 && r <= 0xff5e:
			out = append(out, byte(r-0xff01+'!'))
		case r == 0x2024: // one dot leader
			out = append(out, '.')
		default:
			out = append(out, p[i:i+n]...)
		}
		i += n
	}
	return string(out)
}

// under tells whether a path is an app's path or below it, at a segment boundary.
func under(p, prefix string, fold bool) bool {
	if prefix == "/" {
		return true
	}
	if len(p) < len(prefix) || (p[:len(prefix)] != prefix && !(fold && strings.EqualFold(p[:len(prefix)], prefix))) {
		return false
	}
	return len(p) == len(prefix) || p[len(prefix)] == '/'
}
