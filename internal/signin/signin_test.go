package signin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestSignInOpensASessionWhereItMeantToGo(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	res := w.signIn(t, b, "ann")
	if diff := cmp.Diff(Target{Origin: gateway, Path: "/deep?x=1"}, res.Target); diff != "" {
		t.Error(diff)
	}
	if !res.Created || res.Session.Handle != "ann" || res.Session.Account == "" || res.Reauthorized {
		t.Errorf("result %+v", res)
	}
	hash, ok := session.HashSeatValue(res.SeatValue)
	found, seat, err := w.store.BySeat(t.Context(), hash)
	if !ok || err != nil || found.ID != res.Session.ID || seat.Origin != gateway {
		t.Errorf("seat %+v of %v: %v", seat, found, err)
	}
	if w.signIn(t, newBrowser(), "ann").Created {
		t.Error("the account was made twice")
	}
}

func TestAStartWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.start(t, newBrowser())
	if w.store.writes != 0 {
		t.Errorf("%d writes", w.store.writes)
	}
}

func TestStartsBeyondCountLeaveNoState_CVE_2021_22119(t *testing.T) {
	w := newWorld(t)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	// Anything kept of a start would be more than 16 bytes of each.
	const starts = 32_000
	for range starts {
		w.start(t, newBrowser())
	}
	if grown := int64(heap()) - int64(before); grown > 16*starts {
		t.Errorf("memory grew by %d bytes", grown)
	}
	if n := len(w.turns.keys) + len(w.rounds.byKey) + len(w.recent.entries) + w.store.writes; n != 0 {
		t.Errorf("%d things remembered", n)
	}
}

func TestFiftyTabsAllSignInAndMakeOneSession(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	queries := make([]url.Values, 50)
	for i := range queries {
		path := fmt.Sprintf("/tab/%d", i)
		queries[i] = w.idp.login(t, w.start(t, b, func(s *Start) { s.Target.Path = path }), "ann")
	}
	var wg sync.WaitGroup
	seats := make([]string, len(queries))
	for i, q := range queries {
		wg.Go(func() {
			// None has the cookie yet: all callbacks left at once.
			res, err := w.Finish(t.Context(), w.now.Add(time.Second), w.callback(b, q))
			if err != nil || res.Target.Path != fmt.Sprintf("/tab/%d", i) {
				t.Errorf("tab %d: %v, %+v", i, err, res.Target)
			}
			seats[i] = res.SeatValue
		})
	}
	wg.Wait()
	if len(w.store.sessions) != 1 {
		t.Errorf("%d sessions, want 1", len(w.store.sessions))
	}
	for i, value := range seats {
		hash, _ := session.HashSeatValue(value)
		if _, _, err := w.store.BySeat(t.Context(), hash); err != nil {
			t.Errorf("whichever cookie wins must work; tab %d: %v", i, err)
		}
	}
	if len(w.turns.keys) != 0 {
		t.Error("turns are not freed")
	}
	w.start(t, b) // parallel tabs are no loop
}

func TestTabsThatComeLaterGoWhereTheyMeantToWithoutSpendingTheirCode(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	late := w.idp.login(t, w.start(t, b, func(s *Start) { s.Target.Path = "/late" }), "ann")
	w.now = w.now.Add(time.Second)
	first := w.signIn(t, b, "ann")
	res, err := w.Finish(t.Context(), w.now, w.callback(b, late))
	if err != nil || res.Session.ID != first.Session.ID || res.Target.Path != "/late" || res.SeatValue != "" {
		t.Errorf("%v, %+v", err, res)
	}
	if n := w.idp.spent[late.Get("code")]; n != 0 {
		t.Errorf("the code was spent %d times", n)
	}
}

func TestAttemptThatAsksForMoreIsNotOvertaken(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	fresh := w.idp.login(t, w.start(t, b, func(s *Start) { s.Fresh = true }), "ann")
	w.now = w.now.Add(time.Second)
	first := w.signIn(t, b, "ann")
	res, err := w.Finish(t.Context(), w.now, w.callback(b, fresh))
	if err != nil || res.Session.ID == first.Session.ID {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestAProviderAsksEverySignInForItsAge(t *testing.T) {
	for _, c := range []struct {
		name     string
		provider time.Duration
		start    Start
		want     time.Duration
	}{
		{"the provider's alone", time.Hour, Start{}, time.Hour},
		{"the app's alone", 0, Start{MaxAge: time.Minute}, time.Minute},
		{"the app's is less", time.Hour, Start{MaxAge: time.Minute}, time.Minute},
		{"the provider's is less", time.Minute, Start{MaxAge: time.Hour}, time.Minute},
		{"beside a fresh one", time.Hour, Start{Fresh: true}, time.Hour},
		{"neither", 0, Start{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.MaxAge = map[string]time.Duration{"main": c.provider, "other": time.Second} })
			b := newBrowser()
			q := w.idp.login(t, w.start(t, b, func(s *Start) { s.MaxAge, s.Fresh = c.start.MaxAge, c.start.Fresh }), "ann")
			if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err != nil {
				t.Fatal(err)
			}
			if asked, held := w.idp.last.MaxAge, w.idp.exchanged.MaxAge; asked != c.want || held != c.want {
				t.Errorf("asked for %s and held the answer against %s, want %s", asked, held, c.want)
			}
		})
	}
}

func TestOnlyWhatTheStartItselfAsksIsMoreThanASession(t *testing.T) {
	for _, c := range []struct {
		name      string
		provider  time.Duration
		start     Start
		overtaken bool
	}{
		{"the provider's standing demand", time.Hour, Start{}, true},
		{"the app's demand", time.Hour, Start{MaxAge: time.Minute}, false},
		{"the app's demand, the provider's being less", time.Minute, Start{MaxAge: time.Hour}, false},
		{"a fresh sign-in", time.Hour, Start{Fresh: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.MaxAge = map[string]time.Duration{"main": c.provider} })
			b := newBrowser()
			late := w.idp.login(t, w.start(t, b, func(s *Start) { s.MaxAge, s.Fresh = c.start.MaxAge, c.start.Fresh }), "ann")
			w.now = w.now.Add(time.Second)
			first := w.signIn(t, b, "ann")
			res, err := w.Finish(t.Context(), w.now, w.callback(b, late))
			if err != nil || (res.Session.ID == first.Session.ID) != c.overtaken {
				t.Errorf("%v, %+v", err, res)
			}
			if n := w.idp.spent[late.Get("code")]; (n == 0) != c.overtaken {
				t.Errorf("the code was spent %d times", n)
			}
		})
	}
}

func TestReplayIsRefusedAndTheCodeSentOnce(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	q := w.idp.login(t, w.start(t, b), "ann")
	if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err != nil {
		t.Fatal(err)
	}
	_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
	if f, ok := errors.AsType[*Failure](err); !errors.Is(err, ErrUsed) || !ok || f.Target.Path != "/deep?x=1" {
		t.Errorf("replay: %v", err)
	}
	if n := w.idp.spent[q.Get("code")]; n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
}

func TestUsedAndExpiredAttemptsWithALiveSessionGoOn(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	expired := w.idp.login(t, w.start(t, b, func(s *Start) { s.Fresh = true; s.Target.Path = "/expired" }), "ann")
	w.now = w.now.Add(time.Second)
	q := w.idp.login(t, w.start(t, b), "ann")
	res, err := w.Finish(t.Context(), w.now, w.callback(b, q))
	if err != nil {
		t.Fatal(err)
	}
	b.seat = res.SeatValue
	for at, q := range map[time.Duration]url.Values{0: q, AttemptLife: expired} {
		again, err := w.Finish(t.Context(), w.now.Add(at), w.callback(b, q))
		if err != nil || again.Session.ID != res.Session.ID || again.SeatValue != "" {
			t.Errorf("%v: %v, %+v", at, err, again)
		}
	}
}

func TestExpiredAttemptWithoutASessionSaysSo(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	q := w.idp.login(t, w.start(t, b), "ann")
	for _, at := range []time.Duration{AttemptLife, -clockTolerance - time.Second} {
		if _, err := w.Finish(t.Context(), w.now.Add(at), w.callback(b, q)); !errors.Is(err, ErrExpired) {
			t.Errorf("at %v: %v", at, err)
		}
	}
}

func TestLoginCSRF_CVE_2024_10318(t *testing.T) {
	w, victim, attacker := newWorld(t), newBrowser(), newBrowser()
	q := w.idp.login(t, w.start(t, attacker), "mallory")
	for _, binding := range []string{victim.binding, "", "short", strings.Repeat("x", 500)} {
		if _, err := w.Finish(t.Context(), w.now, w.callback(&browser{binding: binding}, q)); !errors.Is(err, ErrOtherBrowser) {
			t.Errorf("binding %q: %v", binding, err)
		}
	}
	stolen := w.idp.login(t, w.start(t, attacker), "mallory")
	mine := w.idp.login(t, w.start(t, victim), "ann")
	mine.Set("code", stolen.Get("code"))
	if _, err := w.Finish(t.Context(), w.now, w.callback(victim, mine)); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("a code of another attempt: %v", err)
	}
	if len(w.store.sessions) != 0 || len(w.store.accounts) != 0 {
		t.Error("a session or an account was made")
	}
}

func TestEveryChangedByteOfTheStateIsRefused_CVE_2023_27490(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	q := w.idp.login(t, w.start(t, b), "ann")
	state := q.Get("state")
	for i := range state {
		changed := []byte(state)
		changed[i] = map[bool]byte{true: 'B', false: 'A'}[changed[i] == 'A']
		q.Set("state", string(changed))
		if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); !errors.Is(err, ErrAttempt) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	q.Set("state", state)
	cb := w.callback(b, q)
	cb.Provider = "other"
	if _, err := w.Finish(t.Context(), w.now, cb); !errors.Is(err, ErrAttempt) {
		t.Errorf("at another provider's callback: %v", err)
	}
	cb.Provider = "unknown"
	if _, err := w.Finish(t.Context(), w.now, cb); !errors.Is(err, ErrProvider) {
		t.Errorf("at an unknown provider's callback: %v", err)
	}
}

func TestDuplicateAndMissingParametersAreRefused(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	good := w.idp.login(t, w.start(t, b), "ann")
	for i, change := range []func(url.Values){
		func(q url.Values) { q.Add("state", q.Get("state")) },
		func(q url.Values) { q.Add("code", q.Get("code")) },
		func(q url.Values) { q["error"] = []string{"a", "b"}; q.Del("code") },
		func(q url.Values) { q.Add("iss", issuer) },
		func(q url.Values) { q.Set("error", "access_denied") }, // together with a code
		func(q url.Values) { q.Del("code") },
		func(q url.Values) { q.Del("state") },
		func(q url.Values) { q.Set("code", strings.Repeat("c", maxCode+1)) },
		func(q url.Values) { q.Set("state", strings.Repeat("c", 1<<16)) },
	} {
		q := url.Values{}
		for k, v := range good {
			q[k] = append([]string(nil), v...)
		}
		change(q)
		if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); !errors.Is(err, ErrAttempt) {
			t.Errorf("change %d: %v", i, err)
		}
	}
}

func TestAThousandParallelLoginsNeverCross_CVE_2026_33544(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			sub, b := fmt.Sprintf("person%d", i), newBrowser()
			res := w.signIn(t, b, sub)
			if res.Session.Identity.Subject != sub || res.Session.Handle != sub || !strings.HasPrefix(res.Session.Grant.Tokens.AccessToken, "access-"+sub) {
				t.Errorf("%s got the session of %s", sub, res.Session.Identity.Subject)
			}
		})
	}
	wg.Wait()
	if len(w.store.sessions) != 1000 {
		t.Errorf("%d sessions", len(w.store.sessions))
	}
}

func TestSameAccountGoesOnUnderANewSession(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	old := w.signIn(t, b, "ann")
	oldSeat := b.seat
	w.now = w.now.Add(time.Minute)
	next := w.signIn(t, b, "ann")
	if next.Session.ID == old.Session.ID || next.SeatValue == oldSeat {
		t.Error("session fixation: id or seat stayed the same")
	}
	if diff := cmp.Diff([][2]session.ID{{old.Session.ID, next.Session.ID}}, w.moved); diff != "" {
		t.Error(diff)
	}
	if len(w.revoked) != 1 || w.revoked[0].tokens.RefreshToken != old.Session.Grant.Tokens.RefreshToken {
		t.Errorf("surplus grant: %+v", w.revoked)
	}
	hash, _ := session.HashSeatValue(oldSeat)
	if found, _, err := w.store.BySeat(t.Context(), hash); err != nil || found.ID != next.Session.ID {
		t.Errorf("the seats did not move: %v", err)
	}
	if len(w.ends) != 0 {
		t.Errorf("ended: %v", w.ends)
	}
}

func TestARefreshTokenThatTheNewGrantSharesIsNotRevoked(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	w.idp.token = "the only one"
	w.signIn(t, b, "ann")
	w.now = w.now.Add(time.Minute)
	w.signIn(t, b, "ann")
	if len(w.revoked) != 1 || w.revoked[0].tokens.RefreshToken != "" {
		t.Errorf("revoked: %+v", w.revoked)
	}
}

func TestAnotherAccountEndsTheOldSessionFirst(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	old := w.signIn(t, b, "ann")
	w.now = w.now.Add(time.Minute)
	next := w.signIn(t, b, "bob")
	if diff := cmp.Diff([]string{string(old.Session.ID) + " other-account"}, w.ends); diff != "" {
		t.Error(diff)
	}
	if next.Session.Handle != "bob" || len(w.store.sessions) != 1 || len(w.moved) != 0 {
		t.Errorf("%+v", next)
	}
}

func TestAnotherAccountWhoseOldSessionCannotEndIsNotLetIn(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	w.signIn(t, b, "ann")
	w.endErr = fmt.Errorf("ending: %w", session.ErrUnavailable)
	_, err := w.Finish(t.Context(), w.now, w.callback(b, w.idp.login(t, w.start(t, b, func(s *Start) { s.Fresh = true }), "bob")))
	if !errors.Is(err, session.ErrUnavailable) || len(w.revoked) != 1 || len(w.store.sessions) != 1 {
		t.Errorf("%v, %+v", err, w.revoked)
	}
}

func TestWhoeverIsNotAdmittedLeavesNothing(t *testing.T) {
	w, b := newWorld(t, func(o *Options) { o.Admission = &access.Policy{Name: "admission", Domains: []string{"other.org"}} }), newBrowser()
	_, err := w.Finish(t.Context(), w.now, w.callback(b, w.idp.login(t, w.start(t, b), "ann")))
	denied, ok := errors.AsType[*DeniedError](err)
	if !ok || denied.Decision.Reason != access.ReasonEmail || denied.Profile.Email != "ann@example.com" {
		t.Errorf("%v", err)
	}
	if len(w.store.accounts) != 0 || len(w.store.sessions) != 0 || len(w.revoked) != 1 {
		t.Errorf("accounts %v, revoked %v", w.store.accounts, w.revoked)
	}
}

func TestDisabledAccountIsDenied_CVE_2025_53942(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	w.store.disabled = true
	_, err := w.Finish(t.Context(), w.now, w.callback(b, w.idp.login(t, w.start(t, b), "ann")))
	denied, ok := errors.AsType[*DeniedError](err)
	if !ok || denied.Decision.Reason != access.ReasonDisabled || !errors.Is(err, account.ErrDisabled) || len(w.revoked) != 1 {
		t.Errorf("%v, %v", err, w.revoked)
	}
}

func TestAnAccountThatIsShutWhileSigningInIsDenied(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	w.store.shut = true
	_, err := w.Finish(t.Context(), w.now, w.callback(b, w.idp.login(t, w.start(t, b), "ann")))
	denied, ok := errors.AsType[*DeniedError](err)
	if !ok || denied.Decision.Reason != access.ReasonDisabled || len(w.revoked) != 1 || len(w.store.sessions) != 0 {
		t.Errorf("%v, revoked %v, sessions %v", err, w.revoked, w.store.sessions)
	}
}

func TestASignOutWhileSigningInWins(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	w.idp.sid = "provider-session"
	w.store.sids["provider-session"] = true
	_, err := w.Finish(t.Context(), w.now, w.callback(b, w.idp.login(t, w.start(t, b), "ann")))
	if _, ok := errors.AsType[*session.EndedError](err); !ok || len(w.revoked) != 1 || len(w.store.sessions) != 0 {
		t.Errorf("%v, %v", err, w.revoked)
	}
}

func TestStoreFailingAtAnyStepLeavesNothingHalfDone(t *testing.T) {
	for _, method := range []string{"BySeat", "Use", "Admit", "ByID", "OpenSession", "all"} {
		t.Run(method, func(t *testing.T) {
			w, b := newWorld(t), newBrowser()
			old := w.signIn(t, b, "ann")
			w.now = w.now.Add(time.Minute)
			q := w.idp.login(t, w.start(t, b, func(s *Start) { s.Fresh = true }), "ann")
			w.store.down = method
			_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
			if !errors.Is(err, session.ErrUnavailable) {
				t.Fatalf("error %v", err)
			}
			w.store.down = ""
			if _, err := w.store.ByID(t.Context(), old.Session.ID); err != nil || len(w.store.sessions) != 1 || len(w.moved) != 0 {
				t.Errorf("the session that lived: %v", err)
			}
			spent := w.idp.spent[q.Get("code")]
			if spent != len(w.revoked) {
				t.Errorf("code spent %d times, %d grants revoked", spent, len(w.revoked))
			}
			if method == "BySeat" || method == "Use" || method == "all" {
				if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err != nil {
					t.Errorf("the attempt cannot be finished when the store is back: %v", err)
				}
			}
		})
	}
}

func TestASessionThatWasStoredDespiteTheErrorStands(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	w.store.down, w.store.applies = "OpenSession", true
	res := w.signIn(t, b, "ann")
	if len(w.revoked) != 0 || w.store.sessions[res.Session.ID] == nil {
		t.Errorf("revoked %v", w.revoked)
	}
}

func TestABrowserThatGoesAwayDoesNotStrandItsTokens(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	ctx, cancel := context.WithCancel(t.Context())
	w.idp.asked = func(ctx context.Context) error {
		cancel()
		return ctx.Err()
	}
	res, err := w.Finish(ctx, w.now, w.callback(b, w.idp.login(t, w.start(t, b), "ann")))
	if err != nil || w.store.sessions[res.Session.ID] == nil {
		t.Errorf("%v", err)
	}
}

func TestProvidersErrorsArePassedOnTyped(t *testing.T) {
	for raw, want := range map[string]string{
		"access_denied": "access_denied", "server_error": "server_error", "": "unknown_error",
		"<script>": "unknown_error", "a\r\nb": "unknown_error", strings.Repeat("x", 65): "unknown_error",
	} {
		w, b := newWorld(t), newBrowser()
		q := w.idp.login(t, w.start(t, b), "ann")
		q.Del("code")
		q.Set("error", raw)
		_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
		if f, ok := errors.AsType[*Failure](err); !ok || oidc.CodeOf(err) != want || f.Provider != "main" {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestStepUpThatComesBackUnsatisfiedIsAnErrorNotARedirect(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	live := w.signIn(t, b, "ann")
	q := w.idp.login(t, w.start(t, b, func(s *Start) { s.MaxAge = time.Minute }), "ann")
	w.idp.err = oidc.ErrStale
	if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); !errors.Is(err, oidc.ErrStale) {
		t.Errorf("%v", err)
	}
	if _, err := w.store.ByID(t.Context(), live.Session.ID); err != nil {
		t.Errorf("the session: %v", err)
	}
}

func TestASeatOfAnotherOriginIsNoSessionHere(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	late := w.idp.login(t, w.start(t, b), "ann")
	w.now = w.now.Add(time.Second)
	res := w.signIn(t, newBrowser(), "ann")
	value, hash := session.NewSeatValue()
	if err := w.store.AddSeat(t.Context(), w.now, res.Session.ID, session.Seat{Hash: hash, Origin: "https://app.example"}); err != nil {
		t.Fatal(err)
	}
	b.seat = value
	got, err := w.Finish(t.Context(), w.now, w.callback(b, late))
	if err != nil || got.Session.ID == res.Session.ID {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestLongAndStrangeReturnPathsBecomeTheRoot(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	for _, path := range []string{"/" + strings.Repeat("p", MaxReturnPath), "//evil.example", "https://evil.example/", `/\evil.example`, "", "/a#b"} {
		res := w.signIn(t, b, "ann", func(s *Start) { s.Target.Path, s.Root, s.Fresh = path, "/chat/", true })
		if res.Target.Path != "/chat/" {
			t.Errorf("%.20q went to %q", path, res.Target.Path)
		}
	}
}

func TestTheStateFitsIntoAURLWhateverItCarries(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	request := w.request(t, "https://"+strings.Repeat("a", 114)+".example", "/"+strings.Repeat("p", MaxSeatPath-1), b)
	location := w.start(t, b, func(s *Start) {
		s.Target = Target{Origin: "https://" + strings.Repeat("o", 114) + ".example", Path: "/" + strings.Repeat("p", MaxReturnPath-1)}
		s.SeatFor, s.Session = request, session.NewID()
	})
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(u.Query().Get("state")); n > maxState || n < 100 {
		t.Errorf("state of %d characters", n)
	}
	a, err := w.openAttempt("main", u.Query().Get("state"))
	if err != nil || a.seatFor != request || a.target.Path != "/" {
		t.Errorf("%v, %+v", err, a)
	}
}

func TestAStartThatCannotBeIsRefused(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	for want, starts := range map[error][]Start{
		ErrProvider: {{Provider: "nobody", Binding: b.binding}},
		ErrAttempt: {
			{Provider: "main"}, {Provider: "main", Binding: b.binding, Silent: true},
			{Provider: "main", Binding: b.binding, Silent: true, Fresh: true, Session: "x"},
			{Provider: "main", Binding: b.binding, SeatFor: "!"}, {Provider: "main", Binding: b.binding, SeatFor: strings.Repeat("A", 4096)},
		},
	} {
		for _, st := range starts {
			if _, err := w.Start(t.Context(), w.now, st); !errors.Is(err, want) {
				t.Errorf("%+v: %v", st, err)
			}
		}
	}
}
