package trail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
)

// helperEnv makes the test binary another process, which exports to the file it names.
const helperEnv = "CARDEA_TRAIL_HELPER"

func TestMain(m *testing.M) {
	if file := os.Getenv(helperEnv); file != "" {
		began, err := strconv.ParseInt(os.Getenv(helperEnv+"_BEGAN"), 10, 64)
		if err == nil {
			err = exportForEver(file, time.UnixMilli(began))
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// growing is a store that any process finds the same: 5 events are recorded each
// millisecond since it began, up to a most.
type growing struct {
	began time.Time
	most  int64
}

func (g growing) LastAudit(context.Context) (int64, error) {
	return min(5*time.Since(g.began).Milliseconds(), g.most), nil
}

func (g growing) AuditEvents(ctx context.Context, f audit.Filter) ([]audit.Event, error) {
	last, _ := g.LastAudit(ctx)
	var list []audit.Event
	for seq := f.After + 1; seq <= last && (f.Before == 0 || seq < f.Before) && len(list) < f.Limit; seq++ {
		list = append(list, audit.Event{Seq: seq, ID: fmt.Sprintf("id of %d", seq), At: g.began.UTC(), Type: audit.SessionOpened, Actor: audit.ActorPerson})
	}
	return list, nil
}

func (growing) SweepAudit(context.Context, time.Time, int64, int) (int, error) { return 0, nil }

func (growing) Record(context.Context, time.Time, ...audit.Event) error { return nil }

// slow writes in small pieces, so that a kill finds lines half written.
type slow struct{ File }

func (s slow) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		var some int
		some, err = s.File.Write(p[:min(len(p), 999)])
		n, p = n+some, p[some:]
	}
	return n, err
}

func killOptions(file string, g growing) Options {
	return Options{
		Store: g, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Keep: MinKeep, File: file, Note: filepath.Join(filepath.Dir(filepath.Dir(file)), "audit-export"),
		Open: func(name string) (File, error) { f, err := openFile(name); return slow{f}, err },
	}
}

// killedWithin is how long a process goes on after it is seen at work, at the most.
const killedWithin = 120 * time.Millisecond

func exportForEver(file string, began time.Time) error {
	o := killOptions(file, growing{began, 1 << 40})
	open := o.Open
	o.Open = func(name string) (File, error) {
		f, err := open(name)
		fmt.Println("opened", err)
		return f, err
	}
	tr, err := New(o)
	if err != nil {
		return err
	}
	tr.Run(context.Background())
	return errors.New("it ended")
}

// exporting starts another process that exports to file.
func exporting(t *testing.T, file string, began time.Time) (cmd *exec.Cmd, out *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+file, helperEnv+"_BEGAN="+strconv.FormatInt(began.UnixMilli(), 10))
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(pipe)
}

func TestAKillAtAnyMomentLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out", "audit.jsonl")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	began := time.UnixMilli(time.Now().UnixMilli()) // as the other processes are told it
	var files []string
	rotate := func(round int) {
		name := fmt.Sprintf("%s-%02d", file, round)
		if err := os.Rename(file, name); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	for round := range 30 {
		cmd, out := exporting(t, file, began)
		if round%5 > 0 && (!out.Scan() || out.Text() != "opened <nil>") { // some are killed as they start
			t.Fatalf("the process did not begin: %q", out.Text())
		}
		time.Sleep(rand.N(killedWithin))
		if round%5 == 2 { // while it writes
			rotate(round)
			time.Sleep(rand.N(killedWithin / 4))
		}
		_ = cmd.Process.Kill()
		err, killed := errors.AsType[*exec.ExitError](cmd.Wait())
		if !killed || err.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the process was not killed: %v", err)
		}
		if round%5 == 4 { // with nobody there who could notice
			rotate(round)
		}
	}
	g := growing{began, 5*time.Since(began).Milliseconds() + 100}
	tr, err := New(killOptions(file, g))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { tr.Run(ctx) })
	defer func() { cancel(); running.Wait() }()
	for all, deadline := reached(tr, g.most), time.Now().Add(time.Minute); !all(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			at, _ := tr.Exported()
			t.Fatalf("only %d of %d events are written", at, g.most)
		}
	}
	cancel()
	running.Wait()
	want, err := g.AuditEvents(t.Context(), audit.Filter{Limit: 1 << 30})
	if err != nil || len(want) < 1000 || len(files) != 12 {
		t.Fatalf("%d events in %d files: %v", len(want), len(files)+1, err)
	}
	exactly(t, inFiles(t, append(files, file)...), want)
}
