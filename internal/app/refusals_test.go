package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/devprovider"
)

func (w *world) eventsOf(handle string, types ...audit.Type) []audit.Event {
	w.t.Helper()
	st := w.gateway.app.storage.store
	refs, err := st.FindAccounts(w.t.Context(), handle)
	if err != nil || len(refs) != 1 {
		w.t.Fatalf("%+v, %v", refs, err)
	}
	list, err := st.AuditEvents(w.t.Context(), audit.Filter{Account: refs[0].ID, Types: types})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		if err := audit.Check(e); err != nil {
			w.t.Error(err)
		}
	}
	return list
}

func TestARefusedSignInIsFoundAmongTheEventsOfWhoHasAnAccount(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.browser("bob", "builder").visit("/")
	w.stop()
	w.extra = "access: {domains: [elsewhere.example]}\n"
	w.start()
	refused := w.browser("bob", "builder").visit("/")
	if refused.status != http.StatusForbidden {
		t.Fatalf("%d", refused.status)
	}
	list := w.eventsOf("bob", audit.SigninRefused)
	if len(list) != 1 || list[0].Cause != "denied" || list[0].Handle != "bob" || list[0].Incident != refused.reference(t) {
		t.Errorf("%+v", list)
	}
	// Nobody who is refused gets an account by it.
	w.browser("alice", "wonderland").visit("/")
	if people, err := w.gateway.app.storage.store.FindAccounts(t.Context(), "alice"); err != nil || len(people) != 0 {
		t.Errorf("%+v, %v", people, err)
	}
}

func TestAnAppsRefusalIsInTheTrailOnceHoweverOftenAPageAsks(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.stop()
	w.extra = fmt.Sprintf(`apps:
  - {id: docs, name: Docs, url: %q, upstream: %q, access: {domains: [elsewhere.example]}}
`, w.url, w.upstream.URL)
	w.start()
	bob := w.browser("bob", "builder")
	refused := bob.visit("/")
	if refused.status != http.StatusForbidden {
		t.Fatalf("%d", refused.status)
	}
	for range 5 {
		bob.visit("/again")
		if p := bob.fetch("/data"); p.status != http.StatusForbidden {
			t.Fatalf("%d", p.status)
		}
	}
	list := w.eventsOf("bob", audit.AccessRefused)
	if len(list) != 1 || list[0].App != "docs" || list[0].Session == "" || list[0].Incident != refused.reference(t) ||
		!strings.HasPrefix(list[0].Detail["rule"], "apps[docs].access") || list[0].Personal == nil {
		t.Fatalf("%+v", list)
	}
	if p := bob.visit("/.cardea/account"); !strings.Contains(p.body, "Access to <bdi>Docs</bdi> was refused") {
		t.Errorf("%d: the page does not tell of it", p.status)
	}
}
