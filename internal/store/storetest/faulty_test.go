package storetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
	"github.com/cardea-auth/cardea/internal/store/storetest"
)

func TestHangingStoreKeepsThePromisesOfAnOutage(t *testing.T) {
	f := storetest.NewFaulty(sqlitetest.Open(t))
	storetest.RunOutage(t, f, storetest.Outage{Begin: func(*testing.T, storetest.Store) func() {
		f.Hang()
		return f.Heal
	}})
}

func TestFailingStoreAnswersAtOnceAndIsNotAsked(t *testing.T) {
	f := storetest.NewFaulty(sqlitetest.Open(t))
	f.Fail("Use", "Ping")
	_, key := session.NewSeatValue()
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		for range 10 {
			if err := f.Use(t.Context(), start, key, start); !errors.Is(err, session.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Fatalf("ten failing calls took %v", took)
		}
	})
	if _, err := f.List(t.Context(), session.Filter{}); err != nil {
		t.Fatalf("a method that was not named fails: %v", err)
	}
	f.Heal()
	if err := f.Use(t.Context(), start, key, start); err != nil {
		t.Fatalf("a failed call was done all the same: %v", err)
	}
	if n := f.Calls("Use"); n != 11 {
		t.Fatalf("%d calls counted", n)
	}
}

func TestLostAnswerIsOfWorkThatWasDone(t *testing.T) {
	f := storetest.NewFaulty(sqlitetest.Open(t))
	f.LoseAnswers("Use")
	_, key := session.NewSeatValue()
	if err := f.Use(t.Context(), time.Now(), key, time.Now()); !errors.Is(err, session.ErrUnavailable) {
		t.Fatal(err)
	}
	f.Heal()
	if err := f.Use(t.Context(), time.Now(), key, time.Now()); err == nil {
		t.Fatal("the work behind the lost answer was not done")
	}
}

func TestSaveWhoseAnswerWasLostIsFoundByReadingAgain(t *testing.T) {
	f, now := storetest.NewFaulty(sqlitetest.Open(t)), time.Now()
	s := &session.Session{ID: session.NewID(), Account: "a", CreatedAt: now, AuthTime: now, SeenAt: now, Version: 1}
	if err := f.OpenSession(t.Context(), now, s, session.Seat{}, ""); err != nil {
		t.Fatal(err)
	}
	f.Hang("LoadVault")
	f.LoseAnswers("SaveVault")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := f.LoadVault(ctx, s.ID, "chat"); !errors.Is(err, session.ErrUnavailable) {
		t.Fatal(err)
	}
	if version, err := f.SaveVault(t.Context(), now, s.ID, "chat", 0, []byte("c")); version != 0 || !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("%d, %v", version, err)
	}
	f.Heal()
	if _, err := f.SaveVault(t.Context(), now, s.ID, "chat", 0, []byte("d")); !errors.Is(err, session.ErrConflict) {
		t.Fatalf("saved over a save whose answer was lost: %v", err)
	}
	if data, version, err := f.LoadVault(t.Context(), s.ID, "chat"); err != nil || version != 1 || string(data) != "c" {
		t.Fatalf("%q, %d, %v", data, version, err)
	}
	f.Fail("EndedVault", "DropVault")
	if _, err := f.EndedVault(t.Context(), "x", "chat"); !errors.Is(err, session.ErrUnavailable) {
		t.Fatal(err)
	}
	if err := f.DropVault(t.Context(), "x", "chat"); !errors.Is(err, session.ErrUnavailable) {
		t.Fatal(err)
	}
}

// alive is a store of which only Ping is asked.
type alive struct{ storetest.Store }

func (alive) Ping(context.Context) error { return nil }

func TestHangEndsWithTheFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFaulty(alive{})
		f.Hang("Ping")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := f.Ping(ctx); !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		answer := make(chan error, 1)
		go func() { answer <- f.Ping(t.Context()) }()
		synctest.Wait()
		if n := f.Calls("Ping"); n != 2 || len(answer) != 0 {
			t.Fatalf("%d calls, %d answered", n, len(answer))
		}
		f.Heal()
		if err := <-answer; err != nil {
			t.Fatalf("a call that waited did not go on: %v", err)
		}
	})
}
