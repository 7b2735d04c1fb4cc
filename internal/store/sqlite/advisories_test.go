package sqlite_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

// One person's two sign-ins share the provider's session. The end of the older one must
// leave all the names by which the newer one is found.
func TestEndingAnOldSessionKeepsTheIndexOfNewerOnes(t *testing.T) {
	st, now := sqlitetest.Open(t), time.Now()
	who := oidc.Identity{Issuer: "https://id.example.com", Subject: "ann"}
	open := func(replaces session.ID) (*session.Session, session.SeatHash) {
		s := &session.Session{ID: session.NewID(), Account: "acc", Handle: "ann", Provider: "main", Identity: who, SID: "sid", CreatedAt: now, AuthTime: now, SeenAt: now, Version: 1}
		_, hash := session.NewSeatValue()
		if err := st.OpenSession(t.Context(), now, s, session.Seat{Hash: hash, Origin: "https://a", CreatedAt: now}, replaces); err != nil {
			t.Fatal(err)
		}
		return s, hash
	}
	end := func(s *session.Session) {
		t.Helper()
		_, err := st.End(t.Context(), now, signout.Ending{Session: s.ID, Version: s.Version, Tombstone: session.Tombstone{
			Session: s.ID, Account: s.Account, Provider: s.Provider, Identity: s.Identity, SID: s.SID, Cause: session.CauseButton, EndedAt: now, Until: now.Add(time.Hour),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	found := func(when string, seat session.SeatHash, want ...session.ID) {
		t.Helper()
		for name, f := range map[string]session.Filter{
			"issuer and sid": {Identity: oidc.Identity{Issuer: who.Issuer}, SID: "sid"}, "identity": {Identity: who}, "account": {Account: "acc"}, "provider": {Provider: "main"}, "all": {},
		} {
			f.Limit = 10
			list, err := st.List(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			var got []session.ID
			for _, s := range list {
				got = append(got, s.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, by %s: %s", when, name, diff)
			}
		}
		if shared, err := st.SharesProviderSession(t.Context(), who.Issuer, "sid"); err != nil || shared != (len(want) > 0) {
			t.Errorf("%s: shared %v, %v", when, shared, err)
		}
		if s, _, err := st.BySeat(t.Context(), seat); len(want) > 0 && (err != nil || s.ID != want[0]) {
			t.Errorf("%s: by its seat: %v", when, err)
		}
	}
	old, oldSeat := open("")
	newer, seat := open("")
	end(old)
	found("the older ended", seat, newer.ID)
	if _, _, err := st.BySeat(t.Context(), oldSeat); !isEnded(err) {
		t.Errorf("the older's seat: %v", err)
	}
	renewed, seat := open(newer.ID)
	found("the newer was renewed", seat, renewed.ID)
	end(renewed)
	found("all ended", seat)
}

func isEnded(err error) bool {
	_, ok := errors.AsType[*session.EndedError](err)
	return ok
}
