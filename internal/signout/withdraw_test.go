package signout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

var (
	atMain  = session.Client{Provider: "main", Issuer: "https://idp.example", ID: "cardea"}
	atExtra = session.Client{Provider: "extra", Issuer: "https://extra.example", ID: "cardea"}
)

// openedAs is a session that was opened as a client; the zero Client stands for one from
// before that was kept.
func openedAs(id session.ID, provider string, c session.Client) *session.Session {
	s := someone(id)
	s.Provider = provider
	if c != (session.Client{}) {
		s.Client = c.Mark()
	}
	return s
}

func changed(c session.Client, change func(*session.Client)) session.Client {
	change(&c)
	return c
}

func TestSessionsEndWhoseProviderOrClientWasWithdrawn(t *testing.T) {
	other := func(f func(*session.Client)) session.Client { return changed(atMain, f) }
	for name, tc := range map[string]struct {
		before []session.Client // who the gateway was
		now    []session.Client // who it is
		ends   []string
	}{
		"nothing changed":               {[]session.Client{atMain, atExtra}, []session.Client{atMain, atExtra}, nil},
		"first start after the upgrade": {nil, []session.Client{atMain, atExtra}, nil},
		"first start, provider gone":    {nil, []session.Client{atMain}, []string{"extra", "extra-old"}},
		"provider removed":              {[]session.Client{atMain, atExtra}, []session.Client{atMain}, []string{"extra", "extra-old"}},
		"all replaced":                  {[]session.Client{atMain, atExtra}, []session.Client{{Provider: "new", Issuer: "https://new.example", ID: "x"}}, []string{"extra", "extra-old", "main", "main-old"}},
		"client id changed":             {[]session.Client{atMain, atExtra}, []session.Client{other(func(c *session.Client) { c.ID = "cardea2" }), atExtra}, []string{"main", "main-old"}},
		"issuer changed":                {[]session.Client{atMain, atExtra}, []session.Client{other(func(c *session.Client) { c.Issuer += "/" }), atExtra}, []string{"main", "main-old"}},
		"renamed":                       {[]session.Client{atMain, atExtra}, []session.Client{other(func(c *session.Client) { c.Provider = "keycloak" }), atExtra}, []string{"main", "main-old"}},
		"provider added":                {[]session.Client{atMain, atExtra}, []session.Client{atMain, atExtra, {Provider: "new", Issuer: "https://new.example", ID: "x"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := []*session.Session{
					openedAs("main", "main", atMain), openedAs("main-old", "main", session.Client{}),
					openedAs("extra", "extra", atExtra), openedAs("extra-old", "extra", session.Client{}),
				}
				r := newRigWithApps(t, []string{"chat"}, list...)
				r.store.clients = tc.before
				c := r.configure(tc.now...)
				if err := c.Recall(t.Context()); err != nil {
					t.Fatal(err)
				}
				// Refused before any of it is written.
				refused := map[string]bool{}
				for _, s := range list {
					err := c.Refuse(start, s)
					if ended, ok := errors.AsType[*session.EndedError](err); ok && ended.Tombstone.Cause == session.CauseProvider && ended.Tombstone.Fresh {
						refused[string(s.ID)] = true
					} else if err != nil {
						t.Errorf("%s: %v", s.ID, err)
					}
				}
				r.run(t, time.Second)
				ends := map[string]bool{}
				for id, stone := range r.store.stones {
					ends[string(id)] = true
					if stone.Cause != session.CauseProvider || !stone.Fresh {
						t.Errorf("%s: %+v", id, stone)
					}
					if kinds := r.store.kinds(id); len(kinds) != 1 || kinds[0] != outbox.KindAppLogout {
						t.Errorf("%s leaves to be told: %v", id, kinds)
					}
				}
				want := map[string]bool{}
				for _, id := range tc.ends {
					want[id] = true
				}
				if diff := cmp.Diff(want, ends) + cmp.Diff(want, refused); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tc.now, r.store.clients); diff != "" {
					t.Errorf("written afterwards:\n%s", diff)
				}
			})
		})
	}
}

// run runs the SignOut for a while.
func (r *rig) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	time.Sleep(d)
	stop()
	<-done
}

func TestWhoSignsInAsTheNewClientMeanwhileStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := changed(atMain, func(c *session.Client) { c.ID = "cardea2" })
		fresh := openedAs("new", "main", now)
		r := newRig(t, openedAs("old", "main", atMain), fresh)
		r.store.clients = []session.Client{atMain}
		c := r.configure(now)
		r.run(t, time.Second)
		if _, lives := r.store.sessions["new"]; !lives || len(r.store.sessions) != 1 {
			t.Errorf("left alive: %v", r.store.sessions)
		}
		if err := c.Refuse(start, fresh); err != nil {
			t.Errorf("refused: %v", err)
		}
	})
}

func TestWhoTheGatewayWasIsForgottenOnlyWhenTheLastSessionHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, openedAs("one", "extra", atExtra), openedAs("two", "extra", atExtra))
		r.store.clients = []session.Client{atMain, atExtra}
		r.store.fail["two"] = errors.New("this one cannot be written")
		r.configure(atMain)
		r.run(t, 10*time.Second)
		if _, ended := r.store.stones["one"]; !ended || r.store.written != 0 {
			t.Fatalf("ended %v, written %d times", r.store.stones, r.store.written)
		}
		// The process ended here. The next start goes on.
		delete(r.store.fail, "two")
		again := newRig(t)
		again.store = r.store
		again.SignOut.o.Store, again.SignOut.o.Receipts = r.store, r.store
		again.configure(atMain)
		again.run(t, time.Second)
		if len(r.store.sessions) != 0 || len(r.store.clients) != 1 {
			t.Errorf("left alive %v, written %v", r.store.sessions, r.store.clients)
		}
	})
}

func TestAStoreThatIsDownAtTheStartIsCaughtUpWithBeforeAnybodyIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := openedAs("old", "main", session.Client{})
		stamped, alive := openedAs("stamped", "main", atMain), openedAs("alive", "extra", atExtra)
		r := newRig(t, old, stamped, alive)
		r.store.clients = []session.Client{atMain, atExtra}
		r.store.set(true, false)
		c := r.configure(changed(atMain, func(c *session.Client) { c.ID = "cardea2" }), atExtra)
		if err := c.Recall(t.Context()); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("recalled from a store that is down: %v", err)
		}
		if err := c.Refuse(start, old); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("a session that cannot be judged yet: %v", err)
		}
		if _, ended := errors.AsType[*session.EndedError](c.Refuse(start, stamped)); !ended {
			t.Error("a withdrawn session is let in while the store is down")
		}
		if err := c.Refuse(start, alive); err != nil {
			t.Errorf("a session of an unchanged provider: %v", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		r.store.set(false, false)
		time.Sleep(time.Minute)
		stop()
		<-done
		if len(r.store.sessions) != 1 || len(r.store.stones) != 2 {
			t.Errorf("alive %v, ended %v", r.store.sessions, r.store.stones)
		}
		if _, ended := errors.AsType[*session.EndedError](c.Refuse(start, old)); !ended {
			t.Error("the old one is let in")
		}
	})
}

func TestManyAreEndedWithProgressInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for i := range 2500 {
			r.store.add(openedAs(session.ID(fmt.Sprintf("s%05d", i)), "extra", atExtra))
		}
		r.configure(atMain)
		r.run(t, time.Second)
		if len(r.store.sessions) != 0 {
			t.Fatalf("%d live on", len(r.store.sessions))
		}
		for _, want := range []string{"so_far=1000", "so_far=2000", "ended=2500", `because="no longer configured"`} {
			if !strings.Contains(r.logs.String(), want) {
				t.Errorf("the log does not say %s", want)
			}
		}
	})
}

// What a client was given must never be shown to whoever answers under the provider's
// id now.
func TestNothingOfAWithdrawnClientReachesTheProviderOfToday(t *testing.T) {
	other := changed(atMain, func(c *session.Client) { c.Issuer, c.ID = "https://evil.example", "cardea2" })
	s := openedAs("one", "main", atMain)
	s.Limits = session.Limits{}

	r := newRig(t, s)
	r.store.clients = []session.Client{atMain}
	r.configure(atMain)
	res, err := r.End(t.Context(), start, Request{Session: "one", Cause: session.CauseApp, By: "person"})
	if err != nil || len(r.store.entries) != 2 {
		t.Fatalf("%v, %d entries", err, len(r.store.entries))
	}
	// The next start is with another client.
	if err := r.configure(other).Recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.store.entries {
		if err := r.Handlers()[e.Kind](t.Context(), e); !errors.Is(err, outbox.ErrPermanent) {
			t.Errorf("%s: %v", e.Kind, err)
		}
	}
	if call, ok := r.BrowserCall(t.Context(), res); ok {
		t.Errorf("the browser is sent to %s", call.URL)
	}
	if e := r.Revocation(s, oidc.Tokens{RefreshToken: "rt-late"}); e != nil {
		t.Errorf("late tokens are told to the provider of today: %+v", e)
	}
	r.store.add(openedAs("two", "main", atMain))
	if _, err := r.End(t.Context(), start, Request{Session: "two", Cause: session.CauseAdmin, By: "operator"}); err != nil {
		t.Fatal(err)
	}
	if kinds := r.store.kinds("two"); len(kinds) != 0 {
		t.Errorf("an operator's end leaves to be told: %v", kinds)
	}
	if len(r.provider.asked)+len(r.provider.revoked) != 0 {
		t.Errorf("asked %v, revoked %v", r.provider.asked, r.provider.revoked)
	}
}

func TestTheReceiptSaysThatAWithdrawnProviderWasNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, openedAs("one", "extra", atExtra))
		r.configure(atMain)
		r.run(t, time.Second)
		receipt, err := r.ReceiptOf(t.Context(), "one")
		if err != nil {
			t.Fatal(err)
		}
		steps, err := r.Steps(t.Context(), receipt)
		want := []Step{{What: WhatSession, State: StepDone}, {What: WhatConnections, State: StepDone, Count: 3}, {What: WhatProvider, State: StepWithdrawn}}
		if diff := cmp.Diff(want, steps); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if receipt.Browser || RuleOf(receipt.Cause, receipt.Mode).Page != PageWithdrawn {
			t.Errorf("%+v", receipt)
		}
	})
}
