package storetest

import (
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

func sweepPromises() []promise {
	return []promise{
		{"tombstones stay until their time, then go with seats and receipts", checkSweep},
		{"sweeping takes no more than its limit at once", func(b *bench) {
			for _, name := range named("s", 10) {
				s, _ := b.opened(name)
				b.end(s, session.CauseButton)
				_, key := session.NewSeatValue()
				b.ok(b.Use(b.ctx, epoch, key, epoch.Add(time.Minute)))
			}
			total := 0
			for {
				n, err := b.Sweep(b.ctx, epoch.Add(1000*time.Hour), 3)
				b.ok(err)
				if n > 3 {
					b.Fatalf("%d swept, limit 3", n)
				}
				total += n
				if n < 3 {
					break
				}
			}
			if total < 20 {
				b.Fatalf("%d swept in all, want at least 20", total)
			}
			left, err := b.Tombstones(b.ctx, 0, 100)
			b.ok(err)
			if len(left) != 0 {
				b.Fatalf("%d tombstones left", len(left))
			}
		}},
		{"live sessions, fresh values and pending entries are never swept", func(b *bench) {
			s, seat := b.opened("ann")
			_, key := session.NewSeatValue()
			b.ok(b.Use(b.ctx, epoch, key, epoch.Add(time.Minute)))
			e := entry(s, outbox.KindRevoke)
			b.ok(b.Add(b.ctx, []outbox.Entry{e}))
			n, err := b.Sweep(b.ctx, epoch.Add(time.Minute-time.Microsecond), 100)
			b.ok(err)
			b.equal(n, 0)
			n, err = b.Sweep(b.ctx, epoch.Add(10000*time.Hour), 100)
			b.ok(err)
			b.equal(n, 1) // the single-use value
			_, _, err = b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.stateOf(s, e.ID, outbox.Pending)
		}},
		{"a place in the sequence is not given twice after sweeping", func(b *bench) {
			s, _ := b.opened("ann")
			b.end(s, session.CauseButton)
			before, err := b.Tombstones(b.ctx, 0, 10)
			b.ok(err)
			_, err = b.Sweep(b.ctx, epoch.Add(1000*time.Hour), 100)
			b.ok(err)
			next, _ := b.opened("bob")
			stone, err := b.End(b.ctx, epoch, ending(next, session.CauseButton))
			b.ok(err)
			if stone.Seq <= before[0].Seq {
				b.Fatalf("sequence went from %d to %d", before[0].Seq, stone.Seq)
			}
		}},
		{"finished entries stay while a receipt speaks of them", func(b *bench) {
			s, _ := b.opened("ann")
			e := b.end(s, session.CauseButton)
			for _, x := range e.Entries {
				b.ok(b.Finish(b.ctx, epoch, x.ID, outbox.Done, ""))
			}
			_, err := b.Sweep(b.ctx, e.Receipt.Until.Add(-time.Microsecond), 100)
			b.ok(err)
			b.stateOf(s, e.Entries[0].ID, outbox.Done)
			_, err = b.Sweep(b.ctx, e.Tombstone.Until, 100)
			b.ok(err)
			list, err := b.BySession(b.ctx, string(s.ID))
			b.ok(err)
			if len(list) != 0 {
				b.Fatalf("finished entries stay for ever: %+v", list)
			}
		}},
	}
}

func checkSweep(b *bench) {
	s, seat := b.opened("ann")
	e := b.end(s, session.CauseButton)
	_, err := b.Sweep(b.ctx, e.Tombstone.Until.Add(-time.Microsecond), 100)
	b.ok(err)
	_, _, err = b.BySeat(b.ctx, seat.Hash)
	b.ended(err, s.ID, session.CauseButton)
	_, err = b.ReceiptBySession(b.ctx, s.ID) // its own, shorter time is over
	b.is(err, signout.ErrNoReceipt)
	_, err = b.Sweep(b.ctx, e.Tombstone.Until, 100)
	b.ok(err)
	_, _, err = b.BySeat(b.ctx, seat.Hash)
	b.is(err, session.ErrNotFound)
	_, err = b.ByID(b.ctx, s.ID)
	b.is(err, session.ErrNotFound)
	b.stateOf(s, e.Entries[0].ID, outbox.Pending) // participants are still told
}
