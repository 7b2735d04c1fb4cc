package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/strict"
)

// preset finds the app's preset and applies the overrides. It reports whether the
// record can be asked.
func (c *checker) preset(path string, a *App) bool {
	at, names := strict.Key(path, "preset"), preset.Names()
	base, ok := preset.Lookup(a.Preset)
	if !ok {
		fix := "write generic for any other app; known: " + strings.Join(names, ", ")
		if near := strict.Nearest(a.Preset, names); near != "" {
			fix = fmt.Sprintf("write %q, or generic for any other app", near)
		}
		c.fault(at, "there is no preset "+strict.Quote(a.Preset), fix)
		return false
	}
	a.Record = base
	if a.Override == nil {
		return true
	}
	r, faults := preset.Decode(base, a.Override, strict.Key(path, "record"))
	c.faults = append(c.faults, faults...)
	if len(faults) > 0 {
		return false
	}
	a.Record = r
	return true
}

// resolve fills from the preset what the app does not state, and says where the two
// disagree.
func (c *checker) resolve(path string, a *App) {
	if a.Vault == "" {
		a.Vault = VaultMode(a.Record.Vault)
	}
	if a.PageScript == nil {
		script := a.Record.PageScript == preset.On
		a.PageScript = &script
	}
	a.Resolved = a.Record.At(a.URL.Path)
	c.resolveLogout(path, a)
	c.resolveHeaders(path, a)
	c.agree(path, a)
	c.resolvePaths(path, a)
}

// resolveLogout takes the preset's logout unless the app states one. An empty list
// takes the preset's away, in the record too, so that what is printed says the same.
func (c *checker) resolveLogout(path string, a *App) {
	if c.positions.Has(strict.Key(path, "logout")) {
		if len(a.Logout) == 0 {
			a.Logout, a.Record.Logout = nil, nil
		}
		a.Resolved.Logout = nil
		for _, l := range a.Logout {
			a.Resolved.Logout = append(a.Resolved.Logout, preset.Logout(l))
		}
		return
	}
	for _, l := range a.Resolved.Logout {
		a.Logout = append(a.Logout, Logout(l))
	}
}

// resolveHeaders adds the preset's headers that the app does not name.
func (c *checker) resolveHeaders(path string, a *App) {
	names := maps.Clone(a.Headers.Names)
	for _, name := range slices.Sorted(maps.Keys(a.Resolved.Headers)) {
		if hasHeader(names, name) {
			continue
		}
		var source HeaderSource
		if err := source.UnmarshalText([]byte(a.Resolved.Headers[name])); err != nil {
			c.recordFault(strict.Key(path, "record"), a, strict.Key("headers", name), err)
			continue
		}
		if names == nil {
			names = map[string]HeaderSource{}
		}
		names[name] = source
	}
	a.Headers.Names = names
}

// recordFault adds what a parser says of a field of the app's own record.
func (c *checker) recordFault(path string, a *App, field string, err error) {
	var p *strict.Problem
	if !errors.As(err, &p) {
		p = &strict.Problem{Message: err.Error()}
	}
	positions := strict.Positions{}
	if a.Override != nil {
		positions, _ = strict.Decode(a.Override, "", &preset.Preset{})
	}
	at := positions.At(field)
	c.faults = append(c.faults, Fault{Line: at.Line, Column: at.Column, Path: path + "." + field, Message: p.Message, Fix: p.Fix})
}

func hasHeader(names map[string]HeaderSource, name string) bool {
	for n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// resolvePaths adds the preset's paths that the app does not state itself. Below a path
// that the app opens to everyone a preset's would close a part again, so it is left
// out; below one that demands something it demands that too of people, while requests
// with a token of the app's own pass.
func (c *checker) resolvePaths(path string, a *App) {
	stated := a.Paths
	for _, p := range a.Resolved.Paths {
		if slices.ContainsFunc(stated, func(s Path) bool { return samePath(s, p) }) {
			continue
		}
		add := Path{Prefix: p.Prefix, Exact: p.Exact, Public: p.Public, Bearer: p.Bearer, BareToken: p.BareToken}
		above := governing(stated, p.Prefix+p.Exact)
		if above >= 0 {
			over := stated[above]
			if over.Public {
				continue
			}
			if over.demands() {
				c.warn(strict.Index(strict.Key(path, "paths"), above), c.opened(a, p))
			}
			if !p.Public {
				add.Access, add.MaxAge, add.ACR = over.Access, over.MaxAge, over.ACR
			}
		}
		a.Paths = append(a.Paths, add)
	}
}

// opened tells what a preset lets pass below a path that the app restricts.
func (c *checker) opened(a *App, p preset.Path) string {
	who := "everyone pass"
	if !p.Public {
		who = "requests with a token of the app's own pass"
	}
	return fmt.Sprintf("the preset %s lets %s at %s below it; state that path too if this rule shall hold there", a.Preset, who, p.Prefix+p.Exact)
}

// samePath compares as the check for paths that are named twice does.
func samePath(s Path, p preset.Path) bool {
	if s.Exact != "" || p.Exact != "" {
		return strings.EqualFold(strings.TrimRight(s.Exact, "/"), strings.TrimRight(p.Exact, "/")) && s.Exact != "" && p.Exact != ""
	}
	return strings.EqualFold(s.Prefix, p.Prefix)
}

// governing finds the longest prefix among the entries that a path lies below; -1 for
// none.
func governing(entries []Path, path string) int {
	best := -1
	for i, e := range entries {
		if e.Prefix == "" || !covers(e.Prefix, path) {
			continue
		}
		if best < 0 || len(e.Prefix) > len(entries[best].Prefix) {
			best = i
		}
	}
	return best
}

func covers(prefix, path string) bool {
	prefix = strings.ToLower(strings.TrimSuffix(prefix, "/"))
	path = strings.ToLower(path)
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}
