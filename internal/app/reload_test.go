package app

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestAReloadThatChangesNothingTouchesNothing(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	socket := alice.openAt(s.url, "/ws")
	before := s.gateway.app.gen()
	s.mustReload(func() {})
	if s.gateway.app.gen() != before || len(s.events(audit.ConfigChanged)) != 0 {
		t.Error("something changed")
	}
	if got := says(t, socket, "hello"); got != "one hello" {
		t.Errorf("%q", got)
	}
	loaded := s.events(audit.ConfigLoaded)
	if len(loaded) == 0 || loaded[len(loaded)-1].Detail["sha256"] == "" {
		t.Errorf("the start is not in the trail: %+v", loaded)
	}
}

func TestANewUpstreamServesWhatIsNewAndOpenSocketsStayOnTheOld(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	socket := alice.openAt(s.url, "/ws")
	late := make(chan page, 1)
	go func() { late <- alice.fetch("/slow") }()
	select {
	case <-s.one.slow: // it is under way
	case <-time.After(patience):
		t.Fatal("the app was not asked")
	}
	_, elsewhere := newEcho(t, "other")
	s.mustReload(func() { s.oneAt = elsewhere })
	if got := alice.fetch("/"); got.body != "other for alice" {
		t.Errorf("a new request: %d %q", got.status, got.body)
	}
	if got := says(t, socket, "hello"); got != "one hello" {
		t.Errorf("the open socket: %q", got)
	}
	if got := says(t, alice.openAt(s.url, "/ws"), "hello"); got != "other hello" {
		t.Errorf("a new socket: %q", got)
	}
	close(s.one.answer)
	if got := <-late; got.body != "one at last" {
		t.Errorf("the request that was under way: %d %q", got.status, got.body)
	}
	changed := s.events(audit.ConfigChanged)
	if len(changed) != 1 || changed[0].Detail["changes"] != "apps[one].upstream" || changed[0].Detail["ends"] != "0" {
		t.Errorf("%+v", changed)
	}
}

func TestARuleThatNoLongerHoldsCutsItsConnectionsAndNoOthers(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice, bob := s.person("alice", "wonderland"), s.person("bob", "builder")
	alice.visit("/two/")
	bob.visit("/two/")
	kept := []*websocket.Conn{alice.openAt(s.url, "/ws"), bob.openAt(s.url, "/ws"), alice.openAt(s.url, "/two/ws")}
	gone := bob.openAt(s.url, "/two/ws")
	stream, err := bob.stream("/two/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	over := steady(stream.Body)
	time.Sleep(1100 * time.Millisecond) // by then it is no brief request any more
	plan, err := s.gateway.app.PlanConfig(t.Context(), s.dir, []byte(strings.Replace(s.file(), "{id: two,", "{id: two, access: {groups: [gardeners]},", 1)))
	if err != nil || plan.Connections != 2 || plan.Sessions != 0 || len(plan.Changes) != 1 || plan.Changes[0].Key != "apps[two].access" {
		t.Errorf("told before: %+v, %v", plan, err)
	}
	s.hold() // at once, not when it is looked at again
	s.mustReload(func() { s.twoMore = ", access: {groups: [gardeners]}" })
	closed(t, gone)
	select {
	case <-over:
	case <-time.After(patience):
		t.Error("the stream goes on")
	}
	for i, c := range kept {
		if got := says(t, c, "still"); !strings.HasSuffix(got, " still") {
			t.Errorf("socket %d: %q", i, got)
		}
	}
	if got := bob.fetch("/two/"); got.status != http.StatusForbidden {
		t.Errorf("bob's next request: %d", got.status)
	}
	if got := alice.fetch("/two/"); got.status != http.StatusOK {
		t.Errorf("alice's next request: %d", got.status)
	}
	if got := s.causes(); got != "" {
		t.Errorf("sessions ended: %s", got)
	}
}

func TestARemovedAppEndsTheSessionsThatUsedItAndHearsOfIt(t *testing.T) {
	for name, tc := range map[string]struct {
		origin func(*several) string
		app    func(*several) *echo
		path   string
	}{
		"two":   {func(s *several) string { return s.url }, func(s *several) *echo { return s.two }, "/two/"},
		"three": {(*several).threeURL, func(s *several) *echo { return s.three }, "/"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeveral(t, devprovider.Options{})
			user, other := s.person("alice", "wonderland"), s.person("bob", "builder")
			if p := user.visit(tc.origin(s) + tc.path); p.body != name+" for alice" {
				t.Fatalf("%d at %s: %s", p.status, p.url, p.body)
			}
			other.visit("/")
			gone, kept := user.openAt(tc.origin(s), tc.path+"ws"), other.openAt(s.url, "/ws")
			id := s.sessionOf("alice")
			s.hold() // at once, not when it is looked at again
			s.mustReload(func() { s.without = []string{name} })
			closed(t, gone)
			eventually(t, "the session has ended", func() bool { return s.causes() == string(session.CauseAccessWithdrawn) })
			eventually(t, "the app has heard", func() bool { return tc.app(s).told() == 1 && s.pending(name) == 0 })
			if r, err := s.gateway.app.signOut.ReceiptOf(t.Context(), id); err != nil || r.Closed != 1 {
				t.Errorf("receipt %+v, %v", r, err)
			}
			if got := says(t, kept, "still"); got != "one still" {
				t.Errorf("%q", got)
			}
			if got := other.fetch("/"); got.status != http.StatusOK {
				t.Errorf("who never used it: %d", got.status)
			}
			if e := s.events(audit.ConfigChanged); len(e) != 1 || e[0].Detail["ends"] != "1" {
				t.Errorf("%+v", e)
			}
			if e := s.events(audit.SessionEnded); len(e) != 1 || e[0].Detail["because"] != "app "+name+": no longer configured" {
				t.Errorf("%+v", e)
			}
			// The person comes back by the same sign-in at the provider, to what is left.
			if p := user.visit("/"); p.body != "one for alice" {
				t.Errorf("back: %d at %s: %s", p.status, p.url, p.body)
			}
		})
	}
}

func (s *several) sessionOf(handle string) session.ID {
	s.t.Helper()
	for _, x := range s.sessions() {
		if x.Handle == handle {
			return x.ID
		}
	}
	s.t.Fatalf("%s has no session", handle)
	return ""
}

func TestAProviderOrClientThatIsNamedNoLongerEndsItsSessionsAtOnce(t *testing.T) {
	for name, change := range map[string]func(*several){
		"client id": func(s *several) { s.client = "cardea-2" },
		"provider":  func(s *several) { s.id = "acme" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeveral(t, devprovider.Options{})
			alice := s.person("alice", "wonderland")
			alice.visit("/two/")
			gone := alice.openAt(s.url, "/ws")
			before := s.file()
			s.hold() // at once, not when it is looked at again
			s.mustReload(func() { change(s) })
			if got := alice.fetch("/"); got.status != http.StatusUnauthorized {
				t.Errorf("the first request: %d", got.status)
			}
			closed(t, gone)
			eventually(t, "the end is written", func() bool { return s.causes() == string(session.CauseProvider) })
			eventually(t, "the app has heard", func() bool { return s.two.told() == 1 })
			if plan, err := s.gateway.app.PlanConfig(t.Context(), s.dir, []byte(before)); err != nil || plan.Sessions != 0 {
				t.Errorf("and back: %+v, %v", plan, err)
			}
			eventually(t, "it is written who the gateway is", func() bool {
				list, err := s.gateway.app.storage.store.Clients(t.Context())
				return err == nil && len(list) == 1 && list[0].Provider == s.id && list[0].ID == s.client
			})
			if name == "provider" {
				return // whose callback nobody registered
			}
			if p := alice.visit("/.cardea/sign-in"); p.status != http.StatusOK {
				t.Errorf("signing in again: %d at %s", p.status, p.url)
			}
		})
	}
}

func TestWhoIsNoLongerAdmittedIsOutAtOnce(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice, bob := s.person("alice", "wonderland"), s.person("bob", "builder")
	alice.visit("/two/")
	bob.visit("/two/")
	kept, gone := alice.openAt(s.url, "/ws"), bob.openAt(s.url, "/ws")
	rule := fmt.Sprintf("access: {emails: [%s]}\n", s.sessions()[0].Profile.Email)
	if s.sessions()[0].Handle != "alice" {
		rule = fmt.Sprintf("access: {emails: [%s]}\n", s.sessions()[1].Profile.Email)
	}
	plan, err := s.gateway.app.PlanConfig(t.Context(), s.dir, []byte(rule+s.file()))
	if err != nil || plan.Sessions != 1 || len(plan.Ends) != 1 || plan.Ends[0].Why != "rule" || plan.Ends[0].Sessions != 1 {
		t.Errorf("told before: %+v, %v", plan, err)
	}
	s.hold() // at once, not when it is looked at again
	s.mustReload(func() { s.access = rule })
	if got := bob.fetch("/"); got.status == http.StatusOK {
		t.Errorf("the next request: %d", got.status)
	}
	closed(t, gone)
	eventually(t, "the end is written", func() bool { return s.causes() == string(session.CauseAccessWithdrawn) })
	eventually(t, "the app has heard", func() bool { return s.two.told() == 1 })
	if e := s.events(audit.SessionEnded); len(e) != 1 || e[0].Detail["because"] != "rule access: no longer admits them" {
		t.Errorf("%+v", e)
	}
	if got := says(t, kept, "still"); got != "one still" {
		t.Errorf("%q", got)
	}
	if p := bob.visit("/"); p.status != http.StatusForbidden {
		t.Errorf("signing in again: %d at %s", p.status, p.url)
	}
}

func TestAnInvalidConfigurationIsRefusedWithEveryFault(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	socket := alice.openAt(s.url, "/ws")
	before := s.gateway.app.gen()
	s.replaceFile(strings.Replace(strings.Replace(s.file(), "kind: oidc", "kind: oidk", 1), "id: one", "idd: one", 1))
	err := s.gateway.app.Reload(t.Context())
	faults, ok := errors.AsType[*config.Faults](err)
	if !ok || len(faults.List) < 2 {
		t.Fatalf("%v", err)
	}
	if s.gateway.app.gen() != before || says(t, socket, "still") != "one still" || alice.fetch("/").status != http.StatusOK {
		t.Error("something changed")
	}
	for _, want := range []string{"fault in the configuration", `line=`, `fix=`, "oidk", "the one that held before holds on"} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if e := s.events(audit.ConfigRefused); len(e) != 1 || e[0].Detail["faults"] != fmt.Sprint(len(faults.List)) || e[0].Detail["reason"] == "" {
		t.Errorf("%+v", e)
	}
	s.replaceFile("not yaml: [")
	if err := s.gateway.app.Reload(t.Context()); err == nil {
		t.Error("taken")
	}
	refused := func() string {
		p := alice.do(http.MethodGet, "http://"+s.ops+"/metrics", "")
		_, value, _ := strings.Cut(p.body, "\ncardea_config_refused ")
		return value[:1]
	}
	if refused() != "1" {
		t.Error("the metrics do not say so")
	}
	s.mustReload(func() {})
	if refused() != "0" {
		t.Error("the metrics go on saying so")
	}
}

func TestWhatNeedsARestartIsRefusedAsAWhole(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	address := s.address
	err := s.reload(func() { s.address, s.without = freeAddress(t), []string{"one"} })
	needs, ok := errors.AsType[*RestartError](err)
	if !ok || len(needs.Keys) != 1 || needs.Keys[0] != "listen" {
		t.Fatalf("%v", err)
	}
	if got := alice.fetch("/"); got.status != http.StatusOK {
		t.Errorf("%d", got.status)
	}
	if e := s.events(audit.ConfigRefused); len(e) != 1 || e[0].Detail["restart"] != "listen" {
		t.Errorf("%+v", e)
	}
	s.mustReload(func() { s.address, s.without = address, nil })
}

func TestAReloadWhileTheStoreIsDownIsRefused(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	before := s.gateway.app.gen()
	db := s.database()
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil { // readers go on, writers wait
		t.Fatal(err)
	}
	err := s.reload(func() { s.without = []string{"two"} })
	if !errors.Is(err, session.ErrUnavailable) || s.gateway.app.gen() != before {
		t.Errorf("%v", err)
	}
	if !strings.Contains(s.log.String(), "could not be recorded in the audit trail") {
		t.Error("the log does not say why")
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	s.mustReload(func() {})
	if got := alice.fetch("/two/"); got.body != "one for alice" { // below the other app's path now
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestAGatewayWithoutAFileIsNotReloaded(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	s.gateway.app.reloads.source = nil
	if err := s.gateway.app.Reload(t.Context()); !errors.Is(err, ErrNoSource) {
		t.Errorf("%v", err)
	}
}

func TestSocketsWithoutASessionEndWithTheirApp(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	s.hold() // they end at once, not when it is looked at again
	s.mustReload(func() { s.twoMore = ", paths: [{prefix: /two, public: true}]" })
	stranger := s.person("", "")
	gone := stranger.openAt(s.url, "/two/ws")
	s.mustReload(func() { s.oneMore = ", paths: [{prefix: /ws, public: true}]" })
	kept := stranger.openAt(s.url, "/ws")
	if got := says(t, gone, "still"); got != "two still" {
		t.Errorf("%q", got)
	}
	s.mustReload(func() { s.without = []string{"two"} })
	closed(t, gone)
	if got := says(t, kept, "still"); got != "one still" {
		t.Errorf("%q", got)
	}
	eventually(t, "nothing is remembered of it", func() bool { return s.gateway.app.strangers.Close("two", "") == 0 })
}
