package signout

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestTheBrowserTakesTheKeptHintAndOurStateToTheProvider(t *testing.T) {
	r := newRig(t, someone("a"))
	res, err := r.End(t.Context(), r.now, press("a"))
	if err != nil {
		t.Fatal(err)
	}
	call, ok := r.BrowserCall(t.Context(), res)
	want := oidc.EndSessionRequest{
		IDToken: "idt-secret", SID: "sid-a", Subject: "ada", State: res.StateValue,
		PostLogoutRedirectURI: "https://gate.example/.cardea/signed-out",
	}
	if diff := cmp.Diff([]oidc.EndSessionRequest{want}, r.provider.asked); !ok || call.URL == "" || diff != "" {
		t.Errorf("%v %+v:\n%s", ok, call, diff)
	}
}

func TestTheBrowserStaysWhereItHasNowhereToGo(t *testing.T) {
	for name, prepare := range map[string]func(*rig, *Request){
		"provider down":                 func(r *rig, _ *Request) { r.provider.down = true },
		"provider has no logout":        func(r *rig, _ *Request) { r.provider.byBrowser = false },
		"no address can be made":        func(r *rig, _ *Request) { r.provider.err = errors.New("no discovery") },
		"the provider's session is not": func(_ *rig, q *Request) { q.Mode = ModeGateway },
		"nobody's browser is here":      func(_ *rig, q *Request) { q.Cause = session.CauseAdmin },
	} {
		r := newRig(t, someone("a"))
		req := press("a")
		prepare(r, &req)
		res, err := r.End(t.Context(), r.now, req)
		if err != nil {
			t.Fatal(err)
		}
		if call, ok := r.BrowserCall(t.Context(), res); ok {
			t.Errorf("%s: %+v", name, call)
		}
	}
	r := newRig(t, someone("a"))
	_, _ = r.End(t.Context(), r.now, press("a"))
	again, _ := r.End(t.Context(), r.now, press("a"))
	if _, ok := r.BrowserCall(t.Context(), again); ok {
		t.Error("a second end has a call of its own")
	}
}

func TestAnUnreachableProviderIsToldByTheServer(t *testing.T) {
	r := newRig(t, someone("a"))
	r.provider.down = true
	res, _ := r.End(t.Context(), r.now, press("a"))
	if diff := cmp.Diff([]outbox.Kind{outbox.KindRevoke, outbox.KindEndSession}, r.store.kinds("a")); diff != "" {
		t.Errorf("told:\n%s", diff)
	}
	steps, _ := r.Steps(t.Context(), res.Receipt)
	if last := steps[len(steps)-1]; last.State != StepRetrying {
		t.Errorf("%+v", last)
	}
}

func TestTheBrowsersReturnCancelsTheFollowUp(t *testing.T) {
	r := newRig(t, someone("a"), someone("b"))
	res, _ := r.End(t.Context(), r.now, press("a"))
	_, _ = r.End(t.Context(), r.now, press("b"))
	got, err := r.Returned(t.Context(), r.now.Add(3*time.Second), res.StateValue)
	if err != nil || !got.Returned.Equal(start.Add(3*time.Second)) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, e := range r.store.entries {
		want := outbox.Pending
		if e.Session == "a" && e.Kind == outbox.KindEndSession {
			want = outbox.Cancelled
		}
		if e.State != want {
			t.Errorf("%s %s: %s", e.Session, e.Kind, e.State)
		}
	}
	again, err := r.Returned(t.Context(), r.now.Add(time.Hour), res.StateValue)
	if err != nil || !again.Returned.Equal(got.Returned) {
		t.Errorf("a second visit counts: %+v, %v", again, err)
	}
}

func TestAForeignStateOpensNoReceipt(t *testing.T) {
	r := newRig(t, someone("a"))
	_, _ = r.End(t.Context(), r.now, press("a"))
	unknown, _ := session.NewSeatValue()
	for _, state := range []string{"", "x", unknown, unknown + "A", "<script>", string(make([]byte, 43))} {
		if _, err := r.Returned(t.Context(), r.now, state); !errors.Is(err, ErrNoReceipt) {
			t.Errorf("Returned(%q): %v", state, err)
		}
		if _, err := r.ReceiptByState(t.Context(), state); !errors.Is(err, ErrNoReceipt) {
			t.Errorf("ReceiptByState(%q): %v", state, err)
		}
	}
	if _, err := r.ReceiptOf(t.Context(), "nobody"); !errors.Is(err, ErrNoReceipt) {
		t.Errorf("ReceiptOf: %v", err)
	}
	if !r.store.receipts["a"].Returned.IsZero() {
		t.Error("the session's return was recorded")
	}
	r.store.set(true, false)
	if _, err := r.Returned(t.Context(), r.now, unknown); !errors.Is(err, session.ErrUnavailable) || errors.Is(err, ErrNoReceipt) {
		t.Errorf("store down: %v", err)
	}
}

func TestSomebodyWithoutASessionHereCanLeaveTheProvider(t *testing.T) {
	r := newRig(t)
	call, ok := r.ProviderCall(t.Context(), "main")
	if !ok || call.URL == "" || r.provider.asked[0].IDToken != "" || r.provider.asked[0].State == "" {
		t.Errorf("%+v %v, asked %+v", call, ok, r.provider.asked)
	}
	if _, ok := r.ProviderCall(t.Context(), "nobody"); ok {
		t.Error("a provider that is none")
	}
	r.provider.down = true
	if _, ok := r.ProviderCall(t.Context(), "main"); ok {
		t.Error("a provider that does not answer")
	}
}

// The receipt never says more than somebody told us.
func TestTheReceiptIsTrue(t *testing.T) {
	back := start.Add(time.Second)
	type entries map[outbox.Kind][]outbox.State
	for name, tc := range map[string]struct {
		cause    session.Cause
		browser  bool
		returned time.Time
		ends     record.Known
		entries  entries
		tokens   StepState // "": no line
		provider StepState
	}{
		"came back":                              {cause: session.CauseButton, browser: true, returned: back, ends: record.Yes, provider: StepDone},
		"came back, nobody knows better":         {cause: session.CauseButton, browser: true, returned: back, ends: record.Unknown, provider: StepDone},
		"came back from one that keeps its own":  {cause: session.CauseButton, browser: true, returned: back, ends: record.No, provider: StepOpen},
		"never sent there":                       {cause: session.CauseButton, returned: back, provider: StepOpen},
		"not back yet":                           {cause: session.CauseButton, browser: true, provider: StepOpen},
		"not back yet, followed up":              {cause: session.CauseButton, browser: true, entries: entries{outbox.KindEndSession: {outbox.Pending}}, provider: StepUnderWay},
		"not back, the server's call did it":     {cause: session.CauseButton, browser: true, entries: entries{outbox.KindEndSession: {outbox.Done}}, provider: StepDone},
		"the server's call was refused":          {cause: session.CauseAdmin, entries: entries{outbox.KindEndSession: {outbox.Failed}}, provider: StepOpen},
		"the server's call would end another's":  {cause: session.CauseAdmin, entries: entries{outbox.KindEndSession: {outbox.Cancelled}}, provider: StepOpen},
		"the provider ended it":                  {cause: session.CauseBackChannel, provider: StepDone},
		"the provider's frame ended it":          {cause: session.CauseFrontChannel, provider: StepDone},
		"expired":                                {cause: session.CauseExpired, provider: StepOpen},
		"refused refresh":                        {cause: session.CauseRefreshRefused, provider: StepOpen},
		"tokens revoked":                         {cause: session.CauseExpired, entries: entries{outbox.KindRevoke: {outbox.Done}}, tokens: StepDone, provider: StepOpen},
		"tokens still to be revoked":             {cause: session.CauseExpired, entries: entries{outbox.KindRevoke: {outbox.Done, outbox.Pending}}, tokens: StepUnderWay, provider: StepOpen},
		"tokens that somebody else still uses":   {cause: session.CauseExpired, entries: entries{outbox.KindRevoke: {outbox.Cancelled}}, tokens: StepOpen, provider: StepOpen},
		"late tokens that could not be revoked":  {cause: session.CauseExpired, entries: entries{outbox.KindRevoke: {outbox.Failed, outbox.Pending}}, tokens: StepOpen, provider: StepOpen},
		"tokens given up, the session is ended":  {cause: session.CauseAdmin, entries: entries{outbox.KindRevoke: {outbox.Failed}, outbox.KindEndSession: {outbox.Done}}, tokens: StepOpen, provider: StepDone},
		"the return outranks a cancelled follow": {cause: session.CauseButton, browser: true, returned: back, ends: record.Yes, entries: entries{outbox.KindEndSession: {outbox.Cancelled}}, provider: StepDone},
	} {
		r := newRig(t)
		r.provider.rec.SignOut.EndsSSOByDefault = tc.ends
		for kind, states := range tc.entries {
			for _, state := range states {
				r.store.entries = append(r.store.entries, outbox.Entry{Kind: kind, Session: "a", State: state})
			}
		}
		got, err := r.Steps(t.Context(), Receipt{Session: "a", Provider: "main", Cause: tc.cause, Browser: tc.browser, Returned: tc.returned, Closed: 2})
		want := []Step{{What: WhatSession, State: StepDone, Count: 0}, {What: WhatConnections, State: StepDone, Count: 2}}
		if tc.tokens != "" {
			want = append(want, Step{What: WhatTokens, State: tc.tokens, Count: 0})
		}
		want = append(want, Step{What: WhatProvider, State: tc.provider, Count: 0})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	r := newRig(t)
	r.store.set(true, false)
	if steps, err := r.Steps(t.Context(), Receipt{Session: "a"}); !errors.Is(err, session.ErrUnavailable) || steps != nil {
		t.Errorf("store down: %+v, %v", steps, err)
	}
}
