package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/strict"
)

// agree warns where the preset and what the app states disagree: each of these works,
// and leaves something undone that the preset is there for.
func (c *checker) agree(path string, a *App) {
	if !c.positions.Has(strict.Key(path, "preset")) {
		c.unnamed(path, a)
	}
	c.sentHeaders(path, a)
	c.prefix(path, a)
	c.keptCookies(path, a)
	if a.Record.PageScript == preset.On && !a.Script() {
		c.warn(strict.Key(path, "page_script"), "without the script, open pages of "+appTitle(a)+" stay on the screen after a sign-out, with what they show")
	}
	c.heardLogout(path, a)
	c.closedPaths(path, a)
}

// appTitle names the application in a warning.
func appTitle(a *App) string {
	if a.Record.Title != "" {
		return a.Record.Title
	}
	return "the app"
}

// unnamed hints at a preset where the app's id or its upstream's name is one's.
func (c *checker) unnamed(path string, a *App) {
	host, _, _ := strings.Cut(a.Upstream.Host, ":")
	words := strings.FieldsFunc(a.ID+" "+strings.ToLower(host), func(r rune) bool { return strings.ContainsRune(" .-_", r) })
	for _, name := range preset.Names() {
		if name != preset.Generic && slices.Contains(words, name) {
			c.warn(strict.Key(path, "preset"), fmt.Sprintf("is not stated, and this looks like %s: write preset: %s, or preset: generic if it is not", name, name))
			return
		}
	}
}

// sentHeaders warns of identity headers that the application reads and does not get.
func (c *checker) sentHeaders(path string, a *App) {
	sent := setHeaders(a.Headers.Set)
	for _, name := range a.Record.Reads {
		has := slices.ContainsFunc(sent, func(s string) bool { return strings.EqualFold(s, name) })
		if !has && !hasHeader(a.Headers.Names, name) {
			c.warn(strict.Key(path, "headers"), fmt.Sprintf("%s reads %s, which is not sent: name it here, or under record.reads what the app reads instead", appTitle(a), name))
		}
	}
}

// setHeaders lists the names of a ready set; "" is what an app gets that names none.
func setHeaders(set HeaderSet) []string {
	switch set {
	case HeadersOAuth2Proxy:
		return strings.Fields(`X-Forwarded-User X-Forwarded-Preferred-Username X-Forwarded-Email X-Forwarded-Groups
			X-Auth-Request-User X-Auth-Request-Preferred-Username X-Auth-Request-Email X-Auth-Request-Groups`)
	case HeadersAuthelia:
		return strings.Fields("Remote-User Remote-Name Remote-Email Remote-Groups")
	case HeadersAuthentik:
		return strings.Fields("X-Authentik-Username X-Authentik-Uid X-Authentik-Name X-Authentik-Email X-Authentik-Groups")
	}
	return strings.Fields(`X-Forwarded-User X-Forwarded-Preferred-Username X-Cardea-Account X-Forwarded-Email
		X-Forwarded-Name X-Forwarded-Groups`)
}

// prefix warns of an address that the application cannot live at.
func (c *checker) prefix(path string, a *App) {
	below := a.URL.Path != "" && a.URL.Path != "/"
	switch {
	case below && a.Record.Needs.Prefix == preset.PrefixNone:
		c.warn(strict.Key(path, "url"), appTitle(a)+" works only at the root of an origin, not below a path")
	case a.StripPrefix && a.Record.Needs.Prefix == preset.PrefixKept:
		c.warn(strict.Key(path, "strip_prefix"), appTitle(a)+" needs the path that people see, and is told of it in its own configuration: remove strip_prefix")
	}
}

// keptCookies warns of cookies that stay in the browser against the preset.
func (c *checker) keptCookies(path string, a *App) {
	if a.Vault == VaultOn {
		return
	}
	at := strict.Key(path, "vault")
	switch {
	case len(a.Record.Replay) > 0:
		c.warn(at, fmt.Sprintf("with %s the app's cookies stay in the browser: after a sign-out %s can no longer be told by a call of its own logout, and the next person on the same browser may find the last one's session", a.Vault, appTitle(a)))
	case a.Preset != preset.Generic && a.Record.Vault == preset.On:
		c.warn(at, fmt.Sprintf("with %s the app's cookies stay in the browser, where the next person may find the last one's session", a.Vault))
	}
}

// heardLogout warns of the preset's logout requests that no longer end the sign-in.
func (c *checker) heardLogout(path string, a *App) {
	known, ok := preset.Lookup(a.Preset)
	if !ok {
		return
	}
	var deaf []string
	for _, l := range known.At(a.URL.Path).Logout {
		if !slices.Contains(a.Resolved.Logout, l) {
			deaf = append(deaf, l.Method+" "+l.Path)
		}
	}
	if len(deaf) == 0 {
		return
	}
	at := strict.Key(path, "logout")
	if !c.positions.Has(at) {
		at = strict.Key(strict.Key(path, "record"), "logout")
	}
	c.warn(at, fmt.Sprintf("%s signs people out by %s, which no longer ends the sign-in here: it will sign them straight back in", appTitle(a), strings.Join(deaf, " and ")))
}

// closedPaths warns of stated paths that take the place of one that the preset opens.
func (c *checker) closedPaths(path string, a *App) {
	for i, s := range a.Paths {
		for _, p := range a.Resolved.Paths {
			if !samePath(s, p) || s.Public || s.Bearer == p.Bearer && s.BareToken == p.BareToken && !p.Public {
				continue
			}
			what := "everyone"
			if p.Bearer {
				what = "tokens of its own"
			}
			c.warn(strict.Index(strict.Key(path, "paths"), i), fmt.Sprintf("stands in place of the preset's entry, which opens this path to %s: %s will refuse what comes without a sign-in", what, appTitle(a)))
		}
	}
}
