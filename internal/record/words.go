package record

// Known says what is established of a yes-or-no question.
type Known string

// The words of Known.
const (
	Yes     Known = "yes"
	No      Known = "no"
	Unknown Known = "unknown"
)

// Values lists the vocabulary.
func (Known) Values() []string { return list(Yes, No, Unknown) }

// EndpointSource says where endpoints come from.
type EndpointSource string

// The words of EndpointSource.
const (
	EndpointsDiscovery EndpointSource = "discovery"
	EndpointsStatic    EndpointSource = "static"
)

// Values lists the vocabulary.
func (EndpointSource) Values() []string { return list(EndpointsDiscovery, EndpointsStatic) }

// IssuerMatch says how a token's `iss` is compared.
type IssuerMatch string

// The words of IssuerMatch.
const (
	IssuerExact       IssuerMatch = "exact"
	IssuerTemplateTID IssuerMatch = "template_tid"
	IssuerSet         IssuerMatch = "set"
	IssuerHostDerived IssuerMatch = "host_derived"
)

// Values lists the vocabulary.
func (IssuerMatch) Values() []string {
	return list(IssuerExact, IssuerTemplateTID, IssuerSet, IssuerHostDerived)
}

// IssParam says whether responses carry `iss`.
type IssParam string

// The words of IssParam.
const (
	IssParamNone     IssParam = "none"
	IssParamOptional IssParam = "optional"
	IssParamRequired IssParam = "required"
)

// Values lists the vocabulary.
func (IssParam) Values() []string { return list(IssParamNone, IssParamOptional, IssParamRequired) }

// ClientAuth is client authentication; `discovery` takes the best that the metadata offers.
type ClientAuth string

// The words of ClientAuth.
const (
	AuthDiscovery     ClientAuth = "discovery"
	AuthBasic         ClientAuth = "client_secret_basic"
	AuthPost          ClientAuth = "client_secret_post"
	AuthSecretJWT     ClientAuth = "client_secret_jwt"
	AuthPrivateKeyJWT ClientAuth = "private_key_jwt"
	AuthSignedSecret  ClientAuth = "signed_secret"
	AuthJSON          ClientAuth = "json"
	AuthQuery         ClientAuth = "query"
	AuthNone          ClientAuth = "none"
)

// Values lists the vocabulary.
func (ClientAuth) Values() []string {
	return list(AuthDiscovery, AuthBasic, AuthPost, AuthSecretJWT, AuthPrivateKeyJWT, AuthSignedSecret, AuthJSON, AuthQuery, AuthNone)
}

// SignatureAlgorithm is an asymmetric signature algorithm (RFC 7518 section 3.1, RFC 8037).
type SignatureAlgorithm string

// Values lists the vocabulary. Neither `none` nor HMAC are in it, whose key is a secret that a
// public key could be passed off as.
func (SignatureAlgorithm) Values() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// SecretEncoding says how id and secret are encoded for HTTP Basic: `form` is RFC 6749 section 2.3.1 with a space as %20.
type SecretEncoding string

// The words of SecretEncoding.
const (
	SecretForm SecretEncoding = "form"
	SecretRaw  SecretEncoding = "raw"
)

// Values lists the vocabulary.
func (SecretEncoding) Values() []string { return list(SecretForm, SecretRaw) }

// PKCE says whether a code challenge is sent.
type PKCE string

// The words of PKCE.
const (
	PKCES256 PKCE = "s256"
	PKCEOff  PKCE = "off"
)

// Values lists the vocabulary.
func (PKCE) Values() []string { return list(PKCES256, PKCEOff) }

// ResponseMode says how the authorization response comes back.
type ResponseMode string

// The words of ResponseMode.
const (
	ResponseQuery    ResponseMode = "query"
	ResponseFormPost ResponseMode = "form_post"
)

// Values lists the vocabulary.
func (ResponseMode) Values() []string { return list(ResponseQuery, ResponseFormPost) }

// Exchange says what a code is exchanged with.
type Exchange string

// The words of Exchange.
const (
	ExchangeCode             Exchange = "code"
	ExchangeApplicationToken Exchange = "application_token"
)

// Values lists the vocabulary.
func (Exchange) Values() []string { return list(ExchangeCode, ExchangeApplicationToken) }

// TokenBody says how token requests are written.
type TokenBody string

// The words of TokenBody.
const (
	TokenBodyForm  TokenBody = "form"
	TokenBodyJSON  TokenBody = "json"
	TokenBodyQuery TokenBody = "query"
)

// Values lists the vocabulary.
func (TokenBody) Values() []string { return list(TokenBodyForm, TokenBodyJSON, TokenBodyQuery) }

// TokenReply says how the token endpoint answers.
type TokenReply string

// The words of TokenReply.
const (
	TokenReplyJSON TokenReply = "json"
	TokenReplyForm TokenReply = "form"
)

// Values lists the vocabulary.
func (TokenReply) Values() []string { return list(TokenReplyJSON, TokenReplyForm) }

// PromptValue is a value of `prompt`.
type PromptValue string

// The words of PromptValue.
const (
	PromptNone          PromptValue = "none"
	PromptLogin         PromptValue = "login"
	PromptConsent       PromptValue = "consent"
	PromptSelectAccount PromptValue = "select_account"
	PromptCreate        PromptValue = "create"
)

// Values lists the vocabulary.
func (PromptValue) Values() []string {
	return list(PromptNone, PromptLogin, PromptConsent, PromptSelectAccount, PromptCreate)
}

// PromptUnknown says what happens to a prompt that is not honoured.
type PromptUnknown string

// The words of PromptUnknown.
const (
	PromptUnknownIgnored PromptUnknown = "ignored"
	PromptUnknownError   PromptUnknown = "error"
	PromptUnknownUnknown PromptUnknown = "unknown"
)

// Values lists the vocabulary.
func (PromptUnknown) Values() []string {
	return list(PromptUnknownIgnored, PromptUnknownError, PromptUnknownUnknown)
}

// FreshBy says what makes the provider ask for credentials again.
type FreshBy string

// The words of FreshBy.
const (
	FreshByPrompt          FreshBy = "prompt"
	FreshByMaxAge          FreshBy = "max_age"
	FreshByPromptAndMaxAge FreshBy = "prompt_and_max_age"
	FreshBySetting         FreshBy = "setting"
	FreshByImpossible      FreshBy = "impossible"
)

// Values lists the vocabulary.
func (FreshBy) Values() []string {
	return list(FreshByPrompt, FreshByMaxAge, FreshByPromptAndMaxAge, FreshBySetting, FreshByImpossible)
}

// AuthTime says whether `auth_time` is checked after a forced sign-in.
type AuthTime string

// The words of AuthTime.
const (
	AuthTimeChecked AuthTime = "checked"
	AuthTimeAbsent  AuthTime = "absent"
)

// Values lists the vocabulary.
func (AuthTime) Values() []string { return list(AuthTimeChecked, AuthTimeAbsent) }
func list[T ~string](words ...T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
