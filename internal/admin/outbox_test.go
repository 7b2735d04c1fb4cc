package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/outbox"
)

// box is an outbox with one entry of each kind of trouble.
func box() *fake {
	entry := func(id string, state outbox.State, attempts int) outbox.Entry {
		return outbox.Entry{ID: id, Kind: outbox.KindRevoke, Session: "s", Provider: "main", State: state, CreatedAt: now, NextAt: now.Add(time.Minute),
			Deadline: now.Add(time.Hour), Attempts: attempts, Payload: []byte("sealed"), LastError: strings.Repeat("é", 400)}
	}
	f := &fake{entries: []outbox.Entry{
		entry("a-new", outbox.Pending, 0), entry("b-failing", outbox.Pending, 3), entry("c-failed", outbox.Failed, 9), entry("d-done", outbox.Done, 1),
		entry("e-bare", outbox.Failed, 9), entry("f-withdrawn", outbox.Failed, 9),
	}, gone: map[string]bool{"f-withdrawn": true, "e-bare": true}}
	f.entries[4].Payload = nil
	return f
}

func TestDeliveriesAreListedPageByPage(t *testing.T) {
	f := box()
	c, _, _ := gateway(t, f)
	page, err := c.Outbox(t.Context(), DeliveryQuery{Limit: 4})
	if err != nil || len(page.Deliveries) != 4 || page.Next == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	rest, err := c.Outbox(t.Context(), DeliveryQuery{Limit: 4, After: page.Next})
	if err != nil || len(rest.Deliveries) != 2 || rest.Next != "" {
		t.Fatalf("%+v, %v", rest, err)
	}
	retryable := map[string]bool{}
	for _, d := range append(page.Deliveries, rest.Deliveries...) {
		retryable[d.ID] = d.Retryable
		if len(d.LastError) > maxError+len("…") || d.NextAt.IsZero() == (d.State == "pending") {
			t.Errorf("%+v", d)
		}
	}
	want := map[string]bool{"a-new": true, "b-failing": true, "c-failed": true, "d-done": false, "e-bare": false, "f-withdrawn": false}
	if diff := cmp.Diff(want, retryable); diff != "" {
		t.Error(diff)
	}
	f.boxes = nil
	if _, err := c.Outbox(t.Context(), DeliveryQuery{State: "failed", Kind: "revoke-token", Provider: "main", Session: "s", Failing: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(outbox.Filter{State: outbox.Failed, Kind: outbox.KindRevoke, Provider: "main", Session: "s", Failing: true, Limit: 100}, f.boxes[0]); diff != "" {
		t.Error(diff)
	}
	for want, q := range map[string]DeliveryQuery{"state must be": {State: "stuck"}, "kind must be": {Kind: "mail"}, "after must be": {After: "x"}} {
		if _, err := c.Outbox(t.Context(), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestADeliveryIsRetriedWhereThatCanHelp(t *testing.T) {
	for id, want := range map[string]string{
		"a-new": "", "b-failing": "", "c-failed": "", "d-done": "nothing to tell any more", "e-bare": "nobody is left", "f-withdrawn": "nobody is left", "nobody": "No such delivery",
	} {
		f := box()
		c, _, _ := gateway(t, f)
		a, err := c.Retry(t.Context(), RetryRequest{ID: id})
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) || len(f.requeued)+f.kicks != 0 {
				t.Errorf("%s: %v, requeued %v", id, err, f.requeued)
			}
			continue
		}
		if diff := cmp.Diff([]string{id}, f.requeued); diff != "" || err != nil || a != (RetryAnswer{Retried: 1}) || f.kicks != 1 {
			t.Errorf("%s: %+v, %v\n%s", id, a, err, diff)
		}
	}
}

func TestAllThatFailsIsRetriedTogether(t *testing.T) {
	f := box()
	c, path, _ := gateway(t, f)
	a, err := c.Retry(t.Context(), RetryRequest{Failing: true})
	if diff := cmp.Diff([]string{"b-failing", "c-failed"}, f.requeued); diff != "" || err != nil || a != (RetryAnswer{Retried: 2, Refused: 2}) || f.kicks != 1 {
		t.Errorf("%+v, %v\n%s", a, err, diff)
	}
	for _, body := range []string{`{}`, `{"id":"a-new","failing":true}`, `{"failing":false}`} {
		if resp := ask(t, path, "POST", "/v1/outbox/retry", body); resp.StatusCode != 400 {
			t.Errorf("%s: %d", body, resp.StatusCode)
		}
	}
}

func TestProvidersAreToldAsTheyAreKnown(t *testing.T) {
	f := box()
	f.sessions = full().sessions
	f.entries = append(f.entries,
		outbox.Entry{ID: "g-ending", Kind: outbox.KindEndSession, Provider: "main", State: outbox.Pending, Attempts: 1, LastError: "refused"},
		outbox.Entry{ID: "h-app", Kind: outbox.KindAppLogout, Provider: "main", App: "chat", State: outbox.Failed, Attempts: 9, LastError: "the app's"},
		outbox.Entry{ID: "i-app", Kind: outbox.KindAppLogout, Provider: "second", App: "chat", State: outbox.Failed, Attempts: 9, LastError: "the app's"})
	c, _, _ := gateway(t, f)
	list, err := c.Providers(t.Context(), false)
	if err != nil || len(list.Providers) != 2 || f.probes != 0 {
		t.Fatalf("%+v, %v, asked %d", list, err, f.probes)
	}
	p := list.Providers[0]
	if p.Reachable != "unknown" || p.Sessions != 1 || p.Failing != 5 || p.DeliveryError != "refused" || strings.Contains(p.Discovery.Error, "hush") || !p.Discovery.At.IsZero() {
		t.Errorf("%+v", p)
	}
	if other := list.Providers[1]; other.Failing != 0 || other.DeliveryError != "" {
		t.Errorf("a provider is blamed for an app: %+v", other)
	}
	if p, err = c.Provider(t.Context(), "main", true); err != nil || p.Reachable != "yes" || f.probes != 1 {
		t.Errorf("%+v, %v, asked %d", p, err, f.probes)
	}
	if _, err = c.Provider(t.Context(), "none", true); err == nil || !strings.Contains(err.Error(), "configured are main, second") || f.probes != 1 {
		t.Errorf("%v, asked %d", err, f.probes)
	}
}
