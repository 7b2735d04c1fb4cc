package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// trailEvent is a line of cardea audit export.
type trailEvent struct {
	Seq      int64
	At       time.Time
	Type     string
	Actor    string
	Handle   string
	Account  string
	Session  string
	Cause    string
	Personal map[string]string
}

// trail exports the whole audit trail.
func (w *world) trail(t *testing.T) []trailEvent {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trail.jsonl")
	if _, err := w.Command("audit", "export", "--file", file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return trailOf(t, data)
}

func trailOf(t *testing.T, data []byte) []trailEvent {
	t.Helper()
	var out []trailEvent
	for line := range bytes.Lines(data) {
		var e trailEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("a line of the trail: %v\n%s", err, line)
		}
		out = append(out, e)
	}
	return out
}

// acknowledged are the acts whose answer has arrived in a browser.
type acknowledged struct {
	mu          sync.Mutex
	opened, out map[string]bool // by session
}

func (a *acknowledged) note(list map[string]bool, session string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list[session] = true
}

// TestAudit_Kill9_EveryAcknowledgedActIsInTheTrailOnce: 200 rounds of people who sign in and
// out, each cut by kill -9 at another moment.
func TestAudit_Kill9_EveryAcknowledgedActIsInTheTrailOnce(t *testing.T) {
	const rounds, people = 200, 3
	w := newElsewhere(t, "oidc-provider", "oidc")
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	w.Stop(t)
	w.Edit(t, func(c *harness.Config) { c.Audit = map[string]any{"file": file} })
	w.Start(t)
	acts := &acknowledged{opened: map[string]bool{}, out: map[string]bool{}}
	life := w.comesAndGoes(t, people)
	for round := range rounds {
		var work sync.WaitGroup
		for range people {
			p := env.NewPerson(t, "alice", nil)
			work.Go(func() { w.comeAndGo(p, acts) })
		}
		time.Sleep(life/8 + rand.N(2*life))
		w.Kill()
		work.Wait()
		if err := w.TryStart(); err != nil {
			t.Fatalf("start after kill %d: %v\n%s", round, err, w.LogTail())
		}
	}
	if len(acts.opened) < rounds/4 || len(acts.out) < rounds/8 {
		t.Errorf("only %d sign-ins and %d sign-outs were acknowledged: the rounds prove little", len(acts.opened), len(acts.out))
	}

	events := w.trail(t)
	seen := map[string]int{}
	last := int64(0)
	for _, e := range events {
		if e.Seq <= last {
			t.Fatalf("event %d follows event %d", e.Seq, last)
		}
		last = e.Seq
		if e.Type == "session.opened" || e.Type == "session.ended" {
			seen[e.Type+" "+e.Session]++
		}
	}
	for what, n := range seen {
		if n != 1 {
			t.Errorf("%s stands %d times in the trail", what, n)
		}
	}
	for kind, list := range map[string]map[string]bool{"session.opened": acts.opened, "session.ended": acts.out} {
		for session := range list {
			if seen[kind+" "+session] != 1 {
				t.Errorf("%s %s was acknowledged and stands %d times in the trail", kind, session, seen[kind+" "+session])
			}
		}
	}
	t.Logf("%d sign-ins and %d sign-outs were acknowledged, %d events are in the trail", len(acts.opened), len(acts.out), len(events))

	harness.Eventually(t, patient, "the file has what the trail has", func() bool {
		data, err := os.ReadFile(file)
		return err == nil && bytes.Count(data, []byte("\n")) >= len(events)
	})
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range trailOf(t, data)[:len(events)] {
		if e.Seq != events[i].Seq || e.Type != events[i].Type {
			t.Fatalf("line %d of the file is event %d %s, in the trail it is %d %s", i+1, e.Seq, e.Type, events[i].Seq, events[i].Type)
		}
	}
}

// comesAndGoes tells how long that many people take here to sign in and out at once: the
// moments of the kills have to lie among what they do, however busy the machine is.
func (w *elsewhere) comesAndGoes(t *testing.T, people int) time.Duration {
	t.Helper()
	const times = 3
	var work sync.WaitGroup
	began := time.Now()
	for range people {
		p := env.NewPerson(t, "alice", nil)
		work.Go(func() {
			for range times {
				page, err := p.Navigate(harness.Navigation{URL: w.URL + "/"})
				if err == nil {
					page, err = w.tryThrough(p, page)
				}
				var told struct{}
				if err == nil && page.Has(`id="who"`) {
					err = w.script(p, http.MethodPost, "/.cardea/sign-out", &told)
				}
				if err != nil {
					t.Errorf("signing in and out: %v", err)
					return
				}
			}
		})
	}
	work.Wait()
	return max(time.Since(began)/times, 40*time.Millisecond)
}

// comeAndGo signs in and out until the gateway is gone.
func (w *elsewhere) comeAndGo(p *harness.Person, acts *acknowledged) {
	for {
		page, err := p.Navigate(harness.Navigation{URL: w.URL + "/"})
		if err == nil {
			page, err = w.tryThrough(p, page)
		}
		if err != nil || !page.Has(`id="who"`) {
			return
		}
		var told struct {
			Session   string
			SignedOut bool `json:"signed_out"`
			Durable   bool
		}
		if w.script(p, http.MethodGet, "/.cardea/session", &told) != nil {
			return
		}
		acts.note(acts.opened, told.Session)
		if rand.IntN(3) == 0 {
			return // stays signed in
		}
		if w.script(p, http.MethodPost, "/.cardea/sign-out", &told) != nil {
			return
		}
		if told.SignedOut && told.Durable {
			acts.note(acts.out, told.Session)
		}
	}
}

// script makes a request of a script of the app's page and reads its JSON.
func (w *world) script(p *harness.Person, method, path string, into any) error {
	req, err := http.NewRequest(method, w.URL+path, nil)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"Origin": w.URL, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "application/json"} {
		req.Header.Set(name, value)
	}
	res, err := p.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return json.Unmarshal(body, into)
}

// TestAudit_TellsWhatHappenedAndNoSecret: the acts of a person and of an operator, read by
// cardea audit, and readable after the person has been deleted.
func TestAudit_TellsWhatHappenedAndNoSecret(t *testing.T) {
	w := newWorld(t, func(p *plan) { p.config.Access = map[string]any{"emails": []string{"alice@acme.example"}} })
	alice := w.signedIn(t, "alice")
	bob := env.NewPerson(t, "bob", nil)
	if page := bob.SignIn(t, w.URL+"/"); page.Status != http.StatusForbidden {
		t.Fatalf("bob, whom no rule admits: %s", page)
	}
	w.demandSignedOutPage(t, alice.SignOut(t, w.URL))
	w.signedIn(t, "alice")
	for _, args := range [][]string{{"accounts", "disable", "alice"}, {"accounts", "enable", "alice"}} {
		if _, err := w.Command(args...); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"config.loaded", "account.created", "session.opened", "signin.refused", "session.ended", "session.opened", "admin.acted",
		"account.disabled", "session.ended", "admin.acted", "account.enabled"}
	demandInOrder(t, w.trail(t), want)

	if _, err := w.Command("accounts", "delete", "alice", "--yes", "alice"); err != nil {
		t.Fatal(err)
	}
	events := w.trail(t)
	demandInOrder(t, events, append(want, "account.deleted"))
	for _, e := range events {
		if e.Handle == "alice" && len(e.Personal) > 0 {
			t.Errorf("after the deletion event %d still holds %v", e.Seq, e.Personal)
		}
	}
	out, err := w.Command("audit", "list", "--all")
	if err != nil || !strings.Contains(out, "alice") {
		t.Errorf("the list no longer names the handle: %v\n%s", err, out)
	}
	for _, kind := range []string{"alice@acme.example", "Alice Archer"} {
		if strings.Contains(out, kind) {
			t.Errorf("the list still tells %q", kind)
		}
	}
}

// demandInOrder fails unless the types occur in this order; others may stand between.
func demandInOrder(t *testing.T, events []trailEvent, want []string) {
	t.Helper()
	rest := want
	var got []string
	for _, e := range events {
		got = append(got, e.Type)
		if len(rest) > 0 && e.Type == rest[0] {
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		t.Errorf("the trail lacks %s in this order:\n%s", rest[0], strings.Join(got, "\n"))
	}
}
