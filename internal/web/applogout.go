package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

const (
	// appLogoutWithin bounds how long an app's own logout holds up the sign-out.
	appLogoutWithin = 5 * time.Second
	// maxAppAnswer bounds what of the app's answer is kept until the session has ended.
	maxAppAnswer = 256 << 10
)

// logsOut tells whether r is the app's own logout. A HEAD reaches most apps' handlers
// of GET, so that it is judged as one.
func (a *App) logsOut(r *http.Request) bool {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, l := range a.Logout {
		if method == l.Method && r.URL.EscapedPath() == l.Path {
			return true
		}
	}
	return false
}

// appLogout ends the session by the app's own logout, and reports whether it answered.
// The app hears first, so that it drops its own cookies; the session ends whatever the
// app says, and whatever the rules say of the person. A script gets the app's answer,
// and the browser's next page leads to the provider; a page moves on there by itself.
func (s *Server) appLogout(w http.ResponseWriter, q *request, app *App, v guard.Verdict) bool {
	byPost := q.Method == http.MethodPost
	if byPost && !httpx.FromOrigin(q.Request, q.origin) {
		return false // somebody else's page: the app may judge it, it ends nothing here
	}
	own := byPost || q.Method == http.MethodGet && httpx.OwnNavigation(q.Request)
	navigation := httpx.KindOf(q.Request) == httpx.Navigation
	live := s.signedIn(q, v)
	switch {
	case live == nil:
		return own && navigation && s.leftBefore(w, q, app, v)
	case !own:
		s.confirm(w, q, live, app, s.mode(app, ""), app.Path)
		return true
	case app.SignOut == ModeAsk && navigation:
		s.confirm(w, q, live, app, ModeAsk, app.Path)
		return true
	}
	gone := s.leavingCookies(q, live.ID)
	heard := askApp(q, app, v)
	heard.cookies(w)
	mode := app.SignOut
	if mode == ModeAsk {
		mode = ModeProvider
	}
	res, err := s.o.SignOut.End(q.Context(), q.now, signout.Request{
		Session: live.ID, Cause: session.CauseApp, Mode: signout.Mode(mode),
		From: string(q.origin) + app.Path, By: "app", Known: live, Told: heard.by(app),
	})
	if err != nil && !errors.Is(err, signout.ErrNotDurable) && !errors.Is(err, session.ErrNotFound) {
		s.fail(w, q, pages.StoreUnavailable, err)
		return true
	}
	expire(w, gone)
	s.keepSeat(w, q, app)
	if byScript(q) {
		heard.answer(w)
		return true
	}
	s.leadOn(w, q, res, s.providers[live.Provider].Name)
	return true
}

// leftBefore answers a person who signs out in an app a second time, or after the
// session had ended: no sign-in may follow from that.
func (s *Server) leftBefore(w http.ResponseWriter, q *request, app *App, v guard.Verdict) bool {
	if v.Ended == nil || v.Public || v.Bearer {
		return false
	}
	call, ok := s.o.SignOut.LaterCall(q.Context(), q.now, *v.Ended)
	if !ok {
		call = oidc.BrowserCall{URL: s.signedOutURL(signin.Target{Origin: string(q.origin), Path: app.Path})}
	}
	s.moveOn(w, q, call, s.providers[v.Ended.Provider].Name)
	return true
}

// askApp passes the app's logout on and keeps its answer. Whom the rules keep out of
// the app is not passed on to it, here as elsewhere.
func askApp(q *request, app *App, v guard.Verdict) (k *kept) {
	k = &kept{header: http.Header{}}
	if !v.Live() {
		if v.Outcome == guard.Unavailable || !v.Public && !v.Bearer {
			return k
		}
		v.Session = nil
	}
	ctx, cancel := context.WithTimeout(q.Context(), appLogoutWithin)
	defer cancel()
	defer func() {
		// The proxy aborts an answer that broke off: its cookies count, the rest is not whole.
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			k.cut = true
		default:
			panic(cause)
		}
	}()
	app.Upstream.ServeApp(k, q.WithContext(ctx), v)
	return k
}

// kept is an app's answer held back until its session has ended.
type kept struct {
	header http.Header // the app may still change it
	sent   http.Header // as it was when the answer began; nil before
	status int
	body   []byte
	cut    bool // the answer broke off, or is too large
}

func (k *kept) Header() http.Header { return k.header }

// WriteHeader keeps the first final status; informational answers are of no use to a
// browser that waits for the end.
func (k *kept) WriteHeader(status int) {
	if k.status == 0 && status >= http.StatusOK {
		k.status, k.sent = status, k.header.Clone()
	}
}

func (k *kept) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	if room := maxAppAnswer - len(k.body); len(b) > room {
		k.cut = true
		return 0, errors.New("app's answer to its logout is too large")
	}
	k.body = append(k.body, b...)
	return len(b), nil
}

// Flush does nothing; a proxy that cannot flush breaks a long answer off.
func (k *kept) Flush() {}

// cookies passes on what the app did to its own cookies.
func (k *kept) cookies(w http.ResponseWriter) {
	for _, line := range k.sent["Set-Cookie"] {
		w.Header().Add("Set-Cookie", line)
	}
}

// by names the app if it took its logout; one that failed is told again.
func (k *kept) by(app *App) string {
	if k.status == 0 || k.status >= http.StatusBadRequest {
		return ""
	}
	return app.Rules.ID
}

// answer gives a script the app's answer; where there is none that is whole, it hears
// that the session ended.
func (k *kept) answer(w http.ResponseWriter) {
	h := w.Header()
	if k.status == 0 || k.cut {
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	for name, values := range k.sent {
		switch name {
		case "Content-Length", "Trailer", "Set-Cookie":
		default:
			h[name] = values
		}
	}
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body)
}
