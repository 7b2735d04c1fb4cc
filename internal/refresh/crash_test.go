package refresh

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// crashed is a world whose process died after the provider's answer, before its commit.
func crashed(t *testing.T) (*world, *session.Session) {
	w := newWorld(t)
	s := w.session("s")
	time.Sleep(2 * time.Minute)
	w.store.set("s", func(s *session.Session) { s.Grant.RefreshMark = time.Now() })
	w.idp.n, w.idp.current = 1, "refresh-1"
	return w, s
}

func TestCrashBetweenAnswerAndCommitLosesTheGrantNotTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := crashed(t)
		r := w.node()
		if got := w.fresh(r, s); w.idp.count() != 0 || got.Grant.State != session.GrantGood {
			t.Errorf("asked while another node may be at it")
		}
		time.Sleep(30 * time.Second)
		got := w.fresh(r, s)
		if got.Grant.State != session.GrantLost || w.idp.count() != 1 || len(w.ends) != 0 || got.Grant.LostSince.IsZero() {
			t.Errorf("%+v, %d requests, ends %v", got.Grant, w.idp.count(), w.ends)
		}
		if w.fresh(r, got); w.idp.count() != 1 {
			t.Error("a lost grant was asked for again")
		}
	})
}

func TestAMarkFromBeforeThisProcessWasAloneIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := crashed(t)
		time.Sleep(time.Second)
		got := w.fresh(w.node(func(o *Options) { o.Alone = time.Now() }), s)
		if got.Grant.State != session.GrantLost || w.idp.count() != 1 || len(w.ends) != 0 {
			t.Errorf("%+v, %d requests, ends %v", got.Grant, w.idp.count(), w.ends)
		}
	})
}

func TestOneMoreTrySucceedsWhereTheTokenIsStillGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := crashed(t)
		w.idp.current = "refresh-0"
		time.Sleep(30 * time.Second)
		if g := w.fresh(w.node(), s).Grant; g.State != session.GrantGood || g.Tokens.RefreshToken != "refresh-2" || g.Retried || !g.RefreshMark.IsZero() {
			t.Errorf("%+v", g)
		}
	})
}

func TestCrashDuringTheOneMoreTryLosesTheGrantWithoutAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := crashed(t)
		w.store.set("s", func(s *session.Session) { s.Grant.Retried = true })
		time.Sleep(30 * time.Second)
		if g := w.fresh(w.node(), s).Grant; g.State != session.GrantLost || w.idp.count() != 0 {
			t.Errorf("%+v, %d requests", g, w.idp.count())
		}
	})
}

func TestATimeoutAllowsOneMoreTry(t *testing.T) {
	for name, second := range map[string]struct {
		hang bool
		want session.GrantState
	}{
		"refused because the first was heard": {false, session.GrantLost},
		"times out too":                       {true, session.GrantLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, r := w.session("s"), w.node()
				w.idp.hang = true
				time.Sleep(2 * time.Minute)
				s = w.fresh(r, s)
				for range 25 {
					w.fresh(r, s)
					time.Sleep(time.Second)
				}
				if w.idp.count() != 1 {
					t.Fatalf("%d requests before the mark was old", w.idp.count())
				}
				w.idp.set(func() { w.idp.hang = second.hang; w.idp.current = "refresh-1" })
				if second.hang {
					w.idp.set(func() { w.idp.current = "refresh-0" })
				}
				for range 60 {
					s = w.fresh(r, s)
					time.Sleep(time.Second)
				}
				if s.Grant.State != second.want || w.idp.count() != 2 || len(w.ends) != 0 {
					t.Errorf("%+v, %d requests, ends %v", s.Grant, w.idp.count(), w.ends)
				}
			})
		})
	}
}

func TestAnOutageDoesNotSpendTheOneMoreTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := crashed(t)
		r := w.node()
		w.idp.current, w.idp.err = "refresh-0", &oidc.UnreachableError{Err: errors.New("connection refused")}
		for range 180 {
			w.fresh(r, s)
			time.Sleep(time.Second)
		}
		if g := w.store.get("s").Grant; w.idp.count() < 3 || g.RefreshMark.IsZero() || g.Retried || g.State != session.GrantGood {
			t.Errorf("%d requests, %+v", w.idp.count(), g)
		}
		w.idp.set(func() { w.idp.err = nil })
		time.Sleep(time.Minute)
		if g := w.fresh(r, s).Grant; g.State != session.GrantGood || g.Tokens.AccessToken != "access-2" {
			t.Errorf("%+v", g)
		}
	})
}

func TestAServerErrorThatHadSpentTheTokenEndsNobodysSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.err = &oidc.Error{Code: oidc.ServerError, Status: 504}
		time.Sleep(2 * time.Minute)
		w.fresh(r, s)
		w.idp.set(func() { w.idp.err, w.idp.current = nil, "spent" })
		time.Sleep(time.Minute)
		if g := w.fresh(r, s).Grant; g.State != session.GrantLost || len(w.ends) != 0 {
			t.Errorf("%+v, %v", g, w.ends)
		}
	})
}

func TestAnAnswerIsHeldWhileTheStoreIsDown(t *testing.T) {
	for name, applies := range map[string]bool{"nothing written": false, "written although it failed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, r := w.session("s"), w.node()
				time.Sleep(2 * time.Minute)
				w.store.applies = applies
				w.store.down = func(bool) bool { return w.idp.count() > 0 }
				go r.Run(t.Context(), func() []session.ID { return nil })
				// 40 s: longer than a flight waits, longer than the mark lives.
				for range 40 {
					got := w.fresh(r, s)
					if got.Grant.Tokens.AccessToken != "access-0" {
						t.Fatalf("tokens used before they are durable: %+v", got.Grant)
					}
					time.Sleep(time.Second)
				}
				if w.idp.count() != 1 || len(r.held) != 1 {
					t.Fatalf("%d requests, %d held", w.idp.count(), len(r.held))
				}
				w.store.mu.Lock()
				w.store.down = nil
				w.store.mu.Unlock()
				time.Sleep(10 * time.Second)
				if g := w.store.get("s").Grant; g.Tokens.RefreshToken != "refresh-1" || g.State != session.GrantGood || len(r.held) != 0 {
					t.Errorf("%+v, %d held", g, len(r.held))
				}
				if w.idp.count() != 1 || len(w.revoked) != 0 {
					t.Errorf("%d requests, revoked %v", w.idp.count(), w.revoked)
				}
			})
		})
	}
}

func TestAShortOutageOfTheStoreIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		time.Sleep(2 * time.Minute)
		failures := 0
		w.store.down = func(write bool) bool {
			if write && w.idp.count() > 0 && failures < 5 {
				failures++
				return true
			}
			return false
		}
		if g := w.fresh(r, s).Grant; g.Tokens.AccessToken != "access-1" || failures != 5 {
			t.Errorf("%+v", g)
		}
	})
}

func TestAnAnswerThatOutlivedItsLockStillWinsOverALostGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, slow, other := w.session("s"), w.node(), w.node()
		time.Sleep(2 * time.Minute)
		down := true
		w.store.down = func(write bool) bool { return down && w.idp.count() > 0 }
		w.fresh(slow, s)
		time.Sleep(time.Minute)
		down = false
		if g := w.fresh(other, s).Grant; g.State != session.GrantLost {
			t.Fatalf("the other node: %+v", g)
		}
		w.fresh(slow, s)
		if g := w.store.get("s").Grant; g.State != session.GrantGood || g.Tokens.RefreshToken != "refresh-1" || !g.LostSince.IsZero() {
			t.Errorf("%+v", g)
		}
	})
}
