package admin

import "time"

// Account is a person in a list.
type Account struct {
	ID         string    `json:"id"`
	Handle     string    `json:"handle"`
	Name       string    `json:"name"`
	Email      string    `json:"email"` // believed; "" without one
	State      string    `json:"state"` // active, disabled, deleting
	CreatedAt  time.Time `json:"created_at"`
	LastSignIn time.Time `json:"last_sign_in,omitzero"`
	Providers  []string  `json:"providers"`
	Sessions   int       `json:"sessions"`
}

// AccountList is a page of accounts; Next is the handle to continue after, "" at the end.
type AccountList struct {
	Accounts []Account `json:"accounts"`
	Next     string    `json:"next,omitempty"`
}

// AccountDetails is a person with all that is kept of them.
type AccountDetails struct {
	Account
	Emails     []Email    `json:"emails"`
	Identities []Identity `json:"identities"`
	Picture    Picture    `json:"picture"`
}

// Picture is where a person's picture comes from, and how the last attempt to have the
// provider's went.
type Picture struct {
	Source    string    `json:"source"` // upload, provider or none
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	TriedAt   time.Time `json:"tried_at,omitzero"`
	Provider  string    `json:"provider,omitempty"` // that was tried
	Error     string    `json:"error,omitempty"`    // of that attempt
}

// Email is an address that a provider said a person has.
type Email struct {
	Address  string `json:"address"`
	Believed bool   `json:"believed"`
}

// Identity is a person at a provider.
type Identity struct {
	Key           string    `json:"key"` // names it to unlink; opaque, and always the same
	Provider      string    `json:"provider"`
	Issuer        string    `json:"issuer"`
	Subject       string    `json:"subject"`
	LinkedAt      time.Time `json:"linked_at"`
	LastSignIn    time.Time `json:"last_sign_in"`
	Email         string    `json:"email,omitempty"`
	EmailBelieved bool      `json:"email_believed"`
}

// AccountShown is an account with its sessions, 100 of them at most, or what is left of
// a deleted one; exactly one of Account and Deleted is set.
type AccountShown struct {
	Account  *AccountDetails `json:"account,omitempty"`
	Sessions []Session       `json:"sessions,omitempty"`
	Deleted  *Deleted        `json:"deleted,omitempty"`
}

// Deleted is a handle that nobody gets again.
type Deleted struct {
	ID        string    `json:"id"`
	Handle    string    `json:"handle"`
	DeletedAt time.Time `json:"deleted_at"`
}

// DeleteRequest confirms a deletion by the account's handle.
type DeleteRequest struct {
	Handle string `json:"handle"`
}

// AccountAct is what became of an account.
type AccountAct struct {
	ID       string       `json:"id"`
	Handle   string       `json:"handle"`
	State    string       `json:"state"` // active, disabled, deleting, deleted
	Changed  bool         `json:"changed"`
	Finished bool         `json:"finished"` // false: the account is shut, and the gateway goes on until the rest is done
	Ended    int          `json:"ended"`    // sessions
	Steps    []SummedStep `json:"steps"`    // their receipts' sum
}

// Provider is a configured provider.
type Provider struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	Kind          string    `json:"kind"`
	Issuer        string    `json:"issuer"`
	ClientID      string    `json:"client_id"`
	Callback      string    `json:"callback"`  // as it is registered
	Reachable     string    `json:"reachable"` // yes, no, or unknown: it was not asked yet
	AskedAt       time.Time `json:"asked_at,omitzero"`
	Discovery     Fetched   `json:"discovery"`
	Keys          Fetched   `json:"keys"`
	KeyIDs        []string  `json:"key_ids"`
	Sessions      int       `json:"sessions"`
	Failing       int       `json:"failing"` // deliveries to it that were tried in vain, 1000 at most
	DeliveryError string    `json:"delivery_error,omitempty"`
}

// Fetched is how a document of a provider was last had.
type Fetched struct {
	At      time.Time `json:"at,omitzero"` // of the copy at hand
	TriedAt time.Time `json:"tried_at,omitzero"`
	Error   string    `json:"error,omitempty"` // of the last try
}

// ProviderList is every configured provider.
type ProviderList struct {
	Providers []Provider `json:"providers"`
}
