package guard

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestLiveSessionIsAllowedFromTheCacheWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		for range 100 {
			want(t, f.ask(time.Now()), Allow)
		}
		if n := f.store.reads.Load(); n != 1 {
			t.Errorf("%d reads of the store, want 1", n)
		}
	})
}

func TestCacheHitStaysWithinItsAllocations(t *testing.T) {
	f := newFixture(t, Options{CacheTTL: time.Hour, Refresher: refresher(func(_ context.Context, s *session.Session) (*session.Session, error) { return s, nil })})
	f.app.Access = group("staff")
	f.app.Paths = []PathRule{{Path: "/public", Public: true}, {Path: "/admin", Access: group("staff"), ACR: []string{"gold", "silver"}}}
	q := f.query()
	q.RawPath = "/admin/users"
	want(t, f.Check(context.Background(), time.Now(), q), Allow)
	ctx, now := context.Background(), time.Now()
	allocs := testing.AllocsPerRun(200, func() {
		f.heard(f.mono())
		f.Check(ctx, now, q)
	})
	if allocs > 0 {
		t.Errorf("%v allocations on a cache hit, where none are needed", allocs)
	}
}

func TestSeatsThatOpenNothing(t *testing.T) {
	f := newFixture(t, Options{})
	other, _ := session.NewSeatValue()
	for name, seat := range map[string]string{"none": "", "garbage": "x", "unknown": other, "padded": f.seat + "=", "cut": f.seat[:42]} {
		q := f.query()
		q.Seat = seat
		if v := f.Check(t.Context(), time.Now(), q); v.Outcome != NoSession || v.Session != nil {
			t.Errorf("%s: %v", name, v.Outcome)
		}
	}
}

func TestSeatOfAnotherOriginOpensNothing(t *testing.T) {
	f := newFixture(t, Options{})
	q := f.query()
	q.Origin = "https://other.example"
	want(t, f.Check(t.Context(), time.Now(), q), NoSession)
	want(t, f.ask(time.Now()), Allow)
	want(t, f.Check(t.Context(), time.Now(), q), NoSession) // from the cache too
}

func TestEndedSessionTellsWhy(t *testing.T) {
	f := newFixture(t, Options{})
	want(t, f.ask(time.Now()), Allow)
	f.Ended(f.store.end(f.sess.ID, session.CauseAdmin))
	v := f.ask(time.Now())
	want(t, v, NoSession)
	if v.Ended == nil || v.Ended.Cause != session.CauseAdmin {
		t.Errorf("ended: %+v", v.Ended)
	}
}

func TestLimitsOfACachedSessionHoldToTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{CacheTTL: 48 * time.Hour, Now: time.Now})
		want(t, f.ask(time.Now()), Allow)
		time.Sleep(time.Hour - time.Second)
		f.heard(f.mono())
		want(t, f.Check(t.Context(), time.Now(), Query{App: f.app, Origin: origin, Seat: f.seat, RawPath: "/"}), Allow)
		time.Sleep(time.Second)
		f.heard(f.mono())
		v := f.ask(time.Now())
		want(t, v, NoSession)
		if v.Ended == nil || v.Ended.Cause != session.CauseExpired {
			t.Errorf("ended: %+v", v.Ended)
		}
	})
}

func TestActivityKeepsASessionFromIdlingAndPollingDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{CacheTTL: 48 * time.Hour, Now: time.Now})
		for range 3 {
			time.Sleep(40 * time.Minute)
			want(t, f.ask(time.Now()), Allow)
		}
		q := f.query()
		q.Active = false
		time.Sleep(40 * time.Minute)
		want(t, f.Check(t.Context(), time.Now(), q), Allow)
		time.Sleep(20 * time.Minute)
		want(t, f.Check(t.Context(), time.Now(), q), NoSession)
	})
}

func TestTooOldOrTooWeakOnlyWhenTheAppsOwnDemandsFail(t *testing.T) {
	for _, tt := range []struct {
		name string
		app  func(*App)
		path string
		age  time.Duration
		want Outcome
	}{
		{"within", func(a *App) { a.Limits.Idle = time.Minute }, "/", 59 * time.Second, Allow},
		{"app's idle limit", func(a *App) { a.Limits.Idle = time.Minute }, "/", time.Minute, TooOld},
		{"app's absolute limit", func(a *App) { a.Limits.Absolute = 2 * time.Minute }, "/", 3 * time.Minute, TooOld},
		{"app's max_age", func(a *App) { a.MaxAge = 5 * time.Minute }, "/", 6 * time.Minute, TooOld},
		{"path's max_age", func(a *App) { a.Paths = []PathRule{{Path: "/pay", MaxAge: time.Minute}} }, "/pay/now", 2 * time.Minute, TooOld},
		{"path's max_age elsewhere", func(a *App) { a.Paths = []PathRule{{Path: "/pay", MaxAge: time.Minute}} }, "/", 2 * time.Minute, Allow},
		{"app's acr", func(a *App) { a.ACR = []string{"gold"} }, "/", 0, TooWeak},
		{"app's acr, one of them", func(a *App) { a.ACR = []string{"gold", "silver"} }, "/", 0, Allow},
		{"path's acr", func(a *App) { a.Paths = []PathRule{{Path: "/pay", ACR: []string{"gold"}}} }, "/pay/now", 0, TooWeak},
		{"path's acr elsewhere", func(a *App) { a.Paths = []PathRule{{Path: "/pay", ACR: []string{"gold"}}} }, "/", 0, Allow},
		{"path's acr instead of the app's", func(a *App) {
			a.ACR, a.Paths = []string{"gold"}, []PathRule{{Path: "/easy", ACR: []string{"bronze", "silver"}}}
		}, "/easy", 0, Allow},
		{"a class is compared exactly", func(a *App) { a.ACR = []string{"Silver", "silver2", "silve"} }, "/", 0, TooWeak},
		{"too old and too weak", func(a *App) { a.ACR, a.MaxAge = []string{"gold"}, time.Minute }, "/", 2 * time.Minute, TooOld},
		{"session's own limit", func(a *App) { a.Limits.Idle = time.Minute }, "/", time.Hour, NoSession},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var later time.Time
			f := newFixture(t, Options{Now: func() time.Time { return later }})
			later = f.sess.CreatedAt.Add(tt.age)
			tt.app(f.app)
			q := f.query()
			q.RawPath = tt.path
			v := f.Check(t.Context(), later, q)
			want(t, v, tt.want)
			if (tt.want == TooOld || tt.want == TooWeak) && v.Session == nil {
				t.Error("a session that is too old or too weak for the app is still known")
			}
		})
	}
}

func TestDeniedNamesTheRule(t *testing.T) {
	for _, tt := range []struct {
		name   string
		app    App
		path   string
		reason access.Reason
	}{
		{"provider", App{Providers: []string{"other"}}, "/", access.ReasonProvider},
		{"admission", App{Admission: group("members")}, "/", access.ReasonGroup},
		{"app", App{Access: group("nobody")}, "/", access.ReasonGroup},
		{"path", App{Access: group("staff"), Paths: []PathRule{{Path: "/admin", Access: group("admins")}}}, "/admin", access.ReasonGroup},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			f.app = &tt.app
			q := f.query()
			q.RawPath = tt.path
			v := f.Check(t.Context(), time.Now(), q)
			want(t, v, Denied)
			if v.Decision.Reason != tt.reason || v.Decision.Rule == "" {
				t.Errorf("decision %+v", v.Decision)
			}
		})
	}
}

func TestPublicAndBearerPathsAreMarkedWhateverTheOutcome(t *testing.T) {
	f := newFixture(t, Options{})
	f.app.Paths = []PathRule{{Path: "/open", Public: true}, {Path: "/api", Bearer: true}}
	q := f.query()
	q.RawPath = "/open/x"
	if v := f.Check(t.Context(), time.Now(), q); !v.Public || v.Outcome != Allow {
		t.Errorf("with a session: %+v", v)
	}
	q.Seat = ""
	if v := f.Check(t.Context(), time.Now(), q); !v.Public || v.Outcome != NoSession {
		t.Errorf("without a session: %+v", v)
	}
	q.RawPath = "/api/x"
	if v := f.Check(t.Context(), time.Now(), q); v.Bearer {
		t.Error("a request without Authorization was taken for one with it")
	}
	q.Bearer = true
	if v := f.Check(t.Context(), time.Now(), q); !v.Bearer || v.Public {
		t.Errorf("bearer: %+v", v)
	}
	q.RawPath = "/"
	if v := f.Check(t.Context(), time.Now(), q); v.Bearer {
		t.Error("Authorization opened a path that has no bearer rule")
	}
}

func TestRefreshOutcomes(t *testing.T) {
	newer := func(s *session.Session) *session.Session { c := *s; c.Version++; return &c }
	for _, tt := range []struct {
		name  string
		fresh refresher
		want  Outcome
	}{
		{"not due", func(_ context.Context, s *session.Session) (*session.Session, error) { return s, nil }, Allow},
		{"trouble keeps the session", func(_ context.Context, _ *session.Session) (*session.Session, error) {
			return nil, errors.New("provider is down")
		}, Allow},
		{"ended", func(_ context.Context, s *session.Session) (*session.Session, error) {
			return nil, &session.EndedError{Tombstone: session.Tombstone{Session: s.ID, Cause: session.CauseRefreshRefused}}
		}, NoSession},
		{"grant lost", func(_ context.Context, s *session.Session) (*session.Session, error) {
			c := newer(s)
			c.Grant.State = session.GrantLost
			return c, nil
		}, Reauthorize},
		{"interaction", func(_ context.Context, s *session.Session) (*session.Session, error) {
			c := newer(s)
			c.Grant.State = session.GrantInteraction
			return c, nil
		}, Reauthorize},
		{"CVE-2021-41230 group withdrawn by the refreshed claims", func(_ context.Context, s *session.Session) (*session.Session, error) {
			c := newer(s)
			c.Profile = oidc.Profile{}
			return c, nil
		}, Denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, Options{Refresher: tt.fresh})
			f.app.Access = group("staff")
			want(t, f.ask(time.Now()), tt.want)
		})
	}
}

func TestPutReplacesTheCachedRecordAndItsDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		f.app.Access = group("staff")
		want(t, f.ask(time.Now()), Allow)
		c := *f.sess
		c.Version, c.Profile = 2, oidc.Profile{}
		f.Put(&c)
		want(t, f.ask(time.Now()), Denied)
		f.Put(f.sess) // older: ignored
		want(t, f.ask(time.Now()), Denied)
		f.Put(person(time.Now())) // unknown: nothing becomes known by it
	})
}

func TestEndDuringARefreshIsNotAllowed(t *testing.T) {
	var f *fixture
	f = newFixture(t, Options{Refresher: refresher(func(_ context.Context, s *session.Session) (*session.Session, error) {
		f.Ended(f.store.end(s.ID, session.CauseButton))
		return s, nil
	})})
	want(t, f.ask(time.Now()), NoSession)
}

func TestManyAskingForAColdSeatReadItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		hang := make(chan struct{})
		f.store.set(hang, nil)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if v := f.ask(time.Now()); v.Outcome != Allow {
					t.Errorf("outcome %v", v.Outcome)
				}
			})
		}
		synctest.Wait()
		close(hang)
		wg.Wait()
		if n := f.store.reads.Load(); n != 1 {
			t.Errorf("%d reads, want 1", n)
		}
	})
}

func BenchmarkCheckHitWithAStepUp(b *testing.B) {
	f := newFixture(b, Options{CacheTTL: time.Hour})
	f.app.Access = group("staff")
	f.app.Paths = []PathRule{{Path: "/public", Public: true}, {Path: "/pay", MaxAge: 24 * time.Hour, ACR: []string{"gold", "silver"}}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go f.Run(ctx)
	q := f.query()
	q.RawPath = "/pay/1"
	b.ReportAllocs()
	for b.Loop() {
		if v := f.Check(ctx, time.Now(), q); v.Outcome != Allow {
			b.Fatal(v.Outcome)
		}
	}
}

func BenchmarkCheckHit(b *testing.B) {
	f := newFixture(b, Options{CacheTTL: time.Hour})
	f.app.Access = group("staff")
	f.app.Paths = []PathRule{{Path: "/public", Public: true}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go f.Run(ctx)
	q := f.query()
	q.RawPath = "/chat/1"
	b.ReportAllocs()
	for b.Loop() {
		if v := f.Check(ctx, time.Now(), q); v.Outcome != Allow {
			b.Fatal(v.Outcome)
		}
	}
}
