package pagescript

import (
	"net/url"
	"strings"
)

// ownPaths are what the script connects to, below the own path.
var ownPaths = []string{"/events", "/session", "/stay"}

// ownSource is the source that allows the own paths and nothing else. Host sources cannot
// spell an IPv6 address; for one the page's own origin has to do.
func ownSource(p Page) string {
	if strings.Contains(string(p.Origin), "[") {
		return "'self'"
	}
	return string(p.Origin) + p.Own + "/"
}

// reaches tells whether a source list allows connections to all own paths of the page's
// origin (CSP3 section 6.7.2.7).
func reaches(sources []string, p Page) bool {
	for _, path := range ownPaths {
		ok := false
		for _, s := range sources {
			ok = ok || matches(s, p, p.Own+path)
		}
		if !ok {
			return false
		}
	}
	return true
}

// matches tells whether a source expression allows that path at the page's own origin
// (CSP3 section 6.7.2.8).
func matches(source string, p Page, path string) bool {
	scheme, _, _ := strings.Cut(string(p.Origin), "://")
	s := strings.ToLower(source)
	switch {
	case s == "*", s == "'self'":
		return true
	case strings.HasPrefix(s, "'"):
		return false
	case strings.HasSuffix(s, ":") && !strings.Contains(s, "/"):
		return schemeMatches(strings.TrimSuffix(s, ":"), scheme)
	}
	stated, rest, ok := strings.Cut(source, "://")
	if ok {
		if !schemeMatches(strings.ToLower(stated), scheme) {
			return false
		}
	} else {
		stated, rest = scheme, source
	}
	host, pathPart := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, pathPart = rest[:i], rest[i:]
	}
	name, port, hasPort := strings.Cut(host, ":")
	return hostMatches(strings.ToLower(name), p.Origin.Hostname()) &&
		portMatches(port, hasPort, strings.ToLower(stated), p) && pathMatches(pathPart, path)
}

// schemeMatches allows what is as good as the stated scheme, or better (section 6.7.2.9).
func schemeMatches(stated, scheme string) bool {
	switch stated {
	case "http", "ws":
		return scheme == "http" || scheme == "https"
	case "https", "wss":
		return scheme == "https"
	}
	return false
}

func hostMatches(stated, host string) bool {
	if stated == "*" {
		return true
	}
	if suffix, ok := strings.CutPrefix(stated, "*"); ok {
		return strings.HasPrefix(suffix, ".") && strings.HasSuffix(host, suffix)
	}
	return stated != "" && stated == host
}

func portMatches(stated string, hasPort bool, scheme string, p Page) bool {
	port := p.Origin.Port()
	if !hasPort || stated == "" {
		return port == "80" && !p.Origin.Secure() || port == "443" && p.Origin.Secure()
	}
	return stated == "*" || stated == port || stated == "80" && port == "443" && scheme != "https" && scheme != "wss"
}

// pathMatches compares a path by its segments: one that ends in "/" allows everything
// below it (section 6.7.2.12).
func pathMatches(stated, path string) bool {
	if stated == "" {
		return true
	}
	decoded, err := url.PathUnescape(stated)
	if err != nil {
		return false
	}
	if strings.HasSuffix(decoded, "/") {
		return strings.HasPrefix(path, decoded)
	}
	return decoded == path
}
