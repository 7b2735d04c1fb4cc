package refresh

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// told returns what the trail has, in short, and holds it against the schema.
func (w *world) told() []string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []string{}
	for _, e := range w.trail {
		if err := audit.Check(audit.Fitted(e, time.Now())); err != nil {
			w.t.Error(err)
		}
		list = append(list, strings.TrimSpace(strings.Join([]string{string(e.Type), e.Session, e.Cause, e.Detail["after"]}, " ")))
	}
	return list
}

func TestTroubleOfAProviderIsToldOncePerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.node()
		list := []*session.Session{w.session("a"), w.session("b"), w.session("c")}
		round := func() {
			for range 3 {
				time.Sleep(90 * time.Second)
				for _, s := range list {
					w.fresh(r, w.store.get(s.ID))
				}
			}
		}
		w.idp.set(func() { w.idp.err = &oidc.UnreachableError{Err: errors.New("connection refused")} })
		round()
		w.idp.set(func() { w.idp.err = &oidc.Error{Code: "invalid_client", Status: 401} })
		round()
		w.idp.set(func() { w.idp.err = &oidc.Error{Status: 503} })
		round()
		// Each session has its own token from here on: the one is good.
		w.idp.set(func() { w.idp.err = nil })
		time.Sleep(time.Minute)
		w.fresh(r, w.store.get("a"))
		want := []string{"refresh.failed  unreachable", "refresh.failed  refused", "refresh.failed  server-error", "refresh.recovered   13m0s"}
		if diff := cmp.Diff(want, w.told()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestARefusedRefreshIsToldBeforeTheSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, s := w.node(), w.session("s")
		w.idp.set(func() { w.idp.err = &oidc.Error{Code: oidc.InvalidGrant, Status: 400} })
		time.Sleep(2 * time.Minute)
		for range 3 {
			if _, err := r.Fresh(t.Context(), s); endedBy(err) != session.CauseRefreshRefused {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"refresh.refused s"}, w.told()); diff != "" || len(w.ends) != 1 {
			t.Errorf("%d ends\n%s", len(w.ends), diff)
		}
	})
}

func TestALostGrantIsToldOnceWithItsReason(t *testing.T) {
	for err, want := range map[error]string{
		&oidc.Error{Code: oidc.InteractionRequired, Status: 400}: "refresh.lost s interaction",
		oidc.ErrRefused: "refresh.lost s lost",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r, s := w.node(), w.session("s")
			w.idp.set(func() { w.idp.err = err })
			time.Sleep(2 * time.Minute)
			for range 3 {
				s = w.fresh(r, s)
			}
			if diff := cmp.Diff([]string{want}, w.told()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
