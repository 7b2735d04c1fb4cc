package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// remainsPromises are about what an ended session leaves for the apps' own logouts.
func remainsPromises() []promise { return slices.Concat(endsKeep(), othersLeave()) }

// endsKeep are about the end itself and the deliveries that follow.
func endsKeep() []promise {
	return []promise{
		{"an end keeps what the apps' logouts need and nothing else", checkRemains},
		{"an end with many apps is whole", func(b *bench) {
			s, _ := b.opened("ann")
			e := ending(s, session.CauseButton)
			for _, app := range named("app", 10) {
				b.save(s.ID, app, 0, []byte("cookies of "+app))
				e.Entries = append(e.Entries, appEntry(s, app))
			}
			_, err := b.End(b.ctx, epoch, e)
			b.ok(err)
			entries, err := b.BySession(b.ctx, string(s.ID))
			b.ok(err)
			b.equal(byID(entries), byID(e.Entries))
			for _, app := range named("app", 10) {
				b.left(s.ID, app, []byte("cookies of "+app))
			}
		}},
		{"an end that does not happen leaves the vaults as they were", func(b *bench) {
			s, _ := b.opened("ann")
			b.save(s.ID, "chat", 0, []byte("c"))
			b.save(s.ID, "hub", 0, []byte("h"))
			for _, change := range []func(*signout.Ending){
				func(e *signout.Ending) { e.Version++ },
				func(e *signout.Ending) { e.Entries = append(e.Entries, e.Entries[0]) },
			} {
				e := ending(s, session.CauseButton)
				e.Entries = append(e.Entries, appEntry(s, "chat"))
				change(&e)
				if _, err := b.End(b.ctx, epoch, e); err == nil {
					b.Fatal("an end was stored that cannot be")
				}
				b.noTrace(e)
				b.kept(s.ID, "chat", []byte("c"), 1)
				b.kept(s.ID, "hub", []byte("h"), 1)
			}
			b.save(s.ID, "chat", 1, []byte("d"))
		}},
		{"an app's logout that is settled takes the cookies with it", checkSettled},
		{"a retry of an app's logout keeps the cookies", func(b *bench) {
			s, e := b.endedWith("chat")
			b.ok(b.Retry(b.ctx, e["chat"].ID, epoch.Add(time.Hour), "app unreachable"))
			if err := b.Finish(b.ctx, epoch, e["chat"].ID, outbox.Pending, ""); err == nil {
				b.Fatal("an entry was finished as pending")
			}
			b.left(s.ID, "chat", []byte("cookies of chat"))
			b.stateOf(s, e["chat"].ID, outbox.Pending)
		}},
		{"deliveries to others leave the cookies alone", func(b *bench) {
			s, e := b.endedWith("chat")
			other, _ := b.endedWith("chat", "hub")
			b.ok(b.Finish(b.ctx, epoch, e[""].ID, outbox.Done, ""))
			b.ok(b.Finish(b.ctx, epoch, "nobody", outbox.Done, ""))
			b.left(s.ID, "chat", []byte("cookies of chat"))
			b.ok(b.Finish(b.ctx, epoch, e["chat"].ID, outbox.Done, ""))
			b.left(other.ID, "chat", []byte("cookies of chat"))
			b.left(other.ID, "hub", []byte("cookies of hub"))
		}},
	}
}

// othersLeave are about everything else that may happen meanwhile.
func othersLeave() []promise {
	return []promise{
		{"a return from the provider leaves the apps' logouts alone", func(b *bench) {
			s, _ := b.opened("ann")
			b.save(s.ID, "chat", 0, []byte("c"))
			e := ending(s, session.CauseButton)
			logout := appEntry(s, "chat")
			e.Entries = append(e.Entries, logout)
			_, err := b.End(b.ctx, epoch, e)
			b.ok(err)
			_, err = b.MarkReturned(b.ctx, epoch, e.Receipt.State)
			b.ok(err)
			b.stateOf(s, logout.ID, outbox.Pending)
			b.left(s.ID, "chat", []byte("c"))
		}},
		{"dropping what was kept leaves the entry and the other apps", func(b *bench) {
			s, e := b.endedWith("chat", "hub")
			for range 2 {
				b.ok(b.DropVault(b.ctx, s.ID, "chat"))
				b.left(s.ID, "chat", nil)
			}
			b.left(s.ID, "hub", []byte("cookies of hub"))
			b.equal(b.stateOf(s, e["chat"].ID, outbox.Pending), e["chat"])
		}},
		{"nothing is kept for a session that has ended", func(b *bench) {
			s, _ := b.endedWith("chat")
			for version := range int64(3) {
				_, err := b.SaveVault(b.ctx, epoch, s.ID, "chat", version, []byte("late"))
				b.ended(err, s.ID, session.CauseButton)
			}
			_, _, err := b.LoadVault(b.ctx, s.ID, "chat")
			b.ended(err, s.ID, session.CauseButton)
			_, err = b.SaveVault(b.ctx, epoch, s.ID, "hub", 0, []byte("late"))
			b.ended(err, s.ID, session.CauseButton)
			b.left(s.ID, "chat", []byte("cookies of chat"))
			b.left(s.ID, "hub", nil)
		}},
		{"a session that ended once more keeps what its first end kept", func(b *bench) {
			s, _ := b.endedWith("chat")
			_, err := b.End(b.ctx, epoch, ending(s, session.CauseAdmin))
			b.ended(err, s.ID, session.CauseButton)
			b.left(s.ID, "chat", []byte("cookies of chat"))
		}},
		{"sweeping waits for the apps' logouts, and takes no live session's vault", checkRemainsSwept},
		{"the end of a provider's session alone has no app to tell", func(b *bench) {
			s, _ := b.opened("ann")
			b.save(s.ID, "chat", 0, []byte("c"))
			e := signout.Ending{
				Tombstone: session.Tombstone{Provider: s.Provider, Identity: s.Identity, SID: "other", Cause: session.CauseBackChannel, EndedAt: epoch, Until: epoch.Add(time.Hour)},
				Entries:   []outbox.Entry{entry(s, outbox.KindRevoke), appEntry(s, "chat")},
			}
			_, err := b.End(b.ctx, epoch, e)
			b.ok(err)
			list, err := b.ListOutbox(b.ctx, outbox.Filter{Limit: 10})
			b.ok(err)
			b.equal(list, e.Entries[:1])
			b.kept(s.ID, "chat", []byte("c"), 1)
		}},
		{"an entry of an ended session's app is read as it was added", func(b *bench) {
			e := appEntry(newSession("ann"), "chat")
			b.ok(b.Add(b.ctx, []outbox.Entry{e}))
			due, err := b.Due(b.ctx, epoch.Add(time.Hour), 10)
			b.ok(err)
			b.equal(due, []outbox.Entry{e})
			list, err := b.ListOutbox(b.ctx, outbox.Filter{State: outbox.Pending, Limit: 10})
			b.ok(err)
			b.equal(list, due)
			list, err = b.BySession(b.ctx, e.Session)
			b.ok(err)
			b.equal(list, due)
		}},
	}
}

// endedWith ends a session that kept cookies of the apps, with an entry for each and one
// for nobody's app, and returns the entries by app.
func (b *bench) endedWith(apps ...string) (*session.Session, map[string]outbox.Entry) {
	b.Helper()
	s, _ := b.opened("ann")
	e := ending(s, session.CauseButton)
	e.Entries = e.Entries[:1]
	entries := map[string]outbox.Entry{"": e.Entries[0]}
	for _, app := range apps {
		b.save(s.ID, app, 0, []byte("cookies of "+app))
		entries[app] = appEntry(s, app)
		e.Entries = append(e.Entries, entries[app])
	}
	_, err := b.End(b.ctx, epoch, e)
	b.ok(err)
	return s, entries
}

func checkRemains(b *bench) {
	s, _ := b.opened("ann")
	other, _ := b.opened("bob")
	for _, app := range []string{"chat", "told", "silent"} {
		b.save(s.ID, app, 0, []byte("cookies of "+app))
		b.save(other.ID, app, 0, []byte("bob's of "+app))
	}
	e := ending(s, session.CauseButton)
	told := appEntry(s, "told")
	told.State = outbox.Done // nothing waits for it
	strange := appEntry(other, "chat")
	e.Entries = append(e.Entries, appEntry(s, "chat"), appEntry(s, "unused"), told, strange)
	_, err := b.End(b.ctx, epoch, e)
	b.ok(err)

	entries, err := b.BySession(b.ctx, string(s.ID))
	b.ok(err)
	want := byID(e.Entries)
	delete(want, e.Entries[3].ID) // the session kept nothing of that app
	delete(want, strange.ID)      // nor of that session
	b.equal(byID(entries), want)
	entries, err = b.BySession(b.ctx, string(other.ID))
	b.ok(err)
	if len(entries) != 0 {
		b.Fatalf("an end told an app about another session: %+v", entries)
	}
	for app, data := range map[string][]byte{"chat": []byte("cookies of chat"), "told": nil, "silent": nil, "unused": nil} {
		b.left(s.ID, app, data)
	}
	for _, app := range []string{"chat", "told", "silent"} {
		b.kept(other.ID, app, []byte("bob's of "+app), 1)
	}
}

func checkSettled(b *bench) {
	for _, state := range []outbox.State{outbox.Done, outbox.Failed, outbox.Cancelled} {
		s, e := b.endedWith("chat", "hub")
		b.ok(b.Finish(b.ctx, epoch, e["chat"].ID, state, "why"))
		b.left(s.ID, "chat", nil)
		b.left(s.ID, "hub", []byte("cookies of hub"))
		got := b.stateOf(s, e["chat"].ID, state)
		b.equal(got.App, "chat")
		b.ok(b.DropVault(b.ctx, s.ID, "chat")) // the handler may come late
	}

	// While a second entry of the app is pending, the cookies stay.
	s, e := b.endedWith("chat")
	second := appEntry(s, "chat")
	b.ok(b.Add(b.ctx, []outbox.Entry{second}))
	b.ok(b.Finish(b.ctx, epoch, e["chat"].ID, outbox.Done, ""))
	b.left(s.ID, "chat", []byte("cookies of chat"))
	b.ok(b.Finish(b.ctx, epoch, second.ID, outbox.Done, ""))
	b.left(s.ID, "chat", nil)

	// A live session's cookies are not an entry's to take.
	live, _ := b.opened("bob")
	b.save(live.ID, "chat", 0, []byte("c"))
	early := appEntry(live, "chat")
	b.ok(b.Add(b.ctx, []outbox.Entry{early}))
	b.ok(b.Finish(b.ctx, epoch, early.ID, outbox.Done, ""))
	b.kept(live.ID, "chat", []byte("c"), 1)
}

func checkRemainsSwept(b *bench) {
	s, e := b.endedWith("chat", "hub")
	live, _ := b.opened("bob")
	b.save(live.ID, "chat", 0, []byte("c"))
	b.ok(b.Finish(b.ctx, epoch, e["hub"].ID, outbox.Done, ""))
	late := epoch.Add(10000 * time.Hour)
	for range 2 {
		_, err := b.Sweep(b.ctx, late, 100)
		b.ok(err)
		b.left(s.ID, "chat", []byte("cookies of chat"))
	}
	// The tombstone is gone and the app was down all the time; the logout is still made.
	_, _, err := b.LoadVault(b.ctx, s.ID, "chat")
	b.is(err, session.ErrNotFound)
	due, err := b.Due(b.ctx, late, 10)
	b.ok(err)
	if _, ok := byID(due)[e["chat"].ID]; !ok {
		b.Fatalf("due after sweeping: %+v", due)
	}
	b.ok(b.Finish(b.ctx, late, e["chat"].ID, outbox.Failed, "given up"))
	b.left(s.ID, "chat", nil)
	_, err = b.Sweep(b.ctx, late.Add(1000*time.Hour), 100)
	b.ok(err)
	b.kept(live.ID, "chat", []byte("c"), 1)
	if _, err := b.SaveVault(b.ctx, late, s.ID, "chat", 0, []byte("x")); !errors.Is(err, session.ErrNotFound) {
		b.Fatalf("a save for a session that is swept: %v", err)
	}
}
