package devprovider

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// anotherAccount stands among an interaction's prompts for a person who wants another account than
// the browser's.
const anotherAccount = "another account"

// asksLogin tells whether a request, or the person in it, wants credentials to be given again: by the
// prompt that the record says forces it, where a prompt does. Where the record wants max_age beside
// it, the prompt works once per session, as was seen of one provider.
func (p *Provider) asksLogin(req *authRequest, sess *session) bool {
	if req.asks(anotherAccount) {
		return true
	}
	if !p.forces(record.FreshByPrompt, record.FreshByPromptAndMaxAge) {
		return false
	}
	if p.strict && sess.Forced && p.forces(record.FreshByPromptAndMaxAge) {
		return false
	}
	return p.asksForce(req)
}

// asksForce tells whether a request has a prompt that forces a sign-in where one does.
func (p *Provider) asksForce(req *authRequest) bool {
	force := string(p.rec.FreshLogin.Prompt)
	return req.asks("login") || req.asks("create") || force != "none" && force != "" && req.asks(force)
}

// standardNames gives the parameters of an authorization request the names of RFC 6749. One that
// comes under a standard name where the provider has its own is not understood.
func (p *Provider) standardNames(form url.Values) url.Values {
	names := p.rec.Client.AuthorizeNames
	if len(names) == 0 {
		return form
	}
	out := url.Values{}
	for name, values := range form {
		if _, replaced := names[name]; !replaced {
			out[name] = values
		}
	}
	for standard, own := range names {
		if values, ok := form[own]; ok {
			out[standard] = values
		}
	}
	return out
}

// readByRecord holds a request against what the record says of them: the parameters that every one
// has, scopes that exist, and the way the answer goes.
func (p *Provider) readByRecord(req *authRequest, raw url.Values) *authError {
	for name, value := range p.rec.Client.AuthorizeParams {
		if raw.Get(name) != value {
			return refuse("invalid_request", name+" is missing or wrong")
		}
	}
	known := p.knownScopes()
	for _, scope := range req.scope {
		if !slices.Contains(known, scope) {
			return refuse("invalid_scope", "one of the scopes is not known")
		}
	}
	want, got := string(p.rec.Client.ResponseMode), req.responseMode
	if got == "" {
		got = "query"
	}
	if want != got {
		req.responseMode = strings.TrimPrefix(want, "query")
		return refuse("invalid_request", "response_mode must be "+want)
	}
	return nil
}

// knownScopes are the scopes that the record names: there are no others.
func (p *Provider) knownScopes() []string {
	known := slices.Concat(p.rec.Scopes, p.rec.Refresh.Needs.Scopes)
	if scope := p.rec.Claims.Groups.Scope; scope != "" {
		known = append(known, scope)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// introduce adds what a person lets the provider tell, the first time that a client hears of the
// person and never again.
func (p *Provider) introduce(answer url.Values, req *authRequest, sess *session) {
	name := p.rec.Client.UserParam
	if name == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	person, ok := p.personBySubject(sess.Subject)
	key := consentKey(sess.Subject, req.client.ID)
	if !ok || p.introduced[key] {
		return
	}
	p.introduced[key] = true
	text, err := json.Marshal(p.told(person))
	if err == nil {
		answer.Set(name, string(text))
	}
}
