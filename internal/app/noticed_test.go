package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

// A person is withdrawn while nobody is there: the first request of whoever comes back
// does not reach the app, and at a public path it arrives without the identity.
func TestWhoWasWithdrawnMeanwhileDoesNotReachTheAppAgain(t *testing.T) {
	for _, path := range []string{"/private", "/open"} {
		t.Run(path, func(t *testing.T) {
			var served, known atomic.Int32
			app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				served.Add(1)
				if r.Header.Get("X-Forwarded-User") != "" {
					known.Add(1)
				}
			}))
			t.Cleanup(app.Close)
			w := remade(t, devprovider.Options{AccessTokenLife: 12 * time.Hour}, func(w *world) string {
				return "apps: [{id: any, url: '" + w.url + "', upstream: '" + app.URL + "', paths: [{prefix: /open, public: true}]}]\n"
			})
			alice := w.browser("alice", "wonderland")
			alice.visit(path)
			if path == "/open" {
				alice.visit("/.cardea/sign-in?return=/open")
			}
			for _, s := range w.provider.Sessions() {
				if _, err := w.provider.EndSession(s.SID); err != nil {
					t.Fatal(err)
				}
			}
			// An hour passes: the tokens would last for eleven more.
			a := w.gateway.app
			later := *w.sessions()[0]
			later.Grant.CheckedAt = later.Grant.CheckedAt.Add(-time.Hour)
			if _, err := a.storage.store.UpdateSession(t.Context(), time.Now(), &later); err != nil {
				t.Fatal(err)
			}
			a.guard.Drop(later.ID)
			served.Store(0)
			known.Store(0)

			got := alice.fetch(path)
			if path == "/private" && (got.status != http.StatusUnauthorized || served.Load() != 0) {
				t.Errorf("%d, the app was asked %d times", got.status, served.Load())
			}
			if path == "/open" && (got.status != http.StatusOK || served.Load() != 1) {
				t.Errorf("%d, the app was asked %d times", got.status, served.Load())
			}
			if known.Load() != 0 {
				t.Error("the app was told of the withdrawn person")
			}
			if causes := w.causes(); !strings.HasSuffix(causes, string(session.CauseRefreshRefused)) {
				t.Errorf("ended by %q", causes)
			}
		})
	}
}
