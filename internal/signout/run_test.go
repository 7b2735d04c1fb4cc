package signout

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

func idle(id session.ID) *session.Session {
	s := someone(id)
	s.SeenAt = start.Add(-2 * time.Hour)
	return s
}

func TestExpiredSessionsEndByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := someone("b")
		old.CreatedAt, old.SeenAt = start.Add(-13*time.Hour), start
		r := newRig(t, idle("a"), old, someone("c"))
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		time.Sleep(2 * expiryInterval)
		synctest.Wait()
		for id, want := range map[session.ID]bool{"a": true, "b": true, "c": false} {
			stone, ended := r.store.stones[id]
			if ended != want || (ended && (stone.Cause != session.CauseExpired || stone.Fresh)) {
				t.Errorf("%s: %+v", id, stone)
			}
		}
		if len(r.conns.all()) != 2 {
			t.Errorf("connections heard %+v", r.conns.all())
		}
		cancel()
		synctest.Wait()
	})
}

func TestASessionUsedAMomentAgoDoesNotExpire(t *testing.T) {
	r := newRig(t, idle("a"))
	r.store.flushed = func() {
		s := *r.store.sessions["a"]
		s.SeenAt = start
		r.store.sessions["a"] = &s
	}
	r.expire(t.Context())
	if len(r.store.stones) != 0 {
		t.Error("what Flush wrote was not looked at")
	}

	// The same between the second look and the end.
	r = newRig(t, someone("a"))
	r.store.expired = func(time.Time, int) []*session.Session { return []*session.Session{idle("a")} }
	r.expire(t.Context())
	if len(r.store.stones) != 0 || len(r.conns.all()) != 0 {
		t.Error("the record itself was not looked at")
	}
}

func TestActivityThatCannotBeWrittenKeepsSessionsAlive(t *testing.T) {
	r := newRig(t, idle("a"))
	r.o.Flush = func(context.Context) error { return session.ErrUnavailable }
	r.expire(t.Context())
	if len(r.store.stones) != 0 {
		t.Error("a session expired unseen")
	}
}

func TestAnOutageExpiresNobody(t *testing.T) {
	r := newRig(t, idle("a"))
	over := []*session.Session{idle("a")}
	r.store.expired = func(time.Time, int) []*session.Session { return over }
	r.store.fail["a"] = session.ErrUnavailable
	r.expire(t.Context())
	if len(r.pending) != 0 || len(r.conns.all()) != 0 {
		t.Errorf("%d wait, heard %v", len(r.pending), r.conns.all())
	}
}

func TestOneSessionThatCannotEndHoldsUpNoOther(t *testing.T) {
	r := newRig(t, idle("a"), idle("b"), idle("c"))
	r.store.fail["a"] = errors.New("row cannot be written")
	r.expire(t.Context())
	if len(r.store.stones) != 2 {
		t.Errorf("%d ended", len(r.store.stones))
	}
}

func TestSweepingGoesOnUntilNothingIsLeft(t *testing.T) {
	r := newRig(t)
	r.store.swept = []int{sweepBatch, sweepBatch, 3, 99}
	r.sweep(t.Context())
	if r.store.sweeps != 3 {
		t.Errorf("%d batches", r.store.sweeps)
	}
	r.store.swept = nil
	r.sweep(t.Context()) // the store fails: no endless loop
}

func TestRequiredOptions(t *testing.T) {
	whole := newRig(t).o
	for name, strip := range map[string]func(*Options){
		"Store": func(o *Options) { o.Store = nil }, "Receipts": func(o *Options) { o.Receipts = nil },
		"Providers": func(o *Options) { o.Providers = nil }, "Kick": func(o *Options) { o.Kick = nil },
		"Logger": func(o *Options) { o.Logger = nil }, "Now": func(o *Options) { o.Now = nil },
		"SignedOutURL": func(o *Options) { o.SignedOutURL = "" },
	} {
		o := whole
		strip(&o)
		if _, err := New(o); err == nil {
			t.Errorf("without %s", name)
		}
	}
	o := whole
	o.Flush, o.Connections = nil, nil
	if _, err := New(o); err != nil {
		t.Error(err)
	}
}
