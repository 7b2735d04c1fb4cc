package guard

import (
	"context"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

// The identity is passed on at public paths, so that a withdrawn person must be found
// out there too.
func TestOnPublicPathsAnEndAtTheRefreshIsNoticedToo(t *testing.T) {
	f := newFixture(t, Options{Refresher: refresher(func(_ context.Context, s *session.Session) (*session.Session, error) {
		return nil, &session.EndedError{Tombstone: session.Tombstone{Session: s.ID, Cause: session.CauseRefreshRefused}}
	})})
	f.app.Paths = []PathRule{{Path: "/open", Public: true}}
	q := f.query()
	q.RawPath = "/open/x"
	if v := f.Check(t.Context(), time.Now(), q); !v.Public || v.Live() || v.Session != nil || v.Ended == nil {
		t.Errorf("%+v", v)
	}
}
