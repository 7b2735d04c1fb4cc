package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// askParam makes a GET of the sign-out ask first, wherever it comes from.
const askParam = "ask"

// maxForm bounds a form posted to the own paths.
const maxForm = 16 << 10

// signOut ends this browser's session. A POST counts only from our own origin; a GET
// only as a navigation within it, since any page can make a browser send one. All
// others are asked first.
func (s *Server) signOut(w http.ResponseWriter, q *request) {
	if q.Method == http.MethodPost && !httpx.FromOrigin(q.Request, q.origin) {
		s.fail(w, q, pages.OriginRefused, errors.New("sign-out posted from another origin"))
		return
	}
	q.bound(w, maxForm)
	if err := q.ParseForm(); err != nil {
		s.fail(w, q, pages.BadRequest, errors.New("sign-out's form cannot be parsed"))
		return
	}
	live, err := s.present(q)
	if err != nil {
		s.fail(w, q, pages.StoreUnavailable, err)
		return
	}
	if live == nil {
		s.nothingToEnd(w, q)
		return
	}
	app, back := s.leaving(q, q.Form.Get("return"))
	mode := s.mode(app, q.PostForm.Get("mode"))
	if mode == ModeAsk && byScript(q) {
		// A script cannot ask; the page to go to can.
		s.tellScript(w, q, false, false, string(q.origin)+ownPrefix+"/sign-out?"+url.Values{"return": {back}}.Encode())
		return
	}
	if (q.Method == http.MethodGet && (!httpx.OwnNavigation(q.Request) || q.Form.Get(askParam) != "")) || mode == ModeAsk {
		s.confirm(w, q, live, app, mode, back)
		return
	}
	s.end(w, q, live, mode, back)
}

// present returns the session of this browser, whatever the rules say of it. With the
// store down it is the one that the cache knows.
func (s *Server) present(q *request) (*session.Session, error) {
	v := s.check(q, nil, "/")
	live := s.signedIn(q, v)
	switch {
	case live != nil || v.Outcome != guard.Unavailable:
		return live, nil
	case v.Err != nil:
		return nil, v.Err
	}
	return nil, session.ErrUnavailable
}

// signedIn returns the session that a verdict is about, or that the cache knows where
// the store could not be asked.
func (s *Server) signedIn(q *request, v guard.Verdict) *session.Session {
	if v.Session != nil || v.Outcome != guard.Unavailable {
		return v.Session
	}
	hash, ok := session.HashSeatValue(q.seat())
	if !ok {
		return nil
	}
	known, _ := s.o.Known(hash)
	return known
}

// leaving returns the app that the person leaves and the path to come back to: what the
// form says, else the page that the form was on, else the site's home.
func (s *Server) leaving(q *request, asked string) (*App, string) {
	if _, ok := httpx.LocalPath(asked); !ok {
		asked = q.refererPath()
	}
	back := q.site.local(asked)
	return q.site.app(pathOf(back)), back
}

func (s *Server) mode(app *App, chosen string) Mode {
	mode := ModeProvider
	if app != nil {
		mode = app.SignOut
	}
	if mode == ModeAsk && (chosen == string(ModeProvider) || chosen == string(ModeGateway)) {
		return Mode(chosen)
	}
	return mode
}

func (s *Server) confirm(w http.ResponseWriter, q *request, live *session.Session, app *App, mode Mode, back string) {
	hidden := []pages.Field{{Name: "return", Value: back}}
	view := pages.Confirm{
		Account: pages.Account{Name: live.Handle, Email: live.Profile.Email}, CancelURL: back,
		Form:     pages.Form{Action: ownPrefix + "/sign-out", Hidden: hidden},
		AgainURL: ownPrefix + "/sign-out?" + url.Values{askParam: {"1"}, "return": {back}}.Encode(),
	}
	if app != nil {
		view.App = app.page()
	}
	if mode != ModeGateway {
		view.Provider = s.providers[live.Provider].Name
	}
	if mode == ModeAsk {
		view.Form.Hidden = append(hidden, pages.Field{Name: "mode", Value: string(ModeProvider)})
		view.GatewayOnly = pages.Form{Action: ownPrefix + "/sign-out", Hidden: []pages.Field{hidden[0], {Name: "mode", Value: string(ModeGateway)}}}
	}
	s.o.Pages.Confirm(w, q.Request, http.StatusOK, view)
}

// end ends the session by the person's own hand, and leads the browser on.
func (s *Server) end(w http.ResponseWriter, q *request, live *session.Session, mode Mode, back string) {
	s.endAs(w, q, live, signout.Request{Cause: session.CauseButton, Mode: signout.Mode(mode), By: "person"}, back)
}

// endAs ends the session and leads the browser on. The seat cookies stay: at the
// gateway's origin they tell the next sign-in to ask for credentials.
func (s *Server) endAs(w http.ResponseWriter, q *request, live *session.Session, r signout.Request, back string) {
	gone := s.leavingCookies(q, live.ID)
	r.Session, r.From, r.Known = live.ID, string(q.origin)+back, live
	res, err := s.o.SignOut.End(q.Context(), q.now, r)
	if err != nil && !errors.Is(err, signout.ErrNotDurable) {
		if errors.Is(err, session.ErrNotFound) {
			s.nothingToEnd(w, q)
			return
		}
		s.fail(w, q, pages.StoreUnavailable, err)
		return
	}
	expire(w, gone)
	s.keepSeat(w, q, q.site.app(pathOf(back)))
	if !byScript(q) {
		s.leadOn(w, q, res, s.providers[live.Provider].Name)
		return
	}
	call, ok := s.o.SignOut.BrowserCall(q.Context(), res)
	if !ok || call.Form != nil { // a script cannot post there as a navigation; the server follows up
		call.URL = s.receiptURL(res)
	}
	s.tellScript(w, q, true, err == nil, call.URL)
}

// leadOn leads the browser of an ended session to the provider's logout, or to the
// receipt where there is none to visit.
func (s *Server) leadOn(w http.ResponseWriter, q *request, res signout.Result, provider string) {
	call, ok := s.o.SignOut.BrowserCall(q.Context(), res)
	if !ok {
		call = oidc.BrowserCall{URL: s.receiptURL(res)}
	}
	s.moveOn(w, q, call, provider)
}

// keepSeat sets the seat cookie again as it is. Chromium drops pages that it keeps for
// Back, and that forbid storing, when a cookie of theirs is set: without it Back would
// show them after the sign-out.
func (s *Server) keepSeat(w http.ResponseWriter, q *request, app *App) {
	seat := q.seat()
	if _, ok := session.HashSeatValue(seat); !ok {
		return
	}
	life := time.Duration(0)
	if app != nil && app.Persistent {
		life = s.o.Absolute
	}
	q.cookies.SetSeat(w, seat, life)
}

func (s *Server) receiptURL(res signout.Result) string {
	if res.StateValue == "" {
		return s.url(ownPrefix+"/signed-out", nil)
	}
	return s.url(ownPrefix+"/signed-out", url.Values{"receipt": {res.StateValue}})
}

// byScript tells whether a POST came from a script, which shows no page.
func byScript(q *request) bool {
	return q.Method == http.MethodPost && httpx.KindOf(q.Request) == httpx.Other
}

// tellScript answers a script: whether the session is refused from now on, whether that
// would survive a restart, and the address that the browser should go to.
func (s *Server) tellScript(w http.ResponseWriter, q *request, out, durable bool, target string) {
	body, err := json.Marshal(struct {
		SignedOut bool   `json:"signed_out"`
		Durable   bool   `json:"durable"`
		Continue  string `json:"continue"`
	}{out, durable, target})
	if err != nil {
		s.fail(w, q, pages.Internal, err)
		return
	}
	writeJSON(w, q, body)
}

// moveOn answers by a page that moves on by itself: a redirect would have to satisfy
// the form-action policy of the page that the form was on.
func (s *Server) moveOn(w http.ResponseWriter, q *request, call oidc.BrowserCall, provider string) {
	view := pages.MoveOn{Purpose: pages.MoveOnSignOut, Provider: provider, URL: call.URL}
	if call.Form != nil {
		view.Form = &pages.Form{Action: call.URL}
		for name, values := range call.Form {
			for _, v := range values {
				view.Form.Hidden = append(view.Form.Hidden, pages.Field{Name: name, Value: v})
			}
		}
	}
	s.o.Pages.MoveOn(w, q.Request, http.StatusOK, view)
}

// nothingToEnd answers a sign-out without a session. A person whom the admission rules
// kept out has none here, but one at the provider that stands in the way of another
// account.
func (s *Server) nothingToEnd(w http.ResponseWriter, q *request) {
	page := s.url(ownPrefix+"/signed-out", nil)
	if byScript(q) {
		s.tellScript(w, q, true, true, page)
		return
	}
	if p, ok := s.providers[q.PostForm.Get("provider")]; ok && q.site.gateway {
		// A cookie that names no session makes the next sign-in ask for credentials, also
		// where the provider's logout cannot be reached or there is none.
		value, _ := session.NewSeatValue()
		q.cookies.SetSeat(w, value, 0)
		if call, ok := s.o.SignOut.ProviderCall(q.Context(), p.ID); ok {
			s.moveOn(w, q, call, p.Name)
			return
		}
	}
	s.moveOn(w, q, oidc.BrowserCall{URL: page}, "")
}
