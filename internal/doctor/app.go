package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/preset"
)

// app asks an app for a page as nobody, without the gateway.
func (o Options) app(ctx context.Context, a App) Group {
	g := Group{Kind: KindApp, ID: a.ID, At: a.URL}
	takes := true
	if first, ok := o.upstream(ctx, a, &g); ok && !loops(first, a, &g) {
		alone(first.status, a, &g)
		cookies(first, &g)
		o.preset(ctx, a, &g)
		takes = o.takes(ctx, a, &g)
	}
	exposed(a, &g)
	if takes {
		setup(a, &g)
	}
	return g
}

// get asks the app for a path, without the gateway.
func (o Options) get(ctx context.Context, a App, path string) (answer, error) {
	t := newTransport(a.RootCAs)
	t.Proxy = nil
	target := &url.URL{Scheme: a.Scheme, Host: a.Address, Path: path}
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return answer{}, errAddress
	}
	req.Host = a.Host
	req.Header.Set("Accept", asPage)
	return send(newClient(t), req, o.Now)
}

var errAddress = errors.New("the upstream is no address")

// title is the app's name for people.
func (a App) title() string {
	if a.Title != "" {
		return a.Title
	}
	return "the app"
}

// at is the app's upstream address.
func (a App) at() string {
	if a.Scheme == "unix" {
		return "unix:" + a.Address
	}
	return a.Scheme + "://" + a.Address
}

// upstream asks the app for its first page.
func (o Options) upstream(ctx context.Context, a App, g *Group) (first answer, ok bool) {
	at := a.at()
	first, err := o.get(ctx, a, a.Path)
	seen := "GET " + a.Path + " at " + at
	if err == nil {
		seen += ": HTTP " + strconv.Itoa(first.status)
	}
	switch {
	case errors.Is(err, errAddress):
		g.add(Finding{ID: "app-address", Level: Error, Found: err.Error(), Meaning: "Nobody reaches the app.", Evidence: []string{"upstream " + short(at)}, Fix: []string{"Correct apps[].upstream."}})
		return first, false
	case err != nil:
		f := diagnose(err, &url.URL{Scheme: a.Scheme, Host: strings.TrimPrefix(at, a.Scheme+"://")})
		f.ID, f.Check, f.Level = "app-reachable", "", Error
		f.Found = "the app does not answer: " + f.Found
		f.Meaning = "People who are signed in see a page that says that the app is down (502 or 504)."
		f.Evidence = []string{seen + ": " + why(err)}
		g.add(f)
		return first, false
	case first.status/100 == 5:
		g.add(Finding{
			ID: "app-failing", Level: Warning, Found: "the app answers with an error", Meaning: "People may see that error.",
			Evidence: []string{seen}, Fix: []string{"Look into the app's log; it may still be starting."},
		})
		return first, false
	}
	g.ok("app-reachable", "the app answers", seen)
	return first, true
}

// loops says whether the upstream is the gateway itself.
func loops(first answer, a App, g *Group) bool {
	to, err := url.Parse(first.header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.Path, "/.cardea/") {
		return false
	}
	g.add(Finding{
		ID: "app-loop", Level: Error, Found: "the upstream is a gateway, and no app",
		Meaning:  "Every request goes round in circles and ends in an error.",
		Evidence: []string{"upstream " + a.at() + " leads to " + bare(to.String())},
		Fix:      []string{"Write the address that the app itself listens at under apps[].upstream. It needs another port than the gateway."},
	})
	return true
}

// longestCookie is what browsers and the gateway keep of one cookie, in bytes (RFC 6265
// section 6.1).
const longestCookie = 4096

// cookies says whether the app sets any that nobody keeps.
func cookies(first answer, g *Group) {
	var large []string
	for _, line := range first.header.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		if name, _, _ := strings.Cut(pair, "="); len(pair) > longestCookie {
			large = append(large, short(name)+": "+strconv.Itoa(len(pair))+" bytes")
		}
	}
	if len(large) > 0 {
		g.add(Finding{
			ID: "app-cookies", Level: Warning, Found: "the app sets cookies that are too large to be kept", Meaning: "They are lost: people may be asked again and again for what the app wants to remember.",
			Evidence: large, Fix: []string{"Let the app keep what it stores there at its server; often it is a picture or a token."},
		})
	}
}

// preset holds the configured preset against the app's marks.
func (o Options) preset(ctx context.Context, a App, g *Group) {
	if a.Preset == "" {
		return
	}
	found := preset.Recognised(a.Base, o.asker(ctx, a))
	switch {
	case slices.Contains(found, a.Preset):
		g.ok("app-preset", "the app has the marks of the preset "+a.Preset)
	case len(found) > 0:
		p, _ := preset.Lookup(found[0])
		var seen []string
		for _, m := range p.At(a.Base).Recognise {
			seen = append(seen, "GET "+m.Path+" is answered as "+p.Title+" answers it")
		}
		g.add(Finding{
			ID: "app-preset", Level: Warning, Found: "the preset is " + a.Preset + ", and this is " + p.Title,
			Meaning:  "Its own sign-out may not count here, and its open pages may stay on the screen after one.",
			Evidence: seen, Fix: []string{"Write preset: " + found[0]},
		})
	}
}

// asker asks an app for paths as nobody.
func (o Options) asker(ctx context.Context, a App) func(path string) (preset.Seen, bool) {
	return func(path string) (preset.Seen, bool) {
		r, err := o.get(ctx, a, path)
		return preset.Seen{Status: r.status, Header: r.header, Body: r.body}, err == nil
	}
}

// takes says whether the app takes people from the gateway. What it cannot tell is true.
func (o Options) takes(ctx context.Context, a App, g *Group) bool {
	if len(a.Takes.Marks) == 0 {
		return true
	}
	status := 0
	ask := o.asker(ctx, a)
	m, missing := a.Takes.Missing(func(path string) (preset.Seen, bool) {
		s, ok := ask(path)
		status = s.Status
		return s, ok
	})
	if !missing {
		g.ok("app-takes", a.title()+" takes people from the gateway, as far as it tells")
		return true
	}
	seen := "GET " + m.Path + ": HTTP " + strconv.Itoa(status)
	if m.Body != "" {
		seen += ", without " + m.Body
	}
	f := Finding{
		ID: "app-takes", Level: Error, Found: a.title() + " takes nobody from the gateway", Evidence: []string{seen},
		Meaning: "Whoever passes the gateway uses it without a name, and finds no way to sign out in it.",
		Fix:     slices.Concat(a.Setup, []string{"Restart the app after that, and run \"cardea doctor\" again."}),
	}
	if a.Takes.Lacks != "" {
		f.Found += ": " + a.Takes.Lacks
	}
	g.add(f)
	return false
}

// alone says what the app does with a request that names nobody.
func alone(status int, a App, g *Group) {
	if status/100 != 2 {
		g.ok("app-alone", "by itself the app lets nobody in: HTTP "+strconv.Itoa(status))
		return
	}
	g.add(Finding{
		ID: "app-alone", Level: Note, Found: "the app shows its first page to everybody who reaches it without the gateway",
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
		ID: "app-exposed", Level: Warning, Found: "the app listens at an address that is not loopback",
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
	g.add(Finding{ID: "app-setup", Level: Note, Meaning: "Without it, the app does not take the person from the gateway, or signs people straight in again.", Found: "what " + a.title() + " itself must be set to", Fix: a.Setup})
}
