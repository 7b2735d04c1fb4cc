package httpx

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Forwarding decides which forwarded headers are believed. The zero value believes
// nobody: then the connection alone says where a request came from.
type Forwarding struct {
	Trusted []netip.Prefix // proxies whose X-Forwarded-* headers count
}

// Client is where a request came from, as far as it can be believed.
type Client struct {
	Addr   netip.Addr // of the client; the zero Addr when unknown
	Scheme string     // http or https, as the client spoke
	Host   string     // as the client named it, lower case
	Chain  string     // X-Forwarded-For to send on: believed addresses only

	origin Origin // "": not made yet
}

// Origin returns the origin that the client addressed.
func (c Client) Origin() (Origin, error) {
	if c.origin != "" {
		return c.origin, nil
	}
	return MakeOrigin(c.Scheme, c.Host)
}

// At returns a copy that remembers what Origin answered.
func (c Client) At(o Origin) Client {
	c.origin = o
	return c
}

// Client reads a request's origin. Headers of a peer that is not trusted are ignored
// as if they were absent; X-Forwarded-For is walked from the right, over trusted
// proxies, to the first address that is not one.
func (f Forwarding) Client(r *http.Request) Client {
	c := Client{Scheme: "http", Host: strings.ToLower(r.Host)}
	if r.TLS != nil {
		c.Scheme = "https"
	}
	c.Addr = peer(r.RemoteAddr)
	if c.Addr.IsValid() {
		c.Chain = c.Addr.String()
	}
	if !f.trusts(c.Addr) {
		return c
	}
	if p := single(r.Header, "X-Forwarded-Proto"); p == "http" || p == "https" {
		c.Scheme = p
	}
	if h := strings.ToLower(single(r.Header, "X-Forwarded-Host")); h != "" {
		if _, err := MakeOrigin(c.Scheme, h); err == nil {
			c.Host = h
		}
	}
	f.walk(&c, r.Header["X-Forwarded-For"])
	return c
}

// walk follows the chain to the left as long as the addresses are trusted proxies.
// The first thing that is not an address ends it: nothing beyond can be believed.
func (f Forwarding) walk(c *Client, lines []string) {
	for i := len(lines) - 1; i >= 0; i-- {
		parts := strings.Split(lines[i], ",")
		for j := len(parts) - 1; j >= 0; j-- {
			addr := parseAddr(strings.TrimSpace(parts[j]))
			if !addr.IsValid() {
				return
			}
			c.Addr = addr
			c.Chain = addr.String() + ", " + c.Chain
			if !f.trusts(addr) {
				return
			}
		}
	}
}

func (f Forwarding) trusts(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	for _, p := range f.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func peer(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return parseAddr(host)
}

func parseAddr(s string) netip.Addr {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone("")
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// single returns the value of a header that stands exactly once and holds one value:
// a repeated one was added to by somebody, and which to believe cannot be told.
func single(h http.Header, name string) string {
	values := h[name]
	if len(values) != 1 || strings.ContainsRune(values[0], ',') {
		return ""
	}
	return strings.TrimSpace(values[0])
}

type clientKey struct{}

// WithClient returns a context that carries c.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientFrom returns the client of a request's context.
func ClientFrom(ctx context.Context) (Client, bool) {
	c, ok := ctx.Value(clientKey{}).(Client)
	return c, ok
}
