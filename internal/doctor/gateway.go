package doctor

import (
	"context"
	"net/url"
	"strconv"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// leastHeader is what request headers grow to where apps keep much in cookies, in bytes.
const leastHeader = 32 << 10

func (o Options) gateway(ctx context.Context) Group {
	gw := o.Gateway
	g := Group{Kind: KindGateway, At: gw.PublicURL}
	public, err := url.Parse(gw.PublicURL)
	if err != nil {
		public = &url.URL{}
	}
	gw.address(&g, public)
	gw.proxies(&g, public)
	gw.listening(ctx, &g, public, o.Now)
	gw.headers(&g)
	o.names(&g, public)
	return g
}

// address says whether what travels to the gateway is protected.
func (gw *Gateway) address(g *Group, public *url.URL) {
	switch {
	case public.Scheme == "https":
		g.ok("public-url", "people reach the gateway by https")
	case httpx.LoopbackHost(public.Hostname()):
		g.ok("public-url", "plain http on loopback: for this machine alone")
	default:
		g.add(Finding{
			ID: "public-url", Level: Warning, Found: "people reach the gateway by plain http",
			Meaning:  "Passwords, cookies and pages can be read and changed on the way.",
			Evidence: []string{"public_url " + gw.PublicURL, "insecure_http: " + strconv.FormatBool(gw.InsecureHTTP)},
			Fix:      []string{"Write public_url with https://, and set tls, or let a proxy end TLS and list it under trusted_proxies."},
		})
	}
}

// proxies says whether https that is promised can be kept.
func (gw *Gateway) proxies(g *Group, public *url.URL) {
	if public.Scheme != "https" {
		return
	}
	switch {
	case gw.TLS:
		g.ok("proxies", "the gateway serves https itself")
	case gw.TrustedProxies:
		g.ok("proxies", "the proxies that end TLS are listed")
	default:
		g.add(Finding{
			ID: "proxies", Level: Error, Found: "https is promised, and nobody is known who ends TLS",
			Meaning:  "Every request looks like plain http, and is refused or redirected without end.",
			Evidence: []string{"public_url " + gw.PublicURL, "neither tls nor trusted_proxies is set"},
			Fix:      []string{"List the address of the proxy in front under trusted_proxies (127.0.0.1/32 for one on this machine), or set tls.cert_file and tls.key_file."},
		})
	}
}

func (gw *Gateway) headers(g *Group) {
	if gw.HeaderBytes >= leastHeader {
		g.ok("header-size", "request headers may have "+strconv.Itoa(gw.HeaderBytes)+" bytes")
		return
	}
	g.add(Finding{
		ID: "header-size", Level: Warning, Found: "request headers may have no more than " + strconv.Itoa(gw.HeaderBytes) + " bytes",
		Meaning:  "Apps with many cookies exceed 20 kB: their people then see error 431 until they delete cookies.",
		Evidence: []string{"limits.header_bytes: " + strconv.Itoa(gw.HeaderBytes)},
		Fix:      []string{"Leave limits.header_bytes out (65536), and give the proxy in front the same room."},
	})
}

// names warns where people could come by the other name of the loopback.
func (o Options) names(g *Group, public *url.URL) {
	if !httpx.LoopbackHost(public.Hostname()) {
		return
	}
	var other []string
	for _, a := range o.Apps {
		u, err := url.Parse(a.URL)
		if err == nil && httpx.LoopbackHost(u.Hostname()) && u.Hostname() != public.Hostname() {
			other = append(other, "app "+a.ID+" "+a.URL)
		}
	}
	if len(other) == 0 {
		g.ok("loopback-names", "gateway and apps use "+public.Hostname()+"; by another name of this machine they are not found")
		return
	}
	g.add(Finding{
		ID: "loopback-names", Level: Note, Found: "gateway and apps use different names of this machine",
		Meaning:  "A browser keeps their cookies apart: each app has a seat of its own. People must use exactly these names.",
		Evidence: append([]string{"public_url " + o.PublicURL}, other...),
		Fix:      []string{"Use one name, such as localhost, unless that is meant."},
	})
}
