package applogout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/session"
)

// Jar is what was kept of an app's cookies for a session that has ended.
type Jar interface {
	// Cookie returns the Cookie header for a path; "" for none.
	Cookie(now time.Time, path string) string
	Value(now time.Time, path, name string) (string, bool)
	// Set takes the Set-Cookie lines of an answer to a call at path.
	Set(now time.Time, path string, lines []string)
	// Origin is where the session used the app.
	Origin() httpx.Origin
}

// Upstream reaches the app.
type Upstream interface {
	// Call sends a request that the gateway makes by itself; its URL has a path only.
	Call(r *http.Request) (*http.Response, error)
}

// App is an app with a logout that can be called.
type App struct {
	ID       string
	Calls    []preset.Call // paths as browsers see them
	Upstream Upstream
	// Remains opens what was kept for a session that has ended; nil: nothing.
	Remains func(ctx context.Context, id session.ID) (Jar, error)
}

// Options are what a Caller lives on. Now is required.
type Options struct {
	Apps []App
	Now  func() time.Time
}

// Caller makes the calls. It is safe for concurrent use.
type Caller struct {
	apps map[string]App
	now  func() time.Time
}

// New returns a Caller.
func New(o Options) (*Caller, error) {
	if o.Now == nil {
		return nil, errors.New("applogout: Now is required")
	}
	c := &Caller{apps: map[string]App{}, now: o.Now}
	for _, a := range o.Apps {
		if a.ID == "" || a.Upstream == nil || a.Remains == nil || len(a.Calls) == 0 {
			return nil, fmt.Errorf("applogout: app %q: ID, Upstream, Remains and Calls are required", a.ID)
		}
		c.apps[a.ID] = a
	}
	return c, nil
}

// within bounds one call: an app whose logout hangs holds up no other delivery.
const within = 10 * time.Second

// Deliver tells one app. It is the outbox's handler of KindAppLogout: an app that no
// longer knows the cookies has been told, one that refuses the call as such is given
// up, and one that fails is tried again.
func (c *Caller) Deliver(ctx context.Context, e outbox.Entry) error {
	app, ok := c.apps[e.App]
	if !ok {
		return fmt.Errorf("app %q has no logout in the configuration any more: %w", e.App, outbox.ErrPermanent)
	}
	jar, err := app.Remains(ctx, session.ID(e.Session))
	if err != nil {
		return fmt.Errorf("reading the app's cookies: %w", err)
	}
	if jar == nil {
		return fmt.Errorf("no cookie of app %s was kept: %w", e.App, outbox.ErrNotNeeded)
	}
	for _, call := range app.Calls {
		if err := c.make(ctx, app, jar, call); err != nil {
			return fmt.Errorf("%s %s of app %s: %w", call.Method, call.Path, app.ID, err)
		}
	}
	return nil
}

// make makes one call, and the one before it that gets its XSRF token.
func (c *Caller) make(ctx context.Context, app App, jar Jar, call preset.Call) error {
	token, err := c.token(ctx, app, jar, call)
	if err != nil {
		return err
	}
	r, err := request(ctx, jar.Origin(), call, token)
	if err != nil {
		return err
	}
	status, err := c.send(r, app, jar)
	if err != nil {
		return err
	}
	return verdict(status)
}

// errToken: the app wants an XSRF token, and no answer of it brought one.
var errToken = errors.New("no XSRF token is to be had")

func (c *Caller) token(ctx context.Context, app App, jar Jar, call preset.Call) (string, error) {
	x := call.XSRF
	if x == nil {
		return "", nil
	}
	if v, ok := jar.Value(c.now(), call.Path, x.Cookie); ok {
		return v, nil
	}
	if x.From == "" {
		return "", fmt.Errorf("%w: %w", errToken, outbox.ErrPermanent)
	}
	r, err := request(ctx, jar.Origin(), preset.Call{Method: http.MethodGet, Path: x.From}, "")
	if err != nil {
		return "", err
	}
	status, err := c.send(r, app, jar)
	if err != nil {
		return "", err
	}
	if v, ok := jar.Value(c.now(), call.Path, x.Cookie); ok {
		return v, nil
	}
	if err := verdict(status); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%w: %w", errToken, outbox.ErrPermanent)
}

// send makes a request with the session's cookies and takes those of the answer.
func (c *Caller) send(r *http.Request, app App, jar Jar) (int, error) {
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	path := r.URL.Path
	if line := jar.Cookie(c.now(), path); line != "" {
		r.Header.Set("Cookie", line)
	}
	res, err := app.Upstream.Call(r.WithContext(ctx))
	if err != nil {
		return 0, fmt.Errorf("app gave no answer: %w", err)
	}
	defer res.Body.Close()
	jar.Set(c.now(), path, res.Header["Set-Cookie"])
	// What the app has to say in its body matters to nobody; a bounded part is read so that
	// the connection can be used again.
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
	return res.StatusCode, nil
}

// verdict says what a status means for the delivery.
func verdict(status int) error {
	switch {
	case status < 400, status == http.StatusUnauthorized, status == http.StatusGone:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return fmt.Errorf("app answered %d", status)
	}
	return fmt.Errorf("app answered %d: is the call right, and its XSRF token? %w", status, outbox.ErrPermanent)
}
