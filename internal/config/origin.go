package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/strict"
)

// Origin is a web origin (RFC 6454): scheme, host and port, in lower case and
// without a default port.
type Origin struct {
	// Scheme is http or https.
	Scheme string
	// Host is the host's name or address, with the port unless it is the
	// scheme's own.
	Host string
}

// String gives scheme://host[:port].
func (o Origin) String() string {
	if o.Host == "" {
		return ""
	}
	return o.Scheme + "://" + o.Host
}

// Hostname is the host without the port.
func (o Origin) Hostname() string {
	u := url.URL{Host: o.Host}
	return u.Hostname()
}

// Loopback reports whether the origin is on this machine: localhost, a name
// below it, or a loopback address.
func (o Origin) Loopback() bool { return loopback(o.Hostname()) }

// Matches reports whether the origin that a browser addresses is this one, or, where this
// one's host begins with a star, has one label in its place.
func (o Origin) Matches(at string) bool {
	before, after, star := strings.Cut(o.String(), "*")
	if !star {
		return at == o.String()
	}
	rest, begins := strings.CutPrefix(at, before)
	label, ends := strings.CutSuffix(rest, after)
	return begins && ends && label != "" && !strings.Contains(label, ".")
}

// MarshalText implements encoding.TextMarshaler.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Origin) UnmarshalText(text []byte) error {
	parsed, err := ParseOrigin(string(text))
	if err != nil {
		return err
	}
	*o = parsed
	return nil
}

// ParseOrigin reads an origin. Its error is a *strict.Problem.
func ParseOrigin(text string) (Origin, error) {
	u, err := parseURL(text, "http", "https")
	if err != nil {
		return Origin{}, err
	}
	o := Origin{Scheme: u.Scheme, Host: u.Host}
	if u.Path != "" && u.Path != "/" {
		return Origin{}, problem(strict.Quote(text)+" has a path", "write only "+o.String())
	}
	if strings.Contains(o.Host, "*") {
		return Origin{}, problem("a star has no meaning here", "write one host's name")
	}
	return o, nil
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func problem(message, fix string) error {
	return &strict.Problem{Message: message, Fix: fix}
}

// parseURL reads an absolute URL and refuses whatever two parsers could read
// in two ways. Scheme and host come back in lower case, without a default port.
func parseURL(text string, schemes ...string) (*url.URL, error) {
	example := "write it as " + schemes[len(schemes)-1] + "://host.example.com"
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsAny(text, "\\ \t\r\n"):
		return nil, problem("this is not a URL", example)
	case u.User != nil:
		return nil, problem("a URL here carries no user or password", "remove what stands before the @")
	case !strings.Contains(text, "://") || u.Opaque != "":
		return nil, problem(strict.Quote(text)+" is not an absolute URL", example)
	case !contains(schemes, u.Scheme):
		return nil, problem("the scheme "+strict.Quote(u.Scheme)+" is not taken here", "write "+strings.Join(schemes, ":// or ")+"://")
	case strings.ContainsAny(text, "?#"):
		return nil, problem(strict.Quote(text)+" has a query or a fragment", "remove what stands after the path")
	}
	if err := normalHost(u); err != nil {
		return nil, err
	}
	return u, nil
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func normalHost(u *url.URL) error {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if !validHost(host) {
		return problem(strict.Quote(u.Host)+" is not a host name", "write a name such as chat.example.com (other scripts in their xn-- form)")
	}
	if strings.HasSuffix(u.Host, ":") {
		return problem("there is no port after the colon", "write the port, or remove the colon")
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return problem(strict.Quote(port)+" is not a port", "write a number from 1 to 65535")
		}
		port = strconv.Itoa(n)
	}
	if u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		port = ""
	}
	switch {
	case port != "":
		u.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		u.Host = "[" + host + "]"
	default:
		u.Host = host
	}
	return nil
}

func validHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == ""
	}
	if host == "" || len(host) > 253 {
		return false
	}
	for _, label := range strings.Split(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '*' {
				return false
			}
		}
	}
	return true
}

// AppURL is where people find an app: an origin, or a path under one.
type AppURL struct {
	// Origin's host may begin with "*." in place of one label.
	Origin
	// Path begins with a slash and ends with none; "/" is the whole origin.
	Path string
}

// Wildcard reports whether the host takes any one label in place of the star.
func (a AppURL) Wildcard() bool { return strings.HasPrefix(a.Host, "*.") }

// String gives the URL without a trailing slash.
func (a AppURL) String() string {
	return a.Origin.String() + strings.TrimSuffix(a.Path, "/")
}

// MarshalText implements encoding.TextMarshaler.
func (a AppURL) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *AppURL) UnmarshalText(text []byte) error {
	u, err := parseURL(string(text), "http", "https")
	if err != nil {
		return err
	}
	suffix, wild := strings.CutPrefix(u.Hostname(), "*.")
	if strings.Contains(suffix, "*") || wild && (!strings.Contains(suffix, ".") && suffix != "localhost" || isIP(suffix)) {
		return problem(strict.Quote(u.Host)+" has a star where none can be", "write it as https://*.apps.example.com, the star in place of the first label")
	}
	p := u.EscapedPath()
	if p == "" {
		p = "/"
	}
	if p != "/" {
		p = strings.TrimSuffix(p, "/")
	}
	if err := preset.CheckPath(p); err != nil {
		return err
	}
	*a = AppURL{Origin: Origin{Scheme: u.Scheme, Host: u.Host}, Path: p}
	return nil
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
