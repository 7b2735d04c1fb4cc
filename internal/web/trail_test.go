package web

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/signin"
)

func TestThePageShowsTheReferenceThatTheTrailHas(t *testing.T) {
	const trails = "mzxw6ytboi5gk3dp"
	for name, err := range map[string]error{
		"expired": signin.ErrExpired,
		"denied":  &signin.DeniedError{Decision: access.Decision{Reason: access.ReasonEmail, Rule: "access.domains"}},
	} {
		f, b := booked(t)
		f.signIn.err = &signin.Failure{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/"}, Err: err, Incident: trails}
		w := f.ask("GET", gateCallback+"?state=s&code=c", navigation()...)
		if got := b.shown(t, name, w).ID; got != trails {
			t.Errorf("%s: the page shows %q", name, got)
		}
		// The next refusal is another.
		f.signIn.err = &signin.Failure{Provider: "main", Err: signin.ErrExpired}
		if got := b.shown(t, name, f.ask("GET", gateCallback+"?state=s&code=c", navigation()...)).ID; got == trails || got == "" {
			t.Errorf("%s: the next one shows %q", name, got)
		}
	}
}

// ledger keeps what is recorded, and may fail.
type ledger struct {
	list []audit.Event
	err  error
}

func (l *ledger) Record(_ context.Context, _ time.Time, e ...audit.Event) error {
	l.list = append(l.list, e...)
	return l.err
}

// A rule of the app denies a page, a script's request and a picture; what of them repeats
// is the trail's to leave out.
func TestWhomAnAppsRuleKeepsOutIsInTheTrailBeforeTheAnswer(t *testing.T) {
	for name, headers := range map[string][]string{
		"page": navigation(seat(seatDenied)...), "script": script(seat(seatDenied)...),
		"picture": {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image", "Cookie", "__Host-cardea=" + seatDenied},
	} {
		for _, down := range []error{nil, errors.New("the store does not answer")} {
			l := &ledger{err: down}
			f := newFace(t, func(o *Options) { o.Trail = l })
			v := f.guard.bySeat[seatDenied]
			v.Decision = access.Decision{Reason: access.ReasonGroup, Rule: "apps[other].access.groups"}
			f.guard.bySeat[seatDenied] = v
			w := f.ask("GET", "https://app.example/", append(headers, "User-Agent", "Mozilla/5.0")...)
			if w.Code != http.StatusForbidden || len(l.list) != 1 {
				t.Fatalf("%s: %d, %+v", name, w.Code, l.list)
			}
			got := audit.Fitted(l.list[0], now)
			if err := audit.Check(got); err != nil || got.Incident == "" {
				t.Errorf("%s: incident %q, %v", name, got.Incident, err)
			}
			got.ID, got.At, got.Incident = "", time.Time{}, ""
			want := audit.Event{
				Type: audit.AccessRefused, Actor: audit.ActorPerson, Account: "acc", Handle: "ada", Session: "denied", Provider: "main", App: "other",
				Detail:   map[string]string{"rule": "apps[other].access.groups", "reason": "group"},
				Personal: &audit.Personal{Address: "192.0.2.1", UserAgent: "Mozilla/5.0"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestOfAStrangerWhomNoRuleCanAdmitTheTrailTellsNothing(t *testing.T) {
	l := &ledger{}
	f := newFace(t, func(o *Options) { o.Trail = l })
	f.guard.bySeat[""] = guard.Verdict{Outcome: guard.Denied, Decision: access.Decision{Reason: access.ReasonClass, Rule: "apps[other].acr"}}
	if w := f.ask("GET", "https://app.example/", navigation()...); w.Code != http.StatusForbidden || len(l.list) != 0 {
		t.Errorf("%d, %+v", w.Code, l.list)
	}
}
