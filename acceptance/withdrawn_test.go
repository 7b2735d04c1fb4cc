package acceptance

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestWithdrawn_ClientIDGoneFromTheConfiguration_EndsItsSessions: from the first request
// after the next start, and for whoever signed in by it alone.
func TestWithdrawn_ClientIDGoneFromTheConfiguration_EndsItsSessions(t *testing.T) {
	w := newWorld(t)
	alice := w.signedIn(t, "alice")
	if got := w.user(t, alice); got != "alice" {
		t.Fatalf("the app is told %q", got)
	}
	w.Stop(t)
	w.Start(t)
	if got := w.user(t, alice); got != "alice" {
		t.Fatalf("a restart with the same client ended the session: %q", got)
	}
	w.Stop(t)

	second := harness.Client{
		ID: w.ClientID + "-2", Secret: w.Secret,
		RedirectURIs: []string{w.URL + "/.cardea/callback/main"}, PostLogout: []string{w.URL + "/.cardea/signed-out"},
	}
	keycloak.Admin.Register(t, second)
	w.Edit(t, func(c *harness.Config) { c.Providers[0].ClientID = second.ID })
	w.Start(t)
	w.demandNoSession(t, alice)
	page := alice.Open(t, w.URL+"/")
	if page.Has(`id="who"`) {
		t.Fatalf("back in without anybody's doing: %s", page)
	}
	harness.Eventually(t, patient, "an empty list of sessions", func() bool { return len(w.SessionIDs(t, "alice")) == 0 })

	bob := w.signedIn(t, "bob")
	w.Stop(t)
	w.Start(t)
	if got := w.user(t, bob); got != "bob" {
		t.Errorf("a session of the new client ended with the old ones: %q", got)
	}
}

// stored reports whether the files of the store hold a text.
func (w *world) stored(t *testing.T, text string) bool {
	t.Helper()
	for _, name := range []string{"cardea.db", "cardea.db-wal"} {
		data, err := os.ReadFile(filepath.Join(w.DataDir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			return true
		}
	}
	return false
}

// TestWhy_ExplainsTheRefusalThatAPageShows: the rule, what was seen, and what to change;
// after a kill -9 too.
func TestWhy_ExplainsTheRefusalThatAPageShows(t *testing.T) {
	w := newWorld(t, firstApp(func(a *harness.App) { a.Access = map[string]any{"groups": []string{"nobody-is-in-it"}} }))
	p := env.NewPerson(t, "bob", nil)
	page := p.SignIn(t, w.URL+"/")
	if page.Status != http.StatusForbidden {
		t.Fatalf("want a refusal: %s", page)
	}
	words := strings.Fields(page.Text())
	id := ""
	for i, word := range words {
		if word == "Reference" && i+1 < len(words) {
			id = words[i+1]
		}
	}
	if id == "" {
		t.Fatalf("the page shows no reference: %s", page)
	}
	explained := func() {
		t.Helper()
		out, err := w.Command("why", id)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"nobody-is-in-it", "apps[app].access.groups", "groups:", "staff"} {
			if !strings.Contains(out, part) {
				t.Errorf("%q is not said:\n%s", part, out)
			}
		}
	}
	explained()
	// The trail names it at once; its own row holds its kind behind its id.
	harness.Eventually(t, patient, "the refusal in the store, behind the answer", func() bool { return w.stored(t, id+"denied") })
	w.Kill()
	w.Start(t)
	explained()
	if _, err := w.Command("why", "aaaaaaaaaaaaaaaa"); err == nil {
		t.Error("an unknown reference is explained")
	}
}
