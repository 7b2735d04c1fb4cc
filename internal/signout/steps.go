package signout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// What is a line of a receipt.
type What string

// The lines of a receipt.
const (
	WhatSession     What = "session"     // here, and at every app that shared it
	WhatConnections What = "connections" // open sockets and streams
	WhatTokens      What = "tokens"      // at the provider
	WhatProvider    What = "provider"    // the provider's own session
	WhatApp         What = "app"         // the app's own session
	WhatOthers      What = "others"      // the person's sessions in other browsers
)

// StepState says how far a line of the receipt has come.
type StepState string

// States of a step.
const (
	StepDone       StepState = "done"
	StepUnderWay   StepState = "under-way" // about to be told for the first time
	StepRetrying   StepState = "retrying"  // tried in vain, and tried again until it is told
	StepOpen       StepState = "open"      // left alive, and nothing more will be done
	StepFailed     StepState = "failed"    // could not be told, and nothing more will be done
	StepNotDurable StepState = "not-durable"
	StepWithdrawn  StepState = "withdrawn" // nobody is left who could be told: provider or client was withdrawn
)

// Step is one line of a receipt as it stands now.
type Step struct {
	What  What
	State StepState
	Count int    // connections, or sessions
	App   string // id
}

// Steps completes a receipt by what has been delivered since. The provider's session
// counts as ended only when the browser came back from its logout with our state, when
// a call of the server said so, or when the provider itself ended it.
func (o *SignOut) Steps(ctx context.Context, r Receipt) ([]Step, error) {
	here := Step{What: WhatSession, State: StepDone}
	var entries []outbox.Entry
	if p, pending := o.waiting(r.Session); pending {
		here.State = StepNotDurable
		for _, kind := range p.tell {
			entries = append(entries, outbox.Entry{Kind: kind, State: outbox.Pending, Attempts: 1}) // waits for the store
		}
	} else {
		var err error
		if entries, err = o.o.Outbox.BySession(ctx, string(r.Session)); err != nil {
			return nil, fmt.Errorf("reading what is still to be told: %w", err)
		}
		entries = o.lost(ctx, entries)
	}
	steps := []Step{here}
	if r.Closed > 0 {
		steps = append(steps, Step{What: WhatConnections, State: StepDone, Count: r.Closed})
	}
	if r.Others > 0 {
		steps = append(steps, Step{What: WhatOthers, State: StepDone, Count: r.Others})
	}
	steps = append(steps, appSteps(entries)...)
	// Tokens that came late are revoked by entries of their own; all of them are one line,
	// which says the least that is true of each.
	if state, found := worst(entries, outbox.KindRevoke); found {
		steps = append(steps, Step{What: WhatTokens, State: state})
	} else if o.leavesTokens(r) {
		steps = append(steps, Step{What: WhatTokens, State: StepOpen})
	}
	return append(steps, Step{What: WhatProvider, State: o.providerState(r, entries)}), nil
}

func (o *SignOut) providerState(r Receipt, entries []outbox.Entry) StepState {
	switch r.Cause {
	case session.CauseBackChannel, session.CauseFrontChannel:
		return StepDone
	case session.CauseProvider:
		return StepWithdrawn
	}
	if r.Browser && !r.Returned.IsZero() {
		if p, ok := o.o.Providers(r.Provider); ok && p.Record().SignOut.EndsSSOByDefault == record.No {
			return StepOpen
		}
		return StepDone
	}
	state, found := worst(entries, outbox.KindEndSession)
	if !found {
		return StepOpen
	}
	// Where only browsers can end the session, the entry keeps the hint for one; no call
	// of ours will be made.
	if p, ok := o.o.Providers(r.Provider); ok && (state == StepRetrying || state == StepUnderWay) && p.Record().SignOut.ServerCall == record.ServerNone {
		return StepOpen
	}
	return state
}

// leavesTokens tells whether a sign-out that left the provider's session alone left the
// tokens alone with it, because revoking them would have ended it.
func (o *SignOut) leavesTokens(r Receipt) bool {
	if r.Mode != ModeGateway || RuleOf(r.Cause, ModeProvider).EndSession == Nobody {
		return false
	}
	p, ok := o.o.Providers(r.Provider)
	if !ok {
		return false
	}
	v := p.Record().Revocation
	return v.Kind != record.RevocationNone && v.Ends != record.RevocationEndsToken
}

// appSteps are the lines of the apps that are told of the end.
func appSteps(entries []outbox.Entry) []Step {
	var steps []Step
	for _, e := range entries {
		if e.Kind != outbox.KindAppLogout || e.App == "" {
			continue
		}
		step := Step{What: WhatApp, App: e.App, State: StepFailed}
		switch e.State {
		case outbox.Done, outbox.Cancelled:
			step.State = StepDone
		case outbox.Pending:
			step.State = waits(e)
		}
		steps = append(steps, step)
	}
	slices.SortFunc(steps, func(a, b Step) int { return strings.Compare(a.App, b.App) })
	return steps
}

// lost counts as tried what a provider is to be told that does not answer: nothing there is
// about to end.
func (o *SignOut) lost(ctx context.Context, entries []outbox.Entry) []outbox.Entry {
	entries = slices.Clone(entries)
	for i := range entries {
		e := &entries[i]
		if e.State != outbox.Pending || e.Attempts > 0 || e.Kind == outbox.KindAppLogout {
			continue
		}
		if p, ok := o.o.Providers(e.Provider); ok && !p.Reachable(ctx) {
			e.Attempts = 1
		}
	}
	return entries
}

// waits is the state of what has still to be told.
func waits(e outbox.Entry) StepState {
	if e.Attempts == 0 {
		return StepUnderWay
	}
	return StepRetrying
}

// worst returns what can be said of all entries of a kind; found is false without one.
func worst(entries []outbox.Entry, kind outbox.Kind) (state StepState, found bool) {
	state = StepDone
	for _, e := range entries {
		if e.Kind != kind {
			continue
		}
		found = true
		switch e.State {
		case outbox.Done:
		case outbox.Pending:
			if w := waits(e); state == StepDone || state == StepUnderWay {
				state = w
			}
		default:
			state = StepOpen
		}
	}
	return state, found
}
