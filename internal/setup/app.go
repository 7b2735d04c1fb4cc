package setup

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/strict"
)

// App is what was found of an app.
type App struct {
	// Upstream is where it listens: an origin, or unix: and a path.
	Upstream string
	// Base is the path that it lives at; "" is the root.
	Base   string
	Preset preset.Preset
	// Answers: something answered there.
	Answers bool
	// Recognised: the preset was told by the app's marks, not by the person.
	Recognised bool
	// Notes say what was corrected, in sentences.
	Notes []string
}

// Title is the app's name for people.
func (a App) Title() string {
	if a.Preset.Title != "" {
		return a.Preset.Title
	}
	return "the app"
}

// LookupPreset gives a preset; the error names what is near.
func LookupPreset(name string) (preset.Preset, error) {
	if p, ok := preset.Lookup(name); ok {
		return p, nil
	}
	return preset.Preset{}, noSuch("preset", name, preset.Names())
}

// noSuch says that a name is none of those that there are, and which is near.
func noSuch(what, name string, names []string) error {
	if near := strict.Nearest(name, names); near != "" {
		return fmt.Errorf("there is no %s %q; did you mean %q?", what, name, near)
	}
	return fmt.Errorf("there is no %s %q; there are: %s", what, name, strings.Join(names, ", "))
}

// App finds the app by the address that it listens at. name is its preset, or empty. The
// error wraps ErrAddress; an app that does not answer is none.
func (s Search) App(ctx context.Context, address, name string) (App, error) {
	a, u, err := s.address(address)
	if err != nil {
		return a, err
	}
	if name != "" {
		if a.Preset, err = LookupPreset(name); err != nil {
			return a, refusal{err}
		}
	}
	ask := func(p string) (preset.Seen, bool) {
		r, err := s.Get.Get(ctx, origin(u)+p)
		if err != nil {
			return preset.Seen{}, false
		}
		return preset.Seen{Status: r.Status, Header: r.Header, Body: r.Body}, true
	}
	if _, a.Answers = ask(a.Base + "/"); !a.Answers && !strings.HasPrefix(a.Upstream, "unix:") {
		u.Scheme = other(u.Scheme)
		if _, a.Answers = ask(a.Base + "/"); a.Answers {
			a.Notes = append(a.Notes, "It speaks "+u.Scheme+".")
			a.Upstream = origin(u)
		} else {
			u.Scheme = other(u.Scheme)
		}
	}
	if name == "" {
		a.recognise(ask)
	}
	return a, nil
}

// recognise takes the preset whose marks the app has, at its path or at the root.
func (a *App) recognise(ask func(string) (preset.Seen, bool)) {
	a.Preset, _ = preset.Lookup(preset.Generic)
	if !a.Answers {
		return
	}
	names := preset.Recognised(a.Base, ask)
	if len(names) == 0 && a.Base != "" {
		if names = preset.Recognised("", ask); len(names) > 0 {
			a.Notes = append(a.Notes, "It lives at the root; "+a.Base+" is one of its pages.")
			a.Base = ""
		}
	}
	if len(names) > 0 {
		a.Preset, _ = preset.Lookup(names[0])
		a.Recognised = true
	}
	if len(names) > 1 {
		a.Notes = append(a.Notes, "It has the marks of "+strings.Join(names[1:], " and ")+" too; say so by --preset where that is right.")
	}
}

// address reads where an app listens. u is what is asked; a socket is asked by any name.
func (s Search) address(raw string) (a App, u *url.URL, err error) {
	if socket, ok := strings.CutPrefix(strings.TrimSpace(raw), "unix:"); ok {
		if socket = "/" + strings.TrimLeft(socket, "/"); socket == "/" {
			return a, nil, refuse("%q names no socket; write it as unix:/run/app.sock", raw)
		}
		return App{Upstream: "unix:" + socket}, &url.URL{Scheme: "http", Host: "localhost"}, nil
	}
	u, notes, err := tidy(raw, "http")
	if err != nil {
		return a, nil, err
	}
	a.Notes = notes
	if loopback := onThisMachine(u.Hostname()); loopback != "" {
		a.Notes = append(a.Notes, u.Hostname()+" is every address of this machine; the gateway uses "+loopback+". Let the app listen there alone.")
		u.Host = net.JoinHostPort(loopback, httpx.PortOf(u))
	}
	a.Base = strings.TrimRight(u.Path, "/")
	if a.Base != "" && (u.RawPath != "" || preset.CheckPath(a.Base) != nil) {
		return a, nil, refuse("%q has a path that not everybody reads alike", raw)
	}
	u.Path = ""
	a.Upstream = origin(u)
	return a, u, nil
}

// onThisMachine is the loopback address in place of one that stands for every address; "" for
// any other.
func onThisMachine(host string) string {
	switch host {
	case "0.0.0.0":
		return "127.0.0.1"
	case "::":
		return "::1"
	}
	return ""
}
