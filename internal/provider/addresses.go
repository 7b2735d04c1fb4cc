package provider

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// addresses knows the two ways to a provider: the issuer's origin, which browsers use,
// and the back-channel origin, at which this server calls it. They are the same where no
// back-channel address is configured.
//
// A call by way of the back-channel address goes to that scheme, host and port, and TLS
// is verified against that host name; the Host header stays the issuer's. Providers that
// derive their issuer and endpoints from Host therefore answer with the issuer that
// browsers see. X-Forwarded-Proto and
// X-Forwarded-Host say the same to those that trust a proxy in front of them.
type addresses struct {
	issuer   *url.URL
	back     *url.URL // nil: none configured
	insecure bool     // plain http is allowed on every host
}

func newAddresses(issuer, backchannel string, insecure bool) (addresses, error) {
	a := addresses{insecure: insecure}
	u, err := absoluteURL(issuer)
	if err != nil {
		return a, fmt.Errorf("issuer: %w", err)
	}
	if u.RawQuery != "" || u.ForceQuery {
		return a, fmt.Errorf("issuer: %q has a query", issuer)
	}
	if u.Scheme == "http" && !insecure && !httpx.LoopbackHost(u.Hostname()) {
		return a, fmt.Errorf("issuer: %q is plain http on a host that is not loopback", issuer)
	}
	a.issuer = u
	if backchannel == "" {
		return a, nil
	}
	b, err := absoluteURL(backchannel)
	if err != nil {
		return a, fmt.Errorf("backchannel_url: %w", err)
	}
	if p := strings.TrimSuffix(b.Path, "/"); b.RawQuery != "" || (p != "" && p != strings.TrimSuffix(u.Path, "/")) {
		return a, fmt.Errorf("backchannel_url: %q names more than scheme, host and port", backchannel)
	}
	a.back = b
	return a, nil
}

// absoluteURL parses an http or https URL without user and fragment.
func absoluteURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%q is not a URL", bounded(raw))
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Hostname() == "" || u.Opaque != "" {
		return nil, fmt.Errorf("%q is not an absolute http or https URL", bounded(raw))
	}
	if u.User != nil {
		return nil, errors.New("a URL names a user")
	}
	if u.Fragment != "" || strings.Contains(raw, "#") {
		return nil, fmt.Errorf("%q has a fragment", bounded(raw))
	}
	return u, nil
}

// endpoint checks an endpoint that a browser or this server will use. An https issuer
// does not hand out plain http endpoints, because that would send codes and secrets in
// the clear; the back-channel origin, which the operator chose, is the exception. An
// issuer on loopback may name plain http endpoints on loopback.
//
// A document does not send this server to addresses inside a network either, unless its
// issuer is there itself: stated says that the record names the endpoint, and with it
// somebody who may.
func (a addresses) endpoint(raw string, stated bool) error {
	u, err := absoluteURL(raw)
	if err != nil {
		return err
	}
	if httpx.SameOrigin(u, a.issuer) || a.back != nil && httpx.SameOrigin(u, a.back) {
		return nil
	}
	if u.Scheme != "https" && !a.insecure && !(a.issuer.Scheme == "http" && httpx.LoopbackHost(u.Hostname())) {
		return fmt.Errorf("%q is plain http", bounded(raw))
	}
	if !stated && !a.mayName(u.Hostname()) {
		return fmt.Errorf("%q is an address inside a network, which the issuer is not; state the endpoint in the record if it is right", bounded(raw))
	}
	return nil
}

// mayName tells whether the issuer's document may name a host. It is judged by how it is
// written: over https, which is demanded of a public issuer, a name that resolves to an
// inside address meets a server there that has no certificate for it.
func (a addresses) mayName(host string) bool {
	if strings.EqualFold(host, a.issuer.Hostname()) {
		return true
	}
	switch httpx.ReachOf(host) {
	case httpx.ReachWorld:
		return true
	case httpx.ReachLink: // where clouds keep their credentials
		return false
	}
	return httpx.ReachOf(a.issuer.Hostname()) != httpx.ReachWorld
}

// derived tells whether an issuer is the configured one as a provider writes it that
// makes its issuer of the host it was called by: the same path at the back-channel origin.
func (a addresses) derived(iss string) bool {
	u, err := absoluteURL(iss)
	return err == nil && a.back != nil && httpx.SameOrigin(u, a.back) &&
		u.EscapedPath() == a.issuer.EscapedPath() && u.RawQuery == ""
}

// browser returns the address of an endpoint for browsers: what the provider put at the
// back-channel origin belongs to the issuer's.
func (a addresses) browser(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || a.back == nil || !httpx.SameOrigin(u, a.back) {
		return raw
	}
	u.Scheme, u.Host = a.issuer.Scheme, a.issuer.Host
	return u.String()
}

// server returns the address at which this server calls an endpoint, and the Host
// header to send: "" for the address's own. Endpoints on other hosts than the issuer's
// are called where they are.
func (a addresses) server(raw string) (target, host string) {
	u, err := url.Parse(raw)
	if err != nil || a.back == nil {
		return raw, ""
	}
	if !httpx.SameOrigin(u, a.issuer) && !httpx.SameOrigin(u, a.back) {
		return raw, ""
	}
	u.Scheme, u.Host = a.back.Scheme, a.back.Host
	return u.String(), a.issuer.Host
}

// bounded makes a value from outside fit for a log line.
func bounded(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
