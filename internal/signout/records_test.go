package signout

import (
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// A frame's call of a provider with several tenants does not say of which it is.
func TestAFramesCallThatLeavesTheIssuerOpenEndsItsSessionAlone(t *testing.T) {
	hour := start.Add(-time.Hour)
	for name, tc := range map[string]struct {
		notice Notice
		want   int
		fails  bool
	}{
		"by the session's id":            {Notice{Provider: "main", SID: "sid-1", Cause: session.CauseFrontChannel}, 1, false},
		"another's id":                   {Notice{Provider: "main", SID: "sid-9", Cause: session.CauseFrontChannel}, 0, false},
		"without an id":                  {Notice{Provider: "main", Cause: session.CauseFrontChannel}, 0, true},
		"a person without an issuer":     {Notice{Provider: "main", Identity: oidc.Identity{Subject: "ada"}, Cause: session.CauseFrontChannel}, 0, true},
		"without a provider":             {Notice{SID: "sid-1", Cause: session.CauseFrontChannel}, 0, true},
		"a back-channel notice names it": {Notice{Provider: "main", SID: "sid-1", Cause: session.CauseBackChannel}, 0, true},
	} {
		r := newRigWithApps(t, []string{"chat"}, at("laptop", "ada", "sid-1", hour), at("phone", "ada", "sid-2", hour))
		n := tc.notice
		n.At = start
		ended, err := r.EndByProvider(t.Context(), start, n)
		if ended != tc.want || (err != nil) != tc.fails {
			t.Errorf("%s: %d, %v", name, ended, err)
		}
	}
}

// Where the provider's session is left alone, what would end it with the tokens is left
// alone too, and the receipt says so.
func TestAReceiptSaysThatTokensWereLeftAlone(t *testing.T) {
	ends := func(e record.RevocationEnds) record.Record {
		r := keycloakLike()
		if r.Revocation.Ends = e; e == record.RevocationEndsNothing {
			r.Revocation = record.Revocation{Kind: record.RevocationNone, Ends: e}
		}
		return r
	}
	for name, tc := range map[string]struct {
		rec   record.Record
		cause session.Cause
		mode  Mode
		want  StepState // "" where there is no line
	}{
		"gateway, ends the session": {ends(record.RevocationEndsSession), session.CauseButton, ModeGateway, StepOpen},
		"gateway, ends the grant":   {ends(record.RevocationEndsGrant), session.CauseButton, ModeGateway, StepOpen},
		"gateway, ends the token":   {ends(record.RevocationEndsToken), session.CauseButton, ModeGateway, StepUnderWay},
		"gateway, ends nothing":     {ends(record.RevocationEndsNothing), session.CauseButton, ModeGateway, ""},
		"provider":                  {ends(record.RevocationEndsSession), session.CauseButton, ModeProvider, StepUnderWay},
		"expiry":                    {ends(record.RevocationEndsSession), session.CauseExpired, ModeGateway, ""},
	} {
		s := someone("a")
		if tc.cause == session.CauseExpired {
			s.SeenAt = start.Add(-2 * time.Hour)
		}
		r := newRig(t, s)
		r.provider.rec = tc.rec
		res, err := r.End(t.Context(), r.now, Request{Session: "a", Cause: tc.cause, Mode: tc.mode})
		if err != nil {
			t.Fatal(err)
		}
		steps, err := r.Steps(t.Context(), res.Receipt)
		if err != nil {
			t.Fatal(err)
		}
		var tokens, provider StepState
		for _, st := range steps {
			switch st.What {
			case WhatTokens:
				tokens = st.State
			case WhatProvider:
				provider = st.State
			}
		}
		if tokens != tc.want || tc.mode == ModeGateway && provider != StepOpen {
			t.Errorf("%s: tokens %q, provider %q", name, tokens, provider)
		}
	}
}
