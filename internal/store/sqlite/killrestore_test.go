package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

// restoreAndSay is what the killed process does: it takes the file beside the database
// for a backup and says where it is. By half, it waits in the middle for the kill.
func restoreAndSay(path string, half bool) error {
	data, err := os.ReadFile(path + ".backup")
	if err != nil {
		return err
	}
	fmt.Println("begin")
	f, err := sqlite.OpenOffline(path)
	if err != nil {
		return err
	}
	o := restoring(data, true)
	if half {
		o.Fill = func(w io.Writer) error {
			_, err := w.Write(data[:len(data)/2])
			fmt.Println("half")
			_, _ = io.Copy(io.Discard, os.Stdin)
			return errors.Join(err, errors.New("nobody killed it"))
		}
	}
	if _, err := f.Restore(context.Background(), o); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Println("done")
	return nil
}

func TestRestoreThatIsKilledLeavesTheOldDatabaseOrTheNewOne(t *testing.T) {
	t.Parallel()
	old, backup := populated(t, "old", 20), populated(t, "new", 200)
	outcome := map[string]int{}
	longest := time.Minute
	for round := range 12 {
		path := filepath.Join(t.TempDir(), "cardea.db")
		for side, data := range map[string][]byte{"": read(t, old), "-wal": read(t, old+"-wal"), ".backup": read(t, backup)} {
			if err := os.WriteFile(path+side, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		what := "restore"
		if round == 1 {
			what = "restore-half"
		}
		cmd, _, out := startHelper(t, what, path)
		if !out.Scan() || out.Text() != "begin" {
			t.Fatal("helper did not begin")
		}
		began := time.Now()
		if round > 1 { // the first one shows how long it takes
			time.AfterFunc(rand.N(longest), func() { _ = cmd.Process.Kill() })
		}
		said := out.Scan()
		done := said && out.Text() == "done"
		switch {
		case done: // one that was held up says nothing of how long it takes
			longest = min(longest, time.Since(began))
		case said && out.Text() == "half":
			_ = cmd.Process.Kill()
		}
		err, killed := errors.AsType[*exec.ExitError](cmd.Wait())
		if killed && err.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL || done != (round == 0) && round < 2 {
			t.Fatalf("helper, round %d: %v", round, err)
		}
		is := whichOf(t, path)
		outcome[is]++
		if done && is != "new" {
			t.Errorf("round %d: a restore that had ended left the %s database", round, is)
		}
	}
	if outcome["old"] == 0 || outcome["new"] == 0 {
		t.Errorf("outcomes: %v", outcome)
	}
}

// populated makes a store with n accounts and a name, with the name in its log only.
func populated(t *testing.T, name string, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	sqlitetest.OpenPath(t, path).Close()
	people(t, path, n)
	execute(t, path, fmt.Sprintf("INSERT INTO accounts (id, handle, name, email, created_at) VALUES ('mark', '%s', '%d', '', 1)", name, n))
	_, st := open(t, path)
	s, seat := secretSession(name)
	if err := st.OpenSession(t.Context(), then, s, seat, ""); err != nil {
		t.Fatal(err)
	}
	if name == "old" {
		return path
	}
	// A backup is closed.
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// whichOf opens a store as the next start does and demands that it is one of the two,
// whole, and that nothing half done lies beside it.
func whichOf(t *testing.T, path string) string {
	t.Helper()
	st := sqlitetest.OpenPath(t, path)
	defer st.Close()
	acc, err := st.Account(t.Context(), "mark")
	if err != nil {
		t.Fatal(err)
	}
	last := "acc" + acc.Name
	if _, err := st.Account(t.Context(), last); err != nil {
		t.Errorf("%s: %v", acc.Handle, err)
	}
	_, err = st.ByID(t.Context(), session.ID("old"))
	if lives := err == nil; lives != (acc.Handle == "old") {
		t.Errorf("the %s database, and the old one's session: %v", acc.Handle, err)
	}
	for _, pattern := range []string{".restoring*", ".restored*", ".copying*"} {
		if left, _ := filepath.Glob(path + pattern); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
	return acc.Handle
}
