package signout

import (
	"errors"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// Receipt says what an end reached and what it could not. It is stored with the
// tombstone and completed by the states of the outbox entries when it is read.
type Receipt struct {
	State     session.SeatHash // hash of the state value that the browser takes to the provider; zero when it takes none
	Session   session.ID
	Account   string
	Provider  string
	Cause     session.Cause
	Mode      Mode
	EndedAt   time.Time
	Until     time.Time
	Closed    int       // live connections closed on the node that ended it
	Browser   bool      // the browser was to be sent to the provider's logout
	Returned  time.Time // when it came back from there with our state; zero: not yet
	ReturnURL string    // address of the page that the sign-out came from, for "sign in again"
	Others    int       // sessions of the same person that the same act ended
}

// Mode says whether the provider's session is to be ended too.
type Mode string

// Modes of a sign-out (apps[].sign_out).
const (
	ModeProvider Mode = "provider"
	ModeGateway  Mode = "gateway"
)

// Ending is the durable part of an end: one transaction, conditional on Version.
type Ending struct {
	Session   session.ID
	Version   int64
	Tombstone session.Tombstone
	Receipt   Receipt
	Entries   []outbox.Entry

	Actor string // who asked, for the trail: one of package audit's; "" leaves it to the context
	By    string // which operator

	Because string // what the cause leaves open
}

var (
	// ErrNotDurable: the session is refused in memory and its connections are cut, but
	// the store has not taken the end yet; it is retried until it does.
	ErrNotDurable = errors.New("end of session is not yet durable")
	// ErrNoReceipt: no receipt answers to this state or session.
	ErrNoReceipt = errors.New("no such receipt")
)
