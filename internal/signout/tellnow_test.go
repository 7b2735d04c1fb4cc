package signout

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// delivering lets the rig's outbox try what is due, as its worker does, once it is kicked.
// told are the kinds in the order in which the provider heard.
func (r *rig) delivering(takes time.Duration) (told *[]outbox.Kind) {
	told = &[]outbox.Kind{}
	r.kicked = func() {
		go func() {
			time.Sleep(takes)
			r.store.mu.Lock()
			defer r.store.mu.Unlock()
			for i, e := range r.store.entries {
				if e.State != outbox.Pending || e.NextAt.After(r.now) {
					continue
				}
				*told = append(*told, e.Kind)
				if r.store.entries[i].State = outbox.Done; r.provider.err != nil {
					r.store.entries[i].State, r.store.entries[i].Attempts = outbox.Pending, 1
				}
			}
		}()
	}
	return told
}

func (r *rig) tombstone(id session.ID) session.Tombstone {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	return r.store.stones[id]
}

func TestAProviderHearsOfAnEndBeforeTheNextSignInThere(t *testing.T) {
	for name, tc := range map[string]struct {
		ends   record.RevocationEnds
		server record.ServerCall
		want   []outbox.Kind
	}{
		"a logout for servers":                            {record.RevocationEndsToken, record.ServerRefreshToken, []outbox.Kind{outbox.KindEndSession}},
		"a logout for servers, and revocations end it":    {record.RevocationEndsSession, record.ServerRefreshToken, []outbox.Kind{outbox.KindEndSession}},
		"a logout for servers, and revocations end more":  {record.RevocationEndsGrant, record.ServerRefreshToken, []outbox.Kind{outbox.KindEndSession, outbox.KindRevoke}},
		"revocations end the session, and nothing else":   {record.RevocationEndsSession, record.ServerNone, []outbox.Kind{outbox.KindRevoke}},
		"revocations end the grant, and no logout at all": {record.RevocationEndsGrant, record.ServerNone, []outbox.Kind{outbox.KindRevoke}},
		"nothing but the session's own tokens":            {record.RevocationEndsToken, record.ServerNone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, someone("a"))
				r.provider.rec.SignOut.ServerCall, r.provider.rec.Revocation.Ends = tc.server, tc.ends
				if _, err := r.End(t.Context(), r.now, press("a")); err != nil {
					t.Fatal(err)
				}
				for i := range r.store.entries { // revocations of tokens alone have been made
					if e := &r.store.entries[i]; !e.NextAt.After(r.now) {
						e.State = outbox.Done
					}
				}
				told := r.delivering(400 * time.Millisecond)
				began := time.Now()
				r.TellNow(t.Context(), r.now, r.tombstone("a"))
				if diff := cmp.Diff(tc.want, append([]outbox.Kind(nil), *told...)); diff != "" {
					t.Error(diff)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("the sign-in waited %s", took)
				}
				r.TellNow(t.Context(), r.now, r.tombstone("a"))
				if len(*told) != len(tc.want) {
					t.Errorf("told again: %v", *told)
				}
			})
		})
	}
}

func TestASignInWaitsForNoProviderForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, someone("a"))
		if _, err := r.End(t.Context(), r.now, press("a")); err != nil {
			t.Fatal(err)
		}
		told := r.delivering(10 * time.Second)
		began := time.Now()
		r.TellNow(t.Context(), r.now, r.tombstone("a"))
		if took := time.Since(began); took < tellWithin || took > tellWithin+time.Second || len(*told) != 0 {
			t.Errorf("waited %s, told %v", took, *told)
		}
		if !strings.Contains(r.logs.String(), "has not heard of an end") {
			t.Error(r.logs)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave() // the browser goes away
		began = time.Now()
		if r.TellNow(ctx, r.now, r.tombstone("a")); time.Since(began) > time.Second {
			t.Errorf("waited %s for nobody", time.Since(began))
		}
		time.Sleep(time.Minute)
	})
}

func TestAskingForPagesDoesNotMakeAFailedDeliveryComeMoreOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, someone("a"))
		if _, err := r.End(t.Context(), r.now, press("a")); err != nil {
			t.Fatal(err)
		}
		r.provider.err = context.DeadlineExceeded
		told := r.delivering(time.Millisecond)
		for range 50 {
			r.TellNow(t.Context(), r.now, r.tombstone("a"))
		}
		if diff := cmp.Diff([]outbox.Kind{outbox.KindEndSession}, *told); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAStoreThatIsDownDelaysNoSignIn(t *testing.T) {
	r := newRig(t, someone("a"))
	if _, err := r.End(t.Context(), r.now, press("a")); err != nil {
		t.Fatal(err)
	}
	ended := r.tombstone("a")
	r.store.mu.Lock()
	r.store.down = true
	r.store.mu.Unlock()
	r.TellNow(t.Context(), r.now, ended)
	ended.Provider = "gone"
	r.TellNow(t.Context(), r.now, ended)
}
