package signin

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

func demanding(classes ...string) func(*Start) {
	return func(s *Start) { s.ACRValues = classes }
}

func TestClassesAreAskedForHeldAgainstTheAnswerAndKept(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	w.idp.acr = "urn:x:gold"
	want := []string{"urn:x:platinum", "urn:x:gold"}
	res := w.signIn(t, b, "ann", demanding(want...))
	if diff := cmp.Diff(want, w.idp.last.ACRValues); diff != "" {
		t.Errorf("asked for %s", diff)
	}
	if diff := cmp.Diff(want, w.idp.exchanged.ACRValues); diff != "" {
		t.Errorf("held against %s", diff)
	}
	if res.Session.ACR != "urn:x:gold" {
		t.Errorf("session of class %q", res.Session.ACR)
	}
	w, b = newWorld(t), newBrowser()
	if res := w.signIn(t, b, "ann"); w.idp.last.ACRValues != nil || w.idp.exchanged.ACRValues != nil || res.Session.ACR != "" {
		t.Errorf("nothing is demanded: %q, %q, %q", w.idp.last.ACRValues, w.idp.exchanged.ACRValues, res.Session.ACR)
	}
}

func TestStepUpOfTheSameAccountKeepsWhatTheSessionHad(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	first := w.signIn(t, b, "ann")
	w.idp.acr, w.now = "gold", w.now.Add(time.Minute)
	res := w.signIn(t, b, "ann", demanding("gold"))
	if res.Session.ID == first.Session.ID || res.Session.Account != first.Session.Account || len(w.ends) != 0 || res.Session.ACR != "gold" {
		t.Errorf("%+v, ends %v", res.Session, w.ends)
	}
	if diff := cmp.Diff([][2]session.ID{{first.Session.ID, res.Session.ID}}, w.moved); diff != "" {
		t.Errorf("moved %s", diff)
	}
}

func TestStepUpByAnotherAccountEndsTheFirstSession(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	first := w.signIn(t, b, "ann")
	w.idp.acr, w.now = "gold", w.now.Add(time.Minute)
	res := w.signIn(t, b, "bob", demanding("gold"))
	if len(w.ends) != 1 || w.ends[0] != string(first.Session.ID)+" "+string(session.CauseOtherAccount) || res.Session.Handle != "bob" || len(w.moved) != 0 {
		t.Errorf("ends %v, moved %v, %+v", w.ends, w.moved, res.Session)
	}
}

func TestAWeakStepUpIsAnErrorThatKnowsWhatWasDemanded(t *testing.T) {
	for name, tell := range map[string]func(*idp){
		"the provider's answer was held against it": func(p *idp) { p.err = oidc.ErrWeak },
		"the answer passed":                         func(p *idp) { p.acr = "silver" },
		"the answer has none":                       func(p *idp) { p.acr = "" },
	} {
		w, b := newWorld(t), newBrowser()
		w.idp.acr = "silver"
		live := w.signIn(t, b, "ann")
		w.now = w.now.Add(time.Minute)
		q := w.idp.login(t, w.start(t, b, func(s *Start) { s.ACRValues, s.MaxAge = []string{"gold", "platinum"}, time.Hour }), "ann")
		tell(w.idp)
		_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
		f, ok := errors.AsType[*Failure](err)
		if !errors.Is(err, oidc.ErrWeak) || !ok || !f.SignedIn || f.MaxAge != time.Hour || strings.Join(f.ACRValues, " ") != "gold platinum" || f.Target.Path != "/deep?x=1" {
			t.Errorf("%s: %+v", name, err)
		}
		if kept, err := w.store.ByID(t.Context(), live.Session.ID); err != nil || kept.ACR != "silver" {
			t.Errorf("%s: the session: %v, %v", name, kept, err)
		}
		if w.idp.err == nil && (len(w.revoked) != 1 || w.revoked[0].tokens.RefreshToken == "") {
			t.Errorf("%s: tokens of the refused sign-in: %+v", name, w.revoked)
		}
	}
	w, b := newWorld(t), newBrowser()
	q := w.idp.login(t, w.start(t, b, demanding("gold")), "ann")
	_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
	if f, ok := errors.AsType[*Failure](err); !ok || f.SignedIn || len(w.store.sessions) != 0 || len(w.store.accounts) != 0 {
		t.Errorf("without a session: %+v", err)
	}
}

// The provider let it pass: the consent took long, or its clock is behind.
func TestAStepUpThatArrivesTooOldIsAPageAndNoCircle(t *testing.T) {
	for _, c := range []struct {
		provider, app, age time.Duration
		stale              bool
	}{
		{0, time.Minute, time.Minute, false},
		{0, time.Minute, time.Minute + time.Second, true},
		{0, 0, time.Hour, false},
		{time.Minute, 0, time.Hour, false}, // a provider's demand holds when it is asked
	} {
		w, b := newWorld(t, func(o *Options) { o.MaxAge = map[string]time.Duration{"main": c.provider} }), newBrowser()
		w.signIn(t, b, "ann", func(s *Start) { s.MaxAge = 0 })
		w.now, w.idp.age = w.now.Add(time.Second), c.age
		q := w.idp.login(t, w.start(t, b, func(s *Start) { s.MaxAge, s.Fresh = c.app, c.app == 0 }), "ann")
		_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
		if errors.Is(err, oidc.ErrStale) != c.stale || (err == nil) == c.stale || len(w.ends) != 0 {
			t.Errorf("%+v: %v, ends %v", c, err, w.ends)
		}
	}
}

func TestAnotherTabsStepUpIsEnoughAndAnotherTabsSignInIsNot(t *testing.T) {
	for class, overtaken := range map[string]bool{"gold": true, "silver": false, "": false} {
		w, b := newWorld(t), newBrowser()
		late := w.idp.login(t, w.start(t, b, demanding("platinum", "gold")), "ann")
		w.now = w.now.Add(time.Second)
		w.idp.acr = class
		first := w.signIn(t, b, "ann")
		w.idp.acr = "gold"
		res, err := w.Finish(t.Context(), w.now, w.callback(b, late))
		if err != nil || (res.Session.ID == first.Session.ID) != overtaken || res.Session.ACR != "gold" {
			t.Errorf("%q: %v, %+v", class, err, res.Session)
		}
		if n := w.idp.spent[late.Get("code")]; (n == 0) != overtaken {
			t.Errorf("%q: the code was spent %d times", class, n)
		}
	}
}

// The session that is re-authorized in silence has what its paths demand; a provider that
// would have to ask for more says no, and the session would end over it.
func TestAskingInSilenceDemandsNothing(t *testing.T) {
	w, b, s := lost(t)
	demands := func(st *Start) { silent(s.ID)(st); st.ACRValues, st.MaxAge = []string{"gold"}, time.Minute }
	w.start(t, b, demands)
	if !w.idp.last.Silent || w.idp.last.ACRValues != nil || w.idp.last.MaxAge != 0 {
		t.Errorf("%+v", w.idp.last)
	}
	s.Grant.State = session.GrantInteraction
	w.start(t, b, demands)
	if w.idp.last.Silent || len(w.idp.last.ACRValues) != 1 || w.idp.last.MaxAge != time.Minute {
		t.Errorf("with interaction: %+v", w.idp.last)
	}
}

func TestClassesThatCannotBeAskedForAreRefused(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	for _, list := range [][]string{{""}, {"gold", ""}, {"a b"}, {"a\tb"}, {"é"}, {strings.Repeat("x", MaxClasses+1)}, {strings.Repeat("x", MaxClasses-1), "y"}} {
		if _, err := w.Start(t.Context(), w.now, Start{Provider: "main", Binding: b.binding, ACRValues: list}); !errors.Is(err, ErrAttempt) {
			t.Errorf("%.20q: %v", list, err)
		}
	}
}

func TestTheStateCarriesTheLongestClassesBesideEverythingElse(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	want := []string{strings.Repeat("x", 200), strings.Repeat("y", MaxClasses-201)}
	request := w.request(t, "https://"+strings.Repeat("a", 114)+".example", "/"+strings.Repeat("p", MaxSeatPath-1), b)
	location := w.start(t, b, func(s *Start) {
		s.Target = Target{Origin: "https://" + strings.Repeat("o", 114) + ".example", Path: "/" + strings.Repeat("p", MaxReturnPath-1)}
		s.SeatFor, s.Session, s.ACRValues = request, session.NewID(), want
	})
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(u.Query().Get("state")); n > maxState+roomForClasses {
		t.Errorf("state of %d characters", n)
	}
	a, err := w.openAttempt("main", u.Query().Get("state"))
	if diff := cmp.Diff(want, a.acrValues()); err != nil || diff != "" || a.seatFor != request {
		t.Errorf("%v %s", err, diff)
	}
}

// A node of the last release reads every attempt that demands no class, and one of this
// release reads all of its.
func TestAnAttemptWithoutClassesLooksAsItAlwaysDid(t *testing.T) {
	plain := newAttempt(start, bindingHash{1}, Start{Target: Target{Origin: gateway, Path: "/x"}, MaxAge: time.Minute})
	classed := plain
	classed.classes = "gold"
	if got, want := len(classed.encode())-len(plain.encode()), len("gold")+1; got != want {
		t.Errorf("a class adds %d bytes, want %d", got, want)
	}
	r := reader{b: plain.encode()}
	r.uint()
	r.time()
	for range 3 {
		r.raw(make([]byte, 32))
	}
	if flags := r.uint(); flags&flagClasses != 0 {
		t.Errorf("flags %b", flags)
	}
}

// An app that shares the gateway's origin can have a session renewed without anybody
// seeing it, where the provider answers from its own session.
func TestARenewalThatProvesNothingLeavesTheAuthenticationAsOldAsItIs(t *testing.T) {
	for name, tc := range map[string]struct {
		timeless bool
		change   func(*Start)
		newer    bool
	}{
		"nothing said and nothing asked":    {true, func(*Start) {}, false},
		"nothing said, and asked anew":      {true, func(s *Start) { s.Fresh = true }, true},
		"nothing said, and an age demanded": {true, func(s *Start) { s.MaxAge = time.Minute }, true},
		"the provider says when":            {false, func(*Start) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := newWorld(t), newBrowser()
			w.idp.timeless = tc.timeless
			first := w.signIn(t, b, "ann").Session
			w.now = w.now.Add(10 * time.Minute)
			again := w.signIn(t, b, "ann", tc.change).Session
			want := first.AuthTime
			if tc.newer {
				want = w.now
			}
			if again.ID == first.ID || !again.AuthTime.Equal(want) || !again.CreatedAt.Equal(w.now) {
				t.Errorf("authenticated at %s, want %s", again.AuthTime, want)
			}
		})
	}
	t.Run("another person", func(t *testing.T) {
		w, b := newWorld(t), newBrowser()
		w.idp.timeless = true
		w.signIn(t, b, "ann")
		w.now = w.now.Add(10 * time.Minute)
		if got := w.signIn(t, b, "bob").Session; !got.AuthTime.Equal(w.now) {
			t.Errorf("authenticated at %s", got.AuthTime)
		}
	})
}
