package signin

import (
	"errors"
	"net/url"
	"testing"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Guessing costs the guesser alone: nothing is spent, written, remembered or locked, so
// that neither the number of tries nor another person's tries matter.
func TestCVE_2024_21500_GuessesOpenNothingAndLockNobodyOut(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	good := w.idp.login(t, w.start(t, b), "ann")
	writes := w.store.writes
	for range 2000 {
		guess := url.Values{"state": {oidc.RandomValue() + oidc.RandomValue()}, "code": {oidc.RandomValue()}}
		if _, err := w.Finish(t.Context(), w.now, w.callback(b, guess)); !errors.Is(err, ErrAttempt) {
			t.Fatalf("a guessed state: %v", err)
		}
		if _, _, _, err := w.TakeSeat(t.Context(), w.now, oidc.RandomValue(), "https://app.example", b.binding); !errors.Is(err, ErrAttempt) {
			t.Fatalf("a guessed seat code: %v", err)
		}
		if _, err := w.ReadSeatRequest(w.now, oidc.RandomValue()); !errors.Is(err, ErrAttempt) {
			t.Fatalf("a guessed seat request: %v", err)
		}
	}
	if n := len(w.turns.keys) + len(w.rounds.byKey) + len(w.recent.entries); w.store.writes != writes || n != 0 || len(w.idp.spent) != 0 {
		t.Errorf("%d writes, %d things remembered, %d codes sent", w.store.writes-writes, n, len(w.idp.spent))
	}
	if _, err := w.Finish(t.Context(), w.now, w.callback(b, good)); err != nil {
		t.Errorf("the person's own answer afterwards: %v", err)
	}
}

func TestCVE_2022_39222_AStolenAnswerOpensNothingElsewhere(t *testing.T) {
	w, victim := newWorld(t), newBrowser()
	stolen := w.idp.login(t, w.start(t, victim), "ann")
	for name, thief := range map[string]*browser{"no binding": {}, "a binding of its own": newBrowser(), "a binding that is none": {binding: "x"}, "the provider's state as binding": {binding: stolen.Get("state")}} {
		res, err := w.Finish(t.Context(), w.now, w.callback(thief, stolen))
		if !errors.Is(err, ErrOtherBrowser) || res.Session != nil || res.SeatValue != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(w.idp.spent); n != 0 || len(w.store.sessions) != 0 {
		t.Errorf("%d codes spent, %d sessions", n, len(w.store.sessions))
	}
	res, err := w.Finish(t.Context(), w.now, w.callback(victim, stolen))
	if err != nil || res.Session == nil {
		t.Errorf("the browser that asked: %v", err)
	}
}

func TestADuplicateStateOrCodeIsRefused(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	q := w.idp.login(t, w.start(t, b), "ann")
	for _, name := range []string{"state", "code", "iss", "error"} {
		double := url.Values{}
		for k, v := range q {
			double[k] = v
		}
		double[name] = append([]string{"x"}, double[name]...)
		if len(double[name]) == 1 {
			double[name] = append(double[name], "y")
		}
		if _, err := w.Finish(t.Context(), w.now, w.callback(b, double)); !errors.Is(err, ErrAttempt) {
			t.Errorf("%s twice: %v", name, err)
		}
	}
	first, err := w.Finish(t.Context(), w.now, w.callback(b, q))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // in the browser that lost its cookie, the answer is spent
		if _, err := w.Finish(t.Context(), w.now, w.callback(&browser{binding: b.binding}, q)); !errors.Is(err, ErrUsed) {
			t.Errorf("an answer again: %v", err)
		}
	}
	// Another attempt's state with a code that was redeemed, and the other way round.
	later := w.idp.login(t, w.start(t, newBrowserWith(b.binding)), "ann")
	later.Set("code", q.Get("code"))
	if _, err := w.Finish(t.Context(), w.now.Add(1), w.callback(&browser{binding: b.binding}, later)); err == nil {
		t.Error("a redeemed code under another state")
	}
	if len(w.store.sessions) != 1 || w.store.sessions[first.Session.ID] == nil {
		t.Errorf("%d sessions", len(w.store.sessions))
	}
}

func newBrowserWith(binding string) *browser { return &browser{binding: binding} }

func TestEverySignInHasANewSessionID(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	planted, hash := session.NewSeatValue()
	b.seat = planted
	seen := map[session.ID]bool{}
	values := map[string]bool{planted: true}
	for range 3 {
		res := w.signIn(t, b, "ann")
		if seen[res.Session.ID] || values[res.SeatValue] || res.SeatValue == "" {
			t.Errorf("session %v or its seat is not new", res.Session.ID)
		}
		seen[res.Session.ID], values[res.SeatValue] = true, true
		w.now = w.now.Add(61e9) // no loop
	}
	if _, _, err := w.store.BySeat(t.Context(), hash); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the planted value: %v", err)
	}
	if len(w.store.sessions) != 1 {
		t.Errorf("%d sessions of one browser", len(w.store.sessions))
	}
}
