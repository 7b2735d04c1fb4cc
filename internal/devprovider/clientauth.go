package devprovider

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
)

// Client authentication methods (OIDC Core 9).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
)

// tokenError is an error answer of the token and revocation endpoints (RFC 6749 section 5.2).
type tokenError struct {
	status      int
	code        string
	description string
	challenge   bool // answer with WWW-Authenticate: Basic
}

func badRequest(code, description string) *tokenError {
	return &tokenError{status: http.StatusBadRequest, code: code, description: description}
}

func (p *Provider) sendTokenError(w http.ResponseWriter, r *http.Request, e *tokenError) {
	p.opts.Logger.Info("request refused", "path", r.URL.Path, "error", e.code, "reason", e.description)
	if e.challenge {
		w.Header().Set("WWW-Authenticate", `Basic realm="development provider"`)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, e.status, map[string]string{"error": e.code, "error_description": e.description})
}

// readBackchannelForm parses a form post, refusing repeated parameters (RFC 6749 section 3.2) and
// parameters in the URL, which would put secrets into logs.
func readBackchannelForm(r *http.Request) *tokenError {
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return badRequest("invalid_request", "the body is not a form")
	}
	if r.URL.RawQuery != "" {
		return badRequest("invalid_request", "parameters belong in the body")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return badRequest("invalid_request", name+" is given twice")
		}
	}
	return nil
}

// authenticate finds the client of a token or revocation request and checks its secret (RFC 6749
// section 2.3.1). In Basic, id and secret are each form-encoded first; that is undone here, so that
// a client which forgets it fails as it would at strict providers.
func (p *Provider) authenticate(r *http.Request) (Client, *tokenError) {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	method := authPost
	user, password, basic := r.BasicAuth()
	if basic {
		if r.PostForm.Has("client_secret") {
			return Client{}, badRequest("invalid_request", "two ways of client authentication at once")
		}
		var errUser, errPassword error
		user, errUser = url.QueryUnescape(user)
		password, errPassword = url.QueryUnescape(password)
		if errUser != nil || errPassword != nil {
			return Client{}, unknownClient(basic, "the credentials are not form-encoded")
		}
		if id != "" && id != user {
			return Client{}, badRequest("invalid_request", "client_id and the credentials do not agree")
		}
		id, secret, method = user, password, authBasic
	} else if r.Header.Get("Authorization") != "" {
		return Client{}, unknownClient(true, "the Authorization header is not Basic")
	}

	p.mu.Lock()
	client, ok := p.clients[id]
	p.mu.Unlock()
	switch {
	case !ok:
		return Client{}, unknownClient(basic, "client_id is unknown")
	case client.public():
		if secret != "" {
			return Client{}, unknownClient(basic, "the client has no secret")
		}
	case !equalSecrets(client.Secret, secret):
		return Client{}, unknownClient(basic, "the secret is missing or wrong")
	case client.AuthMethod != "" && client.AuthMethod != method:
		return Client{}, unknownClient(basic, "the client must use "+client.AuthMethod)
	}
	return client, nil
}

func unknownClient(challenge bool, description string) *tokenError {
	return &tokenError{
		status: http.StatusUnauthorized, code: "invalid_client",
		description: description, challenge: challenge,
	}
}

func equalSecrets(a, b string) bool {
	ha, hb := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(ha[:], hb[:]) == 1
}
