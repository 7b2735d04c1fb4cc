package httpx

import (
	"net/netip"
	"strings"
)

// Reach is from where a host can be reached.
type Reach int

// Reaches.
const (
	ReachWorld  Reach = iota
	ReachInside       // one machine or one network
	ReachLink         // one link; also the addresses where clouds keep their credentials
)

// carrier is the shared address space of RFC 6598. insides are what else no public server
// has: ways to put any IPv4 address into an IPv6 one (RFC 6052, RFC 8215, RFC 3056, RFC
// 4380, RFC 2765, and RFC 4291 section 2.5.5.1), site-local addresses, and protocols' and
// benchmarks' own (RFC 6890).
var (
	carrier = netip.MustParsePrefix("100.64.0.0/10")
	insides = []netip.Prefix{
		netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"), netip.MustParsePrefix("fec0::/10"),
		netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	}
)

// insideNames end the names that no public host has (RFC 6761, RFC 6762, RFC 8375, and
// ICANN's reserved .internal).
var insideNames = []string{".localhost", ".local", ".internal", ".home.arpa", ".localdomain", ".lan", ".intranet", ".corp", ".home"}

// ReachOf judges a host by how it is written, without asking for its addresses.
func ReachOf(host string) Reach {
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	bare, _, _ := strings.Cut(host, "%")
	if ip, err := netip.ParseAddr(bare); err == nil {
		return ReachOfIP(ip)
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == host || endsInNumber(last) {
		return ReachInside // a single label, or an IPv4 address in a spelling that some resolvers read
	}
	for _, end := range insideNames {
		if strings.HasSuffix(host, end) {
			return ReachInside
		}
	}
	return ReachWorld
}

// ReachOfIP judges an address.
func ReachOfIP(ip netip.Addr) Reach {
	ip = ip.Unmap().WithZone("") // no prefix contains an address with a zone
	for _, p := range insides {
		if p.Contains(ip) {
			return ReachInside
		}
	}
	switch {
	case ip.IsLinkLocalUnicast():
		return ReachLink
	case ip == netip.MustParseAddr("fd00:ec2::254"): // the same service as 169.254.169.254
		return ReachLink
	case ip.IsLoopback(), ip.IsPrivate(), ip.IsUnspecified(), ip.IsMulticast(), carrier.Contains(ip),
		ip.Is4() && (ip.As4()[0] == 0 || ip.As4()[0] >= 240):
		return ReachInside
	}
	return ReachWorld
}

// endsInNumber is the rule of the URL standard: such a host is an IPv4 address or nothing.
func endsInNumber(label string) bool {
	if strings.HasPrefix(label, "0x") {
		return true
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}
