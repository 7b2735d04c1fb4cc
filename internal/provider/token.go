package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// Codes of our own, where a provider answered without one (they are no registered OAuth
// codes, so nothing mistakes them for a verdict).
const (
	codeUnspecified = "unspecified_error"
	codeRedirect    = "unexpected_redirect"
	codeStatus      = "unexpected_status"
)

// longestLife is what expires_in saturates at.
const longestLife = 10 * 365 * 24 * time.Hour

// maxKeptIDToken bounds the ID token that a session keeps. Longer ones hold a picture: as
// hints they are of no use anywhere, and each session would carry the picture.
const maxKeptIDToken = 1 << 20

// kept leaves out of tokens what is too long to be kept with a session.
func kept(t oidc.Tokens) oidc.Tokens {
	if len(t.IDToken) > maxKeptIDToken {
		t.IDToken = ""
	}
	return t
}

// notSent marks a failure before anything left.
func notSent(err error) error {
	if u, ok := errors.AsType[*oidc.UnreachableError](err); ok {
		return &oidc.UnreachableError{Err: u.Err}
	}
	return &oidc.UnreachableError{Err: err}
}

// tokenRequest asks the token endpoint. Its error is an *oidc.Error when the provider
// decided, or an *oidc.UnreachableError: with Sent where the provider may have acted and
// nothing usable came back (cut, timed out, not JSON, no access token).
func (p *Provider) tokenRequest(ctx context.Context, now time.Time, m *metadata, what string, params map[string]string) (oidc.Tokens, error) {
	in := call{what: what, method: http.MethodPost, url: m.token, header: http.Header{}, limit: maxTokenAnswer}
	if err := p.authenticate(m, &in, params); err != nil {
		return oidc.Tokens{}, notSent(err)
	}
	p.writeToken(&in, params)
	a, err := p.call.do(ctx, in)
	if err != nil {
		return oidc.Tokens{}, err
	}
	if a.status/100 != 2 {
		return oidc.Tokens{}, p.refusal(statusError(a, p.record.Client.ErrorParam))
	}
	return p.parseTokens(now, what, a)
}

// named is the provider's own name of a token parameter.
func (p *Provider) named(name string) string {
	if own, ok := p.record.Client.TokenNames[name]; ok && own != "" {
		return own
	}
	return name
}

// writeToken puts the parameters of a token request where the record wants them, under
// the provider's own names.
func (p *Provider) writeToken(in *call, params map[string]string) {
	own := make(map[string]string, len(params))
	for name, value := range params {
		own[p.named(name)] = value
	}
	switch p.record.Client.TokenBody {
	case record.TokenBodyJSON:
		in.header.Set("Content-Type", "application/json")
		in.body, _ = json.Marshal(own) // a map of strings marshals always
	case record.TokenBodyQuery:
		in.url = addQuery(in.url, values(own))
	default:
		in.form(own)
	}
}

// parseTokens reads a 2xx answer (RFC 6749 section 5.1).
func (p *Provider) parseTokens(now time.Time, what string, a answer) (oidc.Tokens, error) {
	unusable := func(why string) (oidc.Tokens, error) {
		return oidc.Tokens{}, &oidc.UnreachableError{Sent: true, Err: errors.New(what + ": " + why)}
	}
	doc, ok := p.tokenReply(a.body)
	if !ok {
		return unusable("the answer is not what a token endpoint says")
	}
	if p.record.Client.ErrorIn200 == record.Yes {
		if code, failed := p.errorIn(doc); failed {
			return oidc.Tokens{}, p.refusal(&oidc.Error{Code: errorCode(code), Status: a.status})
		}
	}
	if path := string(p.record.Client.TokenEnvelope); path != "" {
		v, _ := doc.At(path)
		inner, isObject := v.(map[string]any)
		if !isObject {
			return unusable("the answer has no " + path)
		}
		doc = inner
	}
	get := func(name string) string { s, _ := doc[p.named(name)].(string); return s }
	t := oidc.Tokens{
		AccessToken:  get("access_token"),
		TokenType:    get("token_type"),
		RefreshToken: get("refresh_token"),
		IDToken:      get("id_token"),
		Scope:        scopeOf(doc[p.named("scope")]),
	}
	if t.AccessToken == "" || !printable(t.AccessToken) || !printable(t.RefreshToken) || !printable(t.IDToken) {
		return unusable("the answer has no usable access token")
	}
	if t.TokenType != "" && !strings.EqualFold(t.TokenType, "bearer") {
		return unusable("tokens of another type than bearer")
	}
	if life := lifetime(doc[p.named("expires_in")]); life > 0 {
		t.Expiry = now.Add(life)
	}
	return t, nil
}

// refusal gives an error the name by which decisions are made.
func (p *Provider) refusal(e *oidc.Error) *oidc.Error {
	if name := p.record.Client.ErrorNames[e.Code]; name != "" {
		e.Code = name
	}
	return e
}

// errorIn finds the error in an answer whose status does not tell.
func (p *Provider) errorIn(doc oidc.Claims) (code string, failed bool) {
	v, present := doc[p.record.Client.ErrorParam]
	if !present {
		return "", false
	}
	code = text(doc, p.record.Client.ErrorParam)
	if b, isBool := v.(bool); isBool {
		code = strconv.FormatBool(b)
	}
	if code == p.record.Client.ErrorUnless {
		return "", false
	}
	if named := doc.String("error"); named != "" {
		code = named
	}
	return code, true
}

// tokenReply decodes the answer's body.
func (p *Provider) tokenReply(body []byte) (oidc.Claims, bool) {
	var doc map[string]any
	if json.Unmarshal(body, &doc) == nil && doc != nil {
		return doc, true
	}
	if p.record.Client.TokenReply != record.TokenReplyForm {
		return nil, false
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form) == 0 {
		return nil, false
	}
	doc = make(map[string]any, len(form))
	for name := range form {
		doc[name] = form.Get(name)
	}
	return doc, true
}

func scopeOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return strings.Join(oidc.Claims{"scope": v}.Strings("scope"), " ")
}

// lifetime reads expires_in, which comes as a number, as a number in quotes, negative,
// or not at all: what makes no sense counts as not said (0), what is huge saturates.
func lifetime(v any) time.Duration {
	seconds, ok := v.(float64)
	if s, isText := v.(string); isText {
		var err error
		seconds, err = strconv.ParseFloat(strings.TrimSpace(s), 64)
		ok = err == nil || errors.Is(err, strconv.ErrRange)
	}
	if !ok || !(seconds > 0) {
		return 0
	}
	if seconds >= longestLife.Seconds() {
		return longestLife
	}
	return time.Duration(seconds * float64(time.Second))
}

// statusError makes an error answer (RFC 6749 section 5.2) an *oidc.Error. An overloaded
// or broken server has not decided, whatever its body says.
func statusError(a answer, param string) *oidc.Error {
	out := &oidc.Error{Code: codeStatus, Status: a.status}
	switch {
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable,
		a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly:
		out.Code = oidc.TemporarilyUnavailable
	case a.status >= 500:
		out.Code = oidc.ServerError
	case a.status/100 == 3:
		out.Code = codeRedirect
	default:
		var doc map[string]any
		if param == "" {
			param = "error"
		}
		if json.Unmarshal(a.body, &doc) == nil {
			// A member of RFC 6749's own name says more than a number beside it.
			named, _ := doc["error"].(string)
			if v := cmp.Or(named, text(doc, param)); v != "" {
				out.Code = errorCode(v)
			}
		}
		if out.Code == codeStatus && a.status == http.StatusUnauthorized {
			out.Code = oidc.InvalidClient
		}
	}
	return out
}

// errorCode bounds an error code from outside (RFC 6749 section 5.2: printable ASCII).
func errorCode(s string) string {
	if s == "" || len(s) > 64 || !printable(s) {
		return codeUnspecified
	}
	return s
}
