package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

func auditPromises() []promise {
	return []promise{
		{"what is acknowledged is in the audit trail once, in its order", checkTrail},
		{"an act that fails leaves no event", checkTrailOfFailures},
		{"an act that changes nothing leaves no event", func(b *bench) {
			acc := b.admitted("ann")
			b.admitted("ann")
			for range 2 {
				_, err := b.SetDisabled(b.ctx, epoch, acc.ID, true)
				b.ok(err)
				b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
			}
			b.tells(audit.Filter{}, "account.created", "account.disabled", "account.deleting")
		}},
		{"an event says who ended a session, how, and what is told of it", checkEndedEvent},
		{"a renewal is told from both sides", func(b *bench) {
			old, _ := b.opened("ann")
			next := newSession("ann")
			b.ok(b.OpenSession(b.ctx, epoch, next, newSeat(), old.ID))
			list := b.tells(audit.Filter{}, "session.opened", "session.ended", "session.opened")
			b.equal(list[1].Cause+" "+list[1].Detail["renewed_by"], "renewed "+string(next.ID))
			b.equal(list[2].Detail["how"]+" "+list[2].Detail["replaces"], "renewed "+string(old.ID))
			b.equal(list[0].Detail["how"], "first")
		}},
		{"a delivery is told when it has come to its end, once", checkDeliveries},
		{"a browser's return is told once, with what it spared", func(b *bench) {
			s, _ := b.opened("ann")
			e := b.end(s, session.CauseButton)
			for range 2 {
				_, err := b.MarkReturned(b.ctx, epoch, e.Receipt.State)
				b.ok(err)
			}
			list := b.tells(audit.Filter{}, "session.opened", "session.ended", "browser.returned", "delivery.cancelled")
			b.equal(list[3].Cause+" "+list[3].Detail["kind"], "browser end-session")
		}},
		{"events that are recorded by themselves are kept all or none, and once", checkRecord},
		{"filters of the trail select what they name, page by page, from either end", checkTrailFilters},
		{"an erasure takes the person out of the trail and leaves it readable", checkTrailErased},
		{"sweeping the trail takes the oldest, a part at a time, and no place is given again", checkTrailSweep},
		{"an event is bounded, on one line and without what looks like a secret", func(b *bench) {
			jwt := "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
			b.ok(b.Record(b.ctx, epoch, audit.Event{
				Type: audit.SigninRefused, Actor: audit.ActorPerson, Cause: "denied\nx", Detail: map[string]string{"rule": "r " + jwt, "code": "s3cr3t", "reason": ""},
				Personal: &audit.Personal{Name: "\u202e" + strings.Repeat("安", 64<<10), Email: "a\x00b@example.com", UserAgent: "x state=s3cr3t-value"},
			}))
			e := b.trail(audit.Filter{})[0]
			b.equal(e.Cause, "denied x")
			b.equal(e.Detail, map[string]string{"rule": "r " + audit.Redacted, "code": audit.Redacted})
			b.equal(e.Personal.Email+" "+e.Personal.UserAgent, "a b@example.com x state="+audit.Redacted)
			if n := e.Personal.Name; len(n) > 400 || strings.ContainsRune(n, '\u202e') || !strings.Contains(n, "安") {
				b.Errorf("%d bytes: %q", len(n), n)
			}
		}},
	}
}

// trail returns the events that f selects, each held against the schema.
func (b *bench) trail(f audit.Filter) []audit.Event {
	b.Helper()
	list, err := b.AuditEvents(b.ctx, f)
	b.ok(err)
	return list
}

// tells demands these types, in this order, of events that fulfil the schema.
func (b *bench) tells(f audit.Filter, types ...string) []audit.Event {
	b.Helper()
	list := b.trail(f)
	got := []string{}
	for _, e := range list {
		got = append(got, string(e.Type))
		b.ok(audit.Check(e))
	}
	if d := diff(types, got); d != "" {
		b.Fatalf("events: (-want +got)\n%s", d)
	}
	return list
}

func checkTrail(b *bench) {
	acc := b.admitted("ann")
	s, _ := b.opened("ann", of(acc))
	b.end(s, session.CauseButton)
	_, err := b.SetDisabled(b.ctx, epoch, acc.ID, true)
	b.ok(err)
	_, err = b.SetDisabled(b.ctx, epoch, acc.ID, false)
	b.ok(err)
	b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
	b.ok(b.Erase(audit.WithActor(b.ctx, audit.ActorOperator, "uid 7"), epoch, acc.ID))
	b.ok(b.Erase(b.ctx, epoch, acc.ID))
	list := b.tells(audit.Filter{}, "account.created", "session.opened", "session.ended", "account.disabled", "account.enabled", "account.deleting", "account.deleted")
	ids := map[string]bool{}
	for i, e := range list {
		ids[e.ID] = true
		if i > 0 && e.Seq <= list[i-1].Seq || e.Account != acc.ID || e.Handle != acc.Handle || e.At.Before(epoch) {
			b.Errorf("event %d: %+v", i, e)
		}
	}
	last, err := b.LastAudit(b.ctx)
	b.ok(err)
	if len(ids) != len(list) || last != list[len(list)-1].Seq || list[len(list)-1].By != "uid 7" {
		b.Errorf("%d ids of %d events, the last at %d: %+v", len(ids), len(list), last, list)
	}
}

func checkTrailOfFailures(b *bench) {
	s, seat := b.opened("ann")
	b.is(b.OpenSession(b.ctx, epoch, newSession("bob"), seat, ""), session.ErrConflict) // the seat is taken
	stale := ending(s, session.CauseButton)
	stale.Version = 9
	_, err := b.End(b.ctx, epoch, stale)
	b.is(err, session.ErrConflict)
	twice := ending(s, session.CauseButton)
	twice.Entries[1].ID = twice.Entries[0].ID
	if _, err := b.End(b.ctx, epoch, twice); err == nil {
		b.Error("two entries of one id were stored")
	}
	_, err = b.SetDisabled(b.ctx, epoch, "nobody", true)
	b.is(err, session.ErrNotFound)
	b.is(b.Erase(b.ctx, epoch, "nobody"), session.ErrNotFound)
	_, err = b.MarkReturned(b.ctx, epoch, newSeat().Hash)
	b.is(err, signout.ErrNoReceipt)
	b.ok(b.Finish(b.ctx, epoch, "nothing", outbox.Done, ""))
	b.tells(audit.Filter{}, "session.opened")
	b.end(s, session.CauseButton)
	_, err = b.End(b.ctx, epoch, ending(s, session.CauseAdmin))
	b.ended(err, s.ID, session.CauseButton)
	b.tells(audit.Filter{}, "session.opened", "session.ended")
}

func checkEndedEvent(b *bench) {
	s, _ := b.opened("ann")
	b.save(s.ID, "chat", 0, []byte("c"))
	e := ending(s, session.CauseAdmin)
	e.Entries = append(e.Entries, appEntry(s, "chat"), appEntry(s, "silent")) // of which the second keeps nothing
	e.Actor, e.By = audit.ActorOperator, "uid 1000"
	_, err := b.End(b.ctx, epoch, e)
	b.ok(err)
	got := b.tells(audit.Filter{}, "session.opened", "session.ended")[1]
	b.equal(got, audit.Event{
		Seq: got.Seq, ID: got.ID, At: e.Tombstone.EndedAt, Type: audit.SessionEnded, Actor: audit.ActorOperator, By: "uid 1000",
		Account: s.Account, Handle: s.Handle, Session: string(s.ID), Provider: s.Provider, Cause: "admin",
		Detail:   map[string]string{"mode": "provider", "closed": "3", "browser": "yes", "fresh": "yes", "tell": "app-logout end-session revoke-token"},
		Personal: &audit.Personal{Issuer: s.Identity.Issuer, Subject: s.Identity.Subject},
	})
	other, _ := b.opened("bob")
	e = ending(other, session.CauseAdmin)
	_, err = b.End(audit.WithActor(b.ctx, audit.ActorOperator, "admin token"), epoch, e)
	b.ok(err)
	b.equal(b.trail(audit.Filter{Newest: true, Limit: 1})[0].By, "admin token")
	notice := session.Tombstone{Provider: "main", Identity: s.Identity, Cause: session.CauseBackChannel, EndedAt: epoch, Until: epoch.Add(time.Hour)}
	_, err = b.End(b.ctx, epoch, signout.Ending{Tombstone: notice})
	b.ok(err)
	told := b.tells(audit.Filter{Newest: true, Limit: 1}, "provider.notice")[0]
	b.equal(told.Cause+" of "+told.Detail["of"], "back-channel of person")
}

func checkDeliveries(b *bench) {
	acc := b.admitted("ann")
	s, _ := b.opened("ann", of(acc))
	e := ending(s, session.CauseButton)
	e.Entries = append(e.Entries, entry(s, outbox.KindRevoke), entry(s, outbox.KindRevoke))
	_, err := b.End(b.ctx, epoch, e)
	b.ok(err)
	for range 2 {
		b.ok(b.Retry(b.ctx, e.Entries[0].ID, epoch, "503"))
	}
	for range 2 { // only the first of each pair settles anything
		b.ok(b.Finish(b.ctx, epoch, e.Entries[0].ID, outbox.Done, ""))
		b.ok(b.Finish(b.ctx, epoch, e.Entries[1].ID, outbox.Failed, "gone"))
		b.ok(b.Finish(b.ctx, epoch, e.Entries[2].ID, outbox.Cancelled, ""))
		b.ok(b.Finish(b.ctx, e.Entries[3].Deadline, e.Entries[3].ID, outbox.Failed, "slow"))
	}
	list := b.tells(audit.Filter{Session: string(s.ID)}, "session.opened", "session.ended", "delivery.done", "delivery.failed", "delivery.cancelled", "delivery.failed")
	got := []string{}
	for _, d := range list[2:] {
		got = append(got, strings.TrimSpace(d.Cause+" "+d.Detail["kind"]+" "+d.Detail["attempts"]))
		b.equal([]string{d.Account, d.Handle}, []string{acc.ID, "ann"})
	}
	b.equal(got, []string{"revoke-token 3", "refused end-session 1", "not-needed revoke-token 0", "deadline revoke-token 1"})
	b.equal(list[2].Detail["entry"], e.Entries[0].ID)
	// An operator makes it due again: its next end is another.
	b.ok(b.Requeue(b.ctx, epoch, e.Entries[1].ID))
	b.ok(b.Finish(b.ctx, epoch, e.Entries[1].ID, outbox.Done, ""))
	b.tells(audit.Filter{Newest: true, Limit: 1}, "delivery.done")
	// Of a session that goes on, and of a sign-in that opened none.
	live, _ := b.opened("bob", of(b.admitted("bob")))
	for name, of := range map[string]*session.Session{"bob": live, "": newSession("nobody")} {
		e := entry(of, outbox.KindRevoke)
		b.ok(b.Add(b.ctx, []outbox.Entry{e}))
		b.ok(b.Finish(b.ctx, epoch, e.ID, outbox.Done, ""))
		told := b.tells(audit.Filter{Newest: true, Limit: 1}, "delivery.done")[0]
		b.equal([]string{told.Handle, told.Session}, []string{name, string(of.ID)})
		b.equal(told.Account != "", name != "")
	}
}

func checkRecord(b *bench) {
	e := audit.Event{ID: audit.NewID(), Type: audit.RefreshFailed, Actor: audit.ActorProvider, Provider: "main", Cause: "unreachable", At: epoch}
	b.ok(b.Record(b.ctx, epoch.Add(time.Hour), e, audit.Event{Type: audit.RefreshRecovered, Actor: audit.ActorProvider, Provider: "main"}))
	b.ok(b.Record(b.ctx, epoch, e)) // where the first answer was lost
	list := b.tells(audit.Filter{}, "refresh.failed", "refresh.recovered")
	if !list[0].At.Equal(epoch) || !list[1].At.Equal(epoch.Add(time.Hour)) {
		b.Errorf("%+v", list)
	}
	b.is(b.Record(b.ctx, epoch, audit.Event{Type: audit.BackupMade, Actor: audit.ActorGateway}, audit.Event{Type: "nothing.known"}), audit.ErrType)
	b.tells(audit.Filter{}, "refresh.failed", "refresh.recovered")
	b.ok(b.Record(b.ctx, epoch))
}

func checkTrailFilters(b *bench) {
	var all []audit.Event
	for i := range 12 {
		t := audit.SigninRefused
		if i%3 == 0 {
			t = audit.RefreshFailed
		}
		all = append(all, audit.Event{
			Type: t, Actor: audit.ActorProvider, At: epoch.Add(time.Duration(i) * time.Minute), Provider: []string{"main", "second"}[i%2],
			Account: fmt.Sprint("acc", i%4), Session: fmt.Sprint("s", i%6), Incident: fmt.Sprint("i", i),
		})
		if t == audit.SigninRefused {
			all[i].Personal = &audit.Personal{Email: fmt.Sprint("Eve", i, "%@Example.net")}
		}
	}
	b.ok(b.Record(b.ctx, epoch, all...))
	for name, tc := range map[string]struct {
		f    audit.Filter
		want []int
	}{
		"all":              {audit.Filter{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		"type":             {audit.Filter{Types: []audit.Type{audit.RefreshFailed}}, []int{0, 3, 6, 9}},
		"types":            {audit.Filter{Types: []audit.Type{audit.RefreshFailed, audit.SigninRefused}, Limit: 2}, []int{0, 1}},
		"account":          {audit.Filter{Account: "acc1"}, []int{1, 5, 9}},
		"session":          {audit.Filter{Session: "s5"}, []int{5, 11}},
		"provider":         {audit.Filter{Provider: "second", Limit: 3}, []int{1, 3, 5}},
		"e-mail":           {audit.Filter{Email: "eVE8%@"}, []int{8}},
		"no e-mail":        {audit.Filter{Email: "eve_"}, []int{}},
		"incident":         {audit.Filter{Incident: "i7"}, []int{7}},
		"time":             {audit.Filter{Since: epoch.Add(3 * time.Minute), Until: epoch.Add(5 * time.Minute)}, []int{3, 4}},
		"newest":           {audit.Filter{Newest: true, Limit: 3}, []int{11, 10, 9}},
		"newest of one":    {audit.Filter{Newest: true, Account: "acc1", Types: []audit.Type{audit.SigninRefused}}, []int{5, 1}},
		"several together": {audit.Filter{Account: "acc3", Provider: "second", Since: epoch.Add(4 * time.Minute)}, []int{7, 11}},
		"nothing":          {audit.Filter{Account: "acc1", Session: "s0"}, []int{}},
	} {
		got := []int{}
		for _, e := range b.trail(tc.f) {
			got = append(got, int(e.At.Sub(epoch)/time.Minute))
		}
		if d := diff(tc.want, got); d != "" {
			b.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
	var up, down []string
	for f := (audit.Filter{Limit: 5}); ; {
		page := b.trail(f)
		for _, e := range page {
			up = append(up, e.Incident)
		}
		if len(page) < 5 {
			break
		}
		f.After = page[4].Seq
	}
	for f := (audit.Filter{Limit: 5, Newest: true}); ; {
		page := b.trail(f)
		for _, e := range page {
			down = append(down, e.Incident)
		}
		if len(page) < 5 {
			break
		}
		f.Before = page[4].Seq
	}
	slices.Reverse(down)
	if len(up) != 12 || !slices.Equal(up, down) {
		b.Errorf("%v, %v", up, down)
	}
}

func checkTrailErased(b *bench) {
	acc, bob := b.admitted("ann"), b.admitted("bob")
	s, _ := b.opened("ann", of(acc))
	b.opened("bob", of(bob))
	b.end(s, session.CauseButton)
	p, err := b.Person(b.ctx, acc.ID)
	b.ok(err)
	id := p.Identities[0].Identity
	refused := func(e audit.Event) audit.Event {
		e.Type, e.Actor, e.Cause = audit.SigninRefused, audit.ActorPerson, "denied"
		return e
	}
	strangers := []audit.Event{
		refused(audit.Event{Incident: "hers", Personal: &audit.Personal{Issuer: id.Issuer, Subject: id.Subject}}),
		refused(audit.Event{Incident: "hers by e-mail", Personal: &audit.Personal{Issuer: "https://other.example", Subject: "x", Email: "ANN@example.com"}}),
		refused(audit.Event{Incident: "another's", Personal: &audit.Personal{Issuer: "https://other.example", Subject: id.Subject, Email: "annabel@example.com"}}),
	}
	b.ok(b.Record(b.ctx, epoch, strangers...))
	_, err = b.Link(b.ctx, epoch, account.Linking{Account: bob.ID, Identity: id, Provider: "main", How: account.HowPerson, Incident: "hers that bob wanted"})
	b.is(err, account.ErrTaken)
	b.ok(b.Record(b.ctx, epoch, refused(audit.Event{Account: bob.ID, Handle: bob.Handle, Incident: "bob's own", Personal: &audit.Personal{Issuer: "https://other.example", Subject: id.Subject}})))
	before := b.trail(audit.Filter{})
	b.ok(b.MarkErasing(b.ctx, epoch, acc.ID))
	b.ok(b.Erase(b.ctx, epoch, acc.ID))
	// What waited for the store comes late.
	b.ok(b.Record(b.ctx, epoch, refused(audit.Event{Account: acc.ID, Handle: acc.Handle, Personal: &audit.Personal{Email: "ann@example.com"}})))
	after := b.trail(audit.Filter{})
	for i, e := range after {
		hers := e.Account == acc.ID || strings.HasPrefix(e.Incident, "hers")
		if hers != (e.Personal == nil) || e.Account == acc.ID && e.Handle != acc.Handle {
			b.Errorf("%+v", e)
		}
		if i < len(before) {
			before[i].Personal, e.Personal = nil, nil
			b.equal(e, before[i])
		}
	}
	b.equal(len(after), len(before)+3)
	_, err = b.Account(b.ctx, acc.ID)
	b.is(err, account.ErrErased)
}

func checkTrailSweep(b *bench) {
	for i := range 10 {
		b.ok(b.Record(b.ctx, epoch.Add(time.Duration(i)*time.Hour), audit.Event{Type: audit.BackupMade, Actor: audit.ActorGateway}))
	}
	last, err := b.LastAudit(b.ctx)
	b.ok(err)
	all := b.trail(audit.Filter{})
	sweep := func(before time.Time, keepAfter int64, limit, want int) {
		b.Helper()
		n, err := b.SweepAudit(b.ctx, before, keepAfter, limit)
		b.ok(err)
		b.equal(n, want)
	}
	sweep(epoch, last, 100, 0)
	sweep(epoch.Add(4*time.Hour), last, 3, 3)
	sweep(epoch.Add(4*time.Hour), last, 3, 1)
	b.equal(b.trail(audit.Filter{}), all[4:])
	sweep(epoch.AddDate(1, 0, 0), all[6].Seq, 100, 3) // what nobody has exported yet stays
	b.equal(b.trail(audit.Filter{}), all[7:])
	sweep(epoch.AddDate(1, 0, 0), last, 0, 3)
	got, err := b.LastAudit(b.ctx)
	b.ok(err)
	b.equal(got, last)
	b.ok(b.Record(b.ctx, epoch, audit.Event{Type: audit.BackupMade, Actor: audit.ActorGateway}))
	if e := b.trail(audit.Filter{})[0]; e.Seq <= last {
		b.Errorf("place %d was given again", e.Seq)
	}
}

// auditHolds demands of the trail that any promise leaves behind: every event fulfils the
// schema, and every session that was opened or ended is told of once.
func (b *bench) auditHolds() {
	b.Helper()
	told := map[string]int{}
	list, err := b.AuditEvents(b.ctx, audit.Filter{Limit: 10_000})
	b.ok(err)
	for _, e := range list {
		if e.Type == audit.SessionOpened || e.Type == audit.SessionEnded {
			told[string(e.Type)+" "+e.Session]++
		}
	}
	for what, n := range told {
		if n != 1 {
			b.Errorf("%s is told %d times", what, n)
		}
	}
	stones, err := b.Tombstones(b.ctx, 0, 10_000)
	b.ok(err)
	for _, t := range stones {
		if t.Session != "" && told["session.ended "+string(t.Session)] == 0 {
			b.Errorf("the end of %s is not told", t.Session)
		}
	}
	live, err := b.List(b.ctx, session.Filter{Limit: 10_000})
	b.ok(err)
	for _, s := range live {
		if told["session.opened "+string(s.ID)] == 0 || told["session.ended "+string(s.ID)] != 0 {
			b.Errorf("session %s lives, and the trail says %v", s.ID, told)
		}
	}
}
