package provider

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counter is a source that counts, answers late and can be broken.
type counter struct {
	n      atomic.Int64
	delay  time.Duration
	broken atomic.Bool
}

func (s *counter) load(ctx context.Context) (int64, error) {
	n := s.n.Add(1)
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if s.broken.Load() {
		return 0, errors.New("broken")
	}
	return n, nil
}

func newCached(s *counter) *cached[int64] {
	return &cached[int64]{what: "document", load: s.load, ttl: time.Hour, retry: 10 * time.Second, stale: 24 * time.Hour,
		timeout: 20 * time.Second, now: time.Now, log: slog.New(slog.DiscardHandler)}
}

func TestDocumentIsRenewedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counter{delay: 5 * time.Second}
		c := newCached(s)
		mustGet(t, c, 1, 5*time.Second)
		mustGet(t, c, 1, 0)
		time.Sleep(61 * time.Minute)
		mustGet(t, c, 1, 0) // starts the renewal and does not wait
		mustGet(t, c, 1, 0) // joins it
		time.Sleep(6 * time.Second)
		mustGet(t, c, 2, 0)
		time.Sleep(3 * time.Hour)
		s.delay = time.Second
		mustGet(t, c, 3, time.Second) // after long disuse it is fetched first
		time.Sleep(3 * time.Hour)
		s.delay = 15 * time.Second
		mustGet(t, c, 3, staleWait) // but not waited for at length
		synctest.Wait()
		time.Sleep(20 * time.Second)
		mustGet(t, c, 4, 0)
	})
}

func TestDocumentThatCannotBeRenewedServesForItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counter{}
		c := newCached(s)
		mustGet(t, c, 1, 0)
		s.broken.Store(true)
		for range 22 {
			time.Sleep(time.Hour)
			mustGet(t, c, 1, 0)
		}
		time.Sleep(3 * time.Hour)
		if _, err := c.get(t.Context()); err == nil {
			t.Error("used beyond its bound")
		}
		before := s.n.Load()
		for range 100 {
			if _, err := c.get(t.Context()); !errors.Is(err, errCooling) {
				t.Fatal(err)
			}
		}
		if s.n.Load() != before {
			t.Error("a failed fetch was repeated at once")
		}
		s.broken.Store(false)
		time.Sleep(10 * time.Second)
		mustGet(t, c, before+1, 0)
	})
}

func TestCallerThatGivesUpDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counter{delay: 5 * time.Second}
		c := newCached(s)
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		gaveUp := make(chan error)
		go func() { _, err := c.get(hasty); gaveUp <- err }()
		synctest.Wait()
		patient := make(chan error)
		go func() { _, err := c.get(t.Context()); patient <- err }()
		if err := <-gaveUp; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := <-patient; err != nil || s.n.Load() != 1 {
			t.Errorf("%v, %d fetches", err, s.n.Load())
		}
	})
}

func mustGet(t *testing.T, c *cached[int64], want int64, took time.Duration) {
	t.Helper()
	began := time.Now()
	got, err := c.get(t.Context())
	if err != nil || got != want || time.Since(began) != took {
		t.Errorf("got %d after %s, %v; want %d after %s", got, time.Since(began), err, want, took)
	}
}
