package app

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

// hold keeps reloads from looking again at what they end. What it returns lets them, and
// comes back when they have.
func (s *several) hold() (later func()) {
	release := make(chan struct{})
	s.gateway.app.reloads.pause = func(ctx context.Context, _ time.Duration) bool {
		select {
		case <-release:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return func() {
		close(release)
		s.gateway.app.reloads.chores.work.Wait()
	}
}

// late opens a session as a sign-in does that began under a configuration before, with a seat
// at an origin.
func (s *several) late(of *session.Session, origin string) session.ID {
	s.t.Helper()
	one := *of
	one.ID, one.SID = session.NewID(), string(session.NewID())
	_, hash := session.NewSeatValue()
	if err := s.gateway.app.storage.store.OpenSession(s.t.Context(), time.Now(), &one, session.Seat{Hash: hash, Origin: origin}, ""); err != nil {
		s.t.Fatal(err)
	}
	return one.ID
}

func TestAReloadThatWasUndoneEndsNothingLater(t *testing.T) {
	here := func(s *several) string { return s.url }
	for name, tc := range map[string]struct {
		change, back func(*several)
		origin       func(*several) string
		path, body   string
	}{
		"a rule": {
			func(s *several) { s.access = "access: {emails: [carol@example.org]}\n" }, func(s *several) { s.access = "" }, here, "/", "one for alice",
		},
		"a rule, and then another": {
			func(s *several) { s.access = "access: {emails: [carol@example.org]}\n" }, func(s *several) { s.access = "access: {groups: [gardeners]}\n" }, here, "/", "one for alice",
		},
		"an app": {
			func(s *several) { s.without = []string{"two"} }, func(s *several) { s.without = nil }, here, "/two/", "two for alice",
		},
		"an app at an origin": {
			func(s *several) { s.without = []string{"three"} }, func(s *several) { s.without = nil }, (*several).threeURL, "/", "three for alice",
		},
		"a client": {
			func(s *several) { s.client = "cardea-2" }, func(s *several) { s.client = "cardea" }, here, "/", "one for alice",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeveral(t, devprovider.Options{})
			later := s.hold()
			s.mustReload(func() { tc.change(s) })
			s.mustReload(func() { tc.back(s) })
			alice := s.person("alice", "wonderland")
			if p := alice.visit(tc.origin(s) + tc.path); p.body != tc.body {
				t.Fatalf("signing in: %d at %s: %s", p.status, p.url, p.body)
			}
			socket := alice.openAt(tc.origin(s), tc.path+"ws")
			later()
			if got := s.causes(); got != "" {
				t.Errorf("sessions ended: %s", got)
			}
			says(t, socket, "still")
			if p := alice.visit(tc.origin(s) + tc.path); p.body != tc.body {
				t.Errorf("the next request: %d at %s: %s", p.status, p.url, p.body)
			}
		})
	}
}

// What a reload says that it ends may still be ending when the next one counts.
func TestWhatWasCountedForARemovedAppEndsAndNothingThatBeganLater(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice, bob := s.person("alice", "wonderland"), s.person("bob", "builder")
	alice.visit("/two/")
	holds := s.text()
	s.without = []string{"two"}
	s.extra = s.text()
	p, err := s.gateway.app.plan(t.Context(), s.gateway.app.gen(), s.config())
	if err != nil || len(p.ending) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	s.extra = holds
	bob.visit("/two/")
	s.gateway.app.endAll(t.Context(), p.reasons)
	if got := s.causes(); got != string(session.CauseAccessWithdrawn) {
		t.Errorf("sessions ended: %q", got)
	}
	if got := bob.fetch("/two/"); got.status != http.StatusOK {
		t.Errorf("who came later: %d", got.status)
	}
}

// The second reload comes before the first one has ended anything for sure.
func TestWhatARemovedAppEndsIsEndedThoughTheAppIsBackAtOnce(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice, bob := s.person("alice", "wonderland"), s.person("bob", "builder")
	alice.visit("/two/")
	bob.visit("/")
	gone := alice.openAt(s.url, "/two/ws")
	later := s.hold()
	s.mustReload(func() { s.without = []string{"two"} })
	s.mustReload(func() { s.without = nil })
	closed(t, gone)
	eventually(t, "the session has ended", func() bool { return s.causes() == string(session.CauseAccessWithdrawn) })
	eventually(t, "the app has heard", func() bool { return s.two.told() == 1 && s.pending("two") == 0 })
	// He was signed in before, and begins to use the app when it is back.
	if p := bob.visit("/two/"); p.body != "two for bob" {
		t.Fatalf("%d at %s: %s", p.status, p.url, p.body)
	}
	socket := bob.openAt(s.url, "/two/ws")
	later()
	if got := s.causes(); got != string(session.CauseAccessWithdrawn) {
		t.Errorf("sessions ended: %s", got)
	}
	if got := says(t, socket, "still"); got != "two still" {
		t.Errorf("%q", got)
	}
	if got := bob.fetch("/two/"); got.status != http.StatusOK {
		t.Errorf("%d", got.status)
	}
}

func TestWhatCameLateIsEndedThoughAnotherReloadCameMeanwhile(t *testing.T) {
	for name, change := range map[string]func(*several){
		"a rule": func(s *several) { s.access = "access: {groups: [gardeners]}\n" },
		"an app": func(s *several) { s.without = []string{"three"} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeveral(t, devprovider.Options{})
			alice, bob := s.person("alice", "wonderland"), s.person("bob", "builder")
			alice.visit("/")
			bob.visit(s.threeURL() + "/")
			as := s.sessionOf("bob")
			one, err := s.gateway.app.storage.store.ByID(t.Context(), as)
			if err != nil {
				t.Fatal(err)
			}
			later := s.hold()
			s.mustReload(func() { change(s) })
			eventually(t, "what was there has ended", func() bool { return s.causes() == string(session.CauseAccessWithdrawn) })
			_, elsewhere := newEcho(t, "one")
			s.mustReload(func() { s.oneAt = elsewhere })
			s.late(one, s.threeURL())
			later()
			if got := s.causes(); got != string(session.CauseAccessWithdrawn+" "+session.CauseAccessWithdrawn) {
				t.Errorf("sessions ended: %s", got)
			}
			if got := alice.fetch("/"); got.status != http.StatusOK {
				t.Errorf("who is let in: %d", got.status)
			}
		})
	}
}

func TestSocketsWithoutASessionOfAnAppThatIsBackGoOn(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	later := s.hold()
	public := func() { s.without, s.twoMore = nil, ", paths: [{prefix: /two, public: true}]" }
	s.mustReload(func() { s.without = []string{"two"} })
	s.mustReload(public)
	socket := s.person("", "").openAt(s.url, "/two/ws")
	later()
	if got := says(t, socket, "still"); got != "two still" {
		t.Errorf("%q", got)
	}
}

func TestARemovedProviderLeavesAccountsThatAreCounted(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	for _, who := range [][2]string{{"alice", "wonderland"}, {"bob", "builder"}} {
		s.person(who[0], who[1]).visit("/")
	}
	other := strings.Replace(s.file(), "id: main, kind: oidc, issuer: \""+s.provider.Issuer()+"\"", "id: acme, kind: oidc, issuer: \"http://localhost:9\"", 1)
	plan, err := s.gateway.app.PlanConfig(t.Context(), s.dir, []byte(other))
	if err != nil || plan.Sessions != 2 || !slices.Equal(plan.Stranded, []admin.ConfigStranded{{Provider: "main", Accounts: 2}}) {
		t.Errorf("%+v, %v", plan, err)
	}
	renamed := strings.Replace(s.file(), "id: main,", "id: acme,", 1)
	if plan, err := s.gateway.app.PlanConfig(t.Context(), s.dir, []byte(renamed)); err != nil || plan.Sessions != 2 || len(plan.Stranded) != 0 {
		t.Errorf("the same one by another id: %+v, %v", plan, err)
	}
	s.replaceFile(other)
	if err := s.gateway.app.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.log.String(), "provider=main accounts=2") {
		t.Error("the log does not say so")
	}
}

func TestOnlyWhatEndsSessionsIsToldToEndSome(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	s.person("alice", "wonderland").visit("/")
	s.mustReload(func() { s.access, s.without = "access: {groups: [gardeners]}\n", []string{"two"} })
	if strings.Contains(s.log.String(), "the new configuration ends sessions") {
		t.Error("nobody's sessions are said to end")
	}
	s.mustReload(func() { s.access = "access: {groups: [nobody]}\n" })
	if got := strings.Count(s.log.String(), "the new configuration ends sessions"); got != 1 {
		t.Errorf("told %d times", got)
	}
}
