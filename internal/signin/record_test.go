package signin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// refusalCase makes one callback fail and says what the trail must tell of it.
type refusalCase struct {
	do   func(t *testing.T, w *world, b *browser) Callback
	want audit.Event
	who  string // the subject that is told
	page bool   // the failure has the incident that the event names
}

func refusalCases() map[string]refusalCase {
	answered := func(t *testing.T, w *world, b *browser) url.Values { return w.idp.login(t, w.start(t, b), "ann") }
	return map[string]refusalCase{
		"rules": {func(t *testing.T, w *world, b *browser) Callback {
			terms := *w.terms.Load()
			terms.Admission = &access.Policy{Name: "access", Domains: []string{"other.example"}}
			w.Reconfigure(terms)
			return w.callback(b, answered(t, w, b))
		}, audit.Event{Cause: "denied", Detail: map[string]string{"rule": "access.domains", "reason": "email"}}, "ann", true},
		"rules, of somebody with an account": {func(t *testing.T, w *world, b *browser) Callback {
			w.signIn(t, newBrowser(), "ann")
			terms := *w.terms.Load()
			terms.Admission = &access.Policy{Name: "access", Domains: []string{"other.example"}}
			w.Reconfigure(terms)
			w.store.down = "Admit" // nothing is made, and nothing changes
			return w.callback(b, answered(t, w, b))
		}, audit.Event{Cause: "denied", Handle: "ann", Detail: map[string]string{"rule": "access.domains", "reason": "email"}}, "ann", true},
		"disabled": {func(t *testing.T, w *world, b *browser) Callback {
			w.signIn(t, newBrowser(), "ann")
			w.store.shut = true
			return w.callback(b, answered(t, w, b))
		}, audit.Event{Cause: "disabled", Handle: "ann"}, "ann", true},
		"provider's error": {func(t *testing.T, w *world, b *browser) Callback {
			return w.callback(b, failed(answered(t, w, b), oidc.AccessDenied))
		}, audit.Event{Actor: audit.ActorProvider, Cause: "provider", Detail: map[string]string{"error": "access_denied"}}, "", true},
		"a made-up error": {func(t *testing.T, w *world, b *browser) Callback {
			return w.callback(b, failed(answered(t, w, b), "eyJhbGciOiJSUzI1NiJ9 \r\n"))
		}, audit.Event{Actor: audit.ActorProvider, Cause: "provider", Detail: map[string]string{"error": "unknown_error"}}, "", true},
		"code": {func(t *testing.T, w *world, b *browser) Callback {
			q := answered(t, w, b)
			q.Set("code", "guessed")
			return w.callback(b, q)
		}, audit.Event{Actor: audit.ActorProvider, Cause: "provider", Detail: map[string]string{"error": "invalid_grant", "status": "400"}}, "", true},
		"unreachable": {func(t *testing.T, w *world, b *browser) Callback {
			w.idp.err = &oidc.UnreachableError{Err: errors.New("connection refused")}
			return w.callback(b, answered(t, w, b))
		}, audit.Event{Cause: "unreachable"}, "", true},
		"verification": {func(t *testing.T, w *world, b *browser) Callback {
			w.idp.err = fmt.Errorf("signature: %w", oidc.ErrRefused)
			return w.callback(b, answered(t, w, b))
		}, audit.Event{Cause: "verification"}, "", true},
		"stale": {func(t *testing.T, w *world, b *browser) Callback {
			w.idp.age = time.Hour
			return w.callback(b, w.idp.login(t, w.start(t, b, func(s *Start) { s.MaxAge = time.Minute }), "ann"))
		}, audit.Event{Cause: "stale"}, "ann", true},
		"weak": {func(t *testing.T, w *world, b *browser) Callback {
			return w.callback(b, w.idp.login(t, w.start(t, b, func(s *Start) { s.ACRValues = []string{"gold"} }), "ann"))
		}, audit.Event{Cause: "weak"}, "ann", true},
		"expired": {func(t *testing.T, w *world, b *browser) Callback {
			q := answered(t, w, b)
			w.now = w.now.Add(AttemptLife)
			return w.callback(b, q)
		}, audit.Event{Cause: "expired"}, "", true},
		"used": {func(t *testing.T, w *world, b *browser) Callback {
			q := answered(t, w, b)
			if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err != nil {
				t.Fatal(err)
			}
			return w.callback(b, q)
		}, audit.Event{Cause: "used"}, "", true},
		"other browser": {func(t *testing.T, w *world, b *browser) Callback {
			return w.callback(newBrowser(), answered(t, w, b))
		}, audit.Event{Cause: "other-browser"}, "", false}, // it starts anew
		"no binding": {func(t *testing.T, w *world, b *browser) Callback {
			return w.callback(&browser{}, answered(t, w, b))
		}, audit.Event{Cause: "other-browser"}, "", true},
		"signed out meanwhile": {func(t *testing.T, w *world, b *browser) Callback {
			w.idp.sid = "gone"
			w.store.sids = map[string]bool{"gone": true}
			return w.callback(b, answered(t, w, b))
		}, audit.Event{Cause: "signed-out", Handle: "ann"}, "ann", true},
	}
}

func TestEveryRefusalIsInTheTrailBeforeItIsAnswered(t *testing.T) {
	for name, tc := range refusalCases() {
		t.Run(name, func(t *testing.T) {
			w, b := newWorld(t), newBrowser()
			cb := tc.do(t, w, b)
			cb.UserAgent, cb.Address = "Mozilla\x00/5.0", "192.0.2.7"
			w.trail = nil
			_, err := w.Finish(t.Context(), w.now, cb)
			f, ok := errors.AsType[*Failure](err)
			if !ok || len(w.trail) != 1 {
				t.Fatalf("%v, %d events", err, len(w.trail))
			}
			got := audit.Fitted(w.trail[0], w.now)
			if err := audit.Check(got); err != nil {
				t.Error(err)
			}
			if got.Incident != f.Incident || (f.Incident != "") != tc.page {
				t.Errorf("the trail calls it %q, the page %q", got.Incident, f.Incident)
			}
			if p := got.Personal; p == nil || p.Subject != tc.who || p.Address != "192.0.2.7" || p.UserAgent != "Mozilla /5.0" {
				t.Errorf("%+v", p)
			}
			if tc.want.Handle != "" && got.Account == "" {
				t.Error("the account is not told")
			}
			got.ID, got.At, got.Incident, got.Personal, got.Account = "", time.Time{}, "", nil, ""
			tc.want.Type, tc.want.Provider = audit.SigninRefused, "main"
			if tc.want.Actor == "" {
				tc.want.Actor = audit.ActorPerson
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			for _, secret := range []string{cb.Query.Get("state"), cb.Query.Get("code"), cb.Binding, cb.Seat} {
				if len(secret) > 8 && strings.Contains(fmt.Sprintf("%+v %+v", w.trail[0], w.trail[0].Personal), secret) {
					t.Errorf("the event holds %q", secret)
				}
			}
		})
	}
}

func TestARefusalStandsWhenTheTrailCannotBeWritten(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	w.trailErr = session.ErrUnavailable
	_, err := w.Finish(t.Context(), w.now, w.callback(b, failed(w.idp.login(t, w.start(t, b), "ann"), oidc.AccessDenied)))
	if f, ok := errors.AsType[*Failure](err); !ok || oidc.CodeOf(err) != oidc.AccessDenied || f.Incident == "" {
		t.Errorf("%v", err)
	}
}

func TestARefusedReauthorizationNamesTheSessionAndNoPage(t *testing.T) {
	w, b, s := lost(t)
	_, err := w.Finish(t.Context(), w.now, w.callback(b, failed(w.idp.login(t, w.start(t, b, silent(s.ID)), "ann"), oidc.LoginRequired)))
	if !errors.Is(err, ErrNotConfirmed) || len(w.trail) != 1 {
		t.Fatalf("%v, %+v", err, w.trail)
	}
	e := w.trail[0]
	if e.Cause != "not-confirmed" || e.Session != string(s.ID) || e.Account != s.Account || e.Incident != "" ||
		e.Detail["for"] != "re-authorization" || e.Detail["error"] != oidc.LoginRequired {
		t.Errorf("%+v", e)
	}
}

func TestWhoeverHasGoneAwayIsNamedNoPage(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	q := failed(w.idp.login(t, w.start(t, b), "ann"), oidc.AccessDenied)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Finish(gone, w.now, w.callback(b, q)); err == nil || len(w.trail) != 1 || w.trail[0].Incident != "" {
		t.Errorf("%v, %+v", err, w.trail)
	}
}

func TestAnAnswerThatCannotBeReadIsNotTold(t *testing.T) {
	w, b := newWorld(t), newBrowser()
	q := w.idp.login(t, w.start(t, b), "ann")
	q.Set("state", "x"+q.Get("state"))
	if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); !errors.Is(err, ErrAttempt) || len(w.trail) != 0 {
		t.Errorf("%v, %+v", err, w.trail)
	}
}
