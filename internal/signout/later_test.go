package signout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

var stateKey = []byte("thirty-two bytes, more or less..")

// browserOnly is a provider whose session only browsers can end.
func browserOnly() record.Record {
	rec := keycloakLike()
	rec.SignOut.ServerCall = record.ServerNone
	return rec
}

// laterRig is a rig whose session "a" an app's own logout ended, with what a browser is
// told of that end.
func laterRig(t *testing.T, prepare func(*rig, *Request)) (*rig, session.Tombstone, Result) {
	t.Helper()
	r := newRig(t, someone("a"))
	r.o.StateKey = stateKey
	r.provider.rec = browserOnly()
	req := Request{Session: "a", Cause: session.CauseApp, By: "app", Known: someone("a")}
	if prepare != nil {
		prepare(r, &req)
	}
	res, err := r.End(t.Context(), r.now, req)
	if err != nil {
		t.Fatal(err)
	}
	return r, r.store.stones["a"], res
}

func TestTheNextPageAfterAScriptsSignOutGoesToTheProviderOnce(t *testing.T) {
	r, stone, res := laterRig(t, nil)
	call, ok := r.LaterCall(t.Context(), r.now.Add(time.Minute), stone)
	want := oidc.EndSessionRequest{
		IDToken: "idt-secret", SID: "sid-a", Subject: "ada", State: res.StateValue,
		PostLogoutRedirectURI: "https://gate.example/.cardea/signed-out",
	}
	if diff := cmp.Diff([]oidc.EndSessionRequest{want}, r.provider.asked); !ok || call.URL == "" || diff != "" {
		t.Errorf("%v %+v:\n%s", ok, call, diff)
	}
	if call, ok := r.LaterCall(t.Context(), r.now.Add(2*time.Minute), stone); ok {
		t.Errorf("a second page goes there too: %+v", call)
	}
	// The browser comes back with the value that the receipt knows it by.
	if got, err := r.Returned(t.Context(), r.now.Add(2*time.Minute), want.State); err != nil || got.Session != "a" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhoIsSentToTheProviderLater(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*rig, *Request)                       // before the end
		after   func(*testing.T, *rig, *session.Tombstone) // after it
		wait    time.Duration
		want    bool
	}{
		"at once":                {want: true},
		"at the last moment":     {wait: laterLife, want: true},
		"too late":               {wait: laterLife + time.Second},
		"the server follows up":  {prepare: func(r *rig, _ *Request) { r.provider.rec = keycloakLike() }, want: true},
		"ended by the button":    {prepare: func(_ *rig, q *Request) { q.Cause = session.CauseButton }},
		"ended by an operator":   {prepare: func(_ *rig, q *Request) { q.Cause = session.CauseAdmin }},
		"the session here only":  {prepare: func(_ *rig, q *Request) { q.Mode = ModeGateway }},
		"a provider without one": {prepare: func(r *rig, _ *Request) { r.provider.rec.SignOut.Kind = record.SignOutNone }},
		"without a key":          {prepare: func(r *rig, _ *Request) { r.o.StateKey = nil }},
		"the key was lost":       {after: func(_ *testing.T, r *rig, _ *session.Tombstone) { r.o.StateKey = nil }},
		"the provider is gone": {after: func(_ *testing.T, r *rig, _ *session.Tombstone) {
			r.o.Providers = func(string) (Provider, bool) { return nil, false }
		}},
		"no address can be made": {after: func(_ *testing.T, r *rig, _ *session.Tombstone) { r.provider.byBrowser = false }},
		"an end that is unknown": {after: func(_ *testing.T, _ *rig, s *session.Tombstone) { s.Session = "nobody" }},
		"the store is down":      {after: func(_ *testing.T, r *rig, _ *session.Tombstone) { r.store.set(true, false) }},
		"the browser came back":  {after: func(t *testing.T, r *rig, _ *session.Tombstone) { comeBack(t, r) }},
		"it came back, though the entry stayed": {after: func(t *testing.T, r *rig, _ *session.Tombstone) {
			comeBack(t, r)
			r.finish(outbox.KindEndSession, outbox.Pending, nil)
		}},
		"the server told it": {after: func(_ *testing.T, r *rig, _ *session.Tombstone) { r.finish(outbox.KindEndSession, outbox.Done, nil) }},
		"what was kept is broken": {after: func(_ *testing.T, r *rig, _ *session.Tombstone) {
			r.finish(outbox.KindEndSession, outbox.Pending, []byte("{"))
		}},
	} {
		r, stone, _ := laterRig(t, tc.prepare)
		if tc.after != nil {
			tc.after(t, r, &stone)
		}
		if call, ok := r.LaterCall(t.Context(), r.now.Add(tc.wait), stone); ok != tc.want || ok != (call.URL != "") {
			t.Errorf("%s: %v %+v", name, ok, call)
		}
	}
}

func comeBack(t *testing.T, r *rig) {
	t.Helper()
	if _, err := r.Returned(t.Context(), r.now, r.stateOf("a")); err != nil {
		t.Fatal(err)
	}
}

// finish changes the entries of a kind as the outbox would; nil leaves the payload.
func (r *rig) finish(kind outbox.Kind, state outbox.State, payload []byte) {
	for i := range r.store.entries {
		if e := &r.store.entries[i]; e.Kind == kind {
			e.State = state
			if payload != nil {
				e.Payload = payload
			}
		}
	}
}

func TestWhatKeepsABrowserFromTheProviderDoesNotUseItsVisitUp(t *testing.T) {
	for name, trouble := range map[string]func(r *rig, on bool){
		"provider down": func(r *rig, on bool) { r.provider.down = on },
		"store down":    func(r *rig, on bool) { r.store.set(on, false) },
		"no address":    func(r *rig, on bool) { r.provider.byBrowser = !on },
	} {
		r, stone, _ := laterRig(t, nil)
		trouble(r, true)
		if _, ok := r.LaterCall(t.Context(), r.now, stone); ok {
			t.Errorf("%s: sent all the same", name)
		}
		trouble(r, false)
		if _, ok := r.LaterCall(t.Context(), r.now.Add(time.Minute), stone); !ok {
			t.Errorf("%s: never sent", name)
		}
	}
}

// An end that waits for the store has no hint to send anybody with; once it is durable
// the browser goes, with the value that the receipt had from the first.
func TestAnEndThatWasNotDurableLeadsToTheProviderWhenItIs(t *testing.T) {
	r := newRig(t, someone("a"))
	r.o.StateKey, r.provider.rec = stateKey, browserOnly()
	r.store.set(true, false)
	res, err := r.End(t.Context(), r.now, Request{Session: "a", Cause: session.CauseApp, Known: someone("a")})
	heard := r.cache.all()
	if err == nil || len(heard) == 0 {
		t.Fatalf("%v, heard %+v", err, heard)
	}
	if call, ok := r.LaterCall(t.Context(), r.now, heard[0]); ok {
		t.Errorf("during the outage: %+v", call)
	}
	r.store.set(false, false)
	r.settle(t.Context())
	if _, ok := r.LaterCall(t.Context(), r.now, heard[0]); !ok || r.provider.asked[0].State != res.StateValue {
		t.Errorf("after it: %v, asked %+v", ok, r.provider.asked)
	}
}

func TestTheValueThatABrowserCarriesIsTheSessionsOwn(t *testing.T) {
	r, same, other := newRig(t), newRig(t), newRig(t)
	r.o.StateKey, same.o.StateKey, other.o.StateKey = stateKey, stateKey, []byte("another key")
	if _, ok := session.HashSeatValue(r.stateOf("a")); !ok {
		t.Errorf("%q is no value that a receipt is found by", r.stateOf("a"))
	}
	if r.stateOf("a") != same.stateOf("a") {
		t.Error("another process with this key does not know it")
	}
	if r.stateOf("a") == r.stateOf("b") || r.stateOf("a") == other.stateOf("a") {
		t.Error("it is shared by two sessions, or does not depend on the key")
	}
	for _, key := range [][]byte{nil, {}} {
		r.o.StateKey = key
		first, second := r.stateOf("a"), r.stateOf("a")
		if _, ok := session.HashSeatValue(first); !ok || first == second {
			t.Errorf("key %v: can be guessed", key)
		}
	}
}

func TestThePlacesOfBrowsersThatWereSentAreGivenFree(t *testing.T) {
	s := sent{at: map[session.ID]time.Time{}}
	for range maxSent {
		s.at[session.NewID()] = start
	}
	if s.first(start.Add(laterLife), "a") {
		t.Error("a place was found where all are taken")
	}
	if !s.first(start.Add(laterLife+time.Second), "a") || len(s.at) != 1 || !s.done(start.Add(laterLife+again+2*time.Second), "a") {
		t.Errorf("%d places taken", len(s.at))
	}
}

// Who ends the provider's session after the end, and when: by who is to call, whether
// the provider can be called by servers, and what ended the session.
func TestWhenTheServerFollowsUp(t *testing.T) {
	const button, app, admin = session.CauseButton, session.CauseApp, session.CauseAdmin
	oidcKind, none := record.SignOutOIDC, record.SignOutNone
	for _, tc := range []struct {
		by     By
		server record.ServerCall
		kind   record.SignOutKind
		cause  session.Cause
		after  time.Duration
		want   bool
	}{
		{Server, record.ServerHint, oidcKind, admin, 0, true},
		{Server, record.ServerRefreshToken, oidcKind, admin, 0, true},
		{Server, record.ServerNone, oidcKind, admin, 0, false},
		{Browser, record.ServerHint, oidcKind, button, browserGrace, true},
		{Browser, record.ServerRefreshToken, oidcKind, app, browserGrace, true},
		{Browser, record.ServerNone, oidcKind, button, 0, false},
		{Browser, record.ServerNone, oidcKind, app, laterLife, true},
		{Browser, record.ServerNone, none, app, laterLife, false},
		{Nobody, record.ServerHint, oidcKind, app, 0, false},
		{Nobody, record.ServerHint, oidcKind, session.CauseExpired, 0, false},
		{Nobody, record.ServerNone, oidcKind, app, 0, false},
	} {
		rec := record.Record{SignOut: record.SignOut{Kind: tc.kind, ServerCall: tc.server}}
		after, ok := followUp(Rule{EndSession: tc.by}, rec, tc.cause)
		if ok != tc.want || ok && after != tc.after {
			t.Errorf("%+v: %v %v", tc, after, ok)
		}
	}
}

// The hint that is kept for a browser is no promise of a call by the server.
func TestAKeptHintIsNotToldAsARetry(t *testing.T) {
	for name, tc := range map[string]struct {
		rec  record.Record
		want StepState
	}{
		"only browsers can end it": {browserOnly(), StepOpen},
		"the server can too":       {keycloakLike(), StepUnderWay},
	} {
		r, _, res := laterRig(t, func(r *rig, _ *Request) { r.provider.rec = tc.rec })
		steps, err := r.Steps(t.Context(), res.Receipt)
		if err != nil || steps[len(steps)-1].State != tc.want {
			t.Errorf("%s: %+v, %v", name, steps, err)
		}
	}
}
