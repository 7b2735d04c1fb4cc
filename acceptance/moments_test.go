package acceptance

import (
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// Promises in time are measured from the cause's own moment to the effect's own: from
// where the gateway takes up the end of a session, by its trail, to where a socket's
// reader met the end, or the browser left for another page. How long a browser takes to
// click, a command to start, or a test to look, is nobody's promise.

// whenEnded returns what tells the moment at which the gateway took up the next end of a
// session of a person. It is called before the act, and what it returns after the effect:
// asking takes a while.
func (w *world) whenEnded(t *testing.T, handle string) func() time.Time {
	t.Helper()
	since := time.Now().Truncate(time.Microsecond) // as the trail keeps time
	return func() (at time.Time) {
		t.Helper()
		harness.Eventually(t, patient, "the end of a session of "+handle+" in the trail", func() bool {
			for _, e := range w.trail(t) {
				if e.Type == "session.ended" && e.Handle == handle && !e.At.Before(since) {
					at = e.At
					return true
				}
			}
			return false
		})
		return at
	}
}

// at is a moment that is known, where whenEnded's is asked for.
func at(moment time.Time) func() time.Time { return func() time.Time { return moment } }

// demandWithin fails if an effect came later than that after its cause. The time for which
// the machine stood still in between counts for nothing.
func demandWithin(t *testing.T, what string, cause, effect time.Time, most time.Duration) {
	t.Helper()
	took, stood := effect.Sub(cause), env.Stood(cause, effect)
	t.Logf("%s: after %v", what, took.Round(time.Millisecond))
	if took-stood > most {
		t.Errorf("%s: after %v, of which the machine stood still for %v; want %v at most", what, took, stood, most)
	}
}
