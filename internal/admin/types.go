package admin

import "time"

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
}

// Shown is a session or its end; exactly one is set.
type Shown struct {
	Session *Session `json:"session,omitempty"`
	Ended   *Ended   `json:"ended,omitempty"`
}

// EndRequest selects the sessions to end: by id, by account, by provider, or all.
// Exactly one must be set.
type EndRequest struct {
	ID       string `json:"id,omitempty"`
	Account  string `json:"account,omitempty"`
	Provider string `json:"provider,omitempty"`
	All      bool   `json:"all,omitempty"`
}

// EndAnswer says how many sessions ended, and whether that is durable yet.
type EndAnswer struct {
	Ended      int  `json:"ended"`
	NotDurable bool `json:"not_durable,omitempty"`
	Already    bool `json:"already,omitempty"` // the one named by id had ended before
}

// Delivery is an outbox entry as operators see it.
type Delivery struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Session   string    `json:"session"`
	Provider  string    `json:"provider"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	NextAt    time.Time `json:"next_at"`
	Attempts  int       `json:"attempts"`
	LastError string    `json:"last_error,omitempty"`
}
