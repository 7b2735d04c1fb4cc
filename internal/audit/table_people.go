package audit

var peopleTypes = []Definition{
	{
		Type: AccountCreated, Means: "The first admitted sign-in of an identity made an account.",
		Actors: []string{ActorPerson}, Fields: []string{"account", "handle", "provider"}, Personal: []string{"issuer", "subject", "email", "name"},
		Example: example(AccountCreated, ActorPerson, Event{Account: exampleAccount, Handle: "ann", Provider: "main",
			Personal: &Personal{Issuer: "https://id.example.com", Subject: "a1b2", Email: "ann@example.com", Name: "Ann"}}),
	},
	ofAccount(AccountDisabled, "An account was disabled: nobody signs in to it. Its sessions end by `session.ended`."),
	ofAccount(AccountEnabled, "A disabled account was enabled."),
	ofAccount(AccountDeleting, "The deletion of an account began: it is disabled for good."),
	ofAccount(AccountDeleted, "An account was deleted. What the trail said of the person beside account and handle is gone."),
	{
		Type: IdentityLinked, Means: "An identity was linked to an account that had another.",
		Actors: []string{ActorPerson, ActorGateway}, Fields: ofSession, Personal: whole,
		Detail: []Word{{"how", "`person`: by a linking that the person asked for; `automatic`: by an e-mail address that both providers verified"}},
		Example: example(IdentityLinked, ActorPerson, Event{Account: exampleAccount, Handle: "ann", Provider: "second", Detail: map[string]string{"how": "person"},
			Personal: &Personal{Issuer: "https://login.example.org", Subject: "77", Email: "ann@example.com"}}),
	},
	{
		Type: IdentityUnlinked, Means: "An identity was unlinked from an account. The sessions that it opened end by `session.ended`.",
		Actors: []string{ActorPerson, ActorOperator}, Fields: ofSession, Personal: whole,
		Example: example(IdentityUnlinked, ActorPerson, Event{Account: exampleAccount, Handle: "ann", Provider: "second",
			Personal: &Personal{Issuer: "https://login.example.org", Subject: "77"}}),
	},
	{
		Type: IdentityLinkRefused, Means: "An identity was not linked by the person who asked for it. A linking that fails as a sign-in can is told by `signin.refused`.",
		Actors: []string{ActorPerson, ActorOperator}, Fields: append([]string{"cause", "incident"}, ofSession...), Personal: whole,
		Causes: []Word{
			{"taken", "the identity belongs to another account, and is not moved"},
			{"session-gone", "the session that it was for has ended"},
			{"other-account", "the browser is signed in to another account by now"},
		},
		Example: example(IdentityLinkRefused, ActorPerson, Event{Account: exampleAccount, Handle: "ann", Session: exampleSession, Provider: "second", Cause: "taken", Incident: "mzxw6ytboi5gk3dp",
			Personal: &Personal{Issuer: "https://login.example.org", Subject: "77"}}),
	},
	{
		Type: AvatarChanged, Means: "A person's picture was changed.",
		Actors: []string{ActorPerson, ActorOperator, ActorGateway}, Fields: append([]string{"cause"}, ofSession...), Personal: []string{"address", "user_agent"},
		Causes: []Word{
			{"set", "the person uploaded one"},
			{"cleared", "the person removed theirs"},
			{"fetched", "the provider's was fetched, or is gone there"},
		},
		Detail: []Word{{"source", "`upload` or `provider`"}, {"hash", "of the picture that is shown now"}},
		Example: example(AvatarChanged, ActorPerson, Event{Account: exampleAccount, Handle: "ann", Cause: "set", Detail: map[string]string{"source": "upload"},
			Personal: &Personal{Address: "192.0.2.7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"}}),
	},
}

func ofAccount(t Type, means string) Definition {
	e := example(t, ActorOperator, Event{Account: exampleAccount, Handle: "ann"})
	e.By = "uid 1000"
	return Definition{
		Type: t, Means: means, Actors: []string{ActorOperator, ActorGateway, ActorPerson}, Fields: []string{"account", "handle"}, Example: e,
	}
}

var operatorTypes = []Definition{
	{
		Type: AdminActed, Means: "An operator asked for an act. It is written before the act is done: what came of it is told by the events after it.",
		Actors: []string{ActorOperator}, Fields: []string{"account", "handle", "session", "provider", "app"},
		Detail: []Word{
			{"verb", "accounts.disable, accounts.enable, accounts.delete, accounts.unlink, sessions.end, outbox.retry, backup"},
			{"filter", "of several: `all`, or which: account, provider, app, failing"},
			{"entry", "the outbox entry"},
			{"identity", "the identity's key"},
			{"with_root_key", "`yes`: the backup holds the root key"},
		},
		Example: operators(example(AdminActed, ActorOperator, Event{Provider: "main", Detail: map[string]string{"verb": "sessions.end", "filter": "provider"}})),
	},
	{
		Type: ConfigLoaded, Means: "The gateway started with a configuration.",
		Actors: []string{ActorGateway}, Detail: configDetail,
		Example: example(ConfigLoaded, ActorGateway, Event{Detail: map[string]string{"file": "/etc/cardea/cardea.yaml", "sha256": "9f86d081884c7d65"}}),
	},
	{
		Type: ConfigChanged, Means: "The running gateway took another configuration.",
		Actors: []string{ActorOperator, ActorGateway}, Detail: configDetail,
		Example: example(ConfigChanged, ActorGateway, Event{Detail: map[string]string{"file": "/etc/cardea/cardea.yaml", "sha256": "60303ae22b998861", "changes": "apps[chat].access", "ended": "3"}}),
	},
	{
		Type: ConfigRefused, Means: "A configuration was refused, and the one before it goes on.",
		Actors: []string{ActorOperator, ActorGateway}, Detail: configDetail,
		Example: example(ConfigRefused, ActorGateway, Event{Detail: map[string]string{"file": "/etc/cardea/cardea.yaml", "faults": "1", "reason": "apps[0].upstream: not an address"}}),
	},
	{
		Type: BackupMade, Means: "The running gateway made a backup and handed it out.",
		Actors: []string{ActorOperator, ActorGateway}, Detail: []Word{{"with_root_key", "`yes`: it holds the root key"}},
		Example: operators(example(BackupMade, ActorOperator, Event{Detail: map[string]string{"with_root_key": "yes"}})),
	},
	{
		Type: StoreRestored, Means: "The store was put back from a backup. No session of before lives on, and what happened after the backup is not in this trail.",
		Actors: []string{ActorGateway},
		Detail: []Word{
			{"from_schema", "the schema version of the backup"},
			{"given_up", "deliveries that were pending in a backup and are not made again; each has its `delivery.failed`"},
		},
		Example: example(StoreRestored, ActorGateway, Event{Detail: map[string]string{"from_schema": "5", "given_up": "2"}}),
	},
	{
		Type: AuditSwept, Means: "Events that were kept for audit.keep were removed from the trail.",
		Actors: []string{ActorGateway},
		Detail: []Word{
			{"count", "how many"},
			{"first", "the seq of the first of them"},
			{"last", "the seq of the last of them"},
			{"older_than", "all of them happened before this time"},
		},
		Example: example(AuditSwept, ActorGateway, Event{Detail: map[string]string{"count": "312", "first": "1", "last": "312", "older_than": "2025-10-18T09:30:00Z"}}),
	},
	{
		Type: EventsLost, Means: "The store did not answer for so long that refusals and refresh failures had to be forgotten.",
		Actors:  []string{ActorGateway},
		Detail:  []Word{{"count", "how many events"}, {"since", "when the first of them was"}},
		Example: example(EventsLost, ActorGateway, Event{Detail: map[string]string{"count": "120", "since": "2026-11-22T09:21:00Z"}}),
	},
}

var configDetail = []Word{
	{"file", "the configuration's file"},
	{"sha256", "of the file, in hexadecimal, shortened"},
	{"changes", "what is another than before"},
	{"ends", "how many sessions are about to end by it"},
	{"ended", "how many sessions ended by it"},
	{"faults", "how many faults there are"},
	{"reason", "the first fault"},
	{"restart", "what takes effect at the next start only"},
}

func operators(e Event) Event {
	e.By = "uid 1000"
	return e
}
