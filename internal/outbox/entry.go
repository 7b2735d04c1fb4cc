package outbox

import "time"

// Kind names what an entry asks for.
type Kind string

// The kinds of entries.
const (
	KindRevoke     Kind = "revoke-token" // RFC 7009 at the provider, or the provider's own API
	KindEndSession Kind = "end-session"  // the provider's logout, called by the server
	KindAppLogout  Kind = "app-logout"   // the app's own logout, with the cookies kept for the session
)

// State of an entry.
type State string

// States of an entry.
const (
	Pending   State = "pending"
	Done      State = "done"
	Cancelled State = "cancelled" // no longer needed: the browser did it, or it would end what began later
	Failed    State = "failed"    // given up: refused for good, or past its deadline
)

// Filter selects entries for listing; empty fields select all. Results are ordered by
// CreatedAt and ID and start after After.
type Filter struct {
	ID       string
	State    State
	Kind     Kind
	Provider string
	Session  string
	Failing  bool // given up, or pending and tried at least once
	After    Place
	Limit    int
}

// Place is an entry's place in a list.
type Place struct {
	CreatedAt time.Time
	ID        string
}

// Entry is one thing to tell one participant. Payload is sealed at rest.
type Entry struct {
	ID        string
	Kind      Kind
	Session   string // the session that ended
	Provider  string
	App       string // of KindAppLogout: stored only where the session keeps cookies of that app
	Payload   []byte
	State     State
	CreatedAt time.Time
	NextAt    time.Time // not before
	Deadline  time.Time // given up after
	Attempts  int
	LastError string // bounded, without secrets
}
