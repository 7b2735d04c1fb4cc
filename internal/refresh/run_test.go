package refresh

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

func TestSessionsWithLiveConnectionsAreRefreshedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, r := w.session("live"), w.node()
		idle := w.session("idle")
		expired := w.session("expired")
		expired.Limits = session.Limits{Idle: 30 * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(ctx, func() []session.ID { return []session.ID{"live", "expired", "gone"} })
		}()
		time.Sleep(59 * time.Second)
		if g := w.store.get("live").Grant; g.Tokens.AccessToken != "access-1" {
			t.Errorf("not refreshed before expiry: %+v", g)
		}
		time.Sleep(time.Hour)
		cancel()
		<-done
		if n := w.idp.count(); n < 10 || n > 16 {
			t.Errorf("%d requests in an hour of 5-minute tokens", n)
		}
		live := w.store.get("live")
		if !live.SeenAt.Equal(s.SeenAt) {
			t.Error("a background refresh counts as activity")
		}
		if w.store.get("idle") != idle || w.store.get("expired") != expired {
			t.Error("a session without a connection, or past its limits, was refreshed")
		}
	})
}

func TestBackgroundRefreshesAreBoundedAndSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var ids []session.ID
		for i := range 100 {
			id := session.ID(fmt.Sprint(i))
			w.session(id)
			ids = append(ids, id)
		}
		w.idp.current = "none" // every refresh is answered with invalid_grant, after a second
		w.idp.delay = time.Second
		r := w.node(func(o *Options) { o.Workers = 3 })
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx, func() []session.ID { return ids })
		time.Sleep(3 * time.Minute)
		cancel()
		synctest.Wait()
		perSecond := map[int64]int{}
		for _, at := range w.idp.requests {
			perSecond[at.Unix()]++
		}
		for second, n := range perSecond {
			if n > 3 {
				t.Errorf("%d requests in second %d", n, second)
			}
		}
		if len(w.idp.requests) != 100 {
			t.Errorf("%d requests", len(w.idp.requests))
		}
	})
}
