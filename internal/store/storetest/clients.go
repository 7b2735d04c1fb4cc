package storetest

import (
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

func clientPromises() []promise {
	return []promise{
		{"who the gateway is at providers is what was last said", func(b *bench) {
			list, err := b.Clients(b.ctx)
			b.ok(err)
			b.equal(len(list), 0)
			first := []session.Client{
				{Provider: "extra", Issuer: "https://extra.example.com", ID: "cardea"},
				{Provider: "main", Issuer: "https://id.example.com/realms/acme", ID: "cardéa 安"},
			}
			b.ok(b.SetClients(b.ctx, []session.Client{first[1], first[0]}))
			list, err = b.Clients(b.ctx)
			b.ok(err)
			b.equal(list, first)
			second := []session.Client{{Provider: "main", Issuer: "https://id.example.com", ID: "other"}}
			b.ok(b.SetClients(b.ctx, second))
			list, err = b.Clients(b.ctx)
			b.ok(err)
			b.equal(list, second)
		}},
		{"of two clients of one provider none is stored", func(b *bench) {
			before := []session.Client{{Provider: "main", Issuer: "https://id.example.com", ID: "a"}}
			b.ok(b.SetClients(b.ctx, before))
			twice := []session.Client{{Provider: "other", Issuer: "i", ID: "x"}, {Provider: "other", Issuer: "i", ID: "y"}}
			if err := b.SetClients(b.ctx, twice); err == nil {
				b.Fatal("two clients of one provider were taken")
			}
			list, err := b.Clients(b.ctx)
			b.ok(err)
			b.equal(list, before)
		}},
		{"live sessions tell what they were opened as, ended ones do not", checkOpenedAs},
	}
}

func checkOpenedAs(b *bench) {
	as := func(provider, client string) func(*session.Session) {
		return func(s *session.Session) { s.Provider, s.Client = provider, client }
	}
	b.opened("old", as("main", ""))
	one, _ := b.opened("one", as("main", "m1"))
	two, _ := b.opened("two", as("main", "m1"))
	b.opened("three", as("main", "m2"))
	b.opened("four", as("extra", "m1"))
	want := []session.OpenedAs{{Provider: "extra", Client: "m1"}, {Provider: "main"}, {Provider: "main", Client: "m1"}, {Provider: "main", Client: "m2"}}
	list, err := b.OpenedAs(b.ctx)
	b.ok(err)
	b.equal(list, want)

	// What a session was opened as stays as it is: it names the session.
	changed := *two
	changed.Client, changed.Handle = "m9", "nobody"
	stored, err := b.UpdateSession(b.ctx, epoch.Add(time.Minute), &changed)
	b.ok(err)
	b.equal(stored.Client, "m1")

	b.end(one, session.CauseProvider)
	list, err = b.OpenedAs(b.ctx)
	b.ok(err)
	b.equal(list, want)
	b.end(stored, session.CauseProvider)
	list, err = b.OpenedAs(b.ctx)
	b.ok(err)
	b.equal(list, []session.OpenedAs{want[0], want[1], want[3]})
}
