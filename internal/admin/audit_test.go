package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
)

// here is who the tests are to a gateway on a unix socket.
func here() string {
	if runtime.GOOS == "linux" {
		return fmt.Sprintf("uid %d", os.Getuid())
	}
	return bySocket
}

// trailed is a gateway with events of two people, one of whom was erased.
func trailed(t *testing.T) (*Client, *fake, string) {
	t.Helper()
	f := full()
	c, path, _ := gateway(t, f)
	for n := range 10 {
		e := audit.Event{Type: audit.SessionOpened, Actor: audit.ActorPerson, Account: "acc-a", Handle: "ann", Provider: "main", Personal: &audit.Personal{Name: "Ann", UserAgent: "x"}}
		if n%2 == 1 {
			e = audit.Event{Type: audit.SessionEnded, Actor: audit.ActorPerson, Account: "acc-gone", Handle: "gone", Provider: "withdrawn", Cause: "button"}
		}
		f.trail.add(e)
	}
	f.trail.add(audit.Event{Type: audit.SigninRefused, Actor: audit.ActorPerson, Incident: "3kq7zt5w2m4hxcya"})
	return c, f, path
}

func seqs(page AuditPage) (list []int64) {
	for _, e := range page.Events {
		list = append(list, e.Seq)
	}
	return list
}

func TestTheTrailIsReadPageByPageInBothDirections(t *testing.T) {
	c, f, _ := trailed(t)
	var all []int64
	q := AuditQuery{Limit: 4}
	for range 3 {
		page, err := c.Audit(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, seqs(page)...)
		if len(all) == 4 {
			f.trail.add(audit.Event{Type: audit.SessionOpened, Actor: audit.ActorPerson}) // while somebody reads
		}
		if page.Next != page.Last && page.Next != 0 {
			t.Errorf("next %d, last %d", page.Next, page.Last)
		}
		q.After = page.Next
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, all); diff != "" {
		t.Error(diff)
	}
	page, err := c.Audit(t.Context(), AuditQuery{Newest: true, Limit: 3})
	if err != nil || !slices.Equal(seqs(page), []int64{12, 11, 10}) || page.Next != 10 || page.Last != 12 {
		t.Errorf("%+v, %v", page, err)
	}
	page, err = c.Audit(t.Context(), AuditQuery{Newest: true, Limit: 20, Before: page.Next})
	if err != nil || len(page.Events) != 9 || page.Events[0].Seq != 9 || page.Next != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	page, err = c.Audit(t.Context(), AuditQuery{After: 500})
	if err != nil || len(page.Events) != 0 || page.Last != 12 {
		t.Errorf("behind the end: %+v, %v", page, err)
	}
}

func TestTheTrailIsFilteredByWhatOperatorsKnow(t *testing.T) {
	c, f, _ := trailed(t)
	for name, tc := range map[string]struct {
		q    AuditQuery
		want audit.Filter
	}{
		"handle":             {AuditQuery{Account: "ann"}, audit.Filter{Account: "acc-a"}},
		"id":                 {AuditQuery{Account: "acc-a"}, audit.Filter{Account: "acc-a"}},
		"an erased person":   {AuditQuery{Account: "gone"}, audit.Filter{Account: "acc-gone"}},
		"types":              {AuditQuery{Types: []string{"session.opened", "delivery.failed"}}, audit.Filter{Types: []audit.Type{audit.SessionOpened, audit.DeliveryFailed}}},
		"a kind":             {AuditQuery{Types: []string{"session"}}, audit.Filter{Types: []audit.Type{audit.SessionOpened, audit.SessionEnded}}},
		"withdrawn provider": {AuditQuery{Provider: "withdrawn"}, audit.Filter{Provider: "withdrawn"}},
		"session":            {AuditQuery{Session: "x' OR 1=1 --"}, audit.Filter{Session: "x' OR 1=1 --"}},
		"e-mail":             {AuditQuery{Email: "Eve@"}, audit.Filter{Email: "Eve@"}},
		"reference":          {AuditQuery{Reference: "3KQ7-ZT5W 2m4hxcya"}, audit.Filter{Incident: "3kq7zt5w2m4hxcya"}},
		"times":              {AuditQuery{Since: "24h", Until: "2026-11-01T11:00:00+01:00"}, audit.Filter{Since: now.Add(-24 * time.Hour), Until: now.Add(-2 * time.Hour)}},
	} {
		page, err := c.Audit(t.Context(), tc.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tc.want.Limit = 100
		got := f.trail.filters[len(f.trail.filters)-1]
		got.Until = got.Until.UTC()
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if name == "an erased person" && (len(page.Events) != 5 || page.Events[0].Handle != "gone" || page.Events[0].Personal != nil) {
			t.Errorf("%+v", page.Events)
		}
	}
}

func TestWhatIsNoFilterIsRefusedWithWhatWasMeant(t *testing.T) {
	_, f, path := trailed(t)
	f.people = append(f.people, account.Person{Account: account.Account{ID: "ann", Handle: "other"}})
	for target, want := range map[string]string{
		"type=sesion.opened":               "did you mean session.opened?",
		"type=session.opened,":             "there is no type of event",
		"type=quux":                        "docs/audit.md lists them",
		"account=nobody":                   "No such account",
		"account=ann":                      "Two accounts go by this name",
		"provider=mian":                    "configured are main",
		"after=1%20OR%201=1":               "after must be the seq of an event",
		"after=-1":                         "after must be the seq",
		"before=1e3":                       "before must be the seq",
		"after=99999999999999999999":       "after must be the seq",
		"since=yesterday":                  "since must be a time such as",
		"until=-3h":                        "until must be a time such as",
		"newest=yes":                       "newest must be true or false",
		"limit=1001":                       "limit must be a number from 1 to 1000",
		"wait=56":                          "from 0 to 55",
		"wait=1s":                          "from 0 to 55",
		"wait=1&newest=true":               "without newest, before and until",
		"wait=1&before=3":                  "without newest, before and until",
		"reference=%21":                    "reference must be one",
		"after=1;DROP%20TABLE%20audit":     "the query cannot be read",
		"account=ann;":                     "the query cannot be read",
		"order=seq%3BDROP%20TABLE%20audit": "there is no parameter",
	} {
		resp := get(t, path, "/v1/audit?"+target)
		if p := problem(t, resp); resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(p.Title+" "+p.Detail, want) {
			t.Errorf("%s: %d %s: %s", target, resp.StatusCode, p.Title, p.Detail)
		}
	}
}

func TestWhoWaitsIsAnsweredByTheNextEventThatFits(t *testing.T) {
	c, f, _ := trailed(t)
	type answer struct {
		page AuditPage
		err  error
	}
	answers := make(chan answer)
	go func() {
		page, err := c.Audit(t.Context(), AuditQuery{After: 11, Types: []string{"session.ended"}, Wait: 50 * time.Second})
		answers <- answer{page, err}
	}()
	waits := func(places ...int64) {
		t.Helper()
		for deadline := time.After(30 * time.Second); !slices.Equal(f.trail.awaited(), places); {
			select {
			case a := <-answers:
				t.Fatalf("another event answers: %+v", a)
			case <-deadline:
				t.Fatalf("it waits after %v, want %v", f.trail.awaited(), places)
			case <-time.After(time.Millisecond):
			}
		}
	}
	waits(11)
	f.trail.add(audit.Event{Type: audit.SessionOpened, Actor: audit.ActorPerson})
	waits(11, 12) // that one does not fit: it goes on waiting
	f.trail.add(audit.Event{Type: audit.SessionEnded, Actor: audit.ActorPerson})
	if a := <-answers; a.err != nil || !slices.Equal(seqs(a.page), []int64{13}) || a.page.Last != 13 {
		t.Errorf("%+v", a)
	}
	begin := time.Now()
	page, err := c.Audit(t.Context(), AuditQuery{After: 13, Wait: time.Second})
	if took := time.Since(begin); err != nil || len(page.Events) != 0 || page.Last != 13 || took < 900*time.Millisecond {
		t.Errorf("%+v, %v after %v", page, err, took)
	}
	begin = time.Now()
	page, err = c.Audit(t.Context(), AuditQuery{After: 5000, Wait: 50 * time.Second})
	if took := time.Since(begin); err != nil || page.Last != 13 || took > 40*time.Second {
		t.Errorf("of a trail that was restored: %+v, %v after %v", page, err, took)
	}
}

func TestAStoreThatIsSilentAnswers503(t *testing.T) {
	_, f, path := trailed(t)
	f.trail.err = session.ErrUnavailable
	if resp := get(t, path, "/v1/audit"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestEveryActOfAnOperatorIsInTheTrailBeforeItIsDone(t *testing.T) {
	f := full()
	c, _, _ := gateway(t, f)
	act := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	act(c.Disable(t.Context(), "ann"))
	act(c.Enable(t.Context(), "ann"))
	act(c.Delete(t.Context(), "ann", "ann"))
	act(c.End(t.Context(), EndRequest{ID: "a"}, nil))
	act(c.End(t.Context(), EndRequest{Account: "acc-a"}, nil))
	act(c.End(t.Context(), EndRequest{Provider: "main"}, nil))
	act(c.End(t.Context(), EndRequest{All: true}, func(int, int) {}))
	act(c.Retry(t.Context(), RetryRequest{ID: "e"}))
	act(c.Retry(t.Context(), RetryRequest{Failing: true}))
	act(nil, c.Backup(t.Context(), true, io.Discard))
	var got []string
	for _, e := range f.trail.events {
		if e.Type != audit.AdminActed || e.Actor != audit.ActorOperator || e.By != here() {
			t.Errorf("%+v", e)
		}
		got = append(got, strings.TrimSpace(fmt.Sprint(e.Detail["verb"], " ", e.Handle, e.Session, e.Provider, " ", e.Detail["filter"], e.Detail["entry"], e.Detail["with_root_key"])))
	}
	want := []string{
		"accounts.disable ann", "accounts.enable ann", "accounts.delete ann", "sessions.end adaa", "sessions.end ann account", "sessions.end main provider", "sessions.end  all",
		"outbox.retry zmain e", "outbox.retry  failing", "backup  yes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutATrailNothingIsDoneButEnding(t *testing.T) {
	f := full()
	c, _, _ := gateway(t, f)
	f.trail.err = session.ErrUnavailable
	if _, err := c.Disable(t.Context(), "ann"); err == nil || len(f.acts) != 0 {
		t.Errorf("%v, %v", err, f.acts)
	}
	if a, err := c.End(t.Context(), EndRequest{All: true}, nil); err != nil || a.Ended != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	f.trail.err = errors.New("the disk is broken")
	if _, err := c.End(t.Context(), EndRequest{All: true}, nil); err == nil {
		t.Error("ended without a trace")
	}
}

func TestAnOperatorOverAnAddressIsTheToken(t *testing.T) {
	f := full()
	o := options(f, &bytes.Buffer{})
	o.Credential = &Credential{Token: strings.Repeat("t", MinToken), Host: "gate.example"}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "http://gate.example/v1/accounts/ann/disable", strings.NewReader("{}"))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+o.Credential.Token)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != http.StatusOK || f.acts[0] != "disable acc-a by admin token" || f.trail.events[0].By != "admin token" {
		t.Errorf("%d, %v, %+v", rec.Code, f.acts, f.trail.events)
	}
}

func TestTheTrailShowsNothingSecret(t *testing.T) {
	_, f, path := trailed(t)
	f.trail.add(audit.Event{Type: audit.RefreshFailed, Actor: audit.ActorProvider, Detail: map[string]string{"error": "refused eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.x", "token": "hush"}})
	body, err := io.ReadAll(get(t, path, "/v1/audit").Body)
	if err != nil || !json.Valid(body) || bytes.Contains(body, []byte("eyJ")) || bytes.Contains(body, []byte("hush")) || bytes.Contains(body, []byte("secret")) {
		t.Errorf("%s, %v", body, err)
	}
}
