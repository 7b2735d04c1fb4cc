package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/live"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// fakeGuard knows verdicts by the seat value; without one there is no session.
type fakeGuard struct {
	bySeat map[string]guard.Verdict
	asked  []guard.Query
}

func (g *fakeGuard) Check(_ context.Context, _ time.Time, q guard.Query) guard.Verdict {
	g.asked = append(g.asked, q)
	return g.bySeat[q.Seat]
}

// fakeSignIn answers what it is told to and remembers what it was asked.
type fakeSignIn struct {
	started  []signin.Start
	finished []signin.Callback
	startErr error
	result   signin.Result
	err      error
	offerErr error
	offered  []session.ID
	taken    []string // code, origin, binding
	takePath string
}

func (f *fakeSignIn) Start(_ context.Context, _ time.Time, s signin.Start) (string, error) {
	f.started = append(f.started, s)
	return "https://idp.example/authorize?p=" + s.Provider, f.startErr
}

func (f *fakeSignIn) Finish(_ context.Context, _ time.Time, c signin.Callback) (signin.Result, error) {
	f.finished = append(f.finished, c)
	return f.result, f.err
}

// RequestSeat seals nothing: what it returns can be read in tests.
func (f *fakeSignIn) RequestSeat(_ time.Time, origin, path, binding string) (string, error) {
	if len(binding) != 43 {
		return "", signin.ErrAttempt
	}
	return origin + "|" + path, nil
}

func (f *fakeSignIn) ReadSeatRequest(_ time.Time, sealed string) (signin.Target, error) {
	origin, path, ok := strings.Cut(sealed, "|")
	if !ok {
		return signin.Target{}, signin.ErrAttempt
	}
	return signin.Target{Origin: origin, Path: path}, nil
}

func (f *fakeSignIn) OfferSeat(_ time.Time, s *session.Session, sealed string) (string, error) {
	f.offered = append(f.offered, s.ID)
	origin, _, _ := strings.Cut(sealed, "|")
	return origin + "/.cardea/seat?code=c", f.offerErr
}

func (f *fakeSignIn) TakeSeat(_ context.Context, _ time.Time, code, origin, binding string) (*session.Session, string, string, error) {
	f.taken = append(f.taken, code, origin, binding)
	return person("p"), seatNew, f.takePath, f.err
}

// fakeSignOut ends whatever it is asked to.
type fakeSignOut struct {
	ended    []signout.Request
	notices  []signout.Notice
	result   signout.Result
	err      error
	call     oidc.BrowserCall // no URL: the browser has nowhere to go
	later    oidc.BrowserCall // for a browser whose session ended by a script's call
	asked    []string         // providers of ProviderCall
	told     []session.ID     // of TellNow
	returned []string
	receipts map[string]signout.Receipt     // by state
	ofs      map[session.ID]signout.Receipt // by session
	readErr  error
	steps    []signout.Step
	stepsErr error
}

func (f *fakeSignOut) End(_ context.Context, _ time.Time, r signout.Request) (signout.Result, error) {
	f.ended = append(f.ended, r)
	return f.result, f.err
}

func (f *fakeSignOut) EndByProvider(_ context.Context, _ time.Time, n signout.Notice) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	f.notices = append(f.notices, n)
	return 1, nil
}

func (f *fakeSignOut) BrowserCall(context.Context, signout.Result) (oidc.BrowserCall, bool) {
	return f.call, f.call.URL != ""
}

func (f *fakeSignOut) LaterCall(_ context.Context, _ time.Time, t session.Tombstone) (oidc.BrowserCall, bool) {
	return f.later, f.later.URL != "" && t.Cause == session.CauseApp
}

func (f *fakeSignOut) TellNow(_ context.Context, _ time.Time, t session.Tombstone) {
	f.told = append(f.told, t.Session)
}

func (f *fakeSignOut) ProviderCall(_ context.Context, id string) (oidc.BrowserCall, bool) {
	f.asked = append(f.asked, id)
	return f.call, f.call.URL != ""
}

func (f *fakeSignOut) Returned(_ context.Context, _ time.Time, state string) (signout.Receipt, error) {
	f.returned = append(f.returned, state)
	return f.ReceiptByState(context.Background(), state)
}

func (f *fakeSignOut) ReceiptByState(_ context.Context, state string) (signout.Receipt, error) {
	if f.readErr != nil {
		return signout.Receipt{}, f.readErr
	}
	if r, ok := f.receipts[state]; ok {
		return r, nil
	}
	return signout.Receipt{}, fmt.Errorf("reading a receipt: %w", signout.ErrNoReceipt)
}

func (f *fakeSignOut) ReceiptOf(_ context.Context, id session.ID) (signout.Receipt, error) {
	if r, ok := f.ofs[id]; ok {
		return r, nil
	}
	return signout.Receipt{}, fmt.Errorf("reading a receipt: %w", signout.ErrNoReceipt)
}

func (f *fakeSignOut) Steps(context.Context, signout.Receipt) ([]signout.Step, error) {
	return f.steps, f.stepsErr
}

// upstream is an app that says who reached it.
type upstream struct {
	name string
	got  *[]string
	last *guard.Verdict
}

func (u upstream) ServeApp(w http.ResponseWriter, r *http.Request, v guard.Verdict) {
	*u.got = append(*u.got, u.name+" "+r.URL.EscapedPath())
	*u.last = v
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, "UPSTREAM "+u.name)
}

// Values of cookies; all have the shape of real ones.
var (
	seatLive    = strings.Repeat("L", 42) + "A"
	seatEnded   = strings.Repeat("E", 42) + "A" // by the button
	seatExpired = strings.Repeat("X", 42) + "A"
	seatUnknown = strings.Repeat("U", 42) + "A"
	seatDenied  = strings.Repeat("D", 42) + "A"
	seatOld     = strings.Repeat("O", 42) + "A" // too old for this app
	seatWeak    = strings.Repeat("W", 42) + "A" // of no class that this app demands
	seatLost    = strings.Repeat("G", 42) + "A" // its grant is lost
	seatDown    = strings.Repeat("S", 42) + "A" // the store is down
	seatNew     = strings.Repeat("N", 42) + "A"
	binding     = strings.Repeat("B", 42) + "A"
)

func person(id session.ID) *session.Session {
	return &session.Session{
		ID: id, Account: "acc", Handle: "ada", Provider: "main", CreatedAt: now.Add(-time.Hour), AuthTime: now.Add(-time.Hour), SeenAt: now,
		Limits:  session.Limits{Idle: time.Hour, Absolute: 10 * time.Hour},
		Profile: oidc.Profile{Name: "Ada", Email: "ada@example.com", EmailBelieved: true, Groups: []string{"staff"}},
		Grant:   session.Grant{Tokens: oidc.Tokens{AccessToken: "secret-at", RefreshToken: "secret-rt", IDToken: "secret-idt"}},
		Claims:  oidc.Claims{"secret-claim": "x"},
	}
}

// face is a Server with everything that it lives on.
type face struct {
	*Server
	t       *testing.T
	guard   *fakeGuard
	signIn  *fakeSignIn
	signOut *fakeSignOut
	reached []string
	verdict guard.Verdict
	known   map[session.SeatHash]*session.Session
	logs    *lockedBuffer
	live    *live.Register
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newFace(t *testing.T, change ...func(*Options)) *face {
	t.Helper()
	f := &face{
		t: t, signIn: &fakeSignIn{takePath: "/deep"}, known: map[session.SeatHash]*session.Session{}, logs: &lockedBuffer{}, live: live.NewRegister(),
		signOut: &fakeSignOut{receipts: map[string]signout.Receipt{}, ofs: map[session.ID]signout.Receipt{}},
	}
	button := &session.Tombstone{Session: "ended", Provider: "main", Cause: session.CauseButton, Fresh: true}
	f.guard = &fakeGuard{bySeat: map[string]guard.Verdict{
		seatLive:    {Outcome: guard.Allow, Session: person("live")},
		seatEnded:   {Ended: button},
		seatExpired: {Ended: &session.Tombstone{Session: "expired", Provider: "main", Cause: session.CauseExpired}},
		seatDenied:  {Outcome: guard.Denied, Session: person("denied")},
		seatOld:     {Outcome: guard.TooOld, Session: person("old"), MaxAge: 5 * time.Minute},
		seatWeak: {
			Outcome: guard.TooWeak, Session: person("weak"), ACR: []string{"gold", "urn:x:platinum"}, MaxAge: time.Minute,
		},
		seatLost: {Outcome: guard.Reauthorize, Session: person("lost")},
		seatDown: {Outcome: guard.Unavailable, Err: errStore},
	}}
	app := func(name, origin, path string) App {
		return App{
			Rules: &guard.App{ID: name, Origin: origin}, Name: name, Origin: httpxOrigin(origin), Path: path, Providers: []string{"main"},
			SignOut: ModeProvider, Persistent: true, Upstream: upstream{name, &f.reached, &f.verdict},
		}
	}
	chat := app("chat", "https://gate.example", "/chat/")
	chat.SignOut, chat.Persistent = ModeGateway, false
	other := app("other", "https://app.example", "/")
	other.Providers = []string{"main", "second"}
	other.CORS = &CORS{Origins: []string{"https://script.example"}, Methods: []string{"PUT"}, Headers: []string{"x-api"}, Credentials: true}
	asking := app("asking", "https://ask.example:8443", "/")
	asking.SignOut = ModeAsk
	o := Options{
		Public: "https://gate.example",
		Apps: []App{
			app("root", "https://gate.example", "/"), chat, other, asking, app("lab", "https://*.apps.example", "/"),
			app("hub", "https://hub.example", "/hub"),
		},
		Providers: []Provider{
			{ID: "main", Name: "Main", Host: "idp.example", ManualURL: func() string { return "https://idp.example/bye" }, EmailSetting: "providers[main].email_verified"},
			{ID: "second", Name: "Second", Host: "two.example"},
		},
		Guard: f.guard, SignIn: f.signIn, SignOut: f.signOut, Pages: newPages(t), Logger: slog.New(slog.NewTextHandler(f.logs, nil)),
		Now: func() time.Time { return now }, Absolute: 10 * time.Hour,
		Known: func(h session.SeatHash) (*session.Session, bool) { s, ok := f.known[h]; return s, ok },
		Live:  f.live, Notices: fakeNotices{}, Once: spent{}.once,
	}
	for _, c := range change {
		c(&o)
	}
	var err error
	if f.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	return f
}

var onePages = sync.OnceValues(func() (*pages.Pages, error) {
	return pages.New(pages.Options{PublicURL: "https://gate.example"})
})

func newPages(t *testing.T) *pages.Pages {
	t.Helper()
	p, err := onePages()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask sends a request to an address; headers are names and values in turn.
func (f *face) ask(method, address string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.send(f.request(method, address, nil, headers...))
}

func (f *face) request(method, address string, body io.Reader, headers ...string) *http.Request {
	f.t.Helper()
	scheme, rest, _ := strings.Cut(address, "://")
	host, target := rest, "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, target = rest[:i], rest[i:]
	}
	r := httptest.NewRequest(method, target, body)
	r.Host = host
	if scheme == "https" {
		r.TLS = &tls.ConnectionState{}
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func (f *face) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// form posts a form as a page of the given origin does.
func (f *face) form(address, origin string, values url.Values, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := f.request(http.MethodPost, address, strings.NewReader(values.Encode()), navigation(headers...)...)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	return f.send(r)
}

// Headers of what browsers send.
func navigation(more ...string) []string {
	return append([]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none", "Accept", "text/html"}, more...)
}

func within(more ...string) []string {
	return append([]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Accept", "text/html"}, more...)
}

func script(more ...string) []string {
	return append([]string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-origin", "Accept", "*/*"}, more...)
}

func seat(value string) []string { return []string{"Cookie", "__Host-cardea=" + value} }

// location is where a redirect leads; it fails the test for anything else.
func location(t *testing.T, w *httptest.ResponseRecorder) *url.URL {
	t.Helper()
	u, err := url.Parse(w.Header().Get("Location"))
	if w.Code != http.StatusSeeOther || err != nil || u.String() == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("no redirect: %d, %v\n%s", w.Code, w.Header(), w.Body)
	}
	return u
}
