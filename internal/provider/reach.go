package provider

import (
	"net/netip"
	"strings"
)

// reach is from where a host can be reached.
type reach int

const (
	reachWorld  reach = iota
	reachInside       // one machine or one network
	reachLink         // one link
)

// carrier is the shared address space of RFC 6598, and nat64 the prefixes of RFC 6052 and
// RFC 8215 that put any IPv4 address into an IPv6 one.
var (
	carrier = netip.MustParsePrefix("100.64.0.0/10")
	nat64   = []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48")}
)

// insideNames end the names that no public host has (RFC 6761, RFC 6762, RFC 8375, and
// ICANN's reserved .internal).
var insideNames = []string{".localhost", ".local", ".internal", ".home.arpa", ".localdomain", ".lan", ".intranet", ".corp", ".home"}

// reachOf judges a host by how it is written, without asking for its addresses: over
// https, which is demanded of a public issuer, a name that resolves to an inside address
// meets a server there that has no certificate for it.
func reachOf(host string) reach {
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	bare, _, _ := strings.Cut(host, "%")
	if ip, err := netip.ParseAddr(bare); err == nil {
		return reachOfIP(ip)
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == host || endsInNumber(last) {
		return reachInside // a single label, or an IPv4 address in a spelling that some resolvers read
	}
	for _, end := range insideNames {
		if strings.HasSuffix(host, end) {
			return reachInside
		}
	}
	return reachWorld
}

func reachOfIP(ip netip.Addr) reach {
	ip = ip.Unmap()
	for _, p := range nat64 {
		if p.Contains(ip) {
			return reachInside
		}
	}
	switch {
	case ip.IsLinkLocalUnicast():
		return reachLink
	case ip == netip.MustParseAddr("fd00:ec2::254"): // the same service as 169.254.169.254
		return reachLink
	case ip.IsLoopback(), ip.IsPrivate(), ip.IsUnspecified(), ip.IsMulticast(), carrier.Contains(ip),
		ip.Is4() && (ip.As4()[0] == 0 || ip.As4()[0] >= 240):
		return reachInside
	}
	return reachWorld
}

// endsInNumber is the rule of the URL standard: such a host is an IPv4 address or nothing.
func endsInNumber(label string) bool {
	if strings.HasPrefix(label, "0x") {
		return true
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}
