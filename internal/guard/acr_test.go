package guard

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/session"
)

// classed is an app whose paths demand classes.
func classed() *App {
	return &App{
		ID: "bank", Origin: origin, ACR: []string{"silver", "gold", "platinum"},
		Paths: []PathRule{
			{Path: "/pay", ACR: []string{"platinum", "gold"}},
			{Path: "/pay/vault", Exact: true, ACR: []string{"platinum"}},
			{Path: "/easy", ACR: []string{"bronze"}},
			{Path: "/open", Public: true},
			{Path: "/api", Bearer: true},
		},
	}
}

func TestOnlyTheClassesThatAllReadingsTakeAreLeft(t *testing.T) {
	any := []string{"silver", "gold", "platinum"}
	for raw, want := range map[string][]string{
		"/":                  any,
		"/pay":               {"platinum", "gold"},
		"/pay/now":           {"platinum", "gold"},
		"/payment":           any,
		"/open":              any,
		"/api":               any,
		"/PAY":               {"gold", "platinum"},
		"/pay/vault/":        {"platinum"},
		"/open/../pay":       {"gold", "platinum"},
		"/pay%2fvault":       {"platinum"},
		"/pay/x/%2e%2e/../y": {"platinum", "gold"},
		"/easy/":             {"bronze"},
		"/EASY":              {},
		"/pay/../easy":       {},
		"/easy%2f..%2fpay":   {},
	} {
		r, ok := classed().ruleOf(raw)
		if !ok {
			t.Fatalf("%s is refused", raw)
		}
		sorted := cmp.Transformer("set", func(list []string) map[string]bool {
			set := map[string]bool{}
			for _, c := range list {
				set[c] = true
			}
			return set
		})
		if diff := cmp.Diff(want, r.acr, sorted); diff != "" || r.acr == nil || r.impossible() != (len(want) == 0) {
			t.Errorf("%s: %q (impossible: %t)\n%s", raw, r.acr, r.impossible(), diff)
		}
	}
	if r, ok := (&App{ID: "none"}).ruleOf("/a//b"); !ok || r.acr != nil || r.impossible() {
		t.Errorf("an app that demands nothing: %+v", r)
	}
	if r, ok := (&App{ID: "all", ACR: any}).ruleOf("/a//b"); !ok || len(r.acr) != 3 {
		t.Errorf("an app without paths: %+v", r)
	}
}

func TestClassesThatExcludeEachOtherAreRefusedToEverybody(t *testing.T) {
	f := newFixture(t, Options{})
	f.app = classed()
	q := f.query()
	q.RawPath = "/EASY/thing"
	for _, class := range []string{"bronze", "silver", "gold", "platinum", ""} {
		s := *f.sess
		s.Version++
		s.ACR = class
		f.sess = &s
		f.store.sessions[s.ID] = &s
		f.Drop(s.ID)
		v := f.Check(t.Context(), time.Now(), q)
		want(t, v, Denied)
		if v.Decision.Reason != access.ReasonClass || !strings.Contains(v.Decision.Rule, "apps[bank].acr") || v.Session == nil || v.Live() {
			t.Errorf("%q: %+v", class, v)
		}
	}
	q.Seat = "" // nobody is sent to sign in for nothing
	if v := f.Check(t.Context(), time.Now(), q); v.Outcome != Denied || v.Decision.Reason != access.ReasonClass || v.Session != nil {
		t.Errorf("without a session: %+v", v)
	}
	f.store.set(nil, session.ErrUnavailable)
	q.Seat = f.seat
	f.Drop(f.sess.ID)
	want(t, f.Check(t.Context(), time.Now(), q), Unavailable)
}

func TestVerdictsSayWhatASignInHasToSatisfy(t *testing.T) {
	f := newFixture(t, Options{})
	f.app = classed()
	f.app.Paths[0].MaxAge = time.Minute
	for _, seat := range []string{f.seat, ""} {
		q := f.query()
		q.RawPath, q.Seat = "/pay/now", seat
		v := f.Check(t.Context(), time.Now(), q)
		if diff := cmp.Diff([]string{"platinum", "gold"}, v.ACR); diff != "" || v.MaxAge != time.Minute {
			t.Errorf("seat %t: %v %v", seat != "", v.ACR, v.MaxAge)
		}
	}
}

func TestASessionOfNoClassSatisfiesNoDemand(t *testing.T) {
	f := newFixture(t, Options{})
	s := *f.sess
	s.Version, s.ACR = 2, ""
	f.store.sessions[s.ID] = &s
	f.app.ACR = []string{"gold"}
	want(t, f.ask(time.Now()), TooWeak)
	for _, app := range []*App{{ACR: []string{"gold", ""}}, {Paths: []PathRule{{Path: "/a", ACR: []string{""}}}}} {
		if app.Validate() == nil {
			t.Errorf("an empty class was taken: %+v", app)
		}
	}
	if err := classed().Validate(); err != nil {
		t.Error(err)
	}
}

func TestAStrongerSignInCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{CacheTTL: time.Hour})
		f.app.ACR = []string{"gold"}
		want(t, f.ask(time.Now()), TooWeak)
		s := *f.sess
		s.Version, s.ACR = 2, "gold"
		f.Put(&s)
		want(t, f.ask(time.Now()), Allow)
	})
}

func TestWeaknessIsNoActivityAndAPublicPathStaysOpen(t *testing.T) {
	f := newFixture(t, Options{})
	f.app.ACR = []string{"gold"}
	f.app.Paths = []PathRule{{Path: "/open", Public: true}}
	want(t, f.ask(time.Now().Add(time.Minute)), TooWeak)
	if seen := f.Seen(f.sess.ID); seen.After(f.sess.SeenAt) {
		t.Error("a refused request kept the session from idling")
	}
	q := f.query()
	q.RawPath = "/open/x"
	if v := f.Check(t.Context(), time.Now(), q); !v.Public || v.Live() {
		t.Errorf("%+v", v)
	}
}
