package avatar

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// refusal says why an address is not asked.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	notAnAddress  refusal = "its address is no https URL"
	plainHTTP     refusal = "its address is plain http"
	insideNetwork refusal = "its address is inside a network"
	intoNetwork   refusal = "a redirect leads to an address inside a network"
	tooManyHops   refusal = "too many redirects"
)

// hop is one address on the way to a picture, and how it was come by.
type hop struct {
	issuer *url.URL
	to     *url.URL
	before *url.URL // what redirected here; nil at the start
}

// named judges the address as it is written; reached judges each IP address that its host
// has. Both must agree: a name may look public and lead inside.
func (h hop) named() error {
	u := h.to
	if u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return notAnAddress
	}
	if u.Scheme == "http" && !h.mayBePlain() {
		return plainHTTP
	}
	switch httpx.ReachOf(u.Hostname()) {
	case httpx.ReachWorld:
		return nil
	case httpx.ReachLink:
		return h.inside()
	}
	if !h.mayGoInside(httpx.LoopbackHost(strings.Trim(u.Hostname(), "[]"))) {
		return h.inside()
	}
	return nil
}

// reached judges an IP address before it is connected to.
func (h hop) reached(ip netip.Addr) error {
	ip = ip.Unmap()
	switch httpx.ReachOfIP(ip) {
	case httpx.ReachWorld:
		return nil
	case httpx.ReachLink: // where clouds keep their credentials
		return h.inside()
	}
	// The unspecified address reaches this machine too.
	if !h.mayGoInside(ip.IsLoopback() || ip.IsUnspecified()) {
		return h.inside()
	}
	return nil
}

func (h hop) inside() error {
	if h.before != nil {
		return intoNetwork
	}
	return insideNetwork
}

// atIssuer: the provider itself is where the operator said that it is.
func (h hop) atIssuer() bool { return httpx.SameOrigin(h.to, h.issuer) }

func (h hop) mayBePlain() bool {
	if h.before != nil && h.before.Scheme == "https" {
		return false
	}
	return h.atIssuer() || httpx.LoopbackHost(h.issuer.Hostname()) && httpx.LoopbackHost(h.to.Hostname())
}

// mayGoInside tells whether this hop may reach an address inside a network: the provider's
// own origin, or, where the provider is inside itself, what it names there. A redirect
// comes from whoever the picture is at, and leads inside at the same host only. This
// machine is reached only where the provider is on it.
func (h hop) mayGoInside(thisMachine bool) bool {
	if h.atIssuer() {
		return true
	}
	if h.before != nil && !strings.EqualFold(h.before.Hostname(), h.to.Hostname()) {
		return false
	}
	if thisMachine {
		return httpx.LoopbackHost(h.issuer.Hostname())
	}
	return httpx.ReachOf(h.issuer.Hostname()) != httpx.ReachWorld
}
