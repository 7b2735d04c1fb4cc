package storetest

import (
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

func receiptPromises() []promise {
	return []promise{
		{"unknown states and sessions have no receipt", func(b *bench) {
			s, _ := b.opened("ann")
			e := ending(s, session.CauseExpired)
			e.Receipt.State = session.SeatHash{}
			_, err := b.End(b.ctx, epoch, e)
			b.ok(err)
			got, err := b.ReceiptBySession(b.ctx, s.ID)
			b.ok(err)
			b.equal(got, e.Receipt)
			// The zero state belongs to receipts that have none, and finds none of them.
			_, err = b.Receipt(b.ctx, session.SeatHash{})
			b.is(err, signout.ErrNoReceipt)
			_, err = b.MarkReturned(b.ctx, epoch, session.SeatHash{})
			b.is(err, signout.ErrNoReceipt)
			_, err = b.MarkReturned(b.ctx, epoch, newSeat().Hash)
			b.is(err, signout.ErrNoReceipt)
			_, err = b.ReceiptBySession(b.ctx, "nobody")
			b.is(err, signout.ErrNoReceipt)
			// Many receipts without a state live side by side.
			other, _ := b.opened("bob")
			e = ending(other, session.CauseExpired)
			e.Receipt.State = session.SeatHash{}
			_, err = b.End(b.ctx, epoch, e)
			b.ok(err)
		}},
		{"a return is noted once and cancels the pending end-session call of that session only", checkReturn},
		{"a return undoes no delivery that was made", func(b *bench) {
			s, _ := b.opened("ann")
			e := b.end(s, session.CauseButton)
			call := e.Entries[1].ID
			b.ok(b.Finish(b.ctx, epoch, call, outbox.Done, ""))
			_, err := b.MarkReturned(b.ctx, epoch, e.Receipt.State)
			b.ok(err)
			b.stateOf(s, call, outbox.Done)
		}},
		{"a delivery that ends after the return stays cancelled", func(b *bench) {
			s, _ := b.opened("ann")
			e := b.end(s, session.CauseButton)
			call := e.Entries[1].ID
			_, err := b.MarkReturned(b.ctx, epoch, e.Receipt.State)
			b.ok(err)
			b.ok(b.Finish(b.ctx, epoch, call, outbox.Failed, "late"))
			b.ok(b.Retry(b.ctx, call, epoch, "late"))
			b.stateOf(s, call, outbox.Cancelled)
		}},
	}
}

func checkReturn(b *bench) {
	ann, _ := b.opened("ann")
	bob, _ := b.opened("bob")
	e := b.end(ann, session.CauseButton)
	other := b.end(bob, session.CauseButton)
	at := epoch.Add(90 * time.Second)
	want := e.Receipt
	want.Returned = at
	for i := range 2 {
		got, err := b.MarkReturned(b.ctx, at.Add(time.Duration(i)*time.Hour), e.Receipt.State)
		b.ok(err)
		b.equal(got, want)
	}
	got, err := b.Receipt(b.ctx, e.Receipt.State)
	b.ok(err)
	b.equal(got, want)
	b.stateOf(ann, e.Entries[0].ID, outbox.Pending)
	cancelled := b.stateOf(ann, e.Entries[1].ID, outbox.Cancelled)
	if len(cancelled.Payload) != 0 || cancelled.Attempts != 0 {
		b.Fatalf("cancelled entry keeps its payload or counts an attempt: %+v", cancelled)
	}
	b.stateOf(bob, other.Entries[1].ID, outbox.Pending)
	due, err := b.Due(b.ctx, epoch.Add(time.Hour), 10)
	b.ok(err)
	if _, ok := byID(due)[e.Entries[1].ID]; ok || len(due) != 3 {
		b.Fatalf("due after the return: %+v", due)
	}
}

func (b *bench) stateOf(s *session.Session, id string, want outbox.State) outbox.Entry {
	b.Helper()
	entries, err := b.BySession(b.ctx, string(s.ID))
	b.ok(err)
	e, ok := byID(entries)[id]
	if !ok || e.State != want {
		b.Fatalf("entry %s: %+v, want state %s", id, e, want)
	}
	return e
}
