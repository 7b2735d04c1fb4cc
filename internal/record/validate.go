package record

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/strict"
)

// Validate says what is wrong with the record: words that are missing or not
// of their vocabulary, templates that cannot be filled, and statements that
// contradict each other. Faults carry paths and no positions.
func (r Record) Validate() []strict.Fault {
	c := &checker{}
	c.words("", reflect.ValueOf(r))
	c.endpoints(r)
	c.issuer(r.Issuer)
	c.client(r.Client)
	c.proof(r)
	c.freshLogin(r)
	c.refresh(r.Refresh)
	c.signOut(r)
	c.notices(r.Notices)
	c.revocation(r)
	c.claims(r.Claims)
	c.lists(r.Claims.Groups)
	c.operators(r)
	c.provenance(r)
	return c.faults
}

type checker struct {
	faults []strict.Fault
}

func (c *checker) fault(path, message, fix string) {
	c.faults = append(c.faults, strict.Fault{Path: path, Message: message, Fix: fix})
}

// when adds the fault if the condition holds.
func (c *checker) when(wrong bool, path, message, fix string) {
	if wrong {
		c.fault(path, message, fix)
	}
}

// optionalWord reports whether a word may be left out; a stated one has to be of
// its vocabulary all the same.
func optionalWord(path string) bool {
	return path == "fresh_login.prompt" || path == "revocation.auth"
}

// words walks the record and holds every word against its vocabulary.
func (c *checker) words(path string, v reflect.Value) {
	if enum, ok := v.Interface().(strict.Enum); ok && v.Kind() == reflect.String {
		c.word(path, v.String(), enum.Values())
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if key != "-" {
				c.words(strict.Key(path, key), v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			c.words(strict.Index(path, i), v.Index(i))
		}
	}
}

func (c *checker) word(path, word string, values []string) {
	if word == "" {
		c.when(!optionalWord(path), path, "is not stated", "write one of: "+strings.Join(values, ", "))
		return
	}
	if message, fix, bad := strict.CheckWord(word, values); bad {
		c.fault(path, message, fix)
	}
}

// template checks one template; an empty one is left out.
func (c *checker) template(path, template string, names ...string) {
	if err := checkTemplate(template, names); err != nil {
		c.fault(path, strict.Quote(template)+" "+err.Error(), "use only {"+strings.Join(names, "}, {")+"}")
	}
}

func (c *checker) templates(path string, params map[string]string, names ...string) {
	for key, template := range params {
		c.when(key == "", path, "has an entry without a name", "write the parameter's name")
		c.template(strict.Key(path, key), template, names...)
	}
}

// location checks a URL template of the Endpoints kind.
func (c *checker) location(path, template string) {
	if template == "" {
		return
	}
	before := len(c.faults)
	c.template(path, template, "issuer", "origin", "authorization_origin", "client_id")
	if len(c.faults) > before {
		return
	}
	filled, _ := Expand(template, func(string) (string, bool) { return "https://provider.example", true })
	u, err := url.Parse(filled)
	bad := err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http"
	c.when(bad, path, strict.Quote(template)+" is not an absolute http(s) URL", "write https://… or begin with {issuer} or {origin}")
}

func (c *checker) endpoints(r Record) {
	e := r.Endpoints
	for path, template := range map[string]string{
		"endpoints.authorization":     e.Authorization,
		"endpoints.token":             e.Token,
		"endpoints.userinfo":          e.UserInfo,
		"endpoints.jwks":              e.Keys,
		"endpoints.revocation":        e.Revocation,
		"endpoints.application_token": e.ApplicationToken,
		"claims.email.url":            r.Claims.Email.URL,
		"sign_out.manual_url":         r.SignOut.ManualURL,
	} {
		c.location(path, template)
	}
	c.when(strings.Contains(e.Authorization, "{authorization_origin}"), "endpoints.authorization", "names its own origin", "write its URL")
	c.location("endpoints.end_session", strings.ReplaceAll(e.EndSession, "{return_url}", ""))
	if e.Source != EndpointsStatic {
		return
	}
	const fix = "write its URL, or endpoints.source: discovery"
	c.when(e.Authorization == "", "endpoints.authorization", "static endpoints need it", fix)
	c.when(e.Token == "", "endpoints.token", "static endpoints need it", fix)
	c.when(r.Claims.IDToken == Yes && e.Keys == "", "endpoints.jwks", "ID tokens cannot be checked without it", fix)
	c.when(r.Claims.IDToken != Yes && e.UserInfo == "", "endpoints.userinfo", "without ID tokens nobody can be told apart", fix)
}

func (c *checker) issuer(i Issuer) {
	for path, value := range map[string]string{"issuer.default": i.Default, "issuer.param_value": i.ParamValue} {
		c.location(path, value)
		c.when(strings.Contains(value, "{"), path, "is no template", "write the issuer itself")
	}
	c.when(i.Match == IssuerSet && len(i.Also) == 0, "issuer.also", "`match: set` needs more than the one issuer", "list the others, or write match: exact")
	c.when(i.Match != IssuerSet && len(i.Also) > 0, "issuer.also", "only `match: set` uses it", "write issuer.match: set, or remove it")
}

func (c *checker) client(l Client) {
	c.when(l.CodeParam == "", "client.code_param", "is not stated", "write code_param: code")
	c.when(l.ErrorParam == "" && l.ErrorIn200 == Yes, "client.error_param", "errors in 200 replies cannot be told", "write error_param: error")
	c.when(strings.HasPrefix(l.AuthorizeFragment, "#"), "client.authorize_fragment", "begins with #", "write it without the #")
	c.when(l.BearerHeader != "" && l.BearerParam != "", "client.bearer_param", "stands beside bearer_header", "keep one of the two")
	c.when(l.UserParam != "" && l.ResponseMode != ResponseFormPost, "client.user_param", "only a posted response carries it", "write response_mode: form_post, or remove it")
	for own, name := range l.ErrorNames {
		if message, fix, bad := strict.CheckWord(name, errorNames()); bad {
			c.fault(strict.Key("client.error_names", own), message, fix)
		}
	}
	for name := range l.AuthorizeParams {
		c.when(slices.Contains([]string{"state", "nonce", "code_challenge", "redirect_uri", "client_id", "response_type"}, name),
			strict.Key("client.authorize_params", name), "is Cardea's own parameter", "remove it")
	}
}

// errorNames are the codes that decide something.
func errorNames() []string {
	return []string{"invalid_grant", "invalid_client", "invalid_token", "access_denied", "interaction_required", "login_required", "temporarily_unavailable", "server_error"}
}

// proof checks how the client proves who it is beyond a secret.
func (c *checker) proof(r Record) {
	l, a := r.Client, r.Client.Assertion
	c.template("client.assertion.issuer", a.Issuer, "client_id", "key_issuer")
	c.template("client.assertion.audience", a.Audience, "issuer", "token_endpoint", "client_id")
	signs := l.Auth == AuthPrivateKeyJWT || l.Auth == AuthSecretJWT || l.Auth == AuthSignedSecret
	stated := a.Issuer != "" && a.Audience != "" && a.Life >= time.Second
	c.when(signs && !stated, "client.assertion", fmt.Sprintf("`auth: %s` needs issuer, audience and life", l.Auth), "write issuer: '{client_id}', audience: '{token_endpoint}' and life: 1m")
	c.when(a.Life < 0 || a.Life > time.Hour, "client.assertion.life", "is outside 1s to 1h", "write it as 1m")
	c.templates("client.application_params", l.ApplicationParams, "client_id", "client_secret")
	own := l.Exchange == ExchangeApplicationToken
	c.when(own && (r.Endpoints.ApplicationToken == "" || len(l.ApplicationParams) == 0), "client.application_params", "the application's own token cannot be had", "write endpoints.application_token and these parameters")
	c.when(own && r.Claims.IDToken != No, "claims.id_token", "an application's token brings no ID token", "write no")
	c.when(own && l.BearerParam == "" && l.BearerHeader == "", "client.bearer_param", "nothing carries the application's token", "write its name")
}

func (c *checker) freshLogin(r Record) {
	f := r.FreshLogin
	byPrompt := f.By == FreshByPrompt || f.By == FreshByPromptAndMaxAge
	byAge := f.By == FreshByMaxAge || f.By == FreshByPromptAndMaxAge
	c.when(byPrompt && f.Prompt == "", "fresh_login.prompt", "`by` needs it", "write prompt: login")
	c.when(f.Prompt != "" && !slices.Contains(r.Prompt.OK, f.Prompt), "fresh_login.prompt", "is not among prompt.ok", "add it there, or take another")
	c.when(byAge && f.MaxAge < time.Second, "fresh_login.max_age", "must be at least 1s", "write max_age: 1s")
	c.when(f.MaxAge%time.Second != 0, "fresh_login.max_age", "max_age counts whole seconds", "write max_age: 1s")
	c.when(!byAge && f.MaxAge != 0, "fresh_login.max_age", "`by` does not use it", "remove it, or write by: max_age")
	c.when(f.By == FreshByMaxAge && f.AuthTime != AuthTimeChecked, "fresh_login.auth_time", "max_age is worth nothing unless auth_time is checked", "write auth_time: checked")
}

func (c *checker) refresh(f Refresh) {
	c.templates("refresh.extra", f.Extra, "redirect_uri", "scope", "client_id")
	c.when(f.Grace < 0, "refresh.grace", "cannot be negative", "write it as 30s")
	c.when(f.Grace > 0 && f.Rotation != RotationSingleUse, "refresh.grace", "only `rotation: single_use` has one", "remove it")
	c.when(f.AtLatest != 0 && (f.AtLatest < time.Minute || f.AtLatest > 24*time.Hour), "refresh.at_latest", "must be from 1m to 24h", "write at_latest: 1h")
	c.when(f.AtEarliest < 0 || f.AtEarliest > 24*time.Hour, "refresh.at_earliest", "must be from 0s to 24h", "write at_earliest: 24h")
	c.when(f.MissingIs == MissingMisconfiguration && f.MissingAdvice == "", "refresh.missing_advice", "a misconfiguration needs advice", "say what to change at the provider")
	for _, own := range []string{"grant_type", "refresh_token"} {
		_, taken := f.Extra[own]
		c.when(taken, strict.Key("refresh.extra", own), "is Cardea's own parameter", "remove it")
	}
}

func (c *checker) signOut(r Record) {
	s := r.SignOut
	c.templates("sign_out.params", s.Params, "id_token_hint", "client_id", "return_url", "state", "logout_hint", "sid")
	c.templates("sign_out.upstream_params", s.UpstreamParams)
	hinted := false
	for _, template := range s.Params {
		hinted = hinted || strings.Contains(template, "{id_token_hint}")
	}
	c.when(s.Hint == HintRequired && !hinted, "sign_out.params", "no parameter carries the hint that is required", "add id_token_hint: '{id_token_hint}'")
	c.when(s.Hint == HintUnused && hinted, "sign_out.hint", "a parameter carries the hint", "write hint: recommended")
	c.when(s.Kind == SignOutNone && len(s.Params) > 0, "sign_out.params", "there is no call that takes them", "remove them, or state sign_out.kind")
	c.when(s.Kind == SignOutOIDC && len(s.Params) == 0, "sign_out.params", "the call has no parameters", "write id_token_hint, client_id, post_logout_redirect_uri and state")
	own := s.Kind == SignOutCustom || s.Kind == SignOutPortal
	c.when(own && r.Endpoints.EndSession == "", "endpoints.end_session", fmt.Sprintf("`sign_out.kind: %s` needs its address", s.Kind), "write its URL")
	c.when(s.Upstream == UpstreamOnRequest && len(s.UpstreamParams) == 0, "sign_out.upstream_params", "nothing asks for it", "write the parameters, or upstream: never")
	c.when(s.Kind == SignOutNone && s.EndsSSOByDefault == Yes, "sign_out.ends_sso_by_default", "without a call nothing ends", "write no")
}

func (c *checker) notices(n Notices) {
	c.when(n.BackChannel != No && len(n.BackChannelTyp) == 0, "notices.backchannel_typ", "no logout token would be taken", "write [logout+jwt], or backchannel: no")
}

func (c *checker) revocation(r Record) {
	v := r.Revocation
	c.templates("revocation.body", v.Body, "token", "client_id")
	if v.Kind == RevocationNone {
		c.when(len(v.Tokens) > 0, "revocation.tokens", "nothing can be revoked", "write tokens: []")
		c.when(v.Ends != RevocationEndsNothing, "revocation.ends", "nothing can be revoked", "write ends: nothing")
		return
	}
	c.when(len(v.Tokens) == 0, "revocation.tokens", "no token is named", "write tokens: [refresh_token]")
	c.when(v.Ends == RevocationEndsNothing, "revocation.ends", "a revocation ends something", "write token, session or grant")
	if v.Kind == RevocationCustom {
		c.when(r.Endpoints.Revocation == "", "endpoints.revocation", "a custom call needs its address", "write its URL")
		c.when(v.Method == "", "revocation.method", "a custom call needs its method", "write method: POST")
		c.when(v.Auth == "", "revocation.auth", "a custom call needs its authentication", "write auth: client")
	}
}

func (c *checker) provenance(r Record) {
	c.when(len(r.Sources) == 0, "sources", "no source is named", "say where the facts were read")
	_, err := time.Parse(time.DateOnly, r.CheckedOn)
	c.when(err != nil, "checked_on", strict.Quote(r.CheckedOn)+" is not a day", "write it as 2026-11-30")
}
