package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// who answers at an address.
type who string

const (
	nobody   who = "nothing answers"
	cardea   who = "a gateway answers"
	foreign  who = "a gateway answers, and does not know that address as its own"
	stranger who = "something else answers"
)

// listening asks the gateway's own listener and the public address who answers there.
func (gw *Gateway) listening(ctx context.Context, g *Group, public *url.URL, now func() time.Time) {
	inside := gw.ask(ctx, public, now, true)
	outside := gw.ask(ctx, public, now, false)
	runs := !gw.Starting && (answers(inside) || answers(outside))
	blocked := inside != nobody || taken(ctx, gw.Network, gw.Address)
	f := Finding{Evidence: []string{"listen " + gw.Address + ": " + string(inside), gw.PublicURL + ": " + string(outside)}}
	if !runs {
		gw.operators(ctx, g, public)
	}
	switch {
	case gw.Starting && blocked:
		g.add(gw.inTheWay(f, inside, public))
		return
	case outside == cardea:
		g.ok("listening", "the gateway answers at its public address", f.Evidence...)
		return
	case outside == foreign:
		f.ID, f.Level, f.Found = "proxy-headers", Error, "the gateway is reached, and is not told by which address"
		f.Meaning = "People see “not found”, or a redirect without end: the request seems to be for another host, or for plain http."
		f.Fix = []string{"Let the proxy in front pass on Host as it came, and set X-Forwarded-Proto; list its own address under trusted_proxies, or its headers are not believed."}
	case answers(inside):
		f.ID = "listening-unreached"
		f.Level, f.Found = Error, "the gateway runs, and does not answer at its public address"
		f.Meaning = "People do not reach it."
		f.Fix = []string{"Let the name lead here, and let the proxy in front pass the name on as Host. Where this machine cannot reach its own public address, try from another."}
	case blocked:
		f = gw.inTheWay(f, inside, public)
	case outside == stranger && public.Scheme == "http":
		f.ID = "listening-stranger"
		f.Level, f.Found = Warning, "something else answers at the public address"
		f.Meaning = "People reach that, and not the gateway."
		f.Fix = []string{"Correct public_url, or what stands there."}
	default:
		f.ID, f.Level, f.Found = "listening-stopped", Note, "the gateway is not running"
		f.Meaning = "Whether people reach it can be told when it runs."
		f.Fix = []string{"Start it with \"cardea serve\", and run this again."}
	}
	g.add(f)
}

// inTheWay says that the gateway's own address is taken.
func (gw *Gateway) inTheWay(f Finding, by who, public *url.URL) Finding {
	f.ID, f.Level, f.Found = "listening-taken", Error, "another program listens at the gateway's address"
	f.Meaning = "The gateway cannot start."
	f.Fix = []string{"Stop that program, or write another port under listen" + another(public) + "."}
	switch {
	case answers(by):
		f.Found = "a gateway listens at that address already"
		f.Fix = []string{"Stop it, if it is an earlier start of this one; or write another port under listen" + another(public) + "."}
	case by == nobody:
		f.Evidence = append(f.Evidence, gw.Address+": in use")
	}
	return f
}

// operators says whether the operators' address is taken.
func (gw *Gateway) operators(ctx context.Context, g *Group, public *url.URL) {
	if gw.OpsAddress == "" || !taken(ctx, gw.OpsNetwork, gw.OpsAddress) {
		return
	}
	g.add(Finding{
		ID: "listening-ops", Level: Error, Found: "another program listens at the operators' address", Meaning: "The gateway cannot start.",
		Evidence: []string{"ops.listen " + gw.OpsAddress + ": in use"},
		Fix:      []string{"Stop that program, or write another port under ops.listen" + another(public) + "."},
	})
}

// another is how a first configuration comes by other ports.
func another(public *url.URL) string {
	if public.Scheme != "http" {
		return ""
	}
	return " (for \"cardea init\": --public-url http://" + public.Hostname() + ":PORT; the operators' port is the one after it)"
}

func answers(w who) bool { return w == cardea || w == foreign }

// taken says whether somebody listens at an address of this machine. It is listened at for a
// moment, since not everybody who listens there answers.
func taken(ctx context.Context, network, address string) bool {
	if network == "unix" {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, address)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, network, address)
	if err != nil {
		return errors.Is(err, syscall.EADDRINUSE)
	}
	l.Close()
	return false
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
	if json.Unmarshal(a.body, &problem) != nil || !strings.HasPrefix(problem.Type, httpx.ProblemBase) {
		return stranger
	}
	if problem.Type == httpx.ProblemBase+"not-found" {
		return foreign
	}
	return cardea
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
