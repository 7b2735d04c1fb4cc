package signout

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// at is a session of a person at the provider, by when they authenticated there.
func at(id session.ID, subject, sid string, auth time.Time) *session.Session {
	s := someone(id)
	s.Identity.Subject, s.SID, s.AuthTime, s.CreatedAt = subject, sid, auth, auth
	return s
}

func TestANoticeEndsWhatItIsAbout_AndNothingThatBeganAfterIt(t *testing.T) {
	hour := start.Add(-time.Hour)
	list := []*session.Session{
		at("laptop", "ada", "sid-1", hour), at("laptop-2", "ada", "sid-1", hour), at("phone", "ada", "sid-2", hour),
		at("bob", "bob", "sid-3", hour), at("later", "ada", "sid-4", start.Add(5*time.Minute)),
	}
	for name, tc := range map[string]struct {
		notice Notice
		want   []string
	}{
		"session":            {Notice{Identity: oidc.Identity{Issuer: "https://idp.example"}, SID: "sid-1"}, []string{"laptop", "laptop-2"}},
		"session and person": {Notice{Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "ada"}, SID: "sid-2"}, []string{"phone"}},
		"person":             {Notice{Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "ada"}}, []string{"laptop", "laptop-2", "phone"}},
		"another's session":  {Notice{Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "bob"}, SID: "sid-1"}, nil},
		"another issuer":     {Notice{Identity: oidc.Identity{Issuer: "https://evil.example", Subject: "ada"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigWithApps(t, []string{"chat"}, list...)
			n := tc.notice
			n.Provider, n.At, n.Cause = "main", start, session.CauseBackChannel
			ended, err := r.EndByProvider(t.Context(), start, n)
			if err != nil || ended != len(tc.want) {
				t.Errorf("%d ended: %v", ended, err)
			}
			var got []string
			for id := range r.store.stones {
				if id != "" {
					got = append(got, string(id))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			for _, id := range tc.want {
				if told := r.store.toldApps(session.ID(id)); len(told) != 1 {
					t.Errorf("%s: the apps told are %v", id, told)
				}
			}
		})
	}
}

func TestABackChannelNoticeIsRememberedBeforeAnythingElse_AFrontChannelOneIsNot(t *testing.T) {
	n := Notice{Provider: "main", Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "ada"}, SID: "sid-9", At: start, Cause: session.CauseBackChannel}
	r := newRig(t)
	if ended, err := r.EndByProvider(t.Context(), start, n); err != nil || ended != 0 {
		t.Fatalf("%d %v", ended, err)
	}
	stone := r.store.stones[""]
	if stone.SID != "sid-9" || stone.Identity.Subject != "" || !stone.EndedAt.Equal(start) || stone.Until.Before(start.Add(24*time.Hour)) {
		t.Errorf("%+v", stone)
	}
	r = newRig(t)
	n.Cause = session.CauseFrontChannel
	if _, err := r.EndByProvider(t.Context(), start, n); err != nil || len(r.store.stones) != 0 {
		t.Errorf("%v: %v", err, r.store.stones)
	}
}

func TestAFrontChannelNoticeRevokesNothing(t *testing.T) {
	r := newRig(t, at("laptop", "ada", "sid-1", start.Add(-time.Hour)))
	n := Notice{Provider: "main", Identity: oidc.Identity{Issuer: "https://idp.example"}, SID: "sid-1", At: start, Cause: session.CauseFrontChannel}
	if ended, err := r.EndByProvider(t.Context(), start, n); err != nil || ended != 1 {
		t.Fatalf("%d %v", ended, err)
	}
	if kinds := r.store.kinds("laptop"); len(kinds) != 0 {
		t.Errorf("left to be told: %v", kinds)
	}
}

func TestANoticeThatCannotBeWrittenDownIsNotDone(t *testing.T) {
	r := newRig(t, at("laptop", "ada", "sid-1", start.Add(-time.Hour)))
	r.store.set(true, false)
	n := Notice{Provider: "main", Identity: oidc.Identity{Issuer: "https://idp.example"}, SID: "sid-1", At: start, Cause: session.CauseBackChannel}
	if _, err := r.EndByProvider(t.Context(), start, n); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	for _, bad := range []Notice{{}, {Identity: oidc.Identity{Issuer: "https://idp.example"}}, {SID: "sid-1"}} {
		if _, err := r.EndByProvider(t.Context(), start, bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
