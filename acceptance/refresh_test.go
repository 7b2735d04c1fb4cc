package acceptance

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

func refreshing(x *harness.Exchange) bool { return x.TokenGrant() == "refresh_token" }

// TestRefresh_ThousandParallelRequests_OneTokenRequest: with rotation on and reuse
// forbidden, a second request would cost everybody the sign-in.
func TestRefresh_ThousandParallelRequests_OneTokenRequest(t *testing.T) {
	const requests, life = 1000, 5 * time.Second
	w := newWorld(t, shortTokens(life))
	alice := w.signedIn(t, "alice")
	time.Sleep(life + time.Second)
	keycloak.Admin.SetTokenLifespan(t, w.ClientID, time.Hour) // the new one lives until the last has asked
	before := w.front.Grants("refresh_token")
	gate := w.front.HoldAnswers(refreshing)
	defer gate.Open()

	var good atomic.Int64
	var first sync.Map
	var wait sync.WaitGroup
	for range requests {
		wait.Go(func() {
			req, err := http.NewRequest(http.MethodGet, w.URL+"/whoami", nil)
			if err != nil {
				return
			}
			req.Header.Set("Sec-Fetch-Mode", "cors")
			req.Header.Set("Sec-Fetch-Dest", "empty")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			res, err := alice.Do(req)
			if err != nil {
				first.LoadOrStore("error", err.Error())
				return
			}
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				good.Add(1)
			} else {
				first.LoadOrStore("status", res.StatusCode)
			}
		})
	}
	select {
	case <-gate.Arrived:
	case <-time.After(patient):
		t.Fatalf("nobody asked for new tokens\n%s", w.LogTail())
	}
	time.Sleep(500 * time.Millisecond) // the others arrive meanwhile
	gate.Open()
	wait.Wait()
	if n := good.Load(); n != requests {
		first.Range(func(k, v any) bool { t.Logf("first %v: %v", k, v); return true })
		t.Errorf("%d of %d requests were answered", n, requests)
	}
	if n := w.front.Grants("refresh_token") - before; n != 1 {
		t.Errorf("%d token requests, want exactly 1", n)
	}
	if user := w.user(t, alice); user != "alice" {
		t.Errorf("afterwards the app is told %q", user)
	}
}

// TestRefresh_KilledBetweenAnswerAndCommit_NobodyIsSignedOut: Keycloak has rotated the
// token, Cardea dies before it can keep the new one; the old one is worthless now. The
// person notices nothing but a round trip, and no password is asked.
func TestRefresh_KilledBetweenAnswerAndCommit_NobodyIsSignedOut(t *testing.T) {
	const life = 5 * time.Second
	w := newWorld(t, shortTokens(life))
	alice := w.signedIn(t, "alice")
	time.Sleep(life + time.Second)
	gate := w.front.HoldAnswers(refreshing)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		if req, err := http.NewRequest(http.MethodGet, w.URL+"/whoami", nil); err == nil {
			if res, err := alice.Do(req); err == nil {
				res.Body.Close()
			}
		}
	}()
	select {
	case x := <-gate.Arrived:
		if x.Status != http.StatusOK {
			t.Fatalf("Keycloak answered the refresh with %d", x.Status)
		}
	case <-time.After(patient):
		t.Fatalf("nobody asked for new tokens\n%s", w.LogTail())
	}
	w.Kill()
	gate.Cut()
	<-asked
	w.front.Forget(gate)
	w.Start(t)

	back := time.Now()
	page := alice.Open(t, w.URL+"/notes")
	// The mark of a dead process need not be waited for.
	demandWithin(t, "alice's page was there", back, time.Now(), 10*time.Second)
	if page.AsksPassword() {
		t.Fatalf("a password was asked: %s\n%s", page, w.LogTail())
	}
	if !page.Has(`id="who">alice<`) || !page.Has(`id="path">/notes<`) {
		t.Fatalf("alice is not on her page: %s\n%s", page, w.LogTail())
	}
	harness.Eventually(t, patient, "alice in the app", func() bool {
		alice.Open(t, w.URL+"/notes")
		return w.user(t, alice) == "alice"
	})
}

// TestRefresh_RacingSignOut_NoTokenSurvives: whichever is first, no access or refresh
// token that Keycloak ever gave this session lives afterwards.
func TestRefresh_RacingSignOut_NoTokenSurvives(t *testing.T) {
	const life = 5 * time.Second
	w := newWorld(t, shortTokens(life))
	for _, race := range []struct {
		name    string
		request bool          // hold the request before Keycloak sees it, else its answer
		after   time.Duration // from the sign-out's start to the opening
	}{
		{"the answer arrives after the sign-out", false, 1500 * time.Millisecond},
		{"the answer arrives with the sign-out", false, 5 * time.Millisecond},
		{"Keycloak sees the refresh after the sign-out began", true, 300 * time.Millisecond},
	} {
		t.Run(race.name, func(t *testing.T) {
			alice := w.signedIn(t, "alice")
			time.Sleep(life + time.Second)
			hold := w.front.HoldAnswers
			if race.request {
				hold = w.front.HoldRequests
			}
			gate := hold(refreshing)
			defer w.front.Forget(gate)
			defer gate.Open()
			var wait sync.WaitGroup
			wait.Go(func() {
				if req, err := http.NewRequest(http.MethodGet, w.URL+"/whoami", nil); err == nil {
					if res, err := alice.Do(req); err == nil {
						res.Body.Close()
					}
				}
			})
			select {
			case <-gate.Arrived:
			case <-time.After(patient):
				t.Fatalf("nobody asked for new tokens\n%s", w.LogTail())
			}
			wait.Go(func() {
				if _, err := alice.TrySignOut(w.URL); err != nil {
					t.Errorf("signing out: %v", err)
				}
			})
			time.Sleep(race.after)
			gate.Open()
			wait.Wait()
			w.demandNoSession(t, alice)
			w.demandTokensDead(t)
			harness.Eventually(t, patient, "the end of alice's session at Keycloak", func() bool {
				return w.sessionsAtKeycloak(t, "alice") == 0
			})
		})
	}
}

// demandTokensDead asks Keycloak of every token that passed the Front.
func (w *world) demandTokensDead(t *testing.T) {
	t.Helper()
	access, refresh := w.front.Tokens()
	if len(access) == 0 || len(refresh) == 0 {
		t.Fatalf("%d access and %d refresh tokens passed; there is nothing to ask of", len(access), len(refresh))
	}
	alive := 0
	dead := harness.Poll(patient, func() bool {
		alive = 0
		for _, token := range append(access[:len(access):len(access)], refresh...) {
			if keycloak.TokenActive(t, w.front.URL, w.ClientID, w.Secret, token) {
				alive++
			}
		}
		return alive == 0
	})
	if !dead {
		t.Errorf("%d tokens live at Keycloak", alive)
	}
	if keycloak.TokenRefreshes(t, w.front.URL, w.ClientID, w.Secret, refresh[len(refresh)-1]) {
		t.Error("the newest refresh token still brings new tokens")
	}
}
