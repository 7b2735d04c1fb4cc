package admin

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestSessionsAreListedPageByPage(t *testing.T) {
	lost, failing := one("b"), one("c")
	lost.Grant.State = session.GrantLost
	failing.Grant.FailingSince = now
	failing.Grant.Tokens.RefreshToken = ""
	f := &fake{sessions: []*session.Session{one("a"), lost, failing}}
	c, _, _ := gateway(t, f)
	page, err := c.Sessions(t.Context(), SessionQuery{Limit: 2})
	if err != nil || len(page.Sessions) != 2 || page.Next != "b" || page.Total != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	want := Session{
		ID: "a", Account: "acc-a", Handle: "ada", Provider: "main", Issuer: "https://idp.example", Subject: "sub",
		CreatedAt: now.Add(-time.Hour), SeenAt: now, AuthTime: now.Add(-time.Hour), ACR: "gold", ExpiresAt: now.Add(time.Hour), Refreshable: true, Grant: "good", Connections: 2,
	}
	if diff := cmp.Diff(want, page.Sessions[0]); diff != "" {
		t.Error(diff)
	}
	rest, err := c.Sessions(t.Context(), SessionQuery{After: page.Next, Limit: 2})
	if err != nil || len(rest.Sessions) != 1 || rest.Next != "" || rest.Sessions[0].Grant != "failing" || rest.Sessions[0].Refreshable || page.Sessions[1].Grant != "lost" {
		t.Errorf("%+v, %v", rest, err)
	}
	f.people = []account.Person{{Account: account.Account{ID: "acc", Handle: "ann"}}}
	for _, name := range []string{"acc", "ann"} {
		f.filters = nil
		if _, err := c.Sessions(t.Context(), SessionQuery{Account: name, Provider: "main", App: "hub", After: "x"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(session.Filter{Account: "acc", Provider: "main", Origin: "https://*.apps.example", After: "x", Limit: 100}, f.filters[0]); diff != "" {
			t.Error(diff)
		}
	}
	for want, q := range map[string]SessionQuery{
		"No such account": {Account: "bob"}, "configured are chat, hub": {App: "none"}, "limit must be a number from 1 to 1000": {Limit: 5000},
	} {
		if _, err := c.Sessions(t.Context(), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestASessionOrItsEndIsShown(t *testing.T) {
	f := &fake{
		sessions: []*session.Session{one("a")},
		ended:    map[session.ID]session.Tombstone{"z": {Session: "z", Account: "acc-z", Provider: "main", Cause: session.CauseButton, EndedAt: now}},
	}
	c, _, _ := gateway(t, f)
	live, err := c.Show(t.Context(), "a")
	if err != nil || live.Session == nil || live.Session.ID != "a" || live.Ended != nil {
		t.Errorf("%+v, %v", live, err)
	}
	want := Shown{Ended: &Ended{Session: "z", Account: "acc-z", Provider: "main", Cause: "button", EndedAt: now,
		Steps: []Step{{What: "session", State: "done"}, {What: "connections", State: "done", Count: 2}}}}
	got, err := c.Show(t.Context(), "z")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	f.noPaper = true
	if got, err = c.Show(t.Context(), "z"); err != nil || got.Ended == nil || len(got.Ended.Steps) != 0 {
		t.Errorf("without a receipt: %+v, %v", got, err)
	}
	f.noPaper, f.endErr = false, session.ErrUnavailable
	if _, err = c.Show(t.Context(), "z"); err == nil || !strings.Contains(err.Error(), "store does not answer") {
		t.Errorf("receipt cannot be read: %v", err)
	}
	for _, id := range []string{"nobody", "../../v1/outbox", "a/b", "?", "%00"} {
		if got, err := c.Show(t.Context(), id); err == nil {
			t.Errorf("%q: %+v", id, got)
		}
	}
}

func TestSessionsEndAsFullyAsByTheButton(t *testing.T) {
	f := &fake{
		sessions: []*session.Session{one("a"), one("b")}, ended: map[session.ID]session.Tombstone{"z": {Session: "z"}},
		people: []account.Person{{Account: account.Account{ID: "acc", Handle: "ann"}}},
	}
	c, _, _ := gateway(t, f)
	sum := []SummedStep{{What: "connections", State: "done", Sessions: 1, Count: 4}, {What: "tokens", State: "retrying", Sessions: 2}}
	alone := []SummedStep{{What: "session", State: "done", Sessions: 1}, {What: "connections", State: "done", Sessions: 1, Count: 2}}
	for name, tc := range map[string]struct {
		req    EndRequest
		want   EndAnswer
		asked  int
		filter session.Filter
	}{
		"one":      {EndRequest{ID: "a"}, EndAnswer{Ended: 1, Steps: alone}, 1, session.Filter{}},
		"ended":    {EndRequest{ID: "z"}, EndAnswer{Already: true, Steps: []SummedStep{}}, 0, session.Filter{}},
		"account":  {EndRequest{Account: "ann"}, EndAnswer{Ended: 2, Steps: sum}, 1, session.Filter{Account: "acc"}},
		"provider": {EndRequest{Provider: "main"}, EndAnswer{Ended: 2, Steps: sum}, 1, session.Filter{Provider: "main"}},
		"app":      {EndRequest{App: "chat"}, EndAnswer{Ended: 2, Steps: sum}, 1, session.Filter{Origin: "https://chat.example"}},
		"all":      {EndRequest{All: true}, EndAnswer{Ended: 2, Steps: sum}, 1, session.Filter{}},
	} {
		for _, progress := range []func(int, int){nil, func(int, int) {}} {
			f.asked, f.filters = nil, nil
			got, err := c.End(t.Context(), tc.req, progress)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil || len(f.asked) != tc.asked {
				t.Errorf("%s: %v, asked %d\n%s", name, err, len(f.asked), diff)
				continue
			}
			if tc.asked == 1 && (f.asked[0].Cause != session.CauseAdmin || f.asked[0].By != here() || f.asked[0].Mode == signout.ModeGateway) {
				t.Errorf("%s: asked %+v", name, f.asked[0])
			}
			if len(f.filters) == 1 && f.filters[0] != tc.filter {
				t.Errorf("%s: filter %+v", name, f.filters[0])
			}
		}
	}
	for want, req := range map[string]EndRequest{
		"No such session": {ID: "nobody"}, "No such account": {Account: "bob"}, "configured are chat": {App: "none"}, "configured are main, second": {Provider: "none"},
	} {
		for _, progress := range []func(int, int){nil, func(int, int) {}} {
			if _, err := c.End(t.Context(), req, progress); err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrNotFound) {
				t.Errorf("%+v: %v", req, err)
			}
		}
	}
	f.endErr = errors.Join(signout.ErrNotDurable, session.ErrUnavailable)
	for _, req := range []EndRequest{{ID: "a"}, {All: true}} {
		if got, err := c.End(t.Context(), req, nil); err != nil || !got.NotDurable || got.Ended == 0 {
			t.Errorf("not durable: %+v, %v", got, err)
		}
	}
}

func TestAnEndOfManySaysHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{sessions: []*session.Session{one("a"), one("b"), one("c")}, slow: true}
		h, err := New(options(f, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		c := NewClient(Endpoint{Network: "unix"})
		c.http.Transport = direct{described(t, h)}
		var told [][2]int
		if _, err := c.End(t.Context(), EndRequest{All: true}, func(ended, of int) { told = append(told, [2]int{ended, of}) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][2]int{{0, 3}, {3, 3}}, told); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEndOfManyThatFailsInTheMiddleIsSaidSo(t *testing.T) {
	f := &fake{sessions: []*session.Session{one("a"), one("b"), one("c")}, endErr: errors.New("disk on fire")}
	c, _, _ := gateway(t, f)
	if _, err := c.End(t.Context(), EndRequest{All: true}, func(int, int) {}); err == nil || !strings.Contains(err.Error(), "Internal error (reference ") {
		t.Errorf("an error in the middle: %v", err)
	}
}

func TestAnEndMustSayWhatItMeans(t *testing.T) {
	f := &fake{sessions: []*session.Session{one("a")}}
	_, path, _ := gateway(t, f)
	for name, body := range map[string]string{
		"nothing": `{}`, "empty": ``, "no JSON": `end all`, "account and app": `{"account":"a","app":"chat"}`, "two at once": `{"id":"a","all":true}`, "unknown field": `{"everyone":true}`,
		"list": `[{"all":true}]`, "twice": `{"id":"a"}{"all":true}`, "huge": `{"id":"` + strings.Repeat("a", 20<<10) + `"}`, "null": `null`,
	} {
		resp := post(t, path, body, http.Header{"Content-Type": {"application/json"}})
		if resp.StatusCode != http.StatusBadRequest || problem(t, resp).Type != "urn:cardea:problem:bad-request" {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if len(f.asked) != 0 {
		t.Errorf("ended: %+v", f.asked)
	}
}

func TestNoWebPageCanUseTheAPI(t *testing.T) {
	f := &fake{sessions: []*session.Session{one("a")}}
	_, path, _ := gateway(t, f)
	for name, headers := range map[string]http.Header{
		"form":           {"Content-Type": {"text/plain"}},
		"no type":        {},
		"own origin":     {"Content-Type": {"application/json"}, "Origin": {"http://127.0.0.1:9000"}},
		"any origin":     {"Content-Type": {"application/json"}, "Origin": {"null"}},
		"fetch metadata": {"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"same-origin"}},
	} {
		if resp := post(t, path, `{"all":true}`, headers); resp.StatusCode/100 != 4 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if len(f.asked) != 0 {
		t.Errorf("ended: %+v", f.asked)
	}
}

func TestNoAnswerHoldsASecret(t *testing.T) {
	f := &fake{
		sessions: []*session.Session{one("a")}, ended: map[session.ID]session.Tombstone{"z": {Session: "z", SID: "secret-sid", Cause: session.CauseButton, EndedAt: now}},
		entries: []outbox.Entry{{ID: "e", Kind: outbox.KindRevoke, Session: "z", State: outbox.Pending, CreatedAt: now, Payload: []byte(`{"tokens":"secret"}`), LastError: "provider unreachable, id_token_hint=secret"}},
	}
	_, path, _ := gateway(t, f)
	for _, target := range []string{"/v1/sessions", "/v1/sessions/a", "/v1/sessions/z", "/v1/outbox", "/v1/outbox/e"} {
		resp := get(t, path, target)
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || bytes.Contains(body, []byte("secret")) || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v\n%s", target, resp.StatusCode, resp.Header, body)
		}
	}
}

func TestAStoreThatIsDownIsSaidSo(t *testing.T) {
	f := &fake{err: session.ErrUnavailable, endErr: session.ErrUnavailable}
	c, path, _ := gateway(t, f)
	for _, target := range []string{"/v1/sessions", "/v1/sessions/a", "/v1/outbox", "/v1/outbox/e", "/v1/accounts", "/v1/accounts/ann", "/v1/providers"} {
		resp := get(t, path, target)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || problem(t, resp).Type != "urn:cardea:problem:store-unavailable" {
			t.Errorf("%s: %d", target, resp.StatusCode)
		}
	}
	for _, req := range []EndRequest{{ID: "a"}, {All: true}} {
		if _, err := c.End(t.Context(), req, nil); err == nil || !strings.Contains(err.Error(), "store does not answer") {
			t.Errorf("end %+v: %v", req, err)
		}
	}
}

func TestOtherTroubleIsLoggedUnderTheIdThatIsShown(t *testing.T) {
	f := &fake{err: errors.New("disk on fire")}
	_, path, logs := gateway(t, f)
	resp := get(t, path, "/v1/sessions")
	p := problem(t, resp)
	if resp.StatusCode != http.StatusInternalServerError || p.Instance == "" || p.Detail != "" {
		t.Errorf("%d %+v", resp.StatusCode, p)
	}
	if !strings.Contains(logs.String(), p.Instance) || !strings.Contains(logs.String(), "disk on fire") {
		t.Errorf("log: %s", logs)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	_, path, _ := gateway(t, &fake{})
	for _, target := range []string{"/", "/v1", "/v1/sessions/", "/v2/sessions", "/v1/sessions/a/b", "//v1/sessions", "/v1/./sessions", "/v1/x/../sessions"} {
		if resp := get(t, path, target); resp.StatusCode != http.StatusNotFound || problem(t, resp).Title == "" {
			t.Errorf("%s: %d", target, resp.StatusCode)
		}
	}
}

func TestNobodyAtHomeIsItsOwnError(t *testing.T) {
	if _, err := NewClient(Endpoint{Network: "unix", Address: filepath.Join(t.TempDir(), "none")}).Sessions(t.Context(), SessionQuery{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no socket: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	taken := conn.LocalAddr().String() // nobody listens there, and nobody else can
	if _, err := NewClient(Endpoint{Network: "tcp", Address: taken, Host: taken}).Sessions(t.Context(), SessionQuery{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no listener: %v", err)
	}
}

func TestRequiredOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("New without anything")
	}
}
