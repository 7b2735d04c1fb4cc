package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

const forgotten2nd = "__Host-cardea-provider=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"

// The provider would replace its own session in this browser, and refuse to renew ours.
func TestAnotherAccountOfTheProviderThatOpenedThisSessionIsNotLinked(t *testing.T) {
	m := newMine(t, true)
	body := m.page("").Body.String()
	if !strings.Contains(body, `name="provider" value="second"`) || strings.Contains(body, `name="provider" value="main"`) || !strings.Contains(body, `<details class="others">`) {
		t.Errorf("offers another thing to link\n%s", body)
	}
	hasAll(t, m.post("link", "provider", "main"), 403, "Nothing was changed")
	if body := m.page("?act=link&of=main").Body.String(); strings.Contains(body, `class="ask"`) {
		t.Error("the address brings the offer back")
	}
	m.untouched()

	unlinked := newMine(t, true, func(_ *Options, p *people) { p.person.Identities = p.person.Identities[:1] })
	if body := unlinked.page("").Body.String(); !strings.Contains(body, `name="provider" value="main"`) {
		t.Error("a provider that nothing is linked of is not offered")
	}
}

func TestTheAccountPageLeadsToTheAppsThatTakeAProviderOfThePerson(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options, *people)
		want   bool
	}{
		"this session's":     {nil, true},
		"another identity's": {func(o *Options, _ *people) { o.Apps[0].Providers = []string{"second"} }, true},
		"none of them":       {func(o *Options, _ *people) { o.Apps[0].Providers = []string{"third"} }, false},
		"on any host":        {func(o *Options, _ *people) { o.Apps[0].Origin = "https://*.app.example" }, false},
	} {
		m := newMine(t, true, func(o *Options, p *people) {
			if c.change != nil {
				c.change(o, p)
			}
		})
		to := `<a href="` + string(m.o.Apps[0].Origin) + m.o.Apps[0].Path + `">`
		if got := strings.Contains(m.page("").Body.String(), to); got != c.want {
			t.Errorf("%s: %s is there: %t", name, to, got)
		}
	}
}

func TestUnlinkingTakesTheProviderFromTheHeadOfTheChoice(t *testing.T) {
	post := func(m *mine, key, last string) http.Header {
		m.live.AuthTime = now
		return m.form(gate+"/.cardea/account/unlink", gate, map[string][]string{"token": {m.token("unlink", key)}, "identity": {key}},
			"Cookie", "__Host-cardea="+seatLive+"; __Host-cardea-provider="+last).Header()
	}
	for name, c := range map[string]struct {
		key, last string
		err       error
		want      bool
	}{
		"the one that was used last": {account.KeyOf(secondIdentity), "second", nil, true},
		"this session's own":         {account.KeyOf(mainIdentity), "main", nil, true},
		"another":                    {account.KeyOf(secondIdentity), "main", nil, false},
		"refused":                    {account.KeyOf(secondIdentity), "second", account.ErrLast, false},
	} {
		m := newMine(t, true, func(_ *Options, p *people) { p.unlinkErr = c.err })
		got := strings.Contains(strings.Join(post(m, c.key, c.last)["Set-Cookie"], "\n"), forgotten2nd)
		if got != c.want {
			t.Errorf("%s: forgotten %t", name, got)
		}
	}
}

// One click would make a new account: the choice comes first, and says so.
func TestAfterAnUnlinkingNobodyIsLedToThatProviderUnasked(t *testing.T) {
	ended := guard.Verdict{Outcome: guard.NoSession, Ended: &session.Tombstone{Session: "ended", Provider: "p1", Cause: session.CauseIdentity, Fresh: true}}
	f := newFace(t, campuses(3))
	f.guard.bySeat[seatEnded] = ended
	with := []string{"Cookie", "__Host-cardea=" + seatEnded + "; __Host-cardea-provider=p1"}
	body := f.ask("GET", gateSignIn+"?return=/deep", navigation(with...)...).Body.String()
	got, _ := choices(t, body)
	if diff := cmp.Diff([]string{"p0", "p2", "p1"}, got); diff != "" || !strings.Contains(body, "signing in with it makes a new account") {
		t.Errorf("(-want +got)\n%s\n%s", diff, body)
	}
	for query, providers := range map[string][]string{"domain_hint=p1.edu": {"p0", "p1"}, "": {"p1"}} {
		f := newFace(t, campuses(3), func(o *Options) { o.Apps[0].Providers = providers })
		f.guard.bySeat[seatEnded] = ended
		if got, _ := choices(t, f.ask("GET", gateSignIn+"?return=/deep&"+query, navigation(with...)...).Body.String()); len(got) != len(providers) || len(f.signIn.started) != 0 {
			t.Errorf("%q: %v, started %v", query, got, f.signIn.started)
		}
		f.ask("GET", gateSignIn+"?return=/deep&provider=p1", navigation(with...)...)
		if len(f.signIn.started) != 1 || f.signIn.started[0].Provider != "p1" {
			t.Errorf("chosen all the same: %v", f.signIn.started)
		}
	}
	w := f.ask("GET", gate+"/.cardea/signed-out", navigation(with...)...)
	if !strings.Contains(strings.Join(w.Header()["Set-Cookie"], "\n"), forgotten2nd) {
		t.Errorf("the signed-out page leaves the cookie: %v", w.Header())
	}
}

func TestWhoeverWasSignedOutElsewhereIsLedToTheirActivity(t *testing.T) {
	const to = `href="/.cardea/sign-in?return=%2F.cardea%2Faccount"`
	for from, want := range map[string]bool{"": true, gate + "/.cardea/account?done=x": false} {
		m := newMine(t, true)
		m.guard.bySeat[seatEnded] = guard.Verdict{Ended: &session.Tombstone{Session: "ended", Provider: "main", Cause: session.CauseEverywhere}}
		m.signOut.ofs["ended"] = signout.Receipt{Session: "ended", Provider: "main", Cause: session.CauseEverywhere, ReturnURL: from}
		body := m.ask("GET", gate+"/.cardea/signed-out", navigation(seat(seatEnded)...)...).Body.String()
		if strings.Contains(body, to) != want {
			t.Errorf("from %q: %t", from, !want)
		}
	}
}

func TestAnOldSignInIsToldOfBeforeTheClickAndTheCostAfterIt(t *testing.T) {
	m := newMine(t, false)
	hasAll(t, m.page(""), 200, "5 minutes ago. Before anything is linked, unlinked or signed out on another device, <bdi>Main</bdi> asks")
	const cost = "you are signed out here too"
	for key, want := range map[string]int{account.KeyOf(mainIdentity): 2, account.KeyOf(secondIdentity): 1} { // once in the list itself
		if got := strings.Count(m.page("?act=unlink&of="+key).Body.String(), cost); got != want {
			t.Errorf("said %d times, want %d", got, want)
		}
	}
}

func TestABrowserThatGoesAwayIsNoTrouble(t *testing.T) {
	for name, set := range map[string]func(*people){
		"the trail":   func(p *people) { p.trail = context.Canceled },
		"the account": func(p *people) { p.err = context.Canceled },
	} {
		m := newMine(t, true, func(_ *Options, p *people) { set(p) })
		ctx, leave := context.WithCancel(t.Context())
		leave()
		m.ServeHTTP(httptest.NewRecorder(), m.request("GET", gate+"/.cardea/account", nil, within(seat(seatLive)...)...).WithContext(ctx))
		if logs := m.logs.String(); strings.Contains(logs, "WARN") || strings.Contains(logs, "ERROR") {
			t.Errorf("%s: %s", name, logs)
		}
	}
	m := newMine(t, true, func(_ *Options, p *people) { p.trail = errTrail })
	m.page("")
	if !strings.Contains(m.logs.String(), "WARN") {
		t.Error("a trail that cannot be read is not told of")
	}
}

func TestAnOperatorIsGivenBothAccountsOfARefusedLinking(t *testing.T) {
	for only, reason := range map[bool]string{false: "taken", true: "taken/only"} {
		f, b := booked(t)
		f.signIn.err = linking(&signin.LinkError{Reason: signin.LinkTaken, Provider: "main", Err: &account.TakenError{Asking: "ada", Owner: "ada-2", Key: "k3y", Only: only}})
		w := f.ask("GET", gateCallback+"?state=s&code=c", navigation(seat(seatLive)...)...)
		i := b.shown(t, reason, w)
		var seen []string
		for _, s := range i.Seen {
			seen = append(seen, s.Name+" "+s.Value)
		}
		if diff := cmp.Diff([]string{"account ada", "owner ada-2", "identity k3y"}, seen); diff != "" || i.Reason != reason {
			t.Errorf("%s (-want +got)\n%s", i.Reason, diff)
		}
		body := w.Body.String()
		if !strings.Contains(body, "cardea why <bdi>"+i.ID+"</bdi>") || !strings.Contains(body, "<ol>") || strings.Contains(body, "ada-2") {
			t.Errorf("the page\n%s", body)
		}
		if !strings.Contains(body, "reference="+i.ID+"&amp;to=zh") {
			t.Error("the other language loses the reference")
		}
	}
}

func TestAChangeOfLanguageKeepsTheReferenceAndNothingElse(t *testing.T) {
	f := newFace(t)
	for reference, want := range map[string]bool{"3kq7zt5w2m4hxcya": true, "call+0800+fraud": false, "%3Cb%3E": false, strings.Repeat("a", 33): false, "": false} {
		w := f.ask("GET", gate+"/.cardea/language?to=zh&reference="+reference, followed()...)
		if got := strings.Contains(w.Body.String(), `class="reference"`); got != want || w.Code != 200 {
			t.Errorf("%s: %d, %t", reference, w.Code, got)
		}
	}
	if pages.Reference("") {
		t.Error("nothing is a reference")
	}
}
