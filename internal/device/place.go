package device

import "net/netip"

// Kind is what an address tells of where a device is.
type Kind string

// Kinds of places. The zero Kind is for what is no address.
const (
	Here     Kind = "here"     // the machine that the gateway runs on
	Same     Kind = "same"     // the network of the device that asks
	Segment  Kind = "segment"  // the gateway's own network segment: a link-local address
	Private  Kind = "private"  // a private network that the gateway is on, or that is routed to it
	Anywhere Kind = "anywhere" // the address is all that is known
)

// Place is where a device was, as far as its address tells.
type Place struct {
	Kind    Kind
	Address string // canonical; "" where it was none
}

// maxAddress is the longest spelling of an address that is read.
const maxAddress = 64

// Where says what an address tells. asker is the address of the device that the answer is
// shown on, "" to compare with none: two devices behind one IPv4 address, or in one /64
// of IPv6, use the same network, and so do those of one /24 of private addresses.
func Where(address, asker string) Place {
	a, ok := parse(address)
	if !ok {
		return Place{}
	}
	p := Place{Kind: Anywhere, Address: a.String()}
	b, known := parse(asker)
	switch {
	case a.IsLoopback():
		p.Kind = Here
	case known && together(a, b):
		p.Kind = Same
	case a.IsLinkLocalUnicast():
		p.Kind = Segment
	case a.IsPrivate():
		p.Kind = Private
	}
	return p
}

func parse(address string) (netip.Addr, bool) {
	if len(address) > maxAddress {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}, false
	}
	a = a.WithZone("").Unmap()
	return a, !a.IsUnspecified() && !a.IsMulticast()
}

// together tells whether two addresses belong to one network.
func together(a, b netip.Addr) bool {
	bits := 32
	switch {
	case a.BitLen() != b.BitLen() || a.IsPrivate() != b.IsPrivate():
		return false
	case a.Is6():
		bits = 64
	case a.IsPrivate():
		bits = 24
	}
	network, err := a.Prefix(bits)
	return err == nil && network.Contains(b)
}
