package app

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// restart stops the gateway, changes its configuration, and starts it again.
func (w *world) restart(change func()) {
	w.t.Helper()
	w.stop()
	change()
	w.start()
}

// database opens the store beside the gateway, as another program would.
func (w *world) database() *sql.DB {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "cardea.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(fmt.Sprintf("PRAGMA busy_timeout = %d", patience.Milliseconds())); err != nil { // the gateway may be writing
		w.t.Fatal(err)
	}
	return db
}

func (w *world) causes() string {
	w.t.Helper()
	stones, err := w.gateway.app.storage.store.Tombstones(w.t.Context(), 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for _, stone := range stones {
		list = append(list, string(stone.Cause))
	}
	return strings.Join(list, " ")
}

func TestAClientWithdrawnFromTheConfigurationEndsItsSessionsAtTheNextStart(t *testing.T) {
	w, n := withNotes(t, "")
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	account := w.sessions()[0].Account
	w.restart(func() { w.client = "cardea-2" })

	if got := alice.fetch("/who"); got.status != http.StatusUnauthorized {
		t.Fatalf("the first request after the start: %d %s", got.status, got.body)
	}
	eventually(t, "the app's own logout was called, and that is written", func() bool {
		entries, err := w.gateway.app.storage.store.ListOutbox(t.Context(), outbox.Filter{State: outbox.Pending, Limit: 10})
		return n.open() == 0 && err == nil && len(entries) == 0
	})
	if got := w.causes(); got != string(session.CauseProvider) {
		t.Errorf("ended by %q", got)
	}
	// A page asked for afterwards starts no sign-in and says what happened.
	p := alice.visit("/")
	text := textOf(p.body)
	if !strings.Contains(p.url, "/.cardea/signed-out") || !strings.Contains(text, "was not told: it is no longer set up at this gateway as it was") ||
		!strings.Contains(text, "Your session in Notes has ended") || strings.Contains(text, "Everything is closed") {
		t.Errorf("%s: %s", p.url, text)
	}
	if c := w.provider.Counters(); c.Revocations != 0 || c.Logouts != 0 {
		t.Errorf("the provider was told: %+v", c)
	}

	// The person comes back, by the new client, with the credentials, to the same account.
	alice.asked = nil
	if p := alice.visit("/.cardea/sign-in"); p.status != http.StatusOK || len(alice.asked) == 0 {
		t.Errorf("signing in again: %d at %s, asked %v", p.status, p.url, alice.asked)
	}
	if list := w.sessions(); len(list) != 1 || list[0].Account != account {
		t.Errorf("sessions %+v, account was %s", list, account)
	}
	w.restart(func() {})
	if got := alice.fetch("/who"); !strings.HasPrefix(got.body, "alice ") {
		t.Errorf("after the next start: %d %s", got.status, got.body)
	}
}

func TestOnlyAnotherProviderIssuerOrClientEndsSessions(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*world)
		stays  bool
	}{
		"nothing":     {func(*world) {}, true},
		"scopes":      {func(w *world) { w.more = ", scopes: [openid]" }, true},
		"record":      {func(w *world) { w.more = ", record: {title: Acme ID, revocation: {ends: grant}}" }, true},
		"client id":   {func(w *world) { w.client = "cardea-2" }, false},
		"provider id": {func(w *world) { w.id = "acme" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, devprovider.Options{}, "")
			alice := w.browser("alice", "wonderland")
			alice.visit("/")
			w.restart(func() { tc.change(w) })
			want, causes := http.StatusUnauthorized, string(session.CauseProvider)
			if tc.stays {
				want, causes = http.StatusOK, ""
			}
			if got := alice.fetch("/api/whoami"); got.status != want {
				t.Errorf("%d, want %d", got.status, want)
			}
			eventually(t, "the ends are written", func() bool { return w.causes() == causes })
			if p := alice.visit("/.cardea/signed-out"); !tc.stays && !strings.Contains(textOf(p.body), "is no longer set up at this gateway as it was") {
				t.Errorf("the page says: %s", textOf(p.body))
			}
		})
	}
}

// A store that takes no ends yet: the session is refused all the same, from the first
// request on.
func TestAWithdrawnSessionIsRefusedBeforeItsEndIsWritten(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	w.stop()
	w.client = "cardea-2"
	db := w.database()
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil { // readers go on, writers wait
		t.Fatal(err)
	}
	w.start()
	for range 5 {
		if got := alice.fetch("/api/whoami"); got.status != http.StatusUnauthorized {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if _, resp, err := alice.socket("/ws"); err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a socket: %v", err)
	}
	if p := alice.visit("/"); !strings.Contains(p.url, "/.cardea/signed-out") {
		t.Errorf("a page leads to %s", p.url)
	}
	if got := w.causes(); got != "" {
		t.Fatalf("written already: %s", got)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end is written", func() bool { return w.causes() == string(session.CauseProvider) })
}

// A store from before sessions said what they were opened as.
func TestTheFirstStartAfterAnUpgradeEndsNothing_TheNextKnowsWhatChanged(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	w.restart(func() {
		db := w.database()
		for _, text := range []string{"UPDATE sessions SET client = ''", "DELETE FROM clients"} {
			if _, err := db.Exec(text); err != nil {
				t.Fatal(err)
			}
		}
		db.Close()
	})
	if got := alice.fetch("/api/whoami"); got.status != http.StatusOK {
		t.Fatalf("after the upgrade: %d", got.status)
	}
	eventually(t, "it is written who the gateway is", func() bool {
		list, err := w.gateway.app.storage.store.Clients(t.Context())
		return err == nil && len(list) == 1 && list[0] == session.Client{Provider: "main", Issuer: w.provider.Issuer(), ID: "cardea"}
	})
	w.restart(func() { w.client = "cardea-2" })
	if got := alice.fetch("/api/whoami"); got.status != http.StatusUnauthorized {
		t.Errorf("after the client changed: %d", got.status)
	}
	eventually(t, "the end is written", func() bool { return w.causes() == string(session.CauseProvider) })
}

// People sign in while the sessions of the old client are still being ended.
func TestManySessionsOfAWithdrawnClientEndWhilePeopleSignIn(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.browser("alice", "wonderland").visit("/")
	st, one := w.gateway.app.storage.store, *w.sessions()[0]
	const many = 450 // several pages of what is read at once
	var opening sync.WaitGroup
	for part := range 45 { // the store writes together what comes together
		opening.Go(func() {
			for i := range many / 45 {
				s := one
				s.ID, s.SID = session.NewID(), fmt.Sprint("sid-", part, "-", i)
				if err := st.OpenSession(t.Context(), time.Now(), &s, session.Seat{}, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	opening.Wait()
	w.restart(func() { w.client = "cardea-2" })
	bob := w.browser("bob", "builder")
	bob.visit("/")
	eventually(t, "the old ones have ended", func() bool { return len(strings.Fields(w.causes())) == 100 && len(w.sessions()) == 1 })
	if got := bob.fetch("/api/whoami"); got.status != http.StatusOK {
		t.Errorf("who signed in meanwhile: %d", got.status)
	}
}
