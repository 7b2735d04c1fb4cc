package storetest

import (
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

func listPromises() []promise {
	return []promise{
		{"filters select what they name", checkFilters},
		{"paging visits every session once, by id", func(b *bench) {
			want := []session.ID{}
			for _, name := range named("s", 25) {
				s, _ := b.opened(name)
				want = append(want, s.ID)
			}
			slices.Sort(want)
			var got []session.ID
			f := session.Filter{Provider: "main", Limit: 4}
			for {
				page, err := b.List(b.ctx, f)
				b.ok(err)
				for _, s := range page {
					got = append(got, s.ID)
				}
				if len(page) < f.Limit {
					break
				}
				f.After = page[len(page)-1].ID
			}
			b.equal(got, want)
		}},
		{"listed sessions are whole", func(b *bench) {
			s, _ := b.opened("ann")
			list, err := b.List(b.ctx, session.Filter{Account: s.Account})
			b.ok(err)
			b.equal(list, []*session.Session{s})
			list, err = b.Expired(b.ctx, epoch.Add(100*time.Hour), 10)
			b.ok(err)
			b.equal(list, []*session.Session{s})
		}},
		{"sessions past a limit are expired, the earliest first", checkExpired},
		{"a provider's session is shared while another session has it", func(b *bench) {
			shares := func(iss, sid string, want bool) {
				b.Helper()
				got, err := b.SharesProviderSession(b.ctx, iss, sid)
				b.ok(err)
				if got != want {
					b.Fatalf("SharesProviderSession(%q, %q) = %v", iss, sid, got)
				}
			}
			with := func(s *session.Session) { s.SID = "shared" }
			one, _ := b.opened("ann", with)
			two, _ := b.opened("bob", with)
			b.opened("carol", func(s *session.Session) { s.SID = "" })
			b.end(one, session.CauseButton)
			shares(one.Identity.Issuer, "shared", true)
			shares("https://other.example.com", "shared", false)
			shares(one.Identity.Issuer, "", false)
			b.end(two, session.CauseButton)
			shares(one.Identity.Issuer, "shared", false)
		}},
	}
}

func checkFilters(b *bench) {
	issuer := func(iss string) func(*session.Session) {
		return func(s *session.Session) { s.Identity.Issuer = iss }
	}
	ann, _ := b.opened("ann")
	b.opened("bob", func(s *session.Session) { s.Provider, s.SID = "second", ann.SID })
	b.opened("carol", issuer("https://b.example.com"), func(s *session.Session) { s.SID = ann.SID })
	b.opened("dora", func(s *session.Session) { s.Account, s.Identity, s.SID = ann.Account, ann.Identity, "" })
	gone, _ := b.opened("gone")
	b.end(gone, session.CauseButton)
	bobs, err := b.List(b.ctx, session.Filter{Provider: "second"})
	b.ok(err)
	below := newSeat()
	below.Origin = "https://x.apps.example.com:8443"
	b.ok(b.AddSeat(b.ctx, epoch, bobs[0].ID, below))
	for _, tc := range []struct {
		name string
		f    session.Filter
		want []string
	}{
		{"all", session.Filter{}, []string{"ann", "bob", "carol", "dora"}},
		{"account", session.Filter{Account: ann.Account}, []string{"ann", "dora"}},
		{"provider", session.Filter{Provider: "second"}, []string{"bob"}},
		{"identity", session.Filter{Identity: ann.Identity}, []string{"ann", "dora"}},
		{"provider's session", session.Filter{Identity: oidc.Identity{Issuer: ann.Identity.Issuer}, SID: ann.SID}, []string{"ann", "bob"}},
		{"identity and provider's session", session.Filter{Identity: ann.Identity, SID: ann.SID}, []string{"ann"}},
		{"account of another provider", session.Filter{Account: ann.Account, Provider: "second"}, []string{}},
		{"nobody", session.Filter{Account: "nobody"}, []string{}},
		{"quotes are only text", session.Filter{Account: "' OR 1=1 --"}, []string{}},
		{"ended", session.Filter{Account: gone.Account}, []string{}},
		{"seat at an origin", session.Filter{Origin: origin}, []string{"ann", "bob", "carol", "dora"}},
		{"seat at an origin below a star", session.Filter{Origin: "https://*.apps.example.com:8443"}, []string{"bob"}},
		{"seat at an origin, and account", session.Filter{Account: ann.Account, Origin: "https://x.apps.example.com:8443"}, []string{}},
		{"a star is one label", session.Filter{Origin: "https://*.example.com"}, []string{"ann", "bob", "carol", "dora"}},
		{"a star is at least one letter", session.Filter{Origin: "https://chat*.example.com"}, []string{}},
		{"no seat there", session.Filter{Origin: "https://other.example.com"}, []string{}},
	} {
		list, err := b.List(b.ctx, tc.f)
		b.ok(err)
		got := names(list)
		slices.Sort(got)
		if d := diff(tc.want, got); d != "" {
			b.Errorf("%s: (-want +got)\n%s", tc.name, d)
		}
		tc.f.After, tc.f.Limit = "z", 1 // neither changes how many there are
		if n, err := b.CountSessions(b.ctx, tc.f); err != nil || n != len(tc.want) {
			b.Errorf("%s: counted %d, %v", tc.name, n, err)
		}
	}
}

func checkExpired(b *bench) {
	limits := func(idle, absolute time.Duration) func(*session.Session) {
		return func(s *session.Session) { s.Limits = session.Limits{Idle: idle, Absolute: absolute} }
	}
	b.opened("never", limits(0, 0))
	b.opened("idle30", limits(30*time.Minute, 0))
	b.opened("abs20", limits(0, 20*time.Minute))
	b.opened("both", limits(40*time.Minute, 10*time.Minute))
	ended, _ := b.opened("ended", limits(time.Minute, time.Minute))
	b.end(ended, session.CauseExpired)
	at := func(d time.Duration, limit int, want ...string) {
		b.Helper()
		list, err := b.Expired(b.ctx, epoch.Add(d), limit)
		b.ok(err)
		b.equal(names(list), append([]string{}, want...))
	}
	at(10*time.Minute-time.Microsecond, 10)
	at(10*time.Minute, 10, "both")
	at(25*time.Minute, 10, "both", "abs20")
	at(100*time.Hour, 10, "both", "abs20", "idle30")
	at(100*time.Hour, 2, "both", "abs20")
}
