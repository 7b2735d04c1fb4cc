package acceptance

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestStay_F5NewTabRestartAndKill9KeepOneSignedIn: nothing short of a sign-out makes
// a person sign in again.
func TestStay_F5NewTabRestartAndKill9KeepOneSignedIn(t *testing.T) {
	w := newWorld(t)
	tab := chromium.Person(t)
	tab.Go(w.URL + "/notes")
	tab.Password("alice")
	demand := func(tab *harness.Tab, after string) {
		t.Helper()
		tab.Until(patient, "alice in the app after "+after, func() bool {
			text := tab.Text()
			return strings.Contains(text, "alice") && strings.Contains(text, "/notes")
		})
		if n := w.front.Grants("authorization_code"); n != 1 {
			t.Fatalf("%d sign-ins after %s, want the first one alone", n, after)
		}
	}
	demand(tab, "signing in")
	tab.Cookies(w.URL)

	tab.Reload()
	demand(tab, "F5")

	second := tab.NewTab()
	second.Go(w.URL + "/notes")
	demand(second, "opening a new tab")

	w.Stop(t)
	w.Start(t)
	tab.Reload()
	demand(tab, "a restart of Cardea")

	w.Kill()
	w.Start(t)
	tab.Reload()
	second.Reload()
	demand(tab, "kill -9 of Cardea")
	demand(second, "kill -9 of Cardea, second tab")
}

// TestStay_Kill9LosesNoAcknowledgedSession: whoever saw the app's page before the
// kill sees it after.
func TestStay_Kill9LosesNoAcknowledgedSession(t *testing.T) {
	w := newWorld(t)
	const people = 12
	var mu sync.Mutex
	var acknowledged []*harness.Person
	var wait sync.WaitGroup
	half := make(chan struct{}, people)
	for range people {
		p := env.NewPerson(t, "alice", nil)
		wait.Go(func() {
			page, err := p.TrySignIn(w.URL + "/")
			if err == nil && page.Has(`id="who">alice<`) {
				mu.Lock()
				acknowledged = append(acknowledged, p)
				mu.Unlock()
				half <- struct{}{}
			}
		})
	}
	for range people / 2 {
		select {
		case <-half:
		case <-time.After(5 * time.Minute):
			t.Fatal("people did not get signed in")
		}
	}
	w.Kill() // in the midst of the other half
	wait.Wait()
	w.Start(t)
	for i, p := range acknowledged {
		if user := w.user(t, p); user != "alice" {
			t.Errorf("acknowledged session %d of %d is lost: the app is told %q", i+1, len(acknowledged), user)
		}
	}
}

// TestStay_StoreOutageOf30SecondsIsNotASignOut: a store that hangs is 503 with
// Retry-After at worst, cookies are kept, and afterwards everything is as before.
func TestStay_StoreOutageOf30SecondsIsNotASignOut(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	session, _ := w.CookieName()
	before := alice.Cookie(t, w.URL, session)
	if before == "" {
		t.Fatalf("there is no cookie called %s", session)
	}
	socket := dialEcho(t, alice, w.URL)

	end := w.StoreOutage(t)
	refused := 0
	for outage := time.Now(); time.Since(outage) < 30*time.Second; time.Sleep(time.Second) {
		asked := time.Now()
		page := alice.Fetch(t, "GET", w.URL+"/whoami")
		if took := time.Since(asked) - env.Stood(asked, time.Now()); took > 6*time.Second {
			t.Errorf("an answer took %v during the outage", took)
		}
		switch page.Status {
		case 200:
		case 503:
			refused++
			if page.Header.Get("Retry-After") == "" {
				t.Error("a 503 without Retry-After")
			}
		default:
			t.Fatalf("neither 200 nor 503 during the outage: %s", page)
		}
		if len(page.Header.Values("Set-Cookie")) > 0 {
			t.Fatal("a cookie was touched during the outage")
		}
	}
	if refused == 0 {
		stranger := env.NewPerson(t, "bob", nil).Open(t, w.URL+"/")
		if stranger.Status != 503 && !stranger.AsksPassword() {
			t.Errorf("a stranger during the outage: %s", stranger)
		}
	}
	end()

	harness.Eventually(t, patient, "the app after the outage", func() bool { return w.user(t, alice) == "alice" })
	if after := alice.Cookie(t, w.URL, session); after != before {
		t.Error("the session cookie changed over the outage")
	}
	if n := w.front.Grants("authorization_code"); n != 1 {
		t.Errorf("%d sign-ins, want the first one alone", n)
	}
	socket.demandEcho("still here")
}

// TestStay_UploadsDownloadsAndStreamsPass: bodies of any size pass both ways, and an
// event stream arrives event by event.
func TestStay_UploadsDownloadsAndStreamsPass(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	const size = 64 << 20
	if got := uploadZeros(t, alice, w.URL+"/upload", size); !strings.Contains(got, fmt.Sprintf(`"bytes":%d`, size)) {
		t.Errorf("the application counted %s", got)
	}
	if n := downloadCount(t, alice, fmt.Sprintf("%s/download?bytes=%d", w.URL, size)); n != size {
		t.Errorf("%d bytes arrived, want %d", n, size)
	}
	events := openEvents(t, alice, w.URL+"/events")
	first := events.next(t)
	second := events.next(t)
	if first == second {
		t.Errorf("the stream repeats %q", first)
	}
}
