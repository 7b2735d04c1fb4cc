package vault

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// hostname is the origin's host without port and brackets. It does not allocate.
func hostname(o httpx.Origin) string {
	_, host, _ := strings.Cut(string(o), "://")
	if strings.HasPrefix(host, "[") {
		inner, _, _ := strings.Cut(host[1:], "]")
		return inner
	}
	name, _, _ := strings.Cut(host, ":")
	return name
}

// secureOrigin tells whether Secure cookies go to and come from an origin: https, and
// what browsers count as trustworthy besides, which is this machine.
func secureOrigin(o httpx.Origin) bool { return o.Secure() || o.Loopback() }

// domainMatch is RFC 6265bis section 5.1.3. Both are lower case.
func domainMatch(host, domain string) bool {
	if host == domain {
		return true
	}
	if len(host) <= len(domain) || !strings.HasSuffix(host, domain) || host[len(host)-len(domain)-1] != '.' {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err != nil
}

// pathMatch is RFC 6265bis section 5.1.4.
func pathMatch(request, cookie string) bool {
	if !strings.HasPrefix(request, cookie) {
		return false
	}
	return len(request) == len(cookie) || strings.HasSuffix(cookie, "/") || request[len(cookie)] == '/'
}

// defaultPath is the path of a cookie that names none, RFC 6265bis section 5.1.4.
func defaultPath(request string) string {
	if i := strings.LastIndexByte(request, '/'); i > 0 && request[0] == '/' {
		return request[:i]
	}
	return "/"
}

// requestPath is the path that cookies are matched against: as on the wire.
func requestPath(r *http.Request) string {
	// What a client sent stays in RequestURI, whatever was taken off the path on the way.
	if p, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(p, "/") {
		return p
	}
	if p := r.URL.EscapedPath(); strings.HasPrefix(p, "/") {
		return p
	}
	return "/"
}

// site says how far a request may be believed to come from the app's own pages.
type site byte

const (
	sameSiteRequest site = iota
	crossSiteVisit       // a top-level navigation by a safe method: Lax cookies go along
	crossSiteOther       // cookies need SameSite=None
)

// siteOf classifies a request by Fetch Metadata. Where a browser sends none, an Origin
// on another host tells.
func siteOf(r *http.Request, host string) site {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site":
	case "":
		o := r.Header.Get("Origin")
		if o == "" || o == "null" || hostname(httpx.Origin(o)) == host {
			return sameSiteRequest
		}
	default:
		return sameSiteRequest
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		if httpx.KindOf(r) == httpx.Navigation {
			return crossSiteVisit
		}
	}
	return crossSiteOther
}

// goes tells whether a cookie's SameSite lets it go along.
func (s site) goes(flag sameSite) bool {
	switch s {
	case crossSiteVisit:
		return flag != siteStrict
	case crossSiteOther:
		return flag == siteNone
	}
	return true
}

// query is a request as cookies are matched against it.
type query struct {
	host   string
	path   string
	secure bool
	site   site
	now    int64 // Unix milliseconds
}

// takes is RFC 6265bis section 5.8.3, step 1.
func (q *query) takes(c *cookie) bool {
	if c.host != q.host && (c.domain == "" || !domainMatch(q.host, c.domain)) {
		return false
	}
	return !c.expired(q.now) && (!c.secure || q.secure) && pathMatch(q.path, c.path) && q.site.goes(c.sameSite)
}

// pairs walks the cookies of a request's Cookie lines. It does not allocate.
type pairs struct {
	lines []string
	rest  string
	name  string
	value string
	pair  string // as it came, without the space around it
}

// next steps to the next cookie and reports false when there is none.
func (p *pairs) next() bool {
	for {
		for p.rest == "" {
			if len(p.lines) == 0 {
				return false
			}
			p.rest, p.lines = p.lines[0], p.lines[1:]
		}
		p.pair, p.rest, _ = strings.Cut(p.rest, ";")
		if p.pair = trim(p.pair); p.pair == "" {
			continue
		}
		name, value, named := strings.Cut(p.pair, "=")
		if !named {
			name, value = "", p.pair
		}
		p.name, p.value = trim(name), trim(value)
		return true
	}
}

// own tells whether the cookie is Cardea's, or would be taken for one of Cardea's.
func (p *pairs) own() bool { return ownName(p.name, p.value) }

func ownName(name, value string) bool {
	if name == "" {
		name, _, _ = strings.Cut(strings.TrimLeft(value, " \t="), "=")
		name = trim(name)
	}
	return httpx.OwnCookie(name)
}

// brings tells whether the request carries a cookie of that name.
func brings(lines []string, name string) bool {
	for p := (pairs{lines: lines}); p.next(); {
		if p.name == name {
			return true
		}
	}
	return false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
