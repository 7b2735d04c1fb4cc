package devprovider

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	interactionLife = 15 * time.Minute
	maxInteractions = 1000
	maxForm         = 64 << 10
)

// interaction is an authorization request waiting for a person. It is bound to the browser that
// made it, so that nobody can be led into finishing another's sign-in.
type interaction struct {
	id       string
	browser  string // hash of the browser cookie's value
	req      *authRequest
	expires  time.Time
	loggedIn string // sid of the session whose credentials were given in this interaction
	chosen   string // sid of the session that was chosen in this interaction
	agreed   string // sid of the session that agreed in this interaction
	wrong    bool   // the last password was wrong
	typed    string // the username that came with it
}

// step is what a sign-in needs next.
type step int

const (
	stepDone step = iota
	stepLogin
	stepSelect
	stepConsent
)

// next says what is missing before the client gets its code (OIDC Core 3.1.2.3). The caller holds
// p.mu.
func (p *Provider) next(it *interaction, sess *session, now time.Time) step {
	if sess == nil {
		return stepLogin
	}
	fresh := it.loggedIn == sess.SID
	tooOld := it.req.maxAge >= 0 && now.Sub(sess.AuthTime) >= it.req.maxAge
	another := it.req.hintSubject != "" && it.req.hintSubject != sess.Subject
	weak := len(it.req.acr) > 0 && !slices.Contains(it.req.acr, sess.ACR)
	switch {
	case !fresh && (p.asksLogin(it.req, sess) || tooOld || another || weak):
		return stepLogin
	case it.req.asks("select_account") && !fresh && it.chosen != sess.SID:
		return stepSelect
	case it.agreed == sess.SID:
		return stepDone
	case it.req.asks("consent"):
		return stepConsent
	case p.opts.SkipConsent:
		return stepDone
	}
	given := p.state.Consents[consentKey(sess.Subject, it.req.client.ID)]
	for _, scope := range it.req.scope {
		if !slices.Contains(given, scope) {
			return stepConsent
		}
	}
	return stepDone
}

// advance answers with the interaction's next page, or ends it. known says that the interaction is
// registered and its page is being shown; otherwise the browser is sent to that page.
func (p *Provider) advance(w http.ResponseWriter, r *http.Request, it *interaction, known bool) {
	now := p.opts.Now()
	p.mu.Lock()
	sess := p.browserSession(r, now)
	todo := p.next(it, sess, now)
	if todo == stepDone {
		delete(p.interactions, it.id)
	} else if !known && !it.req.asks("none") {
		p.keepInteraction(it, now)
	}
	p.mu.Unlock()

	if todo == stepDone {
		value := p.giveCode(it, sess, now)
		answer := url.Values{p.rec.Client.CodeParam: {value}}
		p.introduce(answer, it.req, sess)
		p.answerAuth(w, r, it.req, answer)
		return
	}
	if it.req.asks("none") {
		code := "login_required"
		if todo == stepConsent {
			code = "consent_required"
		}
		p.answerAuth(w, r, it.req, url.Values{"error": {code}, "error_description": {"prompt=none, and the person would have to be asked"}})
		return
	}
	if !known || r.Method == http.MethodPost && !it.wrong {
		redirect(w, r, p.path+"/interaction/"+it.id)
		return
	}
	p.showStep(w, r, it, sess, todo)
}

// keepInteraction registers it. Abandoned ones must not pile up. The caller holds p.mu.
func (p *Provider) keepInteraction(it *interaction, now time.Time) {
	var oldest *interaction
	for id, other := range p.interactions {
		if !now.Before(other.expires) {
			delete(p.interactions, id)
		} else if oldest == nil || other.expires.Before(oldest.expires) {
			oldest = other
		}
	}
	if len(p.interactions) >= maxInteractions {
		delete(p.interactions, oldest.id)
	}
	p.interactions[it.id] = it
}

// findInteraction returns a copy of the interaction of the request's path if it is this browser's.
func (p *Provider) findInteraction(r *http.Request) *interaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	it := p.interactions[r.PathValue("id")]
	browser, err := r.Cookie(p.cookieName("browser"))
	if it == nil || err != nil || hashOf(browser.Value) != it.browser || !p.opts.Now().Before(it.expires) {
		return nil
	}
	copied := *it
	return &copied
}

func (p *Provider) showInteraction(w http.ResponseWriter, r *http.Request) {
	it := p.findInteraction(r)
	if it == nil {
		p.problem(w, r, http.StatusNotFound, "gone", "")
		return
	}
	p.advance(w, r, it, true)
}

// actOnInteraction takes what a person did on a page: login, select, consent.
func (p *Provider) actOnInteraction(w http.ResponseWriter, r *http.Request) {
	if err := p.crossSite.Check(r); err != nil {
		p.problem(w, r, http.StatusForbidden, "cross_site", "")
		return
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.problem(w, r, http.StatusBadRequest, "bad_request", "")
		return
	}
	it := p.findInteraction(r)
	if it == nil {
		p.problem(w, r, http.StatusNotFound, "gone", "")
		return
	}
	switch r.PathValue("act") {
	case "login":
		p.logIn(w, r, it)
	case "select":
		p.selectAccount(w, r, it)
	case "consent":
		p.consent(w, r, it)
	default:
		p.problem(w, r, http.StatusNotFound, "gone", "")
	}
}

// logIn checks credentials and opens or renews the browser's session. The same person keeps the sid
// and gets a newer auth_time; another person ends the session there was,
// and its clients are told.
func (p *Provider) logIn(w http.ResponseWriter, r *http.Request, it *interaction) {
	now := p.opts.Now()
	p.mu.Lock()
	person, ok := p.personByPassword(r.PostForm.Get("username"), r.PostForm.Get("password"))
	if !ok {
		p.mu.Unlock()
		it.wrong, it.typed = true, r.PostForm.Get("username")
		p.opts.Logger.Info("sign-in refused", "client", it.req.client.ID)
		p.advance(w, r, it, true)
		return
	}
	p.counters.Logins++
	sess := p.browserSession(r, now)
	cookie := ""
	var replaced *session
	if sess == nil || sess.Subject != person.Subject {
		if sess != nil {
			replaced = p.state.endSession(sess.SID, p.opts.OfflineOutlivesSession)
		}
		cookie = randomValue()
		sess = &session{SID: randomValue(), Cookie: hashOf(cookie), Subject: person.Subject}
	}
	sess.AuthTime, sess.Expires = now, now.Add(p.opts.SessionLife)
	sess.Forced = sess.Forced || p.asksForce(it.req)
	if len(p.opts.ACRs) > 0 {
		sess.ACR = append(slices.Clone(it.req.acr), p.opts.ACRs[0])[0]
	}
	p.state.Sessions[sess.SID] = sess
	it.loggedIn = sess.SID
	p.updateInteraction(it)
	err := p.save()
	p.mu.Unlock()
	if err != nil {
		p.failed(w, err)
		return
	}
	p.tell(r.Context(), replaced)
	if cookie != "" {
		p.setCookie(w, "session", cookie)
		// The rest of this request must see the new session.
		r = withCookie(r, p.cookieName("session"), cookie)
	}
	p.opts.Logger.Info("signed in", "person", person.Username, "client", it.req.client.ID)
	p.advance(w, r, it, true)
}

// updateInteraction puts a changed copy back, unless another tab has ended it. The caller holds p.mu.
func (p *Provider) updateInteraction(it *interaction) {
	if _, ok := p.interactions[it.id]; ok {
		p.interactions[it.id] = it
	}
}

func (p *Provider) selectAccount(w http.ResponseWriter, r *http.Request, it *interaction) {
	p.mu.Lock()
	sess := p.browserSession(r, p.opts.Now())
	if r.PostForm.Get("account") == "other" || sess == nil || sess.Subject != r.PostForm.Get("account") {
		// Another account wants its password, whatever else the request asked for.
		changed := *it.req
		changed.prompt = append(slices.Clone(changed.prompt), anotherAccount)
		it.req = &changed
	} else {
		it.chosen = sess.SID
	}
	p.updateInteraction(it)
	p.mu.Unlock()
	p.advance(w, r, it, true)
}

func (p *Provider) consent(w http.ResponseWriter, r *http.Request, it *interaction) {
	now := p.opts.Now()
	if r.PostForm.Get("answer") != "allow" {
		p.mu.Lock()
		delete(p.interactions, it.id)
		p.mu.Unlock()
		p.answerAuth(w, r, it.req, url.Values{"error": {"access_denied"}, "error_description": {"the person did not agree"}})
		return
	}
	p.mu.Lock()
	sess := p.browserSession(r, now)
	var err error
	// The page that was agreed to named one person; it must still be the one signed in.
	if sess != nil && sess.Subject == r.PostForm.Get("account") {
		key := consentKey(sess.Subject, it.req.client.ID)
		scopes := append(slices.Clone(p.state.Consents[key]), it.req.scope...)
		slices.Sort(scopes)
		p.state.Consents[key] = slices.Compact(scopes)
		it.agreed = sess.SID
		p.updateInteraction(it)
		err = p.save()
	}
	p.mu.Unlock()
	if err != nil {
		p.failed(w, err)
		return
	}
	p.advance(w, r, it, true)
}
