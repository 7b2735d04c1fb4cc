package signout

import (
	"errors"
	"testing"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// told ends session "a" and returns its entry of a kind.
func told(t *testing.T, r *rig, kind outbox.Kind) outbox.Entry {
	t.Helper()
	if _, err := r.End(t.Context(), r.now, press("a")); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.store.entries {
		if e.Kind == kind {
			return e
		}
	}
	t.Fatalf("no entry %s", kind)
	return outbox.Entry{}
}

// A delivery comes late: it may not end what began after the end that it belongs to,
// nor what another browser still uses.
func TestNothingDelayedEndsWhatBeganAfterIt(t *testing.T) {
	same := someone("b") // a new sign-in that was given the same session at the provider
	same.SID = "sid-a"
	elsewhere := someone("b") // another browser of the same person
	stranger := someone("b")
	stranger.SID, stranger.Identity.Subject = "sid-b", "grace"
	otherClient := someone("b")
	otherClient.Provider = "second"

	for name, tc := range map[string]struct {
		ends  record.RevocationEnds
		noSID bool
		kind  outbox.Kind
		other *session.Session
		runs  bool
	}{
		"token: always":                               {record.RevocationEndsToken, false, outbox.KindRevoke, same, true},
		"session, same session at the provider":       {record.RevocationEndsSession, false, outbox.KindRevoke, same, false},
		"session, another browser":                    {record.RevocationEndsSession, false, outbox.KindRevoke, elsewhere, true},
		"session without an id, another browser":      {record.RevocationEndsSession, true, outbox.KindRevoke, elsewhere, false},
		"session without an id, another person":       {record.RevocationEndsSession, true, outbox.KindRevoke, stranger, true},
		"grant, another browser":                      {record.RevocationEndsGrant, false, outbox.KindRevoke, elsewhere, false},
		"grant, another person":                       {record.RevocationEndsGrant, false, outbox.KindRevoke, stranger, true},
		"grant, another client of the same provider":  {record.RevocationEndsGrant, false, outbox.KindRevoke, otherClient, true},
		"grant, nobody else":                          {record.RevocationEndsGrant, false, outbox.KindRevoke, nil, true},
		"logout, same session at the provider":        {record.RevocationEndsSession, false, outbox.KindEndSession, same, false},
		"logout, another browser":                     {record.RevocationEndsSession, false, outbox.KindEndSession, elsewhere, true},
		"logout by id, though revocations are wider":  {record.RevocationEndsGrant, false, outbox.KindEndSession, elsewhere, true},
		"logout without an id, another browser":       {record.RevocationEndsToken, true, outbox.KindEndSession, elsewhere, false},
		"logout without an id, another client's even": {record.RevocationEndsToken, true, outbox.KindEndSession, otherClient, false},
	} {
		ended := someone("a")
		if tc.noSID {
			ended.SID = ""
		}
		r := newRig(t, ended)
		r.provider.rec.Revocation.Ends = tc.ends
		e := told(t, r, tc.kind)
		if tc.other != nil {
			r.store.add(tc.other)
		}
		err := r.Handlers()[tc.kind](t.Context(), e)
		if calls := len(r.provider.revoked) + len(r.provider.asked); (calls == 1) != tc.runs || errors.Is(err, outbox.ErrNotNeeded) == tc.runs {
			t.Errorf("%s: %d calls, err %v", name, calls, err)
		}
	}
}

func TestADeliveryCarriesWhatTheProviderNeeds(t *testing.T) {
	r := newRig(t, someone("a"))
	e := told(t, r, outbox.KindEndSession)
	if err := r.Handlers()[outbox.KindEndSession](t.Context(), e); err != nil {
		t.Fatal(err)
	}
	want := oidc.EndSessionRequest{IDToken: "idt-secret", SID: "sid-a", Subject: "ada", RefreshToken: "rt-secret"}
	if r.provider.asked[0] != want {
		t.Errorf("asked %+v", r.provider.asked[0])
	}
}

func TestWhatNoRepetitionChangesIsNotRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		err       error
		permanent bool
	}{
		"refused for good":            {&oidc.Error{Code: "invalid_request", Status: 400}, true},
		"gone":                        {&oidc.Error{Code: "unknown_error", Status: 410}, true},
		"client refused":              {&oidc.Error{Code: oidc.InvalidClient, Status: 400}, false},
		"client refused by status":    {&oidc.Error{Code: "x", Status: 401}, false},
		"forbidden":                   {&oidc.Error{Code: "x", Status: 403}, false},
		"too many":                    {&oidc.Error{Code: "x", Status: 429}, false},
		"timed out there":             {&oidc.Error{Code: "x", Status: 408}, false},
		"their trouble":               {&oidc.Error{Code: oidc.ServerError, Status: 503}, false},
		"unreachable":                 {&oidc.UnreachableError{Err: errors.New("refused")}, false},
		"an answer that is no answer": {oidc.ErrRefused, false},
	} {
		for _, kind := range []outbox.Kind{outbox.KindRevoke, outbox.KindEndSession} {
			r := newRig(t, someone("a"))
			e := told(t, r, kind)
			r.provider.err = tc.err
			err := r.Handlers()[kind](t.Context(), e)
			if err == nil || errors.Is(err, outbox.ErrPermanent) != tc.permanent {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}

func TestDeliveriesThatCanNeverSucceedAreGivenUp(t *testing.T) {
	r := newRig(t, someone("a"))
	e := told(t, r, outbox.KindEndSession)
	r.provider.byServer = false
	if err := r.Handlers()[e.Kind](t.Context(), e); !errors.Is(err, outbox.ErrNotNeeded) {
		t.Errorf("no logout for servers: %v", err)
	}
	broken := e
	broken.Payload = []byte("{")
	if err := r.Handlers()[e.Kind](t.Context(), broken); !errors.Is(err, outbox.ErrPermanent) {
		t.Errorf("unreadable: %v", err)
	}
	gone := e
	gone.Provider = "removed"
	if err := r.Handlers()[e.Kind](t.Context(), gone); !errors.Is(err, outbox.ErrPermanent) {
		t.Errorf("provider removed: %v", err)
	}
	r.store.set(true, false)
	if err := r.Handlers()[e.Kind](t.Context(), e); err == nil || errors.Is(err, outbox.ErrPermanent) || errors.Is(err, outbox.ErrNotNeeded) {
		t.Errorf("store down: %v", err)
	}
}

func TestTokensThatCameTooLateAreRevoked(t *testing.T) {
	r := newRig(t)
	tokens := oidc.Tokens{RefreshToken: "rt-late"}
	e := r.Revocation(someone("a"), tokens)
	if e == nil || e.Kind != outbox.KindRevoke || e.Session != "a" || !e.NextAt.Equal(r.now) {
		t.Fatalf("%+v", e)
	}
	if err := r.Handlers()[e.Kind](t.Context(), *e); err != nil || r.provider.revoked[0] != tokens {
		t.Errorf("%v, revoked %+v", err, r.provider.revoked)
	}
	if e := r.Revocation(someone("a"), oidc.Tokens{IDToken: "only"}); e != nil {
		t.Error("an ID token cannot be revoked")
	}
	gone := someone("a")
	gone.Provider = "removed"
	if e := r.Revocation(gone, tokens); e != nil {
		t.Error("there is nobody to tell")
	}
	r.provider.rec.Revocation = record.Revocation{Kind: record.RevocationNone}
	if e := r.Revocation(someone("a"), tokens); e != nil {
		t.Error("this provider revokes nothing")
	}
}
