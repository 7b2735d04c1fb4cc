package devprovider

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// authRequest is an authorization request that may be answered at its redirect URI.
type authRequest struct {
	client       Client
	redirectURI  string
	responseMode string
	state        string
	nonce        string
	scope        []string
	prompt       []string
	maxAge       time.Duration // negative: not asked
	loginHint    string
	hintSubject  string // subject of id_token_hint
	challenge    string
	acr          []string   // the classes asked for that are known
	params       url.Values // as they came, by the names of RFC 6749
}

func (a *authRequest) asks(prompt string) bool { return slices.Contains(a.prompt, prompt) }

// authError is an error answer at the redirect URI (RFC 6749 section 4.1.2.1, OIDC Core 3.1.2.6).
type authError struct{ code, description string }

func (e *authError) Error() string { return e.code + ": " + e.description }

func refuse(code, description string) *authError { return &authError{code, description} }

// authorize is the authorization endpoint, GET and POST (OIDC Core 3.1.2.1).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.problem(w, r, http.StatusBadRequest, "bad_request", "")
		return
	}
	now := p.opts.Now()
	form := p.standardNames(r.Form)
	p.mu.Lock()
	p.counters.Authorizations++
	p.state.sweep(now)
	req, reason := p.redirectTarget(form)
	p.mu.Unlock()
	if req == nil {
		p.note(Authorize, r, r.Form, Request{Refused: "bad_client"})
		// Nothing here proves that the redirect URI is the client's: the person is told, nobody else.
		p.problem(w, r, http.StatusBadRequest, "bad_client", reason)
		return
	}
	err := p.readAuthRequest(req, form)
	if err == nil && p.strict {
		err = p.readByRecord(req, r.Form)
	}
	of := Request{Client: req.client.ID}
	if err != nil {
		of.Refused = err.code
	}
	p.note(Authorize, r, r.Form, of)
	if err != nil {
		p.answerAuth(w, r, req, url.Values{"error": {err.code}, "error_description": {err.description}})
		return
	}
	browser := p.browserID(w, r)
	it := &interaction{id: randomValue(), browser: hashOf(browser), req: req, expires: now.Add(interactionLife)}
	p.advance(w, r, it, false)
}

// redirectTarget finds the client and checks redirect_uri, state and response_mode: what must hold
// before anything is sent to the redirect URI. The caller holds p.mu.
func (p *Provider) redirectTarget(form url.Values) (*authRequest, string) {
	for _, name := range []string{"client_id", "redirect_uri", "state", "response_mode"} {
		if len(form[name]) > 1 {
			return nil, name + " is given twice"
		}
	}
	client, ok := p.clients[form.Get("client_id")]
	if !ok {
		return nil, "client_id is unknown"
	}
	if !slices.Contains(client.RedirectURIs, form.Get("redirect_uri")) {
		return nil, fmt.Sprintf("redirect_uri is not registered for %q", client.ID)
	}
	return &authRequest{
		client:       client,
		redirectURI:  form.Get("redirect_uri"),
		responseMode: form.Get("response_mode"),
		state:        form.Get("state"),
		params:       form,
	}, ""
}

// readAuthRequest reads the rest of the request.
func (p *Provider) readAuthRequest(req *authRequest, form url.Values) *authError {
	for name, values := range form {
		if len(values) > 1 {
			return refuse("invalid_request", name+" is given twice")
		}
	}
	switch {
	case form.Get("response_type") != "code":
		return refuse("unsupported_response_type", "response_type must be code")
	case form.Has("request"):
		return refuse("request_not_supported", "request objects are not supported")
	case form.Has("request_uri"):
		return refuse("request_uri_not_supported", "request objects are not supported")
	case !slices.Contains([]string{"", "query", "form_post"}, req.responseMode):
		req.responseMode = ""
		return refuse("invalid_request", "response_mode must be query or form_post")
	}
	req.scope = strings.Fields(form.Get("scope"))
	if slices.Contains(p.rec.Scopes, "openid") && !slices.Contains(req.scope, "openid") {
		return refuse("invalid_scope", "scope must contain openid")
	}
	req.nonce = form.Get("nonce")
	req.loginHint = form.Get("login_hint")
	for _, class := range strings.Fields(form.Get("acr_values")) {
		if slices.Contains(p.opts.ACRs, class) {
			req.acr = append(req.acr, class)
		}
	}
	if err := p.readChallenge(req, form); err != nil {
		return err
	}
	if err := p.readPrompt(req, form); err != nil {
		return err
	}
	return p.readHints(req, form)
}

// readChallenge reads the PKCE parameters (RFC 7636 section 4.3). plain is not supported.
func (p *Provider) readChallenge(req *authRequest, form url.Values) *authError {
	req.challenge = form.Get("code_challenge")
	if p.rec.Client.PKCE == record.PKCEOff {
		if form.Has("code_challenge") || form.Has("code_challenge_method") {
			return refuse("invalid_request", "code_challenge is not known here")
		}
		return nil
	}
	if req.challenge == "" {
		if p.opts.RequirePKCE || req.client.public() || p.strict {
			return refuse("invalid_request", "code_challenge is required")
		}
		if form.Has("code_challenge_method") {
			return refuse("invalid_request", "code_challenge is missing")
		}
		return nil
	}
	if form.Get("code_challenge_method") != "S256" {
		return refuse("invalid_request", "code_challenge_method must be S256")
	}
	if len(req.challenge) != 43 {
		return refuse("invalid_request", "code_challenge is not an S256 challenge")
	}
	return nil
}

func (p *Provider) readPrompt(req *authRequest, form url.Values) *authError {
	for _, value := range strings.Fields(form.Get("prompt")) {
		if slices.Contains(p.opts.Prompts, value) {
			req.prompt = append(req.prompt, value)
		} else if p.rec.Prompt.Unknown != record.PromptUnknownIgnored {
			return refuse("invalid_request", "prompt has a value that is not supported")
		}
	}
	if req.asks("none") && len(req.prompt) > 1 {
		return refuse("invalid_request", "prompt=none goes with no other value")
	}
	return nil
}

func (p *Provider) readHints(req *authRequest, form url.Values) *authError {
	req.maxAge = -1
	if value := form.Get("max_age"); value != "" {
		seconds, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return refuse("invalid_request", "max_age is not a number of seconds")
		}
		if p.strict && seconds == 0 {
			return refuse("invalid_request", "max_age=0 is never satisfied")
		}
		if p.forces(record.FreshByMaxAge, record.FreshByPromptAndMaxAge) {
			req.maxAge = time.Duration(seconds) * time.Second
		}
	}
	if raw := form.Get("id_token_hint"); raw != "" {
		p.mu.Lock()
		h, err := p.readHint(raw)
		p.mu.Unlock()
		if err != nil {
			return refuse("invalid_request", "id_token_hint is not valid")
		}
		req.hintSubject = h.Subject
	}
	return nil
}

// answerAuth sends an authorization response, with iss (RFC 9207 section 2).
func (p *Provider) answerAuth(w http.ResponseWriter, r *http.Request, req *authRequest, params url.Values) {
	if req.state != "" {
		params.Set("state", req.state)
	}
	if iss := p.responseIssuer(); iss != "" {
		params.Set("iss", p.follow(r, iss))
	}
	if change := p.faults().AuthorizeResponse; change != nil {
		change(params)
	}
	if req.responseMode == "form_post" {
		p.formPost(w, r, req, params)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	redirect(w, r, withParams(req.redirectURI, params))
}

// withParams adds parameters to a registered URI, keeping its own query as it is.
func withParams(uri string, params url.Values) string {
	if len(params) == 0 {
		return uri
	}
	if strings.Contains(uri, "?") {
		return uri + "&" + params.Encode()
	}
	return uri + "?" + params.Encode()
}

// redirect sends the browser on by GET, after a POST too.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	// Not http.Redirect: it would clean the path of a URI that must go out as it was registered.
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}

// giveCode ends an interaction with an authorization code.
func (p *Provider) giveCode(it *interaction, sess *session, now time.Time) string {
	value := randomValue()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropOldCodes(now)
	p.codes[hashOf(value)] = &code{
		grant: &grant{
			ID:       randomValue(),
			ClientID: it.req.client.ID,
			Subject:  sess.Subject,
			SID:      sess.SID,
			Scope:    it.req.scope,
			AuthTime: sess.AuthTime,
			ACR:      sess.ACR,
			Expires:  now.Add(max(p.opts.RefreshTokenLife, p.opts.AccessTokenLife)),

			RedirectURI: it.req.redirectURI,
			Refreshable: p.refreshable(it.req),
		},
		redirectURI: it.req.redirectURI,
		challenge:   it.req.challenge,
		nonce:       it.req.nonce,
		expires:     now.Add(p.opts.CodeLife),
	}
	return value
}

// dropOldCodes forgets codes some time after their end; used ones are kept until then so that a
// replay is noticed. The caller holds p.mu.
func (p *Provider) dropOldCodes(now time.Time) {
	for hash, c := range p.codes {
		if now.After(c.expires.Add(10 * time.Minute)) {
			delete(p.codes, hash)
		}
	}
}
