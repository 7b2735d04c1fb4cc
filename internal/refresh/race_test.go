package refresh

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// revokedAll tells whether the provider's living refresh token was put up for revocation.
func (w *world) revokedAll() bool {
	return slices.ContainsFunc(w.revoked, func(t oidc.Tokens) bool { return t.RefreshToken == w.idp.current })
}

func TestSignOutRacingARefreshLeavesNoToken(t *testing.T) {
	for delay := time.Duration(0); delay <= 3*time.Second; delay += 250 * time.Millisecond {
		t.Run(fmt.Sprint(delay), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, r := w.session("s"), w.node()
				w.idp.delay = 2 * time.Second
				time.Sleep(2 * time.Minute)
				var wg sync.WaitGroup
				wg.Go(func() { _, _ = r.Fresh(t.Context(), s) })
				time.Sleep(delay)
				_ = w.End(t.Context(), time.Now(), "s", session.CauseButton)
				wg.Wait()
				if err := r.Wait(t.Context()); err != nil || !w.revokedAll() {
					t.Errorf("%v; provider has %s, revoked %+v", err, w.idp.current, w.revoked)
				}
				if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseButton {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}

func TestAHeldAnswerOfAnEndedSessionIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		time.Sleep(2 * time.Minute)
		down := true
		w.store.down = func(bool) bool { return down && w.idp.count() > 0 }
		w.fresh(r, s)
		_ = w.End(t.Context(), time.Now(), "s", session.CauseAdmin)
		down = false
		time.Sleep(time.Minute)
		if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseAdmin || !w.revokedAll() || len(r.held) != 0 {
			t.Errorf("%v, revoked %+v", err, w.revoked)
		}
	})
}

func TestClockThatJumpsEndsNothing(t *testing.T) {
	for _, jump := range []time.Duration{-48 * time.Hour, -time.Minute, time.Minute, 48 * time.Hour} {
		t.Run(fmt.Sprint(jump), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.session("s")
				r := w.node()
				time.Sleep(2 * time.Minute)
				w.store.set("s", func(s *session.Session) { s.Grant.RefreshMark = time.Now() })
				w.offset = jump // the mark is now in the future, or long past
				for range 90 {
					w.fresh(r, w.store.get("s"))
					time.Sleep(time.Second)
				}
				if g := w.store.get("s").Grant; g.Tokens.AccessToken != "access-1" || w.idp.count() != 1 || len(w.ends) != 0 {
					t.Errorf("%+v, %d requests, ends %v", g, w.idp.count(), w.ends)
				}
			})
		})
	}
}

func TestReplaceGivesANewGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		s.Grant.State, s.Grant.LostSince = session.GrantLost, time.Now()
		time.Sleep(time.Minute)
		a := oidc.Authentication{Identity: s.Identity, SID: "new", AuthTime: time.Now(), Tokens: oidc.Tokens{AccessToken: "a", RefreshToken: "r", IDToken: "i"}}
		got, err := r.Replace(t.Context(), time.Now(), s, a)
		if err != nil || got.Grant.State != session.GrantGood || got.Grant.Tokens != a.Tokens || got.SID != "new" || !got.AuthTime.Equal(a.AuthTime) || got.Claims.String("name") != "Ann" {
			t.Errorf("%v, %+v", err, got)
		}
		if len(w.revoked) != 0 || w.changed != 1 {
			t.Errorf("revoked %v, changed %d", w.revoked, w.changed)
		}
	})
}

// The class and the time are one authentication's: neither moves without the other.
func TestTheClassMovesWithTheTimeOfTheAuthenticationAndWithNothingElse(t *testing.T) {
	for name, tt := range map[string]struct {
		age   time.Duration // of the answer's authentication; negative: not told
		class string
		want  string
	}{
		"the same authentication, another class": {time.Minute, "platinum", "gold"},
		"an older one":                           {time.Hour, "platinum", "gold"},
		"its time is not told":                   {-1, "platinum", "gold"},
		"a newer one, weaker":                    {0, "silver", "silver"},
		"a newer one without a class":            {0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, r := w.session("s"), w.node()
				began := time.Now()
				w.store.set("s", func(x *session.Session) { x.AuthTime, x.ACR = began, "gold" })
				time.Sleep(time.Minute)
				a := oidc.Authentication{Identity: s.Identity, ACR: tt.class, Tokens: oidc.Tokens{AccessToken: "a"}}
				if tt.age >= 0 {
					a.AuthTime = time.Now().Add(-tt.age)
				}
				got, err := r.Replace(t.Context(), time.Now(), s, a)
				if err != nil || got.ACR != tt.want || got.AuthTime.After(began) != (tt.want != "gold") {
					t.Errorf("%v, class %q at %s", err, got.ACR, got.AuthTime)
				}
			})
		})
	}
}

func TestARefreshChangesNeitherTheClassNorTheTimeOfTheAuthentication(t *testing.T) {
	for _, class := range []string{"", "silver", "platinum"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.session("s")
			r := w.node()
			began := time.Now()
			w.store.set("s", func(x *session.Session) { x.AuthTime, x.ACR = began, "gold" })
			s := w.store.get("s")
			w.idp.answer = func(a *oidc.Authentication) {
				a.ACR, a.AuthTime, a.Claims = class, time.Now(), oidc.Claims{"name": "Bea", "acr": class}
			}
			time.Sleep(2 * time.Minute)
			if got := w.fresh(r, s); got.ACR != "gold" || !got.AuthTime.Equal(began) || got.Claims.String("name") != "Bea" {
				t.Errorf("%q: class %q at %s, %v", class, got.ACR, got.AuthTime, got.Claims)
			}
		})
	}
}

func TestReplaceOwnsItsTokens(t *testing.T) {
	tokens := oidc.Tokens{AccessToken: "a", RefreshToken: "r"}
	for name, tt := range map[string]struct {
		subject string
		prepare func(*world)
		want    func(error) bool
		revoked int
	}{
		"another person": {"bob", func(*world) {}, func(err error) bool { return errors.Is(err, ErrIdentity) }, 1},
		"ended": {"ann", func(w *world) { _ = w.End(t.Context(), time.Now(), "s", session.CauseButton); w.revoked = nil },
			func(err error) bool { return endedBy(err) == session.CauseButton }, 1},
		"store down": {"ann", func(w *world) { w.store.down = func(bool) bool { return true } },
			func(err error) bool { return errors.Is(err, session.ErrUnavailable) }, 1},
		"stored although the store failed": {"ann", func(w *world) {
			w.store.applies, w.store.down = true, func(write bool) bool { return write }
		}, func(err error) bool { return err == nil }, 0},
		"no longer admitted": {"ann", func(w *world) { w.denied = true },
			func(err error) bool { return endedBy(err) == session.CauseAccessWithdrawn }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, r := w.session("s"), w.node()
				tt.prepare(w)
				a := oidc.Authentication{Identity: oidc.Identity{Issuer: s.Identity.Issuer, Subject: tt.subject}, Tokens: tokens}
				if _, err := r.Replace(t.Context(), time.Now(), s, a); !tt.want(err) || len(w.revoked) != tt.revoked {
					t.Errorf("%v, revoked %+v", err, w.revoked)
				}
			})
		})
	}
}

func TestAReauthorizationWinsOverARefreshUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.delay = 2 * time.Second
		time.Sleep(2 * time.Minute)
		go func() {
			time.Sleep(time.Second)
			a := oidc.Authentication{Identity: s.Identity, Tokens: oidc.Tokens{AccessToken: "a", RefreshToken: "r", Expiry: time.Now().Add(time.Hour)}}
			if _, err := r.Replace(t.Context(), time.Now(), s, a); err != nil {
				t.Error(err)
			}
		}()
		if g := w.fresh(r, s).Grant; g.Tokens.RefreshToken != "r" || !w.revokedAll() {
			t.Errorf("%+v, revoked %+v", g, w.revoked)
		}
	})
}
