package storetest

import (
	"slices"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// checkNewerStays: one person's two sign-ins share everything they can be found by: the
// provider's session, the identity, the account, the origin. The end of the older one
// must leave all the names by which the newer one is found.
func checkNewerStays(b *bench) {
	old, oldSeat := b.opened("ann")
	newer, seat := b.opened("ann")
	b.end(old, session.CauseButton)
	b.findable(seat, newer)
	_, _, err := b.BySeat(b.ctx, oldSeat.Hash)
	b.ended(err, old.ID, session.CauseButton)

	renewed := newSession("ann")
	b.ok(b.OpenSession(b.ctx, epoch, renewed, session.Seat{}, newer.ID))
	b.findable(seat, renewed)

	// The sign-in that replaced the newer one is ended by the provider; one that
	// authenticated after that stays.
	b.end(renewed, session.CauseBackChannel)
	b.findable(session.Seat{})
	again, seat := b.opened("ann", func(s *session.Session) { s.AuthTime = epoch.AddDate(0, 0, 1) })
	_, err = b.Sweep(b.ctx, epoch.AddDate(1, 0, 0), 100) // all three tombstones
	b.ok(err)
	b.findable(seat, again)
}

// findable demands that exactly these sessions of ann answer to every name she has, and
// that the first has the seat.
func (b *bench) findable(seat session.Seat, want ...*session.Session) {
	b.Helper()
	ann := newSession("ann")
	ids := func(list []*session.Session) []session.ID {
		out := []session.ID{}
		for _, s := range list {
			out = append(out, s.ID)
		}
		slices.Sort(out)
		return out
	}
	for name, f := range map[string]session.Filter{
		"issuer and sid": {Identity: oidc.Identity{Issuer: ann.Identity.Issuer}, SID: ann.SID}, "identity": {Identity: ann.Identity},
		"account": {Account: ann.Account}, "provider": {Provider: ann.Provider}, "all": {},
	} {
		list, err := b.List(b.ctx, f)
		b.ok(err)
		if d := diff(ids(want), ids(list)); d != "" {
			b.Errorf("by %s: (-want +got)\n%s", name, d)
		}
	}
	shared, err := b.SharesProviderSession(b.ctx, ann.Identity.Issuer, ann.SID)
	b.ok(err)
	b.equal(shared, len(want) > 0)
	late, err := b.Expired(b.ctx, epoch.AddDate(2, 0, 0), 10)
	b.ok(err)
	b.equal(ids(late), ids(want))
	if len(want) > 0 {
		got, _, err := b.BySeat(b.ctx, seat.Hash)
		b.ok(err)
		b.equal(got, want[0])
	}
}
