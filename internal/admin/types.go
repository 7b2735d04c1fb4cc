package admin

import (
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// Session is a session as operators see it. It holds no token and opens nothing.
type Session struct {
	ID          string    `json:"id"`
	Account     string    `json:"account"`
	Handle      string    `json:"handle"`
	Provider    string    `json:"provider"`
	Issuer      string    `json:"issuer"`
	Subject     string    `json:"subject"`
	CreatedAt   time.Time `json:"created_at"`
	SeenAt      time.Time `json:"seen_at"`
	AuthTime    time.Time `json:"auth_time"`
	ACR         string    `json:"acr,omitempty"` // class of the authentication
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	Address     string    `json:"address,omitempty"`
	UserAgent   string    `json:"user_agent,omitempty"`
	Refreshable bool      `json:"refreshable"`
	Grant       string    `json:"grant"` // good, lost, interaction, failing
	Connections int       `json:"connections"`
}

// SessionList is a page of sessions; Next is the id to continue after, "" at the end.
type SessionList struct {
	Sessions []Session `json:"sessions"`
	Total    int       `json:"total"` // that the filter selects
	Next     string    `json:"next,omitempty"`
}

// Ended is a session that has ended, with what is still to be told.
type Ended struct {
	Session  string    `json:"session"`
	Account  string    `json:"account,omitempty"`
	Provider string    `json:"provider,omitempty"`
	Cause    string    `json:"cause"`
	EndedAt  time.Time `json:"ended_at"`
	Steps    []Step    `json:"steps"`
}

// Step is a line of a receipt.
type Step struct {
	What  string `json:"what"`
	State string `json:"state"`
	Count int    `json:"count,omitempty"`
	App   string `json:"app,omitempty"`
}

// SummedStep is how often a line stood on the receipts of several ends.
type SummedStep struct {
	What     string `json:"what"`
	State    string `json:"state"`
	Sessions int    `json:"sessions"`
	Count    int    `json:"count,omitempty"` // connections
}

// Shown is a session or its end; exactly one is set.
type Shown struct {
	Session *Session `json:"session,omitempty"`
	Ended   *Ended   `json:"ended,omitempty"`
}

// EndRequest selects the sessions to end: by id, by account (id or handle), by provider,
// by app (those with a seat at its origin), or all. Exactly one must be set.
type EndRequest struct {
	ID       string `json:"id,omitempty"`
	Account  string `json:"account,omitempty"`
	Provider string `json:"provider,omitempty"`
	App      string `json:"app,omitempty"`
	All      bool   `json:"all,omitempty"`
}

// EndAnswer says how many sessions ended, and whether that is durable yet.
type EndAnswer struct {
	Ended      int  `json:"ended"`
	NotDurable bool `json:"not_durable,omitempty"`
	Already    bool `json:"already,omitempty"` // the one named by id had ended before

	Steps []SummedStep `json:"steps"` // the receipts' sum
}

// EndProgress is how far an end of many sessions is.
type EndProgress struct {
	Ended int `json:"ended"`
	Of    int `json:"of"`
}

// EndLine is a line of an answer by lines; exactly one is set. The last line is an
// answer or a problem.
type EndLine struct {
	Progress *EndProgress   `json:"progress,omitempty"`
	Answer   *EndAnswer     `json:"answer,omitempty"`
	Problem  *httpx.Problem `json:"problem,omitempty"`
}

// Delivery is an outbox entry as operators see it.
type Delivery struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Session   string    `json:"session"`
	Provider  string    `json:"provider"`
	App       string    `json:"app,omitempty"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	NextAt    time.Time `json:"next_at,omitzero"`     // of a pending one
	GivenUpAt time.Time `json:"given_up_at,omitzero"` // when a pending one is, or a failed one was at the latest
	Attempts  int       `json:"attempts"`
	LastError string    `json:"last_error,omitempty"`
	Retryable bool      `json:"retryable"`
}

// DeliveryList is a page of deliveries; Next is where to continue, "" at the end.
type DeliveryList struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next,omitempty"`
}

// RetryRequest selects what is tried again at once; exactly one must be set.
type RetryRequest struct {
	ID      string `json:"id,omitempty"`
	Failing bool   `json:"failing,omitempty"` // all that was tried in vain
}

// RetryAnswer says how much is tried again, and how much cannot be.
type RetryAnswer struct {
	Retried int `json:"retried"`
	Refused int `json:"refused"`
}

// BackupRequest says what goes into a backup.
type BackupRequest struct {
	WithKey bool `json:"with_key,omitempty"` // the root key too
}

// BackupProgress is how far the backup is that is being made.
type BackupProgress struct {
	Running bool  `json:"running"`
	Done    int64 `json:"done"` // rows
	Of      int64 `json:"of"`
}
