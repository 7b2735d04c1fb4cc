package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// briefFor is how long a request may last before it counts as a live connection.
const briefFor = time.Second

// answerWithin is how long a request that is cut has for a last answer.
const answerWithin = 300 * time.Millisecond

// exchange is one request and its answer. Its parts live in one allocation: the
// context that finds it again, the writer, and both bodies.
type exchange struct {
	p         *Proxy
	in        *http.Request // as it came
	client    httpx.Client
	session   *session.Session // nil: without identity
	verdict   guard.Verdict    // that let it in
	id        atomic.Pointer[session.ID]
	protected bool // the answer is nobody else's
	upgrade   bool // a WebSocket is asked for
	began     time.Time
	w         http.ResponseWriter
	cancel    context.CancelFunc

	ctx    exchangeContext
	writer writer
	body   requestBody
	answer responseBody
	left   int64 // bytes of a known length that are still to be written
	wire   *wire // the connection to the app
	mark   int64 // what had come in on it when it was taken

	ended atomic.Bool // the session ended under it
	lasts atomic.Bool // known to be a live connection

	origin httpx.Origin // that the client addressed; "" without a session
	jar    bool         // the app's cookies are kept for the session
	token  bool         // let in by a token of its own alone: no cookie may stand in for a bad one
	lines  []string     // Cookie lines for the app, with jar
	drop   []string     // Set-Cookie lines by which the browser drops what it should not carry
	script bool         // the answer may get the page script
	active atomic.Int64

	mu     sync.Mutex
	over   bool // the handler is done with w
	tunnel *tunnel
}

type exchangeKey struct{}

// exchangeContext is the request's context; its exchange is found by value, without
// one more context in between.
type exchangeContext struct {
	context.Context
	x *exchange
}

func (c *exchangeContext) Value(key any) any {
	if key == (exchangeKey{}) {
		return c.x
	}
	return c.Context.Value(key)
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// Close cuts the exchange because its session ended. Implements live.Conn.
func (x *exchange) Close(cause string) {
	x.ended.Store(true)
	x.mu.Lock()
	t := x.tunnel
	x.mu.Unlock()
	if t != nil {
		t.end(cause)
		return
	}
	x.cancel()
	time.AfterFunc(answerWithin, x.cut)
}

// cut unblocks a write to a client that does not read. It comes late enough for a
// handler that has written nothing yet to say that the session ended.
func (x *exchange) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over && x.tunnel == nil {
		_ = http.NewResponseController(x.w).SetWriteDeadline(time.Unix(1, 0))
	}
}

// Brief tells whether this is an ordinary request so far. Implements live.Briefer.
func (x *exchange) Brief() bool { return !x.lasts.Load() && time.Since(x.began) < briefFor }

// Holds tells whether a session would still be let in here, by the rules that at knows.
func (x *exchange) Holds(at func(origin, path string) *guard.App, s *session.Session) bool {
	return x.verdict.Holds(at, s)
}

// Moved notes that the session goes on under another id. Implements live.Follower.
func (x *exchange) Moved(id string) {
	now := session.ID(id)
	x.id.Store(&now)
}

// touch reports a person's activity, now and then.
func (x *exchange) touch() {
	if x.session == nil || x.p.o.Touched == nil {
		return
	}
	now := int64(time.Since(x.began))
	last := x.active.Load()
	if last != 0 && now-last < int64(x.p.o.TouchEvery) || !x.active.CompareAndSwap(last, now) {
		return
	}
	x.p.o.Touched(*x.id.Load(), x.p.o.Now())
}

// finish runs when the handler is done or has given up. An answer that broke off is
// aborted towards the client, which then sees that it is not whole.
func (x *exchange) finish() {
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
	if x.session == nil && x.tunnel != nil {
		x.p.o.Strangers.remove(x)
	}
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		x.logAbort()
	}
	panic(cause)
}

// logAbort says why an answer broke off. A client that went away, or a session that
// ended, is no fault of anybody's.
func (x *exchange) logAbort() {
	err := x.answer.err
	switch {
	case x.ended.Load():
		x.p.o.Logger.Debug("answer cut: session ended", "app", x.p.o.App, "session", *x.id.Load())
	case err == nil || errors.Is(err, context.Canceled):
		x.p.o.Logger.Debug("answer cut: client went away", "app", x.p.o.App)
	default:
		x.p.o.Logger.Warn("app's answer broke off", "app", x.p.o.App, "incident", x.p.o.BrokeOff(x.in, err),
			"method", x.in.Method, "path", x.in.URL.Path, "err", err)
	}
}

// failed answers when the app gave no usable answer.
func (p *Proxy) failed(_ http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	switch {
	case x.tunnel != nil && x.tunnel.client != nil:
		panic(http.ErrAbortHandler) // the browser did not take the switch, and can be told nothing else
	case x.ended.Load():
		p.o.Ended(x.w, x.in)
	case x.in.Context().Err() != nil:
		panic(http.ErrAbortHandler) // nobody is left to answer
	case x.body.failed.Load():
		p.o.Unavailable(x.w, x.in, &failure{status: http.StatusBadRequest, err: err})
	default:
		p.o.Unavailable(x.w, x.in, &failure{status: statusOf(err), err: err})
	}
}

// failure is an error with the status that suits it.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string { return "app gave no answer: " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// StatusOf returns the status that Options.Unavailable should answer with: 400 when
// the client's body broke off, 413 when it was too large, 504 when the app took too
// long to connect, otherwise 502.
func StatusOf(err error) int {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.status
	}
	return statusOf(err)
}

func statusOf(err error) int {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// writer is the way back to the client.
type writer struct{ x *exchange }

func (w *writer) Header() http.Header         { return w.x.w.Header() }
func (w *writer) Unwrap() http.ResponseWriter { return w.x.w }

// WriteHeader keeps Cardea's cookies out of informational answers too, which do not
// pass through modify.
func (w *writer) WriteHeader(code int) {
	if code < http.StatusOK && code != http.StatusSwitchingProtocols {
		if w.x.jar { // browsers take none from there, so that nothing is lost
			delete(w.x.w.Header(), "Set-Cookie")
		}
		dropOwnSetCookies(w.x.w.Header())
	}
	w.x.w.WriteHeader(code)
}

// Write flushes as long as more is to come, so that a client sees what the app has
// sent so far. Answers of unknown length are flushed by the reverse proxy itself.
func (w *writer) Write(b []byte) (int, error) {
	n, err := w.x.w.Write(b)
	if w.x.left > 0 && err == nil {
		if w.x.left -= int64(n); w.x.left > 0 {
			err = http.NewResponseController(w.x.w).Flush()
		}
	}
	return n, err
}

// requestBody is the client's body on its way to the app.
type requestBody struct {
	io.ReadCloser
	failed  atomic.Bool // reading from the client failed
	from    http.Header // the client's trailers: filled when the body has ended
	to      http.Header // those sent on
	allowed func(name string) bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		for name := range b.to {
			if v := b.from[name]; v != nil && b.allowed(name) {
				b.to[name] = v
			}
		}
	case err != nil:
		b.failed.Store(true)
	}
	return n, err
}

// responseBody is the app's body on its way to the client.
type responseBody struct {
	io.ReadCloser
	err error // why it broke off
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
