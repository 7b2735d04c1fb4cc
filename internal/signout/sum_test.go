package signout

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestReceiptsOfManyEndsAreSummed(t *testing.T) {
	last := someone("d")
	last.Provider = "gone"
	r := newRig(t, someone("a"), someone("b"), someone("c"), last)
	var told []int
	sum, err := r.EndSummed(t.Context(), r.now, session.Filter{}, Request{Cause: session.CauseAccount, By: "operator"}, func(n int) { told = append(told, n) })
	want := Sum{Ended: 4, Steps: []Summed{
		{What: WhatConnections, State: StepDone, Sessions: 4, Count: 12},
		{What: WhatProvider, State: StepOpen, Sessions: 1},
		{What: WhatProvider, State: StepUnderWay, Sessions: 3},
		{What: WhatSession, State: StepDone, Sessions: 4},
		{What: WhatTokens, State: StepUnderWay, Sessions: 3},
	}}
	if diff := cmp.Diff(want, sum); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4}, told); diff != "" {
		t.Errorf("progress\n%s", diff)
	}
}

func TestASumTellsWhatIsNotDurableAndCountsNoFailure(t *testing.T) {
	r := newRig(t, someone("a"), someone("b"), someone("c"))
	r.store.fail["b"], r.store.fail["c"] = session.ErrUnavailable, errors.New("row cannot be written")
	sum, err := r.EndSummed(t.Context(), r.now, session.Filter{}, Request{Cause: session.CauseAccount}, nil)
	if sum.Ended != 2 || sum.NotDurable != 1 || err == nil {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestOnlyWhatSomebodyCanBeToldIsDeliverable(t *testing.T) {
	r := newRigWithApps(t, []string{"chat"}, someone("a"))
	if _, err := r.EndAll(t.Context(), r.now, session.Filter{}, Request{Cause: session.CauseAdmin}); err != nil {
		t.Fatal(err)
	}
	if len(r.store.entries) < 2 {
		t.Fatalf("entries: %+v", r.store.entries)
	}
	for _, e := range r.store.entries {
		if err := r.Deliverable(e); err != nil {
			t.Errorf("%s: %v", e.Kind, err)
		}
		moved := e
		moved.Provider, moved.App = "gone", "gone"
		if err := r.Deliverable(moved); !errors.Is(err, outbox.ErrPermanent) {
			t.Errorf("%s of what is not configured: %v", e.Kind, err)
		}
	}
	r.configure(session.Client{Provider: "main", Issuer: "https://idp.example", ID: "another"})
	e := r.store.entries[0]
	e.Kind, e.Payload = outbox.KindRevoke, []byte(`{"client":"mark-of-another-time"}`)
	if err := r.Recalled(t, e); !errors.Is(err, outbox.ErrPermanent) {
		t.Errorf("of a withdrawn client: %v", err)
	}
}

// Recalled is Deliverable once it is known who the gateway was.
func (r *rig) Recalled(t *testing.T, e outbox.Entry) error {
	t.Helper()
	if err := r.SignOut.terms.Load().Clients.Recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Deliverable(e)
}
