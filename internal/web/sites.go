package web

import (
	"net/url"
	"slices"
	"strings"

	"cmp"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
)

// site is one origin with the apps that live there.
type site struct {
	cookies httpx.Cookies
	gateway bool
	account bool   // people's own pages are here
	apps    []*App // longest path first
}

// app returns the app that a path belongs to: the longest prefix that ends at a
// segment boundary. No app has the page of a person.
func (s *site) app(escapedPath string) *App {
	if s.account && strings.HasPrefix(escapedPath, accountPath) {
		return nil
	}
	return s.find(escapedPath, false)
}

func (s *site) find(p string, fold bool) *App {
	for _, a := range s.apps {
		if under(p, a.Path, fold) {
			return a
		}
	}
	return nil
}

// dispatch returns the app of a request's path, nil when none lives there. It reports
// false for a path that other software could read as another app's: the rules of one
// app must not decide about what another one serves.
func (s *site) dispatch(escapedPath string) (*App, bool) {
	app := s.app(escapedPath)
	if len(s.apps) == 0 || (len(s.apps) == 1 && s.apps[0].Path == "/") {
		return app, true
	}
	if s.find(escapedPath, true) != app {
		return nil, false
	}
	if unambiguous(escapedPath) {
		return app, true
	}
	for segments := range readings(escapedPath) {
		if s.find("/"+strings.Join(segments, "/"), true) != app || s.find("/"+strings.Join(resolve(segments), "/"), true) != app {
			return nil, false
		}
	}
	return app, true
}

// home is where a person goes who asked for no page: the site's root, or the first app
// of a site that serves nothing there.
func (s *site) home() string {
	if len(s.apps) == 0 && s.account {
		return accountPath
	}
	if len(s.apps) == 0 || s.app("/") != nil {
		return "/"
	}
	return s.apps[0].Path
}

// local returns a return path that leads to a page of an app or to the person's own: one
// that stays on its origin and is no other of Cardea's own, else home.
func (s *site) local(target string) string {
	p, ok := httpx.LocalPath(target)
	if !ok {
		return s.home()
	}
	if name, own := ownPath(pathOf(p)); own && !(s.account && accountPage(name)) {
		return s.home()
	}
	return p
}

// pathOf is the path of a local target, as it will be on the wire.
func pathOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return "/"
	}
	return u.EscapedPath()
}

// sites finds the site of an origin: exact ones first, then wildcards, which stand for
// exactly one label.
type sites struct {
	exact    map[httpx.Origin]*site
	wildcard map[string]*site // scheme://*.domain[:port]
}

func newSites(public httpx.Origin, apps []App) sites {
	t := sites{exact: map[httpx.Origin]*site{}, wildcard: map[string]*site{}}
	t.exact[public] = &site{cookies: httpx.CookiesOf(public), gateway: true}
	for _, a := range apps {
		if a.Path = strings.TrimRight(a.Path, "/"); a.Path == "" {
			a.Path = "/"
		}
		var s *site
		if strings.Contains(string(a.Origin), "://*.") {
			if s = t.wildcard[string(a.Origin)]; s == nil {
				s = &site{cookies: httpx.CookiesOf(a.Origin)}
				t.wildcard[string(a.Origin)] = s
			}
		} else if s = t.exact[a.Origin]; s == nil {
			s = &site{cookies: httpx.CookiesOf(a.Origin)}
			t.exact[a.Origin] = s
		}
		s.apps = append(s.apps, &a)
	}
	for _, s := range t.exact {
		s.sort()
	}
	for _, s := range t.wildcard {
		s.sort()
	}
	return t
}

func (s *site) sort() {
	slices.SortStableFunc(s.apps, func(a, b *App) int { return cmp.Compare(len(b.Path), len(a.Path)) })
}

func (t sites) find(o httpx.Origin) *site {
	if s := t.exact[o]; s != nil {
		return s
	}
	if len(t.wildcard) == 0 {
		return nil
	}
	scheme, host, _ := strings.Cut(string(o), "://")
	label, domain, ok := strings.Cut(host, ".")
	if !ok || !plainLabel(label) {
		return nil
	}
	return t.wildcard[scheme+"://*."+domain]
}

// RulesAt returns the rules of the app that is served at an origin and a path as on the
// wire; nil where none is.
func (s *Server) RulesAt(origin, path string) *guard.App {
	site := s.sites.find(httpx.Origin(origin))
	if site == nil {
		return nil
	}
	app, ok := site.dispatch(path)
	if !ok || app == nil {
		return nil
	}
	return app.Rules
}

// named finds the site of an origin that a client wrote into a query: only the
// canonical spelling of one is an origin.
func (t sites) named(text string) *site {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	o, err := httpx.OriginOf(u)
	if err != nil || string(o) != text {
		return nil
	}
	return t.find(o)
}

func plainLabel(label string) bool {
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return label != ""
}
