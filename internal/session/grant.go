package session

import (
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// GrantState says how far the tokens of a session can be relied on.
type GrantState string

const (
	// GrantGood: usable, or refreshable when expired.
	GrantGood GrantState = ""
	// GrantLost: a refresh was sent whose outcome is unknown and cannot be learned. The
	// session lives on; the next navigation re-authorizes without interaction.
	GrantLost GrantState = "lost"
	// GrantInteraction: the provider wants to see the person (interaction_required).
	GrantInteraction GrantState = "interaction"
)

// Grant is the tokens that a provider gave a session, and where their refresh stands.
type Grant struct {
	Tokens oidc.Tokens `json:"tokens"`
	State  GrantState  `json:"state,omitempty"`

	// RefreshMark is set, durably, before a refresh request leaves and cleared with its
	// result. A mark that outlives the request means that the outcome is unknown.
	RefreshMark time.Time `json:"refresh_mark,omitzero"`
	// Retried: the one more try after an unknown outcome has been spent.
	Retried bool `json:"retried,omitempty"`
	// FailingSince is when refreshes began to fail without a verdict (outage); zero
	// while they work. LostSince is when State left GrantGood.
	FailingSince time.Time `json:"failing_since,omitzero"`
	LostSince    time.Time `json:"lost_since,omitzero"`
	// CheckedAt is when the provider last confirmed the person: sign-in, refresh or userinfo.
	CheckedAt time.Time `json:"checked_at,omitzero"`
}
