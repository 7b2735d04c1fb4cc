package storetest

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// maxVault is what a store keeps for a session and an app, and no more.
const maxVault = 256 << 10

func vaultPromises() []promise {
	return []promise{
		{"a vault is kept by session and app, as it was saved", checkVault},
		{"a save of another version conflicts and changes nothing", checkVaultVersions},
		{"256 KiB are kept, more is refused and changes nothing", func(b *bench) {
			s, _ := b.opened("ann")
			full := bytes.Repeat([]byte("c"), maxVault)
			b.save(s.ID, "chat", 0, full)
			_, err := b.SaveVault(b.ctx, epoch, s.ID, "chat", 1, append(full, 'c'))
			_, fresh := b.SaveVault(b.ctx, epoch, s.ID, "hub", 0, append(full, 'c'))
			for _, err := range []error{err, fresh} {
				if err == nil || errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrUnavailable) {
					b.Fatalf("a vault that is too large: %v", err)
				}
			}
			b.kept(s.ID, "chat", full, 1)
			b.kept(s.ID, "hub", nil, 0)
		}},
		{"the vault of an unknown session is not found", func(b *bench) {
			_, _, err := b.LoadVault(b.ctx, "nobody", "chat")
			b.is(err, session.ErrNotFound)
			for _, version := range []int64{0, 1} {
				_, err = b.SaveVault(b.ctx, epoch, "nobody", "chat", version, []byte("x"))
				b.is(err, session.ErrNotFound)
			}
			b.left("nobody", "chat", nil)
			b.ok(b.DropVault(b.ctx, "nobody", "chat"))
		}},
		{"a live session's vault is not to be had or dropped as an ended one's", func(b *bench) {
			s, _ := b.opened("ann")
			b.save(s.ID, "chat", 0, []byte("c"))
			if data, err := b.EndedVault(b.ctx, s.ID, "chat"); err == nil || data != nil {
				b.Fatalf("EndedVault of a live session: %q, %v", data, err)
			}
			if err := b.DropVault(b.ctx, s.ID, "chat"); err == nil {
				b.Fatal("DropVault of a live session")
			}
			b.kept(s.ID, "chat", []byte("c"), 1)
		}},
		{"touches and updates of a session leave its vault alone", func(b *bench) {
			s, _ := b.opened("ann")
			b.save(s.ID, "chat", 0, []byte("c"))
			_, err := b.UpdateSession(b.ctx, epoch, s)
			b.ok(err)
			b.ok(b.Touch(b.ctx, []session.Touch{{ID: s.ID, SeenAt: epoch.Add(time.Minute)}}))
			b.kept(s.ID, "chat", []byte("c"), 1)
		}},
		{"a renewed session takes the vaults with it", checkVaultRenewal},
		{"a renewal that is refused moves no vault", func(b *bench) {
			old, _ := b.opened("ann")
			b.save(old.ID, "chat", 0, []byte("c"))
			other := newSession("bob")
			b.is(b.OpenSession(b.ctx, epoch, other, session.Seat{}, old.ID), session.ErrConflict)
			b.kept(old.ID, "chat", []byte("c"), 1)
			_, _, err := b.LoadVault(b.ctx, other.ID, "chat")
			b.is(err, session.ErrNotFound)
		}},
		{"of parallel saves of one version exactly one wins", checkVaultRaces},
		{"a save that races an end is refused or ends with the session", func(b *bench) {
			for range 10 {
				s, _ := b.opened("ann", func(s *session.Session) { s.SID = string(s.ID) })
				b.parallel(2, func(i int) error {
					if i == 0 {
						_, err := b.SaveVault(b.ctx, epoch, s.ID, "chat", 0, []byte("c"))
						return allow(err)
					}
					_, err := b.End(b.ctx, epoch, ending(s, session.CauseButton))
					return err
				})
				b.left(s.ID, "chat", nil)
			}
		}},
		{"a save that races a renewal is refused or goes along", func(b *bench) {
			for range 10 {
				old, _ := b.opened("ann")
				next := newSession("ann")
				saved := b.parallel(2, func(i int) error {
					if i == 0 {
						_, err := b.SaveVault(b.ctx, epoch, old.ID, "chat", 0, []byte("c"))
						return allow(err)
					}
					return b.OpenSession(b.ctx, epoch, next, session.Seat{}, old.ID)
				}) == 2
				if saved {
					b.kept(next.ID, "chat", []byte("c"), 1)
				} else {
					b.kept(next.ID, "chat", nil, 0)
				}
			}
		}},
	}
}

// save stores data over a version and demands the next one.
func (b *bench) save(id session.ID, app string, version int64, data []byte) {
	b.Helper()
	got, err := b.SaveVault(b.ctx, epoch.Add(time.Duration(version)*time.Second), id, app, version, data)
	b.ok(err)
	b.equal(got, version+1)
}

// kept demands what a live session keeps for an app.
func (b *bench) kept(id session.ID, app string, want []byte, version int64) {
	b.Helper()
	got, at, err := b.LoadVault(b.ctx, id, app)
	b.ok(err)
	if !bytes.Equal(got, want) || at != version || version == 0 && got != nil {
		b.Fatalf("%s keeps %d bytes at version %d, want %d at %d", app, len(got), at, len(want), version)
	}
}

// left demands what an ended session left for an app's logout; nil: nothing.
func (b *bench) left(id session.ID, app string, want []byte) {
	b.Helper()
	got, err := b.EndedVault(b.ctx, id, app)
	b.ok(err)
	if !bytes.Equal(got, want) || want == nil && got != nil {
		b.Fatalf("left for %s: %q, want %q", app, got, want)
	}
}

// appEntry asks for an app's own logout.
func appEntry(s *session.Session, app string) outbox.Entry {
	e := entry(s, outbox.KindAppLogout)
	e.App = app
	return e
}

func checkVault(b *bench) {
	ann, _ := b.opened("ann")
	bob, _ := b.opened("bob")
	b.kept(ann.ID, "chat", nil, 0)
	every := make([]byte, 1024)
	for i := range every {
		every[i] = byte(i)
	}
	mine := slices.Clone(every)
	b.save(ann.ID, "chat", 0, mine)
	clear(mine) // the store has its own copy
	b.save(ann.ID, "hub", 0, []byte("hub of ann"))
	b.save(bob.ID, "chat", 0, []byte("chat of bob"))
	b.kept(ann.ID, "chat", every, 1)
	b.kept(ann.ID, "hub", []byte("hub of ann"), 1)
	b.kept(bob.ID, "chat", []byte("chat of bob"), 1)
	b.kept(bob.ID, "hub", nil, 0)
	b.kept(ann.ID, "Chat", nil, 0)
	b.kept(ann.ID, "", nil, 0)

	b.save(ann.ID, "chat", 1, []byte("second"))
	b.save(ann.ID, "chat", 2, []byte("third"))
	b.kept(ann.ID, "chat", []byte("third"), 3)
	b.kept(bob.ID, "chat", []byte("chat of bob"), 1)

	// Nothing is something to keep: the version stays, so that no older save comes back.
	b.save(ann.ID, "chat", 3, nil)
	got, version, err := b.LoadVault(b.ctx, ann.ID, "chat")
	b.ok(err)
	if len(got) != 0 || version != 4 {
		b.Fatalf("emptied vault: %q at version %d", got, version)
	}
	if _, err := b.SaveVault(b.ctx, epoch, ann.ID, "", 0, []byte("x")); err == nil {
		b.Fatal("a vault of no app was saved")
	}
}

func checkVaultVersions(b *bench) {
	s, _ := b.opened("ann")
	refused := func(versions ...int64) {
		b.Helper()
		for _, v := range versions {
			_, err := b.SaveVault(b.ctx, epoch, s.ID, "chat", v, []byte("stale"))
			b.is(err, session.ErrConflict)
		}
	}
	refused(1, 2, -1)
	b.kept(s.ID, "chat", nil, 0)
	b.save(s.ID, "chat", 0, []byte("one"))
	refused(0, 2, -1)
	b.kept(s.ID, "chat", []byte("one"), 1)
	b.save(s.ID, "chat", 1, []byte("two"))
	refused(0, 1, 3)
	b.kept(s.ID, "chat", []byte("two"), 2)
}

func checkVaultRenewal(b *bench) {
	first, _ := b.opened("ann")
	b.save(first.ID, "chat", 0, []byte("one"))
	b.save(first.ID, "chat", 1, []byte("two"))
	b.save(first.ID, "hub", 0, []byte("hub"))
	second := newSession("ann")
	b.ok(b.OpenSession(b.ctx, epoch, second, session.Seat{}, first.ID))
	b.kept(second.ID, "chat", []byte("two"), 2)
	b.kept(second.ID, "hub", []byte("hub"), 1)

	_, _, err := b.LoadVault(b.ctx, first.ID, "chat")
	b.ended(err, first.ID, session.CauseRenewed)
	_, err = b.SaveVault(b.ctx, epoch, first.ID, "chat", 2, []byte("late"))
	b.ended(err, first.ID, session.CauseRenewed)
	b.left(first.ID, "chat", nil)
	b.ok(b.DropVault(b.ctx, first.ID, "chat"))

	b.save(second.ID, "chat", 2, []byte("three")) // the version goes on
	third := newSession("ann")
	b.ok(b.OpenSession(b.ctx, epoch, third, newSeat(), second.ID))
	b.kept(third.ID, "chat", []byte("three"), 3)
	e := ending(third, session.CauseButton)
	e.Entries = []outbox.Entry{appEntry(third, "chat")}
	_, err = b.End(b.ctx, epoch, e)
	b.ok(err)
	b.left(third.ID, "chat", []byte("three"))
	// Sweeping the replaced sessions takes nothing of the one that went on.
	_, err = b.Sweep(b.ctx, epoch.Add(10000*time.Hour), 100)
	b.ok(err)
	b.left(third.ID, "chat", []byte("three"))
}

func checkVaultRaces(b *bench) {
	s, _ := b.opened("ann")
	for version := range int64(4) {
		won := make(chan byte, 24)
		n := b.parallel(24, func(i int) error {
			_, err := b.SaveVault(b.ctx, epoch, s.ID, "chat", version, []byte{byte(i)})
			if err == nil {
				won <- byte(i)
			}
			return allow(err, session.ErrConflict)
		})
		if n != 1 {
			b.Fatalf("%d saves of version %d won", n, version)
		}
		b.kept(s.ID, "chat", []byte{<-won}, version+1)
	}
	// Saves for different apps and sessions are in nobody's way.
	other, _ := b.opened("bob")
	apps := named("app", 24)
	if n := b.parallel(24, func(i int) error {
		id := []session.ID{s.ID, other.ID}[i%2]
		_, err := b.SaveVault(b.ctx, epoch, id, apps[i], 0, []byte{byte(i)})
		return err
	}); n != 24 {
		b.Fatalf("%d of 24 saves won", n)
	}
}
