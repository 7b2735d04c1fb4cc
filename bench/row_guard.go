package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
)

const (
	allocsBudget  = 5
	millionBudget = 1.2
	few           = 1_000
	many          = 1_000_000
	// activeTTL is a tenth of the gateway's, so that every leg has its share of misses.
	activeTTL = 500 * time.Millisecond
)

// checker asks a guard of this process, as a handler would.
type checker struct {
	guard *guard.Guard
	rules *guard.App
	world *world
}

func (c *checker) check(ctx context.Context, seat string) error {
	v := c.guard.Check(ctx, time.Now(), guard.Query{App: c.rules, Origin: c.world.origin, Seat: seat, RawPath: "/lab/tree", Active: true})
	if v.Outcome != guard.Allow {
		return fmt.Errorf("a good session gets %s: %w", v.Outcome, v.Err)
	}
	return nil
}

// allocsRow counts what a check on a cache hit allocates, reading the cookie included.
func allocsRow(ctx context.Context, l *lab) ([]result, error) {
	w, err := l.newWorld("allocs", "127.0.0.1:1", "http://127.0.0.1:1")
	if err != nil {
		return nil, err
	}
	seats, err := w.fill(ctx, 1)
	if err != nil {
		return nil, err
	}
	c, stop, err := w.checker(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer stop()
	h := http.Header{"Cookie": {"theme=dark; " + w.cookie + "=" + seats[0]}}
	seat := httpx.CookiesOf(httpx.Origin(w.origin)).Seat
	if err := c.check(ctx, seats[0]); err != nil {
		return nil, err
	}
	const runs = 20_000
	allocs, err := allocations(runs, func() error { return c.check(ctx, httpx.CookieValue(h, seat)) })
	if err != nil {
		return nil, err
	}
	return []result{{
		what: "allocations added by the guard on a cache hit", budget: fmt.Sprintf("≤ %d", allocsBudget),
		measured: fmt.Sprintf("%.2f", allocs), ok: allocs <= allocsBudget,
		notes: []string{fmt.Sprintf("cookie to verdict, mean of %d checks; the heartbeat's allocations in between are counted in", runs)},
	}}, nil
}

// allocations is the mean number of allocations of f.
func allocations(runs int, f func() error) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if err := f(); err != nil {
			return 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(runs), nil
}

// checker opens the world's store in this process. ttl bounds the cache's entries; zero
// is the gateway's own.
func (w *world) checker(ctx context.Context, ttl time.Duration) (*checker, func(), error) {
	cfg, err := w.load()
	if err != nil {
		return nil, nil, err
	}
	st, err := openStore(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	g, err := newGuard(st, ttl)
	if err != nil {
		st.Close()
		return nil, nil, err
	}
	run, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); g.Run(run) }()
	rules, _ := rulesOf(cfg)
	stop := func() {
		cancel()
		<-done
		st.Close()
	}
	return &checker{guard: g, rules: rules, world: w}, stop, nil
}

// size is a store of some number of sessions.
type size struct {
	n     int
	world *world
}

// millionRow: does a check take longer when many sessions are stored?
func millionRow(ctx context.Context, l *lab) ([]result, error) {
	var sizes []*size
	loading := time.Now()
	for _, n := range []int{l.pick(few, few), l.pick(many, 20_000)} {
		w, err := l.newWorld("million", "127.0.0.1:1", "http://127.0.0.1:1")
		if err != nil {
			return nil, err
		}
		if err := w.bulk(ctx, n); err != nil {
			return nil, fmt.Errorf("storing %d sessions: %w", n, err)
		}
		sizes = append(sizes, &size{n: n, world: w})
	}
	l.say("sessions stored in %.0f s", time.Since(loading).Seconds())
	missWall, missCPU, missTimes, err := compareSizes(ctx, l, sizes, time.Nanosecond, func(s *size) int { return rand.IntN(s.n) })
	if err != nil {
		return nil, err
	}
	// As many people are about at either size; they are spread over what is stored.
	mixedWall, mixedCPU, mixedTimes, err := compareSizes(ctx, l, sizes, activeTTL, func(s *size) int {
		return rand.IntN(few) * (s.n / few)
	})
	if err != nil {
		return nil, err
	}
	return []result{{
		what:   fmt.Sprintf("check at %d stored sessions against %d, cache misses", sizes[1].n, sizes[0].n),
		budget: fmt.Sprintf("≤ %.1f times", millionBudget), measured: missWall.text("%.2f", ""), ok: missWall.median <= millionBudget,
		notes: []string{
			"every check reads a random seat from SQLite; " + missTimes,
			"CPU time per check: " + missCPU.text("%.2f", " times"),
			fmt.Sprintf("%d people about, each read again every %s: %s, CPU time %s; %s", few, activeTTL,
				mixedWall.text("%.2f", " times"), mixedCPU.text("%.2f", " times"), mixedTimes),
		},
	}}, nil
}

// compareSizes checks seats, one after another, at either size in turn.
func compareSizes(ctx context.Context, l *lab, sizes []*size, ttl time.Duration, pick func(*size) int) (wall, cpu spread, times string, err error) {
	checkers := make([]*checker, len(sizes))
	for i, s := range sizes {
		c, stop, err := s.world.checker(ctx, ttl)
		if err != nil {
			return wall, cpu, "", err
		}
		defer stop()
		checkers[i] = c
		if _, _, err := checks(ctx, c, s, 2*l.o.leg, pick); err != nil { // warm
			return wall, cpu, "", err
		}
	}
	var walls, cpus, each [2][]float64
	var ratio, ratioCPU []float64
	for range l.pick(21, 2) { // many short ones: what else the machine does comes in bursts
		for i, s := range sizes {
			d, c, err := checks(ctx, checkers[i], s, l.o.leg/2, pick)
			if err != nil {
				return wall, cpu, "", err
			}
			walls[i], cpus[i] = append(walls[i], d), append(cpus[i], c)
			each[i] = append(each[i], d*1e6)
		}
		k := len(walls[0]) - 1
		ratio = append(ratio, walls[1][k]/walls[0][k])
		ratioCPU = append(ratioCPU, cpus[1][k]/cpus[0][k])
	}
	times = fmt.Sprintf("µs per check: %s and %s", spreadOf(each[0]).text("%.1f", ""), spreadOf(each[1]).text("%.1f", ""))
	return spreadOf(ratio), spreadOf(ratioCPU), times, nil
}

// checks returns the seconds, and the CPU seconds of this process, that a check takes.
func checks(ctx context.Context, c *checker, s *size, leg time.Duration, pick func(*size) int) (wall, cpu float64, err error) {
	before, err := ownCPU()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	n := 0
	for ; time.Since(began) < leg; n++ {
		if err := c.check(ctx, bulkSeat(pick(s))); err != nil {
			return 0, 0, err
		}
	}
	took := time.Since(began)
	after, err := ownCPU()
	return took.Seconds() / float64(n), (after - before).Seconds() / float64(n), err
}
