package incident

import "regexp"

// Kinds that the tables below speak of most; their words are those of package pages.
const (
	kindRefused     = "provider-answer-refused"
	kindUnavailable = "provider-unavailable"
	kindStepUp      = "step-up-unsatisfied"
	kindExpired     = "sign-in-expired"
	kindLoop        = "sign-in-loop"
	kindCancelled   = "sign-in-cancelled"
)

// signInTable is table for sign-ins that did not come to their end.
var signInTable = map[key]row{
	{kindUnavailable, ""}: {
		"The provider could not be reached, or gave no answer that can be used.",
		"\"cardea doctor --provider {provider}\" asks it the same and says what is wrong: its address (providers[{provider}].issuer, or backchannel_url where the server reaches it at another), its certificate (ca_file), or the provider itself.", nil,
	},
	{kindUnavailable, "error"}: {
		"The provider answered that it cannot serve the request now ({reason}).",
		"See the provider's own log at the time above; the person tries again later.", nil,
	},
	{kindRefused, ""}: {
		"The provider's answer came and cannot be believed. No session was opened, and what it brought was revoked.",
		"The cause names the check that failed; \"cardea doctor --provider {provider}\" compares the configuration with the provider.", nil,
	},
	{kindRefused, "error"}: {
		"The provider refused the request ({reason}).",
		"Look the error up in the provider's log at the time above; \"cardea doctor --provider {provider}\" tries the same without signing anybody in.", nil,
	},
	{kindRefused, "error/invalid_client"}: {
		"The provider does not know this client, or its secret is wrong.",
		"Compare providers[{provider}].client_id and the client secret with the provider's registration; the secret may have been changed there. providers[{provider}].record.client.auth is how it is sent.",
		[]string{"fix:credentials", "fix:client-auth", "secret", "client authentication"},
	},
	{kindRefused, "error/unauthorized_client"}: {
		"The provider does not let this client use the authorization code flow.",
		"Allow the authorization code flow (some call it standard or server-side flow) for providers[{provider}].client_id, as a confidential client.", []string{"fix:credentials", "flow", "confidential"},
	},
	{kindRefused, "error/invalid_grant"}: {
		"The provider did not take the code: it was used before or had expired, or the return address or PKCE verifier did not match.",
		"If it happens every time, register {origin}/.cardea/callback/{provider} exactly as it stands, and see that one gateway alone uses this client. Once only: the person had waited too long or pressed back.", []string{"fix:redirect-uri", "fix:pkce", "redirect"},
	},
	{kindRefused, "error/invalid_scope"}: {
		"The provider does not grant a scope that was asked for.",
		"Correct providers[{provider}].scopes, or allow the scope to this client at the provider.", []string{"fix:scopes", "scope", "offline_access"},
	},
	{kindRefused, "error/invalid_request"}: {
		"The provider takes the request for malformed: most often the return address is not registered.",
		"Register {origin}/.cardea/callback/{provider} as redirect URI; \"cardea doctor --provider {provider}\" tells whether it is.", []string{"fix:redirect-uri", "fix:pkce", "redirect"},
	},
	{kindCancelled, ""}: {
		"The person, or the provider in their name, said no (access_denied).",
		"If they did not press cancel, the provider does not let them use this client: assign the person or their group to it there, or grant the consent that it wants.",
		[]string{"assign", "consent"},
	},
	{kindCancelled, "account-disabled"}: {"The account has been disabled here.", "Whoever disabled the account can enable it again.", nil},

	{kindStepUp, ""}: {
		"The page demands a sign-in that the provider did not give.",
		"Look at {rule}: the provider must be able to give {wanted}.", nil,
	},
	{kindStepUp, "stale"}: {
		"The page demands that the person has signed in recently, was told {wanted}, and the provider let them through with an older sign-in, or does not say when it was.",
		"Have the provider send auth_time in the ID token and honour max_age and prompt=login; or raise {rule}.",
		[]string{"auth_time", "max_age", "prompt"},
	},
	{kindStepUp, "weak"}: {
		"The page demands one of certain classes of authentication, and the provider's ID token has none of them in acr.",
		"Have the provider give one of {wanted} for acr_values (a flow with a second factor, most often), or correct {rule} to the names that it uses.",
		[]string{"acr", "loa", "step-up", "authentication class"},
	},

	{kindStepUp, "stale/fresh"}: {
		"The person had signed out here, and the next sign-in must be made anew; the provider let them through without asking.",
		"Have the provider honour prompt=login or max_age and send auth_time; {rule} says which of them is used.",
		[]string{"auth_time", "max_age", "prompt"},
	},
	{kindStepUp, "error"}: {
		"The page demands a stronger sign-in than the provider can give this person ({reason}).",
		"Have the person set up a second factor at the provider, or correct {rule} to the names that the provider uses.",
		[]string{"acr", "loa", "step-up", "authentication class"},
	},
	{"step-up-required", ""}: {
		"A script or a socket asked for a path that demands a more recent or a stronger sign-in than this session's.",
		"Nothing: opened as a page, the path leads to the sign-in that it demands. {rule} says what that is.", nil,
	},
	{kindExpired, ""}: {
		"The sign-in was begun too long ago, or has been finished already.",
		"Nothing: the person starts again from the page's link. Bookmarks of a provider's page lead here.", nil,
	},
	{kindExpired, "attempt-expired"}: {
		"The person came back long after the sign-in was begun.",
		"Nothing: they start again. If everybody sees this, compare the clock of this machine with the real time.", nil,
	},
	{kindExpired, "attempt-used"}: {
		"The provider's answer arrived a second time: by reload, by the back button, or by something on the way that opens links.",
		"Nothing: the first one counted. If nobody is signed in by it, look for a link scanner or prefetching proxy.", nil,
	},
	{kindExpired, "ended"}: {"The session ended while the provider was being asked.", "Nothing: the person signs in again.", nil},
	{kindExpired, "gone"}:  {"The session that the sign-in was to renew is not here any more.", "Nothing: the person signs in again.", nil},
	{kindExpired, "attempt"}: {
		"An app's host asked for a session by a link that cannot be read, or is too old.",
		"Nothing, if it was a bookmark: the person opens the app itself. If everybody sees it, the root key or its file differs from the one that sealed the request: one gateway must answer for all hosts.", nil,
	},
	{"sign-in-elsewhere", ""}: {
		"The provider's answer arrived in another browser than the one that asked, or in one that keeps no cookies. It may also have been a link that somebody else sent, to sign this person in to their account.",
		"The person signs in and stays in one browser, with cookies allowed for {origin}. If everybody sees it, a proxy on the way drops Set-Cookie.", nil,
	},
	{KindLink, ""}: {
		"An identity was not linked, and nothing was changed.", "The reason says which condition was not met ({reason}); the person starts again from their account page.", nil,
	},
	{KindLink, "taken"}: {
		"The person signed in at {provider} to link the identity that they have there, and it belongs to another account. An identity is never moved by itself.",
		"The person signs in with it and unlinks it there, then links it here. Or, once you know that one person owns both accounts, take the identity from the account that has it; the person links it anew.", nil,
	},
	{KindLink, "taken/only"}: {
		"The person signed in at {provider} to link the identity that they have there, and it is the only one of another account. An identity is never moved by itself, and the last one is never unlinked.",
		"Once you know that one person owns both accounts, see with them which is to stay. Either delete the account that has the identity, and the person links it anew: what apps keep under its handle is not moved. Or the person signs in with that identity and links the others there.", nil,
	},
	{KindLink, "session-gone"}: {
		"The session in which the person asked for the linking ended before they came back from {provider}: by a sign-out, an operator or a limit.",
		"Nothing: the person signs in again and starts the linking anew.", nil,
	},
	{KindLink, "other-account"}: {
		"The browser was signed in to another account than the one that asked for the linking when the person came back. Linking then would have given that account a way in that it did not ask for.",
		"Nothing, if two people share the browser. If nobody signed in between, somebody may have sent this person a link that begins a linking for their own account.", nil,
	},
	{KindLink, "unlinked"}: {
		"The identity was unlinked from its account, by its person or by an operator, while somebody signed in with it.",
		"Nothing: the person signs in with another identity of the account. With this one they get an account of its own, where access admits them.", nil,
	},
	{"not-found", "provider"}: {"The sign-in names a provider that is not configured.", "Add it under providers, or correct the link.", nil},
	{"bad-request", "attempt"}: {
		"The state or code of the callback is not one of this gateway's, or was changed on the way. Callbacks that nobody asked for look so.",
		"Nothing, if it happened once: a bookmark or a guess. If every sign-in ends here, the root key changed between request and answer, or two gateways with different keys share the address; or a proxy cuts long query strings.", nil,
	},
	{"bad-request", "initiated"}: {
		"Somebody asked for a sign-in at an issuer that is not configured.",
		"If the link is yours, let its iss be exactly providers[].issuer.", nil,
	},
	{kindLoop, ""}: {
		"Three sign-ins within a minute brought no session that the browser used.",
		"The log has the rounds. Cookies, the scheme that the browser uses, and the clocks are what to look at.", nil,
	},
	{kindLoop, "cookie-not-returned"}: {
		"The browser does not send the session's cookie back.",
		"See that public_url is the address in the browser's bar, with https unless on loopback, that no proxy removes Set-Cookie, and that the browser allows cookies for {origin}.", nil,
	},
	{kindLoop, "scheme-mismatch"}: {
		"public_url has another scheme than the requests arrive by.",
		"List the front proxy in trusted_proxies and have it send X-Forwarded-Proto; or correct public_url.", nil,
	},
	{kindLoop, "clock"}: {
		"Sessions count as expired as soon as they are made.",
		"Set the clock of this machine right. The limits are apps[].session.idle and apps[].session.absolute.", nil,
	},
	{kindLoop, "grant"}: {
		"Each sign-in brings tokens that the provider refuses to renew at once.",
		"Look at how the provider issues refresh tokens to this client; without offline_access in providers[{provider}].scopes the session goes on by other means.", []string{"fix:refresh", "refresh", "offline"},
	},
}

var providerFails = []string{kindUnavailable, kindRefused, KindLogoutToken}

// phrases are what errors say of an answer that was not believed. Their words are written
// by package provider.
var phrases = []phrase{
	{providerFails, regexp.MustCompile(`discovery: the configured issuer is "(?P<wanted>[^"]*)", and the document says "(?P<seen>[^"]*)"`), "issuer", "providers[{provider}].issuer", row{
		"The provider calls itself by another issuer than the configuration does.",
		"Set {rule} to exactly what the provider states, scheme, path and trailing slash included; or, if the provider is wrong about its own address (behind a proxy, most often), correct its public hostname.", []string{"fix:issuer"}}},
	{providerFails, regexp.MustCompile(`iss (?:of the response )?is "(?P<seen>[^"]*)", (?:and the configured issuer|expected) is "(?P<wanted>[^"]*)"`), "iss", "providers[{provider}].issuer", row{
		"The answer was issued under another name than the configured issuer.",
		"Set {rule} to exactly what the provider states. If it differs from sign-in to sign-in, the provider names itself by the address that it is called at: give it a fixed public hostname, and use providers[{provider}].backchannel_url for the server's own way to it.", []string{"fix:issuer", "iss"}}},
	{providerFails, regexp.MustCompile(`the response has no iss`), "iss", "providers[{provider}].record.issuer.param", row{
		"The provider promises an iss parameter in its responses, and this one had none: it may have been sent by another provider.",
		"If the provider never sends it, set {rule} to what it does.", []string{"iss"}}},
	{providerFails, regexp.MustCompile(`aud does not name this client|several audiences and no azp|azp names another client`), "aud", "providers[{provider}].client_id", row{
		"The token was issued for another client.",
		"Compare {rule} with the provider's registration, and look for a mapper there that changes the audience.", []string{"audience"}}},
	{providerFails, regexp.MustCompile(`in the future; compare the clocks|it has expired|it is too old, issued|it is not valid yet`), "", "", row{
		"The clocks of this machine and of the provider are more than a minute apart.",
		"Set both by NTP; \"cardea doctor --provider {provider}\" says how far they are apart.", nil}},
	{providerFails, regexp.MustCompile(`nonce is not the one that was sent`), "", "", row{
		"The ID token was made for another sign-in, or the provider does not pass the nonce through.",
		"If it happens every time, the provider does not keep the nonce: correct that there. Once only: somebody may have tried to hand this person another's sign-in.", nil}},
	{providerFails, regexp.MustCompile(`no key of the provider verifies the signature`), "", "", row{
		"None of the provider's published keys made the signature.",
		"See that {origin} reaches the provider that people sign in at (issuer, backchannel_url), and that it publishes the key it signs with.", nil}},
	{providerFails, regexp.MustCompile(`signed with an algorithm that is not accepted|ID tokens are signed by`), "", "providers[{provider}].record.client.id_token_algorithms", row{
		"The token is signed in a way that is not accepted: by none, by HMAC, or by an algorithm that the provider does not name for this client.",
		"Let the provider sign this client's ID tokens by RS256, PS256 or ES256, or state the algorithm in {rule}.", []string{"fix:algorithms"}}},
	{providerFails, regexp.MustCompile(`the answer has no ID token`), "", "", row{
		"The provider gave tokens without an ID token.",
		"Let providers[{provider}].scopes have openid, and see that the client is registered for OpenID Connect at the provider.", []string{"fix:scopes", "openid"}}},
	{providerFails, regexp.MustCompile(`claim (?P<seen>\S+), which names the person, is absent`), "claim", "providers[{provider}].record.claims.subject_key", row{
		"The claim that names the person for good was not sent.",
		"Have the provider send it, or correct {rule}; changing it later makes new accounts of everybody.", []string{"sub"}}},
	{providerFails, regexp.MustCompile(`the answer is signed; register this client for plain JSON`), "", "providers[{provider}].record.claims.userinfo.use", row{
		"The provider answers userinfo by a signed document.",
		"Register this client for plain JSON userinfo at the provider, or set {rule} to never where the ID token has all claims.", nil}},
	{providerFails, regexp.MustCompile(`certificate not trusted`), "", "providers[{provider}].ca_file", row{
		"The provider's certificate is not trusted here.",
		"Give the certificate of its authority in {rule}, or let the provider send the whole chain.", nil}},
	{[]string{kindStepUp}, regexp.MustCompile(`auth_time is absent|does not say when the person signed in`), "auth_time", "", row{
		"The page demands a recent sign-in, and the provider does not say when the person signed in.",
		"Have the provider send auth_time in the ID token when max_age is asked for; or remove {rule}.", []string{"auth_time", "max_age"}}},
	{[]string{kindStepUp}, regexp.MustCompile(`does not say how the person signed in`), "acr", "", signInTable[key{kindStepUp, "weak"}]},
	{[]string{kindStepUp}, regexp.MustCompile(`acr is "(?P<seen>[^"]*)"`), "acr", "", signInTable[key{kindStepUp, "weak"}]},
	{[]string{kindStepUp}, regexp.MustCompile(`it is (?P<seen>\S+ too old)`), "auth_time", "", signInTable[key{kindStepUp, "stale"}]},
}
