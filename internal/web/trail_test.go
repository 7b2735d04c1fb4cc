package web

import (
	"testing"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/signin"
)

func TestThePageShowsTheReferenceThatTheTrailHas(t *testing.T) {
	const trails = "mzxw6ytboi5gk3dp"
	for name, err := range map[string]error{
		"expired": signin.ErrExpired,
		"denied":  &signin.DeniedError{Decision: access.Decision{Reason: access.ReasonEmail, Rule: "access.domains"}},
	} {
		f, b := booked(t)
		f.signIn.err = &signin.Failure{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/"}, Err: err, Incident: trails}
		w := f.ask("GET", gateCallback+"?state=s&code=c", navigation()...)
		if got := b.shown(t, name, w).ID; got != trails {
			t.Errorf("%s: the page shows %q", name, got)
		}
		// The next refusal is another.
		f.signIn.err = &signin.Failure{Provider: "main", Err: signin.ErrExpired}
		if got := b.shown(t, name, f.ask("GET", gateCallback+"?state=s&code=c", navigation()...)).ID; got == trails || got == "" {
			t.Errorf("%s: the next one shows %q", name, got)
		}
	}
}
