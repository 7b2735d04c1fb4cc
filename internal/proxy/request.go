package proxy

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// rewrite makes the request that the app gets. Hop-by-hop headers, and those that the
// client's Connection header named, are gone by now, so that nothing set here can be
// taken out by the client.
func (p *Proxy) rewrite(pr *httputil.ProxyRequest) {
	x := exchangeOf(pr.In.Context())
	out := pr.Out
	out.URL.Scheme, out.URL.Host = p.target.scheme, p.target.host
	keepTarget(out, pr.In)
	if x.upgrade {
		out.URL.RawQuery = withoutMark(out.URL.RawQuery)
	}
	if c := x.client.Host; c != "" && !strings.EqualFold(c, out.Host) {
		out.Host = c // a trusted proxy in front has changed it on the way
	}
	h := out.Header
	p.strip(h)
	x.setCookies(h)
	dropOwnCookies(h)
	if x.script {
		p.o.Script.Ask(h)
	}
	if !x.upgrade {
		delete(h, "Connection")
		delete(h, "Upgrade")
	}
	p.setHeaders(h, x)
	if out.Body == nil {
		return
	}
	x.body.ReadCloser = out.Body
	out.Body = &x.body
	if len(pr.In.Trailer) > 0 {
		x.body.from, x.body.allowed = pr.In.Trailer, p.passes
		out.Trailer = make(http.Header, len(pr.In.Trailer))
		for name := range pr.In.Trailer {
			if p.passes(name) {
				out.Trailer[name] = nil
			}
		}
		x.body.to = out.Trailer
	}
}

// keepTarget sends path and query on byte for byte: net/url would encode some bytes
// anew, and the reverse proxy drops query parameters that it cannot parse.
func keepTarget(out, in *http.Request) {
	out.URL.RawQuery, out.URL.ForceQuery = in.URL.RawQuery, in.URL.ForceQuery
	path, ok := rawPath(in)
	if !ok || path == in.URL.EscapedPath() || strings.HasPrefix(path, "//") {
		return
	}
	// Whoever changed r.URL on the way, to take a prefix off, meant what it says now.
	if decoded, err := url.PathUnescape(path); err == nil && decoded == in.URL.Path {
		out.URL.Opaque = path
	}
}

// rawPath returns the path of the request line. It reports false for targets in
// another form than the usual one (RFC 9112 section 3.2.1).
func rawPath(r *http.Request) (string, bool) {
	if !strings.HasPrefix(r.RequestURI, "/") {
		return "", false
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path, true
}

// strip removes whatever a client sent under a name that is Cardea's to set.
func (p *Proxy) strip(h http.Header) {
	for name := range h {
		if !p.passes(name) {
			delete(h, name)
		}
	}
}

// passes tells whether a client's header of that name reaches the app.
func (p *Proxy) passes(name string) bool {
	if odd(name) {
		name = plainName(name)
	}
	if _, owned := p.owned[name]; owned {
		return false
	}
	if !strings.HasPrefix(name, "X-") {
		return true
	}
	for _, prefix := range gatewayPrefixes {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

// odd tells whether a header's name has characters that gateway interfaces (RFC 3875
// section 4.1.18, WSGI, PHP, Rack) fold into the same variable name as "-".
func odd(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return true
		}
	}
	return false
}

func plainName(name string) string {
	b := []byte(name)
	for i := range b {
		if odd(string(b[i])) {
			b[i] = '-'
		}
	}
	return http.CanonicalHeaderKey(string(b))
}

// webSocket tells whether an upgrade is one to WebSocket alone (RFC 6455 section 4.1).
func webSocket(r *http.Request) bool {
	v := r.Header["Upgrade"]
	return r.Method == http.MethodGet && len(v) == 1 && strings.EqualFold(strings.TrimSpace(v[0]), "websocket")
}

// dropOwnCookies removes Cardea's cookies from a request: an app never sees a seat.
func dropOwnCookies(h http.Header) {
	lines := h["Cookie"]
	kept := lines[:0]
	for _, line := range lines {
		if line = withoutOwn(line); line != "" {
			kept = append(kept, line)
		}
	}
	switch {
	case len(lines) == 0:
	case len(kept) == 0:
		delete(h, "Cookie")
	default:
		h["Cookie"] = kept
	}
}

// withoutOwn removes Cardea's cookies from one Cookie header and leaves every other
// byte that belongs to a cookie alone.
func withoutOwn(line string) string {
	if !mentionsOwn(line) {
		return line
	}
	var b strings.Builder
	for part := range strings.SplitSeq(line, ";") {
		if httpx.OwnCookie(cookieName(part)) {
			continue
		}
		if b.Len() == 0 {
			b.Grow(len(line))
			part = strings.TrimLeft(part, " \t")
		} else {
			b.WriteByte(';')
		}
		b.WriteString(part)
	}
	return b.String()
}

// mentionsOwn is quick and may be wrong in one direction only.
func mentionsOwn(line string) bool {
	for i := 0; i+6 <= len(line); i++ {
		if line[i]|0x20 == 'c' && strings.EqualFold(line[i:i+6], "cardea") {
			return true
		}
	}
	return false
}

// cookieName returns the name under which a browser keeps and sends a cookie: what
// stands before "=", or, for a cookie without a name, what its value makes of it.
func cookieName(pair string) string {
	pair = strings.TrimLeft(pair, " \t=")
	name, _, _ := strings.Cut(pair, "=")
	return strings.TrimFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
