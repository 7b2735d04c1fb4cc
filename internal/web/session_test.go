package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/session"
)

var errStore = fmt.Errorf("disk does not answer: %w", session.ErrUnavailable)

func TestTheSessionIsToldWithoutASecret(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://app.example/.cardea/session", script(seat(seatLive)...)...)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %v", w.Code, err)
	}
	want := map[string]any{
		"account": "acc", "handle": "ada", "name": "Ada", "email": "ada@example.com", "groups": []any{"staff"}, "provider": "main",
		"signed_in_at": "2026-11-01T11:00:00Z", "auth_time": "2026-11-01T11:00:00Z", "sign_out": "/.cardea/sign-out", "session": "live",
		"idle": map[string]any{"limit_seconds": 3600.0, "seconds_left": 3600.0}, "absolute": map[string]any{"limit_seconds": 36000.0, "seconds_left": 32400.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	h := w.Header()
	if strings.Contains(w.Body.String(), "secret") || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" ||
		h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v\n%s", h, w.Body)
	}
	if q := f.guard.asked[0]; q.Active || q.Origin != "https://app.example" {
		t.Errorf("asking counts as activity: %+v", q)
	}
	head := f.ask("HEAD", "https://app.example/.cardea/session", script(seat(seatLive)...)...)
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != h.Get("Content-Length") {
		t.Errorf("HEAD: %d %v", head.Code, head.Header())
	}
}

func TestAnEMailThatIsNotBelievedIsNotTold(t *testing.T) {
	f := newFace(t)
	s := person("p")
	s.Profile.EmailBelieved, s.Limits = false, session.Limits{}
	f.guard.bySeat[seatLive] = guard.Verdict{Outcome: guard.Allow, Session: s}
	w := f.ask("GET", "https://app.example/.cardea/session", script(seat(seatLive)...)...)
	if strings.Contains(w.Body.String(), "email") || strings.Contains(w.Body.String(), "idle") {
		t.Errorf("%s", w.Body)
	}
}

func TestWithoutASessionThereIsNothingToTell(t *testing.T) {
	for value, want := range map[string]int{"": 401, seatUnknown: 401, seatEnded: 401, seatExpired: 401, seatDown: 503} {
		for _, headers := range [][]string{script(), navigation()} {
			f := newFace(t)
			w := f.ask("GET", "https://gate.example/.cardea/session", append(headers, seat(value)...)...)
			if w.Code != want || strings.Contains(w.Body.String(), "account\"") || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%q: %d %v", value, w.Code, w.Header())
			}
		}
	}
}
