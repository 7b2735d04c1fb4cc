package httpx

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxLocalPath bounds a return path in bytes.
const MaxLocalPath = 2048

// LocalPath returns target as a path (with query, without fragment) that every
// browser resolves to the same origin, or false. Browsers and net/url disagree about
// malformed URLs: backslashes count as slashes, tabs and newlines vanish, leading
// blanks are stripped. So anything unusual is refused instead of repaired, at every
// depth of percent-encoding, since some hop may decode once more.
func LocalPath(target string) (string, bool) {
	if i := strings.IndexByte(target, '#'); i >= 0 {
		target = target[:i]
	}
	if len(target) > MaxLocalPath || !utf8.ValidString(target) {
		return "", false
	}
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") || !plain(target) {
		return "", false
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	if !pathStays(path) {
		return "", false
	}
	return target, true
}

// plain refuses the characters that browsers drop, repair or treat as separators.
func plain(s string) bool {
	for _, r := range s {
		if r <= 0x20 || r == 0x7f || r == '\\' || (r >= 0x80 && r <= 0xa0) ||
			r == 0x1680 || (r >= 0x2000 && r <= 0x200f) || (r >= 0x2028 && r <= 0x202f) ||
			r == 0x205f || r == 0x2060 || r == 0x3000 || r == 0xfeff || (r >= 0x2066 && r <= 0x2069) {
			return false
		}
	}
	return true
}

// pathStays refuses a path that, decoded any number of times, begins with two slashes
// or holds a backslash, a control character or a dot segment.
func pathStays(path string) bool {
	for range 4 {
		if strings.HasPrefix(path, "//") || !segmentsStay(path) {
			return false
		}
		next, err := url.PathUnescape(path)
		if err != nil {
			return false
		}
		if next == path {
			return true
		}
		path = next
	}
	return false
}

func segmentsStay(path string) bool {
	for i := range len(path) {
		if path[i] < 0x20 || path[i] == 0x7f || path[i] == '\\' {
			return false
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
