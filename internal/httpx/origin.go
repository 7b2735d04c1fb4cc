package httpx

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Origin is "scheme://host" or "scheme://host:port": lower case, the scheme's default
// port left out. Two requests are same-origin when these strings are equal.
type Origin string

// ErrOrigin is returned for text that is not an http or https origin.
var ErrOrigin = errors.New("not an http or https origin")

// OriginOf returns the origin of a URL.
func OriginOf(u *url.URL) (Origin, error) {
	return MakeOrigin(u.Scheme, u.Host)
}

// MakeOrigin returns the origin of a scheme and a host[:port], as in a Host header.
func MakeOrigin(scheme, host string) (Origin, error) {
	scheme = strings.ToLower(scheme)
	if scheme != "http" && scheme != "https" {
		return "", ErrOrigin
	}
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
	}
	if !validHostName(name) || !validPort(port) {
		return "", ErrOrigin
	}
	if port == "" || (scheme == "https" && port == "443") || (scheme == "http" && port == "80") {
		return Origin(scheme + "://" + strings.ToLower(name)), nil
	}
	return Origin(scheme + "://" + strings.ToLower(name) + ":" + port), nil
}

func validPort(port string) bool {
	if len(port) > 5 {
		return false
	}
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	return true
}

// validHostName accepts what can stand in a Host header and nothing that could change
// the meaning of a URL built from it.
func validHostName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	if name[0] == '[' {
		inner, ok := strings.CutSuffix(name[1:], "]")
		if !ok {
			return false
		}
		addr, err := netip.ParseAddr(inner)
		return err == nil && addr.Is6() && addr.Zone() == ""
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return true
}

// Secure tells whether the origin is https.
func (o Origin) Secure() bool { return strings.HasPrefix(string(o), "https://") }

// Host returns host[:port].
func (o Origin) Host() string {
	_, host, _ := strings.Cut(string(o), "://")
	return host
}

// Hostname returns the host without port and without brackets.
func (o Origin) Hostname() string {
	host := o.Host()
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

// Port returns the port, also where it is the scheme's default.
func (o Origin) Port() string {
	if _, p, err := net.SplitHostPort(o.Host()); err == nil {
		return p
	}
	if o.Secure() {
		return "443"
	}
	return "80"
}

// Loopback tells whether the origin names this machine: localhost, a name under
// .localhost (RFC 6761), or a loopback address.
func (o Origin) Loopback() bool { return LoopbackHost(o.Hostname()) }

// LoopbackHost tells whether a host, without a port, can only mean this machine (RFC 6761
// section 6.3).
func LoopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// SameOrigin tells whether two absolute URLs have one origin (RFC 6454 section 4); a port
// that is not stated is the scheme's.
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && PortOf(a) == PortOf(b)
}

// PortOf returns the port of an absolute http or https URL.
func PortOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
