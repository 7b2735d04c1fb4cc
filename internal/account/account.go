package account

import (
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// Account is a person.
type Account struct {
	ID        string // random, never reused
	Handle    string // unique here, never reassigned; what apps see
	Name      string
	Email     string // believed ones only
	CreatedAt time.Time
	Disabled  bool // nobody signs in to it; it has no sessions, or is about to have none
	Erasing   bool // disabled for good: it goes as soon as its sessions have ended
}

// Identity links a person at a provider to an account.
type Identity struct {
	oidc.Identity
	Account  string
	Provider string
	LinkedAt time.Time
	LastUsed time.Time

	Email         string // as the provider said at the last sign-in
	EmailBelieved bool
}

// Admission is what a store needs to find the account of an identity, or to make it:
// in one transaction, the first free candidate becomes the handle.
type Admission struct {
	Identity   oidc.Identity
	Provider   string
	Profile    oidc.Profile
	Candidates []string // handles in order of preference; never empty
	AccountID  string   // id for a new account
}

// Person is an account with its identities, the latest used first.
type Person struct {
	Account
	Identities []Identity
}

// Summary is an account as a list shows it.
type Summary struct {
	Account
	Providers []string // of its identities, sorted
	Sessions  int      // live ones
	LastUsed  time.Time
}

// Filter selects accounts for listing; empty fields select all. Results are ordered by
// handle and start after After. Handle and Email select those that contain them,
// whatever the case of ASCII letters.
type Filter struct {
	Handle   string
	Email    string // of the account or of any of its identities, believed or not
	Provider string // of any of its identities
	Disabled bool   // only disabled ones
	After    string // a handle
	Limit    int
}

// Ref names an account that is there, or was: a handle outlives its account.
type Ref struct {
	ID, Handle string
	ErasedAt   time.Time // zero: it is there
}

var (
	// ErrDisabled is returned when the account of an identity is disabled.
	ErrDisabled = errors.New("account is disabled")
	// ErrErased is returned for an account that was deleted. Whoever refuses a disabled
	// one refuses it too.
	ErrErased = fmt.Errorf("account was deleted: %w", ErrDisabled)
	// ErrErasing: an account whose deletion has begun does not come back.
	ErrErasing = errors.New("account is being deleted")
)
