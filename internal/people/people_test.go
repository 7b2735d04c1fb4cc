package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// fake is a store and a sign-out that write down what they are asked.
type fake struct {
	mu       sync.Mutex
	accounts map[string]account.Account
	sessions map[string]int
	did      []string
	fail     map[string]error // by act

	identities []account.Identity
	byIdentity map[oidc.Identity]int // sessions that they opened
	unlinked   []account.Identity
}

func newFake() *fake {
	return &fake{
		accounts: map[string]account.Account{"a": {ID: "a"}}, sessions: map[string]int{"a": 3}, fail: map[string]error{},
	}
}

func (f *fake) act(what, id string) error {
	f.did = append(f.did, what+" "+id)
	if err := f.fail[what]; err != nil {
		return err
	}
	if _, ok := f.accounts[id]; !ok {
		return session.ErrNotFound
	}
	return nil
}

func (f *fake) SetDisabled(_ context.Context, _ time.Time, id string, disabled bool) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.act(map[bool]string{true: "shut", false: "open"}[disabled], id); err != nil {
		return false, err
	}
	acc := f.accounts[id]
	changed := acc.Disabled != disabled
	acc.Disabled = disabled
	f.accounts[id] = acc
	return changed, nil
}

func (f *fake) MarkErasing(_ context.Context, _ time.Time, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.act("mark", id); err != nil {
		return err
	}
	f.accounts[id] = account.Account{ID: id, Disabled: true, Erasing: true}
	return nil
}

func (f *fake) Erase(_ context.Context, _ time.Time, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.act("erase", id); err != nil {
		return err
	}
	if f.sessions[id] > 0 {
		return session.ErrConflict
	}
	delete(f.accounts, id)
	return nil
}

func (f *fake) Unfinished(context.Context, int) ([]account.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail["list"]; err != nil {
		return nil, err
	}
	var list []account.Account
	for id, a := range f.accounts {
		if a.Erasing || a.Disabled && f.sessions[id] > 0 {
			list = append(list, a)
		}
	}
	return list, nil
}

func (f *fake) EndSummed(_ context.Context, _ time.Time, flt session.Filter, r signout.Request, _ func(int)) (signout.Sum, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if flt.Identity != (oidc.Identity{}) {
		return f.endByIdentity(flt, r)
	}
	if r.Cause != session.CauseAccount || r.By == "" {
		return signout.Sum{}, fmt.Errorf("asked %+v", r)
	}
	if err := f.act("end", flt.Account); err != nil {
		return signout.Sum{}, err
	}
	n := f.sessions[flt.Account]
	f.sessions[flt.Account] = 0
	return signout.Sum{Ended: n}, nil
}

func (f *fake) breaks(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[what] = err
}

func (f *fake) acts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.did)
}

func newPeople(t *testing.T, f *fake) *People {
	t.Helper()
	p, err := New(Options{Store: f, Identities: f, Configured: configured, Ender: f, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAnAccountIsShutBeforeItsSessionsEndAndErasedAfter(t *testing.T) {
	f := newFake()
	p := newPeople(t, f)
	changed, sum, err := p.Disable(t.Context(), "a", "operator")
	if !changed || sum.Ended != 3 || err != nil {
		t.Errorf("%v %+v %v", changed, sum, err)
	}
	if changed, err := p.Enable(t.Context(), "a", "operator"); !changed || err != nil {
		t.Errorf("%v %v", changed, err)
	}
	if _, err := p.Delete(t.Context(), "a", "operator"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"shut a", "end a", "open a", "mark a", "end a", "erase a"}, f.acts()); diff != "" {
		t.Error(diff)
	}
	for name, act := range map[string]func() error{
		"disable": func() error { _, _, err := p.Disable(t.Context(), "a", "x"); return err },
		"enable":  func() error { _, err := p.Enable(t.Context(), "a", "x"); return err },
		"delete":  func() error { _, err := p.Delete(t.Context(), "a", "x"); return err },
	} {
		if err := act(); !errors.Is(err, session.ErrNotFound) || errors.Is(err, ErrUnfinished) {
			t.Errorf("%s of nobody: %v", name, err)
		}
	}
}

func TestWhoAskedGoingAwayLeavesNothingHalfDone(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newPeople(t, f).Delete(ctx, "a", "operator"); err != nil || len(f.accounts) != 0 {
		t.Errorf("%v, %v", err, f.accounts)
	}
}

func TestAnActThatCannotBeginDoesNothing(t *testing.T) {
	f := newFake()
	p := newPeople(t, f)
	f.fail["shut"], f.fail["mark"] = session.ErrUnavailable, session.ErrUnavailable
	if _, _, err := p.Disable(t.Context(), "a", "x"); !errors.Is(err, session.ErrUnavailable) || errors.Is(err, ErrUnfinished) {
		t.Error(err)
	}
	if _, err := p.Delete(t.Context(), "a", "x"); !errors.Is(err, session.ErrUnavailable) || errors.Is(err, ErrUnfinished) {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"shut a", "mark a"}, f.acts()); diff != "" {
		t.Error(diff)
	}
}

// A crash at any point leaves the same in the store as a failure there.
func TestWhatIsInterruptedIsFinishedByItself(t *testing.T) {
	for _, broken := range []string{"end", "erase"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			p := newPeople(t, f)
			f.breaks(broken, session.ErrUnavailable)
			_, err := p.Delete(t.Context(), "a", "operator")
			if !errors.Is(err, ErrUnfinished) || !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("%s: %v", broken, err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { newPeople(t, f).Run(ctx); close(done) }() // the next process
			// What changes here changes between two rounds.
			time.Sleep(time.Minute + finishInterval/2)
			f.breaks("list", session.ErrUnavailable)
			f.breaks(broken, nil)
			time.Sleep(time.Minute)
			if len(f.accounts) != 1 {
				t.Errorf("%s: erased though it cannot be", broken)
			}
			f.breaks("list", nil)
			time.Sleep(finishInterval + time.Second)
			stop()
			<-done
			if len(f.accounts) != 0 || f.sessions["a"] != 0 {
				t.Errorf("%s: left %v with %v", broken, f.accounts, f.sessions)
			}
		})
	}
}

func TestADisabledAccountsSessionsEndAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.accounts["a"] = account.Account{ID: "a", Disabled: true}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { newPeople(t, f).Run(ctx); close(done) }()
		synctest.Wait()
		if f.sessions["a"] != 0 || !f.accounts["a"].Disabled {
			t.Errorf("%v %v", f.sessions, f.accounts)
		}
		stop()
		<-done
		if diff := cmp.Diff([]string{"end a"}, f.acts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRequiredOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("New without anything")
	}
}
