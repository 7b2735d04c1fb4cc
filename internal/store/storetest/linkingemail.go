package storetest

import (
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// trusts is an operator who trusts two providers with their verified e-mails.
func trusts(provider, issuer string) bool {
	return provider == "main" && issuer == "https://id.example.com" || provider == "second" && issuer == "https://second.example.com"
}

// bySecond is the first sign-in of somebody at the second provider.
func bySecond(name, email string, believed bool) account.Admission {
	a := admission(name, name+"-two")
	a.Provider, a.Identity.Issuer = "second", "https://second.example.com"
	a.Profile.Email, a.Profile.EmailBelieved = email, believed
	return a
}

func emailPromises() []promise {
	return []promise{
		{"a verified e-mail of a trusted provider leads to the account that has it", checkByEmail},
		{"an e-mail that proves nothing links nothing", checkApart},
		{"what was unlinked from an account is not led back to it by an e-mail", func(b *bench) {
			acc := b.admitted("ann")
			a := bySecond("x", "ann@example.com", true)
			got, err := b.AdmitByEmail(b.ctx, epoch, a, trusts)
			b.ok(err)
			b.equal([]any{got.Account.ID, got.Linked}, []any{acc.ID, true})
			b.ok(b.Unlink(b.ctx, epoch, acc.ID, a.Identity, "x", everyProvider))
			b.ok(b.Settle(b.ctx, acc.ID, a.Identity))
			got, err = b.AdmitByEmail(b.ctx, epoch, a, trusts)
			b.ok(err)
			b.equal([]any{got.Created, got.Linked, got.Apart, got.Account.ID}, []any{true, false, account.ApartUnlinked, a.AccountID})
			// Nor is whoever comes by that provider under another subject.
			other := bySecond("y", "ann@example.com", true)
			b.ok(b.MarkErasing(b.ctx, epoch, got.Account.ID))
			b.ok(b.Erase(b.ctx, epoch, got.Account.ID))
			got, err = b.AdmitByEmail(b.ctx, epoch, other, trusts)
			b.ok(err)
			b.equal([]any{got.Created, got.Apart}, []any{true, account.ApartUnlinked})
			b.equal(len(b.keys(acc)), 1)
			// The person may link it again.
			linked, err := b.Link(b.ctx, epoch, account.Linking{Account: acc.ID, Identity: a.Identity, Provider: a.Provider, Profile: a.Profile, How: account.HowPerson})
			b.ok(err)
			b.equal(linked, true)
		}},
		{"an account that is disabled is not evaded by a second provider", func(b *bench) {
			acc := b.admitted("ann")
			_, err := b.SetDisabled(b.ctx, epoch, acc.ID, true)
			b.ok(err)
			got, err := b.AdmitByEmail(b.ctx, epoch, bySecond("x", "ann@example.com", true), trusts)
			b.is(err, account.ErrDisabled)
			b.equal([]any{got.Account.ID, got.Created, got.Linked}, []any{acc.ID, false, false})
			b.equal(len(b.keys(acc)), 1)
		}},
	}
}

func checkByEmail(b *bench) {
	acc := b.admitted("ann")
	a := bySecond("x", "ANN@Example.com", true)
	got, err := b.AdmitByEmail(b.ctx, epoch.Add(time.Hour), a, trusts)
	b.ok(err)
	want := acc
	want.Email = "ANN@Example.com"
	b.equal(got, account.Admitted{Account: want, Linked: true})
	b.equal(len(b.keys(acc)), 2)
	a.Profile.EmailBelieved = false // known by now: the e-mail decides nothing any more
	got, err = b.AdmitByEmail(b.ctx, epoch, a, func(string, string) bool { return false })
	b.ok(err)
	b.equal(got, account.Admitted{Account: want})
	s := newSession("x")
	of(acc)(s)
	s.Identity = a.Identity
	b.ok(b.OpenSession(b.ctx, epoch, s, newSeat(), ""))
}

// checkApart: CVE-2026-35511, CVE-2026-55075 and CVE-2026-55076 linked by e-mails that
// nobody had verified, at one side or the other.
func checkApart(b *bench) {
	acc := b.admitted("ann")
	b.equal(acc.Email, "ann@example.com")
	unverified := admission("claimed", "claimed")
	unverified.Profile.Email, unverified.Profile.EmailBelieved = "boss@example.com", false
	untrusted := admission("elsewhere", "elsewhere")
	untrusted.Provider, untrusted.Identity.Issuer = "third", "https://third.example.com"
	untrusted.Profile.Email = "cto@example.com"
	moved := admission("moved", "moved") // by a provider that stands under the name of a trusted one no more
	moved.Identity.Issuer, moved.Profile.Email = "https://old.example.com", "ceo@example.com"
	again := admission("second-ann", "second-ann")
	again.Profile.Email = "two@example.com"
	once := admission("third-ann", "third-ann")
	once.Profile.Email = "Two@example.com"
	spaced := admission("spaced", "spaced")
	spaced.Profile.Email = "a b@example.com"
	for _, a := range []account.Admission{unverified, untrusted, moved, again, once, spaced} {
		_, _, err := b.Admit(b.ctx, epoch, a)
		b.ok(err)
	}
	long := strings.Repeat("a", 400) + "@example.com"
	for i, tc := range []struct {
		name, email string
		believed    bool
		trusts      account.Trusts
		want        account.Apart
	}{
		{"not verified by the one that is new", "ann@example.com", false, trusts, account.ApartNotVerified},
		{"not verified by the one that is there", "boss@example.com", true, trusts, account.ApartNoMatch},
		{"of a provider that is not trusted", "ann@example.com", true, func(p, i string) bool { return p == "main" && trusts(p, i) }, account.ApartUntrusted},
		{"nobody is trusted", "ann@example.com", true, nil, account.ApartUntrusted},
		{"where only the one that is there is not trusted", "cto@example.com", true, trusts, account.ApartNoMatch},
		{"of an issuer that is not the trusted one's any more", "ceo@example.com", true, trusts, account.ApartNoMatch},
		{"of several accounts", "TWO@example.com", true, trusts, account.ApartSeveral},
		{"none", "", true, trusts, account.ApartNoAddress},
		{"two at once", "ann@evil.example@example.com", true, trusts, account.ApartNoAddress},
		{"with a blank", "a b@example.com", true, trusts, account.ApartNoAddress},
		{"with a line break", "ann@example.com\n", true, trusts, account.ApartNoAddress},
		{"with a NUL", "ann@example.com\x00", true, trusts, account.ApartNoAddress},
		{"too long", long, true, trusts, account.ApartNoAddress},
		{"another letter that looks the same", "аnn@example.com", true, trusts, account.ApartNoMatch},
		{"with a tag", "ann+x@example.com", true, trusts, account.ApartNoMatch},
		{"with a wildcard", "%@example.com", true, trusts, account.ApartNoMatch},
		{"whose letter folds to one of it", "anſ@example.com", true, trusts, account.ApartNoMatch},
	} {
		a := bySecond(named("n", 20)[i], tc.email, tc.believed)
		got, err := b.AdmitByEmail(b.ctx, epoch, a, tc.trusts)
		b.ok(err)
		if !got.Created || got.Linked || got.Apart != tc.want || got.Account.ID != a.AccountID {
			b.Errorf("%s: %+v, want %q", tc.name, got, tc.want)
		}
		// So that the next ones meet the same store.
		b.ok(b.MarkErasing(b.ctx, epoch, got.Account.ID))
		b.ok(b.Erase(b.ctx, epoch, got.Account.ID))
	}
	b.equal(len(b.keys(acc)), 1)
	// The address went on to somebody else at the same provider.
	heir := admission("heir", "heir")
	got, err := b.AdmitByEmail(b.ctx, epoch, heir, trusts)
	b.ok(err)
	b.equal([]any{got.Created, got.Apart, got.Account.ID}, []any{true, account.ApartOther, heir.AccountID})
}

func linkingRaces() []promise {
	return []promise{
		{"of links of one identity into many accounts at once one wins", func(b *bench) {
			for _, name := range named("r", 8) {
				var accs []account.Account
				for _, who := range []string{"a", "b", "c", "d"} {
					accs = append(accs, b.admitted(name+who))
				}
				if won := b.parallel(len(accs), func(i int) error {
					_, err := b.Link(b.ctx, epoch, linking(accs[i], name))
					return allow(err, account.ErrTaken)
				}); won != 1 {
					b.Fatalf("%d links won", won)
				}
				owners := 0
				for _, acc := range accs {
					owners += len(b.keys(acc)) - 1
				}
				b.equal(owners, 1)
			}
		}},
		{"of two unlinkings at once one identity stays", func(b *bench) {
			for _, name := range named("r", 8) {
				acc := b.admitted(name)
				l := linking(acc, name)
				_, err := b.Link(b.ctx, epoch, l)
				b.ok(err)
				both := []oidc.Identity{l.Identity, admission(name).Identity}
				won := b.parallel(2, func(i int) error {
					return allow(b.Unlink(b.ctx, epoch, acc.ID, both[i], "x", everyProvider), account.ErrLast)
				})
				b.equal([]int{won, len(b.keys(acc))}, []int{1, 1})
			}
		}},
		{"of two unlinkings at once an identity of a configured provider stays", func(b *bench) {
			for _, name := range named("r", 8) {
				acc, ids := b.ways(name)
				won := b.parallel(2, func(i int) error {
					return allow(b.Unlink(b.ctx, epoch, acc.ID, ids[i], "x", thirdWithdrawn), account.ErrLast)
				})
				p, err := b.Person(b.ctx, acc.ID)
				b.ok(err)
				ways := 0
				for _, i := range p.Identities {
					if thirdWithdrawn(i.Provider) {
						ways++
					}
				}
				b.equal([]int{won, ways, len(p.Identities)}, []int{1, 1, 2})
			}
		}},
		{"a sign-in that races with unlinking opens nothing that stays", func(b *bench) {
			for _, name := range named("r", 12) {
				acc := b.admitted(name)
				l := linking(acc, name)
				_, err := b.Link(b.ctx, epoch, l)
				b.ok(err)
				b.parallel(4, func(i int) error {
					if i == 0 {
						return b.Unlink(b.ctx, epoch, acc.ID, l.Identity, "x", everyProvider)
					}
					s := newSession(name)
					of(acc)(s)
					s.Identity = l.Identity
					return allow(b.OpenSession(b.ctx, epoch, s, newSeat(), ""), account.ErrNotLinked)
				})
				list, err := b.List(b.ctx, session.Filter{Account: acc.ID, Identity: l.Identity})
				b.ok(err)
				for _, s := range list {
					b.end(s, session.CauseIdentity)
				}
				b.ok(b.Settle(b.ctx, acc.ID, l.Identity))
			}
		}},
		{"first sign-ins that race with each other by one e-mail link one identity", func(b *bench) {
			acc := b.admitted("ann")
			b.parallel(4, func(i int) error {
				a := bySecond("same", "ann@example.com", true)
				got, err := b.AdmitByEmail(b.ctx, epoch, a, trusts)
				if err == nil && got.Account.ID != acc.ID {
					b.Errorf("%+v", got)
				}
				return err
			})
			b.equal(len(b.keys(acc)), 2)
		}},
	}
}
