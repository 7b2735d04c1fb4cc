package signin

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

var myAccount = Target{Origin: gateway, Path: "/.cardea/account"}

// linkAt sends a browser to the second provider, to link what is proven there.
func (w *world) linkAt(t testing.TB, b *browser, from session.ID) string {
	t.Helper()
	return w.start(t, b, func(s *Start) { s.Provider, s.Link, s.Target = "second", from, myAccount })
}

// atSecond is the answer of the second provider as it arrives in a browser.
func (w *world) atSecond(b *browser, q url.Values) Callback {
	q.Set("iss", "https://second.example")
	cb := w.callback(b, q)
	cb.Provider = "second"
	return cb
}

// linked is a whole linking.
func (w *world) linked(t testing.TB, b *browser, from session.ID, sub string) (Result, error) {
	t.Helper()
	return w.Finish(t.Context(), w.now, w.atSecond(b, w.second.login(t, w.linkAt(t, b, from), sub)))
}

func secondIdentity(sub string) oidc.Identity {
	return oidc.Identity{Issuer: "https://second.example", Subject: sub}
}

// refused demands a linking that was refused for a reason and left nothing.
func (w *world) refused(t *testing.T, err error, want LinkReason) {
	t.Helper()
	e, ok := errors.AsType[*LinkError](err)
	f, isFailure := errors.AsType[*Failure](err)
	if !ok || e.Reason != want || e.Provider != "second" || !isFailure || !f.Linking || f.Target != myAccount {
		t.Fatalf("refused with %+v, want %s", err, want)
	}
}

func TestALinkedIdentityBelongsToTheSessionsAccountAndTheSessionGoesOn(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	live := w.signIn(t, b, "ann")
	res, err := w.linked(t, b, live.Session.ID, "ann-two")
	if err != nil {
		t.Fatal(err)
	}
	if res.Linked == nil || res.Linked.Already || res.Linked.Provider != "second" || res.Linked.Identity.Identity != secondIdentity("ann-two") ||
		res.Session.ID != live.Session.ID || res.SeatValue != "" || res.Target != myAccount {
		t.Errorf("%+v", res)
	}
	if !w.second.last.Fresh || !w.second.exchanged.Fresh {
		t.Error("the person was not asked to authenticate anew")
	}
	if acc := w.store.accounts[secondIdentity("ann-two")]; acc.ID != live.Session.Account {
		t.Errorf("linked to %+v", acc)
	}
	if len(w.revoked) != 1 || !strings.HasPrefix(w.revoked[0].tokens.RefreshToken, "refresh-ann-two") || w.revoked[0].session == live.Session.ID {
		t.Errorf("the tokens that came with the linking: %+v", w.revoked)
	}
	if found, err := w.store.ByID(t.Context(), live.Session.ID); err != nil || !strings.HasPrefix(found.Grant.Tokens.RefreshToken, "refresh-ann") || len(w.ends) != 0 {
		t.Errorf("the session: %+v, %v, ends %v", found, err, w.ends)
	}
	again, err := w.linked(t, b, live.Session.ID, "ann-two")
	if err != nil || again.Linked == nil || !again.Linked.Already {
		t.Errorf("once more: %+v, %v", again, err)
	}
	// The other way in leads to the same account.
	other := newBrowser()
	q := w.second.login(t, w.start(t, other, func(s *Start) { s.Provider = "second" }), "ann-two")
	if res, err := w.Finish(t.Context(), w.now, w.atSecond(other, q)); err != nil || res.Session.Account != live.Session.Account || res.Created {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestLinkingIsBoundToTheSessionThatAskedForIt(t *testing.T) {
	for name, tc := range map[string]struct {
		meanwhile func(testing.TB, *world, *browser, Result)
		want      LinkReason
	}{
		"signed out": {func(_ testing.TB, w *world, _ *browser, r Result) { w.store.end(r.Session.ID, session.CauseButton) }, LinkSessionGone},
		"signed out, and the cookie gone": {func(t testing.TB, w *world, b *browser, r Result) {
			w.store.end(r.Session.ID, session.CauseButton)
			b.seat = ""
		}, LinkSessionGone},
		"signed out and in again": {func(t testing.TB, w *world, b *browser, r Result) {
			w.store.end(r.Session.ID, session.CauseButton)
			b.seat = w.reentered(t, b, "ann")
		}, LinkSessionGone},
		"somebody else signed in": {func(t testing.TB, w *world, b *browser, _ Result) { b.seat = w.reentered(t, b, "mallory") }, LinkOtherAccount},
		"expired":                 {func(_ testing.TB, w *world, _ *browser, _ Result) { w.now = w.now.Add(AttemptLife - time.Second) }, LinkSessionGone},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Limits.Idle = 5 * time.Minute })
			b := newBrowser()
			live := w.signIn(t, b, "ann")
			q := w.second.login(t, w.linkAt(t, b, live.Session.ID), "ann-two")
			tc.meanwhile(t, w, b, live)
			revoked := len(w.revoked)
			_, err := w.Finish(t.Context(), w.now, w.atSecond(b, q))
			w.refused(t, err, tc.want)
			if len(w.second.spent) != 0 || len(w.revoked) != revoked {
				t.Errorf("codes spent: %v, revoked %v", w.second.spent, w.revoked)
			}
			if _, ok := w.store.accounts[secondIdentity("ann-two")]; ok {
				t.Error("linked")
			}
		})
	}
}

// reentered signs somebody in in this browser and returns the new seat.
func (w *world) reentered(t testing.TB, b *browser, sub string) string {
	t.Helper()
	w.now = w.now.Add(time.Second)
	return w.signIn(t, b, sub, func(s *Start) { s.Fresh = true }).SeatValue
}

func TestLinkingGoesOnInTheSessionThatTheOneThatAskedWasRenewedInto(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	live := w.signIn(t, b, "ann")
	q := w.second.login(t, w.linkAt(t, b, live.Session.ID), "ann-two")
	w.now = w.now.Add(time.Minute)
	renewed := w.signIn(t, b, "ann", func(s *Start) { s.Fresh = true })
	if renewed.Session.ID == live.Session.ID {
		t.Fatal("not renewed")
	}
	res, err := w.Finish(t.Context(), w.now, w.atSecond(b, q))
	if err != nil || res.Linked == nil || res.Session.ID != renewed.Session.ID {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestTheSessionEndingDuringTheLinkingLinksNothingAndItsTokensGo(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	live := w.signIn(t, b, "ann")
	w.store.linking = func() { w.store.tomb(w.now, live.Session.ID, session.CauseAdmin) }
	_, err := w.linked(t, b, live.Session.ID, "ann-two")
	w.refused(t, err, LinkSessionGone)
	if len(w.revoked) != 1 || w.revoked[0].tokens.AccessToken == "" {
		t.Errorf("revoked %+v", w.revoked)
	}
}

// CVE-2026-49448: the owner of a link is not to be changed by linking it again.
func TestAnIdentityOfAnotherAccountIsNeverMoved(t *testing.T) {
	w := newWorld(t)
	bob, ann := newBrowser(), newBrowser()
	bobs := w.signIn(t, bob, "bob")
	if _, err := w.linked(t, bob, bobs.Session.ID, "shared"); err != nil {
		t.Fatal(err)
	}
	anns := w.signIn(t, ann, "ann")
	w.revoked = nil
	_, err := w.linked(t, ann, anns.Session.ID, "shared")
	w.refused(t, err, LinkTaken)
	if f, _ := errors.AsType[*Failure](err); f.Incident == "" || f.Incident != w.store.lastLinking.Incident {
		t.Errorf("the page can be asked about by %q, the trail by %q", f.Incident, w.store.lastLinking.Incident)
	}
	if e, _ := errors.AsType[*LinkError](err); e.Email != "shared@example.com" || strings.Contains(err.Error(), bobs.Session.Account) {
		t.Errorf("%+v: %v", e, err)
	}
	if acc := w.store.accounts[secondIdentity("shared")]; acc.ID != bobs.Session.Account {
		t.Errorf("moved to %+v", acc)
	}
	if len(w.revoked) != 1 {
		t.Errorf("revoked %+v", w.revoked)
	}
	if found, err := w.store.ByID(t.Context(), anns.Session.ID); err != nil || found.Account != anns.Session.Account {
		t.Errorf("%v", err)
	}
}

func TestTheSameSubjectAtAnotherIssuerIsAnotherPerson(t *testing.T) {
	w, victim, attacker := newWorld(t), newBrowser(), newBrowser()
	ann := w.signIn(t, victim, "ann")
	q := w.second.login(t, w.start(t, attacker, func(s *Start) { s.Provider = "second" }), "ann")
	res, err := w.Finish(t.Context(), w.now, w.atSecond(attacker, q))
	if err != nil || !res.Created || res.Session.Account == ann.Session.Account {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestAnAttackersLinkingInAnotherBrowserLinksNothing(t *testing.T) {
	w, victim, attacker := newWorld(t), newBrowser(), newBrowser()
	anns := w.signIn(t, victim, "ann")
	mals := w.signIn(t, attacker, "mallory")
	for name, from := range map[string]session.ID{"for the attacker's session": mals.Session.ID, "for the victim's session": anns.Session.ID} {
		// The attacker begins, proves their own identity, and lets the victim's browser deliver it.
		q := w.second.login(t, w.linkAt(t, attacker, from), "mallory-two")
		_, err := w.Finish(t.Context(), w.now, w.atSecond(victim, q))
		if f, ok := errors.AsType[*Failure](err); !errors.Is(err, ErrOtherBrowser) || !ok || !f.Linking {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The attacker names the victim's session, of whose id it knows by a log.
	_, err := w.linked(t, attacker, anns.Session.ID, "mallory-two")
	w.refused(t, err, LinkOtherAccount)
	// The victim's own answer, stolen, is worth nothing elsewhere.
	q := w.second.login(t, w.linkAt(t, victim, anns.Session.ID), "ann-two")
	if _, err := w.Finish(t.Context(), w.now, w.atSecond(attacker, q)); !errors.Is(err, ErrOtherBrowser) {
		t.Error(err)
	}
	for _, sub := range []string{"mallory-two", "ann-two"} {
		if acc, ok := w.store.accounts[secondIdentity(sub)]; ok {
			t.Errorf("%s was linked to %+v", sub, acc)
		}
	}
}

func TestAnAnswerIsLinkedOnce(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	live := w.signIn(t, b, "ann")
	q := w.second.login(t, w.linkAt(t, b, live.Session.ID), "ann-two")
	if _, err := w.Finish(t.Context(), w.now, w.atSecond(b, q)); err != nil {
		t.Fatal(err)
	}
	res, err := w.Finish(t.Context(), w.now, w.atSecond(b, q))
	if err != nil || res.Linked != nil || res.Session.ID != live.Session.ID {
		t.Errorf("%+v, %v", res, err)
	}
	for code, n := range w.second.spent {
		if n != 1 {
			t.Errorf("code %.4s was sent %d times", code, n)
		}
	}
}

func TestALinkingThatCannotBeIsNotStarted(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	for _, st := range []Start{
		{Silent: true, Session: "x"}, {Silent: true}, {Session: "x"}, {SeatFor: "AAAA"},
	} {
		st.Provider, st.Binding, st.Link = "second", b.binding, "x"
		if _, err := w.Start(t.Context(), w.now, st); !errors.Is(err, ErrAttempt) {
			t.Errorf("%+v: %v", st, err)
		}
	}
	if _, err := w.Start(t.Context(), w.now, Start{Binding: b.binding, Link: "x"}); !errors.Is(err, ErrProvider) {
		t.Error(err)
	}
}

func TestWhatGoesWrongAtTheSecondProviderLinksNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*world, url.Values)
		want   error
	}{
		"the person said no":     {func(_ *world, q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, nil},
		"authenticated long ago": {func(w *world, _ url.Values) { w.second.err = oidc.ErrStale }, oidc.ErrStale},
		"too late":               {func(w *world, _ url.Values) { w.now = w.now.Add(AttemptLife) }, ErrExpired},
		"the store is down":      {func(w *world, _ url.Values) { w.store.down = "Link" }, session.ErrUnavailable},
		"the account was shut":   {func(w *world, _ url.Values) { w.store.disabled = true }, account.ErrDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := newWorld(t), newBrowser()
			live := w.signIn(t, b, "ann")
			q := w.second.login(t, w.linkAt(t, b, live.Session.ID), "ann-two")
			tc.change(w, q)
			_, err := w.Finish(t.Context(), w.now, w.atSecond(b, q))
			f, ok := errors.AsType[*Failure](err)
			if !ok || !f.Linking || !f.SignedIn || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%v", err)
			}
			if _, linked := w.store.accounts[secondIdentity("ann-two")]; linked {
				t.Error("linked")
			}
			if _, err := w.store.ByID(t.Context(), live.Session.ID); err != nil {
				t.Errorf("the session: %v", err)
			}
		})
	}
}

func TestWhoMayNotSignInByAnIdentityMayNotLinkIt(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Admission = &access.Policy{Name: "access", Domains: []string{"example.com"}} })
	w.second.profile = func(p *oidc.Profile) { p.Email = "ann@elsewhere.example" }
	b := newBrowser()
	live := w.signIn(t, b, "ann")
	_, err := w.linked(t, b, live.Session.ID, "ann-two")
	if d, ok := errors.AsType[*DeniedError](err); !ok || d.Decision.Reason != access.ReasonEmail || len(w.revoked) != 1 {
		t.Errorf("%v, revoked %v", err, w.revoked)
	}
	if _, linked := w.store.accounts[secondIdentity("ann-two")]; linked {
		t.Error("linked")
	}
}

func TestASignInWhoseIdentityIsUnlinkedMeanwhileOpensNothing(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	live := w.signIn(t, b, "ann")
	if _, err := w.linked(t, b, live.Session.ID, "ann-two"); err != nil {
		t.Fatal(err)
	}
	w.revoked = nil
	other := newBrowser()
	begin := func() url.Values {
		return w.second.login(t, w.start(t, other, func(s *Start) { s.Provider, s.Target = "second", myAccount }), "ann-two")
	}
	w.store.admitted = func() { delete(w.store.accounts, secondIdentity("ann-two")) }
	_, err := w.Finish(t.Context(), w.now, w.atSecond(other, begin()))
	if e, ok := errors.AsType[*LinkError](err); !ok || e.Reason != LinkUnlinked || !errors.Is(err, account.ErrNotLinked) || len(w.revoked) != 1 {
		t.Fatalf("%v, revoked %v", err, w.revoked)
	}
	w.store.admitted = nil
	res, err := w.Finish(t.Context(), w.now, w.atSecond(other, begin()))
	if err != nil || !res.Created || res.Session.Account == live.Session.Account {
		t.Errorf("begun anew: %+v, %v", res, err)
	}
}

// CVE-2026-35511, CVE-2026-55075, CVE-2026-55076: an e-mail links nothing unless the
// operator said so of both sides, and unless it is verified.
func TestAnEmailLinksOnlyWhereTheOperatorTrustsBothSidesWithIt(t *testing.T) {
	trust := func(list ...string) account.Trusts {
		return func(provider, issuer string) bool {
			for _, l := range list {
				if l == provider+" "+issuer {
					return true
				}
			}
			return false
		}
	}
	const main, second = "main " + issuer, "second https://second.example"
	for name, tc := range map[string]struct {
		trusts   account.Trusts
		believed bool
		want     bool
	}{
		"by default":                        {nil, true, false},
		"both":                              {trust(main, second), true, true},
		"not verified":                      {trust(main, second), false, false},
		"the new one only":                  {trust(second), true, false},
		"the old one only":                  {trust(main), true, false},
		"another issuer under the old name": {trust("main https://old.example", second), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.LinkByEmail = tc.trusts })
			w.second.profile = func(p *oidc.Profile) { p.Email, p.EmailBelieved = "ann@example.com", tc.believed }
			ann := w.signIn(t, newBrowser(), "ann")
			b := newBrowser()
			q := w.second.login(t, w.start(t, b, func(s *Start) { s.Provider = "second" }), "mallory")
			res, err := w.Finish(t.Context(), w.now, w.atSecond(b, q))
			if err != nil || (res.Session.Account == ann.Session.Account) != tc.want || res.Created == tc.want {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}

func TestOfTwoLinksOfOneIdentityAtOnceOneWins(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	won := make(chan error, 8)
	for i := range 8 {
		b := newBrowser()
		live := w.signIn(t, b, fmt.Sprintf("person%d", i))
		q := w.second.login(t, w.linkAt(t, b, live.Session.ID), "shared")
		wg.Go(func() {
			_, err := w.Finish(t.Context(), w.now, w.atSecond(b, q))
			won <- err
		})
	}
	wg.Wait()
	close(won)
	n := 0
	for err := range won {
		if err == nil {
			n++
		} else {
			w.refused(t, err, LinkTaken)
		}
	}
	if n != 1 || len(w.revoked) != 8 {
		t.Errorf("%d won, %d revoked", n, len(w.revoked))
	}
}
