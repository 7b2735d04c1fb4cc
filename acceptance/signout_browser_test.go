package acceptance

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// inApp opens the world's app in Chromium, signed in.
func (w *world) inApp(t *testing.T, name, path string) *harness.Tab {
	t.Helper()
	tab := chromium.Person(t)
	tab.Go(w.URL + path)
	tab.Password(name)
	tab.Until(patient, name+" in the app", func() bool { return strings.Contains(tab.Text(), name) && tab.Has("#sign-out") })
	tab.Until(patient, "the page's socket", func() bool { return strings.Contains(tab.Text(), "open") })
	tab.Cookies(w.URL)
	return tab
}

func (w *world) onSignedOutPage(tab *harness.Tab) bool {
	return strings.HasPrefix(tab.URL(), w.URL+"/.cardea/signed-out")
}

// TestSignOut_FromAPageWhoseCSPSaysFormActionSelf: the page's policy forbids forms, and
// the redirects they meet, to lead anywhere else. The button works, in two tabs: the
// other one's socket is cut.
func TestSignOut_FromAPageWhoseCSPSaysFormActionSelf(t *testing.T) {
	w := newWorld(t)
	tab := w.inApp(t, "alice", "/")
	other := tab.NewTab()
	other.Go(w.URL + "/other")
	other.Until(patient, "the other tab's socket", func() bool { return strings.Contains(other.Text(), "open") })

	tab.Click("#leave")
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	other.Until(patient, "the other tab's socket cut", func() bool { return strings.Contains(other.Text(), "closed") })
	w.demandEndedAtKeycloak(t, "alice")
	w.demandPasswordIn(tab, w.URL+"/")
}

// TestSignOut_BackShowsNothing: neither Back, nor Back again, brings the application's
// page to the screen, from the HTTP cache or from the cache of whole pages. A browser
// going back takes what it has without asking, whatever no-cache says.
func TestSignOut_BackShowsNothing(t *testing.T) {
	for name, path := range map[string]string{"page with a socket": "/private/ledger", "page without": "/quiet/ledger"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tab := chromium.Person(t)
			tab.Go(w.URL + path)
			tab.Password("alice")
			tab.Until(patient, "alice in the app", func() bool { return strings.Contains(tab.Text(), path) })
			tab.Cookies(w.URL)
			tab.Click("#leave")
			tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
			arrived := len(w.app.Arrivals(path))
			for range 2 {
				tab.TryBack()
				for looked := time.Now(); time.Since(looked) < 2*time.Second; time.Sleep(50 * time.Millisecond) {
					if text := tab.Text(); strings.Contains(text, path) || tab.Has("#sign-out") {
						t.Fatalf("Back shows the application's page: %s", text)
					}
				}
			}
			if n := len(w.app.Arrivals(path)); n != arrived {
				t.Error("Back reached the application")
			}
		})
	}
}

// TestSignOut_PageInChineseForWhoAsks: the receipt speaks the browser's language.
func TestSignOut_PageInChineseForWhoAsks(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice").WithLanguages("zh-CN,zh;q=0.9,en;q=0.5")
	page := alice.SignOut(t, w.URL)
	w.demandSignedOutPage(t, page)
	if !strings.ContainsFunc(page.Text(), func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }) {
		t.Errorf("no Chinese on the page: %s", page.Text())
	}
}

// restartKeycloak starts a stopped Keycloak on its port with its data.
func restartKeycloak(t *testing.T) {
	t.Helper()
	if err := keycloak.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
}
