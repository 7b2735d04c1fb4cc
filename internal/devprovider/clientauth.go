package devprovider

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// Client authentication methods (OIDC Core 9).
const (
	authBasic      = "client_secret_basic"
	authPost       = "client_secret_post"
	authSecretJWT  = "client_secret_jwt"
	authPrivateKey = "private_key_jwt"
	authSigned     = "signed_secret"
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
	status, body := p.errorBody(e.status, e.code, e.description)
	if p.strict && p.rec.Client.TokenReply == record.TokenReplyForm {
		writeForm(w, status, body)
		return
	}
	writeJSON(w, status, body)
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

// authenticate finds the client of a token or revocation request and checks that it is who it says
// (RFC 6749 section 2.3.1, RFC 7523 section 3). In Basic, id and secret are each form-encoded first,
// unless the record says otherwise; that is undone here, so that a client which forgets it fails as
// it would at strict providers.
func (p *Provider) authenticate(r *http.Request, params url.Values) (Client, *tokenError) {
	id, secret, method := params.Get("client_id"), params.Get("client_secret"), authPost
	if p.strict && p.rec.Client.Auth == record.AuthQuery {
		id, secret = r.URL.Query().Get(p.ownName("client_id")), r.URL.Query().Get(p.ownName("client_secret"))
	}
	basicID, basicSecret, basic, refused := p.readBasic(r, params)
	if refused != nil {
		return Client{}, refused
	}
	switch {
	case basic:
		if id != "" && id != basicID {
			return Client{}, badRequest("invalid_request", "client_id and the credentials do not agree")
		}
		id, secret, method = basicID, basicSecret, authBasic
	case r.Header.Get("Authorization") != "":
		return Client{}, unknownClient(true, "the Authorization header is not Basic")
	case params.Has("client_assertion"):
		method, secret = "assertion", params.Get("client_assertion")
		if id == "" {
			id = assertedClient(secret)
		}
	}
	p.mu.Lock()
	client, ok := p.clients[id]
	p.mu.Unlock()
	if !ok {
		return Client{}, unknownClient(basic, "client_id is unknown")
	}
	if refused := p.checkSecret(client, method, secret, params); refused != nil {
		refused.challenge = basic
		return Client{}, refused
	}
	return client, nil
}

// ownName is the provider's name of a parameter of RFC 6749.
func (p *Provider) ownName(name string) string {
	if own := p.rec.Client.TokenNames[name]; own != "" {
		return own
	}
	return name
}

// readBasic reads HTTP Basic credentials.
func (p *Provider) readBasic(r *http.Request, params url.Values) (id, secret string, basic bool, refused *tokenError) {
	id, secret, basic = r.BasicAuth()
	switch {
	case !basic:
		return "", "", false, nil
	case params.Has("client_secret"):
		return "", "", true, badRequest("invalid_request", "two ways of client authentication at once")
	case p.rec.Client.SecretEncoding == record.SecretRaw:
		return id, secret, true, nil
	}
	var errUser, errPassword error
	id, errUser = url.QueryUnescape(id)
	secret, errPassword = url.QueryUnescape(secret)
	if errUser != nil || errPassword != nil {
		return "", "", true, unknownClient(true, "the credentials are not form-encoded")
	}
	return id, secret, true, nil
}

// checkSecret holds what a client brought against what it is registered with.
func (p *Provider) checkSecret(client Client, method, secret string, params url.Values) *tokenError {
	want := p.wantedAuth(client)
	switch want {
	case authPrivateKey, authSecretJWT:
		if method != "assertion" || params.Get("client_assertion_type") != assertionType {
			return unknownClient(false, "the client must use "+want)
		}
		return p.checkAssertion(client, want, secret)
	case authSigned:
		if method != authPost {
			return unknownClient(false, "the client must post its signed secret")
		}
		return p.checkAssertion(client, want, secret)
	}
	switch {
	case method == "assertion":
		return unknownClient(false, "the client has no key")
	case client.public():
		if secret != "" {
			return unknownClient(false, "the client has no secret")
		}
	case !equalSecrets(client.Secret, secret):
		return unknownClient(false, "the secret is missing or wrong")
	case want != "" && want != method:
		return unknownClient(false, "the client must use "+want)
	}
	return nil
}

// wantedAuth is the one method that a client may use; "" where Basic and post will both do. Where the
// metadata decides, it is the one that the metadata offers.
func (p *Provider) wantedAuth(client Client) string {
	if client.AuthMethod != "" || !p.strict {
		return client.AuthMethod
	}
	switch p.rec.Client.Auth {
	case record.AuthBasic:
		return authBasic
	case record.AuthPrivateKeyJWT, record.AuthSecretJWT, record.AuthSignedSecret:
		return string(p.rec.Client.Auth)
	case record.AuthNone:
		return ""
	}
	return authPost // in the body or the query that the record says; authenticate looks nowhere else
}

// offeredAuth are the methods that the metadata lists.
func (p *Provider) offeredAuth() []string {
	if !p.strict {
		return []string{authBasic, authPost, "none"}
	}
	switch want := p.wantedAuth(Client{}); {
	case p.rec.Client.Auth == record.AuthNone:
		return []string{"none"}
	case want == authSigned:
		return []string{authPost}
	default:
		return []string{want}
	}
}

func bearerOf(r *http.Request) (string, bool) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(value), true
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
