package signout

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestEveryCauseIsAWordOfTheTrail(t *testing.T) {
	d, ok := audit.Lookup(audit.SessionEnded)
	if !ok {
		t.Fatal("no such type")
	}
	for cause := range rules {
		if !slices.ContainsFunc(d.Causes, func(w audit.Word) bool { return w.Name == string(cause) }) {
			t.Errorf("%s is missing in the schema", cause)
		}
	}
	if len(d.Causes) != len(rules) {
		t.Errorf("%d causes in the schema, %d in the table of ends", len(d.Causes), len(rules))
	}
}

func TestTheTrailIsToldWhoAskedForAnEnd(t *testing.T) {
	operator := audit.WithActor(t.Context(), audit.ActorOperator, "uid 1000")
	for name, tc := range map[string]struct {
		ctx  context.Context
		req  Request
		want string
	}{
		"button":          {t.Context(), Request{Cause: session.CauseButton, By: "person"}, "a person"},
		"everywhere":      {t.Context(), Request{Cause: session.CauseEverywhere, By: "person"}, "a person"},
		"app":             {t.Context(), Request{Cause: session.CauseApp, By: "app"}, "a app"},
		"operator":        {operator, Request{Cause: session.CauseAdmin, By: "uid 1000"}, "a operator uid 1000"},
		"disabled":        {operator, Request{Cause: session.CauseAccount, By: "uid 1000"}, "a operator uid 1000"},
		"provider":        {t.Context(), Request{Cause: session.CauseBackChannel, By: "provider"}, "a provider"},
		"refused refresh": {t.Context(), Request{Cause: session.CauseRefreshRefused, By: "gateway"}, "a provider"},
		"other account":   {t.Context(), Request{Cause: session.CauseOtherAccount, By: "gateway"}, "a person"},
		"limits":          {t.Context(), Request{Cause: session.CauseUnconfirmed, By: "gateway"}, "a gateway"},
		"withdrawn":       {t.Context(), Request{Cause: session.CauseProvider, By: "configuration"}, "a gateway"},
		"reload":          {operator, Request{Cause: session.CauseProvider, By: "configuration"}, "a operator uid 1000"},
	} {
		r := newRig(t, someone("a"))
		tc.req.Session = "a"
		if _, err := r.End(tc.ctx, start, tc.req); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{tc.want}, r.store.by); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWhoAskedIsStillKnownWhenTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, someone("a"))
		r.store.set(true, false)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.Run(ctx)
		req := knowing("a")
		req.Cause = session.CauseAdmin
		if _, err := r.End(audit.WithActor(ctx, audit.ActorOperator, "uid 1000"), start, req); !errors.Is(err, ErrNotDurable) {
			t.Fatal(err)
		}
		r.store.set(false, false)
		time.Sleep(2 * expiryInterval)
		synctest.Wait()
		r.store.mu.Lock()
		defer r.store.mu.Unlock()
		if diff := cmp.Diff([]string{"a operator uid 1000"}, r.store.by); diff != "" {
			t.Error(diff)
		}
	})
}
