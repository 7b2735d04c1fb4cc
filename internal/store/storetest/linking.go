package storetest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

func linkingPromises() []promise {
	return []promise{
		{"a linked identity leads to the account and is told with it, once more is no error", checkLink},
		{"an identity of another account is never moved", checkTaken},
		{"the same subject at another issuer is another identity", func(b *bench) {
			ann, bob := b.admitted("ann"), b.admitted("bob")
			l := linking(bob, "ann") // the subject of ann's identity
			linked, err := b.Link(b.ctx, epoch, l)
			b.ok(err)
			b.equal(linked, true)
			b.leads("ann", ann)
			b.equal(b.keys(ann), []string{account.KeyOf(admission("ann").Identity)})
		}},
		{"an account that is shut, or is not there, links nothing", func(b *bench) {
			acc := b.admitted("ann")
			_, err := b.Link(b.ctx, epoch, linking(account.Account{ID: "nobody"}, "x"))
			b.is(err, session.ErrNotFound)
			_, err = b.SetDisabled(b.ctx, epoch, acc.ID, true)
			b.ok(err)
			_, err = b.Link(b.ctx, epoch, linking(acc, "x"))
			b.is(err, account.ErrDisabled)
			b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
			_, err = b.Link(b.ctx, epoch, linking(acc, "x"))
			b.is(err, account.ErrDisabled)
			b.ok(b.Erase(b.ctx, epoch, acc.ID))
			_, err = b.Link(b.ctx, epoch, linking(acc, "x"))
			b.is(err, account.ErrErased)
		}},
		{"linking happens in a live session of the account, or not at all", func(b *bench) {
			ann, bob := b.admitted("ann"), b.admitted("bob")
			s, _ := b.opened("x", of(ann))
			bobs, _ := b.opened("y", of(bob))
			l := linking(ann, "second")
			l.Session = string(bobs.ID)
			_, err := b.Link(b.ctx, epoch, l)
			b.is(err, session.ErrNotFound)
			l.Session = string(s.ID)
			b.end(s, session.CauseButton)
			_, err = b.Link(b.ctx, epoch, l)
			b.ended(err, s.ID, session.CauseButton)
			b.equal(len(b.keys(ann)), 1)
		}},
		{"an unlinked identity opens no session for the account, and is free to be linked again", checkUnlink},
		{"the only identity stays, and so does another account's", func(b *bench) {
			ann, bob := b.admitted("ann"), b.admitted("bob")
			b.is(b.Unlink(b.ctx, epoch, ann.ID, admission("ann").Identity, "x", everyProvider), account.ErrLast)
			b.is(b.Unlink(b.ctx, epoch, ann.ID, admission("bob").Identity, "x", everyProvider), account.ErrNotLinked)
			b.is(b.Unlink(b.ctx, epoch, "nobody", admission("bob").Identity, "x", everyProvider), session.ErrNotFound)
			b.leads("ann", ann)
			b.leads("bob", bob)
			list, err := b.Unlinkings(b.ctx, 10)
			b.ok(err)
			b.equal(list, []account.Identity{})
		}},
		{"the only identity of a configured provider stays, whatever others there are", checkLastWay},
		{"the person of a disabled account unlinks nothing, an operator does", func(b *bench) {
			acc := b.admitted("ann")
			l := linking(acc, "second")
			_, err := b.Link(b.ctx, epoch, l)
			b.ok(err)
			_, err = b.SetDisabled(b.ctx, epoch, acc.ID, true)
			b.ok(err)
			b.is(b.Unlink(audit.WithActor(b.ctx, audit.ActorPerson, ""), epoch, acc.ID, l.Identity, "", everyProvider), account.ErrDisabled)
			b.equal(len(b.keys(acc)), 2)
			b.ok(b.Unlink(audit.WithActor(b.ctx, audit.ActorOperator, "uid 7"), epoch, acc.ID, l.Identity, "", everyProvider))
			b.equal(len(b.keys(acc)), 1)
		}},
		{"an unlinked identity's e-mail leaves the account with it", checkUnlinkedEmail},
		{"an unlinking is unsettled until its sessions have ended", checkSettle},
		{"the trail tells who linked, unlinked and was refused, once each", checkLinkingTrail},
		{"profiles of any size and shape are kept clean and break nothing", checkHostileProfiles},
	}
}

// ways is an account with an identity of each of three providers, the account's own first.
func (b *bench) ways(name string) (account.Account, []oidc.Identity) {
	b.Helper()
	acc, list := b.admitted(name), []oidc.Identity{admission(name).Identity}
	for _, provider := range []string{"second", "third"} {
		l := linking(acc, name)
		l.Provider, l.Identity.Issuer = provider, "https://"+provider+".example.com"
		_, err := b.Link(b.ctx, epoch, l)
		b.ok(err)
		list = append(list, l.Identity)
	}
	return acc, list
}

// thirdWithdrawn is a configuration in which the third provider of ways is not any more.
func thirdWithdrawn(provider string) bool { return provider != "third" }

func checkLastWay(b *bench) {
	left := func(acc account.Account, want ...oidc.Identity) {
		b.Helper()
		keys := []string{}
		for _, id := range want {
			keys = append(keys, account.KeyOf(id))
		}
		got := b.keys(acc)
		slices.Sort(keys)
		slices.Sort(got)
		b.equal(got, keys)
	}
	acc, ids := b.ways("ann")
	b.ok(b.Unlink(b.ctx, epoch, acc.ID, ids[1], "x", thirdWithdrawn))
	b.is(b.Unlink(b.ctx, epoch, acc.ID, ids[0], "x", thirdWithdrawn), account.ErrLast)
	left(acc, ids[0], ids[2])
	b.ok(b.Unlink(b.ctx, epoch, acc.ID, ids[2], "x", thirdWithdrawn))
	left(acc, ids[0])
	b.tells(audit.Filter{Account: acc.ID}, "account.created", "identity.linked", "identity.linked", "identity.unlinked", "identity.unlinked")

	// Where nobody can sign in any more no way is lost, and the very last one stays.
	acc, ids = b.ways("bob")
	none := func(string) bool { return false }
	b.ok(b.Unlink(b.ctx, epoch, acc.ID, ids[0], "x", none))
	b.ok(b.Unlink(b.ctx, epoch, acc.ID, ids[1], "x", none))
	b.is(b.Unlink(b.ctx, epoch, acc.ID, ids[2], "x", none), account.ErrLast)
	left(acc, ids[2])
}

func checkUnlinkedEmail(b *bench) {
	ann := b.admitted("ann")
	at := func(subject, email string, believed bool, days int) oidc.Identity {
		l := linking(ann, subject)
		l.Profile = oidc.Profile{Name: "Ann " + subject, Email: email, EmailBelieved: believed}
		_, err := b.Link(b.ctx, epoch.AddDate(0, 0, days), l)
		b.ok(err)
		return l.Identity
	}
	has := func(name, email string) {
		b.Helper()
		acc, err := b.Account(b.ctx, ann.ID)
		b.ok(err)
		b.equal([]string{acc.Name, acc.Email}, []string{name, email})
	}
	unlink := func(id oidc.Identity) {
		b.Helper()
		b.ok(b.Unlink(b.ctx, epoch, ann.ID, id, "x", everyProvider))
		b.ok(b.Settle(b.ctx, ann.ID, id))
	}
	second := at("second", "second@example.com", true, 1)
	rumour := at("rumour", "rumour@example.com", false, 3)
	third, twin := at("third", "third@example.com", true, 2), at("twin", "third@example.com", true, 1)
	has("Ann twin", "third@example.com")
	unlink(third) // another identity has the same
	has("Ann twin", "third@example.com")
	unlink(twin)
	has("Ann twin", "second@example.com")
	found, err := b.ListAccounts(b.ctx, account.Filter{Email: "third@example.com"})
	b.ok(err)
	b.equal(len(found), 0)
	unlink(admission("ann").Identity) // its e-mail is not the account's
	has("Ann twin", "second@example.com")
	unlink(second)
	has("Ann twin", "") // nobody vouches for what is left
	b.is(b.Unlink(b.ctx, epoch, ann.ID, rumour, "x", everyProvider), account.ErrLast)
}

// linking is of an identity at a second provider.
func linking(to account.Account, subject string) account.Linking {
	return account.Linking{
		Account: to.ID, Identity: oidc.Identity{Issuer: "https://second.example.com", Subject: "sub-" + subject}, Provider: "second",
		Profile: oidc.Profile{Name: "Ann at two", Email: "ann@second.example.com", EmailBelieved: true}, How: account.HowPerson,
	}
}

// keys are those of an account's identities.
func (b *bench) keys(acc account.Account) []string {
	b.Helper()
	p, err := b.Person(b.ctx, acc.ID)
	b.ok(err)
	list := []string{}
	for _, i := range p.Identities {
		list = append(list, i.Key())
	}
	return list
}

// leads demands that a person's first identity is still that of the account.
func (b *bench) leads(name string, to account.Account) {
	b.Helper()
	got, created, err := b.Admit(b.ctx, epoch, admission(name, name+"-other"))
	b.ok(err)
	if created || got.ID != to.ID {
		b.Errorf("%s is admitted to %+v, not to %s", name, got, to.ID)
	}
}

func checkLink(b *bench) {
	acc := b.admitted("ann")
	s, _ := b.opened("x", of(acc))
	l := linking(acc, "second")
	l.Session = string(s.ID)
	for i, want := range []bool{true, false} {
		l.Profile.Name = []string{"Ann Two", "Ann Two B"}[i]
		linked, err := b.Link(b.ctx, epoch.Add(time.Duration(i+1)*time.Hour), l)
		b.ok(err)
		b.equal(linked, want)
	}
	acc.Name, acc.Email = "Ann Two B", "ann@second.example.com"
	p, err := b.Person(b.ctx, acc.ID)
	b.ok(err)
	b.equal(p, account.Person{Account: acc, Identities: []account.Identity{
		{Identity: l.Identity, Account: acc.ID, Provider: "second", LinkedAt: epoch.Add(time.Hour), LastUsed: epoch.Add(2 * time.Hour),
			Email: "ann@second.example.com", EmailBelieved: true},
		{Identity: admission("ann").Identity, Account: acc.ID, Provider: "main", LinkedAt: epoch, LastUsed: epoch, Email: "ann@example.com", EmailBelieved: true},
	}})
	a := admission("ann", "other")
	a.Identity, a.Provider, a.Profile = l.Identity, l.Provider, l.Profile
	got, created, err := b.Admit(b.ctx, epoch, a)
	b.ok(err)
	b.equal(got, acc)
	b.equal(created, false)
	second := newSession("second")
	of(acc)(second)
	second.Identity, second.Provider = l.Identity, "second"
	b.ok(b.OpenSession(b.ctx, epoch, second, newSeat(), s.ID))
}

func checkTaken(b *bench) {
	ann, bob := b.admitted("ann"), b.admitted("bob")
	l := linking(ann, "x")
	l.Identity = admission("bob").Identity
	l.Profile.Name = "Not Bob"
	_, err := b.Link(b.ctx, epoch, l)
	b.is(err, account.ErrTaken)
	taken, _ := errors.AsType[*account.TakenError](err)
	b.equal(taken, &account.TakenError{Asking: ann.Handle, Owner: bob.Handle, Key: account.KeyOf(l.Identity), Only: true})
	b.leads("bob", bob)
	b.equal(b.keys(ann), []string{account.KeyOf(admission("ann").Identity)})
	_, err = b.SetDisabled(b.ctx, epoch, bob.ID, true) // what is disabled keeps what it has
	b.ok(err)
	_, err = b.Link(b.ctx, epoch, l)
	b.is(err, account.ErrTaken)
}

func checkUnlink(b *bench) {
	ann, bob := b.admitted("ann"), b.admitted("bob")
	l := linking(ann, "second")
	_, err := b.Link(b.ctx, epoch, l)
	b.ok(err)
	second := func() *session.Session {
		s := newSession("second")
		of(ann)(s)
		s.Identity, s.Provider = l.Identity, "second"
		return s
	}
	open := second()
	b.ok(b.OpenSession(b.ctx, epoch, open, newSeat(), ""))
	b.ok(b.Unlink(b.ctx, epoch, ann.ID, l.Identity, "x", everyProvider))
	b.is(b.Unlink(b.ctx, epoch, ann.ID, l.Identity, "x", everyProvider), account.ErrNotLinked)
	b.is(b.OpenSession(b.ctx, epoch, second(), newSeat(), ""), account.ErrNotLinked)
	b.is(b.OpenSession(b.ctx, epoch, second(), newSeat(), open.ID), account.ErrNotLinked)
	first := newSession("first")
	of(ann)(first)
	b.ok(b.OpenSession(b.ctx, epoch, first, newSeat(), ""))

	// Free for whoever proves it, the same account included; but nothing opens before what
	// was open has ended, since what ends would be told apart from it by nothing.
	linked, err := b.Link(b.ctx, epoch, l)
	b.ok(err)
	b.equal(linked, true)
	b.is(b.OpenSession(b.ctx, epoch, second(), newSeat(), ""), account.ErrNotLinked)
	b.end(open, session.CauseIdentity)
	b.ok(b.Settle(b.ctx, ann.ID, l.Identity))
	b.ok(b.OpenSession(b.ctx, epoch, second(), newSeat(), ""))

	b.ok(b.Unlink(b.ctx, epoch, ann.ID, l.Identity, "x", everyProvider))
	l.Account = bob.ID
	linked, err = b.Link(b.ctx, epoch, l)
	b.ok(err)
	b.equal(linked, true)
	b.is(b.OpenSession(b.ctx, epoch, second(), newSeat(), ""), account.ErrNotLinked)
	bobs := second()
	bobs.Account = bob.ID
	b.ok(b.OpenSession(b.ctx, epoch, bobs, newSeat(), ""))
}

func checkSettle(b *bench) {
	ann := b.admitted("ann")
	l := linking(ann, "second")
	_, err := b.Link(b.ctx, epoch, l)
	b.ok(err)
	s, _ := b.opened("x", of(ann), func(s *session.Session) { s.Identity = l.Identity })
	b.opened("first", of(ann))
	b.ok(b.Unlink(b.ctx, epoch, ann.ID, l.Identity, "x", everyProvider))
	b.is(b.Settle(b.ctx, ann.ID, l.Identity), session.ErrConflict)
	list, err := b.Unlinkings(b.ctx, 10)
	b.ok(err)
	b.equal(list, []account.Identity{{Account: ann.ID, Identity: l.Identity}})
	b.end(s, session.CauseIdentity)
	b.ok(b.Settle(b.ctx, ann.ID, l.Identity))
	b.ok(b.Settle(b.ctx, ann.ID, l.Identity))
	list, err = b.Unlinkings(b.ctx, 10)
	b.ok(err)
	b.equal(list, []account.Identity{})
}

func checkLinkingTrail(b *bench) {
	ann, bob := b.admitted("ann"), b.admitted("bob")
	l := linking(ann, "second")
	s, _ := b.opened("x", of(ann))
	l.Session = string(s.ID)
	for range 2 {
		_, err := b.Link(b.ctx, epoch, l)
		b.ok(err)
	}
	taken := linking(bob, "second")
	taken.Incident = "3kq7zt5w2m4hxcya"
	_, err := b.Link(b.ctx, epoch, taken)
	b.is(err, account.ErrTaken)
	as := audit.WithActor(b.ctx, audit.ActorOperator, "uid 7")
	third := linking(ann, "third")
	_, err = b.Link(b.ctx, epoch, third)
	b.ok(err)
	b.ok(b.Unlink(as, epoch, ann.ID, l.Identity, "", everyProvider))
	b.is(b.Unlink(as, epoch, ann.ID, l.Identity, "", everyProvider), account.ErrNotLinked)
	b.ok(b.Unlink(audit.InSession(audit.WithActor(b.ctx, audit.ActorPerson, ""), string(s.ID)), epoch, ann.ID, third.Identity, "", everyProvider))
	b.is(b.Unlink(as, epoch, ann.ID, admission("ann").Identity, "", everyProvider), account.ErrLast)

	list := b.tells(audit.Filter{Account: ann.ID}, "account.created", "session.opened", "identity.linked", "identity.linked", "identity.unlinked", "identity.unlinked")
	got := list[2]
	b.equal(got, audit.Event{
		Seq: got.Seq, ID: got.ID, At: epoch, Type: audit.IdentityLinked, Actor: audit.ActorPerson, Account: ann.ID, Handle: "ann", Session: string(s.ID),
		Provider: "second", Detail: map[string]string{"how": "person"},
		Personal: &audit.Personal{Issuer: l.Identity.Issuer, Subject: l.Identity.Subject, Email: l.Profile.Email},
	})
	b.equal([]string{list[4].Actor, list[4].By, list[4].Session, list[4].Provider}, []string{"operator", "uid 7", "", "second"})
	b.equal([]string{list[5].Actor, list[5].Session}, []string{"person", string(s.ID)})
	refused := b.tells(audit.Filter{Account: bob.ID}, "account.created", "identity.link_refused")[1]
	b.equal([]string{refused.Cause, refused.Incident}, []string{"taken", "3kq7zt5w2m4hxcya"})

	auto := bySecond("carol", "carol@example.com", true)
	carol := admission("carol", "carol")
	carol.Profile.Email = "carol@example.com"
	first, err := b.AdmitByEmail(b.ctx, epoch, carol, trusts)
	b.ok(err)
	_, err = b.AdmitByEmail(b.ctx, epoch, auto, trusts)
	b.ok(err)
	list = b.tells(audit.Filter{Account: first.Account.ID}, "account.created", "identity.linked")
	b.equal([]string{list[1].Actor, list[1].Detail["how"]}, []string{"gateway", "automatic"})
}

func checkHostileProfiles(b *bench) {
	for i, p := range []oidc.Profile{
		{Name: strings.Repeat("安", 1<<16), Email: strings.Repeat("a", 1<<16) + "@example.com", EmailBelieved: true},
		{Name: "Ann\x00\r\nX-Evil: 1\u202egnp.exe\u2066", Email: "ann\r\nBcc: x@example.com", EmailBelieved: true},
		{Name: "\xff\xfe\x80", Email: "\xff@example.com", EmailBelieved: true},
		{Name: " \t\u200e\u200f ", Email: "ann\u202e@example.com", EmailBelieved: true},
	} {
		name := named("p", 9)[i]
		a := admission(name, name)
		for range 2 { // made, and followed
			a.Profile = p
			_, _, err := b.Admit(b.ctx, epoch, a)
			b.ok(err)
		}
		acc, _, err := b.Admit(b.ctx, epoch, a)
		b.ok(err)
		stored, err := b.Person(b.ctx, acc.ID)
		b.ok(err)
		for _, text := range []string{acc.Name, stored.Name, stored.Email, stored.Identities[0].Email} {
			if len(text) > 320 || text != oidc.PlainText(text, 320) {
				b.Errorf("%d: %q is kept", i, text)
			}
		}
		if stored.Email != "" || stored.Identities[0].EmailBelieved {
			b.Errorf("%d: %q counts as what the provider vouched for", i, stored.Email)
		}
		a.Profile = oidc.Profile{Name: "Ann", Email: "ann@example.com", EmailBelieved: true}
		got, _, err := b.Admit(b.ctx, epoch, a)
		b.ok(err)
		b.equal([]string{got.Name, got.Email}, []string{"Ann", "ann@example.com"})
	}
}

// everyProvider is a configuration that has them all.
func everyProvider(string) bool { return true }
