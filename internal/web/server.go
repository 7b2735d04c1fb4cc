package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/live"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// Guard gives the verdict on a request.
type Guard interface {
	Check(ctx context.Context, now time.Time, q guard.Query) guard.Verdict
}

// SignIn runs sign-ins and hands out seats.
type SignIn interface {
	Start(ctx context.Context, now time.Time, s signin.Start) (string, error)
	Finish(ctx context.Context, now time.Time, c signin.Callback) (signin.Result, error)
	RequestSeat(now time.Time, origin, path, binding string) (string, error)
	ReadSeatRequest(now time.Time, sealed string) (signin.Target, error)
	OfferSeat(now time.Time, s *session.Session, sealedRequest string) (string, error)
	TakeSeat(ctx context.Context, now time.Time, code, origin, binding string) (*session.Session, string, string, error)
}

// SignOut ends sessions and keeps their receipts.
type SignOut interface {
	End(ctx context.Context, now time.Time, r signout.Request) (signout.Result, error)
	EndByProvider(ctx context.Context, now time.Time, n signout.Notice) (int, error)
	BrowserCall(ctx context.Context, r signout.Result) (oidc.BrowserCall, bool)
	LaterCall(ctx context.Context, now time.Time, t session.Tombstone) (oidc.BrowserCall, bool)
	TellNow(ctx context.Context, now time.Time, t session.Tombstone)
	ProviderCall(ctx context.Context, provider string) (oidc.BrowserCall, bool)
	Returned(ctx context.Context, now time.Time, state string) (signout.Receipt, error)
	ReceiptByState(ctx context.Context, state string) (signout.Receipt, error)
	ReceiptOf(ctx context.Context, id session.ID) (signout.Receipt, error)
	Steps(ctx context.Context, r signout.Receipt) ([]signout.Step, error)
}

// Provider is one place to sign in, as people see it.
type Provider struct {
	ID   string
	Name string
	Host string
	// Domains are the e-mail domains whose people sign in here, in lower case.
	Domains []string
	// ManualURL is where people end its session themselves; nil or "" when unknown.
	ManualURL func() string
	// CodeParam and UserParam are the parameters of its answers with the code, "code" when
	// empty, and with what it tells of the person beside it; "" where it tells nothing.
	CodeParam, UserParam string
	// EmailSetting names the setting that decides how far its e-mails are believed.
	EmailSetting string
	// EmailClaim, VerifiedClaim and GroupsClaim are where its e-mails and groups are read; ""
	// stands for the usual names.
	EmailClaim, VerifiedClaim, GroupsClaim string
	// IsIssuer tells whether an issuer is this provider's; nil takes none for it.
	IsIssuer func(iss string) bool
	// Reachable asks whether it answers just now, within a second; nil takes it for granted.
	Reachable func(context.Context) bool
	// Down asks whether no connection to it is to be had; nil takes it for false.
	Down func(context.Context) bool
}

// answers tells whether a person who is well where they are may be sent to a provider.
func (s *Server) answers(ctx context.Context, id string) bool {
	p := s.providers[id]
	return p.Reachable == nil || p.Reachable(ctx)
}

// down tells whether a person who must go to a provider would end at an address that
// does not load. One that is slow is worth the wait.
func (s *Server) down(ctx context.Context, id string) bool {
	p := s.providers[id]
	return p.Down != nil && p.Down(ctx)
}

// Upstream passes a request on to an app.
type Upstream interface {
	ServeApp(w http.ResponseWriter, r *http.Request, v guard.Verdict)
}

// App is an app as this face serves it.
type App struct {
	Rules      *guard.App
	Name       string
	Origin     httpx.Origin // for a wildcard: scheme://*.domain[:port]
	Path       string       // prefix, "/" for all
	Providers  []string     // ids offered, in this order; never empty
	SignOut    Mode
	Persistent bool // the seat cookie outlives the browser's session
	CORS       *CORS
	Logout     []Logout // the app's own
	Polling    []string // paths, with all below them, that pages ask for by themselves; "*" stands for a segment
	Refusal    int      // status of what is no page and has no session; 401 when zero
	Cookies    Cookies  // keeps the app's cookies; nil: browsers keep them
	Upstream   Upstream
}

// Cookies keeps an app's cookies for sessions.
type Cookies interface {
	// Leaving returns Set-Cookie lines that expire what the browser holds of the app.
	Leaving(ctx context.Context, id session.ID, origin httpx.Origin, in *http.Request) []string
}

// Live is where connections of sessions register.
type Live interface {
	Add(id string, c live.Conn) (remove func(), ok bool)
}

// Logout is a request by which people sign out in the app itself.
type Logout struct{ Method, Path string }

// Mode is apps[].sign_out.
type Mode string

// Modes.
const (
	ModeProvider Mode = "provider"
	ModeGateway  Mode = "gateway"
	ModeAsk      Mode = "ask"
)

// Options are what a Server lives on. All are required but JWKS, HeaderBytes, Seen, Incidents, Trail, Avatars and Account.
type Options struct {
	Public     httpx.Origin
	Apps       []App
	Providers  []Provider
	Forwarding httpx.Forwarding
	Guard      Guard
	SignIn     SignIn
	SignOut    SignOut
	Pages      *pages.Pages
	Logger     *slog.Logger
	Now        func() time.Time
	Absolute   time.Duration // life of a persistent seat cookie
	JWKS       http.Handler  // keys of the signed identity; nil serves an empty set
	// HeaderBytes bounds a request's header; zero leaves it to the listener.
	HeaderBytes int
	// Known looks a session up by its seat even when the store is down, so that a
	// sign-out can refuse it in memory.
	Known   func(hash session.SeatHash) (*session.Session, bool)
	Notices Notices
	// Once spends a single-use value: signin.ErrUsed for one that was spent before.
	Once func(ctx context.Context, now time.Time, key session.SeatHash, until time.Time) error
	// Live is told of the event streams of pages.
	Live Live
	// Seen is the latest activity of a session that is not in its record yet; nil: none is.
	Seen func(session.ID) time.Time
	// Incidents keeps what is refused; nil keeps nothing.
	Incidents Incidents
	// Trail keeps what apps' rules refuse; nil keeps nothing.
	Trail Trail
	// Avatars are people's pictures; nil: nobody has one.
	Avatars Avatars
	// Account is the page of a person; nil: there is none.
	Account *PersonalPage
}

// Server is the http.Handler of the listener that browsers and front proxies reach.
type Server struct {
	o         Options
	sites     sites
	providers map[string]Provider
	notices   *notices
	gateway   *guard.App // rules of the own paths: none, so that no refresh delays a sign-out
	warned    sync.Once
}

// New returns a Server.
func New(o Options) (*Server, error) {
	if o.Public == "" || o.Guard == nil || o.SignIn == nil || o.SignOut == nil || o.Pages == nil || o.Logger == nil || o.Now == nil || o.Known == nil || o.Live == nil ||
		o.Notices == nil || o.Once == nil {
		return nil, errors.New("web: Public, Guard, SignIn, SignOut, Pages, Logger, Now, Known, Live, Notices and Once are required")
	}
	if o.Seen == nil {
		o.Seen = func(session.ID) time.Time { return time.Time{} }
	}
	if o.Avatars == nil {
		o.Avatars = pictureless{}
	}
	if o.Trail == nil {
		o.Trail = untold{}
	}
	if o.Incidents == nil {
		o.Incidents = forgotten{}
	}
	s := &Server{o: o, providers: map[string]Provider{}, notices: newNotices(), gateway: &guard.App{
		ID: "cardea", Origin: string(o.Public), Paths: []guard.PathRule{{Path: "/", Public: true}},
	}}
	for _, p := range o.Providers {
		s.providers[p.ID] = p
	}
	s.sites = newSites(o.Public, o.Apps)
	if o.Account != nil {
		if !o.Account.complete() {
			return nil, errors.New("web: a person's page lacks what it lives on")
		}
		s.sites.exact[o.Public].account = true
	}
	return s, nil
}

// request is one request on its way through the face.
type request struct {
	*http.Request
	now     time.Time
	client  httpx.Client
	origin  httpx.Origin
	site    *site
	cookies httpx.Cookies

	// What is known of it so far, for an incident: how far it has come, and the ids of the
	// app and the provider that it is about.
	step, app, provider string
	// incident is what the audit trail calls this request's refusal already.
	incident string
}

// bound keeps the body from being read beyond limit bytes.
func (q *request) bound(w http.ResponseWriter, limit int64) {
	if q.Body != nil {
		q.Body = http.MaxBytesReader(w, q.Body, limit)
	}
}

func (q *request) seat() string    { return httpx.CookieValue(q.Header, q.cookies.Seat) }
func (q *request) binding() string { return httpx.CookieValue(q.Header, q.cookies.Browser) }

// ServeHTTP finds the site that the client addressed and serves its own paths or the
// app. A host that is not configured is told nothing.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client := s.o.Forwarding.Client(r)
	origin, err := client.Origin()
	if err != nil {
		s.notServed(w, &request{Request: r, now: s.o.Now()}, string(pages.BadRequest), http.StatusBadRequest, "Bad Request")
		return
	}
	site := s.sites.find(origin)
	if site == nil {
		s.warnOfScheme(origin)
		s.notServed(w, &request{Request: r, now: s.o.Now(), origin: origin}, incident.KindMisdirected, http.StatusMisdirectedRequest,
			"Misdirected Request: this address is not served here")
		return
	}
	client = client.At(origin)
	q := &request{Request: r, now: s.o.Now(), client: client, origin: origin, site: site, cookies: site.cookies}
	q.Request = r.WithContext(httpx.WithClient(r.Context(), client))
	if s.o.HeaderBytes > 0 && headerBytes(r) > s.o.HeaderBytes {
		s.fail(w, q, pages.HeaderTooLarge, errors.New("request header is larger than limits.header_bytes"))
		return
	}
	path := r.URL.EscapedPath()
	if name, own := ownPath(path); own {
		s.serveOwn(w, q, name)
		return
	}
	app, ok := site.dispatch(path)
	switch {
	case !ok || !strings.HasPrefix(path, "/"):
		s.fail(w, q, pages.BadRequest, nil)
	case app == nil:
		s.fail(w, q, pages.NotFound, nil)
	default:
		s.serveApp(w, q, app)
	}
}

// notServed answers at an address that is not served here: by a plain text that tells
// nothing of what is.
func (s *Server) notServed(w http.ResponseWriter, q *request, kind string, status int, text string) {
	id := s.note(q, incident.Incident{Kind: kind, Status: status, Shown: text})
	s.o.Logger.Log(q.Context(), quiet, "request refused", "incident", id, "kind", kind, "status", status, "origin", string(q.origin))
	http.Error(w, text+"\nReference: "+id, status)
}

// warnOfScheme names, once, the mistake behind most hosts that are "not served": a
// front proxy that ends TLS and is not believed.
func (s *Server) warnOfScheme(o httpx.Origin) {
	if o.Secure() || s.sites.find(httpx.Origin("https://"+o.Host())) == nil {
		return
	}
	s.warned.Do(func() {
		s.o.Logger.Warn("a request arrived by http for a host that is configured with https: "+
			"is the front proxy listed in trusted_proxies, and does it send X-Forwarded-Proto?", "origin", string(o))
	})
}

// headerBytes is about the size of a request's header on the wire (RFC 9110 section 5.4).
func headerBytes(r *http.Request) int {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + 4
		}
	}
	return n
}

func (s *Server) url(path string, query url.Values) string {
	if len(query) == 0 {
		return string(s.o.Public) + path
	}
	return string(s.o.Public) + path + "?" + query.Encode()
}
