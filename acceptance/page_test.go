package acceptance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// withScript puts the page script into the application's pages.
func withScript(a *harness.App) {
	on := true
	a.PageScript = &on
}

// idleLimit: an idle limit of a
// minute. In its last quarter the page says so; one click, and another minute begins.
// When nobody clicks, the page goes to the signed-out page by itself and stays there.
func idleLimit(t *testing.T) {
	w := newWorld(t, firstApp(withScript), firstApp(func(a *harness.App) {
		a.Session = map[string]any{"idle": "1m", "absolute": "1h"}
	}))
	tab := chromium.Person(t)
	tab.Go(w.URL)
	tab.Password("alice")
	tab.Wait("#who")
	// What she did last lies between these two.
	left, there := tab.Navigated(), time.Now()

	const stay = "Stay signed in"
	tab.Until(patient, "the notice", func() bool { return tab.Offers("button", stay) })
	if early := time.Since(left); early < 40*time.Second {
		t.Errorf("the page warns after %v already", early.Round(time.Second))
	}
	pressed := time.Now()
	tab.Press("button", stay)
	tab.Until(patient, "the end of the notice", func() bool { return !tab.Offers("button", stay) })
	stayed := time.Now()
	time.Sleep(time.Until(there.Add(65 * time.Second)))
	if !tab.Has("#who") {
		t.Fatalf("the page left although somebody stayed: %s", tab.URL())
	}
	tab.Until(65*time.Second+patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	gone := tab.Navigated()
	if after := gone.Sub(pressed); after < 55*time.Second {
		t.Errorf("the page left after %v", after.Round(time.Second))
	}
	demandWithin(t, "the page left when nobody stayed any more", stayed, gone, 65*time.Second)
	time.Sleep(3 * time.Second)
	if !w.onSignedOutPage(tab) {
		t.Errorf("the page went on to %s", tab.URL())
	}
}

// TestPage_StaysThroughARestartOfTheGateway: a stream that breaks says nothing about the
// session. With the gateway away, and back, the page stays; with the session ended
// meanwhile, it leaves.
func TestPage_StaysThroughARestartOfTheGateway(t *testing.T) {
	w := newWorld(t, firstApp(withScript))
	tab := chromium.Person(t)
	tab.Go(w.URL)
	tab.Password("alice")
	tab.Wait("#who")
	tab.Run("window.same = true")
	w.Kill()
	time.Sleep(5 * time.Second)
	if !tab.Has("#who") {
		t.Fatal("the page left while the gateway was away")
	}
	w.Start(t)
	time.Sleep(5 * time.Second)
	if !tab.Has("#who") {
		t.Fatal("the page left when the gateway came back")
	}
	person := env.NewPerson(t, "alice", nil)
	person.Jar.SetCookies(parse(t, w.URL), cookiesOf(tab, w.URL))
	person.SignOut(t, w.URL)
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
}

func cookiesOf(tab *harness.Tab, target string) []*http.Cookie {
	var list []*http.Cookie
	for name, value := range tab.Cookies(target) {
		list = append(list, &http.Cookie{Name: name, Value: value})
	}
	return list
}

// TestPage_BackAtASecondOrigin: alice signs out at one application; Back at the other
// one, whose origin heard nothing of it in this tab, shows her nothing.
func TestPage_BackAtASecondOrigin(t *testing.T) {
	second := ""
	w := newWorld(t, firstApp(withScript), func(p *plan) {
		second = strings.Replace(p.config.PublicURL, "localhost", "two.localhost", 1)
		two := harness.App{ID: "two", URL: second}
		withScript(&two)
		p.config.Apps = append(p.config.Apps, two)
	})
	tab := chromium.Person(t)
	tab.Go(second + "/first")
	tab.Password("alice")
	tab.Wait("#who")
	tab.Go(second + "/second")
	tab.Wait("#who")
	other := tab.NewTab()
	other.Go(w.URL + "/.cardea/sign-out")
	other.Click("form button")
	other.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(other) })
	tab.Until(patient, "the signed-out page in the second application's tab", func() bool { return w.onSignedOutPage(tab) })
	tab.TryBack()
	time.Sleep(2 * time.Second)
	if tab.Has("#who") {
		t.Errorf("Back shows a page of alice's at %s", tab.URL())
	}
}
