package refresh

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Where a spent refresh token that comes again ends the provider's own session, one that
// may be spent is presented again only as long as spent ones still work.
func TestATokenThatMayBeSpentIsNotPresentedAgainWhereThatEndsTheProvidersSession(t *testing.T) {
	for name, tt := range map[string]struct {
		policy Policy
		asked  int
		state  session.GrantState
	}{
		"ends it":                  {Policy{ReuseEnds: true}, 0, session.GrantLost},
		"ends it, grace is over":   {Policy{ReuseEnds: true, Grace: 20 * time.Second}, 0, session.GrantLost},
		"ends it, still in grace":  {Policy{ReuseEnds: true, Grace: time.Minute}, 1, session.GrantGood},
		"ends nothing but its own": {Policy{}, 1, session.GrantGood},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := crashed(t)
				w.policy = tt.policy
				w.idp.current = "refresh-0"
				time.Sleep(30 * time.Second)
				g := w.fresh(w.node(), s).Grant
				if g.State != tt.state || w.idp.count() != tt.asked || len(w.ends) != 0 {
					t.Errorf("%+v, %d requests, ends %v", g, w.idp.count(), w.ends)
				}
			})
		})
	}
}

func TestAProvidersErrorDoesNotLoseTheGrantWhereReuseEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.policy.ReuseEnds = true
		s, r := w.session("s"), w.node()
		w.idp.err = &oidc.Error{Code: oidc.ServerError, Status: 502}
		time.Sleep(2 * time.Minute)
		s = w.fresh(r, s)
		w.idp.set(func() { w.idp.err = nil })
		time.Sleep(2 * time.Minute)
		if g := w.fresh(r, s).Grant; g.State != session.GrantGood || g.Tokens.AccessToken != "access-1" {
			t.Errorf("%+v", g)
		}
	})
}

func TestANameThatIsToldOnceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		w.idp.answer = func(a *oidc.Authentication) {
			a.Claims, a.Profile = oidc.Claims{"sub": "ann"}, oidc.Profile{Email: "ann@example.com"}
		}
		time.Sleep(2 * time.Minute)
		if got := w.fresh(r, s); got.Profile.Name != "Ann" || got.Profile.Email != "ann@example.com" {
			t.Errorf("%+v", got.Profile)
		}
		got, err := r.Replace(t.Context(), time.Now(), s, oidc.Authentication{
			Identity: s.Identity, Tokens: oidc.Tokens{AccessToken: "x"}, Claims: oidc.Claims{"sub": "ann"},
		})
		if err != nil || got.Profile.Name != "Ann" || got.Claims.String("sub") != "ann" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// Some providers give no token of the person's own at all.
func TestAGrantWithoutTokensIsGoodAndNothingIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.session("s")
		r := w.node()
		w.store.set("s", func(s *session.Session) { s.Grant = session.Grant{CheckedAt: time.Now()} })
		s := w.store.get("s")
		time.Sleep(100 * time.Hour)
		got := w.fresh(r, s)
		if got.Grant.State != session.GrantGood || w.idp.count()+len(w.idp.userinfo) != 0 || len(w.ends) != 0 {
			t.Errorf("%+v, asked %d and %d, ends %v", got.Grant, w.idp.count(), len(w.idp.userinfo), w.ends)
		}
		next, err := r.Replace(t.Context(), time.Now(), got, oidc.Authentication{
			Identity: s.Identity, AuthTime: time.Now(), Claims: oidc.Claims{"name": "Bea"}, Profile: oidc.Profile{Name: "Bea"},
		})
		if err != nil || !next.AuthTime.Equal(time.Now()) || next.Profile.Name != "Bea" || !next.Grant.CheckedAt.Equal(time.Now()) {
			t.Errorf("a re-authorization changed nothing: %+v, %v", next, err)
		}
		if len(w.revoked) != 0 {
			t.Errorf("revoked %+v", w.revoked)
		}
	})
}
