package config

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/strict"
)

func (c *checker) apps() {
	list := c.cfg.Apps
	if len(list) == 0 {
		c.fault("apps", "is missing or empty", "write at least one app with id, url and upstream")
	}
	ids, urls := map[string]int{}, map[string]int{}
	for i := range list {
		a, path := &list[i], strict.Index("apps", i)
		c.id(strict.Key(path, "id"), a.ID, "app", ids, i)
		if a.Name == "" {
			a.Name = a.ID
		}
		known := c.preset(path, a)
		c.appURL(path, a)
		if first, twice := urls[a.URL.String()]; twice && a.URL.Host != "" {
			c.fault(strict.Key(path, "url"), fmt.Sprintf("is the url of apps[%d] already", first), "give each app its own origin or path")
		} else {
			urls[a.URL.String()] = i
		}
		c.upstream(path, a)
		c.session(strict.Key(path, "session"), a.Session)
		providers := c.appProviders(path, a)
		c.stepUp(path, a.MaxAge, a.ACR, providers)
		c.access(strict.Key(path, "access"), a.Access, providers)
		c.appPaths(path, a, providers)
		c.logouts(strict.Key(path, "logout"), a)
		c.headers(strict.Key(path, "headers"), a.Headers)
		c.groupHeaders(strict.Key(path, "headers"), a, providers)
		c.cors(strict.Key(path, "cors"), a.CORS)
		if known {
			c.resolve(path, a)
		}
	}
}

func (c *checker) appURL(path string, a *App) {
	at := strict.Key(path, "url")
	if a.URL.Host == "" {
		c.fault(at, "is missing", "write where people find the app, such as https://chat.example.com")
		return
	}
	c.secure(at, a.URL.Origin)
	c.when(preset.Own(a.URL.Path), at, "/.cardea/ is the gateway's own", "take another path")
	c.when(a.URL.Scheme == "https" && c.cfg.PublicURL.Scheme == "http", at,
		"is https while public_url is plain http, so a sign-in would pass over plain http", "write public_url with https://")
	c.when(a.StripPrefix && a.URL.Path == "/", strict.Key(path, "strip_prefix"), "there is no path in the app's url to take off", "remove it")
}

func (c *checker) upstream(path string, a *App) {
	at := strict.Key(path, "upstream")
	if a.Upstream.Scheme == "" {
		c.fault(at, "is missing", "write where the app listens, such as http://127.0.0.1:8000")
		return
	}
	if a.Upstream.Scheme == "unix" {
		a.Upstream.Socket = absolute(c.folder, a.Upstream.Socket)
		c.when(len(a.Upstream.Socket) > maxSocketPath, at, "the socket's path is longer than systems take", "write a shorter one")
	}
	ca := strict.Key(path, "ca_file")
	c.when(c.positions.Has(ca) && a.Upstream.Scheme != "https", ca, "is of no use unless the upstream is https", "write upstream: https://…, or remove it")
	a.CA = c.authorities(ca, &a.CAFile)
}

// logouts checks the requests that end a sign-in: each can reach the app, and stands once.
func (c *checker) logouts(path string, a *App) {
	if len(a.Record.Logout) == 0 { // otherwise an empty list takes the preset's away
		c.inert(path, len(a.Logout))
	}
	seen := map[Logout]bool{}
	for i := range a.Logout {
		l, at := &a.Logout[i], strict.Index(path, i)
		l.Method = strings.ToUpper(l.Method)
		c.when(l.Method != http.MethodGet && l.Method != http.MethodPost, strict.Key(at, "method"),
			strict.Quote(l.Method)+" is no method that an app's logout has", "write GET or POST")
		p := strict.Key(at, "path")
		switch err := preset.CheckPath(l.Path); {
		case l.Path == "":
			c.fault(p, "is missing", "write the path of the app's own logout, such as /logout")
		case err != nil:
			c.problem(p, err)
		case preset.Own(l.Path):
			c.fault(p, "/.cardea/ is the gateway's own", "write the path of the app's own logout")
		case a.URL.Path != "" && a.URL.Path != "/" && l.Path != a.URL.Path && !strings.HasPrefix(l.Path, strings.TrimSuffix(a.URL.Path, "/")+"/"):
			c.fault(p, "can never match: it is not below the app's url", "write it as browsers see it, such as "+strings.TrimSuffix(a.URL.Path, "/")+"/logout")
		}
		c.when(seen[*l], at, "is listed twice", "keep one of the two")
		seen[*l] = true
	}
}

const (
	leastIdle   = time.Minute
	mostSession = 8760 * time.Hour
)

func (c *checker) session(path string, s Session) {
	idle, absolute := strict.Key(path, "idle"), strict.Key(path, "absolute")
	c.between(idle, s.Idle, leastIdle, mostSession)
	c.between(absolute, s.Absolute, leastIdle, mostSession)
	if s.Idle <= s.Absolute {
		return
	}
	if c.positions.Has(idle) {
		c.fault(idle, fmt.Sprintf("%s is longer than session.absolute (%s)", short(s.Idle), short(s.Absolute)), "write an idle limit up to the absolute one")
		return
	}
	c.fault(absolute, fmt.Sprintf("%s is shorter than session.idle (%s)", short(s.Absolute), short(s.Idle)), "write session.idle as well, no longer than this")
}

// appProviders finds the providers that an app takes.
func (c *checker) appProviders(path string, a *App) []Provider {
	at := strict.Key(path, "providers")
	c.inert(at, len(a.Providers))
	if len(a.Providers) == 0 {
		return c.cfg.Providers
	}
	var ids []string
	for _, p := range c.cfg.Providers {
		ids = append(ids, p.ID)
	}
	var out []Provider
	for i, id := range a.Providers {
		entry, n := strict.Index(at, i), slices.Index(ids, id)
		if n < 0 {
			fix := "write one of: " + strings.Join(ids, ", ")
			if near := strict.Nearest(id, ids); near != "" {
				fix = fmt.Sprintf("write %q", near)
			}
			c.fault(entry, "there is no provider "+strict.Quote(id), fix)
			continue
		}
		c.when(slices.Index(a.Providers, id) < i, entry, strict.Quote(id)+" is listed twice", "keep one of the two")
		out = append(out, c.cfg.Providers[n])
	}
	return out
}

func (c *checker) appPaths(path string, a *App, providers []Provider) {
	at := strict.Key(path, "paths")
	c.inert(at, len(a.Paths))
	seen := map[string]int{}
	for i := range a.Paths {
		p, entry := &a.Paths[i], strict.Index(at, i)
		c.appPath(entry, a, p)
		// Letter case and a slash at the end make no other path: some apps
		// mind neither, and a rule must hold for them too.
		key := "prefix " + strings.ToLower(p.Prefix)
		if p.Exact != "" {
			key = "exact " + strings.ToLower(strings.TrimRight(p.Exact, "/"))
		}
		if first, twice := seen[key]; twice && p.Prefix+p.Exact != "" {
			c.fault(entry, fmt.Sprintf("names the same path as %s", strict.Index(at, first)), "keep one of the two")
		} else {
			seen[key] = i
		}
		c.access(strict.Key(entry, "access"), p.Access, providers)
		c.stepUp(entry, p.MaxAge, p.ACR, providers)
		c.pathMeaning(entry, p)
	}
}

// appPath checks the path itself, and takes the trailing slash off a prefix.
func (c *checker) appPath(entry string, a *App, p *Path) {
	at, value := strict.Key(entry, "prefix"), p.Prefix
	switch {
	case p.Prefix != "" && p.Exact != "":
		c.fault(strict.Key(entry, "exact"), "stands beside prefix", "keep one of the two")
		return
	case p.Exact != "":
		at, value = strict.Key(entry, "exact"), p.Exact
	case p.Prefix == "":
		c.when(c.whole(entry), entry, "names no path", "write prefix: /path or exact: /path")
		return
	}
	if err := preset.CheckPath(value); err != nil {
		c.problem(at, err)
		return
	}
	if preset.Own(value) {
		c.fault(at, "/.cardea/ is the gateway's own, and no rule changes it", "take another path, or remove the entry")
		return
	}
	if p.Prefix != "/" {
		p.Prefix = strings.TrimSuffix(p.Prefix, "/")
	}
	base := strings.TrimSuffix(a.URL.Path, "/")
	inside := base == "" || value == base || strings.HasPrefix(value, base+"/")
	if a.URL.Host != "" && !inside {
		c.fault(at, strict.Quote(value)+" is outside the app's url, so it can never match", "write it as browsers see it, beginning with "+base+"/")
	}
}

// pathMeaning refuses entries that say nothing or contradict themselves.
func (c *checker) pathMeaning(entry string, p *Path) {
	stated := p.demands() || c.positions.Has(strict.Key(entry, "acr"))
	switch {
	case !p.Public && !p.Bearer && !stated && c.whole(entry):
		c.fault(entry, "says nothing about its path", "write public: true, bearer: true, access, max_age or acr")
	case p.Public && p.demands():
		c.fault(strict.Key(entry, "public"), "lets everyone in, so access, max_age and acr beside it never hold", "keep one of the two")
	case p.BareToken && !p.Bearer:
		c.fault(strict.Key(entry, "bare_token"), "says how a bearer token is written, and none is taken here", "write bearer: true as well, or remove it")
	case p.Public && p.Bearer:
		c.fault(strict.Key(entry, "bearer"), "public lets these requests pass already", "keep one of the two")
	}
}

func (c *checker) headers(path string, h Headers) {
	c.when(c.positions.Has(path) && h.IsZero() && c.whole(path), path, "is empty, so it says nothing", "write a set or a name, or remove the key")
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(h.Names)) {
		at := strict.Key(path, name)
		if message, fix := preset.HeaderFault(name); message != "" {
			c.fault(at, strict.Quote(name)+" "+message, fix)
			continue
		}
		lower := strings.ToLower(name)
		if first, twice := seen[lower]; twice {
			c.fault(at, "is the same header as "+first, "keep one of the two")
		}
		seen[lower] = name
	}
}

func (c *checker) cors(path string, s *CORS) {
	if s == nil {
		return
	}
	origins := strict.Key(path, "origins")
	c.when(len(s.Origins) == 0, origins, "is missing or empty", "list the origins whose scripts may call the app")
	for i, o := range s.Origins {
		at := strict.Index(origins, i)
		c.when(o == "*" && s.Credentials, at, `"*" cannot stand beside credentials: true`, "list the origins")
		c.when(o == "*" && len(s.Origins) > 1, at, `"*" stands for all others`, "list the origins, or only the star")
		c.when(slices.Index(s.Origins, o) < i, at, strict.Quote(string(o))+" is listed twice", "keep one of the two")
	}
	for key, list := range map[string][]string{"methods": s.Methods, "headers": s.Headers} {
		at := strict.Key(path, key)
		c.inert(at, len(list))
		for i, name := range list {
			c.when(!preset.ValidToken(name) || name == "*", strict.Index(at, i), strict.Quote(name)+" is not a name here", "write one name per entry, such as PUT or X-Requested-With")
			c.when(key == "methods" && name != strings.ToUpper(name), strict.Index(at, i), strict.Quote(name)+" is not in capitals, and methods are compared exactly", "write "+strings.ToUpper(name))
		}
	}
	c.when(s.MaxAge < 0 || s.MaxAge > 24*time.Hour || s.MaxAge%time.Second != 0, strict.Key(path, "max_age"), "is outside 0s to 24h, or has no whole seconds", "write it as 10m")
}
