package storetest

import (
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
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
		{"a finished entry keeps its outcome and loses its payload", checkFinish},
		{"entries are listed by state", func(b *bench) {
			s := newSession("ann")
			one, two := entry(s, outbox.KindRevoke), entry(s, outbox.KindEndSession)
			two.NextAt = one.NextAt.Add(time.Second)
			b.ok(b.Add(b.ctx, []outbox.Entry{one, two}))
			b.ok(b.Finish(b.ctx, epoch, one.ID, outbox.Done, ""))
			for state, want := range map[outbox.State]int{outbox.Pending: 1, outbox.Done: 1, outbox.Failed: 0, "": 2} {
				list, err := b.ListOutbox(b.ctx, state, 10)
				b.ok(err)
				if len(list) != want {
					b.Errorf("state %q: %d entries, want %d", state, len(list), want)
				}
			}
			list, err := b.ListOutbox(b.ctx, "", 1)
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
		e.State, e.Attempts, e.LastError, e.Payload = tc.state, tc.attempts, "why", nil
		b.equal(b.stateOf(s, e.ID, tc.state), e)
		list, err := b.ListOutbox(b.ctx, tc.state, 10)
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
