package incident

// table says of every kind of incident, and of the reasons within it, what it means and
// what to do. The kinds are those of package pages and of this one; the reasons are
// access.Reason for what rules refuse, session.Cause for sessions that have ended, and
// words of package web for the errors of a sign-in.
var table = map[key]row{
	// What rules refuse.
	{KindDenied, ""}: {
		"No rule admits this person.", "Look at {rule} in the configuration: it demands {wanted}, and there was {seen}.", nil,
	},
	{KindDenied, "email"}: {
		"The e-mail address is believed, and it is not on the list.",
		"Add the address to {rule}, or its domain to the domains beside it; or the person signs in with another account.", nil,
	},
	{KindDenied, "email-unverified"}: {
		"The rule admits by e-mail address, and the provider does not say that it has verified this one.",
		"Have the address verified at the provider, and sign in again. If the provider verifies every address before it lets people in, set {setting} to always.",
		[]string{"e-mail", "email", "verif"},
	},
	{KindDenied, "email-missing"}: {
		"The rule admits by e-mail address, and the provider sent none.",
		"Ask for the e-mail scope in providers[{provider}].scopes and have the provider put the address into the ID token or userinfo; providers[{provider}].record.claims.email.claim names where it is read.",
		[]string{"fix:scopes", "e-mail", "email"},
	},
	{KindDenied, "group"}: {
		"The person is in none of the groups that the rule lists. Names are compared letter by letter.",
		"Add the person to one of them at the provider, or add a group that they have to {rule}; what changed counts from the next sign-in or refresh on.",
		[]string{"group"},
	},
	{KindDenied, "group/none"}: {
		"The rule admits by group, and the provider sent no group at all.",
		"Have the provider put groups into the ID token or userinfo, under the claim that {setting} names, and ask for the scope that it needs in providers[{provider}].scopes; or the person is in no group: add them to one of {wanted}.",
		[]string{"fix:scopes", "group"},
	},
	{KindDenied, "groups-unknown"}: {
		"The rule admits by group, and the provider's list of groups could not be had at this sign-in. Whether the person is in one of them nobody knows.",
		"Look in the log for \"list of groups cannot be had\", which names what the provider answered; {setting} says where it is asked. Where it was refused, ask for the scope that it needs in providers[{provider}].scopes, or give the client the permission at the provider. Then the person signs in again.",
		[]string{"group", "organization", "team"},
	},
	{KindDenied, "claim"}: {
		"The claim has another value than those that the rule accepts.",
		"Change what the provider says of this person, or add the value that was seen to {rule}.", nil,
	},
	{KindDenied, "claim/none"}: {
		"The provider did not send the claim that the rule is about.",
		"Have the provider put it into the ID token or userinfo (a mapper or scope of the client, most often), or correct the path of the claim in {rule}.",
		[]string{"mapper", "claim"},
	},
	{KindDenied, "provider"}: {
		"The person is signed in at a provider whose sign-ins this app does not take.",
		"Add the provider to {rule}, or the person chooses \"use another account\" and one of {wanted}.", nil,
	},
	{KindDenied, "account-disabled"}: {
		"The account has been disabled here.",
		"Nothing is wrong with the sign-in. Whoever disabled the account can enable it again.", nil,
	},
	{KindDenied, "class"}: {
		"The path can be read in two ways, and the rules of both demand classes of authentication that exclude each other: nobody can satisfy them.",
		"Let the lists in {rule} share at least one class.", nil,
	},

	// Sessions that are not there.
	{"session-required", ""}: {
		"A request that starts no sign-in by itself (a script, a frame, a socket) came without a session.",
		"Nothing, if the person was not signed in. If they were, the browser did not send the cookie: look at SameSite and at the address that the script calls.", nil,
	},
	{"session-required", "no-seat"}: {
		"The request carried no cookie of this gateway.",
		"Nothing, if the person was not signed in at {origin}. If they were: a script must send credentials, a call from another site needs apps[{app}].cors, and a client with a token of its own needs bearer: true for the path in apps[{app}].paths.", nil,
	},
	{"session-required", "unknown-seat"}: {
		"The request carried a cookie that names no session here.",
		"The session was removed long ago, or the database was replaced: the person signs in again. If it happens to everybody, look whether data_dir is the one that it was.", nil,
	},
	{"session-required", "button"}: {"The person had signed out.", "Nothing: that is what signing out does. They sign in again.", nil},
	{"session-required", "app"}: {
		"The person had signed out in the app.",
		"Nothing. If nobody signed out, the app calls its own logout by itself: apps[{app}].record.logout lists the calls that count.", nil,
	},
	{"session-required", "everywhere"}:    {"The person had signed this device out from another one, or all of them.", "Nothing: they sign in again.", nil},
	{"session-required", "admin"}:         {"An operator ended the session.", "Nothing: \"cardea sessions show\" says when. The person signs in again.", nil},
	{"session-required", "back-channel"}:  {"The provider ended its session and said so.", "Nothing here: the provider's own log says why. The person signs in again.", nil},
	{"session-required", "front-channel"}: {"The provider's logout page ended the session.", "Nothing here: the person signed out at the provider, or at another app that it knows. They sign in again.", nil},
	{"session-required", "expired"}: {
		"The session came to its limit.",
		"Nothing: the person signs in again. For longer sessions raise apps[].session.idle or apps[].session.absolute.", nil,
	},
	{"session-required", "refresh-refused"}: {
		"The provider refused to renew the tokens: its own session was ended or ran out, the grant was withdrawn, or the person was disabled.",
		"The person signs in again. If it happens to many after the same time, raise the lifetime of sessions or refresh tokens at the provider, or ask for offline_access in providers[{provider}].scopes where it is to outlive the provider's session.",
		[]string{"fix:refresh", "refresh", "offline", "disable"},
	},
	{"session-required", "unconfirmed"}: {
		"The provider could not be asked about the session for longer than is allowed.",
		"See why the provider did not answer (\"cardea doctor --provider {provider}\"). limits.refresh_failing is how long sessions outlive that.", nil,
	},
	{"session-required", "access-withdrawn"}: {
		"What the provider said of the person at a refresh no longer satisfies the rules of access, or a reload of the configuration changed the rules or removed an app that they used.",
		"The log has \"access withdrawn at refresh\" with the rule; after a reload, the session.ended of the audit trail says because of what. The person signs in again, and the page then shown has an id of its own that names what was seen.", nil,
	},
	{"session-required", "account"}:       {"The account was disabled or deleted.", "Nothing is wrong with the session. Whoever disabled the account can enable it again.", nil},
	{"session-required", "identity"}:      {"The identity that the person signed in with was unlinked from the account.", "They sign in with another identity of the account, or link it again.", nil},
	{"session-required", "provider"}:      {"The provider, or the client there, is no longer in the configuration.", "Put it back under providers with the same id, issuer and client_id, or the person signs in at another.", nil},
	{"session-required", "other-account"}: {"Somebody signed in with another account in the same browser.", "Nothing: one browser has one session.", nil},
	{"session-required", "renewed"}:       {"The same person signed in again in this browser, and the request still carried the cookie from before.", "Nothing: the next request carries the new one. If it goes on, something keeps old cookies: a client that stores them itself, say.", nil},
	{"session-required", "just-ended"}: {
		"The session ended while the request was under way: by a sign-out in another tab, or by one of the causes that \"cardea sessions show\" names.",
		"Nothing: the person signs in again.", nil,
	},
	{KindNotSaved, ""}: {
		"A form was sent by a browser that was not signed in any more. It was not passed on.",
		"Nothing: the page offers to sign in and go back. If it happens often, raise apps[{app}].session.idle.", nil,
	},
	{KindSessionEnded, ""}: {"The session ended without the person's doing.", "\"cardea sessions show\" says how it ended.", nil},

	// Requests.
	{"not-found", ""}: {
		"No app is configured at this address, or the gateway has no such page of its own.",
		"If an app should answer at {origin}{path}, give it that address in apps[].url.", nil,
	},
	{"bad-request", ""}: {
		"The request was malformed, or could be read in two ways, so that no rule could be applied to it safely.",
		"See who sends it: a browser does not. A path with encoded slashes, dot segments or backslashes is refused wherever rules hang on paths.", nil,
	},
	{"bad-request", "body"}: {"The request's body broke off, or was larger than the app's proxy takes.", "Send it again. If it is always the same upload, look at the limits of the proxy in front of the gateway.", nil},
	{"header-too-large", ""}: {
		"The cookies and other headers of the request are larger than the gateway takes.",
		"Raise limits.header_bytes, or have the app's cookies kept at the gateway by vault: on for the apps at {origin}; deleting the site's cookies in the browser helps at once.", nil,
	},
	{"method-not-allowed", ""}: {"The address takes no such method.", "Use the method that the Allow header of the answer names.", nil},
	{"origin-refused", ""}: {
		"A page of another origin made the browser send this, or a proxy on the way removed or changed the Origin header.",
		"If the page is yours, list its origin in apps[{app}].cors with credentials: true (for WebSockets), or send the form from {origin} itself. If it came from {origin}, let the front proxy pass Origin and Host on unchanged.", nil,
	},
	{"form-stale", ""}: {
		"A form of a person's own page was made more than 12 hours ago, or for another session than the one that sent it: somebody signed in anew in another tab, say. Or somebody made it up.",
		"Nothing: the person opens the page again. If it happens to everybody after a restart, the keys in data_dir are not those that they were.", nil,
	},
	{"form-too-large", ""}: {
		"More was posted than is read: 16 KiB of a form, 32 MiB of a picture.",
		"Nothing here: the person chooses a smaller picture. avatars.max_bytes says how large a picture may be.", nil,
	},
	{KindMisdirected, ""}: {
		"The request was for a host that is not configured.",
		"Add the address to public_url or apps[].url. If it is there with https, list the front proxy in trusted_proxies and have it send X-Forwarded-Proto and X-Forwarded-Host.", nil,
	},

	// What is down.
	{"store-unavailable", ""}: {
		"The database did not answer in time. Nobody was signed out.",
		"See that the disk of data_dir has room and is not overloaded; limits.store_wait is how long requests wait.", nil,
	},
	{"store-unavailable", "busy"}: {
		"Too many sign-ins of one browser were under way at once.",
		"The person tries again in a moment. If it goes on, a script of theirs starts sign-ins.", nil,
	},
	{"upstream-unavailable", ""}: {
		"The app gave no answer: it is down, refuses the connection, or broke it off.",
		"Start the app, or correct apps[{app}].upstream; \"cardea doctor\" asks it. limits.upstream_connect is how long a connection may take.", nil,
	},
	{"upstream-unavailable", "broke-off"}: {
		"The app began to answer and broke off. The person has a part of the answer, and no page of this gateway.",
		"See the app's own log at the time above.", nil,
	},
	{"internal", ""}: {"This gateway met a fault of its own.", "The cause above, and the log around it, say more. If it can be repeated, report it.", nil},
	{KindLogoutToken, ""}: {
		"Somebody posted a logout token that cannot be believed. No session was ended by it.",
		"If it came from your provider, correct what the cause names: the record's fields under providers[{provider}].record.notices say what is accepted. If not, a stranger sent it, and there is nothing to do.",
		[]string{"fix:notices", "logout token", "back-channel", "backchannel"},
	},
}
