package sqlite_test

import (
	"errors"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// steps are what the worker acknowledges of a session, in order.
var steps = []string{"open", "keep", "end", "tell"}

// worked is a session of the worker, with the last step that was acknowledged.
type worked struct {
	id   session.ID
	step int
}

func (w worked) past(step string) bool { return w.step >= slices.Index(steps, step) }

func TestKillAtAnyMomentLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cardea.db")
	acknowledged := map[string]worked{} // by seat value
	for range 20 {
		killWorker(t, path, acknowledged)
	}
	count := make([]int, len(steps))
	for _, w := range acknowledged {
		count[w.step]++
	}
	if len(acknowledged) < 40 || slices.Min(count[1:]) == 0 {
		t.Fatalf("sessions by their last step: %v", count)
	}
	st, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for value, w := range acknowledged {
		if checkSurvivor(t, st, value, w) {
			checkRemains(t, st, w)
		} else {
			checkVault(t, st, w)
		}
	}
}

// killWorker lets another process work on the store for a while and kills it.
func killWorker(t *testing.T, path string, acknowledged map[string]worked) {
	t.Helper()
	cmd, _, out := startHelper(t, "work", path)
	first := true
	for out.Scan() {
		words := strings.Split(out.Text(), " ")
		if len(words) != 3 || len(words[2]) != 43 {
			continue // the kill cut a line short: nobody has read an acknowledgement
		}
		acknowledged[words[2]] = worked{session.ID(words[1]), slices.Index(steps, words[0])}
		if first && words[0] == "tell" { // from here on all steps happen at once
			first = false
			time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	err, killed := errors.AsType[*exec.ExitError](cmd.Wait())
	if !killed || err.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("worker was not killed: %v", err)
	}
}

// checkSurvivor reports whether the session has ended. A step that was committed and not
// yet acknowledged is as good as one that was.
func checkSurvivor(t *testing.T, st *sqlite.Store, value string, w worked) (ended bool) {
	t.Helper()
	hash, _ := session.HashSeatValue(value)
	s, _, err := st.BySeat(t.Context(), hash)
	gone, ended := errors.AsType[*session.EndedError](err)
	switch {
	case ended && gone.Tombstone.Cause == session.CauseButton:
		// Ended sessions stay so.
	case err != nil || w.past("end"):
		t.Errorf("session at step %s: %v", steps[w.step], err)
	case s.Grant.Tokens.AccessToken != "token of "+string(s.ID):
		t.Errorf("session %s came back with another grant", s.ID)
	}
	return ended
}

// checkVault demands that a live session has the cookies whose keeping was acknowledged.
func checkVault(t *testing.T, st *sqlite.Store, w worked) {
	t.Helper()
	for _, app := range []string{"chat", "silent"} {
		data, version, err := st.LoadVault(t.Context(), w.id, app)
		if (w.past("keep") || version != 0) && (version != 1 || string(data) != "cookies of "+string(w.id)) || err != nil {
			t.Errorf("%s of live %s at step %s: %q at version %d, %v", app, w.id, steps[w.step], data, version, err)
		}
	}
}

// checkRemains demands that an ended session has the cookies of the app that must still
// be told, and of no other.
func checkRemains(t *testing.T, st *sqlite.Store, w worked) {
	t.Helper()
	entries, err := st.BySession(t.Context(), string(w.id))
	if err != nil || len(entries) != 1 {
		t.Errorf("entries of %s: %+v, %v", w.id, entries, err)
		return
	}
	want := "cookies of " + string(w.id)
	switch {
	case entries[0].State == outbox.Done:
		want = ""
	case w.past("tell"):
		t.Errorf("%s was told: %+v", w.id, entries[0])
	}
	for app, want := range map[string]string{"chat": want, "silent": ""} {
		if data, err := st.EndedVault(t.Context(), w.id, app); err != nil || string(data) != want {
			t.Errorf("%s of ended %s: %q, %v; want %q", app, w.id, data, err, want)
		}
	}
}
