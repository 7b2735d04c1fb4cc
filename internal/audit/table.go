package audit

import (
	"slices"
	"time"
)

// Fields that several types share.
var (
	ofSession = []string{"account", "handle", "session", "provider"}
	who       = []string{"issuer", "subject"}
	whole     = []string{"issuer", "subject", "email", "name", "address", "user_agent"}
)

// definitions is the schema, compiled from its parts and never assigned again.
var definitions = slices.Concat(signInTypes, signOutTypes, refreshTypes, peopleTypes, operatorTypes) //nolint:gochecknoglobals // a table

var exampleTime = time.Date(2026, 11, 22, 9, 30, 0, 123456000, time.UTC)

// example completes an example event.
func example(t Type, actor string, e Event) Event {
	e.Seq, e.ID, e.At = 4711, "k3v7q2m5xw4ye6ta2n7hzcbd4i", exampleTime
	e.Type, e.Actor = t, actor
	return e
}

const (
	exampleAccount = "6q3hvx2k7mzt4bnd5wyc2ra7ue"
	exampleSession = "x4m2t7bqk5wz3ndc6yv7hra2ue"
	exampleOther   = "b7n5k2q4tz6ywc3dmx7vhra4ue"
	exampleEntry   = "d2w6yk4qz7n5bmc3tx7vhra4ue"
)

var signInTypes = []Definition{
	{
		Type: SessionOpened, Means: "A sign-in opened a session. It is written with the session, before the browser has its cookie.",
		Actors: []string{ActorPerson}, Fields: ofSession, Personal: whole,
		Detail: []Word{
			{"how", "`first`: the browser had no session; `renewed`: the same account signed in again, and its session goes on under this id"},
			{"replaces", "the session that was renewed"},
			{"auth_time", "when the provider says that the person authenticated, where that is not now"},
			{"acr", "the class of the authentication, as the provider named it"},
		},
		Example: example(SessionOpened, ActorPerson, Event{
			Account: exampleAccount, Handle: "ann", Session: exampleSession, Provider: "main", Detail: map[string]string{"how": "first"},
			Personal: &Personal{Issuer: "https://id.example.com", Subject: "a1b2", Email: "ann@example.com", Name: "Ann", Address: "192.0.2.7", UserAgent: "Mozilla/5.0"},
		}),
	},
	{
		Type: SigninRefused, Means: "A provider's answer opened no session. Account and handle are set where the person has an account, session where the browser had one.",
		Actors: []string{ActorPerson, ActorProvider}, Fields: []string{"account", "handle", "session", "provider", "cause", "incident"}, Personal: whole,
		Causes: []Word{
			{"denied", "the rules do not admit the person: see rule and reason"},
			{"disabled", "the account is disabled or was deleted"},
			{"provider", "the provider answered with an error: see error"},
			{"unreachable", "the provider could not be asked to exchange the code or to tell of the person"},
			{"verification", "the provider's answer must not be believed: a wrong signature, issuer, audience, nonce, ..."},
			{"stale", "the authentication is older than was demanded"},
			{"weak", "the authentication is not of a class that was demanded"},
			{"expired", "the attempt was too old, or the session that it was for had expired"},
			{"used", "the attempt was used before"},
			{"other-browser", "the answer came in another browser than the one that asked"},
			{"not-confirmed", "a re-authorization without interaction was refused or confirmed somebody else; the session has ended"},
			{"signed-out", "the session was ended, here or by the provider, while the sign-in was under way"},
			{"unlinked", "the identity was taken from its account while the sign-in was under way"},
			{"busy", "too many sign-ins at once"},
			{"store", "the store did not answer"},
			{"internal", "anything else"},
		},
		Detail: []Word{
			{"for", "`linking` or `re-authorization`, where it was no sign-in"},
			{"rule", "where the rule stands in the configuration"},
			{"reason", "the rule's reason: email, email-unverified, group, claim, ..."},
			{"error", "the provider's error code (RFC 6749, OpenID Connect Core)"},
			{"status", "the HTTP status of the provider's answer to the gateway"},
		},
		Example: example(SigninRefused, ActorPerson, Event{
			Provider: "main", Cause: "denied", Incident: "mzxw6ytboi5gk3dp", Detail: map[string]string{"rule": "access.domains", "reason": "email"},
			Personal: &Personal{Issuer: "https://id.example.com", Subject: "c3d4", Email: "eve@example.net", Name: "Eve", Address: "192.0.2.9", UserAgent: "Mozilla/5.0"},
		}),
	},
	{
		Type: SigninRefusals, Means: "More sign-ins or linkings were refused than are told one by one in a minute, or in a day. Only causes that a stranger can bring about without a sign-in at the provider are counted so.",
		Actors: []string{ActorGateway}, Fields: []string{"cause"},
		Causes: []Word{
			{"provider", "as for `signin.refused`"},
			{"unreachable", "as for `signin.refused`"},
			{"verification", "as for `signin.refused`"},
			{"expired", "as for `signin.refused`"},
			{"used", "as for `signin.refused`"},
			{"other-browser", "as for `signin.refused`"},
			{"busy", "as for `signin.refused`"},
			{"store", "as for `signin.refused`"},
			{"internal", "as for `signin.refused`"},
			{"session-gone", "as for `identity.link_refused`"},
			{"other-account", "as for `identity.link_refused`"},
		},
		Detail: []Word{
			{"count", "how many were not told one by one"},
			{"since", "the beginning of the minute"},
		},
		Example: example(SigninRefusals, ActorGateway, Event{Cause: "other-browser", Detail: map[string]string{"count": "1432", "since": "2026-11-22T09:29:00Z"}}),
	},
	{
		Type: AccessRefused, Means: "The rules of an app, or of a path of it, kept out somebody who is signed in. It is told once in ten minutes for each session, app and rule, for a page, a picture or a script alike.",
		Actors: []string{ActorPerson}, Fields: append([]string{"app", "incident"}, ofSession...), Personal: []string{"address", "user_agent"},
		Detail: []Word{
			{"rule", "where the rule stands in the configuration"},
			{"reason", "the rule's reason: group, email, claim, provider, class, ..."},
		},
		Example: example(AccessRefused, ActorPerson, Event{
			Account: exampleAccount, Handle: "ann", Session: exampleSession, Provider: "main", App: "docs", Incident: "mzxw6ytboi5gk3dp",
			Detail:   map[string]string{"rule": "apps[docs].access.groups", "reason": "group"},
			Personal: &Personal{Address: "192.0.2.7", UserAgent: "Mozilla/5.0"},
		}),
	},
}

var signOutTypes = []Definition{
	{
		Type: SessionEnded, Means: "A session ended. It is written with the tombstone and the receipt, before the browser is answered.",
		Actors: []string{ActorPerson, ActorOperator, ActorProvider, ActorGateway, ActorApp}, Fields: append([]string{"cause"}, ofSession...), Personal: who,
		Causes: []Word{
			{"button", "the person, in this browser"},
			{"app", "the app's own logout"},
			{"everywhere", "the person, from another device"},
			{"admin", "an operator"},
			{"back-channel", "the provider, by a logout token"},
			{"front-channel", "the provider, by a frame"},
			{"expired", "the idle or the absolute limit"},
			{"refresh-refused", "the provider withdrew the grant"},
			{"unconfirmed", "the provider could not be asked for too long"},
			{"access-withdrawn", "the rules no longer admit the person, or an app that they used is no longer in the configuration: see because"},
			{"account", "the account was disabled or deleted"},
			{"identity", "the identity was unlinked"},
			{"provider", "the provider or the client was withdrawn from the configuration"},
			{"other-account", "another account signed in on this browser"},
			{"renewed", "the same account signed in again on this browser: see renewed_by"},
		},
		Detail: []Word{
			{"mode", "`provider`: the provider's session was to end too; `gateway`: it was left alone"},
			{"closed", "how many live connections were closed"},
			{"tell", "what is told of it, one `delivery` event each: revoke-token, end-session, app-logout"},
			{"browser", "`yes`: the browser was to be sent to the provider's logout; `browser.returned` says that it came back"},
			{"fresh", "`yes`: the next sign-in of this browser must authenticate anew"},
			{"renewed_by", "the session that goes on instead"},
			{"because", "where a reload withdrew access: `app` or `rule`, which one, and what became of it"},
		},
		Example: example(SessionEnded, ActorPerson, Event{
			Account: exampleAccount, Handle: "ann", Session: exampleSession, Provider: "main", Cause: "button",
			Detail:   map[string]string{"mode": "provider", "closed": "2", "tell": "end-session revoke-token", "browser": "yes", "fresh": "yes"},
			Personal: &Personal{Issuer: "https://id.example.com", Subject: "a1b2"},
		}),
	},
	{
		Type: ProviderNotice, Means: "A provider said that a session, or all of a person's, is over. The sessions here that it was about end by `session.ended`.",
		Actors: []string{ActorProvider}, Fields: []string{"provider", "cause"}, Personal: who,
		Causes: []Word{{"back-channel", "by a logout token"}, {"front-channel", "by a frame"}},
		Detail: []Word{{"of", "`session` or `person`"}},
		Example: example(ProviderNotice, ActorProvider, Event{Provider: "main", Cause: "back-channel", Detail: map[string]string{"of": "person"},
			Personal: &Personal{Issuer: "https://id.example.com", Subject: "a1b2"}}),
	},
	{
		Type: BrowserReturned, Means: "The browser of an ended session came back from the provider's logout.",
		Actors: []string{ActorPerson}, Fields: []string{"account", "session", "provider"},
		Example: example(BrowserReturned, ActorPerson, Event{Account: exampleAccount, Session: exampleSession, Provider: "main"}),
	},
	delivery(DeliveryDone, "Somebody who had to hear of an end has heard.", nil, Event{Detail: map[string]string{"attempts": "1"}}),
	delivery(DeliveryFailed, "Somebody who had to hear of an end will not: it was given up.", []Word{
		{"refused", "the participant refused for good, or nobody is left who could be told"},
		{"deadline", "it was tried in vain until its time was over"},
		{"restored", "it was pending in a backup that was put back, and may have been made since"},
	}, Event{Cause: "deadline", Detail: map[string]string{"attempts": "97"}}),
	delivery(DeliveryCancelled, "Somebody need not be told of an end any more.", []Word{
		{"not-needed", "it is done already, or it would have ended what began later"},
		{"browser", "the browser did it: it came back from the provider's logout"},
	}, Event{Cause: "browser", Detail: map[string]string{"attempts": "0"}}),
}

func delivery(t Type, means string, causes []Word, e Event) Definition {
	e.Account, e.Handle, e.Session, e.Provider = exampleAccount, "ann", exampleSession, "main"
	e.Detail["kind"], e.Detail["entry"] = "end-session", exampleEntry
	fields := []string{"account", "handle", "session", "provider", "app"}
	if causes != nil {
		fields = append(fields, "cause")
	}
	return Definition{
		Type: t, Means: means, Actors: []string{ActorGateway}, Fields: fields, Causes: causes,
		Detail: []Word{
			{"kind", "revoke-token, end-session or app-logout"},
			{"entry", "the outbox entry, for `cardea outbox show`"},
			{"attempts", "how often it was tried"},
		},
		Example: example(t, ActorGateway, e),
	}
}

var refreshTypes = []Definition{
	{
		Type: RefreshFailed, Means: "A provider has begun not to refresh sessions, or the trouble with it has become another. It is told once per change, not per request. The sessions are kept for a limited time.",
		Actors: []string{ActorProvider}, Fields: []string{"provider", "cause"}, Causes: troubles,
		Example: example(RefreshFailed, ActorProvider, Event{Provider: "main", Cause: "unreachable"}),
	},
	{
		Type: RefreshRecovered, Means: "A provider refreshes sessions again.",
		Actors: []string{ActorProvider}, Fields: []string{"provider"}, Detail: []Word{{"after", "how long it did not"}},
		Example: example(RefreshRecovered, ActorProvider, Event{Provider: "main", Detail: map[string]string{"after": "4m10s"}}),
	},
	{
		Type: RefreshRefused, Means: "A provider refused to refresh a session for good. The session ends by `session.ended`.",
		Actors: []string{ActorProvider}, Fields: ofSession,
		Example: example(RefreshRefused, ActorProvider, Event{Account: exampleAccount, Handle: "ann", Session: exampleSession, Provider: "main"}),
	},
	{
		Type: RefreshLost, Means: "A session has no grant any more that could be refreshed. The session is kept, and its next page goes to the provider.",
		Actors: []string{ActorProvider}, Fields: append([]string{"cause"}, ofSession...),
		Causes: []Word{
			{"lost", "whether the refresh token was spent is not known, or the answer must not be believed"},
			{"interaction", "the provider wants to see the person"},
		},
		Example: example(RefreshLost, ActorProvider, Event{Account: exampleAccount, Handle: "ann", Session: exampleSession, Provider: "main", Cause: "interaction"}),
	},
}

var troubles = []Word{
	{"unreachable", "no connection"},
	{"no-answer", "a request left and no answer came"},
	{"server-error", "the provider answered with an error of its own"},
	{"refused", "the provider refused this client, or the request"},
	{"verification", "the answer must not be believed"},
}
