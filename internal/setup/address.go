package setup

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

const wellKnown = "/.well-known/"

// ErrAddress marks what somebody gave and what cannot be: an address, a kind or a preset.
var ErrAddress = errors.New("not an address")

// refusal is an ErrAddress that says all there is to say by itself.
type refusal struct{ error }

func (refusal) Is(target error) bool { return target == ErrAddress }

func refuse(format string, values ...any) error { return refusal{fmt.Errorf(format, values...)} }

// tidy makes an address of what somebody pasted, and says what it changed.
func tidy(raw, scheme string) (*url.URL, []string, error) {
	text := strings.Trim(strings.TrimSpace(raw), "<>\"'`")
	var notes []string
	if !strings.Contains(text, "://") {
		text = scheme + "://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(u.Host, " *") {
		return nil, nil, refuse("%q is not an address; write it as https://host/path", raw)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		notes = append(notes, "What stands behind ? or # is no part of it and was left out.")
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	u.Host = strings.ToLower(u.Host)
	return u, notes, nil
}

// guess is the scheme of an address that names none: plain http on this machine alone.
func guess(raw string) string {
	host, _, _ := strings.Cut(strings.TrimSpace(raw), "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if httpx.LoopbackHost(strings.Trim(host, "[]")) {
		return "http"
	}
	return "https"
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

func other(scheme string) string {
	if scheme == "http" {
		return "https"
	}
	return "http"
}

// Place is where the gateway will be.
type Place struct {
	// PublicURL is the gateway's origin.
	PublicURL string
	// Listen and Ops are the addresses that it listens at.
	Listen, Ops string
	// Proxied: something else has to end TLS in front of it.
	Proxied bool
}

// At makes a Place of an origin that people will use. Beyond loopback it must be https.
func At(raw string) (Place, error) {
	u, _, err := tidy(raw, guess(raw))
	if err != nil {
		return Place{}, err
	}
	if u.Path != "" && u.Path != "/" {
		return Place{}, refuse("%q has a path; the gateway needs an origin of its own, such as %s", raw, origin(u))
	}
	loopback := httpx.LoopbackHost(u.Hostname())
	if u.Scheme == "http" && !loopback {
		return Place{}, refuse("%q is plain http; beyond this machine the gateway's address is https://%s", raw, u.Hostname())
	}
	at := Place{PublicURL: origin(u), Listen: "127.0.0.1:4180", Ops: "127.0.0.1:4181", Proxied: u.Scheme == "https"}
	if u.Scheme == "https" {
		return at, nil
	}
	host := "127.0.0.1"
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		host = addr.String()
	}
	port := httpx.PortOf(u)
	at.Listen, at.Ops = net.JoinHostPort(host, port), net.JoinHostPort(host, next(port))
	return at, nil
}

// next is the port after p, for the operators.
func next(p string) string {
	var n int
	if _, err := fmt.Sscanf(p, "%d", &n); err != nil || n >= 65535 {
		return "4181"
	}
	return fmt.Sprint(n + 1)
}
