package storetest

import (
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

func outboxPromises() []promise {
	return []promise{
		{"entries are due when their time has come, the longest waiting first", func(b *bench) {
			s := newSession("ann")
			var list []outbox.Entry
			for _, minutes := range []int{3, 1, 2} {
				e := entry(s, outbox.KindRevoke)
				e.NextAt = epoch.Add(time.Duration(minutes) * time.Minute)
				list = append(list, e)
			}
			b.ok(b.Add(b.ctx, list))
			due := func(at time.Duration, limit int, want ...outbox.Entry) {
				b.Helper()
				got, err := b.Due(b.ctx, epoch.Add(at), limit)
				b.ok(err)
				b.equal(append([]outbox.Entry{}, got...), append([]outbox.Entry{}, want...))
			}
			due(time.Minute-time.Microsecond, 10)
			due(time.Minute, 10, list[1])
			due(time.Hour, 10, list[1], list[2], list[0])
			due(time.Hour, 2, list[1], list[2])
		}},
		{"a retry counts, waits and keeps the payload", func(b *bench) {
			e := entry(newSession("ann"), outbox.KindRevoke)
			b.ok(b.Add(b.ctx, []outbox.Entry{e}))
			next := epoch.Add(2 * time.Hour)
			b.ok(b.Retry(b.ctx, e.ID, next, "provider unreachable"))
			got, err := b.Due(b.ctx, epoch.Add(time.Hour), 10)
			b.ok(err)
			if len(got) != 0 {
				b.Fatalf("due before its time: %+v", got)
			}
			e.NextAt, e.Attempts, e.LastError = next, 1, "provider unreachable"
			got, err = b.Due(b.ctx, next, 10)
			b.ok(err)
			b.equal(got, []outbox.Entry{e})
		}},
		{"a finished entry keeps its outcome, and loses its payload unless it failed", checkFinish},
		{"an entry that waits or failed can be made due, any other cannot", checkRequeue},
		{"paging visits every entry once, the oldest first, and filters select what they name", checkOutboxPages},
		{"entries are listed by state", func(b *bench) {
			s := newSession("ann")
			one, two := entry(s, outbox.KindRevoke), entry(s, outbox.KindEndSession)
			two.NextAt = one.NextAt.Add(time.Second)
			b.ok(b.Add(b.ctx, []outbox.Entry{one, two}))
			b.ok(b.Finish(b.ctx, epoch, one.ID, outbox.Done, ""))
			for state, want := range map[outbox.State]int{outbox.Pending: 1, outbox.Done: 1, outbox.Failed: 0, "": 2} {
				list, err := b.ListOutbox(b.ctx, outbox.Filter{State: state, Limit: 10})
				b.ok(err)
				if len(list) != want {
					b.Errorf("state %q: %d entries, want %d", state, len(list), want)
				}
			}
			list, err := b.ListOutbox(b.ctx, outbox.Filter{Limit: 1})
			b.ok(err)
			if len(list) != 1 {
				b.Errorf("limit 1 gave %d", len(list))
			}
		}},
		{"entries are added all or none", func(b *bench) {
			s := newSession("ann")
			one, two := entry(s, outbox.KindRevoke), entry(s, outbox.KindRevoke)
			b.ok(b.Add(b.ctx, []outbox.Entry{one}))
			two.Session = "other"
			if err := b.Add(b.ctx, []outbox.Entry{two, one}); err == nil {
				b.Fatal("an entry was added twice")
			}
			list, err := b.BySession(b.ctx, "other")
			b.ok(err)
			if len(list) != 0 {
				b.Fatalf("half of an addition is stored: %+v", list)
			}
			b.ok(b.Add(b.ctx, nil))
		}},
		{"an entry without payload or state is pending and comes back empty", func(b *bench) {
			e := entry(newSession("ann"), outbox.KindRevoke)
			e.Payload, e.State = nil, ""
			b.ok(b.Add(b.ctx, []outbox.Entry{e}))
			got, err := b.Due(b.ctx, epoch.Add(time.Hour), 10)
			b.ok(err)
			if len(got) != 1 || len(got[0].Payload) != 0 || got[0].State != outbox.Pending {
				b.Fatalf("%+v", got)
			}
		}},
	}
}

func checkFinish(b *bench) {
	s := newSession("ann")
	for _, tc := range []struct {
		state    outbox.State
		attempts int
	}{{outbox.Done, 1}, {outbox.Failed, 1}, {outbox.Cancelled, 0}} {
		e := entry(s, outbox.KindRevoke)
		b.ok(b.Add(b.ctx, []outbox.Entry{e}))
		b.ok(b.Finish(b.ctx, epoch, e.ID, tc.state, "why"))
		// Nothing that comes later changes it.
		b.ok(b.Finish(b.ctx, epoch, e.ID, outbox.Failed, "later"))
		b.ok(b.Retry(b.ctx, e.ID, epoch, "later"))
		e.State, e.Attempts, e.LastError = tc.state, tc.attempts, "why"
		if tc.state != outbox.Failed { // that one may be requeued
			e.Payload = nil
		}
		b.equal(b.stateOf(s, e.ID, tc.state), e)
		list, err := b.ListOutbox(b.ctx, outbox.Filter{State: tc.state, Limit: 10})
		b.ok(err)
		b.equal(list, []outbox.Entry{e})
	}
	got, err := b.Due(b.ctx, epoch.Add(100*time.Hour), 10)
	b.ok(err)
	if len(got) != 0 {
		b.Fatalf("finished entries are due: %+v", got)
	}
	if err := b.Finish(b.ctx, epoch, "any", outbox.Pending, ""); err == nil {
		b.Fatal("an entry was finished as pending")
	}
}

func checkRequeue(b *bench) {
	s := newSession("ann")
	later := epoch.Add(100 * time.Hour)
	for _, state := range []outbox.State{outbox.Pending, outbox.Failed} {
		e := entry(s, outbox.KindRevoke)
		b.ok(b.Add(b.ctx, []outbox.Entry{e}))
		b.ok(b.Retry(b.ctx, e.ID, later.Add(time.Hour), "unreachable"))
		if state == outbox.Failed {
			b.ok(b.Finish(b.ctx, epoch, e.ID, outbox.Failed, "refused"))
		}
		b.ok(b.Requeue(b.ctx, later, e.ID))
		due, err := b.Due(b.ctx, later, 10)
		b.ok(err)
		if len(due) != 1 || due[0].ID != e.ID || string(due[0].Payload) != string(e.Payload) || !due[0].NextAt.Equal(later) {
			b.Fatalf("%s: due after requeueing: %+v", state, due)
		}
		// It has as long as it was given at first.
		b.equal(due[0].Deadline, later.Add(e.Deadline.Sub(e.CreatedAt)))
		b.ok(b.Finish(b.ctx, epoch, e.ID, outbox.Done, ""))
	}
	for _, state := range []outbox.State{outbox.Done, outbox.Cancelled} {
		e := entry(s, outbox.KindRevoke)
		b.ok(b.Add(b.ctx, []outbox.Entry{e}))
		b.ok(b.Finish(b.ctx, epoch, e.ID, state, ""))
		b.is(b.Requeue(b.ctx, later, e.ID), session.ErrConflict)
	}
	b.is(b.Requeue(b.ctx, later, "nobody"), session.ErrNotFound)

	// An app's logout whose cookies are gone has nothing left to be made with.
	_, e := b.endedWith("chat", "hub")
	b.ok(b.Requeue(b.ctx, later, e["hub"].ID))
	b.ok(b.Finish(b.ctx, epoch, e["chat"].ID, outbox.Failed, "refused"))
	b.is(b.Requeue(b.ctx, later, e["chat"].ID), session.ErrConflict)
}

func checkOutboxPages(b *bench) {
	var want []string
	for i := range 25 {
		e := entry(newSession("ann"), outbox.KindRevoke)
		e.CreatedAt = epoch.Add(time.Duration(i/3) * time.Second) // some at the same moment
		b.ok(b.Add(b.ctx, []outbox.Entry{e}))
		want = append(want, e.ID)
	}
	var got []string
	f := outbox.Filter{Limit: 4}
	for {
		page, err := b.ListOutbox(b.ctx, f)
		b.ok(err)
		for _, e := range page {
			got = append(got, e.ID)
			if !f.After.CreatedAt.IsZero() && e.CreatedAt.Before(f.After.CreatedAt) {
				b.Errorf("%s is older than what came before", e.ID)
			}
		}
		if len(page) < f.Limit {
			break
		}
		last := page[len(page)-1]
		f.After = outbox.Place{CreatedAt: last.CreatedAt, ID: last.ID}
	}
	slices.Sort(want)
	slices.Sort(got)
	b.equal(got, want)

	one := entry(newSession("bob"), outbox.KindEndSession)
	one.Provider = "second"
	b.ok(b.Add(b.ctx, []outbox.Entry{one}))
	b.ok(b.Retry(b.ctx, one.ID, epoch, "unreachable"))
	one.NextAt, one.Attempts, one.LastError = epoch, 1, "unreachable"
	for name, f := range map[string]outbox.Filter{
		"id": {ID: one.ID}, "kind": {Kind: outbox.KindEndSession}, "provider": {Provider: "second"}, "session": {Session: one.Session}, "failing": {Failing: true},
		"all": {ID: one.ID, State: outbox.Pending, Kind: one.Kind, Provider: "second", Session: one.Session, Failing: true},
	} {
		list, err := b.ListOutbox(b.ctx, f)
		b.ok(err)
		if d := diff([]outbox.Entry{one}, list); d != "" {
			b.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
	list, err := b.ListOutbox(b.ctx, outbox.Filter{Provider: "' OR 1=1 --"})
	b.ok(err)
	b.equal(len(list), 0)
}
