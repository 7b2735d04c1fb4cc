package pagescript

import (
	"net/http"
	"strings"
)

// renders tells whether browsers show the answer as an HTML page that a script can be
// written into, and which encoding its headers declare.
func renders(res *http.Response) (charset, bool) {
	switch code := res.StatusCode; {
	case code < 200 || code > 599:
		return charset{}, false
	case code == http.StatusNoContent, code == http.StatusResetContent, code == http.StatusPartialContent, code == http.StatusNotModified:
		return charset{}, false
	case code >= 300 && code < 400 && res.Header.Get("Location") != "":
		return charset{}, false
	}
	if res.ContentLength == 0 && res.Header.Get("Content-Length") == "0" {
		return charset{}, false // nothing to see, nothing to take away
	}
	if !inline(res.Header["Content-Disposition"]) {
		return charset{}, false
	}
	types := res.Header["Content-Type"]
	if len(types) != 1 || strings.Contains(types[0], ",") {
		return charset{}, false // browsers do not agree on which one counts
	}
	media, params, _ := strings.Cut(types[0], ";")
	if !strings.EqualFold(strings.TrimSpace(media), "text/html") {
		return charset{}, false // XHTML follows the rules of XML
	}
	return charsetOf(parameter(params, "charset"))
}

// inline tells whether a page is shown rather than saved. Browsers save under any
// disposition that they do not know (RFC 6266 section 4.2).
func inline(lines []string) bool {
	for _, line := range lines {
		kind, _, _ := strings.Cut(line, ";")
		kind = strings.TrimSpace(kind)
		if kind != "" && !strings.EqualFold(kind, "inline") && !strings.Contains(kind, "=") {
			return false
		}
	}
	return true
}

// parameter returns the first parameter of that name, as browsers read it: more
// leniently than RFC 9110 writes it. A quoted value ends at its quote.
func parameter(params, name string) string {
	for params != "" {
		key, rest, hasValue := strings.Cut(params, "=")
		if i := strings.IndexByte(key, ';'); i >= 0 || !hasValue {
			if i < 0 {
				return ""
			}
			params = params[i+1:]
			continue
		}
		var value string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			value, rest, _ = strings.Cut(quoted, `"`)
			_, rest, _ = strings.Cut(rest, ";")
		} else {
			value, rest, _ = strings.Cut(rest, ";")
		}
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.ToLower(strings.TrimSpace(value))
		}
		params = rest
	}
	return ""
}

// dropValidators removes the headers that speak of the app's bytes, which are no longer
// the ones that arrive.
func dropValidators(res *http.Response) {
	for _, name := range []string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Accept-Ranges"} {
		delete(res.Header, name)
	}
	dropDigests(res.Header)
	dropDigests(res.Trailer)
	res.ContentLength = -1
}

func dropDigests(h http.Header) {
	for _, name := range []string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
		delete(h, name)
	}
}
