package devprovider

import (
	"net/http"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// pendingLogout waits for the person's confirmation.
type pendingLogout struct {
	browser  string
	sid      string // the session that was shown
	returnTo string
	expires  time.Time
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
	if p.rec.SignOut.EndsSSOByDefault != record.Yes {
		p.loggedOut(w, r, pending.returnTo) // and the session stays
		return
	}
	p.finishLogout(w, r, pending.sid, pending.returnTo)
}

// finishLogout ends a session, which may have ended before, tells its clients, and sends the browser
// back. Clients are told before the answer, so that a slow one holds it up.
func (p *Provider) finishLogout(w http.ResponseWriter, r *http.Request, sid, returnTo string) {
	ended, err := p.endBySid(r, sid)
	if err != nil {
		p.failed(w, err)
		return
	}
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

// endBySid ends a session, which may have ended before, and tells its clients.
func (p *Provider) endBySid(r *http.Request, sid string) (*session, error) {
	p.mu.Lock()
	ended := p.state.endSession(sid, p.opts.OfflineOutlivesSession)
	if ended != nil {
		p.counters.Logouts++
	}
	err := p.save()
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if ended != nil {
		p.opts.Logger.Info("signed out")
	}
	p.tell(r.Context(), ended)
	return ended, nil
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
