package doctor

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// app asks an app for a page as nobody, without the gateway.
func (o Options) app(ctx context.Context, a App) Group {
	g := Group{Kind: KindApp, ID: a.ID, At: a.URL}
	status, ok := o.upstream(ctx, a, &g)
	if ok {
		alone(status, a, &g)
	}
	exposed(a, &g)
	setup(a, &g)
	return g
}

func (o Options) upstream(ctx context.Context, a App, g *Group) (status int, ok bool) {
	t := newTransport(a.RootCAs)
	t.Proxy = nil
	target := &url.URL{Scheme: a.Scheme, Host: a.Address, Path: a.Path}
	switch a.Scheme {
	case "unix":
		target.Scheme, target.Host = "http", "localhost"
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: requestTime}).DialContext(ctx, "unix", a.Address)
		}
	case "h2c":
		target.Scheme = "http"
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	at := a.Scheme + "://" + a.Address
	if a.Scheme == "unix" {
		at = "unix:" + a.Address
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		g.add(Finding{Check: "app-reachable", Level: Error, Found: "the upstream is no address", Fix: []string{"Correct apps[].upstream."}})
		return 0, false
	}
	req.Host = a.Host
	req.Header.Set("Accept", asPage)
	answer, err := send(newClient(t), req, o.Now)
	seen := "GET " + a.Path + " at " + at
	if err == nil {
		seen += ": HTTP " + strconv.Itoa(answer.status)
	}
	switch {
	case err != nil:
		f := diagnose(err, &url.URL{Scheme: a.Scheme, Host: strings.TrimPrefix(at, a.Scheme+"://")})
		f.Check, f.Level = "app-reachable", Error
		f.Found = "the app does not answer: " + f.Found
		f.Meaning = "People who are signed in see a page that says that the app is down (502 or 504)."
		f.Evidence = []string{seen + ": " + why(err)}
		g.add(f)
		return 0, false
	case answer.status/100 == 5:
		g.add(Finding{
			Check: "app-reachable", Level: Warning, Found: "the app answers with an error", Meaning: "People may see that error.",
			Evidence: []string{seen}, Fix: []string{"Look into the app's log; it may still be starting."},
		})
		return 0, false
	}
	g.ok("app-reachable", "the app answers", seen)
	return answer.status, true
}

// alone says what the app does with a request that names nobody.
func alone(status int, a App, g *Group) {
	if status/100 != 2 {
		g.ok("app-alone", "by itself the app lets nobody in: HTTP "+strconv.Itoa(status))
		return
	}
	g.add(Finding{
		Check: "app-alone", Level: Note, Found: "the app shows its first page to everybody who reaches it without the gateway",
		Meaning:  "That is fine where nobody but the gateway reaches it, and where that page is only a shell.",
		Evidence: []string{"GET " + a.Path + " without identity headers: HTTP " + strconv.Itoa(status)},
		Fix:      []string{"Let it listen where only the gateway reaches it: on loopback, on a unix socket, or in a network of their own."},
	})
}

// exposed says whether others than the gateway may reach the app.
func exposed(a App, g *Group) {
	host := a.Address
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if a.Scheme == "unix" || httpx.LoopbackHost(host) {
		g.ok("app-exposed", "only this machine reaches the app at its upstream address")
		return
	}
	f := Finding{
		Check: "app-exposed", Level: Warning, Found: "the app listens at an address that is not loopback",
		Meaning:  "Whoever reaches it there can send identity headers of their own, and be anybody.",
		Evidence: []string{"upstream " + a.Scheme + "://" + a.Address},
		Fix:      []string{"Let it listen on loopback, or see to it by a firewall or a container network that only the gateway reaches it."},
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsGlobalUnicast() && !addr.IsPrivate() {
		f.Found = "the app listens at a public address"
	}
	g.add(f)
}

// setup tells what to put into the app's own configuration.
func setup(a App, g *Group) {
	if len(a.Setup) == 0 {
		return
	}
	title := a.Title
	if title == "" {
		title = "the app"
	}
	g.add(Finding{Check: "app-setup", Level: Note, Found: "what " + title + " itself must be set to", Fix: a.Setup})
}
