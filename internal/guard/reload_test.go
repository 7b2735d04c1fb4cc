package guard

import (
	"fmt"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestDropAllMakesEveryVerdictAskTheStore(t *testing.T) {
	f := newFixture(t, Options{})
	if v := f.ask(time.Now()); v.Outcome != Allow {
		t.Fatal(v.Outcome)
	}
	// An answer that was under way when all was dropped is thrown away too.
	f.store.before = func() {
		f.store.before = nil
		f.store.end(f.sess.ID, session.CauseProvider)
		f.DropAll()
	}
	f.DropAll()
	if v := f.ask(time.Now()); v.Outcome != NoSession || v.Ended == nil {
		t.Errorf("%v %+v", v.Outcome, v.Ended)
	}
}

func TestAConnectionHoldsByTheRulesThatHoldNow(t *testing.T) {
	f := newFixture(t, Options{})
	v := f.ask(time.Now())
	staff := &access.Policy{Name: "a", Groups: []string{"staff"}}
	ops := &access.Policy{Name: "b", Groups: []string{"ops"}}
	for name, tc := range map[string]struct {
		now  *App
		want bool
	}{
		"the same":                {f.app, true},
		"a rule that admits":      {&App{ID: "chat", Access: staff}, true},
		"one that does not":       {&App{ID: "chat", Access: ops}, false},
		"admission":               {&App{ID: "chat", Admission: ops}, false},
		"another provider":        {&App{ID: "chat", Providers: []string{"other"}}, false},
		"a class that it has":     {&App{ID: "chat", ACR: []string{"gold", "silver"}}, true},
		"a class that it has not": {&App{ID: "chat", ACR: []string{"gold"}}, false},
		"a public path":           {&App{ID: "chat", Access: ops, Paths: []PathRule{{Path: "/", Public: true}}}, true},
		"another app":             {&App{ID: "wiki"}, false},
		"nothing":                 {nil, false},
	} {
		if got := v.Holds(func(string, string) *App { return tc.now }, f.sess); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhatPoliciesSaidOfARecordIsBounded(t *testing.T) {
	f := newFixture(t, Options{})
	for i := range 10 * maxDecided {
		f.app = &App{ID: "chat", Origin: origin, Access: &access.Policy{Name: fmt.Sprint(i), Groups: []string{"staff"}}}
		if v := f.ask(time.Now()); v.Outcome != Allow {
			t.Fatal(v.Outcome)
		}
	}
	if n := len(*f.cache.known(f.sess.ID).snap.Load().decided.Load()); n > maxDecided {
		t.Errorf("%d are remembered", n)
	}
}

func TestThePatienceWithTheStoreCanChange(t *testing.T) {
	f := newFixture(t, Options{LoadWithin: time.Minute})
	hang := make(chan struct{})
	defer close(hang)
	f.store.set(hang, nil)
	f.Reconfigure(50 * time.Millisecond)
	if v := f.ask(time.Now()); v.Outcome != Unavailable {
		t.Errorf("%v", v.Outcome)
	}
}
