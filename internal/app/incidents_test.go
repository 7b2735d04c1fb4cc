package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
)

var reference = regexp.MustCompile(`<code><bdi>([a-z2-7]{16})</bdi></code>|"instance":"([a-z2-7]{16})"`)

func (p page) reference(t *testing.T) string {
	t.Helper()
	found := reference.FindStringSubmatch(p.body)
	if found == nil {
		t.Fatalf("no reference is shown: %d at %s\n%s", p.status, p.url, p.body)
	}
	return found[1] + found[2]
}

// asked is what the admin socket answers about an id.
func (w *world) asked(id string) (v admin.Incident, problem httpx.Problem) {
	w.t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(w.dir, "admin.sock"))
	}
	operator := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: patience}
	resp, err := operator.Get("http://admin/v1/incidents/" + id)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	into := any(&v)
	if resp.StatusCode != http.StatusOK {
		into = &problem
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		w.t.Fatalf("%s: %v", resp.Status, err)
	}
	return v, problem
}

// why asks as the command does.
func (w *world) why(id string) admin.Incident {
	w.t.Helper()
	v, problem := w.asked(id)
	if problem.Status != 0 {
		w.t.Fatalf("why %s: %+v", id, problem)
	}
	return v
}

// refusal is what one person met, and how it must be explained.
type refusal struct {
	id                    string
	kind, step, rule, fix string
	wanted, seen, inNotes string
}

func (r refusal) check(t *testing.T, name string, v admin.Incident, again bool) {
	t.Helper()
	var seen []string
	for _, s := range v.Seen {
		if s.Absent {
			s.Value = "(absent)"
		}
		seen = append(seen, s.Name+": "+s.Value)
	}
	if again {
		name += ", after the restart"
	}
	if v.Kind != r.kind || v.Step != r.step || v.Rule != r.rule || strings.Join(v.Wanted, " ") != r.wanted || strings.Join(seen, "; ") != r.seen ||
		!strings.Contains(v.Fix, r.fix) || v.Shown == "" || v.Means == "" || v.Cause == "" || v.Origin == "" || time.Since(v.At) > time.Hour ||
		!strings.Contains(strings.Join(v.Notes, "\n"), r.inNotes) {
		t.Errorf("%s: %+v", name, v)
	}
}

// refusals makes every kind of refusal happen once, the last of which closes the world.
func refusals(t *testing.T, w *world) map[string]refusal {
	met := map[string]refusal{}
	alice, eve := w.browser("alice", "wonderland"), w.browser("eve", "apple")
	if p := alice.visit("/"); p.status != http.StatusOK {
		t.Fatalf("alice: %d at %s\n%s", p.status, p.url, p.body)
	}
	met["group rule of a path"] = refusal{
		id: alice.visit("/admin").reference(t), kind: "denied", step: "access rule of app sample, path /admin",
		rule: "apps[sample].paths[/admin].access.groups", wanted: "ops wheel", seen: "groups: staff, gardeners",
		fix: "add a group that they have to apps[sample].paths[/admin].access.groups",
	}
	met["group rule, asked by a script"] = refusal{
		id: alice.fetch("/admin/x").reference(t), kind: "denied", step: "access rule of app sample, path /admin",
		rule: "apps[sample].paths[/admin].access.groups", wanted: "ops wheel", seen: "groups: staff, gardeners", fix: "groups",
	}
	met["e-mail not verified"] = refusal{
		id: eve.visit("/").reference(t), kind: "denied", step: "admission", rule: "access.domains", wanted: "example.com",
		seen: "email: eve@example.com; email_verified: false", fix: "set providers[main].email_verified to always",
	}
	met["step-up unsatisfied"] = refusal{
		id: alice.visit("/csp").reference(t), kind: "step-up-unsatisfied", step: "callback: how the person signed in",
		rule: "apps[sample].paths[/csp].acr", wanted: "gold", seen: "acr: silver", fix: "correct apps[sample].paths[/csp].acr",
	}
	met["unknown callback state"] = refusal{
		id:   alice.visit("/.cardea/callback/main?code=made-up-code&state=made-up-state").reference(t),
		kind: "bad-request", step: "callback: recognising the attempt", fix: "If every sign-in ends here",
	}
	w.provider.SetFaults(devprovider.Faults{IDToken: func(claims map[string]any) { claims["iss"] = "https://elsewhere.example" }})
	met["wrong issuer"] = refusal{
		id: w.browser("bob", "builder").visit("/").reference(t), kind: "provider-answer-refused", step: "callback: verifying who signed in",
		rule: "providers[main].issuer", wanted: w.provider.Issuer(), seen: "iss: https://elsewhere.example", fix: "Set providers[main].issuer to exactly",
	}
	w.provider.SetFaults(devprovider.Faults{AuthorizeResponse: func(v url.Values) { v.Del("code"); v.Set("error", "access_denied") }})
	met["refused at the provider"] = refusal{
		id: w.browser("bob", "builder").visit("/").reference(t), kind: "sign-in-cancelled", step: "callback: the provider's answer", fix: "assign the person or their group",
	}
	w.provider.SetFaults(devprovider.Faults{})
	w.upstream.Close()
	met["upstream down"] = refusal{
		id: alice.visit("/").reference(t), kind: "upstream-unavailable", step: "upstream", fix: "correct apps[sample].upstream",
	}
	w.provider.Close()
	met["provider down"] = refusal{
		id: w.browser("bob", "builder").visitHere("/").reference(t), kind: "provider-unavailable", step: "sign-in: going to the provider", fix: "cardea doctor --provider main",
	}
	return met
}

// visitHere is visit until the gateway has noticed that nobody is at home at the provider.
func (b *browser) visitHere(path string) (p page) {
	b.w.t.Helper()
	b.w.eventually("the provider is found to be down", func() error {
		for next := path; ; {
			p = b.do(http.MethodGet, b.w.url+next, "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
			location := p.header.Get("Location")
			if location == "" {
				return nil
			}
			var ours bool
			if next, ours = strings.CutPrefix(location, b.w.url); !ours && !strings.HasPrefix(next, "/") {
				return errors.New("people are sent there")
			}
		}
	})
	return p
}

func TestEveryRefusalThatAPersonMeetsIsExplainedAlsoAfterARestart(t *testing.T) {
	people := append(devprovider.DefaultPeople(), devprovider.Person{Username: "eve", Password: "apple", Email: "eve@example.com"})
	w := newWorld(t, devprovider.Options{ACRs: []string{"silver"}, People: people}, "")
	w.stop()
	w.extra = fmt.Sprintf(`access: {domains: [example.com]}
apps: [{id: sample, url: %q, upstream: %q, paths: [{prefix: /admin, access: {groups: [ops, wheel]}}, {exact: /csp, acr: [gold]}]}]
`, w.url, w.upstream.URL)
	w.start()
	var secrets []string
	met := refusals(t, w)
	for _, s := range w.sessions() {
		secrets = append(secrets, s.Grant.Tokens.AccessToken, s.Grant.Tokens.RefreshToken, s.Grant.Tokens.IDToken)
	}
	if len(secrets) == 0 {
		t.Fatal("nobody is signed in: nothing secret could have been shown")
	}
	secrets = append(secrets, "s3cret", "wonderland", "apple", "made-up-code", "made-up-state", "eyJ")
	for _, again := range []bool{false, true} {
		for name, r := range met {
			v := w.why(r.id)
			r.check(t, name, v, again)
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range secrets {
				if secret != "" && strings.Contains(string(text), secret) {
					t.Errorf("%s: the answer shows %.12s...\n%s", name, secret, text)
				}
			}
			if r.kind != "session-required" && !strings.Contains(w.log.String(), "incident="+r.id) {
				t.Errorf("%s: %s is not in the log", name, r.id)
			}
		}
		if again {
			break
		}
		w.stop()
		w.start()
	}
	if _, problem := w.asked("aaaaaaaaaaaaaaaa"); !strings.Contains(problem.Detail, "mistyped") {
		t.Errorf("unknown: %+v", problem)
	}
	first := met["upstream down"].id
	if _, problem := w.asked(first[:15]); !strings.Contains(problem.Detail, first) {
		t.Errorf("one letter short: %+v", problem)
	}
}

func TestAFloodOfRefusalsSlowsNothingAndIsBounded(t *testing.T) {
	const refused, workers = 20_000, 8
	w := newWorld(t, devprovider.Options{}, "")
	w.level.Set(slog.LevelInfo) // as operators have it: strangers fill no log
	db := w.database()
	// What nobody may wait for. The start's own writes may be under way.
	w.eventually("the store is held", func() error { _, err := db.Exec("BEGIN EXCLUSIVE"); return err })
	ask := func() (time.Duration, *httptest.ResponseRecorder) {
		r := httptest.NewRequest(http.MethodGet, w.url+"/api/whoami", nil)
		r.Header.Set("Sec-Fetch-Mode", "cors")
		out := httptest.NewRecorder()
		began := time.Now()
		w.gateway.app.web.ServeHTTP(out, r)
		return time.Since(began), out
	}
	var slow atomic.Int64
	var flood sync.WaitGroup
	began := time.Now()
	for range workers {
		flood.Go(func() {
			for range refused / workers {
				if took, out := ask(); took > 3*time.Second || out.Code != http.StatusUnauthorized {
					slow.Add(1)
				}
			}
		})
	}
	flood.Wait()
	took := time.Since(began)
	if slow.Load() > refused/1000 || took > 2*time.Minute {
		t.Errorf("%d of %d were slow, all took %v", slow.Load(), refused, took)
	}
	// A person in the midst of it is explained while the store is still locked.
	stray := w.browser("alice", "wonderland").do(http.MethodGet, w.url+"/.cardea/nothing", "", "Accept", "text/html").reference(t)
	if v := w.why(stray); v.Kind != "not-found" {
		t.Errorf("%+v", v)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	dropped := w.gateway.app.incidents.Dropped()
	if dropped < refused/2 {
		t.Errorf("%d dropped: the queue is not bounded", dropped)
	}
	w.eventually("the flood is written", func() error {
		dropped := w.gateway.app.incidents.Dropped() // what was on its way to the store may be dropped yet
		heads, err := w.gateway.app.storage.store.IncidentHeads(t.Context(), 0)
		if err == nil && len(heads)+int(dropped) < refused+1 {
			err = fmt.Errorf("%d kept, %d dropped", len(heads), dropped)
		}
		if len(heads) > incident.MaxKept {
			t.Fatalf("%d kept", len(heads))
		}
		return err
	})
	if v := w.why(stray); v.Kind != "not-found" {
		t.Errorf("%+v", v)
	}
	w.eventually("the log says so", func() error {
		if !strings.Contains(w.log.String(), "too much is refused at once") {
			return errors.New("it does not")
		}
		return nil
	})
}

func (w *world) eventually(what string, check func() error) {
	w.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	w.t.Fatalf("%s: %v", what, err)
}

func TestWithTheStoreDownThePageShowsItsIdAndTheLogHasIt(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	db := w.database()
	w.eventually("the store is held", func() error { _, err := db.Exec("BEGIN EXCLUSIVE"); return err })
	id := w.browser("bob", "builder").do(http.MethodPost, w.url+"/.cardea/sign-out", "", "Origin", "https://evil.example", "Accept", "text/html").reference(t)
	if v := w.why(id); v.Kind != "origin-refused" || !strings.Contains(w.log.String(), "incident="+id) {
		t.Errorf("%+v", v)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
}
