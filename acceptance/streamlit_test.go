package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// Where things are on the Streamlit apps' pages.
const (
	countButton   = "//button[contains(.,'Count')]"
	signInButton  = "//button[contains(.,'Sign in')]"
	signOutButton = "//button[contains(.,'Sign out')]"

	authenticatorCookie = "some_cookie_name"
)

// sharedStreamlit is the app in header mode.
var sharedStreamlit = onDemand(func(ctx context.Context) (*harness.Streamlit, error) { return env.StreamlitHeader(ctx) },
	(*harness.Streamlit).Stop)

// ledger waits until the tab shows the app with a person and a count.
func ledger(tab *harness.Tab, user string, count int) {
	what := fmt.Sprintf("%s in the app with count %d", user, count)
	tab.Until(patient, what, func() bool { return shows(tab.Text(), user, count) })
}

func shows(text, user string, count int) bool {
	return strings.Contains(text, "user "+user+"\n") && strings.Contains(text, fmt.Sprintf("count %d\n", count))
}

// streamlitEvents returns what an app has seen of a kind for a person.
func streamlitEvents(t *testing.T, app *harness.Streamlit, kind, user string) []harness.StreamlitEvent {
	t.Helper()
	var out []harness.StreamlitEvent
	for _, e := range app.Events(t) {
		if e.Event == kind && e.User == user {
			out = append(out, e)
		}
	}
	return out
}

// onStreamlit puts a Streamlit behind, with its preset.
func onStreamlit(app *harness.Streamlit) func(*plan) {
	return func(p *plan) {
		p.upstream = app.URL
		p.config.Apps[0].ID, p.config.Apps[0].Preset = "ledger", "streamlit"
	}
}

// withoutScript takes the page script away again.
func withoutScript(p *plan) {
	off := false
	p.config.Apps[0].PageScript = &off
}

// inLedger opens the app in Chromium, signed in through Cardea.
func (w *world) inLedger(t *testing.T, name string) *harness.Tab {
	t.Helper()
	tab := chromium.Person(t)
	tab.Go(w.URL + "/")
	tab.Password(name)
	ledger(tab, name, 0)
	tab.Cookies(w.URL)
	return tab
}

// bare is the tab's browser without its pages: the same cookies for some addresses.
func bare(t *testing.T, tab *harness.Tab, name string, at ...string) *harness.Person {
	t.Helper()
	p := env.NewPerson(t, name, nil)
	for _, origin := range at {
		var cookies []*http.Cookie
		for name, value := range tab.Cookies(origin) {
			cookies = append(cookies, &http.Cookie{Name: name, Value: value})
		}
		p.Jar.SetCookies(parse(t, origin), cookies)
	}
	return p
}

// openStream opens Streamlit's socket as a person and has the script run once.
func openStream(t *testing.T, p *harness.Person, at string, o harness.StreamOptions) *harness.StreamSocket {
	t.Helper()
	s, err := p.DialStream(within(t, patient), at, o)
	if err != nil {
		t.Fatalf("opening the stream of %s: %v", p.Name, err)
	}
	t.Cleanup(s.Close)
	if err := s.Rerun(within(t, patient)); err != nil {
		t.Fatal(err)
	}
	return s
}

// demandStreamCut waits for the end of a socket and compares it with its cause's moment.
func demandStreamCut(t *testing.T, s *harness.StreamSocket, cause func() time.Time, within time.Duration) {
	t.Helper()
	select {
	case <-s.Ended:
		demandWithin(t, "the stream was cut", cause(), s.At, within)
	case <-time.After(within + patient):
		t.Fatal("the stream is still open")
	}
}

// demandLeft waits until a tab has left for the signed-out page, by itself, and compares
// that with its cause's moment.
func (w *world) demandLeft(t *testing.T, tab *harness.Tab, cause func() time.Time, within time.Duration) {
	t.Helper()
	tab.Until(within+patient, "the page leaving for the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	demandWithin(t, "the page left", cause(), tab.Navigated(), within)
	tab.Until(patient, "the signed-out page itself", func() bool { return tab.Has("a[href*='/.cardea/sign-in']") })
}

// demandStreamRefused fails unless reconnecting, again and again as Streamlit's page
// does, is refused without a redirect.
func demandStreamRefused(t *testing.T, p *harness.Person, at string, o harness.StreamOptions) {
	t.Helper()
	for range 3 {
		s, err := p.DialStream(within(t, patient), at, o)
		if err == nil {
			s.Close()
			t.Fatalf("the stream of %s opens", p.Name)
		}
		var refused *harness.StatusError
		if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden || refused.Location != "" {
			t.Fatalf("want a plain 401 or 403, got %v", err)
		}
	}
}

// signOutByButton opens Cardea's own sign-out in a tab and presses its button.
func (w *world) signOutByButton(tab *harness.Tab) {
	tab.Go(w.URL + "/.cardea/sign-out")
	tab.Click("form button")
}

// pageMark asks the browser's own event stream for whom its pages are made.
func pageMark(t *testing.T, p *harness.Person, at string) string {
	t.Helper()
	var hello struct {
		Mark string `json:"mark"`
	}
	if err := json.Unmarshal([]byte(openEvents(t, p, at+"/.cardea/events").next(t)), &hello); err != nil || hello.Mark == "" {
		t.Fatalf("the event stream names no mark (%v)", err)
	}
	return hello.Mark
}

// lastEvent returns the newest thing that an app saw of a kind for a person.
func lastEvent(t *testing.T, app *harness.Streamlit, kind, user string) harness.StreamlitEvent {
	t.Helper()
	all := streamlitEvents(t, app, kind, user)
	if len(all) == 0 {
		t.Fatalf("the app saw no %s of %s", kind, user)
	}
	return all[len(all)-1]
}
