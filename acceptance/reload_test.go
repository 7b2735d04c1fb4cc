package acceptance

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestReload_UnderLoadLosesNoRequest: twenty reloads while people work; no request fails,
// no socket of theirs is cut, and nobody is asked to sign in.
func TestReload_UnderLoadLosesNoRequest(t *testing.T) {
	const reloads, people = 20, 4
	w := newWorld(t)
	socket := dialEcho(t, w.signedIn(t, "bob"), w.URL)
	tab := chromium.Person(t)
	tab.Go(w.URL + "/")
	tab.Password("alice")
	tab.Wait("#who")
	var asked atomic.Int64
	stop := make(chan struct{})
	var work sync.WaitGroup
	for range people {
		p := w.signedIn(t, "alice")
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var told struct{ User string }
				if err := w.script(p, http.MethodGet, "/whoami", &told); err != nil || told.User != "alice" {
					t.Errorf("a request during a reload: %v, the app was told %q", err, told.User)
					return
				}
				asked.Add(1)
			}
		})
	}
	for round := range reloads {
		w.Edit(t, func(c *harness.Config) {
			c.Apps[0].Session = map[string]any{"idle": []string{"1h", "2h"}[round%2]}
			c.Apps[0].Headers = map[string]any{"X-Round": []string{"handle", "account"}[round%2]}
		})
		if message, counts := w.Reload(t); !counts {
			t.Fatalf("reload %d: %s\n%s", round, message, w.LogTail())
		}
		socket.demandEcho("still here")
	}
	close(stop)
	work.Wait()
	if n := asked.Load(); n < 5*reloads {
		t.Errorf("only %d requests were made meanwhile", n)
	}
	tab.Reload()
	tab.Wait("#who")
	t.Logf("%d requests during %d reloads", asked.Load(), reloads)
}

// TestReload_WhatItTakesAwayEnds: a provider, an app, and people whom the rules no longer
// admit; told before by cardea config check. What is kept lives on.
func TestReload_WhatItTakesAwayEnds(t *testing.T) {
	w := newTwofold(t, nil)
	alice, bob, other := w.byMain(t, "alice"), w.byMain(t, "bob"), w.byOther(t, "carol")
	hers, his, theirs := dialEcho(t, alice, w.URL), dialEcho(t, bob, w.URL), dialEcho(t, other, w.URL)

	w.Edit(t, func(c *harness.Config) {
		c.Providers = c.Providers[:1]
		c.Access = map[string]any{"emails": []string{"alice@acme.example"}}
	})
	out, err := w.Command("config", "check", "--against-running")
	if err != nil || !strings.Contains(out, "other") || !strings.Contains(out, "access") {
		t.Errorf("before the reload: %v\n%s", err, out)
	}
	his.demandEcho("nothing has happened yet")
	bobs, carols := w.whenEnded(t, "bob"), w.whenEnded(t, "carol")
	if message, counts := w.Reload(t); !counts {
		t.Fatalf("%s\n%s", message, w.LogTail())
	}
	his.demandClosedSince(bobs, 2*time.Second)
	theirs.demandClosedSince(carols, 2*time.Second)
	w.demandNoSession(t, bob)
	w.demandNoSession(t, other)
	hers.demandEcho("still here")
	if w.user(t, alice) != "alice" {
		t.Error("alice, whom the rules admit, lost her session")
	}
	harness.Eventually(t, patient, "bob's end at Keycloak or its place in the outbox", func() bool { return w.sessionsAtKeycloak(t, "alice") == 1 })
	demandInOrder(t, w.trail(t), []string{"config.loaded", "config.changed", "session.ended"})
}

// TestReload_AnInvalidOneKeepsTheOld, and one that needs a restart says so.
func TestReload_AnInvalidOneKeepsTheOld(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	socket := dialEcho(t, alice, w.URL)
	for name, tc := range map[string]struct {
		edit func(*harness.Config)
		says string
	}{
		"no such preset":  {func(c *harness.Config) { c.Apps[0].Preset = "chainlot" }, "chainlit"},
		"another address": {func(c *harness.Config) { c.Listen = "127.0.0.1:1" }, "listen"},
	} {
		var kept harness.Config
		w.Edit(t, func(c *harness.Config) { kept = *c; kept.Apps = append([]harness.App(nil), c.Apps...); tc.edit(c) })
		out, err := w.Command("config", "check", "--against-running")
		if err == nil || !strings.Contains(out+err.Error(), tc.says) {
			t.Errorf("%s: the check says %v\n%s", name, err, out)
		}
		if message, counts := w.Reload(t); counts || !strings.Contains(w.Log(), tc.says) {
			t.Errorf("%s: %s\n%s", name, message, w.LogTail())
		}
		socket.demandEcho(name)
		if w.user(t, alice) != "alice" {
			t.Errorf("%s: the session did not live on", name)
		}
		w.Edit(t, func(c *harness.Config) { *c = kept })
	}
	demandInOrder(t, w.trail(t), []string{"config.loaded", "config.refused", "config.refused"})
}
