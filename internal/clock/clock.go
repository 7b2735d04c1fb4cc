package clock

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// tolerance is how far the wall clock may be slewed between two adoptions.
	tolerance = 5 * time.Second
	// confirmation is how long a jumped wall clock has to stay where it is before it is
	// believed. A suspended machine and a corrected clock look alike; both stay.
	confirmation = 2 * time.Minute
)

// Clock is a wall clock whose jumps count only when they are confirmed: one that jumps
// forward by a day would end every session, and back again would not bring them back.
// It is safe for concurrent use.
type Clock struct {
	read   func() (wall time.Time, elapsed time.Duration)
	logger *slog.Logger

	mu      sync.Mutex
	base    time.Time     // wall time believed at since
	since   time.Duration // elapsed time of base
	jumped  time.Duration // drift under suspicion; zero: none
	noticed time.Duration // elapsed time when it was noticed
}

// New returns a Clock on the machine's time.
func New(logger *slog.Logger) *Clock {
	start := time.Now()
	return newClock(logger, func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start)
	})
}

func newClock(logger *slog.Logger, read func() (time.Time, time.Duration)) *Clock {
	wall, elapsed := read()
	return &Clock{read: read, logger: logger, base: wall, since: elapsed}
}

// Now returns the present time, without a monotonic reading.
func (c *Clock) Now() time.Time {
	wall, elapsed := c.read()
	c.mu.Lock()
	defer c.mu.Unlock()
	steady := c.base.Add(elapsed - c.since)
	drift := wall.Sub(steady)
	switch {
	case drift.Abs() <= tolerance:
		if c.jumped != 0 {
			c.jumped = 0
			c.logger.Info("the clock is back where it was")
		}
		// Small drift is slewing: follow it, so that it never adds up to a jump.
		c.base, c.since = wall, elapsed
		return wall
	case c.jumped == 0 || (drift-c.jumped).Abs() > tolerance:
		c.jumped, c.noticed = drift, elapsed
		c.logger.Error("the clock jumped; limits are judged by the old time until the new one is confirmed",
			"by", drift.String(), "confirmed_after", confirmation.String())
	case elapsed-c.noticed >= confirmation:
		c.jumped = 0
		c.base, c.since = wall, elapsed
		c.logger.Warn("the clock's jump is confirmed", "by", drift.String())
		return wall
	}
	return steady
}
