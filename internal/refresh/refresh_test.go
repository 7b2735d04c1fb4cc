package refresh

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestNothingIsDueNothingIsDone(t *testing.T) {
	w := newWorld(t)
	s, r := w.session("s"), w.node()
	if got := w.fresh(r, s); got != s || w.idp.count() != 0 || w.store.writes != 0 {
		t.Errorf("%v requests", w.idp.count())
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Fresh(t.Context(), s) }); n > 1 {
		t.Errorf("%v allocations", n) // one is the fake's Policy
	}
}

func TestAThousandCallersMakeOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.delay = time.Second
		time.Sleep(2 * time.Minute)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if got := w.fresh(r, s); got.Grant.Tokens.AccessToken != "access-1" {
					t.Errorf("got %+v", got.Grant)
				}
			})
		}
		wg.Wait()
		if w.idp.count() != 1 || w.store.reads != 1 {
			t.Errorf("%d requests, %d reads", w.idp.count(), w.store.reads)
		}
		if w.fresh(r, s); w.idp.count() != 1 { // with the old record still in hand
			t.Errorf("%d requests", w.idp.count())
		}
	})
}

func TestTwoNodesMakeOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.session("s")
		nodes := []*Refresher{w.node(), w.node(), w.node()}
		w.idp.delay = 8 * time.Second
		time.Sleep(2 * time.Minute)
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				if got := w.fresh(nodes[i%3], s); got.Grant.Tokens.AccessToken != "access-1" {
					t.Errorf("a loser did not get the winner's result: %+v", got.Grant)
				}
			})
		}
		wg.Wait()
		if w.idp.count() != 1 || len(w.ends) != 0 {
			t.Errorf("%d requests, ends %v", w.idp.count(), w.ends)
		}
	})
}

func TestTheMarkIsDurableBeforeTheRequestLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		time.Sleep(2 * time.Minute)
		w.store.down = func(write bool) bool { return write }
		if got := w.fresh(r, s); got.Grant.Tokens.AccessToken != "access-0" || w.idp.count() != 0 {
			t.Errorf("%d requests without a mark", w.idp.count())
		}
		w.store.down = nil
		time.Sleep(storePause)
		w.idp.delay = time.Second
		go func() {
			if _, err := r.Fresh(t.Context(), s); err != nil {
				t.Errorf("fresh: %v", err)
			}
		}()
		time.Sleep(500 * time.Millisecond)
		if g := w.store.get("s").Grant; g.RefreshMark.IsZero() || g.Retried {
			t.Errorf("grant while asking: %+v", g)
		}
		if err := r.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if g := w.store.get("s").Grant; !g.RefreshMark.IsZero() || g.Tokens.RefreshToken != "refresh-1" || !g.CheckedAt.Equal(time.Now()) {
			t.Errorf("grant after the answer: %+v", g)
		}
	})
}

func TestAnswersKeepWhatTheyLeaveOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.answer = func(a *oidc.Authentication) { a.Tokens.RefreshToken, a.Tokens.IDToken = "", "" }
		time.Sleep(2 * time.Minute)
		got := w.fresh(r, s)
		if g := got.Grant.Tokens; g.RefreshToken != "refresh-0" || g.IDToken != "id-0" || g.AccessToken != "access-1" {
			t.Errorf("%+v", g)
		}
		if got.Claims.String("name") != "Ann" || got.Profile.Name != "Ann" {
			t.Errorf("claims %v", got.Claims)
		}
		w.idp.set(func() {
			w.idp.current = "refresh-0"
			w.idp.answer = func(a *oidc.Authentication) {
				a.Claims, a.Profile = oidc.Claims{"name": "Bea"}, oidc.Profile{Name: "Bea"}
			}
		})
		time.Sleep(6 * time.Minute)
		if got = w.fresh(r, got); got.Claims.String("name") != "Bea" || got.Profile.Name != "Bea" {
			t.Errorf("claims %v", got.Claims)
		}
	})
}

func TestInvalidGrantEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.current = "withdrawn"
		time.Sleep(2 * time.Minute)
		if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseRefreshRefused {
			t.Errorf("%v", err)
		}
		if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseRefreshRefused || w.idp.count() != 1 {
			t.Errorf("%v, %d requests", err, w.idp.count())
		}
	})
}

func TestInvalidGrantEndsTheSessionAlsoWhenTheEndIsNotYetDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.current, w.endErr = "withdrawn", errors.New("not yet durable")
		time.Sleep(2 * time.Minute)
		if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseRefreshRefused {
			t.Errorf("%v", err)
		}
	})
}

func TestInvalidGrantForATokenThatWasReplacedMeanwhileEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.current, w.idp.delay = "other", time.Second
		time.Sleep(2 * time.Minute)
		go func() {
			time.Sleep(500 * time.Millisecond)
			w.store.set("s", func(s *session.Session) {
				s.Grant = session.Grant{CheckedAt: time.Now(), Tokens: oidc.Tokens{AccessToken: "theirs", RefreshToken: "other", Expiry: time.Now().Add(time.Hour)}}
			})
		}()
		if got := w.fresh(r, s); got.Grant.Tokens.AccessToken != "theirs" || len(w.ends) != 0 {
			t.Errorf("%+v, ends %v", got.Grant, w.ends)
		}
	})
}

func TestInteractionRequiredSendsTheNextNavigationToTheProvider(t *testing.T) {
	for _, code := range []string{oidc.InteractionRequired, oidc.LoginRequired, oidc.ConsentRequired, oidc.AccountSelectionRequired} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s, r := w.session("s"), w.node()
			w.idp.err = &oidc.Error{Code: code, Status: 400}
			time.Sleep(2 * time.Minute)
			got := w.fresh(r, s)
			if g := got.Grant; g.State != session.GrantInteraction || !g.LostSince.Equal(time.Now()) || !g.RefreshMark.IsZero() || len(w.ends) != 0 {
				t.Errorf("%s: %+v", code, g)
			}
		})
	}
}

func TestAnAnswerForAnotherPersonLosesTheGrantOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.answer = func(a *oidc.Authentication) { a.Identity.Subject = "bob" }
		time.Sleep(2 * time.Minute)
		got := w.fresh(r, s)
		if got.Grant.State != session.GrantLost || got.Grant.Tokens.AccessToken != "access-0" || len(w.ends) != 0 {
			t.Errorf("%+v", got.Grant)
		}
		if len(w.revoked) != 1 || w.revoked[0].RefreshToken != "refresh-1" {
			t.Errorf("revoked %+v", w.revoked)
		}
	})
}

func TestALostGrantEndsAtItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.session("s")
		s.Grant.State, s.Grant.LostSince = session.GrantLost, time.Now()
		r := w.node(func(o *Options) { o.LostLimit = 10 * time.Minute })
		time.Sleep(10*time.Minute - time.Second)
		if got := w.fresh(r, s); got != s {
			t.Error("touched before the limit")
		}
		time.Sleep(time.Second)
		if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseUnconfirmed || w.idp.count() != 0 {
			t.Errorf("%v", err)
		}
	})
}

func TestOutagesKeepTheSessionUpToALimitAndAlarmOnce(t *testing.T) {
	for name, failure := range map[string]error{
		"invalid_client":              &oidc.Error{Code: oidc.InvalidClient, Status: 401},
		"429":                         &oidc.Error{Code: oidc.TemporarilyUnavailable, Status: 429},
		"500":                         &oidc.Error{Code: oidc.ServerError, Status: 500},
		"503":                         &oidc.Error{Code: oidc.TemporarilyUnavailable, Status: 503},
		"502 that says invalid_grant": &oidc.Error{Code: oidc.InvalidGrant, Status: 502},
		"unreachable":                 &oidc.UnreachableError{Err: errors.New("connection refused")},
		"other":                       &oidc.Error{Code: "invalid_request", Status: 400},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var all []*session.Session
				for i := range 20 {
					all = append(all, w.session(session.ID(fmt.Sprint("s", i))))
				}
				r := w.node(func(o *Options) { o.FailingLimit = 30 * time.Minute })
				w.idp.err = failure
				began := time.Now().Add(time.Minute)
				time.Sleep(time.Minute)
				for time.Since(began) < 29*time.Minute {
					for _, s := range all {
						w.fresh(r, s)
					}
					time.Sleep(time.Second)
				}
				// 34,800 calls; pauses double up to a minute, for all sessions together.
				if n := w.idp.count(); n > 60 || n < 20 {
					t.Errorf("%d requests", n)
				}
				if n := strings.Count(w.log.String(), "level=ERROR"); n != 1 {
					t.Errorf("%d alarms:\n%s", n, w.log.String())
				}
				if len(w.ends) != 0 {
					t.Fatalf("ended before the limit: %v", w.ends)
				}
				time.Sleep(3 * time.Minute)
				for _, s := range all {
					if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseUnconfirmed {
						t.Errorf("after the limit: %s: %v", s.ID, err)
					}
				}
			})
		})
	}
}

func TestAfterAnOutageEveryoneIsAsBefore(t *testing.T) {
	for name, failure := range map[string]error{
		"500":         &oidc.Error{Code: oidc.ServerError, Status: 500},
		"unreachable": &oidc.UnreachableError{Err: errors.New("connection refused")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, r := w.session("s"), w.node()
				w.idp.err = failure
				time.Sleep(time.Minute)
				for range 120 {
					w.fresh(r, s)
					time.Sleep(time.Second)
				}
				if g := w.store.get("s").Grant; g.FailingSince.IsZero() || g.State != session.GrantGood {
					t.Errorf("during: %+v", g)
				}
				w.idp.set(func() { w.idp.err = nil })
				time.Sleep(time.Minute)
				if g := w.fresh(r, s).Grant; g.Tokens.AccessToken != "access-1" || !g.FailingSince.IsZero() || !g.RefreshMark.IsZero() || g.Retried {
					t.Errorf("after: %+v", g)
				}
				if !strings.Contains(w.log.String(), "again") {
					t.Error("the recovery is not told")
				}
			})
		})
	}
}

func TestAProviderInTroubleIsAskedByOneSessionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var all []*session.Session
		for i := range 50 {
			all = append(all, w.session(session.ID(fmt.Sprint("s", i))))
		}
		r := w.node()
		w.idp.err = &oidc.Error{Code: oidc.ServerError, Status: 500}
		time.Sleep(2 * time.Minute)
		w.fresh(r, all[0])
		w.idp.set(func() { w.idp.delay = 5 * time.Second })
		time.Sleep(2 * time.Second)
		var wg sync.WaitGroup
		for _, s := range all[1:] {
			wg.Go(func() { w.fresh(r, s) })
		}
		time.Sleep(500 * time.Millisecond) // within the probe and its pause
		if n := w.idp.count(); n != 2 {
			t.Errorf("%d requests, want the first and one probe", n)
		}
		wg.Wait()
	})
}

func TestWithdrawnAccessEndsTheSessionAfterARefresh_CVE_2021_41230(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.denied = true
		time.Sleep(2 * time.Minute)
		if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseAccessWithdrawn {
			t.Errorf("%v", err)
		}
		if len(w.revoked) != 1 || w.revoked[0].RefreshToken != "refresh-1" {
			t.Errorf("the new tokens survive: %+v", w.revoked)
		}
	})
}

func TestShortLivedTokensDoNotMeanARequestEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.answer = func(a *oidc.Authentication) { a.Tokens.Expiry = time.Now().Add(time.Second) }
		time.Sleep(2 * time.Minute)
		for range 100 {
			s = w.fresh(r, s)
			time.Sleep(100 * time.Millisecond)
		}
		if n := w.idp.count(); n != 2 {
			t.Errorf("%d requests in 10 s", n)
		}
	})
}

func TestAProviderWithoutExpiryIsAskedAtItsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		s.Grant.Tokens.Expiry = time.Time{}
		time.Sleep(9 * time.Minute)
		if w.fresh(r, s); w.idp.count() != 0 {
			t.Error("asked too early")
		}
		time.Sleep(time.Minute)
		if w.fresh(r, s); w.idp.count() != 1 {
			t.Error("not asked")
		}
	})
}

func TestLockMustExceedTheProvidersTimeout(t *testing.T) {
	w := newWorld(t)
	if _, err := New(Options{Store: w.store, Providers: w, Ender: w, Revoker: w, Admitter: w, Audit: w,
		Logger: w.node().o.Logger, Now: time.Now, Timeout: 10 * time.Second, Lock: 12 * time.Second}); err == nil {
		t.Error("accepted")
	}
	if _, err := New(Options{}); err == nil {
		t.Error("accepted without a store")
	}
}
