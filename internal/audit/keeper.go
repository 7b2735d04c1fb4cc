package audit

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// perMinute is how many refusals of one cheap cause are told one by one in a minute.
	perMinute = 60
	// perDay is how many of them are in a day: whoever goes on and on fills no disk either.
	perDay = 5000
	// maxWaiting bounds what waits for a store that does not answer.
	maxWaiting = 4096
	keepBatch  = 200
	keepEvery  = time.Second
	lastKeep   = 3 * time.Second
)

// Writer is where events become durable.
type Writer interface {
	Record(ctx context.Context, now time.Time, e ...Event) error
}

// KeeperOptions are what a Keeper lives on; all are required.
type KeeperOptions struct {
	Writer Writer
	Logger *slog.Logger
	Now    func() time.Time
}

// Keeper writes events of acts that stand whether or not the store takes them: refused
// sign-ins, trouble with refreshes. They are durable before Record returns; those that
// the store does not take wait in memory, bounded, and are written when it answers again.
// A stranger who makes it refuse thousands of sign-ins cannot fill the trail. It is safe
// for concurrent use.
type Keeper struct {
	o KeeperOptions

	mu      sync.Mutex
	waiting []Event
	down    bool      // the last try failed
	lost    int       // events that there was no room for
	since   time.Time // when the first of them was
	minute  time.Time // that seen and told count
	seen    map[string]int
	told    map[string]int // of seen, those that are told one by one
	day     time.Time      // that today counts
	today   map[string]int // told

	repeats repeats
}

// NewKeeper returns a Keeper; Run must be running.
func NewKeeper(o KeeperOptions) (*Keeper, error) {
	if o.Writer == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("audit: Writer, Logger and Now are required")
	}
	return &Keeper{o: o, seen: map[string]int{}, told: map[string]int{}, today: map[string]int{}}, nil
}

// Record writes events, durably, or keeps them until that can be done: then it returns
// the store's error, and nothing is left to the caller to do.
func (k *Keeper) Record(ctx context.Context, now time.Time, events ...Event) error {
	list := make([]Event, 0, len(events))
	for _, e := range events {
		if e.ID == "" {
			e.ID = NewID() // before the first try: a try that seemed to fail may have been kept
		}
		if e.At.IsZero() {
			e.At = now
		}
		if k.counted(now, e) {
			list = append(list, e)
		}
	}
	if len(list) == 0 {
		return nil
	}
	if k.outage() {
		k.wait(list)
		return errWaiting
	}
	// Who caused it going away changes nothing of what happened.
	err := k.o.Writer.Record(context.WithoutCancel(ctx), now, list...)
	if err == nil || errors.Is(err, ErrType) {
		return err
	}
	k.o.Logger.Error("audit trail cannot be written; events wait in memory until the store answers", "events", len(list), "err", err)
	k.mu.Lock()
	k.down = true
	k.mu.Unlock()
	k.wait(list)
	return err
}

var errWaiting = errors.New("audit trail cannot be written just now")

// counted counts a refusal and tells whether it is told by itself: one that an app's rules
// repeat is not. The counts of a minute
// that is over are told by its last event, or by Run.
func (k *Keeper) counted(now time.Time, e Event) bool {
	if e.Type == AccessRefused {
		return !k.repeats.again(now, e)
	}
	if e.Type != SigninRefused && e.Type != IdentityLinkRefused {
		return true
	}
	if d, ok := Lookup(SigninRefusals); !ok || !known(d.Causes, e.Cause) {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.turn(now)
	k.seen[e.Cause]++
	if k.told[e.Cause] >= perMinute || k.today[e.Cause] >= perDay {
		return false
	}
	k.told[e.Cause]++
	k.today[e.Cause]++
	return true
}

// turn begins another minute when one is over, or when the clock was set back, and lets
// what it counted wait to be written.
func (k *Keeper) turn(now time.Time) {
	if now.Sub(k.minute) < time.Minute && !now.Before(k.minute) {
		return
	}
	for cause, n := range k.seen {
		if n > k.told[cause] {
			k.add(Event{
				ID: NewID(), At: now, Type: SigninRefusals, Actor: ActorGateway, Cause: cause,
				Detail: map[string]string{"count": strconv.Itoa(n - k.told[cause]), "since": k.minute.UTC().Format(time.RFC3339)},
			})
		}
	}
	clear(k.seen)
	clear(k.told)
	k.minute = now
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(k.day) {
		clear(k.today)
		k.day = day
	}
}

// outage tells whether the store took the last events. While it does not, Run alone asks
// it: nobody's refusal waits for the answer.
func (k *Keeper) outage() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.down
}

func (k *Keeper) wait(list []Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range list {
		k.add(e)
	}
}

func (k *Keeper) add(e Event) {
	if len(k.waiting) < maxWaiting {
		k.waiting = append(k.waiting, e)
		return
	}
	if k.lost++; k.lost == 1 {
		k.since = e.At
	}
}

// Run writes what waits until ctx ends, then once more, and returns.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastKeep)
			defer cancel()
			k.over()
			if left := k.write(last); left > 0 {
				k.o.Logger.Error("events of the audit trail are lost: the store did not answer before shutdown", "events", left)
			}
			return
		case <-tick.C:
			k.mu.Lock()
			k.turn(k.o.Now())
			k.mu.Unlock()
			k.write(ctx)
		}
	}
}

// over ends the minute that is being counted.
func (k *Keeper) over() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.turn(k.minute.Add(time.Minute))
}

// write writes what waits and returns how much is left.
func (k *Keeper) write(ctx context.Context) int {
	for {
		batch, left := k.batch()
		if len(batch) == 0 {
			return 0
		}
		err := k.o.Writer.Record(ctx, k.o.Now(), batch...)
		k.wrote(len(batch), err)
		if err != nil {
			return left
		}
	}
}

// batch returns what is written next, and how many events have not been.
func (k *Keeper) batch() ([]Event, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.waiting[:min(len(k.waiting), keepBatch)]), len(k.waiting) + k.lost
}

// wrote forgets n events that are durable. What there was no room for is told then.
func (k *Keeper) wrote(n int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.down
	k.down = err != nil
	if k.down {
		return
	}
	k.waiting = slices.Clone(k.waiting[n:])
	if k.lost > 0 {
		k.waiting = append(k.waiting, Event{
			ID: NewID(), At: k.o.Now(), Type: EventsLost, Actor: ActorGateway,
			Detail: map[string]string{"count": strconv.Itoa(k.lost), "since": k.since.UTC().Format(time.RFC3339)},
		})
		k.lost = 0
	}
	if was {
		k.o.Logger.Info("the audit trail is written again", "waited", n)
	}
}
