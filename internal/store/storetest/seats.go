package storetest

import (
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

func seatPromises() []promise {
	return []promise{
		{"a session has a seat for every origin", func(b *bench) {
			s, first := b.opened("ann")
			second := newSeat()
			second.Origin = "https://hub.example.com:8443"
			b.ok(b.AddSeat(b.ctx, epoch, s.ID, second))
			for _, want := range []session.Seat{first, second} {
				got, seat, err := b.BySeat(b.ctx, want.Hash)
				b.ok(err)
				b.equal(seat, want)
				b.equal(got, s)
			}
		}},
		{"adding the same seat again changes nothing", func(b *bench) {
			s, seat := b.opened("ann")
			b.ok(b.AddSeat(b.ctx, epoch, s.ID, seat))
			_, got, err := b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.equal(got, seat)
		}},
		{"a seat never moves to another session or origin by being added", func(b *bench) {
			s, seat := b.opened("ann")
			other, _ := b.opened("bob")
			b.is(b.AddSeat(b.ctx, epoch, other.ID, seat), session.ErrConflict)
			moved := seat
			moved.Origin = "https://evil.example.com"
			b.is(b.AddSeat(b.ctx, epoch, s.ID, moved), session.ErrConflict)
			b.is(b.OpenSession(b.ctx, epoch, newSession("eve"), seat, ""), session.ErrConflict)
			got, gotSeat, err := b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.equal(got, s)
			b.equal(gotSeat, seat)
		}},
		{"opening that is refused leaves nothing", func(b *bench) {
			_, taken := b.opened("ann")
			s := newSession("eve")
			b.is(b.OpenSession(b.ctx, epoch, s, taken, ""), session.ErrConflict)
			_, err := b.ByID(b.ctx, s.ID)
			b.is(err, session.ErrNotFound)
		}},
		{"seats of one origin are bounded and the newest stay", func(b *bench) {
			s, _ := b.opened("ann")
			var last session.Seat
			for i := range 200 {
				last = newSeat()
				last.CreatedAt = epoch.Add(time.Duration(i+1) * time.Second)
				b.ok(b.AddSeat(b.ctx, epoch, s.ID, last))
			}
			_, _, err := b.BySeat(b.ctx, last.Hash)
			b.ok(err)
		}},
		{"a renewed session takes the seats and the old one is over", checkRenewal},
		{"a renewal may bring a seat of its own", func(b *bench) {
			old, oldSeat := b.opened("ann")
			next, seat := newSession("ann"), newSeat()
			b.ok(b.OpenSession(b.ctx, epoch, next, seat, old.ID))
			for _, h := range []session.SeatHash{oldSeat.Hash, seat.Hash} {
				got, _, err := b.BySeat(b.ctx, h)
				b.ok(err)
				b.equal(got, next)
			}
		}},
		{"a session that ended meanwhile cannot be renewed", func(b *bench) {
			old, oldSeat := b.opened("ann")
			b.end(old, session.CauseButton)
			next := newSession("ann")
			err := b.OpenSession(b.ctx, epoch, next, newSeat(), old.ID)
			b.ended(err, old.ID, session.CauseButton)
			_, err = b.ByID(b.ctx, next.ID)
			b.is(err, session.ErrNotFound)
			_, _, err = b.BySeat(b.ctx, oldSeat.Hash)
			b.ended(err, old.ID, session.CauseButton)
		}},
		{"a renewal never hands seats to another account", func(b *bench) {
			old, seat := b.opened("ann")
			b.is(b.OpenSession(b.ctx, epoch, newSession("bob"), session.Seat{}, old.ID), session.ErrConflict)
			got, _, err := b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.equal(got, old)
		}},
	}
}

func checkRenewal(b *bench) {
	old, first := b.opened("ann")
	second := newSeat()
	second.Origin = "https://hub.example.com"
	b.ok(b.AddSeat(b.ctx, epoch, old.ID, second))
	next := newSession("ann")
	at := epoch.Add(time.Minute)
	b.ok(b.OpenSession(b.ctx, at, next, session.Seat{}, old.ID)) // the browser keeps its seats
	for _, want := range []session.Seat{first, second} {
		got, seat, err := b.BySeat(b.ctx, want.Hash)
		b.ok(err)
		b.equal(got, next)
		b.equal(seat, want)
	}
	_, err := b.ByID(b.ctx, old.ID)
	b.ended(err, old.ID, session.CauseRenewed)
	_, err = b.UpdateSession(b.ctx, epoch, old)
	b.ended(err, old.ID, session.CauseRenewed)

	ends, err := b.Tombstones(b.ctx, 0, 10)
	b.ok(err)
	if len(ends) != 1 || !ends[0].EndedAt.Equal(at) || ends[0].Fresh || !ends[0].Until.After(old.AbsoluteUntil()) {
		b.Fatalf("ends: %+v", ends)
	}
	entries, err := b.BySession(b.ctx, string(old.ID))
	b.ok(err)
	if len(entries) != 0 {
		b.Fatalf("a renewal told participants: %+v", entries)
	}
	// Sweeping the old session's tombstone takes no seat of the new one.
	_, err = b.Sweep(b.ctx, ends[0].Until, 100)
	b.ok(err)
	_, _, err = b.BySeat(b.ctx, first.Hash)
	b.ok(err)
}
