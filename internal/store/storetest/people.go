package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

func peoplePromises() []promise {
	return []promise{
		{"a person is told with every identity and the address it came with", checkPerson},
		{"accounts are listed by handle, page by page, and filters select what they name", checkAccounts},
		{"what goes by a name is found by id, by handle, and after it is gone", checkNames},
		{"a disabled account admits nobody and opens no session, an enabled one does", checkDisabled},
		{"an account that is shut is unfinished while it has sessions", checkUnfinished},
		{"an erased person leaves a handle that nobody gets and nothing that names them", checkErased},
		{"nobody is erased who is not marked for it, or has a session", func(b *bench) {
			acc := b.admitted("ann")
			b.is(b.Erase(b.ctx, epoch, acc.ID), session.ErrConflict)
			s, _ := b.opened("x", of(acc))
			b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
			b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
			b.is(b.Erase(b.ctx, epoch, acc.ID), session.ErrConflict)
			_, err := b.SetDisabled(b.ctx, epoch, acc.ID, false)
			b.is(err, account.ErrErasing)
			b.end(s, session.CauseAccount)
			b.ok(b.Erase(b.ctx, epoch, acc.ID))
			b.ok(b.Erase(b.ctx, epoch, acc.ID))
			b.is(b.MarkErasing(b.ctx, epoch, acc.ID), account.ErrErased)
			b.is(b.Erase(b.ctx, epoch, "nobody"), session.ErrNotFound)
		}},
		{"erasing takes the incidents that name the person and no other", checkErasedIncidents},
		{"erasing leaves what must still be told", func(b *bench) {
			acc := b.admitted("ann")
			s, _ := b.opened("x", of(acc))
			b.save(s.ID, "chat", 0, []byte("c"))
			e := ending(s, session.CauseAccount)
			e.Entries = append(e.Entries, appEntry(s, "chat"))
			_, err := b.End(b.ctx, epoch, e)
			b.ok(err)
			b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
			b.ok(b.Erase(b.ctx, epoch, acc.ID))
			entries, err := b.BySession(b.ctx, string(s.ID))
			b.ok(err)
			b.equal(byID(entries), byID(e.Entries))
			b.left(s.ID, "chat", []byte("c"))
		}},
	}
}

// admitted makes the account of a person.
func (b *bench) admitted(name string) account.Account {
	b.Helper()
	acc, _, err := b.Admit(b.ctx, epoch, admission(name, name, name+"-2"))
	b.ok(err)
	return acc
}

// of makes a session one of an account that admitted made.
func of(acc account.Account) func(*session.Session) {
	return func(s *session.Session) {
		s.Account, s.Handle, s.Identity = acc.ID, acc.Handle, admission(acc.Handle).Identity
	}
}

func checkPerson(b *bench) {
	a := admission("ann", "ann")
	made, _, err := b.Admit(b.ctx, epoch, a)
	b.ok(err)
	again := a
	again.Profile.Email, again.Profile.EmailBelieved = "boss@example.com", false
	_, _, err = b.Admit(b.ctx, epoch.Add(time.Hour), again)
	b.ok(err)
	got, err := b.Person(b.ctx, made.ID)
	b.ok(err)
	b.equal(got, account.Person{Account: made, Identities: []account.Identity{{
		Identity: a.Identity, Account: made.ID, Provider: "main", LinkedAt: epoch, LastUsed: epoch.Add(time.Hour), Email: "boss@example.com",
	}}})
	again.Profile.Email, again.Profile.EmailBelieved = strings.Repeat("ü", 5000), true
	_, _, err = b.Admit(b.ctx, epoch, again)
	b.ok(err)
	got, err = b.Person(b.ctx, made.ID)
	b.ok(err)
	if n := len(got.Identities[0].Email); n < 300 || n > 400 || got.Identities[0].EmailBelieved || got.Email != made.Email {
		b.Errorf("of an address too long to be one %d bytes are kept, believed %v; the account shows %q", n, got.Identities[0].EmailBelieved, got.Email)
	}
	_, err = b.Person(b.ctx, "nobody")
	b.is(err, session.ErrNotFound)
}

func checkAccounts(b *bench) {
	all := named("p", 9)
	ids := map[string]string{}
	for i, name := range all {
		a := admission(name, name)
		a.Profile.Email, a.Profile.EmailBelieved = name+"@Example.COM", i%2 == 0
		if i == 3 {
			a.Provider, a.Identity.Issuer = "second", "https://second.example.com"
		}
		acc, _, err := b.Admit(b.ctx, epoch, a)
		b.ok(err)
		ids[name] = acc.ID
	}
	_, err := b.SetDisabled(b.ctx, epoch, ids["p04"], true)
	b.ok(err)
	for range 2 {
		b.opened("x", of(account.Account{ID: ids["p05"], Handle: "p05"}))
	}
	for _, tc := range []struct {
		name string
		f    account.Filter
		want []string
	}{
		{"all", account.Filter{}, all},
		{"handle", account.Filter{Handle: "P0"}, all},
		{"one handle", account.Filter{Handle: "p07"}, all[7:8]},
		{"e-mail, not believed", account.Filter{Email: "P03@example"}, all[3:4]},
		{"e-mail, believed", account.Filter{Email: "p02@"}, all[2:3]},
		{"provider", account.Filter{Provider: "second"}, all[3:4]},
		{"disabled", account.Filter{Disabled: true}, all[4:5]},
		{"all at once", account.Filter{Handle: "p04", Email: "p04", Provider: "main", Disabled: true}, all[4:5]},
		{"percent is only text", account.Filter{Handle: "%"}, nil},
		{"quotes are only text", account.Filter{Email: "' OR 1=1 --"}, nil},
		{"after", account.Filter{After: "p06"}, all[7:]},
	} {
		list, err := b.ListAccounts(b.ctx, tc.f)
		b.ok(err)
		got := []string{}
		for _, a := range list {
			got = append(got, a.Handle)
		}
		if d := diff(append([]string{}, tc.want...), got); d != "" {
			b.Errorf("%s: (-want +got)\n%s", tc.name, d)
		}
	}
	list, err := b.ListAccounts(b.ctx, account.Filter{Handle: "p05"})
	b.ok(err)
	b.equal(list, []account.Summary{{
		Account:   account.Account{ID: ids["p05"], Handle: "p05", Name: "Ann", CreatedAt: epoch},
		Providers: []string{"main"}, Sessions: 2, LastUsed: epoch,
	}})
	var seen []string
	for f := (account.Filter{Limit: 2}); ; f.After = seen[len(seen)-1] {
		page, err := b.ListAccounts(b.ctx, f)
		b.ok(err)
		for _, a := range page {
			seen = append(seen, a.Handle)
		}
		if len(page) < f.Limit {
			break
		}
	}
	b.equal(seen, all)
}

func checkNames(b *bench) {
	acc := b.admitted("ann")
	ref := account.Ref{ID: acc.ID, Handle: "ann"}
	for _, name := range []string{acc.ID, "ann", "ANN"} {
		got, err := b.FindAccounts(b.ctx, name)
		b.ok(err)
		b.equal(got, []account.Ref{ref})
	}
	none, err := b.FindAccounts(b.ctx, "nobody")
	b.ok(err)
	b.equal(none, []account.Ref{})
	// Somebody whose handle is another's id.
	thief, _, err := b.Admit(b.ctx, epoch, admission("thief", acc.ID))
	b.ok(err)
	both, err := b.FindAccounts(b.ctx, acc.ID)
	b.ok(err)
	b.equal(len(both), 2)
	b.ok(b.MarkErasing(b.ctx, epoch, thief.ID))
	b.ok(b.Erase(b.ctx, epoch.Add(time.Hour), thief.ID))
	gone, err := b.FindAccounts(b.ctx, thief.ID)
	b.ok(err)
	b.equal(gone, []account.Ref{{ID: thief.ID, Handle: acc.ID, ErasedAt: epoch.Add(time.Hour)}})
}

func checkDisabled(b *bench) {
	acc := b.admitted("ann")
	open, _ := b.opened("x", of(acc))
	changed, err := b.SetDisabled(b.ctx, epoch, acc.ID, true)
	b.ok(err)
	again, err := b.SetDisabled(b.ctx, epoch, acc.ID, true)
	b.ok(err)
	b.equal([]bool{changed, again}, []bool{true, false})
	got, created, err := b.Admit(b.ctx, epoch, admission("ann", "ann"))
	b.is(err, account.ErrDisabled)
	b.equal([]any{created, got.ID, got.Disabled}, []any{false, acc.ID, true})

	late := newSession("late")
	of(acc)(late)
	b.is(b.OpenSession(b.ctx, epoch, late, newSeat(), ""), account.ErrDisabled)
	b.is(b.OpenSession(b.ctx, epoch, late, newSeat(), open.ID), account.ErrDisabled)
	_, err = b.ByID(b.ctx, late.ID)
	b.is(err, session.ErrNotFound)
	_, err = b.ByID(b.ctx, open.ID) // the caller's to end
	b.ok(err)

	changed, err = b.SetDisabled(b.ctx, epoch, acc.ID, false)
	b.ok(err)
	b.equal(changed, true)
	b.ok(b.OpenSession(b.ctx, epoch, late, newSeat(), ""))
	_, _, err = b.Admit(b.ctx, epoch, admission("ann", "ann"))
	b.ok(err)
	_, err = b.SetDisabled(b.ctx, epoch, "nobody", true)
	b.is(err, session.ErrNotFound)
}

func checkUnfinished(b *bench) {
	unfinished := func(want ...string) {
		b.Helper()
		list, err := b.Unfinished(b.ctx, 10)
		b.ok(err)
		got := []string{}
		for _, a := range list {
			got = append(got, a.Handle)
		}
		slices.Sort(got)
		b.equal(got, append([]string{}, want...))
	}
	ann, bob, carol := b.admitted("ann"), b.admitted("bob"), b.admitted("carol")
	anns, _ := b.opened("x", of(ann))
	b.opened("y", of(carol))
	unfinished()
	for _, acc := range []account.Account{ann, bob} {
		_, err := b.SetDisabled(b.ctx, epoch, acc.ID, true)
		b.ok(err)
	}
	unfinished("ann")
	b.ok(b.MarkErasing(b.ctx, epoch, bob.ID))
	unfinished("ann", "bob")
	b.end(anns, session.CauseAccount)
	b.ok(b.Erase(b.ctx, epoch, bob.ID))
	unfinished()
}

func checkErased(b *bench) {
	acc := b.admitted("ann")
	s, seat := b.opened("x", of(acc), func(s *session.Session) { s.SID = "sid-of-ann" })
	e := b.end(s, session.CauseAccount)
	b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
	b.ok(b.Erase(b.ctx, epoch, acc.ID))

	_, err := b.Account(b.ctx, acc.ID)
	b.is(err, account.ErrErased)
	_, err = b.Person(b.ctx, acc.ID)
	b.is(err, account.ErrErased)
	_, err = b.SetDisabled(b.ctx, epoch, acc.ID, false)
	b.is(err, account.ErrErased)
	list, err := b.ListAccounts(b.ctx, account.Filter{})
	b.ok(err)
	b.equal(list, []account.Summary{})

	// What ended stays ended, and says no more whose it was at the provider.
	_, _, err = b.BySeat(b.ctx, seat.Hash)
	b.ended(err, s.ID, session.CauseAccount)
	stones, err := b.Tombstones(b.ctx, 0, 10)
	b.ok(err)
	if len(stones) != 1 || stones[0].Account != acc.ID || stones[0].Identity.Subject != "" || stones[0].SID != "" {
		b.Errorf("tombstones: %+v", stones)
	}
	r, err := b.ReceiptBySession(b.ctx, s.ID)
	b.ok(err)
	b.equal([]any{r.Account, r.ReturnURL, r.State}, []any{acc.ID, "", e.Receipt.State})

	// A sign-in that was under way is refused, a new one is a new person.
	late := newSession("late")
	of(acc)(late)
	b.is(b.OpenSession(b.ctx, epoch, late, newSeat(), ""), account.ErrDisabled)
	anew, created, err := b.Admit(b.ctx, epoch, admission("ann", "ann", "ANN", "ann-2"))
	b.ok(err)
	if !created || anew.ID == acc.ID || anew.Handle != "ann-2" {
		b.Errorf("after erasing: %+v, %v", anew, created)
	}
}

func checkErasedIncidents(b *bench) {
	a := admission("ann", "ann")
	a.Profile.Name = "Ann Lee"
	acc, _, err := b.Admit(b.ctx, epoch, a)
	b.ok(err)
	seen := func(id, value string) incident.Incident {
		return incident.Incident{ID: id, At: epoch, Kind: "denied", Seen: []incident.Seen{{Name: "x", Value: value}}}
	}
	others := []incident.Incident{seen("a-other", "bob@example.com"), seen("b-part", "sub-annabel"), seen("c-part", "Ann Leeds"), {ID: "d-none", At: epoch, Kind: "internal", Cause: "disk"}}
	hers := []incident.Incident{
		seen("e-email", "ANN@example.com"), seen("f-list", "x, ann@example.com"), seen("g-subject", "sub-ann"), seen("h-name", "Ann Lee"), seen("i-handle", "ann"),
		{ID: "j-cause", At: epoch, Kind: "denied", Cause: "account " + acc.ID + " is disabled"},
	}
	b.ok(b.SaveIncidents(b.ctx, epoch, slices.Concat(others, hers), keep))
	b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
	b.ok(b.Erase(b.ctx, epoch, acc.ID))
	heads, err := b.IncidentHeads(b.ctx, 100)
	b.ok(err)
	got := []string{}
	for _, h := range heads {
		got = append(got, h.ID)
	}
	b.equal(got, []string{"a-other", "b-part", "c-part", "d-none"})
}

func peopleRaces() []promise {
	return []promise{
		{"a sign-in that races with disabling or deleting opens nothing that stays", func(b *bench) {
			for i, name := range named("p", 12) {
				acc := b.admitted(name)
				var opened []*session.Session
				for range 4 {
					s := newSession(name)
					of(acc)(s)
					opened = append(opened, s)
				}
				b.parallel(len(opened)+1, func(n int) error {
					if n < len(opened) {
						return allow(b.OpenSession(b.ctx, epoch, opened[n], newSeat(), ""), account.ErrDisabled)
					}
					if i%2 == 0 {
						_, err := b.SetDisabled(b.ctx, epoch, acc.ID, true)
						return err
					}
					return b.MarkErasing(b.ctx, epoch, acc.ID)
				})
				b.shut(acc)
			}
		}},
		{"a provider's notice that is remembered outlives the person", func(b *bench) {
			acc := b.admitted("ann")
			s, _ := b.opened("x", of(acc))
			b.end(s, session.CauseBackChannel)
			notice := session.Tombstone{Provider: "main", Identity: oidc.Identity{Issuer: s.Identity.Issuer, Subject: "sub-ann"}, Cause: session.CauseBackChannel, EndedAt: epoch, Until: epoch.Add(time.Hour)}
			_, err := b.End(b.ctx, epoch, signout.Ending{Tombstone: notice})
			b.ok(err)
			b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
			b.ok(b.Erase(b.ctx, epoch, acc.ID))
			late := newSession("late")
			late.Identity, late.SID = notice.Identity, s.SID
			if err := b.OpenSession(b.ctx, epoch, late, newSeat(), ""); err == nil {
				b.Error("a sign-in from before the provider's notice opened")
			}
		}},
	}
}

// shut demands that whoever lists an account's sessions after it was shut sees all that
// there will ever be, and erases or leaves it.
func (b *bench) shut(acc account.Account) {
	b.Helper()
	list, err := b.List(b.ctx, session.Filter{Account: acc.ID})
	b.ok(err)
	for _, s := range list {
		b.end(s, session.CauseAccount)
	}
	s := newSession("late")
	of(acc)(s)
	b.is(b.OpenSession(b.ctx, epoch, s, newSeat(), ""), account.ErrDisabled)
	n, err := b.CountSessions(b.ctx, session.Filter{Account: acc.ID})
	b.ok(err)
	b.equal(n, 0)
}
