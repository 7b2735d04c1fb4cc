package record

// SignOut says how the provider's own session is ended by the browser
// (RP-Initiated Logout 1.0, or what stands in for it).
type SignOut struct {
	// Kind is `oidc`, `custom` (own parameter names), `portal` (a page of the
	// provider that may bring people back) or `none`.
	Kind SignOutKind `yaml:"kind,omitempty"`
	// Params are the call's parameters. A value is a template of
	// {id_token_hint}, {client_id}, {return_url}, {state}, {logout_hint} and
	// {sid}; a parameter whose template has nothing to stand in it is left out.
	Params map[string]string `yaml:"params"`
	// Hint says whether the ID token must be sent.
	Hint HintRule `yaml:"hint,omitempty"`
	// HintExpiredOK says that an expired ID token is taken as a hint.
	HintExpiredOK Known `yaml:"hint_expired_ok,omitempty"`
	// LogoutHintClaim is the claim whose value {logout_hint} stands for.
	LogoutHintClaim ClaimPath `yaml:"logout_hint_claim,omitempty"`
	// PostOK says that the call may be a POST, for hints too long for a URL.
	PostOK Known `yaml:"post_ok,omitempty"`
	// ConfirmPageWhen lists when the provider asks the person to confirm.
	ConfirmPageWhen []ConfirmWhen `yaml:"confirm_page_when"`
	// ReturnRegistered says in which list of the provider the return address
	// has to be registered.
	ReturnRegistered ReturnRegistered `yaml:"return_registered,omitempty"`
	// ReturnMatch is how the return address is compared with that list.
	ReturnMatch ReturnMatch `yaml:"return_match,omitempty"`
	// ReturnsState says that `state` comes back with the browser.
	ReturnsState Known `yaml:"returns_state,omitempty"`
	// EndsSSOByDefault says that the provider's session is gone after the
	// call, without special configuration there.
	EndsSSOByDefault Known `yaml:"ends_sso_by_default,omitempty"`
	// EndsSSOAdvice tells the operator what to configure where it is not.
	EndsSSOAdvice string `yaml:"ends_sso_advice"`
	// Upstream says whether a provider behind this one is signed out too.
	Upstream UpstreamSignOut `yaml:"upstream,omitempty"`
	// UpstreamParams ask for it, where Upstream is `on_request`.
	UpstreamParams map[string]string `yaml:"upstream_params"`
	// ServerCall is how the provider's session can be ended without the
	// browser: by the end-session endpoint with the hint, by a POST there with
	// the refresh token and client authentication, or not at all.
	ServerCall ServerCall `yaml:"server_call,omitempty"`
	// ManualURL is where people end the provider's session themselves; the
	// receipt links to it where no call can. A template as in Endpoints.
	ManualURL string `yaml:"manual_url"`
}

// Notices says what the provider tells Cardea when a session ends there.
type Notices struct {
	// FrontChannel: it loads a frame of ours (Front-Channel Logout 1.0).
	FrontChannel Known `yaml:"frontchannel,omitempty"`
	// FrontChannelIss: that frame's URL carries `iss`.
	FrontChannelIss Known `yaml:"frontchannel_iss,omitempty"`
	// BackChannel: it posts a logout token (Back-Channel Logout 1.0).
	BackChannel Known `yaml:"backchannel,omitempty"`
	// BackChannelExp: logout tokens carry `exp`.
	BackChannelExp Known `yaml:"backchannel_exp,omitempty"`
	// BackChannelTyp lists which `typ` headers logout tokens may have. Only what
	// this provider sends belongs here: the type is what keeps another token of
	// the same keys from passing for a logout token.
	BackChannelTyp []LogoutTyp `yaml:"backchannel_typ"`
	// Sid: ID tokens and notices carry `sid`.
	Sid Known `yaml:"sid,omitempty"`
}

// Revocation says how tokens are revoked and what dies with them.
type Revocation struct {
	// Kind is `rfc7009`, `custom` or `none`.
	Kind RevocationKind `yaml:"kind,omitempty"`
	// Tokens lists which tokens to revoke, in this order.
	Tokens []TokenKind `yaml:"tokens"`
	// Ends says what a revocation ends: the token, the provider's session for
	// this client, or the person's whole grant to this client. Where it ends
	// the grant it runs only when every session of the identity ends.
	Ends RevocationEnds `yaml:"ends,omitempty"`
	// Method is the custom call's HTTP method.
	Method string `yaml:"method"`
	// Auth is the custom call's client authentication.
	Auth RevocationAuth `yaml:"auth,omitempty"`
	// Body are the members of the custom call's JSON body. A value is a
	// template of {token} and {client_id}.
	Body map[string]string `yaml:"body"`
}
