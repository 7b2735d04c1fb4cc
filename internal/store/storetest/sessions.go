package storetest

import (
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

func sessionPromises() []promise {
	return []promise{
		{"session is returned as it was stored", func(b *bench) {
			s, seat := b.opened("ann")
			got, gotSeat, err := b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.equal(got, s)
			b.equal(gotSeat, seat)
			got, err = b.ByID(b.ctx, s.ID)
			b.ok(err)
			b.equal(got, s)
		}},
		{"session without limits, claims or tokens is returned as it was stored", func(b *bench) {
			s, seat := b.opened("bare", func(s *session.Session) {
				*s = session.Session{ID: s.ID, Account: s.Account, CreatedAt: epoch, Version: 7}
			})
			got, _, err := b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.equal(got, s)
		}},
		{"unknown names are not found", func(b *bench) {
			_, seat := b.opened("ann")
			_, _, err := b.BySeat(b.ctx, newSeat().Hash)
			b.is(err, session.ErrNotFound)
			_, _, err = b.BySeat(b.ctx, session.SeatHash{})
			b.is(err, session.ErrNotFound)
			_, err = b.ByID(b.ctx, "nobody")
			b.is(err, session.ErrNotFound)
			_, err = b.UpdateSession(b.ctx, epoch, newSession("ghost"))
			b.is(err, session.ErrNotFound)
			b.is(b.AddSeat(b.ctx, epoch, "nobody", newSeat()), session.ErrNotFound)
			_, err = b.End(b.ctx, epoch, ending(newSession("ghost"), session.CauseButton))
			b.is(err, session.ErrNotFound)
			b.is(b.OpenSession(b.ctx, epoch, newSession("new"), newSeat(), "nobody"), session.ErrNotFound)
			_, _, err = b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
		}},
		{"session id is opened once", func(b *bench) {
			s, seat := b.opened("ann")
			second := *s
			second.Handle = "mallory"
			if err := b.OpenSession(b.ctx, epoch, &second, newSeat(), ""); err == nil {
				b.Fatal("a second session was opened under the same id")
			}
			got, _, err := b.BySeat(b.ctx, seat.Hash)
			b.ok(err)
			b.equal(got, s)
		}},
		{"update stores everything that may change and adds one to the version", checkUpdate},
		{"update of an older version conflicts and changes nothing", func(b *bench) {
			s, _ := b.opened("ann")
			first, err := b.UpdateSession(b.ctx, epoch, s)
			b.ok(err)
			stale := *s
			stale.Grant.Tokens.AccessToken = "stale"
			_, err = b.UpdateSession(b.ctx, epoch, &stale)
			b.is(err, session.ErrConflict)
			ahead := *first
			ahead.Version += 5
			_, err = b.UpdateSession(b.ctx, epoch, &ahead)
			b.is(err, session.ErrConflict)
			got, err := b.ByID(b.ctx, s.ID)
			b.ok(err)
			b.equal(got, first)
		}},
		{"touch moves only forward, keeps the version and survives an update", checkTouch},
		{"update keeps the argument as it was", func(b *bench) {
			s, _ := b.opened("ann")
			before := *s
			_, err := b.UpdateSession(b.ctx, epoch, s)
			b.ok(err)
			b.equal(s, &before)
		}},
		{"ping answers", func(b *bench) { b.ok(b.Ping(b.ctx)) }},
	}
}

func checkUpdate(b *bench) {
	s, _ := b.opened("ann")
	next := *s
	next.SID, next.AuthTime, next.SeenAt = "sid-new", epoch.Add(time.Minute), epoch.Add(2*time.Minute)
	next.ACR = "urn:example:silver"
	next.Limits = session.Limits{Idle: 2 * time.Hour, Absolute: 72 * time.Hour}
	next.UserAgent, next.Address = "other", "192.0.2.1"
	next.Claims = oidc.Claims{"email": "new@example.com"}
	next.Profile = oidc.Profile{Email: "new@example.com"}
	next.Grant = session.Grant{Tokens: oidc.Tokens{AccessToken: "new"}, State: session.GrantLost, LostSince: epoch}
	want := next
	want.Version = s.Version + 1

	tampered := next
	tampered.Account, tampered.Handle, tampered.Provider = "other", "other", "other"
	tampered.Identity, tampered.CreatedAt = oidc.Identity{Issuer: "other", Subject: "other"}, epoch.Add(time.Hour)
	got, err := b.UpdateSession(b.ctx, epoch, &tampered)
	b.ok(err)
	b.equal(got, &want)
	got, err = b.ByID(b.ctx, s.ID)
	b.ok(err)
	b.equal(got, &want)

	// What an update sets, every index knows.
	list, err := b.List(b.ctx, session.Filter{Identity: oidc.Identity{Issuer: s.Identity.Issuer}, SID: "sid-new"})
	b.ok(err)
	b.equal(names(list), []string{"ann"})
	late, err := b.Expired(b.ctx, epoch.Add(2*time.Minute+90*time.Minute), 10)
	b.ok(err)
	b.equal(names(late), []string{})
	late, err = b.Expired(b.ctx, epoch.Add(2*time.Minute+2*time.Hour), 10)
	b.ok(err)
	b.equal(names(late), []string{"ann"})
}

func checkTouch(b *bench) {
	s, _ := b.opened("ann")
	other, _ := b.opened("bob")
	seen := func(want time.Time) *session.Session {
		b.Helper()
		got, err := b.ByID(b.ctx, s.ID)
		b.ok(err)
		if !got.SeenAt.Equal(want) || got.Version < s.Version {
			b.Fatalf("seen at %v (version %d), want %v", got.SeenAt, got.Version, want)
		}
		return got
	}
	forward := epoch.Add(10 * time.Minute)
	b.ok(b.Touch(b.ctx, []session.Touch{{ID: s.ID, SeenAt: forward}, {ID: "nobody", SeenAt: forward}, {ID: s.ID, SeenAt: epoch.Add(time.Minute)}}))
	seen(forward)
	b.ok(b.Touch(b.ctx, []session.Touch{{ID: s.ID, SeenAt: epoch.Add(-time.Hour)}}))
	if got := seen(forward); got.Version != s.Version {
		b.Fatalf("touch changed the version to %d", got.Version)
	}
	b.ok(b.Touch(b.ctx, nil))

	// The updater read the session before the touch: the touch stays.
	next, err := b.UpdateSession(b.ctx, epoch, s)
	b.ok(err)
	if !next.SeenAt.Equal(forward) {
		b.Fatalf("update moved SeenAt back to %v", next.SeenAt)
	}
	seen(forward)
	late, err := b.Expired(b.ctx, epoch.Add(time.Hour), 10)
	b.ok(err)
	b.equal(names(late), []string{"bob"})
	got, err := b.ByID(b.ctx, other.ID)
	b.ok(err)
	b.equal(got, other)
}
