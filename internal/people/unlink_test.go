package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

var (
	first  = account.Identity{Account: "a", Provider: "main", Identity: oidc.Identity{Issuer: "https://one.example", Subject: "ann"}}
	second = account.Identity{Account: "a", Provider: "second", Identity: oidc.Identity{Issuer: "https://two.example", Subject: "ann"}}
)

func configured(provider string) bool {
	return provider == first.Provider || provider == second.Provider
}

func (f *fake) Person(_ context.Context, id string) (account.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.accounts[id]; !ok {
		return account.Person{}, session.ErrNotFound
	}
	return account.Person{Account: f.accounts[id], Identities: slices.Clone(f.identities)}, f.fail["person"]
}

func (f *fake) Unlink(ctx context.Context, _ time.Time, id string, of oidc.Identity, by string, configured account.Configured) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !configured(first.Provider) || configured("withdrawn") {
		return errors.New("asked with providers that are not the configured ones")
	}
	actor, who := audit.ActorOf(ctx)
	if err := f.act(fmt.Sprintf("unlink %s for %s %s %s of", of.Issuer, actor, who, by), id); err != nil {
		return err
	}
	if err := f.fail["unlink"]; err != nil {
		return err
	}
	f.identities = slices.DeleteFunc(f.identities, func(i account.Identity) bool { return i.Identity == of })
	f.unlinked = append(f.unlinked, account.Identity{Account: id, Identity: of})
	return nil
}

func (f *fake) Unlinkings(context.Context, int) ([]account.Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.unlinked), f.fail["unlinkings"]
}

func (f *fake) Settle(_ context.Context, id string, of oidc.Identity) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.act("settle", id); err != nil {
		return err
	}
	if f.byIdentity[of] > 0 {
		return session.ErrConflict
	}
	f.unlinked = slices.DeleteFunc(f.unlinked, func(i account.Identity) bool { return i.Identity == of })
	return nil
}

// endByIdentity is what EndSummed does for the sessions of one identity.
func (f *fake) endByIdentity(flt session.Filter, r signout.Request) (signout.Sum, error) {
	if r.Cause != session.CauseIdentity || r.By == "" || flt.Account == "" {
		return signout.Sum{}, fmt.Errorf("asked %+v for %+v", r, flt)
	}
	if err := f.act("end by "+flt.Identity.Issuer+" of", flt.Account); err != nil {
		return signout.Sum{}, err
	}
	if err := f.fail["end"]; err != nil {
		return signout.Sum{}, err
	}
	n := f.byIdentity[flt.Identity]
	f.byIdentity[flt.Identity] = 0
	return signout.Sum{Ended: n}, nil
}

// linked is an account with two identities that opened sessions.
func linked() *fake {
	f := newFake()
	f.identities = []account.Identity{first, second}
	f.byIdentity = map[oidc.Identity]int{first.Identity: 2, second.Identity: 1}
	return f
}

func TestAnIdentityIsUnlinkedBeforeItsSessionsEndAndOthersGoOn(t *testing.T) {
	f := linked()
	i, sum, err := newPeople(t, f).Unlink(t.Context(), "a", second.Key(), audit.ActorOperator, "uid 7")
	if i.Identity != second.Identity || sum.Ended != 1 || err != nil {
		t.Errorf("%+v %+v %v", i, sum, err)
	}
	want := []string{"unlink https://two.example for operator uid 7 uid 7 of a", "end by https://two.example of a", "settle a"}
	if diff := cmp.Diff(want, f.acts()); diff != "" {
		t.Error(diff)
	}
	if f.byIdentity[first.Identity] != 2 || len(f.unlinked) != 0 {
		t.Errorf("%v %v", f.byIdentity, f.unlinked)
	}
}

func TestAnUnlinkingThatCannotBeginDoesNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		id, key string
		fails   string
		err     error
	}{
		"nobody":                {id: "b", key: second.Key(), err: session.ErrNotFound},
		"no such identity":      {id: "a", key: "other", err: account.ErrNotLinked},
		"the last one":          {id: "a", key: second.Key(), fails: "unlink", err: account.ErrLast},
		"a disabled account":    {id: "a", key: second.Key(), fails: "unlink", err: account.ErrDisabled},
		"the store is down":     {id: "a", key: second.Key(), fails: "unlink", err: session.ErrUnavailable},
		"the person is unknown": {id: "a", key: second.Key(), fails: "person", err: session.ErrUnavailable},
	} {
		f := linked()
		if tc.fails != "" {
			f.fail[tc.fails] = tc.err
		}
		_, sum, err := newPeople(t, f).Unlink(t.Context(), tc.id, tc.key, audit.ActorPerson, "")
		if !errors.Is(err, tc.err) || errors.Is(err, ErrUnfinished) || sum.Ended != 0 || len(f.unlinked) != 0 || f.byIdentity[second.Identity] != 1 {
			t.Errorf("%s: %v, %+v", name, err, f.byIdentity)
		}
	}
}

// A crash at any point leaves the same in the store as a failure there.
func TestAnInterruptedUnlinkingIsFinishedByItself(t *testing.T) {
	for _, broken := range []string{"end", "settle"} {
		synctest.Test(t, func(t *testing.T) {
			f := linked()
			f.breaks(broken, session.ErrUnavailable)
			_, _, err := newPeople(t, f).Unlink(t.Context(), "a", second.Key(), audit.ActorPerson, "person")
			if !errors.Is(err, ErrUnfinished) || !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("%s: %v", broken, err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { newPeople(t, f).Run(ctx); close(done) }() // the next process
			// What changes here changes between two rounds.
			time.Sleep(time.Minute + finishInterval/2)
			f.breaks("unlinkings", session.ErrUnavailable)
			f.breaks(broken, nil)
			time.Sleep(time.Minute)
			if len(f.unlinked) != 1 {
				t.Errorf("%s: settled though it cannot be", broken)
			}
			f.breaks("unlinkings", nil)
			time.Sleep(finishInterval + time.Second)
			stop()
			<-done
			if len(f.unlinked) != 0 || f.byIdentity[second.Identity] != 0 || f.byIdentity[first.Identity] != 2 {
				t.Errorf("%s: left %v with %v", broken, f.unlinked, f.byIdentity)
			}
		})
	}
}

func TestWhoAskedGoingAwayLeavesNoSessionOfAnUnlinkedIdentity(t *testing.T) {
	f := linked()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := newPeople(t, f).Unlink(ctx, "a", second.Key(), audit.ActorPerson, ""); err != nil || f.byIdentity[second.Identity] != 0 {
		t.Errorf("%v, %v", err, f.byIdentity)
	}
}

func TestIdentitiesAndWhatIsConfiguredAreRequired(t *testing.T) {
	f := newFake()
	if _, err := New(Options{Store: f, Configured: configured, Ender: f, Logger: slog.New(slog.DiscardHandler), Now: time.Now}); err == nil {
		t.Error("New without identities")
	}
	if _, err := New(Options{Store: f, Identities: f, Ender: f, Logger: slog.New(slog.DiscardHandler), Now: time.Now}); err == nil {
		t.Error("New without what is configured")
	}
}
