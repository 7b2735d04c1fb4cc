package guard

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// pathClass says how many ways there are to read a path.
type pathClass int

const (
	malformed pathClass = iota // no request target at all (RFC 9112 section 3.2)
	plain                      // one reading
	ambiguous
)

const (
	// maxReadings and maxAmbiguous bound the work that one request can cause.
	maxReadings  = 64
	maxAmbiguous = 2048
)

// classify looks at a path once. Malformed are paths that do not start with a slash,
// hold a raw control character, blank, "?" or "#", an escape that is none, or an
// encoded NUL. Everything outside plain ASCII segments is ambiguous.
func classify(raw string) pathClass {
	if raw == "" || raw[0] != '/' {
		return malformed
	}
	class := plain
	segment := 1 // where the present segment starts
	for i := 1; i <= len(raw); i++ {
		if i == len(raw) || raw[i] == '/' {
			// An empty segment, or one that ends in a dot: ".", "..", "name."
			if (i == segment && i < len(raw)) || (i > segment && raw[i-1] == '.') {
				class = ambiguous
			}
			segment = i + 1
			continue
		}
		switch c := raw[i]; {
		case c <= ' ' || c == 0x7f || c == '?' || c == '#':
			return malformed
		case c == '%':
			b, ok := unhex(raw[i:])
			if !ok || b == 0 {
				return malformed
			}
			class = ambiguous
		case c == '\\' || c == ';' || c >= utf8.RuneSelf:
			class = ambiguous
		}
	}
	return class
}

// readings returns every way in which some server could read the path, decoded. It
// reports false when there are too many, or when a reading is not UTF-8 or holds a
// control character: what such a path names cannot be told.
func readings(raw string, encoded bool) ([]string, bool) {
	if len(raw) > maxAmbiguous {
		return nil, false
	}
	set := []string{raw}
	if encoded {
		// Escapes are equivalent to what they stand for (RFC 3986 section 6.2.2.2), so
		// that the path as sent is no reading of its own; an encoded slash may be one.
		set = []string{decode(raw, false), decode(raw, true)}
	}
	for i := 0; i < len(set); i++ {
		if !utf8.ValidString(set[i]) || hasControl(set[i]) {
			return nil, false
		}
		for _, read := range readers {
			p := read(set[i])
			if p == "" || p[0] != '/' {
				p = "/" + p
			}
			if !slices.Contains(set, p) {
				if len(set) == maxReadings {
					return nil, false
				}
				set = append(set, p)
			}
		}
	}
	return set, true
}

// readers are the liberties that servers, frameworks and file systems take.
var readers = [...]func(string) string{
	func(p string) string { return decode(p, true) },                 // decoding twice
	func(p string) string { return decode(p, false) },                //
	func(p string) string { return strings.ReplaceAll(p, `\`, "/") }, // Windows, browsers
	stripParameters, // Java servlets
	mergeSlashes,    // nginx, Python
	removeDots,      // RFC 3986 section 5.2.4
	trimSegments,    // Windows file names
	truncate,        // decoding before parsing
	narrow,          // Unicode compatibility forms
}

// decode replaces percent escapes; what is not one stays. Without slashes, an encoded
// slash or backslash stays encoded.
func decode(p string, slashes bool) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	out := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if p[i] == '%' {
			if b, ok := unhex(p[i:]); ok {
				if slashes || (b != '/' && b != '\\') {
					out = append(out, b)
				} else {
					out = append(out, '%', p[i+1], upper(p[i+2]))
				}
				i += 2
				continue
			}
		}
		out = append(out, p[i])
	}
	return string(out)
}

// unhex decodes the escape that s starts with.
func unhex(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	hi, ok1 := nibble(s[1])
	lo, ok2 := nibble(s[2])
	return hi<<4 | lo, ok1 && ok2
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func hasControl(p string) bool {
	for i := range len(p) {
		if p[i] < ' ' || p[i] == 0x7f {
			return true
		}
	}
	return strings.ContainsFunc(p, func(r rune) bool { return r >= 0x80 && r < 0xa0 })
}

// stripParameters removes ";..." from every segment (RFC 3986 section 3.3).
func stripParameters(p string) string {
	if strings.IndexByte(p, ';') < 0 {
		return p
	}
	out := make([]byte, 0, len(p))
	inside := false
	for i := range len(p) {
		switch p[i] {
		case ';':
			inside = true
		case '/':
			inside = false
		}
		if !inside {
			out = append(out, p[i])
		}
	}
	return string(out)
}

func mergeSlashes(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

// removeDots resolves "." and ".." segments and leaves empty ones alone.
func removeDots(p string) string {
	if !strings.Contains(p, "/.") {
		return p
	}
	var out []string
	segments := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}

// trimSegments removes dots and blanks at the ends of segments, but for "." and "..".
func trimSegments(p string) string {
	if !strings.ContainsAny(p, ". ") {
		return p
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		if t := strings.TrimRight(s, ". "); t != "" {
			segments[i] = t
		} else if t = strings.TrimRight(s, " "); t == "." || t == ".." {
			segments[i] = t
		}
	}
	return strings.Join(segments, "/")
}

// truncate cuts at what a second parser takes for the end of the path.
func truncate(p string) string {
	if i := strings.IndexAny(p, "?#"); i >= 0 {
		return p[:i]
	}
	return p
}

// narrow maps full-width forms to ASCII, and the letters that fold to ASCII ones.
func narrow(p string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xff01 && r <= 0xff5e:
			return r - 0xff01 + '!'
		case r == 0x2024: // one dot leader
			return '.'
		case r == 0x212a: // Kelvin sign
			return 'k'
		case r == 0x17f: // long s
			return 's'
		}
		return r
	}, p)
}
