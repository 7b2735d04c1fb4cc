package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// staleWait bounds how long a caller waits for a refetch when an older document
	// would do: a provider that hangs must not hold up a sign-out.
	staleWait = 2 * time.Second
	// burst refetches on demand are free (keys may rotate twice in a row); after that
	// one per retry interval.
	burst = 3
)

// errCooling says that a fetch failed a moment ago and is not repeated yet.
var errCooling = errors.New("failed a moment ago, not tried again yet")

// cached is a document of the provider, fetched when first needed and kept.
//
// Younger than ttl it is used as it is; up to twice that it is used while a new one is
// fetched in the background; after that callers wait for the new one, and fall back to
// the old one, until stale after its fetch, where none can be had. A failed fetch is not
// repeated before retry has passed. One fetch runs at a time, and it belongs to no
// caller: one that gives up does not fail the others.
type cached[T any] struct {
	what    string // for the log: "discovery"
	load    func(context.Context) (T, error)
	ttl     time.Duration
	retry   time.Duration
	stale   time.Duration
	timeout time.Duration
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex
	value   T
	have    bool
	fetched time.Time // of value
	tried   time.Time // last attempt's end
	err     error     // of the last attempt
	flight  chan struct{}
	demands []time.Time // refetches by renew, the last few

	generation uint64 // of value: counts successful fetches
}

// get returns the document.
func (c *cached[T]) get(ctx context.Context) (T, error) {
	c.mu.Lock()
	now := c.now()
	age := now.Sub(c.fetched)
	usable := c.have && age < c.stale
	cooling := c.err != nil && now.Sub(c.tried) < c.retry
	if c.have && age < c.ttl {
		defer c.mu.Unlock()
		return c.value, nil
	}
	if cooling && c.flight == nil {
		defer c.mu.Unlock()
		if usable {
			return c.value, nil
		}
		var none T
		return none, fmt.Errorf("%w (%w)", c.err, errCooling)
	}
	done := c.start(ctx)
	if usable && age < 2*c.ttl {
		defer c.mu.Unlock()
		return c.value, nil
	}
	c.mu.Unlock()
	return c.wait(ctx, done, usable)
}

// renew fetches the document although the one at hand is young, because something in it
// was missed. It reports whether what it returns is newer than generation since; attempts
// are limited, so that nobody can make this server fetch at will. spare is how many of the attempts
// are to be left for others: whoever lets strangers ask must leave one.
func (c *cached[T]) renew(ctx context.Context, since uint64, spare int) (value T, newer bool) {
	c.mu.Lock()
	if c.generation > since {
		defer c.mu.Unlock()
		return c.value, true
	}
	if c.flight == nil && !c.mayRenew(c.now(), spare) {
		defer c.mu.Unlock()
		return c.value, false
	}
	done := c.start(ctx)
	c.mu.Unlock()
	value, err := c.wait(ctx, done, false)
	if err != nil {
		return value, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, c.generation > since
}

// mayRenew keeps to burst refetches on demand per burst × retry, less those to be spared.
func (c *cached[T]) mayRenew(now time.Time, spare int) bool {
	window := time.Duration(burst) * c.retry
	for len(c.demands) > 0 && now.Sub(c.demands[0]) >= window {
		c.demands = c.demands[1:]
	}
	if len(c.demands) >= burst-spare {
		return false
	}
	c.demands = append(c.demands, now)
	return true
}

// kept returns the document at hand, whatever its age, without asking for one.
func (c *cached[T]) kept() (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, c.have
}

// current returns the generation of the document at hand; 0 when there is none.
func (c *cached[T]) current() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

// start begins a fetch, or joins the one in flight. The lock is held.
func (c *cached[T]) start(ctx context.Context) <-chan struct{} {
	if c.flight != nil {
		return c.flight
	}
	done := make(chan struct{})
	c.flight = done
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
		defer cancel()
		value, err := c.load(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.settle(value, err)
		c.flight = nil
		close(done)
	}()
	return done
}

// settle keeps the outcome of a fetch, and says once that things went wrong or right
// again: an operator must know, but not once per request.
func (c *cached[T]) settle(value T, err error) {
	failing := c.err != nil
	c.tried, c.err = c.now(), err
	if err != nil {
		if !failing {
			c.log.Error("provider's "+c.what+" cannot be had", "alarm", true, "err", err, "kept_copy", c.have)
		}
		return
	}
	if failing {
		c.log.Info("provider's " + c.what + " is back")
	}
	c.value, c.have, c.fetched = value, true, c.tried
	c.generation++
}

// wait returns what a fetch brought. With usable it settles for the older document when
// the fetch fails or takes long.
func (c *cached[T]) wait(ctx context.Context, done <-chan struct{}, usable bool) (T, error) {
	var late <-chan time.Time
	if usable {
		timer := time.NewTimer(staleWait)
		defer timer.Stop()
		late = timer.C
	}
	var none T
	select {
	case <-done:
	case <-late:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil && !usable {
		return none, c.err
	}
	return c.value, nil
}
