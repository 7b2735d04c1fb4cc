package account

import (
	"errors"
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
	Disabled  bool
}

// Identity links a person at a provider to an account.
type Identity struct {
	oidc.Identity
	Account  string
	Provider string
	LinkedAt time.Time
	LastUsed time.Time
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

// ErrDisabled is returned when the account of an identity is disabled.
var ErrDisabled = errors.New("account is disabled")
