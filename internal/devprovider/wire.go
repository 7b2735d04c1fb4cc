package devprovider

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/cardea-auth/cardea/internal/record"
)

// readTokenRequest reads what a server asks at the token endpoint, written as the record says, and
// gives its parameters the names of RFC 6749. One that comes under a standard name where the
// provider has its own is not understood.
func (p *Provider) readTokenRequest(r *http.Request) (url.Values, *tokenError) {
	var raw url.Values
	var refused *tokenError
	switch p.rec.Client.TokenBody {
	case record.TokenBodyJSON:
		raw, refused = readJSON(r)
	case record.TokenBodyQuery:
		raw = r.URL.Query()
	default:
		if refused = p.readForm(r); refused == nil {
			raw = r.PostForm
		}
	}
	if refused != nil {
		return nil, refused
	}
	if refused := p.headersSent(r); refused != nil {
		return nil, refused
	}
	own := map[string]string{}
	for standard, name := range p.rec.Client.TokenNames {
		own[name] = standard
	}
	params := url.Values{}
	for name, values := range raw {
		standard, renamed := own[name]
		if _, replaced := p.rec.Client.TokenNames[name]; renamed {
			params[standard] = values
		} else if !replaced {
			params[name] = values
		}
	}
	return params, nil
}

// readJSON reads a JSON body whose members are texts.
func readJSON(r *http.Request) (url.Values, *tokenError) {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		return nil, badRequest("invalid_request", "the body is not JSON")
	}
	var doc map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxForm)).Decode(&doc); err != nil {
		return nil, badRequest("invalid_request", "the body is not a JSON object")
	}
	params := url.Values{}
	for name, value := range doc {
		text, ok := value.(string)
		if !ok {
			return nil, badRequest("invalid_request", name+" is no text")
		}
		params.Set(name, text)
	}
	return params, nil
}

// readForm is readBackchannelForm, where credentials may also stand in the URL if the record wants
// them there.
func (p *Provider) readForm(r *http.Request) *tokenError {
	if p.strict && p.rec.Client.Auth == record.AuthQuery {
		query := r.URL.RawQuery
		defer func() { r.URL.RawQuery = query }()
		r.URL.RawQuery = ""
	}
	return readBackchannelForm(r)
}

// headersSent demands the headers that the record says are sent with every request.
func (p *Provider) headersSent(r *http.Request) *tokenError {
	if !p.strict {
		return nil
	}
	for name, value := range p.rec.Client.Headers {
		if r.Header.Get(name) != value {
			return badRequest("invalid_request", "the header "+name+" is not as it should be")
		}
	}
	return nil
}

// answerToken writes a good answer of the token endpoint by the provider's own names.
func (p *Provider) answerToken(w http.ResponseWriter, body map[string]any) {
	c := p.rec.Client
	named := map[string]any{}
	for name, value := range body {
		if own := c.TokenNames[name]; own != "" {
			name = own
		}
		named[name] = value
	}
	if c.TokenEnvelope != "" {
		outer := map[string]any{}
		put(outer, c.TokenEnvelope, named)
		named = outer
	}
	p.markGood(named)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if c.TokenReply != record.TokenReplyForm {
		writeJSON(w, http.StatusOK, named)
		return
	}
	writeForm(w, http.StatusOK, named)
}

func writeForm(w http.ResponseWriter, status int, body map[string]any) {
	form := url.Values{}
	for name, value := range body {
		form.Set(name, fmt.Sprint(value))
	}
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(form.Encode())) // a client that has gone is not told
}

// markGood says in an answer that it is no error, where the provider says so in every answer.
func (p *Provider) markGood(body map[string]any) {
	if c := p.rec.Client; c.ErrorIn200 == record.Yes && c.ErrorUnless != "" {
		body[c.ErrorParam] = marker(c.ErrorUnless)
	}
}

// marker is a value as JSON writes it: a truth value, a number or a text.
func marker(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if b, err := strconv.ParseBool(text); err == nil {
		return b
	}
	return text
}

// errorBody is an error's status and body. Where errors come with status 200 and one member tells
// them from good answers, that member says the opposite of good.
func (p *Provider) errorBody(status int, code, description string) (int, map[string]any) {
	code = p.ownCode(code)
	body := map[string]any{"error": code, "error_description": description}
	if !p.strict {
		return status, body
	}
	c := p.rec.Client
	if c.ErrorIn200 != record.Yes {
		if c.ErrorParam != "" && c.ErrorParam != "error" {
			delete(body, "error")
			body[c.ErrorParam] = code
		}
		return status, body
	}
	switch good := marker(c.ErrorUnless).(type) {
	case bool:
		body[c.ErrorParam] = !good
	case int:
		body[c.ErrorParam] = good + 40029
		if n, err := strconv.Atoi(code); err == nil { // its codes are all that it says
			body[c.ErrorParam] = n
			delete(body, "error")
		}
	default:
		if c.ErrorUnless == "" {
			delete(body, "error")
		}
		body[c.ErrorParam] = code
	}
	return http.StatusOK, body
}

// ownCode is the provider's own code for an error, where it has one.
func (p *Provider) ownCode(code string) string {
	for _, own := range slices.Sorted(maps.Keys(p.rec.Client.ErrorNames)) {
		if p.rec.Client.ErrorNames[own] == code {
			return own
		}
	}
	return code
}

// refusePerson is an error of an endpoint that tells of a person (RFC 6750 section 3.1).
func (p *Provider) refusePerson(w http.ResponseWriter, named bool) {
	w.Header().Set("Cache-Control", "no-store")
	challenge := `Bearer realm="development provider"`
	if named {
		challenge += `, error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	status, body := p.errorBody(http.StatusUnauthorized, "invalid_token", "the token is not good for this")
	writeJSON(w, status, body)
}

// bearer is the access token of a request for a person's data, from the only place where the
// provider looks for it.
func (p *Provider) bearer(r *http.Request) string {
	c := p.rec.Client
	switch {
	case c.BearerHeader != "":
		return r.Header.Get(c.BearerHeader)
	case c.BearerParam != "":
		return r.URL.Query().Get(c.BearerParam)
	}
	if value, ok := bearerOf(r); ok || p.strict {
		return value
	}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
		return r.PostFormValue("access_token")
	}
	return ""
}
