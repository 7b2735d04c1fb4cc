package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
)

func racePromises() []promise {
	return []promise{
		{"end, update and renewal race and exactly one wins", checkEndRaces},
		{"of parallel updates of one version exactly one wins", func(b *bench) {
			s, _ := b.opened("ann")
			won := b.parallel(24, func(int) error {
				_, err := b.UpdateSession(b.ctx, epoch, s)
				return allow(err, session.ErrConflict)
			})
			if won != 1 {
				b.Fatalf("%d updates won", won)
			}
			got, err := b.ByID(b.ctx, s.ID)
			b.ok(err)
			if got.Version != s.Version+1 {
				b.Fatalf("version %d", got.Version)
			}
		}},
		{"a single-use value is spent by exactly one of many", func(b *bench) {
			for range 5 {
				_, key := session.NewSeatValue()
				won := b.parallel(24, func(int) error {
					return allow(b.Use(b.ctx, epoch, key, epoch.Add(time.Minute)), signin.ErrUsed)
				})
				if won != 1 {
					b.Fatalf("%d callers used one value", won)
				}
				b.is(b.Use(b.ctx, epoch.Add(time.Hour), key, epoch.Add(2*time.Hour)), signin.ErrUsed)
			}
		}},
		{"parallel admissions of one identity make one account", func(b *bench) {
			var mu sync.Mutex
			ids := map[string]bool{}
			made := b.parallel(24, func(int) error {
				acc, created, err := b.Admit(b.ctx, epoch, admission("ann", "ann", "ann-2"))
				mu.Lock()
				ids[acc.ID] = true
				mu.Unlock()
				if err == nil && !created {
					err = errLost
				}
				return err
			})
			if made != 1 || len(ids) != 1 {
				b.Fatalf("%d accounts made, ids %v", made, ids)
			}
		}},
		{"parallel admissions of different people get different handles", func(b *bench) {
			var mu sync.Mutex
			handles := map[string]int{}
			candidates := named("ann-", 24)
			b.parallel(24, func(i int) error {
				acc, _, err := b.Admit(b.ctx, epoch, admission(candidates[i], candidates...))
				mu.Lock()
				handles[acc.Handle]++
				mu.Unlock()
				return err
			})
			if len(handles) != 24 {
				b.Fatalf("24 people have handles %v", handles)
			}
		}},
		{"parallel ends lose no place in the sequence", checkSequence},
	}
}

var errLost = errors.New("lost the race")

// allow turns the answer that losers may get into errLost.
func allow(err error, losers ...error) error {
	for _, l := range losers {
		if errors.Is(err, l) {
			return errLost
		}
	}
	if _, ended := errors.AsType[*session.EndedError](err); ended {
		return errLost
	}
	return err
}

// parallel runs f n times at once and returns how many won; errors other than errLost fail.
func (b *bench) parallel(n int, f func(i int) error) int {
	b.Helper()
	var wg sync.WaitGroup
	var won atomic.Int32
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, errLost):
				b.Errorf("call %d: %v", i, err)
			}
		})
	}
	close(gate)
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return int(won.Load())
}

func checkEndRaces(b *bench) {
	for range 10 {
		s, seat := b.opened("ann", func(s *session.Session) { s.SID = string(s.ID) })
		next := newSession("ann")
		won := make([]bool, 3)
		acts := []func() error{
			func() error { _, err := b.End(b.ctx, epoch, ending(s, session.CauseButton)); return err },
			func() error { _, err := b.UpdateSession(b.ctx, epoch, s); return err },
			func() error { return b.OpenSession(b.ctx, epoch, next, newSeat(), s.ID) },
		}
		b.parallel(3, func(i int) error {
			err := allow(acts[i](), session.ErrConflict)
			won[i] = err == nil
			return err
		})
		end, update, renew := won[0], won[1], won[2]
		// An end needs the version that an update takes away; a renewal does not look at it.
		if end && (update || renew) || !end && !renew {
			b.Fatalf("won: end %v, update %v, renewal %v", end, update, renew)
		}
		_, err := b.ByID(b.ctx, s.ID)
		cause := session.CauseRenewed
		if end {
			cause = session.CauseButton
		}
		b.ended(err, s.ID, cause)
		got, _, err := b.BySeat(b.ctx, seat.Hash)
		if end {
			b.ended(err, s.ID, session.CauseButton)
			continue
		}
		b.ok(err)
		b.equal(got.ID, next.ID)
	}
}

func checkSequence(b *bench) {
	sessions := make([]*session.Session, 40)
	for i, name := range named("s", len(sessions)) {
		sessions[i], _ = b.opened(name)
	}
	stop := make(chan struct{})
	followed := make(chan map[session.ID]bool)
	go func() { // a node that follows the sequence while ends are written
		seen, after := map[session.ID]bool{}, int64(0)
		for last := false; !last; {
			select {
			case <-stop:
				last = true // one more round after the last end
			default:
			}
			page, err := b.Tombstones(b.ctx, after, 1000)
			if err != nil {
				b.Error(err)
				break
			}
			for _, t := range page {
				seen[t.Session], after = true, t.Seq
			}
		}
		followed <- seen
	}()
	won := b.parallel(len(sessions), func(i int) error {
		_, err := b.End(b.ctx, epoch, ending(sessions[i], session.CauseEverywhere))
		return err
	})
	close(stop)
	if seen := <-followed; won != len(sessions) || len(seen) != len(sessions) {
		b.Fatalf("%d ends, %d of them seen by a follower", won, len(seen))
	}
}

func admission(name string, candidates ...string) account.Admission {
	return account.Admission{
		Identity: oidc.Identity{Issuer: "https://id.example.com", Subject: "sub-" + name}, Provider: "main",
		Profile:    oidc.Profile{Name: "Ann", Email: "ann@example.com", EmailBelieved: true},
		Candidates: candidates, AccountID: string(session.NewID()),
	}
}
