package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/strict"
)

// access checks a rule, and that it can hold at all: one that names what no
// provider gives would be silently inert.
func (c *checker) access(path string, a *Access, providers []Provider) {
	if a == nil {
		return
	}
	stated := len(a.Emails) + len(a.Domains) + len(a.Groups) + len(a.Claims)
	c.when(stated == 0 && c.whole(path), path, "is empty, so it says nothing", "write emails, domains, groups or claims, or remove the key")
	c.emails(strict.Key(path, "emails"), a.Emails)
	c.domains(strict.Key(path, "domains"), a.Domains)
	c.groups(strict.Key(path, "groups"), a.Groups)
	c.claims(strict.Key(path, "claims"), a.Claims)

	hasEmail := func(p Provider) bool { return p.Record.Claims.Email.Verified != record.EmailNever }
	if len(a.Groups) > 0 {
		c.needs(strict.Key(path, "groups"), "groups", "record.claims.groups (source, and claim or lists)", providers, tellsGroups)
	}
	if len(a.Emails) > 0 {
		c.needs(strict.Key(path, "emails"), "believed e-mail addresses", "record.claims.email and email_verified", providers, hasEmail)
	}
	if len(a.Domains) > 0 {
		c.needs(strict.Key(path, "domains"), "believed e-mail addresses", "record.claims.email and email_verified", providers, hasEmail)
	}
}

// needs demands that at least one of the providers gives what a rule asks for,
// and warns of those that do not. Providers without a record are told elsewhere.
func (c *checker) needs(path, what, where string, providers []Provider, gives func(Provider) bool) {
	var without []string
	asked, able := 0, 0
	for _, p := range providers {
		switch {
		case p.Record.Kind == "":
		case gives(p):
			asked++
			able++
		default:
			asked++
			without = append(without, p.ID)
		}
	}
	switch {
	case asked > 0 && able == 0:
		ids := strings.Join(without, ", ")
		c.fault(path, fmt.Sprintf("no provider here gives %s: %s has no source of them, so nobody would be let in", what, ids), "state "+where+" of "+ids+", or remove the rule")
	case len(without) > 0:
		c.warn(path, fmt.Sprintf("nobody is let in from %s, which gives no %s", strings.Join(without, ", "), what))
	}
}

func tellsGroups(p Provider) bool { return p.Record.Claims.Groups.Source != record.FromNone }

// groupHeaders checks that headers with groups have something to carry. What a preset
// names is no wish of the operator's.
func (c *checker) groupHeaders(path string, a *App, providers []Provider) {
	var ids []string
	for _, p := range providers {
		if p.Record.Kind == "" || tellsGroups(p) {
			return
		}
		ids = append(ids, p.ID)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Headers.Names)) {
		_, preset := a.Record.Headers[name]
		if a.Headers.Names[name] == HeaderGroups && !preset && len(ids) > 0 {
			c.fault(strict.Key(path, name), fmt.Sprintf("no provider here gives groups: %s has no source of them, so the header would always be empty", strings.Join(ids, ", ")),
				"state record.claims.groups (source, and claim or lists) of "+strings.Join(ids, ", ")+", or remove the header")
		}
	}
}

// WantsGroups reports whether anything asks for the groups of people who sign in at a
// provider: an access rule, or a header that the configuration names.
func (cfg *Config) WantsGroups(provider string) bool {
	asks := func(a *Access) bool { return a != nil && len(a.Groups) > 0 }
	if asks(cfg.Access) {
		return true
	}
	for i := range cfg.Apps {
		a := &cfg.Apps[i]
		if len(a.Providers) > 0 && !slices.Contains(a.Providers, provider) {
			continue
		}
		wanted := asks(a.Access) || a.Headers.Set != "" ||
			slices.Contains(slices.Collect(maps.Values(a.Headers.Names)), HeaderGroups) ||
			slices.ContainsFunc(a.Paths, func(p Path) bool { return asks(p.Access) })
		if wanted {
			return true
		}
	}
	return false
}

func (c *checker) emails(path string, list []string) {
	c.inert(path, len(list))
	for i, e := range list {
		at := strict.Index(path, i)
		local, domain, ok := strings.Cut(e, "@")
		if !ok || !plainLocal(local) || !validDomain(strings.ToLower(domain)) {
			c.fault(at, strict.Quote(e)+" is not an e-mail address", "write it as name@example.com; whole domains go under domains")
			continue
		}
		c.when(strings.Contains(local, "*"), at, "a star has no meaning here", "write each address, or the domain under domains")
		list[i] = strings.ToLower(e)
		c.twice(at, list, i)
	}
}

// plainLocal takes only local parts that no two parties read differently.
func plainLocal(local string) bool {
	for _, r := range local {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<>[\]`, r) {
			return false
		}
	}
	return local != ""
}

func (c *checker) domains(path string, list []string) {
	c.inert(path, len(list))
	for i, d := range list {
		at := strict.Index(path, i)
		if _, after, found := strings.Cut(d, "@"); found {
			fix := "write the domain alone, such as example.com"
			if validDomain(strings.ToLower(after)) {
				fix = "write " + strings.ToLower(after) + " (whole addresses go under emails)"
			}
			c.fault(at, strict.Quote(d)+" has an @", fix)
			continue
		}
		lower := strings.ToLower(d)
		if !validDomain(strings.TrimPrefix(lower, "*.")) {
			c.fault(at, strict.Quote(d)+" is not a domain", "write example.com, or *.example.com for its subdomains (other scripts in their xn-- form)")
			continue
		}
		list[i] = lower
		c.twice(at, list, i)
	}
}

func validDomain(d string) bool {
	return validHost(d) && !isIP(d) && !strings.ContainsAny(d, "*_")
}

func (c *checker) groups(path string, list []string) {
	c.inert(path, len(list))
	for i, g := range list {
		at := strict.Index(path, i)
		control := strings.IndexFunc(g, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0
		c.when(strings.TrimSpace(g) == "" || control, at, "is no group's name", "write the name exactly as the provider spells it")
		c.twice(at, list, i)
	}
}

func (c *checker) claims(path string, claims map[string][]string) {
	c.inert(path, len(claims))
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		at, values := strict.Key(path, name), claims[name]
		if _, err := record.ParseClaimPath(name); err != nil {
			c.problem(at, err)
		}
		c.when(len(values) == 0, at, "lists no value, so nobody would be let in", "list the values that are accepted")
		for i, v := range values {
			c.when(v == "", strict.Index(at, i), "is empty", "write the value exactly as the provider spells it")
			c.twice(strict.Index(at, i), values, i)
		}
	}
}

func (c *checker) twice(at string, list []string, i int) {
	c.when(list[i] != "" && slices.Index(list, list[i]) < i, at, strict.Quote(list[i])+" is listed twice", "keep one of the two")
}
