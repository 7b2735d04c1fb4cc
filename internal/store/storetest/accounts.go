package storetest

import (
	"errors"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/session"
)

func accountPromises() []promise {
	return []promise{
		{"the first admission makes an account, later ones find it", func(b *bench) {
			a := admission("ann", "ann", "ann-2")
			made, created, err := b.Admit(b.ctx, epoch, a)
			b.ok(err)
			want := account.Account{ID: a.AccountID, Handle: "ann", Name: "Ann", Email: "ann@example.com", CreatedAt: epoch}
			b.equal(made, want)
			if !created {
				b.Fatal("not reported as created")
			}
			again := admission("ann", "other")
			got, created, err := b.Admit(b.ctx, epoch.Add(time.Hour), again)
			b.ok(err)
			b.equal(got, want)
			if created {
				b.Fatal("reported as created twice")
			}
			got, err = b.Account(b.ctx, want.ID)
			b.ok(err)
			b.equal(got, want)
		}},
		{"an identity's account is found, and none is made by looking", checkAccountOf},
		{"name and believed e-mail follow the provider, others do not", func(b *bench) {
			made, _, err := b.Admit(b.ctx, epoch, admission("ann", "ann"))
			b.ok(err)
			next := admission("ann", "ann")
			next.Profile.Name, next.Profile.Email, next.Profile.EmailBelieved = "Ann B", "boss@example.com", false
			got, _, err := b.Admit(b.ctx, epoch, next)
			b.ok(err)
			made.Name = "Ann B"
			b.equal(got, made)
			next.Profile.Email, next.Profile.EmailBelieved = "ann.b@example.com", true
			_, _, err = b.Admit(b.ctx, epoch, next)
			b.ok(err)
			made.Email = "ann.b@example.com"
			got, err = b.Account(b.ctx, made.ID)
			b.ok(err)
			b.equal(got, made)
		}},
		{"an e-mail that is not believed is not stored", func(b *bench) {
			a := admission("ann", "ann")
			a.Profile.EmailBelieved = false
			got, _, err := b.Admit(b.ctx, epoch, a)
			b.ok(err)
			b.equal(got.Email, "")
		}},
		{"the same e-mail never joins two identities", func(b *bench) {
			one, _, err := b.Admit(b.ctx, epoch, admission("ann", "ann"))
			b.ok(err)
			other := admission("ann", "ann", "ann-2")
			other.Identity.Issuer = "https://evil.example.com"
			two, created, err := b.Admit(b.ctx, epoch, other)
			b.ok(err)
			if !created || two.ID == one.ID || two.Handle != "ann-2" {
				b.Fatalf("second identity got %+v", two)
			}
		}},
		{"issuer and subject are compared byte for byte", func(b *bench) {
			one, _, err := b.Admit(b.ctx, epoch, admission("ann", "h1"))
			b.ok(err)
			for i, change := range []func(*account.Admission){
				func(a *account.Admission) { a.Identity.Subject = strings.ToUpper(a.Identity.Subject) },
				func(a *account.Admission) { a.Identity.Issuer += "/" },
				func(a *account.Admission) { a.Identity.Subject += "\x00" },
				func(a *account.Admission) { a.Identity.Subject += " " },
			} {
				a := admission("ann", "h"+string(rune('a'+i)))
				change(&a)
				two, created, err := b.Admit(b.ctx, epoch, a)
				b.ok(err)
				if !created || two.ID == one.ID {
					b.Fatalf("%+v was taken for %+v", a.Identity, one)
				}
			}
		}},
		{"handles differ in more than case, and with none free nothing is made", func(b *bench) {
			_, _, err := b.Admit(b.ctx, epoch, admission("ann", "ann"))
			b.ok(err)
			full := admission("bob", "ann", "ANN")
			if _, created, err := b.Admit(b.ctx, epoch, full); err == nil || created || errors.Is(err, session.ErrUnavailable) {
				b.Fatalf("admission without a free handle: %v, %v", created, err)
			}
			_, err = b.Account(b.ctx, full.AccountID)
			b.is(err, session.ErrNotFound)
			full.Candidates = append(full.Candidates, "bob")
			got, created, err := b.Admit(b.ctx, epoch, full)
			b.ok(err)
			if !created || got.Handle != "bob" {
				b.Fatalf("%+v, %v", got, created)
			}
		}},
		{"an unknown account is not found", func(b *bench) {
			_, err := b.Account(b.ctx, "nobody")
			b.is(err, session.ErrNotFound)
		}},
	}
}

func checkAccountOf(b *bench) {
	a := admission("ann", "ann")
	_, err := b.AccountOf(b.ctx, a.Identity)
	b.is(err, session.ErrNotFound)
	made, _, err := b.Admit(b.ctx, epoch, a)
	b.ok(err)
	got, err := b.AccountOf(b.ctx, a.Identity)
	b.ok(err)
	b.equal(got, made)
	other := a.Identity
	other.Issuer = "https://other.example.com"
	_, err = b.AccountOf(b.ctx, other)
	b.is(err, session.ErrNotFound)
}
