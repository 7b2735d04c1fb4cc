package storetest_test

import (
	"context"
	"errors"
	"testing"
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
	for range 10 {
		if err := f.Use(t.Context(), start, key, start); !errors.Is(err, session.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Fatalf("ten failing calls took %v", took)
	}
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

func TestHangEndsWithTheFault(t *testing.T) {
	f := storetest.NewFaulty(sqlitetest.Open(t))
	f.Hang("Ping")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Ping(ctx); !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() { answer <- f.Ping(t.Context()) }()
	for f.Calls("Ping") < 2 {
		time.Sleep(time.Millisecond)
	}
	f.Heal()
	if err := <-answer; err != nil {
		t.Fatalf("a call that waited did not go on: %v", err)
	}
}
