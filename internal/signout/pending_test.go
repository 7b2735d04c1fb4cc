package signout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

func knowing(id session.ID) Request {
	req := press(id)
	req.Known = someone(id)
	return req
}

// CVE-2020-15223: with the store down a sign-out is not told as done. It takes effect in
// memory, says so, and becomes durable by itself.
func TestCVE_2020_15223_AnEndThatTheStoreDidNotTakeSaysSoAndIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, someone("a"))
		r.store.set(true, false)
		r.now = start.Add(30 * time.Second) // when the store is back
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)

		res, err := r.End(ctx, start, knowing("a"))
		if !errors.Is(err, ErrNotDurable) || !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("err = %v", err)
		}
		heard := r.conns.all()
		if len(heard) != 1 || heard[0].Seq != 0 || heard[0].Account != "ada" || heard[0].SID != "sid-a" || !heard[0].Fresh {
			t.Errorf("connections heard %+v", heard)
		}
		steps, err := r.Steps(ctx, res.Receipt)
		want := []Step{{What: WhatSession, State: StepNotDurable, Count: 0}, {What: WhatConnections, State: StepDone, Count: 3}, {What: WhatTokens, State: StepRetrying, Count: 0}, {What: WhatProvider, State: StepRetrying, Count: 0}}
		if diff := cmp.Diff(want, steps); diff != "" || err != nil {
			t.Errorf("steps while the store is down: %v\n%s", err, diff)
		}
		for name, read := range map[string]func() (Receipt, error){
			"session": func() (Receipt, error) { return r.ReceiptOf(ctx, "a") },
			"state":   func() (Receipt, error) { return r.ReceiptByState(ctx, res.StateValue) },
		} {
			if got, err := read(); err != nil || got != res.Receipt {
				t.Errorf("receipt by %s: %+v, %v", name, got, err)
			}
		}

		r.store.set(false, false)
		time.Sleep(2 * expiryInterval)
		if _, err := r.store.ByID(ctx, "a"); err == nil {
			t.Fatal("the end never became durable")
		}
		got := r.store.receipts["a"]
		if got.State != res.Receipt.State || !got.EndedAt.Equal(start) || got.Closed != 3 || got.ReturnURL != res.Receipt.ReturnURL {
			t.Errorf("the stored receipt is another one: %+v", got)
		}
		if last := r.conns.all(); last[len(last)-1].Seq == 0 {
			t.Error("nobody heard that the end is durable")
		}
		if _, waits := r.waiting("a"); waits || !slices.Contains(r.events.all(), "kick") {
			t.Error("the end still waits, or nobody delivers")
		}
		steps, err = r.Steps(ctx, got)
		want[0].State, want[2].State, want[3].State = StepDone, StepUnderWay, StepUnderWay
		if diff := cmp.Diff(want, steps); diff != "" || err != nil {
			t.Errorf("steps afterwards: %v\n%s", err, diff)
		}
		cancel()
		synctest.Wait()
	})
}

func TestAStoreThatHangsKeepsNoSocketOpenForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, someone("a"))
		r.store.set(false, true)
		began := time.Now()
		done := make(chan error)
		go func() {
			_, err := r.End(t.Context(), r.now, knowing("a"))
			done <- err
		}()
		time.Sleep(refuseAfter + time.Millisecond)
		synctest.Wait()
		if len(r.conns.all()) == 0 || len(r.cache.all()) == 0 {
			t.Error("nobody heard of the end")
		}
		if err := <-done; !errors.Is(err, ErrNotDurable) || time.Since(began) > endWithin {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestASlowStoreIsNotTakenForOneThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, someone("a"))
		r.store.beforeEnd = func(session.ID) { time.Sleep(time.Second) }
		res, err := r.End(t.Context(), r.now, press("a"))
		if err != nil || res.StateValue == "" {
			t.Fatal(err)
		}
		if heard := r.cache.all(); len(heard) != 2 || heard[0].Seq != 0 || heard[1].Seq == 0 {
			t.Errorf("heard %+v", heard)
		}
	})
}

func TestASecondEndGetsTheWaitingReceipt(t *testing.T) {
	r := newRig(t, someone("a"))
	r.store.set(true, false)
	first, _ := r.End(t.Context(), r.now, knowing("a"))
	again, err := r.End(t.Context(), r.now.Add(time.Minute), Request{Session: "a", Cause: session.CauseAdmin})
	if !errors.Is(err, ErrNotDurable) || again.Receipt != first.Receipt || again.StateValue != "" {
		t.Errorf("store down: %+v, %v", again, err)
	}
	if n := len(r.conns.all()); n != 1 {
		t.Errorf("heard %d times", n)
	}
	r.store.set(false, false)
	again, err = r.End(t.Context(), r.now.Add(time.Minute), knowing("a"))
	if err != nil || again.Receipt.State != first.Receipt.State || again.Receipt.Cause != session.CauseButton || again.StateValue != "" {
		t.Errorf("store back: %+v, %v", again, err)
	}
	if _, waits := r.waiting("a"); waits {
		t.Error("the end still waits")
	}
	if got, err := r.ReceiptByState(t.Context(), first.StateValue); err != nil || got.Session != "a" {
		t.Errorf("the first browser's state names %+v, %v", got, err)
	}
}

func TestAnEndThatAnotherNodeMadeDurableWaitsNoLonger(t *testing.T) {
	r := newRig(t, someone("a"))
	r.store.set(true, false)
	_, _ = r.End(t.Context(), r.now, knowing("a"))
	r.store.set(false, false)
	r.store.stones["a"] = session.Tombstone{Session: "a", Cause: session.CauseAdmin, Seq: 7}
	r.settle(t.Context())
	heard := r.cache.all()
	if _, waits := r.waiting("a"); waits || heard[len(heard)-1].Seq != 7 {
		t.Errorf("waits %v, heard %+v", waits, heard)
	}
	r.store.set(true, false)
	_, _ = r.End(t.Context(), r.now, Request{Session: "never was", Cause: session.CauseAdmin})
	r.store.set(false, false)
	r.settle(t.Context())
	if len(r.pending) != 0 {
		t.Errorf("%d ends of sessions that never were wait", len(r.pending))
	}
}

func TestAReturnDuringAnOutageIsNotForgotten(t *testing.T) {
	r := newRig(t, someone("a"))
	r.store.set(true, false)
	res, _ := r.End(t.Context(), r.now, knowing("a"))
	back := r.now.Add(5 * time.Second)
	got, err := r.Returned(t.Context(), back, res.StateValue)
	if err != nil || !got.Returned.Equal(back) {
		t.Fatalf("%+v, %v", got, err)
	}
	steps, _ := r.Steps(t.Context(), got)
	if last := steps[len(steps)-1]; last != (Step{What: WhatProvider, State: StepDone, Count: 0}) {
		t.Errorf("during the outage: %+v", last)
	}
	r.store.set(false, false)
	r.settle(t.Context())
	if stored := r.store.receipts["a"]; !stored.Returned.Equal(back) {
		t.Errorf("stored: %+v", stored)
	}
	for _, e := range r.store.entries {
		if e.Kind == outbox.KindEndSession && e.State != outbox.Cancelled {
			t.Error("the provider is told once more")
		}
	}
}

func TestWaitingEndsAreBoundedAndBeyondThatNothingIsPromised(t *testing.T) {
	r := newRig(t)
	r.store.set(true, false)
	for i := range maxPending {
		id := session.ID(fmt.Sprint(i))
		r.pending[id] = pendingEnd{req: Request{Session: id}}
	}
	_, err := r.End(t.Context(), r.now, knowing("one more"))
	if errors.Is(err, ErrNotDurable) || !errors.Is(err, session.ErrUnavailable) || len(r.conns.all()) != 0 {
		t.Errorf("err = %v, heard %v", err, r.conns.all())
	}
}

func TestAWaitingEndKeepsNoTokenInMemory(t *testing.T) {
	r := newRig(t, someone("a"))
	r.store.set(true, false)
	_, _ = r.End(t.Context(), r.now, knowing("a"))
	if p, _ := r.waiting("a"); p.req.Known != nil {
		t.Error("the session is kept with its tokens")
	}
}

func TestEndlessConflictsRefuseTheSessionAllTheSame(t *testing.T) {
	r := newRig(t, someone("a"))
	r.store.fail["a"] = session.ErrConflict
	if _, err := r.End(t.Context(), r.now, knowing("a")); !errors.Is(err, ErrNotDurable) {
		t.Errorf("err = %v", err)
	}
	delete(r.store.fail, "a")
	r.settle(t.Context())
	if r.store.receipts["a"].Session == "" {
		t.Error("never durable")
	}
}

func TestShutdownTriesOnceMoreAndNamesWhatIsLost(t *testing.T) {
	for _, down := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, someone("a"))
			r.store.set(true, false)
			_, _ = r.End(t.Context(), r.now, knowing("a"))
			r.store.set(down, false)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r.Run(ctx)
			if stored := r.store.receipts["a"].Session == "a"; stored == down {
				t.Errorf("store down %v: stored %v", down, stored)
			}
			if lost := strings.Contains(r.logs.String(), "is lost"); lost != down {
				t.Errorf("store down %v: the log says lost: %v", down, lost)
			}
		})
	}
}
