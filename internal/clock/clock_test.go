package clock

import (
	"log/slog"
	"testing"
	"time"
)

type fake struct {
	wall    time.Time
	elapsed time.Duration
}

func (f *fake) read() (time.Time, time.Duration) { return f.wall, f.elapsed }

func (f *fake) pass(d time.Duration) {
	f.wall = f.wall.Add(d)
	f.elapsed += d
}

func start() (*fake, *Clock) {
	f := &fake{wall: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return f, newClock(slog.New(slog.DiscardHandler), f.read)
}

func TestFollowsTheWallClock(t *testing.T) {
	f, c := start()
	for range 100 {
		f.pass(time.Minute)
		f.wall = f.wall.Add(2 * time.Second) // slewed, again and again
		if got := c.Now(); !got.Equal(f.wall) {
			t.Fatalf("got %v, want %v", got, f.wall)
		}
	}
}

func TestAJumpForwardCountsOnlyWhenConfirmed(t *testing.T) {
	f, c := start()
	f.pass(time.Minute)
	before := c.Now()
	f.wall = f.wall.Add(24 * time.Hour)
	f.pass(time.Second)
	if got := c.Now().Sub(before); got != time.Second {
		t.Errorf("right after the jump %v have passed", got)
	}
	f.pass(confirmation)
	if got := c.Now(); !got.Equal(f.wall) {
		t.Errorf("after the confirmation %v, want %v", got, f.wall)
	}
}

func TestAJumpThatIsTakenBackNeverCounts(t *testing.T) {
	f, c := start()
	f.wall = f.wall.Add(24 * time.Hour)
	c.Now()
	f.pass(time.Minute)
	f.wall = f.wall.Add(-24 * time.Hour)
	if got := c.Now(); !got.Equal(f.wall) {
		t.Errorf("got %v, want %v", got, f.wall)
	}
	f.pass(confirmation)
	if got := c.Now(); !got.Equal(f.wall) {
		t.Errorf("later got %v, want %v", got, f.wall)
	}
}

func TestAJumpBackwardCountsOnlyWhenConfirmed(t *testing.T) {
	f, c := start()
	f.pass(time.Hour)
	before := c.Now()
	f.wall = f.wall.Add(-30 * time.Minute)
	f.pass(time.Second)
	if got := c.Now(); got.Before(before) {
		t.Errorf("time went back from %v to %v", before, got)
	}
}
