package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// Cause says why a session ended. The table of what each cause does is in package signout.
type Cause string

// The causes of an end.
const (
	CauseButton          Cause = "button"           // the person, here
	CauseApp             Cause = "app"              // the app's own logout
	CauseEverywhere      Cause = "everywhere"       // the person, from another device
	CauseAdmin           Cause = "admin"            // an operator
	CauseBackChannel     Cause = "back-channel"     // the provider, by logout token
	CauseFrontChannel    Cause = "front-channel"    // the provider, by frame
	CauseExpired         Cause = "expired"          // idle or absolute limit
	CauseRefreshRefused  Cause = "refresh-refused"  // the provider withdrew the grant
	CauseUnconfirmed     Cause = "unconfirmed"      // the provider could not be asked for too long
	CauseAccessWithdrawn Cause = "access-withdrawn" // admission rules no longer hold
	CauseAccount         Cause = "account"          // account disabled or deleted
	CauseIdentity        Cause = "identity"         // identity unlinked
	CauseProvider        Cause = "provider"         // provider or client withdrawn from the configuration
	CauseOtherAccount    Cause = "other-account"    // another account signed in on this browser
	CauseRenewed         Cause = "renewed"          // the same account signed in again on this browser
)

// Tombstone stays when a session has ended, until no cookie or late write can name it.
// No request, refresh or write revives a session that has one.
type Tombstone struct {
	Session  ID
	Account  string
	Provider string
	Identity oidc.Identity
	SID      string
	Cause    Cause
	Fresh    bool // the next sign-in of this browser must authenticate anew
	EndedAt  time.Time
	Until    time.Time // when it may be swept
	Seq      int64     // position in the sequence of ends; set by the store
}

// EndedError is returned for a session that has ended.
type EndedError struct{ Tombstone Tombstone }

func (e *EndedError) Error() string {
	return fmt.Sprintf("session %s ended: %s", e.Tombstone.Session, e.Tombstone.Cause)
}

var (
	// ErrNotFound: no session, and no tombstone, answers to this name.
	ErrNotFound = errors.New("no such session")
	// ErrConflict: the record changed since it was read.
	ErrConflict = errors.New("session changed meanwhile")
	// ErrUnavailable: the store did not answer. It never means "no session".
	ErrUnavailable = errors.New("session store unavailable")
)
