package devprovider

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// logoutRequest is a checked request at the end-session endpoint.
type logoutRequest struct {
	hinted   bool
	sid      string // of the hint; empty without one, or where ID tokens have none
	subject  string // of the hint
	named    bool   // by another parameter than the hint: the session is this browser's
	client   Client // zero if none is named
	returnTo string // registered return address with state, or empty
}

// fits tells whether the request proves that it means this session.
func (q *logoutRequest) fits(here *session) bool {
	switch {
	case q.named:
		return true
	case !q.hinted:
		return false
	case q.sid != "":
		return q.sid == here.SID
	}
	return q.subject == here.Subject
}

// endSession is the end-session endpoint, GET and POST (RP-Initiated Logout 1.0), or what stands in
// for it at a provider with parameters of its own. Without a record it asks the
// person where the request does not prove that it means this browser's sign-in, that is without a
// hint, or with the hint of another session.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.problem(w, r, http.StatusBadRequest, "bad_request", "")
		return
	}
	p.mu.Lock()
	here := p.browserSession(r, p.opts.Now())
	of := Request{}
	if here != nil {
		of.Username = p.usernameOf(here.Subject)
	}
	p.mu.Unlock()
	if r.Method == http.MethodPost && r.PostForm.Has("refresh_token") && p.strict {
		p.endByRefreshToken(w, r)
		return
	}
	req, reason := p.readLogout(r, here)
	of.Client, of.Refused = req.client.ID, reason
	if of.Username == "" && req.subject != "" {
		p.mu.Lock()
		of.Username = p.usernameOf(req.subject)
		p.mu.Unlock()
	}
	p.note(EndSession, r, r.Form, of)
	switch {
	case reason != "":
		p.problem(w, r, http.StatusBadRequest, "bad_logout", reason)
	case here == nil && (!req.hinted || p.rec.SignOut.ServerCall != record.ServerHint):
		p.loggedOut(w, r, req.returnTo)
	case here != nil && p.confirms(&req, here):
		p.askLogout(w, r, req, here)
	case p.rec.SignOut.EndsSSOByDefault != record.Yes:
		p.loggedOut(w, r, req.returnTo) // and the session stays
	case here != nil:
		p.finishLogout(w, r, here.SID, req.returnTo)
	default: // no browser: the server-side call
		p.finishLogout(w, r, p.hinted(&req), req.returnTo)
	}
}

// hinted finds the session that a hint alone is about.
func (p *Provider) hinted(req *logoutRequest) string {
	if req.sid != "" {
		return req.sid
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for sid, sess := range p.state.Sessions {
		if sess.Subject == req.subject {
			return sid
		}
	}
	return ""
}

// confirms tells whether the person is asked before anything ends. Where nobody knows when a
// provider asks, it always does.
func (p *Provider) confirms(req *logoutRequest, here *session) bool {
	when := p.rec.SignOut.ConfirmPageWhen
	switch {
	case slices.Contains(when, record.ConfirmAlways), slices.Contains(when, record.ConfirmUnknown):
		return true
	case !req.hinted && !req.named:
		return slices.Contains(when, record.ConfirmNoHint)
	}
	return !req.fits(here) && slices.Contains(when, record.ConfirmOtherSession)
}

// readLogout checks the parameters by the record's names; reason says what is wrong with them.
func (p *Provider) readLogout(r *http.Request, here *session) (req logoutRequest, reason string) {
	form := r.Form
	for name, values := range form {
		if len(values) > 1 {
			return req, name + " is given twice"
		}
	}
	if r.Method == http.MethodPost && p.rec.SignOut.PostOK != record.Yes {
		return req, "the call is a GET"
	}
	if reason = p.ownParams(form); reason != "" {
		return req, reason
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if reason = p.readLogoutHint(&req, form, here); reason != "" {
		return req, reason
	}
	if id := p.param(form, "client_id"); id != "" {
		client, ok := p.clients[id]
		if !ok {
			return req, "client_id is unknown"
		}
		if req.client.ID != "" && req.client.ID != id {
			return req, "client_id and the hint do not agree"
		}
		req.client = client
	}
	uri := p.param(form, "return_url")
	if uri == "" {
		return req, ""
	}
	if !p.returnable(&req, uri) {
		if p.rec.SignOut.Kind == record.SignOutPortal {
			return req, "" // people are signed out there all the same, and stay
		}
		return req, "the return address is not registered"
	}
	params := url.Values{}
	if state := p.param(form, "state"); state != "" && p.rec.SignOut.ReturnsState == record.Yes {
		params.Set("state", state)
	}
	req.returnTo = withParams(uri, params)
	return req, ""
}

// ownParams refuses, at a provider with names of its own, parameters that it does not have, and
// demands those of a fixed value.
func (p *Provider) ownParams(form url.Values) (reason string) {
	s := p.rec.SignOut
	if s.Kind != record.SignOutCustom {
		return ""
	}
	for name := range form {
		_, known := s.Params[name]
		_, upstream := s.UpstreamParams[name]
		if !known && !upstream && name != p.slot("return_url") {
			return name + " is not a parameter of this call"
		}
	}
	for name, template := range s.Params {
		if !strings.Contains(template, "{") && form.Get(name) != template {
			return name + " is missing or wrong"
		}
	}
	return ""
}

// slot is the name of the parameter that carries a value of the record's template.
func (p *Provider) slot(value string) string {
	names := map[string]string{}
	for name, template := range p.rec.SignOut.Params {
		names[template] = name
	}
	if name, ok := names["{"+value+"}"]; ok {
		return name
	}
	_, query, _ := strings.Cut(p.rec.Endpoints.EndSession, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if name, template, _ := strings.Cut(pair, "="); template == "{"+value+"}" {
			return name
		}
	}
	return ""
}

// param is a parameter of the call by what it carries; "" where the record has none such.
func (p *Provider) param(form url.Values, value string) string {
	if name := p.slot(value); name != "" {
		return form.Get(name)
	}
	return ""
}

// readLogoutHint reads what names the session: the ID token, the session's id or the claim that the
// record has for it. The caller holds p.mu.
func (p *Provider) readLogoutHint(req *logoutRequest, form url.Values, here *session) (reason string) {
	s := p.rec.SignOut
	if here != nil {
		sid, hint := p.param(form, "sid"), p.param(form, "logout_hint")
		req.named = sid != "" && sid == here.SID || hint != "" && hint == logoutHint(here.Subject)
	}
	raw := p.param(form, "id_token_hint")
	if raw == "" {
		if s.Hint == record.HintRequired {
			return "the hint is missing"
		}
		return ""
	}
	h, err := p.readHint(raw)
	if err != nil || len(h.Audience) == 0 || h.SID == "" && p.sid() {
		return "the hint is not valid"
	}
	if s.HintExpiredOK != record.Yes && p.opts.Now().Unix() >= h.Expiry {
		return "the hint has expired"
	}
	client, ok := p.clients[h.Audience[0]]
	if !ok {
		return "the hint is for another client"
	}
	req.hinted, req.sid, req.subject, req.client = true, h.SID, h.Subject, client
	return ""
}

// returnable tells whether the browser may be sent back to an address: it is in the list that the
// record names, of the client that the request names, or of any where the call can name none. The
// caller holds p.mu.
func (p *Provider) returnable(req *logoutRequest, uri string) bool {
	if p.rec.SignOut.ReturnRegistered == record.RegisteredNone {
		return true
	}
	clients := []Client{req.client}
	if p.slot("client_id") == "" && p.slot("id_token_hint") == "" {
		clients = nil
		for _, c := range p.clients {
			clients = append(clients, c)
		}
	}
	return slices.ContainsFunc(clients, func(c Client) bool {
		list := c.PostLogoutRedirectURIs
		if p.rec.SignOut.ReturnRegistered == record.RegisteredRedirect {
			list = c.RedirectURIs
		}
		return slices.ContainsFunc(list, func(registered string) bool { return p.matches(registered, uri) })
	})
}

// matches compares a return address with a registered one as the record says, and exactly where it
// does not know.
func (p *Provider) matches(registered, uri string) bool {
	switch p.rec.SignOut.ReturnMatch {
	case record.ReturnMatchPattern:
		pattern, err := regexp.Compile("^(?:" + registered + ")$")
		return err == nil && pattern.MatchString(uri)
	case record.ReturnMatchOrigin:
		return originOf(registered) == originOf(uri) && originOf(uri) != ""
	}
	return registered == uri
}

// endByRefreshToken is a server's call: a POST of the refresh token with client authentication.
func (p *Provider) endByRefreshToken(w http.ResponseWriter, r *http.Request) {
	of := Request{Username: p.holder(r.PostForm)}
	client, refused := p.authenticate(r, r.PostForm)
	if refused == nil && p.rec.SignOut.ServerCall != record.ServerRefreshToken {
		refused = badRequest("invalid_request", "there is no such call")
	}
	sid := ""
	if refused == nil {
		p.mu.Lock()
		_, g := p.state.liveToken(r.PostForm.Get("refresh_token"), refreshToken, p.opts.Now())
		p.mu.Unlock()
		if g == nil || g.ClientID != client.ID {
			refused = badRequest("invalid_grant", "the refresh token is unknown")
		} else {
			sid = g.SID
		}
	}
	if refused != nil {
		of.Refused = refused.code
		p.note(EndSession, r, r.Form, of)
		p.sendTokenError(w, r, refused)
		return
	}
	of.Client = client.ID
	p.note(EndSession, r, r.Form, of)
	if _, err := p.endBySid(r, sid); err != nil {
		p.failed(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
