package acceptance

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestS1_F5NewTabAndRestartsKeepAlice: nothing short of a sign-out makes alice sign in
// again; the app is told her address every time, and writes no file for it.
func TestS1_F5NewTabAndRestartsKeepAlice(t *testing.T) {
	app := sharedStreamlit(t)
	w := newWorld(t, onStreamlit(app))
	tab := w.inLedger(t, "alice")
	files, seen := app.Files(t), len(app.Events(t))
	demand := func(tab *harness.Tab, after string) {
		t.Helper()
		ledger(tab, "alice", 0)
		if !strings.Contains(tab.Text(), "mail alice@acme.example") {
			t.Errorf("after %s the page shows %q", after, tab.Text())
		}
		if n := w.front.Grants("authorization_code"); n != 1 {
			t.Fatalf("%d sign-ins after %s, want the first one alone", n, after)
		}
	}
	demand(tab, "signing in")
	tab.Reload()
	demand(tab, "F5")
	second := tab.NewTab()
	second.Go(w.URL + "/")
	demand(second, "opening a new tab")

	app.Restart(t)
	tab.Reload()
	demand(tab, "a restart of the app")

	w.Stop(t)
	w.Start(t)
	tab.Reload()
	demand(tab, "a restart of Cardea")
	w.Kill()
	w.Start(t)
	second.Reload()
	demand(second, "kill -9 of Cardea")

	for _, e := range app.Events(t)[seen:] {
		if e.User != "alice" || e.Email != "alice@acme.example" {
			t.Errorf("the app was told %q, %q", e.User, e.Email)
		}
	}
	if after := app.Files(t); !maps.Equal(files, after) {
		t.Errorf("files were written: %v before, %v after", sortedKeys(files), sortedKeys(after))
	}
}

// clicking makes a page press its button ten times a second, for as long as it is there.
const clicking = `setInterval(() => {
	for (const b of document.querySelectorAll('button')) if (b.textContent.includes('Count')) b.click();
}, 100);`

// TestS2_SigningOutInOneTab_CutsTheOtherAndTakesItAway: within a second the other tab's
// stream is cut and its page is the signed-out page; what it pressed meanwhile ran
// nothing, and reconnecting is refused.
func TestS2_SigningOutInOneTab_CutsTheOtherAndTakesItAway(t *testing.T) {
	app := sharedStreamlit(t)
	w := newWorld(t, onStreamlit(app))
	tab := w.inLedger(t, "alice")
	other := tab.NewTab()
	other.Go(w.URL + "/")
	ledger(other, "alice", 0)
	alice := bare(t, tab, "alice", w.URL)
	stream := openStream(t, alice, w.URL, harness.StreamOptions{Mark: pageMark(t, alice, w.URL)})
	clicks := len(streamlitEvents(t, app, "click", "alice"))
	other.Run(clicking)
	harness.Eventually(t, patient, "clicks of the other tab", func() bool {
		return len(streamlitEvents(t, app, "click", "alice")) >= clicks+3
	})

	ended := w.whenEnded(t, "alice")
	w.signOutByButton(tab)
	demandStreamCut(t, stream, ended, time.Second)
	w.demandLeft(t, other, at(stream.At), time.Second)
	demandNoEvents(t, app, "alice", stream.At)
	demandStreamRefused(t, alice, w.URL, harness.StreamOptions{})
	demandProblem(t, alice.Fetch(t, "GET", w.URL+"/_stcore/host-config"))
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	harness.Eventually(t, patient, "the end at Keycloak", func() bool { return w.sessionsAtKeycloak(t, "alice") == 0 })
	w.demandPasswordIn(tab, w.URL+"/")
}

// demandNoEvents fails if, from a second after the moment on, the app sees anything of
// a person. One click, with its run, may have reached a busy app before and come to an end
// late; a page that gets through presses ten times a second, and does not end.
func demandNoEvents(t *testing.T, app *harness.Streamlit, user string, moment time.Time) {
	t.Helper()
	seen := func() int {
		return len(streamlitEvents(t, app, "click", user)) + len(streamlitEvents(t, app, "run", user))
	}
	time.Sleep(time.Until(moment.Add(time.Second)))
	before := seen()
	time.Sleep(3 * time.Second)
	after := seen()
	if after > before && after <= before+2 {
		before = after
		time.Sleep(3 * time.Second)
		after = seen()
	}
	if after != before {
		t.Errorf("the app ran %d more times for %s", after-before, user)
	}
}

// TestS2_WithoutThePageScript_NothingRunsAnyMore: where pages are left alone they stay
// on the screen, and all the same nothing that is pressed there runs.
func TestS2_WithoutThePageScript_NothingRunsAnyMore(t *testing.T) {
	app := sharedStreamlit(t)
	w := newWorld(t, onStreamlit(app), withoutScript)
	tab := w.inLedger(t, "alice")
	other := tab.NewTab()
	other.Go(w.URL + "/")
	ledger(other, "alice", 0)
	clicks := len(streamlitEvents(t, app, "click", "alice"))
	other.Run(clicking)
	harness.Eventually(t, patient, "clicks of the other tab", func() bool {
		return len(streamlitEvents(t, app, "click", "alice")) >= clicks+3
	})
	alice := bare(t, tab, "alice", w.URL)
	stream := openStream(t, alice, w.URL, harness.StreamOptions{})

	ended := w.whenEnded(t, "alice")
	w.signOutByButton(tab)
	demandStreamCut(t, stream, ended, time.Second)
	demandNoEvents(t, app, "alice", stream.At)
	demandStreamRefused(t, alice, w.URL, harness.StreamOptions{})
	if w.onSignedOutPage(other) {
		t.Error("the page left though it was to be left alone")
	}
}

// demandNotMixed fails if state that was made for one person was ever used by another,
// or one person's Streamlit session by somebody else.
func demandNotMixed(t *testing.T, app *harness.Streamlit) {
	t.Helper()
	owner := map[string]string{}
	for _, e := range app.Events(t) {
		if e.User != e.Owner {
			t.Fatalf("%s ran with the session state of %s", e.User, e.Owner)
		}
		if first, ok := owner[e.Session]; ok && first != e.User {
			t.Fatalf("%s ran in the Streamlit session of %s", e.User, first)
		}
		owner[e.Session] = e.User
	}
}

// formForAnybody opens an address until Keycloak's form asks who is there: Keycloak writes
// ends behind its answers, and until then asks for the last person's password.
func (w *world) formForAnybody(tab *harness.Tab, target string) {
	const again = "a[href*='/.cardea/sign-in']"
	for deadline := time.Now().Add(patient); ; {
		tab.Go(target)
		tab.Until(patient, "Keycloak's form, or the way to it", func() bool { return tab.OnSignIn() || tab.Has(again) })
		if !tab.OnSignIn() {
			tab.Click(again)
		}
		tab.Until(patient, "Keycloak's form", tab.OnSignIn)
		if !tab.Has("#kc-attempted-username") || time.Now().After(deadline) {
			return
		}
	}
}

// TestS3_NextPersonInTheSameBrowser_NeverMeetsTheLastOnesState: alice's tab is left
// open while bob signs in in another tab, after her sign-out or over her session.
func TestS3_NextPersonInTheSameBrowser_NeverMeetsTheLastOnesState(t *testing.T) {
	ways := map[string]struct {
		path string // that the other tab opens for bob
		end  func(*testing.T, *world, *harness.Tab)
	}{
		"after her sign-out": {"/", func(_ *testing.T, w *world, other *harness.Tab) {
			w.signOutByButton(other)
			other.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(other) })
		}},
		// Keycloak has forgotten her, so that it asks who is there; here she is signed in.
		"over her session": {"/.cardea/sign-in?renew=1&return=%2F", func(t *testing.T, _ *world, _ *harness.Tab) {
			atProviderOnly(t, "alice")
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			app := sharedStreamlit(t)
			w := newWorld(t, onStreamlit(app))
			tab := w.inLedger(t, "alice")
			tab.Click(countButton)
			ledger(tab, "alice", 1)
			mark := pageMark(t, bare(t, tab, "alice", w.URL), w.URL)
			hers := lastEvent(t, app, "click", "alice").Session

			other := tab.NewTab()
			way.end(t, w, other)
			w.formForAnybody(other, w.URL+way.path)
			other.Password("bob")
			ledger(other, "bob", 0)

			tab.Until(patient, "alice's tab on the signed-out page", func() bool { return w.onSignedOutPage(tab) })
			if text := tab.Text(); strings.Contains(text, "alice") || strings.Contains(text, "Ledger") {
				t.Errorf("alice's tab still shows: %s", text)
			}
			bob := bare(t, other, "bob", w.URL)
			demandStreamRefused(t, bob, w.URL, harness.StreamOptions{Mark: mark})
			demandStreamRefused(t, bob, w.URL, harness.StreamOptions{Mark: mark, Session: hers})
			runs := len(streamlitEvents(t, app, "run", "bob"))
			openStream(t, bob, w.URL, harness.StreamOptions{Mark: pageMark(t, bob, w.URL), Session: hers})
			harness.Eventually(t, patient, "a run of bob's own", func() bool {
				return len(streamlitEvents(t, app, "run", "bob")) > runs
			})
			demandNotMixed(t, app)
		})
	}
}

// TestS3_WithoutThePageScript_StateIsNotResumed: alice's page stays and reconnects by
// itself, then with bob's cookies. It gets a state of bob's own.
func TestS3_WithoutThePageScript_StateIsNotResumed(t *testing.T) {
	app := sharedStreamlit(t)
	w := newWorld(t, onStreamlit(app), withoutScript)
	tab := w.inLedger(t, "alice")
	tab.Click(countButton)
	ledger(tab, "alice", 1)
	other := tab.NewTab()
	w.signOutByButton(other)
	other.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(other) })
	w.demandPasswordIn(other, w.URL+"/")
	w.formForAnybody(other, w.URL+"/")
	other.Password("bob")
	ledger(other, "bob", 0)

	// Reconnected, the page shows what it showed until somebody presses something.
	seen := len(streamlitEvents(t, app, "run", "bob"))
	tab.Run(clicking)
	tab.Until(patient, "alice's old page running the script for bob", func() bool {
		return strings.Contains(tab.Text(), "user bob\n")
	})
	if runs := streamlitEvents(t, app, "run", "bob")[seen:]; len(runs) == 0 || runs[0].Count > 1 {
		t.Errorf("the first of %d runs for bob does not count from the beginning", len(runs))
	}
	demandNotMixed(t, app)
}

// TestS4_ExpiredAccessToken_LosesNoRerunAndNoState: under tokens of ten seconds every
// click of half a minute counts, in one Streamlit session.
func TestS4_ExpiredAccessToken_LosesNoRerunAndNoState(t *testing.T) {
	const life = 10 * time.Second
	app := sharedStreamlit(t)
	w := newWorld(t, onStreamlit(app), shortTokens(life))
	tab := w.inLedger(t, "alice")
	seen := len(streamlitEvents(t, app, "click", "alice"))
	n := 0
	for start := time.Now(); time.Since(start) < 3*life; time.Sleep(500 * time.Millisecond) {
		n++
		tab.Click(countButton)
		ledger(tab, "alice", n)
	}
	clicks := streamlitEvents(t, app, "click", "alice")[seen:]
	if len(clicks) != n {
		t.Errorf("%d clicks ran the script, want %d", len(clicks), n)
	}
	for i, e := range clicks {
		if e.Session != clicks[0].Session || e.Count != i+1 {
			t.Fatalf("click %d ran with count %d in session %s, the first one in %s", i+1, e.Count, e.Session, clicks[0].Session)
		}
	}
	if got := w.front.Grants("refresh_token"); got < 2 {
		t.Errorf("%d refreshes in %v with tokens of %v; this proves something only with 2", got, 3*life, life)
	}
}

// TestS6_AnIdleTabIsCutWithoutAClick: an operator ends the session of a page that lies
// there; it leaves within a second.
func TestS6_AnIdleTabIsCutWithoutAClick(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *world){
		"by the operator": func(t *testing.T, w *world) {
			ids := w.SessionIDs(t, "alice")
			if len(ids) != 1 {
				t.Fatalf("%d sessions of alice are listed", len(ids))
			}
			if _, err := w.Command("sessions", "end", ids[0]); err != nil {
				t.Fatal(err)
			}
		},
		"by Keycloak's logout token": func(t *testing.T, w *world) { w.endAtKeycloak(t, "alice") },
	} {
		t.Run(name, func(t *testing.T) { demandIdleTabIsCut(t, end) })
	}
}

func demandIdleTabIsCut(t *testing.T, end func(*testing.T, *world)) {
	app := sharedStreamlit(t)
	w := newWorld(t, onStreamlit(app), toldByBackChannel)
	tab := w.inLedger(t, "alice")
	alice := bare(t, tab, "alice", w.URL)
	stream := openStream(t, alice, w.URL, harness.StreamOptions{})
	ended := w.whenEnded(t, "alice")
	end(t, w)
	demandStreamCut(t, stream, ended, time.Second)
	w.demandLeft(t, tab, at(stream.At), time.Second)
	demandNoEvents(t, app, "alice", stream.At)
	demandStreamRefused(t, alice, w.URL, harness.StreamOptions{})
}

// TestS7_GuestLoginReplacedByTheGateway_ReloadNeverLosesTheUser: the page that lost its
// guest at F5, its sign-in now the gateway's.
func TestS7_GuestLoginReplacedByTheGateway_ReloadNeverLosesTheUser(t *testing.T) {
	app, err := env.StreamlitGateway(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Stop)
	w := newWorld(t, onStreamlit(app))
	tab := chromium.Person(t)
	tab.Go(w.URL + "/")
	tab.Password("alice")
	welcome := func(tab *harness.Tab, when string) {
		t.Helper()
		tab.Until(patient, "alice's page "+when, func() bool {
			text := tab.Text()
			return strings.Contains(text, "Welcome Alice Archer") && strings.Contains(text, "alice@acme.example")
		})
	}
	welcome(tab, "after signing in")
	for range 5 {
		tab.Reload()
		welcome(tab, "after F5")
	}
	app.Restart(t)
	tab.Reload()
	welcome(tab, "after a restart of the app")
	second := tab.NewTab()
	second.Go(w.URL + "/")
	welcome(second, "in a new tab")
	if n := w.front.Grants("authorization_code"); n != 1 {
		t.Errorf("%d sign-ins, want the first one alone", n)
	}

	second.Click("//a[contains(.,'Logout')]") // opens in a tab of its own
	for _, open := range []*harness.Tab{tab, second} {
		open.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(open) })
	}
	harness.Eventually(t, patient, "the end at Keycloak", func() bool { return w.sessionsAtKeycloak(t, "alice") == 0 })
	w.demandPasswordIn(tab, w.URL+"/")
}
