package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

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
			Check: "public-url", Level: Warning, Found: "people reach the gateway by plain http",
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
			Check: "proxies", Level: Error, Found: "https is promised, and nobody is known who ends TLS",
			Meaning:  "Every request looks like plain http, and is refused or redirected without end.",
			Evidence: []string{"public_url " + gw.PublicURL, "neither tls nor trusted_proxies is set"},
			Fix:      []string{"List the address of the proxy in front under trusted_proxies (127.0.0.1/32 for one on this machine), or set tls.cert_file and tls.key_file."},
		})
	}
}

// who answers at an address.
type who string

const (
	nobody   who = "nothing answers"
	cardea   who = "a gateway answers"
	stranger who = "something else answers"
)

// listening asks the gateway's own listener and the public address who answers there.
func (gw *Gateway) listening(ctx context.Context, g *Group, public *url.URL, now func() time.Time) {
	inside := gw.ask(ctx, public, now, true)
	outside := gw.ask(ctx, public, now, false)
	f := Finding{Check: "listening", Evidence: []string{"listen " + gw.Address + ": " + string(inside), gw.PublicURL + ": " + string(outside)}}
	switch {
	case outside == cardea:
		g.ok("listening", "the gateway answers at its public address", f.Evidence...)
		return
	case inside == cardea:
		f.Level, f.Found = Error, "the gateway runs, and does not answer at its public address"
		f.Meaning = "People do not reach it."
		f.Fix = []string{"Let the name lead here, and let the proxy in front pass the name on as Host. Where this machine cannot reach its own public address, try from another."}
	case inside == stranger:
		f.Level, f.Found = Error, "another program listens at the gateway's address"
		f.Meaning = "The gateway cannot start."
		f.Fix = []string{"Stop that program, or write another port under listen."}
	case outside == stranger && public.Scheme == "http":
		f.Level, f.Found = Warning, "something else answers at the public address"
		f.Meaning = "People reach that, and not the gateway."
		f.Fix = []string{"Correct public_url, or what stands there."}
	default:
		f.Level, f.Found = Note, "the gateway is not running"
		f.Meaning = "Whether people reach it can be told when it runs."
		f.Fix = []string{"Start it with \"cardea serve\", and run this again."}
	}
	g.add(f)
}

// ask asks for the session without a cookie, at the listener itself or by the public name.
func (gw *Gateway) ask(ctx context.Context, public *url.URL, now func() time.Time, inside bool) who {
	t := newTransport(nil)
	if inside {
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, gw.Network, anyAsLoopback(gw.Address))
		}
		// The listener's certificate is for its public name; this only asks who is there.
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // see above
	}
	address := public.Scheme + "://" + public.Host
	if inside && !gw.TLS {
		address = "http://" + public.Host
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/.cardea/session", nil)
	if err != nil {
		return nobody
	}
	req.Header.Set("Accept", asJSON)
	if inside {
		req.Header.Set("X-Forwarded-Proto", public.Scheme)
	}
	a, err := send(newClient(t), req, now)
	if err != nil {
		return nobody
	}
	var problem struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(a.body, &problem) == nil && strings.HasPrefix(problem.Type, httpx.ProblemBase) {
		return cardea
	}
	return stranger
}

// anyAsLoopback is where a listener on every interface is reached on this machine.
func anyAsLoopback(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

func (gw *Gateway) headers(g *Group) {
	if gw.HeaderBytes >= leastHeader {
		g.ok("header-size", "request headers may have "+strconv.Itoa(gw.HeaderBytes)+" bytes")
		return
	}
	g.add(Finding{
		Check: "header-size", Level: Warning, Found: "request headers may have no more than " + strconv.Itoa(gw.HeaderBytes) + " bytes",
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
		Check: "loopback-names", Level: Note, Found: "gateway and apps use different names of this machine",
		Meaning:  "A browser keeps their cookies apart: each app has a seat of its own. People must use exactly these names.",
		Evidence: append([]string{"public_url " + o.PublicURL}, other...),
		Fix:      []string{"Use one name, such as localhost, unless that is meant."},
	})
}
