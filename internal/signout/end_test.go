package signout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

func press(id session.ID) Request {
	return Request{Session: id, Cause: session.CauseButton, From: "https://app.example/page", By: "person"}
}

func TestAnEndIsDurableBeforeAnybodyHearsOfIt(t *testing.T) {
	r := newRig(t, someone("a"))
	res, err := r.End(t.Context(), r.now, press("a"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"store", "cache", "connections", "kick"}, r.events.all()); diff != "" {
		t.Errorf("order:\n%s", diff)
	}
	hash, ok := session.HashSeatValue(res.StateValue)
	want := Receipt{
		State: hash, Session: "a", Account: "ada", Provider: "main", Cause: session.CauseButton, Mode: ModeProvider, EndedAt: start,
		Until: start.Add(24 * time.Hour), Closed: 3, Browser: true, ReturnURL: "https://app.example/page",
	}
	if diff := cmp.Diff(want, r.store.receipts["a"]); !ok || diff != "" {
		t.Errorf("receipt:\n%s", diff)
	}
	if diff := cmp.Diff(want, res.Receipt); diff != "" {
		t.Errorf("returned receipt:\n%s", diff)
	}
	stone := r.store.stones["a"]
	if !stone.Fresh || stone.Cause != session.CauseButton || stone.SID != "sid-a" || !stone.EndedAt.Equal(start) {
		t.Errorf("tombstone: %+v", stone)
	}
	if heard := r.conns.all(); len(heard) != 1 || heard[0].Seq != 1 {
		t.Errorf("connections heard %+v", heard)
	}
}

func TestWhatIsToldByCauseAndRecord(t *testing.T) {
	tokenOnly := keycloakLike()
	tokenOnly.Revocation.Ends = record.RevocationEndsToken
	tokenOnly.SignOut.ServerCall = record.ServerNone
	none := record.Record{
		SignOut:    record.SignOut{Kind: record.SignOutNone, ServerCall: record.ServerNone},
		Revocation: record.Revocation{Kind: record.RevocationNone, Ends: record.RevocationEndsNothing},
	}
	type told map[outbox.Kind]time.Duration
	both := func(revoke, end time.Duration) told {
		return told{outbox.KindRevoke: revoke, outbox.KindEndSession: end}
	}
	for name, tc := range map[string]struct {
		rec     record.Record
		cause   session.Cause
		mode    Mode
		want    told
		browser bool
	}{
		"button: the browser goes first":           {keycloakLike(), session.CauseButton, "", both(revokeGrace, browserGrace), true},
		"button, gateway: nothing that ends SSO":   {keycloakLike(), session.CauseButton, ModeGateway, told{}, false},
		"button, gateway: tokens alone are safe":   {tokenOnly, session.CauseButton, ModeGateway, told{outbox.KindRevoke: 0}, false},
		"button, no call for servers":              {tokenOnly, session.CauseButton, "", told{outbox.KindRevoke: 0}, true},
		"button, provider without logout":          {none, session.CauseButton, "", told{}, false},
		"operator: the server goes first":          {keycloakLike(), session.CauseAdmin, "", both(revokeGrace, 0), false},
		"expiry must not sign out of the provider": {keycloakLike(), session.CauseExpired, "", told{}, false},
		"expiry, tokens alone":                     {tokenOnly, session.CauseExpired, "", told{outbox.KindRevoke: 0}, false},
		"front-channel never revokes":              {tokenOnly, session.CauseFrontChannel, "", told{}, false},
	} {
		s := someone("a")
		if tc.cause == session.CauseExpired {
			s.SeenAt = start.Add(-2 * time.Hour)
		}
		r := newRig(t, s)
		r.provider.rec = tc.rec
		res, err := r.End(t.Context(), r.now, Request{Session: "a", Cause: tc.cause, Mode: tc.mode})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := told{}
		for _, e := range r.store.entries {
			got[e.Kind] = e.NextAt.Sub(start)
			if e.Session != "a" || e.Provider != "main" || e.State != outbox.Pending || !e.Deadline.After(e.NextAt) || e.ID == "" {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || res.Receipt.Browser != tc.browser {
			t.Errorf("%s: browser %v:\n%s", name, res.Receipt.Browser, diff)
		}
	}
}

func TestTombstonesOutliveEveryCookie(t *testing.T) {
	for name, tc := range map[string]struct {
		own, longest, want time.Duration // want: at least, after the end
	}{
		"own limit":         {48 * time.Hour, 24 * time.Hour, 48*time.Hour - time.Hour + tombstoneSlack},
		"longest of all":    {2 * time.Hour, 24 * time.Hour, 24*time.Hour + tombstoneSlack},
		"no limit of its":   {0, 24 * time.Hour, cookieLife},
		"no limit anywhere": {2 * time.Hour, 0, cookieLife},
	} {
		s := someone("a")
		s.Limits.Absolute = tc.own
		r := newRig(t, s)
		r.Reconfigure(Terms{Apps: r.apps, Absolute: tc.longest})
		if _, err := r.End(t.Context(), r.now, press("a")); err != nil {
			t.Fatal(err)
		}
		if got := r.store.stones["a"].Until.Sub(start); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestAWithdrawnProviderIsNoObstacle(t *testing.T) {
	s := someone("a")
	s.Provider = "gone"
	r := newRig(t, s)
	res, err := r.End(t.Context(), r.now, press("a"))
	if err != nil || len(r.store.entries) != 0 || res.Receipt.Browser {
		t.Errorf("%+v, %v", res, err)
	}
}

// CVE-2023-20862, CVE-2024-21492: what has ended stays ended, however often it is asked
// for and whatever writes come late.
func TestCVE_2023_20862_CVE_2024_21492_AnEndedSessionNeverComesBack(t *testing.T) {
	r := newRig(t, someone("a"))
	late := someone("a")
	first, err := r.End(t.Context(), r.now, press("a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ended := errors.AsType[*session.EndedError](r.store.update(late)); !ended {
		t.Error("a late write revived the session")
	}
	entries := len(r.store.entries)
	again, err := r.End(t.Context(), r.now.Add(time.Hour), Request{Session: "a", Cause: session.CauseAdmin})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.Receipt, again.Receipt); diff != "" || again.StateValue != "" {
		t.Errorf("the second end has a receipt or a state of its own:\n%s", diff)
	}
	if len(r.store.entries) != entries {
		t.Error("the second end tells everybody once more")
	}
}

func TestEndingWhatNeverWas(t *testing.T) {
	r := newRig(t)
	if _, err := r.End(t.Context(), r.now, press("nobody")); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
	if len(r.conns.all()) != 0 {
		t.Error("somebody heard of it")
	}
}

func TestAnEndIsPlannedAnewWithTheNewestTokens(t *testing.T) {
	r := newRig(t, someone("a"))
	r.store.beforeEnd = func(id session.ID) {
		r.store.beforeEnd = nil
		fresh := *someone(id)
		fresh.Grant.Tokens.RefreshToken = "rt-newer"
		if err := r.store.update(&fresh); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.End(t.Context(), r.now, press("a")); err != nil {
		t.Fatal(err)
	}
	deliver(t, r)
	if len(r.provider.revoked) != 1 || r.provider.revoked[0].RefreshToken != "rt-newer" {
		t.Errorf("revoked %+v", r.provider.revoked)
	}
}

// A browser that goes away while its sign-out runs does not undo it.
func TestTheBrowserGoingAwayDoesNotStopAnEnd(t *testing.T) {
	r := newRig(t, someone("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.End(ctx, r.now, press("a")); err != nil {
		t.Fatal(err)
	}
}

// Whichever of a refresh and an end comes first, every token that the provider handed
// out is revoked.
func TestARefreshRacingAnEndLeavesNoTokenAlive(t *testing.T) {
	for i := range 200 {
		r := newRig(t, someone("a"))
		minted := fmt.Sprintf("rt-%d", i)
		var answered, stored bool
		var work sync.WaitGroup
		work.Go(func() {
			if _, err := r.End(t.Context(), r.now, press("a")); err != nil {
				t.Error(err)
			}
		})
		work.Go(func() {
			s, err := r.store.ByID(t.Context(), "a")
			if err != nil {
				return // the end was first: nothing is refreshed
			}
			next := *s
			next.Grant.Tokens = oidc.Tokens{RefreshToken: minted, AccessToken: "at"}
			answered = true
			err = r.store.update(&next)
			if _, ended := errors.AsType[*session.EndedError](err); ended {
				if e := r.Revocation(s, next.Grant.Tokens); e != nil {
					r.store.mu.Lock()
					r.store.entries = append(r.store.entries, *e)
					r.store.mu.Unlock()
				}
				return
			}
			if stored = err == nil; !stored {
				t.Error(err)
			}
		})
		work.Wait()
		deliver(t, r)
		revoked := map[string]bool{}
		for _, tokens := range r.provider.revoked {
			revoked[tokens.RefreshToken] = true
		}
		if answered && !revoked[minted] {
			t.Fatalf("the refreshed token survives; revoked are %v", revoked)
		}
		// Where the refresh was stored, rotation has ended the old token already.
		if !stored && !revoked["rt-secret"] {
			t.Fatalf("the old token survives; revoked are %v", revoked)
		}
		if r.store.receipts["a"].Session == "" {
			t.Fatal("the session did not end")
		}
	}
}

// deliver runs every pending entry once.
func deliver(t *testing.T, r *rig) {
	t.Helper()
	handlers := r.Handlers()
	for _, e := range r.store.entries {
		if e.State == outbox.Pending {
			if err := handlers[e.Kind](t.Context(), e); err != nil {
				t.Errorf("%s: %v", e.Kind, err)
			}
		}
	}
}

func TestAllSessionsOfAnAccountEnd(t *testing.T) {
	var list []*session.Session
	for i := range 450 {
		list = append(list, someone(session.ID(fmt.Sprintf("s%03d", i))))
	}
	other := someone("zz")
	other.Account = "grace"
	r := newRig(t, append(list, other)...)
	n, err := r.EndAll(t.Context(), r.now, session.Filter{Account: "ada"}, Request{Cause: session.CauseEverywhere})
	if n != 450 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if len(r.store.sessions) != 1 || r.store.lists != 3 {
		t.Errorf("%d sessions left after %d pages", len(r.store.sessions), r.store.lists)
	}
	states := map[session.SeatHash]bool{}
	for _, receipt := range r.store.receipts {
		states[receipt.State] = true
	}
	if len(states) != 450 {
		t.Error("sessions share a state value")
	}
}

func TestOneFailureKeepsNoOtherSessionAlive(t *testing.T) {
	r := newRig(t, someone("a"), someone("b"), someone("c"))
	broken := errors.New("row cannot be written")
	r.store.fail["b"] = broken
	n, err := r.EndAll(t.Context(), r.now, session.Filter{}, Request{Cause: session.CauseAdmin})
	if n != 2 || !errors.Is(err, broken) {
		t.Errorf("%d, %v", n, err)
	}
	r.store.fail["b"] = session.ErrUnavailable
	r.store.add(someone("d"))
	n, err = r.EndAll(t.Context(), r.now, session.Filter{}, Request{Cause: session.CauseAdmin})
	if n != 2 || !errors.Is(err, ErrNotDurable) {
		t.Errorf("%d, %v", n, err)
	}
	r.store.set(true, false)
	if n, err = r.EndAll(t.Context(), r.now, session.Filter{}, Request{}); n != 0 || !errors.Is(err, session.ErrUnavailable) || errors.Is(err, ErrNotDurable) {
		t.Errorf("store down: %d, %v", n, err)
	}
}

func TestNoSecretReachesTheLog(t *testing.T) {
	r := newRig(t, someone("a"), someone("b"))
	res, _ := r.End(t.Context(), r.now, press("a"))
	r.store.set(true, false)
	req := press("b")
	req.Known = someone("b")
	pending, _ := r.End(t.Context(), r.now, req)
	for _, secret := range []string{"secret", res.StateValue, pending.StateValue} {
		if secret == "" || strings.Contains(r.logs.String(), secret) {
			t.Errorf("%q in the log:\n%s", secret, r.logs)
		}
	}
	for _, id := range []string{"session=a", "session=b"} {
		if !strings.Contains(r.logs.String(), id) {
			t.Errorf("the log does not name %s", id)
		}
	}
}
