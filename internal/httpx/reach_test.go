package httpx_test

import (
	"net/netip"
	"testing"

	"github.com/cardea-auth/cardea/internal/httpx"
)

func TestHostsAreToldApartByWhereTheyAreReached(t *testing.T) {
	for want, hosts := range map[httpx.Reach][]string{
		httpx.ReachWorld: {"id.example.com", "8.8.8.8", "2606:4700::1111", "[2606:4700::1111]", "a.corp.example", "1password.com", "172.32.0.1", "ID.EXAMPLE.COM."},
		httpx.ReachInside: {"localhost", "LOCALHOST.", "x.localhost", "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "[::]", "::1", "[::1]",
			"fd12::1", "[::ffff:10.0.0.1]", "keycloak", "id.internal", "printer.local", "2130706433", "0x7f.1", "127.1", "10.0.0.0x1", "240.0.0.1", "255.255.255.255", "64:ff9b::7f00:1", "64:ff9b:1::1", "224.0.0.1", "2002:7f00:1::", "2001:0:1::", "::127.0.0.1", "fec0::1", "198.18.0.1", "192.0.0.170", "fc00::1%eth0", "64:ff9b::7f00:1%eth0", "::ffff:0:7f00:1"},
		httpx.ReachLink: {"169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254"},
	} {
		for _, host := range hosts {
			if got := httpx.ReachOf(host); got != want {
				t.Errorf("%s: %d, want %d", host, got, want)
			}
		}
	}
}

func TestAZoneChangesNothingOfWhereAnAddressIsReached(t *testing.T) {
	for text, want := range map[string]httpx.Reach{
		"64:ff9b::7f00:1%eth0": httpx.ReachInside, "2002:7f00:1::%eth0": httpx.ReachInside, "::%eth0": httpx.ReachInside,
		"fd00:ec2::254%eth0": httpx.ReachLink, "fe80::1%eth0": httpx.ReachLink,
	} {
		if got := httpx.ReachOfIP(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
