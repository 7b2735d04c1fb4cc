package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// signedOut is the page that starts no sign-in. It answers on the gateway's origin,
// where the receipt's cookie is.
func (s *Server) signedOut(w http.ResponseWriter, q *request) {
	// A page whose session ended elsewhere comes here by itself: what is left of the apps
	// in this browser goes.
	v := s.check(q, nil, "/")
	if v.Ended != nil {
		expire(w, s.leavingCookies(q, v.Ended.Session))
		if v.Ended.Cause == session.CauseIdentity {
			q.forgetProvider(w, v.Ended.Provider)
		}
		if q.site.gateway && q.URL.Query().Get("state") == "" && httpx.KindOf(q.Request) == httpx.Navigation && s.goLater(w, q, *v.Ended) {
			return
		}
	}
	if !q.site.gateway {
		on := url.Values{"origin": {string(q.origin)}}
		if back, ok := httpx.LocalPath(q.URL.Query().Get("return")); ok {
			on.Set("return", back)
		}
		redirect(w, s.url(ownPrefix+"/signed-out", on))
		return
	}
	r, found, live, err := s.receipt(q, v)
	if err != nil {
		s.fail(w, q, pages.StoreUnavailable, err)
		return
	}
	if live != nil { // nothing ended, and the page may not look as if (CVE-2026-34454)
		app, back := s.leaving(q, "")
		s.confirm(w, q, live, app, s.mode(app, ""), back)
		return
	}
	view := pages.SignedOut{Outcome: pages.OutcomeNothing, SignInURL: s.signInAgain(q, "")}
	if found {
		if view, err = s.receiptView(q, r); err != nil {
			s.fail(w, q, pages.StoreUnavailable, err)
			return
		}
		if unsought(r.Cause) {
			title := s.o.Pages.Text(q.Request, "signed-out."+string(view.Cause)+".title", "provider", view.Provider)
			view.Incident = s.endedFor(q, r.Cause, r.Provider, title)
		}
	}
	s.o.Pages.SignedOut(w, q.Request, http.StatusOK, view)
}

// receipt finds the receipt that this visit is about: by the state that came back from
// the provider, by the one that we passed ourselves, or by the cookie that the sign-out
// left in place. A cookie may also name a session that lives: then nothing ended.
func (s *Server) receipt(q *request, v guard.Verdict) (r signout.Receipt, found bool, live *session.Session, err error) {
	query := q.URL.Query()
	err = signout.ErrNoReceipt
	if state := query.Get("state"); state != "" && httpx.KindOf(q.Request) == httpx.Navigation {
		r, err = s.o.SignOut.Returned(q.Context(), q.now, state)
	} else if state := query.Get("receipt"); state != "" {
		r, err = s.o.SignOut.ReceiptByState(q.Context(), state)
	}
	if !errors.Is(err, signout.ErrNoReceipt) {
		return r, err == nil, nil, err
	}
	switch {
	case v.Outcome == guard.Unavailable:
		r, err = s.receiptInMemory(q, v.Err)
		return r, err == nil, nil, err
	case v.Ended == nil:
		return r, false, v.Session, nil
	}
	r, err = s.o.SignOut.ReceiptOf(q.Context(), v.Ended.Session)
	if errors.Is(err, signout.ErrNoReceipt) {
		return signout.Receipt{Session: v.Ended.Session, Cause: v.Ended.Cause, Provider: v.Ended.Provider}, true, nil, nil
	}
	return r, err == nil, nil, err
}

// receiptInMemory finds, with the store down, the receipt of an end that waits for it.
func (s *Server) receiptInMemory(q *request, down error) (signout.Receipt, error) {
	if hash, ok := session.HashSeatValue(q.seat()); ok {
		if known, ok := s.o.Known(hash); ok {
			if r, err := s.o.SignOut.ReceiptOf(q.Context(), known.ID); err == nil {
				return r, nil
			}
		}
	}
	return signout.Receipt{}, cmp.Or(down, session.ErrUnavailable)
}

var subjects = map[signout.What]pages.StepSubject{
	signout.WhatSession:     pages.StepGatewaySession,
	signout.WhatConnections: pages.StepOpenConnections,
	signout.WhatTokens:      pages.StepTokens,
	signout.WhatProvider:    pages.StepProviderSession,
	signout.WhatApp:         pages.StepApp,
	signout.WhatOthers:      pages.StepOtherSessions,
}

var stepStates = map[signout.StepState]pages.StepState{
	signout.StepDone:       pages.StateDone,
	signout.StepUnderWay:   pages.StateUnderWay,
	signout.StepRetrying:   pages.StateRetrying,
	signout.StepNotDurable: pages.StateRetrying,
	signout.StepOpen:       pages.StateStillOpen,
	signout.StepFailed:     pages.StateFailed,
}

func (s *Server) receiptView(q *request, r signout.Receipt) (pages.SignedOut, error) {
	steps, err := s.o.SignOut.Steps(q.Context(), r)
	if err != nil {
		return pages.SignedOut{}, err
	}
	p := s.providers[r.Provider]
	name := cmp.Or(p.Name, r.Provider) // one that is no longer configured has its id alone
	cause := pages.SignedOutCause(signout.RuleOf(r.Cause, r.Mode).Page)
	if r.Cause == session.CauseEverywhere && r.ReturnURL == "" { // no page in this browser asked for it
		cause = pages.CauseElsewhere
	}
	view := pages.SignedOut{Cause: cause, Provider: name, SignInURL: s.signInAgain(q, r.ReturnURL)}
	if cause == pages.CauseElsewhere && s.o.Account != nil {
		view.AccountURL = ownPrefix + "/sign-in?" + url.Values{"return": {accountPath}}.Encode()
	}
	for _, st := range steps {
		step := pages.Step{Subject: subjects[st.What], State: stepStates[st.State], Provider: name, Count: st.Count}
		switch st.What {
		case signout.WhatProvider:
			if step.Withdrawn = st.State == signout.StepWithdrawn; !step.Withdrawn && p.ManualURL != nil {
				step.URL = p.ManualURL()
			}
		case signout.WhatApp:
			step.App = s.appByID(st.App)
		}
		view.Steps = append(view.Steps, step)
		if st.State == signout.StepUnderWay || st.State == signout.StepRetrying || st.State == signout.StepNotDurable {
			view.RefreshURL = refreshURL(q)
		}
	}
	return view, nil
}

// refreshURL shows the receipt again without counting as a return from the provider.
func refreshURL(q *request) string {
	query, on := q.URL.Query(), url.Values{}
	if state := cmp.Or(query.Get("state"), query.Get("receipt")); state != "" {
		on.Set("receipt", state)
	}
	for _, name := range []string{"return", "origin"} {
		if v := query.Get(name); v != "" {
			on.Set(name, v)
		}
	}
	if len(on) == 0 {
		return ownPrefix + "/signed-out"
	}
	return ownPrefix + "/signed-out?" + on.Encode()
}

// signInAgain is the link to a new sign-in that leads back to where the person left:
// to a page that was asked for meanwhile, or to the one of the receipt. It names
// origins that are served here and no others.
func (s *Server) signInAgain(q *request, from string) string {
	query := q.URL.Query()
	target := signin.Target{Origin: query.Get("origin"), Path: query.Get("return")}
	if target.Origin == "" {
		target.Origin = string(s.o.Public)
	}
	if u, err := url.Parse(from); target.Path == "" && err == nil && u.Host != "" {
		target = signin.Target{Origin: u.Scheme + "://" + u.Host, Path: u.RequestURI()}
	}
	return s.retryURL(target)
}

// signedOutURL is where a page that was asked for after a sign-out leads: its address
// is kept, so that signing in again leads there.
func (s *Server) signedOutURL(t signin.Target) string {
	query := url.Values{}
	if t.Origin != "" && t.Origin != string(s.o.Public) {
		query.Set("origin", t.Origin)
	}
	if len(query) > 0 || (t.Path != "/" && t.Path != "") {
		query.Set("return", t.Path)
	}
	return s.url(ownPrefix+"/signed-out", query)
}
