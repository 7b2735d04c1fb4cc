package proxy

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/live"
	"github.com/cardea-auth/cardea/internal/session"
)

// Live is where connections of sessions register.
type Live interface {
	Add(id string, c live.Conn) (remove func(), ok bool)
}

// Identifier signs who a person is (X-Cardea-Identity).
type Identifier interface {
	Identify(now time.Time, app string, s *session.Session) (string, error)
}

// Options are what a Proxy lives on. App, Upstream, Live, Unavailable, Ended, Refused
// and Logger are required.
type Options struct {
	App string // the app's id, in logs and as audience of the signed identity
	// Upstream is http://host[:port], https://host[:port], h2c://host[:port] or
	// unix:/path. The path of a request is never changed, so that it has none.
	Upstream string
	RootCAs  *x509.CertPool // for https; nil: the system's
	// ConnectWithin is how long the app may take to accept a connection; 10 s when zero.
	ConnectWithin time.Duration
	Headers       []Header   // nil: DefaultHeaders
	Identity      Identifier // nil: no signed identity
	Live          Live
	Strangers     *Strangers // where sockets without a session are; nil: nobody else knows
	// Touched is told of a person's activity on a WebSocket, at most once per
	// TouchEvery and connection.
	Touched    func(id session.ID, now time.Time)
	TouchEvery time.Duration // 5 s when zero

	Cookies Cookies // keeps the app's cookies for sessions; nil: browsers keep them
	Script  Script  // goes into the app's pages; nil: none does
	// Farewell is a text message that browsers get before a socket's close frame when the
	// session ended, so that the app's client does not come back; "" sends none.
	Farewell  string
	CloseCode uint16 // of that close frame; 1008 when zero

	// UpgradeOrigins are further origins whose pages may open WebSockets; "*" stands
	// for any. The app's own origin always may.
	UpgradeOrigins []string
	// ClearStorage lets the app's Clear-Site-Data: "storage" through.
	ClearStorage bool
	// NoStore makes browsers keep no protected page at all, so that Back asks the
	// gateway even where a browser restores pages from memory.
	NoStore bool

	// Unavailable answers a request that the app did not answer. StatusOf says how.
	Unavailable func(w http.ResponseWriter, r *http.Request, err error)
	// Ended answers a request whose session ended after its verdict.
	Ended func(w http.ResponseWriter, r *http.Request)
	// Refused answers an upgrade that a page of another origin asked for, and methods
	// that are not for apps.
	Refused func(w http.ResponseWriter, r *http.Request)

	// BrokeOff is told of an answer that broke off after it began, and returns an id for
	// the log; nil: there is none.
	BrokeOff func(r *http.Request, err error) (incident string)

	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

const defaultTouchEvery = 5 * time.Second

// Proxy passes requests on to one app. It is safe for concurrent use.
type Proxy struct {
	o         Options
	target    target
	transport *transport
	reverse   httputil.ReverseProxy
	headers   []Header
	owned     map[string]struct{} // canonical names that only Cardea sets
	tokens    *tokenCache         // nil without signed identity
	once      onceLog
}

// New returns a Proxy. It makes no connection: an app that is down does not stop the start.
func New(o Options) (*Proxy, error) {
	if o.App == "" || o.Live == nil || o.Unavailable == nil || o.Ended == nil || o.Refused == nil || o.Logger == nil {
		return nil, errors.New("proxy: App, Live, Unavailable, Ended, Refused and Logger are required")
	}
	t, err := parseTarget(o.Upstream)
	if err != nil {
		return nil, fmt.Errorf("proxy: app %s: %w", o.App, err)
	}
	if o.Headers == nil {
		o.Headers = DefaultHeaders()
	}
	owned, err := ownedNames(o.Headers)
	if err != nil {
		return nil, fmt.Errorf("proxy: app %s: %w", o.App, err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BrokeOff == nil {
		o.BrokeOff = func(*http.Request, error) string { return "" }
	}
	if o.Strangers == nil {
		o.Strangers = new(Strangers)
	}
	if o.CloseCode == 0 {
		o.CloseCode = closePolicy
	}
	if o.TouchEvery <= 0 {
		o.TouchEvery = defaultTouchEvery
	}
	p := &Proxy{o: o, target: t, transport: newTransport(t, o.RootCAs, o.ConnectWithin), headers: canonical(o.Headers), owned: owned}
	if o.Identity != nil {
		p.tokens = newTokenCache(o.Identity, o.App)
	}
	p.reverse = httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      p.transport,
		ModifyResponse: p.modify,
		ErrorHandler:   p.failed,
		BufferPool:     buffers,
		// Every failure reaches failed or the exchange, which log it with its cause.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return p, nil
}

// Call sends a request that the gateway makes by itself: as it is, without identity,
// and following no redirect.
func (p *Proxy) Call(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = p.target.scheme, p.target.host
	return p.transport.Transport.RoundTrip(out)
}

// Close closes idle connections to the app.
func (p *Proxy) Close() { p.transport.CloseIdleConnections() }

// ServeApp passes r on, with the identity of v's session when v is live. Where the
// request came from is taken from httpx.ClientFrom, or, without one, from the
// connection alone. The server must set no read or write timeout of its own: those cut
// streams and sockets that are merely quiet.
func (p *Proxy) ServeApp(w http.ResponseWriter, r *http.Request, v guard.Verdict) {
	client, ok := httpx.ClientFrom(r.Context())
	if !ok {
		client = httpx.Forwarding{}.Client(r)
	}
	// CONNECT would open a tunnel that no verdict sees into (RFC 9110 section 9.3.6), and
	// TRACE would show the browser what the app is told about it (section 9.3.8).
	upgrade := httpx.IsUpgrade(r)
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace || upgrade && !p.mayUpgrade(r, client) {
		p.o.Refused(w, r)
		return
	}
	x := &exchange{p: p, in: r, client: client, w: w, began: time.Now(), upgrade: upgrade && webSocket(r)}
	x.writer.x = x
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	x.ctx.Context, x.ctx.x, x.cancel = ctx, x, cancel
	if v.Live() && v.Session != nil {
		x.session, x.verdict = v.Session, v
		x.id.Store(&v.Session.ID)
		remove, ok := p.o.Live.Add(string(v.Session.ID), x)
		if !ok {
			p.o.Ended(w, r)
			return
		}
		defer remove()
	}
	x.protected = x.session != nil || !v.Public
	x.token = x.session == nil && v.Bearer && !v.Public
	if !x.admit(ctx) {
		return
	}
	defer x.finish()
	p.reverse.ServeHTTP(&x.writer, r.WithContext(&x.ctx))
}

// mayUpgrade tells whether the page that asks for an upgrade may. Browsers always send
// Origin with one; whoever sends none is no browser and rides on nobody's cookies.
func (p *Proxy) mayUpgrade(r *http.Request, c httpx.Client) bool {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	if own, err := c.Origin(); err == nil && httpx.Origin(values[0]) == own {
		return true
	}
	for _, o := range p.o.UpgradeOrigins {
		if o == "*" || o == values[0] {
			return true
		}
	}
	return false
}
