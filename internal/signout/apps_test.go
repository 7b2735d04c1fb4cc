package signout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// toldApps are the apps whose logout an end left to be called.
func (f *fakeStore) toldApps(id session.ID) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, e := range f.entries {
		if e.Session == string(id) && e.Kind == outbox.KindAppLogout {
			list = append(list, e.App)
		}
	}
	return list
}

func TestEveryAppIsToldButTheOneThatHeard(t *testing.T) {
	for cause, tc := range map[session.Cause]struct {
		told string
		want []string
	}{
		session.CauseButton:         {"", []string{"chat", "hub"}},
		session.CauseApp:            {"chat", []string{"hub"}},
		session.CauseAdmin:          {"", []string{"chat", "hub"}},
		session.CauseExpired:        {"", []string{"chat", "hub"}},
		session.CauseRefreshRefused: {"", []string{"chat", "hub"}},
		session.CauseOtherAccount:   {"", []string{"chat", "hub"}},
		session.CauseRenewed:        {"", nil},
	} {
		s := someone("a")
		if cause == session.CauseExpired {
			s.SeenAt = start.Add(-2 * time.Hour)
		}
		r := newRigWithApps(t, []string{"chat", "hub"}, s)
		if _, err := r.End(t.Context(), r.now, Request{Session: "a", Cause: cause, Told: tc.told, By: "test"}); err != nil {
			t.Fatalf("%s: %v", cause, err)
		}
		if diff := cmp.Diff(tc.want, r.store.toldApps("a")); diff != "" {
			t.Errorf("%s:\n%s", cause, diff)
		}
	}
}

func TestAnAppThatHasNoProviderAnyMoreIsToldAllTheSame(t *testing.T) {
	s := someone("a")
	s.Provider = "withdrawn"
	r := newRigWithApps(t, []string{"chat"}, s)
	if _, err := r.End(t.Context(), r.now, Request{Session: "a", Cause: session.CauseProvider, By: "start"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"chat"}, r.store.toldApps("a")); diff != "" {
		t.Error(diff)
	}
}

func TestTheReceiptNamesEveryAppThatIsTold(t *testing.T) {
	r := newRigWithApps(t, []string{"zipline", "chat", "hub"}, someone("a"))
	res, err := r.End(t.Context(), r.now, press("a"))
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]outbox.State{"chat": outbox.Done, "hub": outbox.Pending, "zipline": outbox.Failed}
	for i := range r.store.entries {
		if e := &r.store.entries[i]; e.App != "" {
			e.State = states[e.App]
		}
	}
	steps, err := r.Steps(t.Context(), res.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	var got []Step
	for _, s := range steps {
		if s.What == WhatApp {
			got = append(got, s)
		}
	}
	want := []Step{
		{What: WhatApp, App: "chat", State: StepDone}, {What: WhatApp, App: "hub", State: StepUnderWay},
		{What: WhatApp, App: "zipline", State: StepFailed},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
