package signout

import (
	"slices"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestEverywhereEndsTheOthersAndSendsTheBrowserThatAsksToTheProvider(t *testing.T) {
	theirs := someone("z")
	theirs.Account = "bob"
	r := newRig(t, someone("a"), someone("b"), someone("c"), theirs)
	everywhere := Request{Cause: session.CauseEverywhere, By: "person"}
	if n, err := r.EndOthers(t.Context(), r.now, "ada", "b", everywhere); n != 2 || err != nil {
		t.Fatalf("%d ended, %v", n, err)
	}
	ended := map[session.ID]bool{}
	for _, x := range r.cache.all() {
		ended[x.Session] = true
	}
	if !ended["a"] || !ended["c"] || ended["b"] || ended["z"] {
		t.Errorf("ended: %v", ended)
	}

	everywhere.Session, everywhere.Here, everywhere.Others = "b", true, 2
	res, err := r.End(t.Context(), r.now, everywhere)
	if err != nil || !res.Receipt.Browser || res.Receipt.Cause != session.CauseEverywhere {
		t.Fatalf("%+v, %v", res.Receipt, err)
	}
	steps, err := r.Steps(t.Context(), res.Receipt)
	if want := (Step{What: WhatOthers, State: StepDone, Count: 2}); err != nil || !slices.Contains(steps, want) {
		t.Errorf("the receipt does not tell of the others: %+v, %v", steps, err)
	}
	if _, ok := r.BrowserCall(t.Context(), res); !ok {
		t.Error("the browser that asked stays signed in at the provider")
	}
	entries, err := r.store.BySession(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if after := e.NextAt.Sub(r.now); e.Kind == outbox.KindEndSession && after != browserGrace {
			t.Errorf("the server calls the provider after %v, before the browser is there", after)
		}
	}
}

func TestAnotherDevicesSessionIsEndedAtTheProviderByTheServer(t *testing.T) {
	r := newRig(t, someone("a"))
	res, err := r.End(t.Context(), r.now, Request{Session: "a", Cause: session.CauseEverywhere, By: "person"})
	if err != nil || res.Receipt.Browser {
		t.Fatalf("%+v, %v", res.Receipt, err)
	}
	entries, err := r.store.BySession(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	told := time.Duration(-1)
	for _, e := range entries {
		if e.Kind == outbox.KindEndSession {
			told = e.NextAt.Sub(r.now)
		}
	}
	if told != 0 {
		t.Errorf("the server calls the provider after %v", told)
	}
}
