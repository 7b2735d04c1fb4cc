package record

import "time"

// Record is one provider kind's behaviour.
//
// Words of a closed vocabulary must be stated; what nobody established is
// stated as `unknown`, and the code then takes the careful way. Lists and maps
// may be empty. An operator may override every field.
type Record struct {
	// Kind names the record; it is the name of its file.
	Kind string `yaml:"-"`
	// Title is the provider's name as people know it. Empty: the configured
	// provider's id is shown.
	Title string `yaml:"title"`
	// Scopes are asked for at every sign-in.
	Scopes []string `yaml:"scopes"`

	// Endpoints says where the provider is reached.
	Endpoints Endpoints `yaml:"endpoints"`
	// Issuer says how the issuer is recognised.
	Issuer Issuer `yaml:"issuer"`
	// Client says how Cardea authenticates and speaks as a client.
	Client Client `yaml:"client"`
	// Prompt says which prompts are honoured.
	Prompt Prompt `yaml:"prompt"`
	// FreshLogin says what makes the provider ask for credentials again.
	FreshLogin FreshLogin `yaml:"fresh_login"`
	// Refresh says how refresh tokens are had and used.
	Refresh Refresh `yaml:"refresh"`
	// SignOut says how the provider's own session is ended.
	SignOut SignOut `yaml:"sign_out"`
	// Notices says what the provider tells Cardea when a session ends there.
	Notices Notices `yaml:"notices"`
	// Revocation says how tokens are revoked and what dies with them.
	Revocation Revocation `yaml:"revocation"`
	// Claims says where a person's data are and how far they are believed.
	Claims Claims `yaml:"claims"`

	// Recognise says how a provider of this kind is told by its address and metadata.
	Recognise Recognise `yaml:"recognise"`
	// Register says where at the provider what has to be registered.
	Register Register `yaml:"register"`
	// Fixes tell operators, by the name of a finding of `cardea doctor`, what to change
	// at a provider of this kind.
	Fixes map[string]string `yaml:"fixes"`
	// Notes are told to operators: what else there is to know of the provider.
	Notes []string `yaml:"notes"`
	// Sources say where the facts were read or that they were run.
	Sources []string `yaml:"sources"`
	// CheckedOn is the day the facts were last checked, as 2006-01-02.
	CheckedOn string `yaml:"checked_on"`
}

// Endpoints says where the provider is reached. Under `discovery` the metadata
// document names the endpoints, and one stated here wins over it; under
// `static` those stated here are all there are. Each is a URL template that
// may use {issuer} (without a trailing slash) and {origin} (the issuer's), and
// all but the authorization endpoint {authorization_origin}, where a provider keeps
// people's pages on another host than its issuer, and {client_id}.
type Endpoints struct {
	// Source is `discovery` or `static`.
	Source EndpointSource `yaml:"source,omitempty"`
	// Authorization is visited by the browser (RFC 6749 section 3.1).
	Authorization string `yaml:"authorization"`
	// Token is called with codes and refresh tokens (RFC 6749 section 3.2).
	Token string `yaml:"token"`
	// UserInfo answers with claims (OIDC Core section 5.3).
	UserInfo string `yaml:"userinfo"`
	// Keys is the JWK set.
	Keys string `yaml:"jwks"`
	// Revocation takes tokens back (RFC 7009, or the provider's own call).
	Revocation string `yaml:"revocation"`
	// EndSession is visited by the browser to end the provider's session.
	EndSession string `yaml:"end_session"`
	// ApplicationToken gives a token of the application itself, where
	// client.exchange needs one.
	ApplicationToken string `yaml:"application_token"`
}

// Issuer says how the issuer is recognised in tokens and responses.
type Issuer struct {
	// Default is the issuer where the operator names none. Empty: the operator
	// must name it.
	Default string `yaml:"default"`
	// Match is how the `iss` of a token is compared with the configured one.
	Match IssuerMatch `yaml:"match,omitempty"`
	// Also lists further accepted issuers, for `match: set`; for
	// `match: template_tid` it lists none and {tenantid} in the metadata's
	// issuer stands for the token's `tid`.
	Also []string `yaml:"also"`
	// Param says whether authorization responses carry `iss` (RFC 9207). One
	// that is present is always compared, and one that the metadata promises is
	// always demanded.
	Param IssParam `yaml:"param,omitempty"`
	// ParamValue is what `iss` in responses must equal where that is not the
	// issuer. Empty: the issuer.
	ParamValue string `yaml:"param_value"`
}

// Client says how Cardea authenticates and speaks as the provider's client.
type Client struct {
	// Auth is the client authentication at the token endpoint.
	Auth ClientAuth `yaml:"auth,omitempty"`
	// Assertion is the JWT of `auth: private_key_jwt`, `client_secret_jwt` (RFC 7523
	// section 2.2) and `signed_secret`.
	Assertion Assertion `yaml:"assertion"`
	// SecretEncoding is how id and secret are encoded for HTTP Basic.
	SecretEncoding SecretEncoding `yaml:"secret_encoding,omitempty"`
	// PKCE says whether S256 is sent (RFC 7636).
	PKCE PKCE `yaml:"pkce,omitempty"`
	// IDTokenAlgorithms are the signature algorithms that ID and logout tokens
	// may have, where the client is registered for fewer than the provider
	// offers (`id_token_signed_response_alg`). Empty: those that the metadata
	// offers, without `none` and without HMAC.
	IDTokenAlgorithms []SignatureAlgorithm `yaml:"id_token_algorithms"`
	// NonceAlways says that ID tokens carry a nonce although none was sent.
	NonceAlways Known `yaml:"nonce_always,omitempty"`
	// ResponseMode is how the authorization response comes back.
	ResponseMode ResponseMode `yaml:"response_mode,omitempty"`
	// CodeParam is the response parameter that carries the code.
	CodeParam string `yaml:"code_param"`
	// UserParam is the parameter of the first posted response that carries what the
	// person let the provider tell, as JSON. It is not signed: only names are read from it.
	UserParam string `yaml:"user_param"`
	// Exchange says what a code is exchanged with. With `application_token` the code
	// goes to the token endpoint as a GET, beside a token of the application itself,
	// and what comes back are the person's claims.
	Exchange Exchange `yaml:"exchange,omitempty"`
	// ApplicationParams are the query of the request for the application's token. A
	// value is a template of {client_id} and {client_secret}.
	ApplicationParams map[string]string `yaml:"application_params"`
	// AuthorizeNames maps RFC 6749 names of the authorization request to the
	// provider's own, such as `client_id: appid`. Absent names stay.
	AuthorizeNames map[string]string `yaml:"authorize_names"`
	// AuthorizeParams are sent with every authorization request, such as
	// `team: T123`.
	AuthorizeParams map[string]string `yaml:"authorize_params"`
	// AuthorizeFragment is appended to the authorization URL, without "#".
	AuthorizeFragment string `yaml:"authorize_fragment"`
	// TokenBody is how requests to the token endpoint are written.
	TokenBody TokenBody `yaml:"token_body,omitempty"`
	// TokenReply is how the token endpoint answers.
	TokenReply TokenReply `yaml:"token_reply,omitempty"`
	// TokenNames maps RFC 6749 names to the provider's own, for requests and
	// replies, such as `access_token: accessToken`. Absent names stay.
	TokenNames map[string]string `yaml:"token_names"`
	// TokenEnvelope is the member of the reply that holds the tokens. Empty:
	// the reply itself.
	TokenEnvelope ClaimPath `yaml:"token_envelope,omitempty"`
	// ErrorIn200 says that errors come with HTTP status 200, from the token endpoint
	// and from those that tell of a person.
	ErrorIn200 Known `yaml:"error_in_200,omitempty"`
	// ErrorParam is the reply's member that carries the error.
	ErrorParam string `yaml:"error_param"`
	// ErrorUnless is the value of ErrorParam that means success, such as "0"
	// or "true". Empty: the member's presence is the error.
	ErrorUnless string `yaml:"error_unless"`
	// ErrorNames maps error codes of the provider's own to those that decide something
	// (RFC 6749 section 5.2, RFC 6750 section 3.1), such as `bad_refresh_token: invalid_grant`.
	// Absent ones stay, and decide nothing: what they refuse is tried again.
	ErrorNames map[string]string `yaml:"error_names"`
	// Headers are sent with every request of the server, such as Accept.
	Headers map[string]string `yaml:"headers"`
	// BearerHeader carries the access token in requests for a person's data.
	// Empty: `Authorization: Bearer` (RFC 6750 section 2.1), or BearerParam.
	BearerHeader string `yaml:"bearer_header"`
	// BearerParam is the query parameter that carries it in place of a header (RFC 6750
	// section 2.3).
	BearerParam string `yaml:"bearer_param"`
}

// Assertion is a JWT by which the client proves who it is. Its algorithm follows from
// the configured key.
type Assertion struct {
	// Issuer is its `iss`, a template of {client_id} and {key_issuer}, the configured
	// name of the key's owner. Its `sub` is always the client id.
	Issuer string `yaml:"issuer"`
	// Audience is its `aud`, a template of {issuer}, {token_endpoint} and {client_id}.
	Audience string `yaml:"audience"`
	// Life is from `iat` to `exp`. Each request has a new one.
	Life time.Duration `yaml:"life"`
}

// Prompt says which values of `prompt` may be sent (OIDC Core section 3.1.2.1).
type Prompt struct {
	// OK are the values that are honoured.
	OK []PromptValue `yaml:"ok"`
	// Unknown is what happens to any other.
	Unknown PromptUnknown `yaml:"unknown,omitempty"`
}

// FreshLogin says what makes the provider ask for credentials again although
// its session lives.
type FreshLogin struct {
	// By is the means.
	By FreshBy `yaml:"by,omitempty"`
	// Prompt is the strongest prompt to send. With `by: impossible` it is the
	// best there is, such as select_account. Empty: send none.
	Prompt PromptValue `yaml:"prompt,omitempty"`
	// MaxAge is the `max_age` to send. At least 1s: 0 is a dead end at some
	// providers and ignored by others.
	MaxAge time.Duration `yaml:"max_age"`
	// AuthTime says whether the answer's `auth_time` is demanded and must not
	// be older than the beginning of the attempt.
	AuthTime AuthTime `yaml:"auth_time,omitempty"`
	// Advice tells the operator what to set at the provider.
	Advice string `yaml:"advice"`
}

// Refresh says how refresh tokens are had and used (RFC 6749 section 6).
type Refresh struct {
	// Needs is what a sign-in must ask for to be given one.
	Needs RefreshNeeds `yaml:"needs"`
	// MissingIs says what it means when none comes.
	MissingIs MissingIs `yaml:"missing_is,omitempty"`
	// MissingAdvice tells the operator what to change then.
	MissingAdvice string `yaml:"missing_advice"`
	// Rotation says what becomes of a refresh token that was used. `unknown`
	// is treated as single_use.
	Rotation Rotation `yaml:"rotation,omitempty"`
	// Grace is how long a single-use token still works after its use.
	Grace time.Duration `yaml:"grace"`
	// ReuseEnds says what dies when a used one is presented again.
	ReuseEnds ReuseEnds `yaml:"reuse_ends,omitempty"`
	// AtLatest is how long after the provider's last answer the tokens are
	// refreshed however long they live, so that a withdrawn account is noticed.
	// 0: after an hour.
	AtLatest time.Duration `yaml:"at_latest"`
	// AtEarliest is how long after the provider's last answer no refresh is made,
	// although the access token has expired: a provider may take more for abuse. 0: no
	// such limit.
	AtEarliest time.Duration `yaml:"at_earliest"`
	// Extra are parameters of the refresh request. {redirect_uri}, {scope}
	// and {client_id} stand for those of the sign-in.
	Extra map[string]string `yaml:"extra"`
}

// RefreshNeeds is what a sign-in must ask for to be given a refresh token.
type RefreshNeeds struct {
	// Scopes are added to those of the sign-in.
	Scopes []string `yaml:"scopes"`
	// When says whether Scopes are always added, or only where the provider's
	// metadata lists them.
	When NeedsWhen `yaml:"when,omitempty"`
	// Params are added to the authorization request.
	Params map[string]string `yaml:"params"`
	// AdminStep tells the operator what to configure at the provider.
	AdminStep string `yaml:"admin_step"`
}
