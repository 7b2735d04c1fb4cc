package config

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/strict"
)

// Listen is an address to serve on, as net.Listen takes it.
type Listen struct {
	// Network is tcp or unix.
	Network string
	// Address is host:port, or the socket's path.
	Address string
}

const unixPrefix = "unix:"

// String gives the address as it is written.
func (l Listen) String() string {
	if l.Network == "unix" {
		return unixPrefix + l.Address
	}
	return l.Address
}

// Local reports whether only this machine reaches the address.
func (l Listen) Local() bool {
	if l.Network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(l.Address)
	return err == nil && loopback(strings.ToLower(host))
}

// MarshalText implements encoding.TextMarshaler.
func (l Listen) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Listen) UnmarshalText(text []byte) error {
	s := string(text)
	if socket, ok := unixPath(s); ok {
		if err := checkSocket(socket); err != nil {
			return err
		}
		*l = Listen{Network: "unix", Address: socket}
		return nil
	}
	if strings.Contains(s, "://") {
		return problem(strict.Quote(s)+" is a URL", "write host:port, such as 127.0.0.1:4180")
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return problem(strict.Quote(s)+" is not host:port", "write it as 127.0.0.1:4180, :4180 for every interface, or unix:/path")
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return problem(strict.Quote(port)+" is not a port", "write a number from 1 to 65535")
	}
	if host != "" && !validHost(strings.ToLower(host)) || strings.Contains(host, "*") {
		return problem(strict.Quote(host)+" is not a host", "write an address such as 127.0.0.1, or nothing for every interface")
	}
	*l = Listen{Network: "tcp", Address: net.JoinHostPort(host, strconv.Itoa(n))}
	return nil
}

func unixPath(s string) (string, bool) {
	p, ok := strings.CutPrefix(s, unixPrefix)
	if rest, double := strings.CutPrefix(p, "//"); ok && double {
		p = rest
	}
	return p, ok
}

func checkSocket(p string) error {
	if p == "" || strings.ContainsRune(p, 0) {
		return problem("no path stands after unix:", "write it as unix:/run/app.sock")
	}
	return nil
}

// Upstream is where an app listens.
type Upstream struct {
	// Scheme is http, https, h2c (HTTP/2 without TLS) or unix (HTTP/1.1 over a
	// socket).
	Scheme string
	// Host is host[:port]; empty for unix.
	Host string
	// Socket is the absolute path for unix.
	Socket string
}

// String gives the address as it is written.
func (u Upstream) String() string {
	switch u.Scheme {
	case "":
		return ""
	case "unix":
		return unixPrefix + u.Socket
	default:
		return u.Scheme + "://" + u.Host
	}
}

// MarshalText implements encoding.TextMarshaler.
func (u Upstream) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *Upstream) UnmarshalText(text []byte) error {
	s := string(text)
	if socket, ok := unixPath(s); ok {
		if err := checkSocket(socket); err != nil {
			return err
		}
		*u = Upstream{Scheme: "unix", Socket: socket}
		return nil
	}
	parsed, err := parseURL(s, "https", "h2c", "http")
	if err != nil {
		return err
	}
	if parsed.Path != "" && parsed.Path != "/" {
		return problem(strict.Quote(s)+" has a path", "write scheme, host and port only; strip_prefix says what happens to the path")
	}
	if strings.Contains(parsed.Host, "*") {
		return problem("a star has no meaning here", "write one host's name")
	}
	*u = Upstream{Scheme: parsed.Scheme, Host: parsed.Host}
	return nil
}

// absolute makes a path absolute, from the configuration file's folder.
func absolute(folder, p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(folder, p)
}
