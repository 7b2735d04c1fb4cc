package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/session"
)

// shelf is a ledger with what is on it.
type shelf struct {
	answers map[string]incident.Answer
	noted   []incident.Incident
	err     error
}

func (s *shelf) Note(i incident.Incident) { s.noted = append(s.noted, i) }

func (s *shelf) Why(_ context.Context, id string) (incident.Answer, error) {
	if a, ok := s.answers[id]; ok || s.err != nil {
		return a, s.err
	}
	return incident.Answer{}, &incident.UnknownError{ID: id, Near: []incident.Head{{ID: "3kq7zt5w2m4hxcya", Kind: "denied", At: now}}, Dropped: 7, Since: now}
}

func TestAnIncidentIsToldWithItsExplanation(t *testing.T) {
	f := &fake{}
	f.shelf.answers = map[string]incident.Answer{"3kq7zt5w2m4hxcya": {
		Incident: incident.Incident{
			ID: "3kq7zt5w2m4hxcya", At: now, Kind: "denied", Status: 403, Shown: "No", Step: "admission", App: "chat", Provider: "main",
			Origin: "https://chat.example", Path: "/", Reason: "group", Rule: "access.groups", Wanted: []string{"ops"},
			Seen: []incident.Seen{{Name: "groups", Value: "staff"}, {Name: "acr", Absent: true}}, Setting: "s", Cause: "c",
		},
		Explanation: incident.Explanation{Means: "m", Fix: "f", Notes: []string{"n"}},
	}}
	c, _, _ := gateway(t, f)
	got, err := c.Why(t.Context(), "3kq7zt5w2m4hxcya")
	want := Incident{
		ID: "3kq7zt5w2m4hxcya", At: now, Kind: "denied", Status: 403, Shown: "No", Step: "admission", App: "chat", Provider: "main",
		Origin: "https://chat.example", Path: "/", Reason: "group", Rule: "access.groups", Wanted: []string{"ops"},
		Seen: []Seen{{Name: "groups", Value: "staff"}, {Name: "acr", Absent: true}}, Setting: "s", Cause: "c", Means: "m", Fix: "f", Notes: []string{"n"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestAnUnknownIncidentIsToldWithWhatItMayHaveBeen(t *testing.T) {
	c, path, _ := gateway(t, &fake{})
	_, err := c.Why(t.Context(), "3kq7zt5w2m4hxcyb")
	for _, want := range []string{"No such incident", "near it there is\n      3kq7zt5w2m4hxcya  " + now.Local().Format(time.DateTime), "older than", "another gateway's", "one of 7"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing: %v", want, err)
		}
	}
	for _, id := range []string{"a/b", "../sessions", "?", "%00", strings.Repeat("x", 5000)} {
		if got, err := c.Why(t.Context(), id); err == nil {
			t.Errorf("%q: %+v", id, got)
		}
	}
	if resp := get(t, path, "/v1/incidents/"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("no id: %d", resp.StatusCode)
	}
}

func TestAStoreThatIsDownIsNoUnknownIncident(t *testing.T) {
	f := &fake{}
	f.shelf.err = session.ErrUnavailable
	c, _, _ := gateway(t, f)
	if _, err := c.Why(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "store does not answer") {
		t.Errorf("%v", err)
	}
}

func TestAnAdministrationThatFailsIsExplainedToo(t *testing.T) {
	f := &fake{err: errors.New("disk on fire")}
	_, path, logs := gateway(t, f)
	p := problem(t, get(t, path, "/v1/sessions"))
	if len(f.shelf.noted) != 1 || f.shelf.noted[0].ID != p.Instance || !strings.Contains(logs.String(), p.Instance) || f.shelf.noted[0].Cause != "disk on fire" {
		t.Errorf("%+v, shown %q", f.shelf.noted, p.Instance)
	}
}
