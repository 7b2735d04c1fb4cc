package sqlite_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

func TestOriginsAreThoseWhereLiveSessionsHaveSeats(t *testing.T) {
	st := sqlitetest.Open(t)
	ann, bob := mustOpen(t, st, "ann"), mustOpen(t, st, "bob")
	for _, origin := range []string{"https://b.example", "https://a.example"} {
		_, hash := session.NewSeatValue()
		if err := st.AddSeat(t.Context(), time.Now(), ann.ID, session.Seat{Hash: hash, Origin: origin, CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := st.Origins(t.Context())
	if diff := cmp.Diff([]string{"https://a", "https://a.example", "https://b.example"}, all); diff != "" || err != nil {
		t.Fatalf("%v %s", err, diff)
	}
	if _, err := st.End(t.Context(), time.Now(), signout.Ending{Session: ann.ID, Version: ann.Version, Tombstone: session.Tombstone{
		Session: ann.ID, Cause: session.CauseButton, EndedAt: time.Now(), Until: time.Now().Add(time.Hour),
	}}); err != nil {
		t.Fatal(err)
	}
	if left, err := st.Origins(t.Context()); err != nil || cmp.Diff([]string{"https://a"}, left) != "" {
		t.Errorf("%q, %v; bob is %s", left, err, bob.ID)
	}
}

func TestSessionsAreFoundByTheAppWhoseCookiesAreKeptForThem(t *testing.T) {
	st := sqlitetest.Open(t)
	ann, bob := mustOpen(t, st, "ann"), mustOpen(t, st, "bob")
	mustSave(t, st, ann.ID, "chat", 0, "x")
	mustSave(t, st, bob.ID, "wiki", 0, "y")
	for _, tc := range []struct {
		f    session.Filter
		want []session.ID
	}{
		{session.Filter{Jar: "chat"}, []session.ID{ann.ID}},
		{session.Filter{Jar: "chat", Provider: "nobody"}, nil},
		{session.Filter{Jar: "mail"}, nil},
		{session.Filter{Jar: "wiki", Origin: "https://nowhere.example"}, nil},
		{session.Filter{Jar: "wiki", Origin: "https://*.nowhere.example"}, nil},
	} {
		list, err := st.List(t.Context(), tc.f)
		if err != nil {
			t.Fatal(err)
		}
		var got []session.ID
		for _, s := range list {
			got = append(got, s.ID)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%+v: %s", tc.f, diff)
		}
		if n, err := st.CountSessions(t.Context(), tc.f); err != nil || n != len(tc.want) {
			t.Errorf("%+v: counted %d, %v", tc.f, n, err)
		}
	}
}
