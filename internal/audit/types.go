package audit

import "slices"

// Type names what happened. What each means is in the table that Types returns.
type Type string

// The types of events.
const (
	SessionOpened  Type = "session.opened"
	SessionEnded   Type = "session.ended"
	SigninRefused  Type = "signin.refused"
	SigninRefusals Type = "signin.refusals"
	AccessRefused  Type = "access.refused"

	ProviderNotice  Type = "provider.notice"
	BrowserReturned Type = "browser.returned"

	RefreshFailed    Type = "refresh.failed"
	RefreshRecovered Type = "refresh.recovered"
	RefreshRefused   Type = "refresh.refused"
	RefreshLost      Type = "refresh.lost"

	DeliveryDone      Type = "delivery.done"
	DeliveryFailed    Type = "delivery.failed"
	DeliveryCancelled Type = "delivery.cancelled"

	AccountCreated  Type = "account.created"
	AccountDisabled Type = "account.disabled"
	AccountEnabled  Type = "account.enabled"
	AccountDeleting Type = "account.deleting"
	AccountDeleted  Type = "account.deleted"

	IdentityLinked      Type = "identity.linked"
	IdentityUnlinked    Type = "identity.unlinked"
	IdentityLinkRefused Type = "identity.link_refused"

	AvatarChanged Type = "avatar.changed"

	AdminActed Type = "admin.acted"

	ConfigLoaded  Type = "config.loaded"
	ConfigChanged Type = "config.changed"
	ConfigRefused Type = "config.refused"

	BackupMade    Type = "backup.made"
	StoreRestored Type = "store.restored"
	AuditSwept    Type = "audit.swept"
	EventsLost    Type = "events.lost"
)

// Word is a name of the schema and what it means.
type Word struct{ Name, Means string }

// Definition is what the schema says of a type.
type Definition struct {
	Type     Type
	Means    string
	Actors   []string // who it may be
	Fields   []string // those beside seq, id, at, type, actor and by that it may have
	Causes   []Word
	Detail   []Word   // keys
	Personal []string // of Personal's fields, those that it may have
	Example  Event
}

// Types returns the schema: every type there is, in the order of the documentation. The
// caller must not change it.
func Types() []Definition { return definitions }

// Lookup returns what the schema says of a type.
func Lookup(t Type) (Definition, bool) {
	i := slices.IndexFunc(definitions, func(d Definition) bool { return d.Type == t })
	if i < 0 {
		return Definition{}, false
	}
	return definitions[i], true
}

func known(words []Word, name string) bool {
	return slices.ContainsFunc(words, func(w Word) bool { return w.Name == name })
}
