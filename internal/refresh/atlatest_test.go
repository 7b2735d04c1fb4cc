package refresh

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

const year = 365 * 24 * time.Hour

// situations are the rows of the table "What no provider sends" in docs/sign-out.md: by
// when, at the latest, somebody is out whom the provider withdrew and told nobody of.
var situations = map[string]struct {
	life     time.Duration // of the access token; 0: the provider does not say
	refresh  bool          // there is a refresh token
	policy   Policy
	lost     bool // the provider's answer was lost just now
	down     bool // the provider cannot be reached
	latest   time.Duration
	presence bool // somebody must be there for it to be noticed on time
}{
	"tokens for five minutes":              {life: 5 * time.Minute, refresh: true, latest: 5 * time.Minute},
	"tokens for a year":                    {life: year, refresh: true, latest: time.Hour},
	"tokens for a year, the record says":   {life: year, refresh: true, policy: Policy{AtLatest: 15 * time.Minute}, latest: 15 * time.Minute},
	"tokens of an unknown life":            {refresh: true, latest: time.Hour},
	"unknown life, the record says":        {refresh: true, policy: Policy{AtLatest: 15 * time.Minute, Recheck: 2 * time.Hour}, latest: 15 * time.Minute},
	"unknown life, userinfo more often":    {refresh: true, policy: Policy{Recheck: 10 * time.Minute}, latest: 10 * time.Minute},
	"userinfo alone":                       {life: 8 * time.Hour, policy: Policy{Recheck: 10 * time.Minute}, latest: 10 * time.Minute},
	"userinfo alone, tokens without limit": {policy: Policy{Recheck: 10 * time.Minute}, latest: 10 * time.Minute},
	"the provider's answer was lost":       {life: year, refresh: true, lost: true, latest: time.Hour},
	"the provider is down":                 {life: 5 * time.Minute, refresh: true, down: true, latest: 5*time.Minute + time.Hour, presence: true},
}

// slack is what the pace of the background adds.
const slack = time.Minute

func withdrawn(w *world, name string) *session.Session {
	tt := situations[name]
	s := w.session("s")
	w.policy = tt.policy
	if tt.life > 0 {
		s.Grant.Tokens.Expiry = time.Now().Add(tt.life)
	} else {
		s.Grant.Tokens.Expiry = time.Time{}
	}
	if !tt.refresh {
		s.Grant.Tokens.RefreshToken = ""
	}
	if tt.lost {
		s.Grant.State, s.Grant.LostSince = session.GrantLost, time.Now()
	}
	w.idp.current = "withdrawn"
	w.idp.person = &oidc.Error{Code: invalidToken, Status: 401}
	if tt.down {
		w.idp.err = &oidc.UnreachableError{Err: errors.New("connection refused")}
	}
	return s
}

func TestAnOpenConnectionEndsAtTheStatedTimeAfterAWithdrawal(t *testing.T) {
	for name, tt := range situations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				withdrawn(w, name)
				r := w.node(func(o *Options) { o.FailingLimit = time.Hour })
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); r.Run(ctx, func() []session.ID { return []session.ID{"s"} }) }()
				time.Sleep(tt.latest + slack)
				stop()
				<-done
				if len(w.ends) != 1 {
					t.Errorf("%v after the withdrawal: ends %v", tt.latest+slack, w.ends)
				}
			})
		})
	}
}

// Nobody was there: the first request of whoever comes back finds out, before any app
// sees it.
func TestWhoComesBackAfterTheStatedTimeIsRefusedAtOnce(t *testing.T) {
	for name, tt := range situations {
		if tt.presence {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, r := withdrawn(w, name), w.node()
				time.Sleep(tt.latest)
				if _, err := r.Fresh(t.Context(), s); endedBy(err) == "" {
					t.Errorf("let in: %v", err)
				}
			})
		})
	}
}

func TestWithoutARefreshTokenAndWithoutUserinfoTheLimitsDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, life := range []time.Duration{time.Hour, 0} {
			w := newWorld(t)
			s, r := tokenless(w), w.node()
			w.policy = Policy{AtLatest: time.Minute}
			if life == 0 {
				w.policy.Recheck, s.Grant.Tokens.Expiry = 10*time.Minute, time.Now() // an access token that has expired
			}
			w.idp.person = &oidc.Error{Code: invalidToken, Status: 401}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); r.Run(ctx, func() []session.ID { return []session.ID{"s"} }) }()
			time.Sleep(12 * time.Hour)
			stop()
			<-done
			if len(w.ends) != 0 || len(w.idp.userinfo) != 0 || w.idp.count() != 0 {
				t.Errorf("ends %v, asked %d times, %d refreshes", w.ends, len(w.idp.userinfo), w.idp.count())
			}
			if w.store.reads > 2*12*12+10 { // one look in five minutes, one read for each
				t.Errorf("the record was read %d times in twelve hours", w.store.reads)
			}
		}
	})
}

func TestTokensThatLiveLongAreRefreshedNoOftenerThanStated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("s"), w.node()
		s.Grant.Tokens.Expiry = time.Now().Add(year)
		w.idp.answer = func(a *oidc.Authentication) { a.Tokens.Expiry = time.Now().Add(year) }
		for range 24 * 60 {
			time.Sleep(time.Minute)
			s = w.fresh(r, s)
		}
		if n := w.idp.count(); n != 24 {
			t.Errorf("%d refreshes in a day", n)
		}
	})
}

func TestWhereTheProviderMindsARefreshIsMadeNoSoonerThanStated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.policy.AtEarliest = 24 * time.Hour
		s, r := w.session("s"), w.node()
		s.Grant.Tokens.Expiry = time.Now().Add(time.Hour)
		w.idp.answer = func(a *oidc.Authentication) { a.Tokens.Expiry = time.Now().Add(time.Hour) }
		for range 3*24*60 + 1 {
			time.Sleep(time.Minute)
			s = w.fresh(r, s)
		}
		if n := w.idp.count(); n != 3 {
			t.Errorf("%d refreshes in three days", n)
		}
	})
}
