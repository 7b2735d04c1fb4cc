package devprovider

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// logoutRequest is a checked request at the end-session endpoint.
type logoutRequest struct {
	sid      string // of the hint; empty without one
	subject  string // of the hint
	client   Client // zero if none is named
	returnTo string // registered post_logout_redirect_uri with state, or empty
}

// pendingLogout waits for the person's confirmation.
type pendingLogout struct {
	browser  string
	sid      string // the session that was shown
	returnTo string
	expires  time.Time
}

// endSession is the end-session endpoint, GET and POST (RP-Initiated Logout 1.0). As Keycloak does,
// it asks the person where the request does not prove that it means this browser's sign-in: without
// a hint, or with the hint of another session.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.problem(w, r, http.StatusBadRequest, "bad_request", "")
		return
	}
	req, reason := p.readLogout(r.Form)
	if reason != "" {
		p.problem(w, r, http.StatusBadRequest, "bad_logout", reason)
		return
	}
	p.mu.Lock()
	here := p.browserSession(r, p.opts.Now())
	p.mu.Unlock()
	switch {
	case here == nil && req.sid == "":
		p.loggedOut(w, r, req.returnTo)
	case here != nil && (req.sid != here.SID || p.opts.AlwaysConfirmLogout):
		p.askLogout(w, r, req, here)
	default:
		// The hint names this browser's session, or the browser has none: the server-side call.
		p.finishLogout(w, r, req.sid, req.returnTo)
	}
}

// readLogout checks the parameters; reason says what is wrong with them.
func (p *Provider) readLogout(form url.Values) (req logoutRequest, reason string) {
	for name, values := range form {
		if len(values) > 1 {
			return req, name + " is given twice"
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clientID := form.Get("client_id")
	if raw := form.Get("id_token_hint"); raw != "" {
		h, err := p.readHint(raw)
		if err != nil || h.SID == "" || len(h.Audience) == 0 {
			return req, "id_token_hint is not valid"
		}
		if clientID != "" && !slices.Contains(h.Audience, clientID) {
			return req, "client_id and id_token_hint do not agree"
		}
		clientID = h.Audience[0]
		req.sid, req.subject = h.SID, h.Subject
	}
	if clientID != "" {
		client, ok := p.clients[clientID]
		if !ok {
			return req, "client_id is unknown"
		}
		req.client = client
	}
	uri := form.Get("post_logout_redirect_uri")
	if uri == "" {
		return req, ""
	}
	if req.client.ID == "" {
		return req, "post_logout_redirect_uri needs id_token_hint or client_id"
	}
	if !slices.Contains(req.client.PostLogoutRedirectURIs, uri) {
		return req, "post_logout_redirect_uri is not registered"
	}
	params := url.Values{}
	if state := form.Get("state"); state != "" {
		params.Set("state", state)
	}
	req.returnTo = withParams(uri, params)
	return req, ""
}

// askLogout shows the confirmation page. Nothing has ended yet.
func (p *Provider) askLogout(w http.ResponseWriter, r *http.Request, req logoutRequest, here *session) {
	now := p.opts.Now()
	id := randomValue()
	pending := &pendingLogout{
		browser: hashOf(p.browserID(w, r)), sid: here.SID,
		returnTo: req.returnTo, expires: now.Add(interactionLife),
	}
	p.mu.Lock()
	for old, other := range p.logouts {
		if !now.Before(other.expires) || len(p.logouts) >= maxInteractions {
			delete(p.logouts, old)
		}
	}
	p.logouts[id] = pending
	person, _ := p.personBySubject(here.Subject)
	p.mu.Unlock()
	p.render(w, r, http.StatusOK, "logout", pageData{
		Action: p.path + "/end-session/confirm/" + id, Person: person, Client: req.client.title(),
		Another: req.sid != "" && req.sid != here.SID,
	})
}

// confirmLogout takes the answer of the confirmation page and ends the session it showed.
func (p *Provider) confirmLogout(w http.ResponseWriter, r *http.Request) {
	if err := p.crossSite.Check(r); err != nil {
		p.problem(w, r, http.StatusForbidden, "cross_site", "")
		return
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	browser, err := r.Cookie(p.cookieName("browser"))
	id := r.PathValue("id")
	p.mu.Lock()
	pending := p.logouts[id]
	mine := pending != nil && err == nil && hashOf(browser.Value) == pending.browser && p.opts.Now().Before(pending.expires)
	if mine {
		delete(p.logouts, id)
	}
	p.mu.Unlock()
	if !mine {
		p.problem(w, r, http.StatusNotFound, "gone", "")
		return
	}
	if r.PostFormValue("answer") != "yes" {
		redirect(w, r, p.path+"/")
		return
	}
	p.finishLogout(w, r, pending.sid, pending.returnTo)
}

// finishLogout ends a session, which may have ended before, tells its clients, and sends the browser
// back. Clients are told before the answer, so that a slow one holds it up, as at Keycloak.
func (p *Provider) finishLogout(w http.ResponseWriter, r *http.Request, sid, returnTo string) {
	p.mu.Lock()
	ended := p.state.endSession(sid, p.opts.OfflineOutlivesSession)
	if ended != nil {
		p.counters.Logouts++
	}
	err := p.save()
	p.mu.Unlock()
	if err != nil {
		p.failed(w, err)
		return
	}
	if ended != nil {
		p.opts.Logger.Info("signed out")
	}
	p.tell(r.Context(), ended)
	// A cookie that came along names the session just ended, or one that ended before.
	if _, err := r.Cookie(p.cookieName("session")); err == nil {
		p.setCookie(w, "session", "")
	}
	if frames := p.frames(ended); len(frames) > 0 {
		p.render(w, r, http.StatusOK, "frontchannel", pageData{Frames: frames, Action: returnTo})
		return
	}
	p.loggedOut(w, r, returnTo)
}

func (p *Provider) loggedOut(w http.ResponseWriter, r *http.Request, returnTo string) {
	w.Header().Set("Cache-Control", "no-store")
	if returnTo != "" {
		redirect(w, r, returnTo)
		return
	}
	p.render(w, r, http.StatusOK, "loggedout", pageData{})
}

// signOutHere ends the browser's own session from the home page: a person who signs out at the
// provider itself.
func (p *Provider) signOutHere(w http.ResponseWriter, r *http.Request) {
	if err := p.crossSite.Check(r); err != nil {
		p.problem(w, r, http.StatusForbidden, "cross_site", "")
		return
	}
	p.mu.Lock()
	here := p.browserSession(r, p.opts.Now())
	p.mu.Unlock()
	if here == nil {
		redirect(w, r, p.path+"/")
		return
	}
	p.finishLogout(w, r, here.SID, p.base+"/")
}
