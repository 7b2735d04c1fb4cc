package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestTheProviderEndsASession_SocketsAndAppsIncluded(t *testing.T) {
	w, n := withNotes(t, "")
	alice, bob := w.browser("alice", "wonderland"), w.browser("bob", "builder")
	alice.visit("/")
	bob.visit("/")
	stream, err := alice.stream("/.cardea/events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if ended, err := w.provider.EndSessionsOf(t.Context(), "alice"); err != nil || ended != 1 {
		t.Fatalf("%d %v", ended, err)
	}
	eventually(t, "alice is out", func() bool { return alice.fetch("/who").status == http.StatusUnauthorized })
	eventually(t, "the app's row is gone, and that is written", func() bool { return n.open() == 1 && w.pending("notes") == 0 })
	p := textOf(alice.visit("/.cardea/signed-out").body)
	if !strings.Contains(p, "has ended") || strings.Contains(p, "still open") {
		t.Errorf("the receipt says: %s", p)
	}
	if got := bob.fetch("/who").body; !strings.HasPrefix(got, "bob ") {
		t.Errorf("bob gets %q", got)
	}
	stones, err := w.gateway.app.storage.store.Tombstones(t.Context(), 0, 10)
	if err != nil || len(stones) != 2 || stones[1].Cause != session.CauseBackChannel {
		t.Errorf("%+v %v", stones, err)
	}
	alice.asked = nil
	if alice.visit("/.cardea/sign-in"); len(alice.asked) == 0 {
		t.Error("the next sign-in asks for nothing")
	}
}

// Every forgery of the specification's list, and of strangers' imagination, is refused
// with 400, and the person stays signed in.
func TestForgedLogoutTokensEndNothing(t *testing.T) {
	var w *world
	for i, forged := range devprovider.LogoutForgeries() {
		if i%10 == 0 { // whoever sends more has to wait
			w = newWorld(t, devprovider.Options{}, "")
		}
		t.Run(forged.Name, func(t *testing.T) {
			alice := w.browser("alice", "wonderland")
			alice.visit("/")
			w.provider.SetFaults(forged.Faults())
			defer w.provider.SetFaults(devprovider.Faults{})
			before := len(w.provider.LogoutDeliveries())
			if n, err := w.provider.EndSessionsOf(t.Context(), "alice"); err != nil || n != 1 {
				t.Fatalf("%d %v", n, err)
			}
			want, live := []int{http.StatusBadRequest}, 1
			if forged.Name == "replay" {
				want, live = []int{http.StatusOK, http.StatusBadRequest}, 0
			}
			eventually(t, "delivered", func() bool { return len(w.provider.LogoutDeliveries()) == before+len(want) })
			var got []int
			for _, d := range w.provider.LogoutDeliveries()[before:] {
				got = append(got, d.Status)
				if d.CacheControl != "no-store" {
					t.Errorf("Cache-Control: %q", d.CacheControl)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			left := w.sessions()
			if len(left) != live {
				t.Errorf("%d sessions live", len(left))
			}
			for _, s := range left {
				if err := (ender{w.gateway.app}).End(t.Context(), time.Now(), s.ID, session.CauseAdmin); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
