package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// Call is one method of a store as a test calls it.
type Call struct {
	Name   string
	Writes bool
	Do     func(ctx context.Context, st Store) error
}

// Calls returns a call of every method. In a store that holds s with its seat and
// entry e, all of them return nil, once, in this order.
func Calls(s *session.Session, seat session.Seat, e outbox.Entry) []Call {
	return slices.Concat(lookups(s, seat), pictureCalls(), changes(s, e))
}

func read(name string, do func(context.Context, Store) error) Call { return Call{name, false, do} }

func write(name string, do func(context.Context, Store) error) Call { return Call{name, true, do} }

// lookups are the calls that the changes need not have come before.
func lookups(s *session.Session, seat session.Seat) []Call {
	return []Call{
		read("Ping", func(ctx context.Context, st Store) error { return st.Ping(ctx) }),
		read("BySeat", func(ctx context.Context, st Store) error { _, _, err := st.BySeat(ctx, seat.Hash); return err }),
		read("ByID", func(ctx context.Context, st Store) error { _, err := st.ByID(ctx, s.ID); return err }),
		read("List", func(ctx context.Context, st Store) error { _, err := st.List(ctx, session.Filter{}); return err }),
		read("Expired", func(ctx context.Context, st Store) error { _, err := st.Expired(ctx, epoch, 10); return err }),
		read("SharesProviderSession", func(ctx context.Context, st Store) error {
			_, err := st.SharesProviderSession(ctx, s.Identity.Issuer, s.SID)
			return err
		}),
		read("LoadVault", func(ctx context.Context, st Store) error { _, _, err := st.LoadVault(ctx, s.ID, "chat"); return err }),
		read("Tombstones", func(ctx context.Context, st Store) error { _, err := st.Tombstones(ctx, 0, 10); return err }),
		read("Due", func(ctx context.Context, st Store) error { _, err := st.Due(ctx, epoch, 10); return err }),
		read("BySession", func(ctx context.Context, st Store) error { _, err := st.BySession(ctx, string(s.ID)); return err }),
		read("ListOutbox", func(ctx context.Context, st Store) error {
			_, err := st.ListOutbox(ctx, outbox.Filter{Limit: 10})
			return err
		}),
		read("CountSessions", func(ctx context.Context, st Store) error {
			_, err := st.CountSessions(ctx, session.Filter{})
			return err
		}),
		read("ListAccounts", func(ctx context.Context, st Store) error {
			_, err := st.ListAccounts(ctx, account.Filter{})
			return err
		}),
		read("FindAccounts", func(ctx context.Context, st Store) error { _, err := st.FindAccounts(ctx, "nobody"); return err }),
		read("Unfinished", func(ctx context.Context, st Store) error { _, err := st.Unfinished(ctx, 10); return err }),
		read("Unlinkings", func(ctx context.Context, st Store) error { _, err := st.Unlinkings(ctx, 10); return err }),
		read("Person", func(ctx context.Context, st Store) error {
			if _, err := st.Person(ctx, "nobody"); !errors.Is(err, session.ErrNotFound) {
				return fmt.Errorf("an unknown person: %w", err)
			}
			return nil
		}),
		read("Clients", func(ctx context.Context, st Store) error { _, err := st.Clients(ctx); return err }),
		read("OpenedAs", func(ctx context.Context, st Store) error { _, err := st.OpenedAs(ctx); return err }),
		write("SetClients", func(ctx context.Context, st Store) error {
			return st.SetClients(ctx, []session.Client{{Provider: "main", Issuer: "https://id.example.com", ID: "cardea"}})
		}),
		read("IncidentHeads", func(ctx context.Context, st Store) error { _, err := st.IncidentHeads(ctx, 10); return err }),
		read("Incident", func(ctx context.Context, st Store) error {
			if _, err := st.Incident(ctx, "nobody"); !errors.Is(err, incident.ErrUnknown) {
				return fmt.Errorf("an unknown incident: %w", err)
			}
			return nil
		}),
		write("SaveIncidents", func(ctx context.Context, st Store) error {
			return st.SaveIncidents(ctx, epoch, []incident.Incident{refusal("outage", "denied", epoch)}, keep)
		}),
	}
}

// changes are the calls that build on one another.
func changes(s *session.Session, e outbox.Entry) []Call {
	other, added, opened := newSession("new"), newSeat(), newSeat()
	_, key := session.NewSeatValue()
	end := ending(s, session.CauseButton)
	end.Version++ // of the update
	end.Entries = append(end.Entries, appEntry(s, "chat"))
	extra := entry(s, outbox.KindRevoke)
	return []Call{
		write("OpenSession", func(ctx context.Context, st Store) error { return st.OpenSession(ctx, epoch, other, opened, "") }),
		write("AddSeat", func(ctx context.Context, st Store) error { return st.AddSeat(ctx, epoch, s.ID, added) }),
		write("Touch", func(ctx context.Context, st Store) error {
			return st.Touch(ctx, []session.Touch{{ID: s.ID, SeenAt: epoch.Add(time.Minute)}})
		}),
		write("UpdateSession", func(ctx context.Context, st Store) error { _, err := st.UpdateSession(ctx, epoch, s); return err }),
		write("SaveVault", func(ctx context.Context, st Store) error {
			_, err := st.SaveVault(ctx, epoch, s.ID, "chat", 0, []byte("cookies"))
			return err
		}),
		write("Use", func(ctx context.Context, st Store) error { return st.Use(ctx, epoch, key, epoch.Add(time.Hour)) }),
		write("Admit", func(ctx context.Context, st Store) error {
			_, created, err := st.Admit(ctx, epoch, admission("new", "new"))
			if err == nil && !created {
				err = errors.New("the account was there already")
			}
			return err
		}),
		write("people", func(ctx context.Context, st Store) error {
			_, err := st.SetDisabled(ctx, epoch, "nobody", true)
			for _, err := range []error{err, st.MarkErasing(ctx, epoch, "nobody")} {
				if !errors.Is(err, session.ErrNotFound) {
					return fmt.Errorf("an unknown account: %w", err)
				}
			}
			return nil
		}),
		write("linking", func(ctx context.Context, st Store) error {
			acc, _, err := st.Admit(ctx, epoch, admission("linker", "linker"))
			if err != nil {
				return err
			}
			l := linking(acc, "linker")
			if linked, err := st.Link(ctx, epoch, l); err != nil || !linked {
				return errors.Join(errors.New("not linked"), err)
			}
			return errors.Join(st.Unlink(ctx, epoch, acc.ID, l.Identity, "x", everyProvider), st.Settle(ctx, acc.ID, l.Identity))
		}),
		write("AdmitByEmail", func(ctx context.Context, st Store) error {
			_, err := st.AdmitByEmail(ctx, epoch, bySecond("by-email", "by-email@example.com", true), trusts)
			return err
		}),
		write("Erase", func(ctx context.Context, st Store) error {
			acc, _, err := st.Admit(ctx, epoch, admission("gone", "gone"))
			if err == nil {
				err = errors.Join(st.MarkErasing(ctx, epoch, acc.ID), st.Erase(ctx, epoch, acc.ID))
			}
			return err
		}),
		write("Requeue", func(ctx context.Context, st Store) error { return st.Requeue(ctx, epoch.Add(time.Minute), e.ID) }),
		write("Add", func(ctx context.Context, st Store) error { return st.Add(ctx, []outbox.Entry{extra}) }),
		write("Retry", func(ctx context.Context, st Store) error { return st.Retry(ctx, e.ID, epoch.Add(time.Hour), "later") }),
		write("Finish", func(ctx context.Context, st Store) error { return st.Finish(ctx, epoch, e.ID, outbox.Done, "") }),
		write("End", func(ctx context.Context, st Store) error { _, err := st.End(ctx, epoch, end); return err }),
		read("Receipt", func(ctx context.Context, st Store) error { _, err := st.Receipt(ctx, end.Receipt.State); return err }),
		read("ReceiptBySession", func(ctx context.Context, st Store) error { _, err := st.ReceiptBySession(ctx, s.ID); return err }),
		read("EndedVault", func(ctx context.Context, st Store) error {
			data, err := st.EndedVault(ctx, s.ID, "chat")
			if err == nil && string(data) != "cookies" {
				err = fmt.Errorf("the end left %q", data)
			}
			return err
		}),
		write("DropVault", func(ctx context.Context, st Store) error { return st.DropVault(ctx, s.ID, "chat") }),
		write("MarkReturned", func(ctx context.Context, st Store) error {
			_, err := st.MarkReturned(ctx, epoch, end.Receipt.State)
			return err
		}),
		read("Account", func(ctx context.Context, st Store) error {
			acc, _, err := st.Admit(ctx, epoch, admission("new", "new"))
			if err == nil {
				_, err = st.Account(ctx, acc.ID)
			}
			return err
		}),
		write("Record", func(ctx context.Context, st Store) error {
			return st.Record(ctx, epoch, audit.Event{Type: audit.BackupMade, Actor: audit.ActorGateway})
		}),
		read("AuditEvents", func(ctx context.Context, st Store) error { _, err := st.AuditEvents(ctx, audit.Filter{}); return err }),
		read("LastAudit", func(ctx context.Context, st Store) error { _, err := st.LastAudit(ctx); return err }),
		write("SweepAudit", func(ctx context.Context, st Store) error {
			_, err := st.SweepAudit(ctx, epoch.AddDate(-1, 0, 0), 0, 10)
			return err
		}),
		write("Sweep", func(ctx context.Context, st Store) error { _, err := st.Sweep(ctx, epoch, 10); return err }),
	}
}

// Outage is a way to make a store hang.
type Outage struct {
	WritesOnly bool                                          // reads go on
	Begin      func(t *testing.T, st Store) (release func()) // release ends it
}

// RunOutage checks what a store promises while it hangs and after: every call is
// released in time with session.ErrUnavailable, callers do not pile up inside, what was
// refused is never done later, and all is as before when the store is back.
func RunOutage(t *testing.T, st Store, o Outage) {
	b := &bench{T: t, Store: st, ctx: t.Context()}
	s, seat := b.opened("ann")
	e := entry(s, outbox.KindRevoke)
	b.ok(b.Add(b.ctx, []outbox.Entry{e}))
	calls := Calls(s, seat, e)
	before := runtime.NumGoroutine()

	release := o.Begin(t, st)
	b.refusesInTime(calls, o, 300*time.Millisecond)
	b.refusesInTime(calls[len(calls)-1:], o, 0) // no deadline of its own
	b.holdsFewCallers(o, before)
	release()

	b.comesBack()
	b.unchanged(s, seat, e)
	for _, c := range calls {
		if err := c.Do(b.ctx, st); err != nil {
			t.Errorf("%s after the outage: %v", c.Name, err)
		}
	}
}

// slack is what a call may take beyond its deadline, while it is served.
const slack = 700 * time.Millisecond

// ruler measures how long the machine did not serve this process: whoever is not served
// is released late, whatever a store does.
type ruler struct {
	lost atomic.Int64
	stop chan struct{}
	done sync.WaitGroup
}

func newRuler() *ruler {
	r := &ruler{stop: make(chan struct{})}
	r.done.Go(func() {
		const tick = 5 * time.Millisecond
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-r.stop:
				return
			case <-time.After(tick):
				if late := time.Since(last) - tick; late > tick {
					r.lost.Add(int64(late))
				}
			}
		}
	})
	return r
}

// unserved is how long that was until now.
func (r *ruler) unserved() time.Duration {
	time.Sleep(10 * time.Millisecond) // a stall that has just ended is counted
	return time.Duration(r.lost.Load())
}

func (r *ruler) end() {
	close(r.stop)
	r.done.Wait()
}

func (b *bench) refusesInTime(calls []Call, o Outage, deadline time.Duration) {
	b.Helper()
	r := newRuler()
	defer r.end()
	b.parallel(len(calls), func(i int) error {
		c, ctx := calls[i], b.ctx
		limit := HangLimit
		if deadline > 0 {
			limit = deadline
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, deadline)
			defer cancel()
		}
		start := time.Now()
		err := c.Do(ctx, b.Store)
		took := time.Since(start)
		ofTheEnd := slices.Contains([]string{"Receipt", "ReceiptBySession", "EndedVault"}, c.Name)
		if o.WritesOnly && !c.Writes && c.Name != "Account" && !ofTheEnd {
			if errors.Is(err, context.DeadlineExceeded) && r.unserved() > deadline/2 {
				err = c.Do(b.ctx, b.Store) // it was not the store that took so long
			}
			return err
		}
		if took > limit+slack {
			if lost := r.unserved(); took > limit+slack+lost {
				b.Errorf("%s was released after %v, limit %v, %v of it unserved", c.Name, took, limit, lost)
			}
		}
		if ofTheEnd && o.WritesOnly {
			return nil // there was none: reads that go on say so
		}
		if !errors.Is(err, session.ErrUnavailable) {
			b.Errorf("%s: %v, want ErrUnavailable", c.Name, err)
		}
		return nil
	})
}

// holdsFewCallers demands that callers that were released do not stay inside.
func (b *bench) holdsFewCallers(o Outage, before int) {
	b.Helper()
	b.parallel(300, func(int) error {
		ctx, cancel := context.WithTimeout(b.ctx, 50*time.Millisecond)
		defer cancel()
		_, key := session.NewSeatValue()
		if err := b.Use(ctx, epoch, key, epoch); !errors.Is(err, session.ErrUnavailable) {
			b.Errorf("Use: %v", err)
		}
		if _, err := b.ByID(ctx, "nobody"); !errors.Is(err, session.ErrUnavailable) && !o.WritesOnly {
			b.Errorf("ByID: %v", err)
		}
		return nil
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		held := runtime.NumGoroutine() - before // whoever is released may still be on the way out
		if held <= 40 {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%d goroutines are held by an outage of 600 calls", held)
		}
	}
}

func (b *bench) comesBack() {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		_, key := session.NewSeatValue()
		err := errors.Join(b.Ping(b.ctx), b.Use(b.ctx, epoch, key, epoch))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("store does not come back: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// unchanged demands that nothing of what was refused has been done.
func (b *bench) unchanged(s *session.Session, seat session.Seat, e outbox.Entry) {
	b.Helper()
	got, _, err := b.BySeat(b.ctx, seat.Hash)
	b.ok(err)
	b.equal(got, s)
	b.kept(s.ID, "chat", nil, 0)
	list, err := b.List(b.ctx, session.Filter{})
	b.ok(err)
	b.equal(names(list), []string{"ann"})
	entries, err := b.ListOutbox(b.ctx, outbox.Filter{Limit: 10})
	b.ok(err)
	b.equal(entries, []outbox.Entry{e})
	heads, err := b.IncidentHeads(b.ctx, 10)
	b.ok(err)
	b.equal(heads, []incident.Head{})
	ends, err := b.Tombstones(b.ctx, 0, 10)
	b.ok(err)
	if len(ends) != 0 {
		b.Fatalf("ended during the outage: %+v", ends)
	}
}
