package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

// helperEnv makes the test binary another process: its value says which.
const helperEnv = "CARDEA_SQLITE_HELPER"

func TestMain(m *testing.M) {
	path := os.Getenv(helperEnv + "_PATH")
	switch os.Getenv(helperEnv) {
	case "":
		os.Exit(m.Run())
	case "lock-shm":
		exit(lockSharedMemory(path))
	case "work":
		exit(work(path))
	case "trail":
		exit(workForTheTrail(path))
	case "restore":
		exit(restoreAndSay(path, false))
	case "restore-half":
		exit(restoreAndSay(path, true))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// startHelper runs this binary as another process on the store at path.
func startHelper(t *testing.T, what, path string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+what, helperEnv+"_PATH="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, in, bufio.NewScanner(pipe)
}

// lockSharedMemory takes all locks that readers and writers of a WAL database need
// (https://sqlite.org/walformat.html section 2.3), until its input ends.
func lockSharedMemory(path string) error {
	f, err := os.OpenFile(path+"-shm", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: 120, Len: 8}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &lock); err != nil {
		return err
	}
	fmt.Println("locked")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func openStore(path string) (*sqlite.Store, error) {
	db, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler), Now: time.Now, CallTimeout: sqlitetest.Patience})
	if err != nil {
		return nil, err
	}
	keys, err := keyring.Open(context.Background(), keyring.Options{Root: bytes.Repeat([]byte{42}, keyring.RootSize), Store: db, Now: time.Now()})
	if err != nil {
		return nil, err
	}
	return db.Store(keys), nil
}

// work opens sessions that keep cookies, ends two of three and settles the app's logout
// of one of those, until it is killed, and says what was acknowledged, after it was.
func work(path string) error {
	st, err := openStore(path)
	if err != nil {
		return err
	}
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format, args...)
	}
	failed := make(chan error)
	for worker := range 8 {
		go func() {
			for i := worker; ; i++ {
				if err := workOnce(st, i%3, say); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func workOnce(st *sqlite.Store, steps int, say func(string, ...any)) error {
	ctx, now := context.Background(), time.Now()
	s := &session.Session{ID: session.NewID(), Account: "a", CreatedAt: now, AuthTime: now, SeenAt: now, Version: 1}
	s.Grant.Tokens.AccessToken = "token of " + string(s.ID)
	value, hash := session.NewSeatValue()
	if err := st.OpenSession(ctx, now, s, session.Seat{Hash: hash, Origin: "https://a", CreatedAt: now}, ""); err != nil {
		return err
	}
	say("open %s %s\n", s.ID, value)
	for _, app := range []string{"chat", "silent"} {
		if _, err := st.SaveVault(ctx, now, s.ID, app, 0, []byte("cookies of "+string(s.ID))); err != nil {
			return err
		}
	}
	say("keep %s %s\n", s.ID, value)
	if steps == 0 {
		return nil
	}
	logout := outbox.Entry{ID: "logout " + string(s.ID), Kind: outbox.KindAppLogout, Session: string(s.ID), App: "chat", CreatedAt: now, NextAt: now}
	if _, err := st.End(ctx, now, signout.Ending{Session: s.ID, Version: 1, Tombstone: session.Tombstone{Cause: session.CauseButton},
		Entries: []outbox.Entry{logout}}); err != nil {
		return err
	}
	say("end %s %s\n", s.ID, value)
	if steps == 1 {
		return nil
	}
	if err := st.Finish(ctx, now, logout.ID, outbox.Done, ""); err != nil {
		return err
	}
	say("tell %s %s\n", s.ID, value)
	return nil
}
