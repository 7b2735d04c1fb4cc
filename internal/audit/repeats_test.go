package audit

import (
	"bytes"
	"strconv"
	"testing"
	"time"
)

func refusedAccess(session, app, rule string) Event {
	return Event{Type: AccessRefused, Actor: ActorPerson, Session: session, App: app, Detail: map[string]string{"rule": rule, "reason": "group"}}
}

func TestAPageThatPollsWhereItIsRefusedIsToldOnceInTenMinutes(t *testing.T) {
	keeping(t, func(t *testing.T, k *Keeper, l *ledger, _ func(), _ *bytes.Buffer) {
		record := func(e Event) {
			t.Helper()
			if err := k.Record(t.Context(), time.Now(), e); err != nil {
				t.Fatal(err)
			}
		}
		for range 15 * 60 { // seconds
			record(refusedAccess("one", "docs", "apps[docs].access.groups"))
			time.Sleep(time.Second)
		}
		if n := l.count(AccessRefused); n != 2 {
			t.Errorf("15 minutes of polling are told %d times", n)
		}
		record(refusedAccess("one", "docs", "apps[docs].paths[/x].access.groups"))
		record(refusedAccess("one", "wiki", "apps[docs].access.groups"))
		record(refusedAccess("two", "docs", "apps[docs].access.groups"))
		if n := l.count(AccessRefused); n != 5 {
			t.Errorf("another rule, another app and another session are told %d times", n-2)
		}
	})
}

func TestWhatIsRememberedOfRefusalsIsBounded(t *testing.T) {
	var r repeats
	now := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	for i := range 3 * maxRepeats {
		if r.again(now, refusedAccess(strconv.Itoa(i), "docs", "x")) {
			t.Fatalf("%d is a repeat", i)
		}
	}
	if len(r.told) > maxRepeats || len(r.queue) > maxRepeats {
		t.Errorf("%d and %d are remembered", len(r.told), len(r.queue))
	}
	last := refusedAccess(strconv.Itoa(3*maxRepeats-1), "docs", "x")
	if !r.again(now.Add(time.Minute), last) || r.again(now.Add(-time.Hour), last) {
		t.Error("the last one is told again, or a clock that was set back keeps it from being told")
	}
	if r.again(now.Add(time.Hour), last) || len(r.told) != 1 {
		t.Errorf("%d are remembered an hour later", len(r.told))
	}
}
