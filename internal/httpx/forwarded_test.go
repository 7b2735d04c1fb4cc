package httpx

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func proxies(list ...string) Forwarding {
	var f Forwarding
	for _, p := range list {
		f.Trusted = append(f.Trusted, netip.MustParsePrefix(p))
	}
	return f
}

func ask(remote, host string, headers ...string) *http.Request {
	r := &http.Request{RemoteAddr: remote, Host: host, Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// Rows CVE-2023-36456, CVE-2026-33495, CVE-2026-35051, CVE-2024-21494, CVE-2026-57210 and
// CVE-2024-47070 of the table of advisories.
func TestForwardedHeadersCountOnlyFromTrustedProxies(t *testing.T) {
	spoofed := []string{"X-Forwarded-For", "1.2.3.4", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example"}
	for name, tc := range map[string]struct {
		f    Forwarding
		r    *http.Request
		want [4]string // address, scheme, host, chain
	}{
		"nobody is trusted by default": {Forwarding{}, ask("10.0.0.1:1", "h.example", spoofed...), [4]string{"10.0.0.1", "http", "h.example", "10.0.0.1"}},
		"an untrusted peer":            {proxies("10.0.0.0/8"), ask("192.0.2.1:1", "h.example", spoofed...), [4]string{"192.0.2.1", "http", "h.example", "192.0.2.1"}},
		"a trusted peer":               {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "inner", spoofed...), [4]string{"1.2.3.4", "https", "evil.example", "1.2.3.4, 10.0.0.1"}},
		"an IPv4 peer on an IPv6 socket": {proxies("10.0.0.0/8"), ask("[::ffff:10.0.0.1]:1", "inner", spoofed...),
			[4]string{"1.2.3.4", "https", "evil.example", "1.2.3.4, 10.0.0.1"}},
		"the chain ends at the first stranger": {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-For", "6.6.6.6, 192.0.2.7, 10.0.0.2"),
			[4]string{"192.0.2.7", "http", "h", "192.0.2.7, 10.0.0.2, 10.0.0.1"}},
		"several header lines are one chain": {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-For", "6.6.6.6", "X-Forwarded-For", "192.0.2.7"),
			[4]string{"192.0.2.7", "http", "h", "192.0.2.7, 10.0.0.1"}},
		"rubbish in the chain hides what is left of it": {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-For", "10.0.0.9, ;drop table, 10.0.0.2"),
			[4]string{"10.0.0.2", "http", "h", "10.0.0.2, 10.0.0.1"}},
		"an address with a port":       {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-For", "[2001:db8::1]:443"), [4]string{"2001:db8::1", "http", "h", "2001:db8::1, 10.0.0.1"}},
		"a repeated scheme is dropped": {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"), [4]string{"10.0.0.1", "http", "h", "10.0.0.1"}},
		"a list of schemes is dropped": {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-Proto", "https, http"), [4]string{"10.0.0.1", "http", "h", "10.0.0.1"}},
		"another scheme is dropped":    {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-Proto", "javascript"), [4]string{"10.0.0.1", "http", "h", "10.0.0.1"}},
		"a host that is none is dropped": {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-Host", "evil.example/path;x=\"y\""),
			[4]string{"10.0.0.1", "http", "h", "10.0.0.1"}},
		"Prefix and Port are never read": {proxies("10.0.0.0/8"), ask("10.0.0.1:1", "h", "X-Forwarded-Prefix", "/evil", "X-Forwarded-Port", "1"),
			[4]string{"10.0.0.1", "http", "h", "10.0.0.1"}},
		"a unix socket has no address": {proxies("10.0.0.0/8"), ask("@", "h", spoofed...), [4]string{"invalid IP", "http", "h", ""}},
	} {
		c := tc.f.Client(tc.r)
		if diff := cmp.Diff(tc.want, [4]string{c.Addr.String(), c.Scheme, c.Host, c.Chain}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTheConnectionDecidesTheScheme(t *testing.T) {
	r := ask("192.0.2.1:1", "h.example")
	r.TLS = &tls.ConnectionState{}
	if c := (Forwarding{}).Client(r); c.Scheme != "https" {
		t.Errorf("scheme %q over TLS", c.Scheme)
	}
}

func FuzzClient(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.1", "https", "h.example:8443")
	f.Add(",,;\x00", "HTTPS", "[::1]:x")
	f.Fuzz(func(t *testing.T, chain, proto, host string) {
		r := ask("10.0.0.1:1", "own.example", "X-Forwarded-For", chain, "X-Forwarded-Proto", proto, "X-Forwarded-Host", host)
		c := proxies("10.0.0.0/8").Client(r)
		if c.Scheme != "http" && c.Scheme != "https" {
			t.Fatalf("scheme %q", c.Scheme)
		}
		o, err := c.Origin()
		if err != nil {
			t.Fatalf("host %q: %v", c.Host, err)
		}
		if again, err := MakeOrigin(c.Scheme, o.Host()); err != nil || again != o {
			t.Fatalf("%q became %q", o, again)
		}
	})
}
