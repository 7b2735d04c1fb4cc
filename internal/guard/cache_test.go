package guard

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

func TestLoadThatBeganBeforeADropIsNeitherReturnedNorCached(t *testing.T) {
	f := newFixture(t, Options{})
	var once sync.Once
	f.store.before = func() {
		// The store has answered "alive"; the end comes before the answer arrives.
		once.Do(func() { f.Ended(f.store.end(f.sess.ID, session.CauseButton)) })
	}
	want(t, f.ask(time.Now()), NoSession)
	want(t, f.ask(time.Now()), NoSession)
}

func TestSessionThatIsDroppedForeverIsUnavailableAndNotAllowed(t *testing.T) {
	f := newFixture(t, Options{})
	f.store.before = func() { f.Drop(f.sess.ID) }
	v := f.ask(time.Now())
	want(t, v, Unavailable)
	if !errors.Is(v.Err, session.ErrUnavailable) {
		t.Errorf("err %v", v.Err)
	}
}

func TestRefusedSessionStaysRefusedWhileTheStoreStillHasIt(t *testing.T) {
	f := newFixture(t, Options{})
	want(t, f.ask(time.Now()), Allow)
	f.Ended(session.Tombstone{Session: f.sess.ID, Cause: session.CauseButton}) // no sequence: not durable
	for range 3 {
		v := f.ask(time.Now())
		want(t, v, NoSession)
		if v.Ended == nil || v.Ended.Cause != session.CauseButton {
			t.Errorf("ended %+v", v.Ended)
		}
	}
	f.store.end(f.sess.ID, session.CauseButton)
	f.Drop(f.sess.ID)
	want(t, f.ask(time.Now()), NoSession)
	if n := f.refusing.Load(); n != 0 {
		t.Errorf("%d sessions refused in memory after the end became durable", n)
	}
}

func TestSettleForgetsTheRefusal(t *testing.T) {
	f := newFixture(t, Options{})
	f.Refuse(f.sess.ID)
	want(t, f.ask(time.Now()), NoSession)
	f.Settle(f.sess.ID)
	want(t, f.ask(time.Now()), Allow) // only the store decides from here on
}

func TestHangingStoreIsUnavailableWithinASecondAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{Now: time.Now})
		f.Reconfigure(0) // what holds when nobody says anything
		hang := make(chan struct{})
		f.store.set(hang, nil)
		start := time.Now()
		v := f.ask(time.Now())
		want(t, v, Unavailable)
		if d := time.Since(start); d > time.Second {
			t.Errorf("told after %v", d)
		}
		if !errors.Is(v.Err, session.ErrUnavailable) {
			t.Errorf("err %v", v.Err)
		}
		close(hang)
		f.store.set(nil, nil)
		synctest.Wait()
		want(t, f.ask(time.Now()), Allow)
	})
}

func TestCacheIsBypassedWithoutTheStoresHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{CacheTTL: time.Hour, Now: time.Now})
		ctx, cancel := contextWithCancel()
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		want(t, f.ask(time.Now()), Allow)
		time.Sleep(10 * time.Second)
		want(t, f.ask(time.Now()), Allow)
		if n := f.store.reads.Load(); n != 1 {
			t.Errorf("%d reads with a heartbeat, want 1", n)
		}
		f.store.set(nil, session.ErrUnavailable)
		time.Sleep(1300 * time.Millisecond)
		want(t, f.ask(time.Now()), Unavailable)
		f.store.set(nil, nil)
		time.Sleep(300 * time.Millisecond)
		want(t, f.ask(time.Now()), Allow)
		cancel()
		<-done
	})
}

func TestCachedSessionIsReadAgainAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{Now: time.Now})
		want(t, f.ask(time.Now()), Allow)
		f.store.end(f.sess.ID, session.CauseAdmin) // nobody told the guard
		time.Sleep(defaultTTL)
		f.heard(f.mono())
		want(t, f.ask(time.Now()), NoSession)
	})
}

func TestUnknownSeatsAreNotCached(t *testing.T) {
	f := newFixture(t, Options{})
	value, hash := session.NewSeatValue()
	q := f.query()
	q.Seat = value
	want(t, f.Check(t.Context(), time.Now(), q), NoSession)
	f.store.mu.Lock()
	f.store.seats[hash], f.store.of[hash] = session.Seat{Origin: origin}, f.sess.ID
	f.store.mu.Unlock()
	want(t, f.Check(t.Context(), time.Now(), q), Allow)
}

func TestCacheIsBoundedInSize(t *testing.T) {
	f := newFixture(t, Options{CacheSize: shards * 2})
	for range 1000 {
		q := f.query()
		q.Seat = f.store.open(person(time.Now()))
		want(t, f.Check(t.Context(), time.Now(), q), Allow)
	}
	n := 0
	for i := range f.cache.seats {
		n += len(f.cache.seats[i].seats)
	}
	if n > shards*2 {
		t.Errorf("%d seats are cached, at most %d may be", n, shards*2)
	}
}

func TestSweepForgetsWhatIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{Now: time.Now})
		want(t, f.ask(time.Now()), Allow)
		hash, _ := session.HashSeatValue(f.seat)
		time.Sleep(keepFor - time.Second)
		f.cache.sweep(f.mono())
		if _, ok := f.Known(hash); !ok {
			t.Error("a sign-out could not name the session any more")
		}
		time.Sleep(2 * time.Minute)
		f.cache.sweep(f.mono())
		if f.cache.known(f.sess.ID) == nil {
			t.Error("activity that is not written was forgotten")
		}
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.cache.sweep(f.mono())
		if _, ok := f.Known(hash); ok || f.cache.known(f.sess.ID) != nil {
			t.Error("unused sessions stay in memory")
		}
	})
}

func TestActivityIsWrittenInBatchesAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{CacheTTL: time.Hour, Now: time.Now})
		ctx, cancel := contextWithCancel()
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			want(t, f.ask(time.Now()), Allow)
		}
		if n := f.store.touches.Load(); n != 0 {
			t.Errorf("%d writes before the interval passed", n)
		}
		time.Sleep(6 * time.Second)
		if n := f.store.touches.Load(); n != 1 {
			t.Errorf("%d writes after one interval, want 1", n)
		}
		last := time.Now()
		f.Touched(f.sess.ID, last)
		if !f.Seen(f.sess.ID).Equal(last) {
			t.Errorf("Seen = %v, want %v", f.Seen(f.sess.ID), last)
		}
		cancel()
		<-done
		if got := f.store.touched[f.sess.ID]; !got.Equal(last) {
			t.Errorf("written %v, want %v", got, last)
		}
	})
}

func TestActivityThatCannotBeWrittenIsKept(t *testing.T) {
	f := newFixture(t, Options{})
	want(t, f.ask(time.Now()), Allow)
	f.store.set(nil, session.ErrUnavailable)
	if err := f.Flush(t.Context()); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("err %v", err)
	}
	f.store.set(nil, nil)
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.store.touched[f.sess.ID].IsZero() {
		t.Error("activity was lost in an outage")
	}
}

// However checks, drops, refreshes and ends interleave, nobody is let in after an end
// was announced.
func TestNobodyIsAllowedAfterTheEndWasAnnounced(t *testing.T) {
	for range 50 {
		f := newFixture(t, Options{})
		var announced atomic.Bool
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					before := announced.Load()
					if v := f.ask(time.Now()); before && v.Outcome == Allow {
						t.Error("allowed after the end was announced")
						return
					}
				}
			})
		}
		wg.Go(func() {
			for v := range int64(20) {
				c := *f.sess
				c.Version = v + 2
				f.Put(&c)
			}
		})
		wg.Go(func() {
			f.Ended(f.store.end(f.sess.ID, session.CauseButton))
			announced.Store(true)
		})
		wg.Wait()
	}
}

func TestClockThatJumpsEndsNoSessionUntilItIsConfirmed(t *testing.T) {
	believed := time.Now()
	f := newFixture(t, Options{CacheTTL: time.Hour, Now: func() time.Time { return believed }})
	f.app.MaxAge, f.app.Limits.Idle = time.Hour, time.Hour
	q := f.query()
	q.Active = false
	jumped := time.Now().Add(3 * time.Hour)
	want(t, f.Check(t.Context(), jumped, q), Allow)
	believed = jumped
	want(t, f.Check(t.Context(), jumped, q), NoSession)
}
