package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

func TestTheAccountPageShowsWhoHowWhereAndWhatHappened(t *testing.T) {
	m := newMine(t, true, func(_ *Options, p *people) {
		p.shown = account.Picture{Hash: "h4sh", Source: account.PictureUpload}
		p.events = []audit.Event{
			{Seq: 10, Type: audit.AccessRefused, At: now.Add(-time.Second), App: "other", Provider: "main", Incident: "ABCD-9QXT"},
			{Seq: 9, Type: audit.SessionEnded, At: now.Add(-time.Minute), Session: "old", Provider: "main", Cause: "everywhere"},
			{Seq: 8, Type: audit.SessionEnded, At: now.Add(-time.Minute), Session: "older", Provider: "main", Cause: "renewed"},
			{Seq: 7, Type: audit.SessionOpened, At: now.Add(-2 * time.Hour), Session: "old", Provider: "main", Personal: &audit.Personal{UserAgent: "curl/8.1", Address: "198.51.100.9"}},
			{Seq: 6, Type: audit.IdentityLinked, At: now.Add(-3 * time.Hour), Provider: "second", Detail: map[string]string{"how": "person"}},
			{Seq: 5, Type: audit.SigninRefused, At: now.Add(-4 * time.Hour), Provider: "main", Incident: "7K2M-9QXT"},
		}
	})
	w := m.page("")
	hasAll(t, w, 200, "Ada Lovelace", "ada@example.com", "Apps know you as <bdi>ada</bdi>", `src="/.cardea/avatar/h4sh"`, "Remove my picture", "up to 1 MB",
		"ada@idp.example", "subject-that-is-rather-l…", "Used for this session", `name="identity" value="`+account.KeyOf(secondIdentity)+`"`,
		"<bdi>Firefox 143</bdi> on <bdi>Linux</bdi>", "This device", "Address <bdi>203.0.113.7</bdi>", "<bdi>Safari 18</bdi> on <bdi>iOS</bdi>", "7 minutes ago",
		`name="session" value="phone"`, "Link another account of <bdi>Second</bdi>", "Your apps", `href="https://app.example/"`,
		"Signed out from another device", "<bdi>curl 8</bdi>, a program", "198.51.100.9", "<bdi>Second</bdi> was linked", "7K2M-9QXT", "Access to <bdi>other</bdi> was refused", "ABCD-9QXT")
	for _, not := range []string{"stranger", "somebody else", "secret", "Link another account of <bdi>Main</bdi>", "5 minutes ago. Before", `value="live"`, "Signed in again"} {
		if strings.Contains(w.Body.String(), not) {
			t.Errorf("the page says %q", not)
		}
	}
	if f := m.people.filter; f.Account != "acc" || !f.Newest || f.Limit == 0 || len(f.Types) == 0 {
		t.Errorf("the trail was asked for %+v", f)
	}
}

func TestTheAccountPageAnswersAtTheGatewaysOwnAddressOnly(t *testing.T) {
	m := newMine(t, true)
	for _, method := range []string{"GET", "POST"} {
		for _, path := range []string{"/.cardea/account", "/.cardea/account/sign-out", "/.cardea/account/sign-out-everywhere"} {
			w := m.ask(method, "https://app.example"+path, within(seat(seatLive)...)...)
			if u := location(t, w); u.String() != gate+"/.cardea/account" {
				t.Errorf("%s %s leads to %s", method, path, u)
			}
		}
	}
	m.untouched()
	for _, path := range []string{"/.cardea/account/", "/.cardea/account/delete", "/.cardea/account/sign-out/x"} {
		if w := m.ask("POST", gate+path, within(seat(seatLive)...)...); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := m.ask("GET", gate+"/.cardea/account/unlink", within(seat(seatLive)...)...); w.Code != 405 {
		t.Errorf("a GET of an act: %d", w.Code)
	}
	without := newFace(t)
	if w := without.ask("GET", gate+"/.cardea/account", within(seat(seatLive)...)...); w.Code != 404 {
		t.Errorf("a gateway without the page: %d", w.Code)
	}
}

func TestWithoutASessionTheAccountPageLeadsToASignInAndDoesNothing(t *testing.T) {
	m := newMine(t, true)
	u := location(t, m.ask("GET", gate+"/.cardea/account?act=link&of=second", navigation()...))
	if u.Path != "/.cardea/sign-in" || u.Query().Get("return") != "/.cardea/account?act=link&of=second" || u.Query().Get("auto") != "1" {
		t.Errorf("leads to %s", u)
	}
	w := m.ask("GET", gate+"/.cardea/account", script()...)
	if w.Code != 401 || !strings.Contains(w.Header().Get("Content-Type"), "problem+json") || !strings.Contains(w.Body.String(), "session-required") {
		t.Errorf("a script: %d %s", w.Code, w.Body)
	}
	for name, cookie := range map[string]string{"none": "", "ended": seatEnded, "unknown": seatUnknown} {
		for act := range accountActs {
			w := m.form(gate+"/.cardea/account/"+act, gate, url.Values{"token": {"x"}}, seat(cookie)...)
			hasAll(t, w, 401, "you are not")
			if !strings.Contains(w.Body.String(), `href="/.cardea/sign-in?return=%2F.cardea%2Faccount"`) {
				t.Errorf("%s, %s: no way to sign in", act, name)
			}
		}
	}
	if w := m.ask("GET", gate+"/.cardea/account", navigation(seat(seatDown)...)...); w.Code != 503 {
		t.Errorf("with the store down: %d", w.Code)
	}
	m.untouched()
}

func TestASignInLeadsBackToTheAccountPageAndTakesEveryProvider(t *testing.T) {
	m := newMine(t, true)
	w := m.ask("GET", gate+"/.cardea/sign-in?return=%2F.cardea%2Faccount%3Fact%3Dlink%26of%3Dsecond&provider=second", navigation()...)
	location(t, w)
	s := m.signIn.started[0]
	if s.Target.Path != "/.cardea/account?act=link&of=second" || s.Provider != "second" || s.Root != "/" {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{"/.cardea/account/unlink", "/.cardea/sign-out", "//evil.example", "/.cardea/accounts"} {
		m.ask("GET", gate+"/.cardea/sign-in?provider=main&return="+url.QueryEscape(bad), navigation()...)
		if s := m.signIn.started[len(m.signIn.started)-1]; s.Target.Path != "/" {
			t.Errorf("%s: leads to %s", bad, s.Target.Path)
		}
	}
	alone := newMine(t, true, func(o *Options, _ *people) { o.Apps = nil })
	alone.ask("GET", gate+"/.cardea/sign-in?provider=main", navigation()...)
	if s := alone.signIn.started[0]; s.Target.Path != "/.cardea/account" {
		t.Errorf("without an app there the way leads to %s", s.Target.Path)
	}
}

func TestVisitingAndPostingAreActivityAndThePagesScriptIsNot(t *testing.T) {
	m := newMine(t, true)
	m.page("")
	m.ask("GET", gate+"/.cardea/account", script(seat(seatLive)...)...)
	m.post("avatar-remove", "", "")
	var got []bool
	for _, q := range m.guard.asked {
		got = append(got, q.Active)
	}
	if fmt.Sprint(got) != "[true false true]" {
		t.Errorf("activity: %v", got)
	}
}

func TestTheAccountPageStandsWhateverItIsAbout(t *testing.T) {
	long := strings.Repeat("\u202eevil\u0007", 16<<10)
	for name, change := range map[string]func(*Options, *people){
		"no identity left": func(_ *Options, p *people) { p.person.Identities = nil },
		"a provider that is gone": func(_ *Options, p *people) {
			for i := range p.person.Identities {
				p.person.Identities[i].Provider = "withdrawn"
			}
			p.sessions[0].Provider, p.sessions[1].Provider = "withdrawn", "withdrawn"
		},
		"64 kB of names": func(_ *Options, p *people) {
			p.person.Name, p.person.Handle, p.person.Email = long, long, long
			p.person.Identities[0].Email, p.person.Identities[1].Subject = long, long
			p.sessions[0].UserAgent, p.sessions[1].UserAgent, p.sessions[1].Address = long, long, long
			p.events = []audit.Event{{Type: audit.SessionOpened, Personal: &audit.Personal{UserAgent: long, Address: long}}, {Type: audit.SessionEnded, Cause: long}, {Type: audit.IdentityLinked, Personal: &audit.Personal{Email: long}}}
		},
		"no trail":       func(_ *Options, p *people) { p.trail = errTrail },
		"no pictures":    func(o *Options, _ *people) { o.Account.Pictures = nil },
		"empty events":   func(_ *Options, p *people) { p.events = make([]audit.Event, 200) },
		"no other place": func(_ *Options, p *people) { p.sessions = p.sessions[:1] },
	} {
		t.Run(name, func(t *testing.T) {
			w := newMine(t, true, change).page("")
			hasAll(t, w, 200, "This device", "Sign out everywhere")
			if strings.ContainsAny(w.Body.String(), "\u202e\u0007") || w.Body.Len() > 60<<10 {
				t.Errorf("%d bytes, or characters that may not be there", w.Body.Len())
			}
		})
	}
	for err, status := range map[error]int{session.ErrUnavailable: 503, session.ErrNotFound: 401, account.ErrErased: 401, errors.New("a fault"): 500} {
		w := newMine(t, true, func(_ *Options, p *people) { p.err = err }).page("")
		if w.Code != status {
			t.Errorf("%v: %d", err, w.Code)
		}
	}
}

func TestTheLatestHundredDevicesAreShownAndTheRestCounted(t *testing.T) {
	m := newMine(t, true, func(_ *Options, p *people) {
		for i := range 450 {
			s := person(session.ID(fmt.Sprintf("s%04d", i)))
			s.Identity, s.SeenAt = mainIdentity, now.Add(-time.Duration(i)*time.Second)
			p.sessions = append(p.sessions, s)
		}
		old := person("zz-expired")
		old.SeenAt = now.Add(-2 * time.Hour) // idle for longer than its limit
		p.sessions = append(p.sessions, old)
	})
	w := m.page("")
	hasAll(t, w, 200, "352 more devices", `value="s0098"`)
	if body := w.Body.String(); strings.Contains(body, "s0099") || strings.Contains(body, "zz-expired") || strings.Count(body, "<li data-key=") < 100 || strings.Index(body, `data-key="live"`) > strings.Index(body, `data-key="s0000"`) {
		t.Error("another hundred is shown, or in another order")
	}
}

func TestANoticeIsAWordOfTheListAndNothingElse(t *testing.T) {
	m := newMine(t, true)
	hasAll(t, m.page("?done=unlinked&provider=second"), 200, `role="status"><bdi>Second</bdi> is unlinked`)
	hasAll(t, m.page("?done=unlinked&provider=%3Cscript%3E"), 200, `role="status"><bdi>Your sign-in provider</bdi> is unlinked`)
	hasAll(t, m.page("?done=last"), 200, `class="notice bad" role="alert"`)
	for _, query := range []string{"?done=%3Cscript%3E", "?done=You+have+won", "?done=", "?notice=linked", "?act=delete&of=x", "?act=link&of=nobody", "?act=unlink&of=x", "?act=sign-out&of=stranger", "?act=sign-out&of=live"} {
		body := m.page(query).Body.String()
		if strings.Contains(body, `class="notice`) || strings.Contains(body, `class="ask"`) || strings.Contains(body, "won") {
			t.Errorf("%s puts something on the page", query)
		}
	}
	m.untouched()
}

func TestAnActThatWaitsAsksAndDoesNothingByItself(t *testing.T) {
	m := newMine(t, true)
	for query, want := range map[string]string{
		"?act=link&of=second":                           "<bdi>Second</bdi> can be linked to your account now",
		"?act=unlink&of=" + account.KeyOf(mainIdentity): "<bdi>ada@idp.example</bdi> at <bdi>Main</bdi> can be unlinked now",
		"?act=sign-out&of=phone":                        "can be signed out now",
	} {
		hasAll(t, m.page(query), 200, `class="ask"`, want, "Leave it as it is")
	}
	m.untouched()
}

func TestTheStreamOfAnAccountPageTellsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMine(t, true, func(o *Options, _ *people) { o.Now = time.Now })
		g := &clockGuard{v: guard.Verdict{Outcome: guard.Allow, Session: m.live}}
		m.live.CreatedAt, m.live.SeenAt = time.Now(), time.Now()
		m.o.Guard = g
		open := func(query string) *listener {
			ctx, stop := context.WithCancel(t.Context())
			l := &listener{ResponseRecorder: httptest.NewRecorder(), done: make(chan struct{}), stop: stop}
			r := m.request("GET", gate+"/.cardea/events"+query, nil, script(seat(seatLive)...)...).WithContext(ctx)
			go func() {
				defer close(l.done)
				m.ServeHTTP(l, r)
			}()
			synctest.Wait()
			return l
		}
		page, app := open("?of=account"), open("")
		for range 3 {
			m.watch.Changed("acc")
		}
		m.watch.Changed("somebody else")
		synctest.Wait()
		if names, _ := page.heard(); strings.Join(names, " ") != "hello changed" {
			t.Errorf("the account page heard %v", names)
		}
		if names, _ := app.heard(); strings.Join(names, " ") != "hello" {
			t.Errorf("an app's page heard %v", names)
		}
		m.watch.Ended(session.Tombstone{Account: "acc"})
		synctest.Wait()
		page.stop()
		app.stop()
		<-page.done
		<-app.done
		if len(m.watch.by) != 0 {
			t.Error("somebody who has gone is still told")
		}
		m.watch.Changed("acc")
	})
}

func TestAnEndedSignInOrLinkTellsTheAccountsOpenPages(t *testing.T) {
	m := newMine(t, true)
	news, stop := m.watch.watch("acc")
	defer stop()
	for name, res := range map[string]signin.Result{
		"sign-in": {Session: m.live, SeatValue: seatNew, Target: signin.Target{Origin: gate, Path: "/.cardea/account"}},
		"linking": {Session: m.live, Linked: &signin.Linked{Provider: "second"}, Target: signin.Target{Origin: gate, Path: "/.cardea/account"}},
	} {
		m.signIn.result = res
		w := m.ask("GET", gate+"/.cardea/callback/main?code=c&state=s", navigation("Cookie", "__Host-cardea-browser="+binding)...)
		if u := location(t, w); u.Path != "/.cardea/account" {
			t.Errorf("%s leads to %s", name, u)
		}
		select {
		case <-news:
		default:
			t.Errorf("%s: nobody was told", name)
		}
	}
}

func TestACookieSetOnTheWayToTheAccountPageLastsWhereEveryAppsDoes(t *testing.T) {
	for _, lasting := range []bool{true, false} {
		m := newMine(t, true, func(o *Options, _ *people) {
			for i := range o.Apps {
				o.Apps[i].Persistent = lasting || i != 2
			}
		})
		m.signIn.result = signin.Result{Session: m.live, SeatValue: seatNew, Target: signin.Target{Origin: gate, Path: "/.cardea/account?done=linked"}}
		w := m.ask("GET", gate+"/.cardea/callback/main?code=c&state=s", navigation("Cookie", "__Host-cardea-browser="+binding)...)
		set := strings.Join(w.Header().Values("Set-Cookie"), "\n")
		if w.Code != http.StatusSeeOther || strings.Contains(set, "Max-Age=36000") != lasting {
			t.Errorf("lasting %t: %s", lasting, set)
		}
	}
}

func TestADeniedPersonFindsTheirAccount(t *testing.T) {
	m := newMine(t, true)
	hasAll(t, m.ask("GET", "https://app.example/", navigation(seat(seatDenied)...)...), 403, `href="https://gate.example/.cardea/account"`)
}

func TestADeviceThatWasSignedOutIsToldFromWhere(t *testing.T) {
	for from, want := range map[string]string{
		"":                        "You were signed out from another device",
		gate + "/.cardea/account": "You are signed out everywhere",
	} {
		m := newMine(t, true)
		m.guard.bySeat[seatEnded] = guard.Verdict{Ended: &session.Tombstone{Session: "ended", Provider: "main", Cause: session.CauseEverywhere}}
		m.signOut.ofs["ended"] = signout.Receipt{Session: "ended", Provider: "main", Cause: session.CauseEverywhere, ReturnURL: from}
		hasAll(t, m.ask("GET", gate+"/.cardea/signed-out", navigation(seat(seatEnded)...)...), 200, want)
	}
}
