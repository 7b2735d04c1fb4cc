package storetest

import (
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

func endPromises() []promise {
	return []promise{
		{"an end stores tombstone, receipt and entries together", checkEnd},
		{"an end of a changed session conflicts and stores nothing", func(b *bench) {
			s, seat := b.opened("ann")
			_, err := b.UpdateSession(b.ctx, epoch, s)
			b.ok(err)
			e := ending(s, session.CauseButton)
			_, err = b.End(b.ctx, epoch, e)
			b.is(err, session.ErrConflict)
			_, _, err = b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.noTrace(e)
		}},
		{"a touch does not make an end conflict", func(b *bench) {
			s, _ := b.opened("ann")
			b.ok(b.Touch(b.ctx, []session.Touch{{ID: s.ID, SeenAt: epoch.Add(time.Minute)}}))
			b.end(s, session.CauseButton)
		}},
		{"a session ends once", func(b *bench) {
			s, _ := b.opened("ann")
			first := b.end(s, session.CauseButton)
			again := ending(s, session.CauseAdmin)
			_, err := b.End(b.ctx, epoch, again)
			b.ended(err, s.ID, session.CauseButton)
			b.noTrace(again)
			got, err := b.ReceiptBySession(b.ctx, s.ID)
			b.ok(err)
			b.equal(got, first.Receipt)
		}},
		{"an ended session is revived by nothing that comes late", checkNoRevival},
		{"an end whose entry cannot be stored does not happen", func(b *bench) {
			s, seat := b.opened("ann")
			e := ending(s, session.CauseButton)
			e.Entries[1].ID = e.Entries[0].ID
			if _, err := b.End(b.ctx, epoch, e); err == nil {
				b.Fatal("two entries of one id were stored")
			}
			_, _, err := b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.noTrace(e)
		}},
		{"an end without Until gets a tombstone that outlives the absolute limit", func(b *bench) {
			for _, limit := range []time.Duration{0, time.Hour, 1000 * time.Hour} {
				s, _ := b.opened("ann", func(s *session.Session) { s.Limits.Absolute = limit })
				e := ending(s, session.CauseExpired)
				e.Tombstone.Until = time.Time{}
				stone, err := b.End(b.ctx, epoch, e)
				b.ok(err)
				if least := s.CreatedAt.Add(limit); !stone.Until.After(least) || limit == 0 && stone.Until.Before(epoch.AddDate(1, 0, 0)) {
					b.Fatalf("limit %v: tombstone until %v", limit, stone.Until)
				}
			}
		}},
		{"killing an old session keeps the index of newer ones", checkNewerStays},
		{"the provider's logout stops a sign-in under way", checkLogoutOvertakes},
		{"ends are numbered in the order in which they can be read", func(b *bench) {
			var want []session.ID
			for _, name := range named("s", 25) {
				s, _ := b.opened(name)
				b.end(s, session.CauseButton)
				want = append(want, s.ID)
			}
			var got []session.ID
			after := int64(0)
			for {
				page, err := b.Tombstones(b.ctx, after, 7)
				b.ok(err)
				for _, t := range page {
					if t.Seq <= after {
						b.Fatalf("sequence went from %d to %d", after, t.Seq)
					}
					after = t.Seq
					got = append(got, t.Session)
				}
				if len(page) < 7 {
					break
				}
			}
			b.equal(got, want)
		}},
	}
}

// noTrace demands that nothing of e is stored.
func (b *bench) noTrace(e signout.Ending) {
	b.Helper()
	_, err := b.Receipt(b.ctx, e.Receipt.State)
	b.is(err, signout.ErrNoReceipt)
	entries, err := b.ListOutbox(b.ctx, outbox.Filter{Limit: 1000})
	b.ok(err)
	for _, got := range entries {
		for _, planned := range e.Entries {
			if got.ID == planned.ID {
				b.Fatalf("entry %s of an end that did not happen", got.ID)
			}
		}
	}
}

func checkEnd(b *bench) {
	s, seat := b.opened("ann")
	e := ending(s, session.CauseButton)
	stone, err := b.End(b.ctx, epoch, e)
	b.ok(err)
	want := e.Tombstone
	want.Seq = stone.Seq
	b.equal(stone, want)
	_, _, err = b.BySeat(b.ctx, seat.Hash)
	b.ended(err, s.ID, session.CauseButton)
	_, err = b.ByID(b.ctx, s.ID)
	b.ended(err, s.ID, session.CauseButton)

	ends, err := b.Tombstones(b.ctx, 0, 10)
	b.ok(err)
	b.equal(ends, []session.Tombstone{want})
	for _, read := range []func() (signout.Receipt, error){
		func() (signout.Receipt, error) { return b.Receipt(b.ctx, e.Receipt.State) },
		func() (signout.Receipt, error) { return b.ReceiptBySession(b.ctx, s.ID) },
	} {
		r, err := read()
		b.ok(err)
		b.equal(r, e.Receipt)
	}
	entries, err := b.BySession(b.ctx, string(s.ID))
	b.ok(err)
	b.equal(byID(entries), byID(e.Entries))
}

func byID(entries []outbox.Entry) map[string]outbox.Entry {
	m := make(map[string]outbox.Entry)
	for _, e := range entries {
		m[e.ID] = e
	}
	return m
}

func checkNoRevival(b *bench) {
	s, seat := b.opened("ann")
	late, err := b.UpdateSession(b.ctx, epoch, s)
	b.ok(err)
	b.end(late, session.CauseButton)

	_, err = b.UpdateSession(b.ctx, epoch, late)
	b.ended(err, s.ID, session.CauseButton)
	_, err = b.UpdateSession(b.ctx, epoch, s)
	b.ended(err, s.ID, session.CauseButton)
	b.ended(b.AddSeat(b.ctx, epoch, s.ID, newSeat()), s.ID, session.CauseButton)
	b.ok(b.Touch(b.ctx, []session.Touch{{ID: s.ID, SeenAt: epoch.Add(time.Hour)}}))
	b.ended(b.OpenSession(b.ctx, epoch, s, newSeat(), ""), s.ID, session.CauseButton)
	b.ended(b.OpenSession(b.ctx, epoch, newSession("ann"), newSeat(), s.ID), s.ID, session.CauseButton)

	_, _, err = b.BySeat(b.ctx, seat.Hash)
	b.ended(err, s.ID, session.CauseButton)
	_, err = b.ByID(b.ctx, s.ID)
	b.ended(err, s.ID, session.CauseButton)
	list, err := b.List(b.ctx, session.Filter{})
	b.ok(err)
	b.equal(names(list), []string{})
}

// checkLogoutOvertakes: OpenID Connect Back-Channel Logout 1.0 section 2.7.
func checkLogoutOvertakes(b *bench) {
	s, _ := b.opened("ann")
	b.end(s, session.CauseBackChannel) // at epoch + 1 minute

	same := newSession("ann")
	b.ended(b.OpenSession(b.ctx, epoch, same, newSeat(), ""), s.ID, session.CauseBackChannel)
	anew := newSession("ann")
	anew.AuthTime = epoch.Add(2 * time.Minute)
	b.ok(b.OpenSession(b.ctx, epoch, anew, newSeat(), ""))
	elsewhere := newSession("ann")
	elsewhere.SID = "sid-of-another-browser"
	b.ok(b.OpenSession(b.ctx, epoch, elsewhere, newSeat(), ""))

	// A silent re-authorization that came back with the dead provider session is refused too.
	dead := *elsewhere
	dead.SID = s.SID
	_, err := b.UpdateSession(b.ctx, epoch, &dead)
	b.ended(err, s.ID, session.CauseBackChannel)

	// Ends that are ours do not speak of the provider's session.
	bob, _ := b.opened("bob")
	b.end(bob, session.CauseButton)
	b.ok(b.OpenSession(b.ctx, epoch, newSession("bob"), newSeat(), ""))

	// The provider ends what no session here belongs to yet: by sid, and by subject alone.
	for _, name := range []string{"carol", "dora"} {
		s := newSession(name)
		stone := session.Tombstone{Provider: s.Provider, Identity: s.Identity, SID: s.SID, Cause: session.CauseBackChannel, EndedAt: epoch, Until: epoch.Add(time.Hour)}
		if name == "dora" {
			stone.SID = ""
		}
		for range 2 {
			_, err := b.End(b.ctx, epoch, signout.Ending{Tombstone: stone})
			b.ok(err)
		}
		b.ended(b.OpenSession(b.ctx, epoch, s, newSeat(), ""), "", session.CauseBackChannel)
		s.AuthTime = epoch.Add(time.Second)
		b.ok(b.OpenSession(b.ctx, epoch, s, newSeat(), ""))
	}
}
