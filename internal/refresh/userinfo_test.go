package refresh

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// tokenless has an access token for an hour and no refresh token.
func tokenless(w *world) *session.Session {
	s := w.session("s")
	s.Grant.Tokens.RefreshToken = ""
	s.Grant.Tokens.Expiry = time.Now().Add(time.Hour)
	return s
}

func TestWithoutARefreshTokenUserinfoIsAskedAtItsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := tokenless(w), w.node()
		w.idp.claims = oidc.Claims{"name": "Bea"}
		for range 180 { // three hours; the access token lives for one
			time.Sleep(time.Minute)
			s = w.fresh(r, s)
		}
		if n := len(w.idp.userinfo); n != 5 || w.idp.count() != 0 || len(w.ends) != 0 {
			t.Errorf("asked %d times, %d refreshes, ends %v", n, w.idp.count(), w.ends)
		}
		if s.Claims.String("name") != "Bea" || s.Profile.Name != "Bea" {
			t.Errorf("claims %v", s.Claims)
		}
	})
}

func TestWhereTheRecordDoesNotAllowItUserinfoIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := tokenless(w), w.node()
		w.policy.Recheck = 0
		time.Sleep(24 * time.Hour)
		if got := w.fresh(r, s); got != s || len(w.idp.userinfo) != 0 {
			t.Errorf("asked %d times", len(w.idp.userinfo))
		}
	})
}

func TestUserinfoAnswersDecide(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		ended session.Cause
		state session.GrantState
	}{
		"withdrawn":      {&oidc.Error{Code: "invalid_token", Status: 401}, session.CauseRefreshRefused, ""},
		"interaction":    {&oidc.Error{Code: oidc.InteractionRequired, Status: 400}, "", session.GrantInteraction},
		"another person": {fmt.Errorf("userinfo: %w", oidc.ErrRefused), "", session.GrantLost},
		"down":           {&oidc.UnreachableError{Sent: true, Err: errors.New("timeout")}, "", ""},
		"overloaded":     {&oidc.Error{Code: oidc.TemporarilyUnavailable, Status: 503}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, r := tokenless(w), w.node()
				w.idp.person = tt.err
				time.Sleep(10 * time.Minute)
				got, err := r.Fresh(t.Context(), s)
				if endedBy(err) != tt.ended || (err == nil) != (tt.ended == "") {
					t.Fatalf("%v", err)
				}
				if err == nil && got.Grant.State != tt.state {
					t.Errorf("%+v", got.Grant)
				}
			})
		})
	}
}

func TestUserinfoThatStaysAwayEndsTheSessionAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := tokenless(w), w.node(func(o *Options) { o.FailingLimit = 30 * time.Minute })
		w.idp.person = &oidc.UnreachableError{Err: errors.New("connection refused")}
		began := time.Now()
		var err error
		for err == nil && time.Since(began) < 2*time.Hour {
			time.Sleep(time.Second)
			_, err = r.Fresh(t.Context(), s)
		}
		if after := time.Since(began); endedBy(err) != session.CauseUnconfirmed || after < 40*time.Minute || after > 43*time.Minute {
			t.Errorf("%v after %v", err, after)
		}
	})
}
