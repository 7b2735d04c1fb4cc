package app

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/cardea-auth/cardea/internal/applogout"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/proxy"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/web"
)

// makeFaces builds the pages, one proxy per app, and the server that browsers meet.
func (a *App) makeFaces(g *generation) error {
	view, err := pages.New(pages.Options{PublicURL: g.cfg.PublicURL.String(), Insecure: insecure(g.cfg), Logger: a.logger})
	if err != nil {
		return err
	}
	o := web.Options{
		Public:     httpx.Origin(g.cfg.PublicURL.String()),
		Forwarding: httpx.Forwarding{Trusted: g.cfg.TrustedProxies},
		Guard:      a.guard, SignIn: noticing{a.signIn, a.avatars}, SignOut: a.signOut, Pages: view, Logger: a.logger, Now: a.clock.Now,
		Absolute: limitsOf(g.cfg).Absolute, Known: a.guard.Known, HeaderBytes: g.cfg.Limits.HeaderBytes,
		Live: a.live, Seen: a.guard.Seen, Notices: notices{g.providers}, Once: a.storage.store.Use,
		Incidents: a.incidents, Trail: a.trail, Avatars: a.avatars, Account: a.personalPage(g),
	}
	for i := range g.cfg.Providers {
		o.Providers = append(o.Providers, webProvider(g, &g.cfg.Providers[i]))
	}
	o.JWKS = a.identity
	failures := web.NewFailures(view, a.incidents, a.logger)
	for i := range g.cfg.Apps {
		app, err := a.webApp(g, &g.cfg.Apps[i], failures)
		if err != nil {
			return fmt.Errorf("app %s: %w", g.cfg.Apps[i].ID, err)
		}
		o.Apps = append(o.Apps, app)
	}
	if g.told, err = a.makeAppLogouts(g); err != nil {
		return err
	}
	g.face, err = web.New(o)
	return err
}

// insecure tells whether people reach the gateway by plain http beyond loopback.
func insecure(cfg *config.Config) bool {
	return cfg.PublicURL.Scheme == "http" && !cfg.PublicURL.Loopback()
}

func webProvider(g *generation, c *config.Provider) web.Provider {
	p := g.providers[c.ID]
	code, user := p.AnswerParams()
	return claimNames(web.Provider{
		ID: c.ID, Name: p.Name(), Host: hostOf(p.Issuer()), Domains: c.Domains, ManualURL: p.ManualURL, CodeParam: code, UserParam: user,
		EmailSetting: "providers[" + c.ID + "].email_verified", IsIssuer: p.IsIssuer, Reachable: p.Reachable, Down: p.Down,
	}, c)
}

func (a *App) webApp(g *generation, c *config.App, failures *web.Failures) (web.App, error) {
	up, err := a.upstream(g, c, failures)
	if err != nil {
		return web.App{}, err
	}
	rules := rulesOf(g, c)
	if err := rules.Validate(); err != nil {
		return web.App{}, err
	}
	app := web.App{
		Rules: rules, Name: c.Name, Origin: httpx.Origin(c.URL.Origin.String()), Path: prefix(c.URL.Path),
		Providers: c.Providers, SignOut: web.Mode(c.SignOut), Persistent: c.Session.Cookie == config.CookiePersistent,
		Upstream: up, Polling: c.Resolved.Polling, Refusal: c.Resolved.Refusal.Status,
	}
	if jar := g.jars[c.ID]; jar != nil {
		app.Cookies = jar
	}
	if len(app.Providers) == 0 {
		for _, p := range g.cfg.Providers {
			app.Providers = append(app.Providers, p.ID)
		}
	}
	for _, l := range c.Logout {
		app.Logout = append(app.Logout, web.Logout{Method: l.Method, Path: l.Path})
	}
	if c.CORS != nil {
		app.CORS = &web.CORS{Methods: c.CORS.Methods, Credentials: c.CORS.Credentials, MaxAge: c.CORS.MaxAge}
		for _, o := range c.CORS.Origins {
			app.CORS.Origins = append(app.CORS.Origins, string(o))
		}
		for _, h := range c.CORS.Headers {
			app.CORS.Headers = append(app.CORS.Headers, strings.ToLower(h))
		}
	}
	return app, nil
}

func prefix(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

func rulesOf(g *generation, c *config.App) *guard.App {
	r := &guard.App{
		ID: c.ID, Origin: c.URL.Origin.String(), Providers: c.Providers,
		Admission: g.admission, Access: policy("apps["+c.ID+"].access", c.Access),
		Limits: session.Limits{Idle: c.Session.Idle, Absolute: c.Session.Absolute}, MaxAge: c.MaxAge, ACR: c.ACR,
	}
	for _, p := range c.Paths {
		rule := guard.PathRule{Path: p.Prefix, Public: p.Public, Bearer: p.Bearer, BareToken: p.BareToken, MaxAge: p.MaxAge, ACR: p.ACR}
		if p.Exact != "" {
			rule.Path, rule.Exact = p.Exact, true
		}
		rule.Access = policy("apps["+c.ID+"].paths["+rule.Path+"].access", p.Access)
		r.Paths = append(r.Paths, rule)
	}
	return r
}

// upstream is the proxy of an app, with its path prefix taken off where that was asked for.
func (a *App) upstream(g *generation, c *config.App, failures *web.Failures) (upstream, error) {
	pool, err := roots(c.CA)
	if err != nil {
		return nil, err
	}
	failures = failures.Of(c.ID)
	o := proxy.Options{
		App: c.ID, Upstream: c.Upstream.String(), RootCAs: pool, ConnectWithin: g.cfg.Limits.UpstreamConnect, Headers: headers(c.Headers), Live: a.live, Strangers: &a.strangers,
		Touched: a.guard.Touched,
		Unavailable: func(w http.ResponseWriter, r *http.Request, err error) {
			failures.Unavailable(w, r, proxy.StatusOf(err), err)
		},
		Ended: failures.Ended, Refused: failures.UpgradeRefused, BrokeOff: failures.BrokeOff,
		NoStore:        true, // with less, Chromium's Back shows pages of a session that has ended
		UpgradeOrigins: upgradeOrigins(c.CORS), Logger: a.logger, Now: a.clock.Now,
		Farewell: c.Resolved.WebSocket.Farewell, CloseCode: uint16(c.Resolved.WebSocket.Code),
	}
	if jar := g.jars[c.ID]; jar != nil {
		o.Cookies = jar
	}
	if c.Script() {
		o.Script = pageScript{a.script}
	}
	if c.Identity {
		o.Identity = a.identity
	}
	p, err := proxy.New(o)
	if err != nil {
		return nil, err
	}
	g.upstreams[c.ID] = p
	if strip := strings.TrimSuffix(c.URL.Path, "/"); c.StripPrefix && strip != "" {
		g.upstreams[c.ID] = stripped{p, strip}
	}
	return g.upstreams[c.ID], nil
}

// upgradeOrigins lets the pages that may call the app with credentials open its
// WebSockets too.
func upgradeOrigins(c *config.CORS) []string {
	if c == nil || !c.Credentials {
		return nil
	}
	list := make([]string, 0, len(c.Origins))
	for _, o := range c.Origins {
		list = append(list, string(o))
	}
	return list
}

// upstream reaches an app: with people's requests, and with the gateway's own.
type upstream interface {
	web.Upstream
	applogout.Upstream
	Close()
}

// stripped takes the app's path prefix off before a request goes on.
type stripped struct {
	*proxy.Proxy
	prefix string
}

func (s stripped) ServeApp(w http.ResponseWriter, r *http.Request, v guard.Verdict) {
	s.Proxy.ServeApp(w, s.strip(r), v)
}

func (s stripped) Call(r *http.Request) (*http.Response, error) { return s.Proxy.Call(s.strip(r)) }

func (s stripped) strip(r *http.Request) *http.Request {
	u := *r.URL
	u.Path = rooted(strings.TrimPrefix(u.Path, s.prefix))
	if u.RawPath != "" {
		u.RawPath = rooted(strings.TrimPrefix(u.RawPath, s.prefix))
	}
	out := *r
	out.URL = &u
	return &out
}

func rooted(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "/" + path
	}
	return path
}
