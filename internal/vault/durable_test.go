package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

var chatKey = key{sid, "chat"}

// What Response has returned for survives kill -9: a process that starts now finds it.
func TestConcurrentAnswersLoseNothing(t *testing.T) {
	s := newStore()
	one, two := newRig(t, s, Rules{}), newRig(t, s, Rules{}) // two processes on one store
	one.request(page, "")
	var wg sync.WaitGroup
	const answers = 30
	for i := range answers {
		for n, r := range []*rig{one, two} {
			wg.Go(func() {
				for {
					h := http.Header{"Set-Cookie": {fmt.Sprintf("c%d-%d=1; HttpOnly", n, i), fmt.Sprintf("p%d-%d=1", n, i)}}
					if err := r.app.Response(context.Background(), sid, chat, get(page), h); err != nil {
						t.Error(err)
						return
					}
					// Two processes can wear out the tries of one; then Run tries again.
					if e := r.vault.hot(chatKey); e != nil && r.vault.flush(context.Background(), e, 0) == nil {
						break
					}
				}
				if j := s.stored(t, chatKey); !j.holds("chat.example.com", fmt.Sprintf("c%d-%d", n, i), 1) {
					t.Errorf("c%d-%d was answered for and is not stored", n, i)
				}
			})
		}
	}
	wg.Wait()
	if j := s.stored(t, chatKey); len(j.kept) != 2*answers || len(j.passed) != 2*answers {
		t.Errorf("%d kept, %d on record", len(j.kept), len(j.passed))
	}
}

func TestAnswersOfOneProcessShareTheirWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		r := newRig(t, s, Rules{})
		r.request(page, "")
		s.before = func(key) { time.Sleep(10 * time.Millisecond) }
		_, before := s.counts()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { r.response(page, fmt.Sprintf("c%d=1; HttpOnly", i)) })
		}
		wg.Wait()
		if _, saves := s.counts(); saves-before > 3 {
			t.Errorf("%d writes for 100 answers at once", saves-before)
		}
		if j := s.stored(t, chatKey); len(j.kept) != 100 {
			t.Errorf("%d stored", len(j.kept))
		}
	})
}

func TestAWriteThatLosesIsMadeAgain(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	r.request(page, "")
	other := newRig(t, s, Rules{})
	var races int
	s.before = func(key) {
		if races++; races%2 == 1 && races < 2*maxTries-2 { // the nested write comes by here too
			other.response(page, fmt.Sprintf("other%d=1; HttpOnly", races))
		}
	}
	r.response(page, "mine=1; HttpOnly", "other1=; Max-Age=0")
	j := s.stored(t, chatKey)
	if !j.holds("chat.example.com", "mine", 1) || !j.holds("chat.example.com", "other3", 1) || len(j.kept) != maxTries {
		t.Errorf("%d stored", len(j.kept))
	}
	if got, _ := r.request(page, ""); !strings.Contains(got, "other3=1") {
		t.Errorf("the reread is not in memory: %q", got)
	}
}

func TestAConflictWithoutEndIsGivenUpForNow(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	r.request(page, "")
	s.set(nil, session.ErrConflict)
	_, before := s.counts()
	r.response(page, "sid=1; HttpOnly")
	if _, saves := s.counts(); saves-before != maxTries {
		t.Errorf("%d tries", saves-before)
	}
	if got, _ := r.request(page, ""); got != "sid=1" {
		t.Errorf("%q", got)
	}
}

func TestAStoreThatIsDownLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		r := newImpatientRig(t, s, Rules{})
		r.request(page, "")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.vault.Run(ctx) })
		s.set(errors.New("disk full"), nil)
		for i := range 5 {
			if out := r.response(page, fmt.Sprintf("c%d=1; HttpOnly", i)); len(out) != 0 {
				t.Errorf("%q goes on", out)
			}
		}
		if got, _ := r.request(page, ""); strings.Count(got, "=") != 5 {
			t.Errorf("%q", got)
		}
		time.Sleep(30 * time.Second)
		if n := strings.Count(r.log.String(), "could not be written"); n != 1 {
			t.Errorf("said %d times in half a minute", n)
		}
		s.set(nil, nil)
		time.Sleep(retryEvery + time.Second)
		if j := s.stored(t, chatKey); len(j.kept) != 5 {
			t.Errorf("%d stored after the outage", len(j.kept))
		}
		if !strings.Contains(r.log.String(), "written again") {
			t.Error("the end of the outage is not told")
		}
		cancel()
		wg.Wait()
	})
}

func TestAStoreThatIsSilentIsNotAnEmptyJar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		for _, fault := range []error{session.ErrUnavailable, errors.New("odd")} {
			s.set(fault, nil)
			r := newImpatientRig(t, s, Rules{})
			if _, _, err := r.app.Request(t.Context(), sid, chat, get(page)); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("%v", err)
			}
			h := http.Header{"Set-Cookie": {"sid=1; HttpOnly", "x=1"}}
			if err := r.app.Response(t.Context(), sid, chat, get(page), h); !errors.Is(err, session.ErrUnavailable) || len(h["Set-Cookie"]) != 1 {
				t.Errorf("%v %v", err, h)
			}
		}
		s.set(nil, nil)
		s.hang = make(chan struct{})
		r := newImpatientRig(t, s, Rules{})
		began := time.Now()
		if _, _, err := r.app.Request(t.Context(), sid, chat, get(page)); !errors.Is(err, session.ErrUnavailable) || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := r.app.Request(ctx, sid, chat, get(page)); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		close(s.hang)
		time.Sleep(time.Second)
		s.mu.Lock()
		s.hang = nil
		s.mu.Unlock()
		if got, _ := r.request(page, ""); got != "" {
			t.Errorf("%q", got)
		}
		s.mu.Lock()
		s.hang = make(chan struct{})
		s.mu.Unlock()
		began = time.Now()
		r.response(page, "sid=1; HttpOnly")
		if time.Since(began) > saveWithin {
			t.Errorf("an answer waited %v", time.Since(began))
		}
		if got, _ := r.request(page, ""); got != "sid=1" {
			t.Errorf("%q", got)
		}
		close(s.hang)
		time.Sleep(time.Second)
	})
}

func TestAnEndForgetsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		r := newRig(t, s, Rules{})
		r.request(page, "")
		r.response(page, "sid=1; HttpOnly")
		// The store does not know of the end: nothing in memory may bring the cookies back.
		if n := r.vault.Ended(session.Tombstone{Session: sid, Cause: session.CauseButton}); n != 0 {
			t.Error(n)
		}
		_, _, err := r.app.Request(t.Context(), sid, chat, get(page))
		if ended, ok := errors.AsType[*session.EndedError](err); !ok || ended.Tombstone.Cause != session.CauseButton {
			t.Errorf("%v", err)
		}
		if out := r.response(page, "sid=2; HttpOnly", "x=1"); len(out) != 1 {
			t.Errorf("%q", out)
		}
	})
}

func TestALoadUnderWayRevivesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.hang = make(chan struct{})
		r := newRig(t, s, Rules{})
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { _, _, err = r.app.Request(context.Background(), sid, chat, get(page)) })
		synctest.Wait()
		r.vault.Ended(session.Tombstone{Session: sid})
		close(s.hang)
		wg.Wait()
		if !gone(err) || r.vault.hot(chatKey) != nil {
			t.Errorf("%v", err)
		}
	})
}

func TestAnEndDuringAWriteLosesTheCookiesQuietly(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	r.request(page, "")
	s.before = func(key) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended[sid] = true
	}
	if out := r.response(page, "sid=1; HttpOnly"); len(out) != 0 {
		t.Errorf("%q", out)
	}
	if _, _, err := r.app.Request(t.Context(), sid, chat, get(page)); !gone(err) {
		t.Errorf("%v", err)
	}
}

func TestASessionThatMovesTakesItsCookiesAlong(t *testing.T) {
	for _, loaded := range []bool{false, true} {
		for _, endFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("loaded=%v,endFirst=%v", loaded, endFirst), func(t *testing.T) {
				s := newStore()
				r := newRig(t, s, Rules{})
				r.request(page, "")
				r.response(page, "stored=1; HttpOnly")
				s.set(nil, session.ErrUnavailable)
				r.response(page, "unwritten=1; HttpOnly")
				s.set(nil, nil)
				const to = session.ID("s2")
				s.rows[key{to, "chat"}] = s.rows[chatKey]
				delete(s.rows, chatKey)
				s.ended[sid] = true
				if loaded {
					if _, _, err := r.app.Request(t.Context(), to, chat, get(page)); err != nil {
						t.Fatal(err)
					}
				}
				end := session.Tombstone{Session: sid, Cause: session.CauseRenewed, Seq: 1}
				if endFirst {
					r.vault.Ended(end)
				}
				r.vault.Moved(sid, to)
				if !endFirst {
					r.vault.Ended(end)
				}
				r.response(page, "late=1; HttpOnly") // of a request from before
				want := "stored=1; unwritten=1; late=1"
				if endFirst {
					want = "stored=1; late=1"
				}
				for _, id := range []session.ID{to, sid} {
					lines, _, err := r.app.Request(t.Context(), id, chat, get(page))
					if got := strings.Join(lines, "|"); err != nil || got != want {
						t.Errorf("%s: %q %v", id, got, err)
					}
				}
				if j := s.stored(t, key{to, "chat"}); len(j.kept) != strings.Count(want, "=") {
					t.Errorf("%d stored", len(j.kept))
				}
				r.vault.Ended(session.Tombstone{Session: to})
				if _, _, err := r.app.Request(t.Context(), sid, chat, get(page)); !gone(err) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

func TestChangesOfExpiryAloneAreWrittenSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		r := newRig(t, s, Rules{})
		r.request(page, "")
		r.response(page, "sid=1; HttpOnly; Max-Age=3600", "x=1; Max-Age=3600")
		_, before := s.counts()
		for range 59 {
			time.Sleep(time.Second * 6)
			r.response(page, "sid=1; HttpOnly; Max-Age=3600", "x=1; Max-Age=3600")
		}
		if _, saves := s.counts(); saves != before {
			t.Errorf("%d writes", saves-before)
		}
		if e := r.vault.hot(chatKey); len(e.pending) != 2 {
			t.Errorf("%d changes wait", len(e.pending))
		}
		time.Sleep(time.Second * 6)
		r.response(page, "sid=1; HttpOnly; Max-Age=3600") // a tenth of the life has passed
		if _, saves := s.counts(); saves != before+1 {
			t.Errorf("%d writes", saves-before)
		}
		time.Sleep(59 * time.Minute)
		if got, _ := r.request(page, ""); got != "sid=1" {
			t.Errorf("%q", got)
		}
		if got, _ := newRig(t, s, Rules{}).request(page, ""); got != "sid=1" {
			t.Errorf("after a restart: %q", got)
		}
	})
}

func TestTheSameCookieAgainIsNotWritten(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	r.request(page, "")
	r.response(page, "sid=1; HttpOnly", "x=1")
	_, before := s.counts()
	for range 10 {
		r.response(page, "sid=1; HttpOnly", "x=1")
	}
	if _, saves := s.counts(); saves != before {
		t.Errorf("%d writes", saves-before)
	}
	for _, line := range []string{"sid=2; HttpOnly", "sid=2; HttpOnly; Secure", "sid=2; HttpOnly; Secure; Max-Age=60", "x=2"} {
		r.response(page, line)
		before++
		if _, saves := s.counts(); saves != before {
			t.Errorf("%q is not written", line)
		}
	}
}

func TestRunWritesWhatWasPostponedAndForgetsTheIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		r := newRig(t, s, Rules{})
		r.request(page, "")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.vault.Run(ctx) })
		prolong := func() int64 {
			time.Sleep(time.Second)
			r.response(page, "sid=1; HttpOnly; Max-Age=3600")
			return time.Now().Add(time.Hour).UnixMilli()
		}
		prolong()
		want := prolong()
		if s.stored(t, chatKey).kept[0].expires == want {
			t.Error("written at once")
		}
		time.Sleep(6*time.Minute + 2*retryEvery)
		if s.stored(t, chatKey).kept[0].expires != want {
			t.Error("not written when due")
		}
		time.Sleep(idleFor)
		if len(r.vault.collect(func(*entry) bool { return true })) != 0 {
			t.Error("still hot")
		}
		want = prolong()
		cancel()
		wg.Wait()
		if s.stored(t, chatKey).kept[0].expires != want {
			t.Error("not written at the end")
		}
	})
}

func TestARowThatCannotBeReadIsReplaced(t *testing.T) {
	s := newStore()
	s.rows[chatKey] = row{[]byte("rubbish"), 7}
	r := newRig(t, s, Rules{})
	if got, _ := r.request(page, "old=1"); got != "" {
		t.Errorf("%q", got)
	}
	r.response(page, "sid=1; HttpOnly")
	if got, _ := newRig(t, s, Rules{}).request(page, ""); got != "sid=1" {
		t.Errorf("%q", got)
	}
	if !strings.Contains(r.log.String(), "could not be read") {
		t.Error("not told")
	}
}

func TestARowOfANewerReleaseIsLeftAlone(t *testing.T) {
	s := newStore()
	s.rows[chatKey] = row{[]byte(`{"v":2,"kept":"otherwise"}`), 7}
	r := newRig(t, s, Rules{})
	_, _, err := r.app.Request(t.Context(), sid, chat, get(page))
	if !errors.Is(err, session.ErrUnavailable) || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("%v", err)
	}
	h := http.Header{"Set-Cookie": {"sid=1; HttpOnly"}}
	if err := r.app.Response(t.Context(), sid, chat, get(page), h); err == nil || len(h) != 0 {
		t.Errorf("%v %v", err, h)
	}
	if s.rows[chatKey].version != 7 {
		t.Error("overwritten")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	r.vault.perShard = 4
	for i := range 2000 {
		id := session.ID(fmt.Sprintf("s%d", i))
		if _, _, err := r.app.Request(t.Context(), id, chat, get(page)); err != nil {
			t.Fatal(err)
		}
		r.vault.Ended(session.Tombstone{Session: session.ID(fmt.Sprintf("e%d", i))})
	}
	n := 0
	for i := range r.vault.shards {
		n += len(r.vault.shards[i].entries)
	}
	if n > 4*shards || n < shards {
		t.Errorf("%d jars are hot", n)
	}
}
