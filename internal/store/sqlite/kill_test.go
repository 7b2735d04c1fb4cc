package sqlite_test

import (
	"errors"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

func TestKillAtAnyMomentLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cardea.db")
	acknowledged := map[string]bool{} // seat value: the session was ended
	for range 20 {
		killWorker(t, path, acknowledged)
	}
	if len(acknowledged) < 40 {
		t.Fatalf("only %d sessions were opened", len(acknowledged))
	}
	st, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for value, ended := range acknowledged {
		checkSurvivor(t, st, value, ended)
	}
}

// killWorker lets another process work on the store for a while and kills it.
func killWorker(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	cmd, _, out := startHelper(t, "work", path)
	first := true
	for out.Scan() {
		what, rest, _ := strings.Cut(out.Text(), " ")
		_, value, ok := strings.Cut(rest, " ")
		if !ok || len(value) != 43 {
			continue // the kill cut a line short: nobody has read an acknowledgement
		}
		acknowledged[value] = what == "end"
		if first {
			first = false
			time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	err, killed := errors.AsType[*exec.ExitError](cmd.Wait())
	if !killed || err.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("worker was not killed: %v", err)
	}
}

func checkSurvivor(t *testing.T, st *sqlite.Store, value string, ended bool) {
	t.Helper()
	hash, _ := session.HashSeatValue(value)
	s, _, err := st.BySeat(t.Context(), hash)
	gone, isEnded := errors.AsType[*session.EndedError](err)
	switch {
	case isEnded && gone.Tombstone.Cause == session.CauseButton:
		// Ended sessions stay so; an end that was committed and not yet acknowledged is as good.
	case err != nil || ended:
		t.Errorf("acknowledged session (ended %v): %v", ended, err)
	case s.Grant.Tokens.AccessToken != "token of "+string(s.ID):
		t.Errorf("session %s came back with another grant", s.ID)
	}
}
