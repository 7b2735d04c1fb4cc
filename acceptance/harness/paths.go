package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Env is one run of the acceptance tests: where things are installed and where
// this run keeps its logs.
type Env struct {
	Root   string // repository root
	Cache  string // what acceptance/install made
	Logs   string // log files of this run, kept after it
	Work   string // scratch of this run, removed by the next
	Secret *Secrets
	serial atomic.Int64
	clock  stalls
}

// NewEnv finds the installation and makes fresh folders for logs and scratch.
func NewEnv() (*Env, error) { return newEnv("") }

// NewEnvBeside is NewEnv for a program that may run beside the tests: its logs and scratch
// are in a folder of that name.
func NewEnvBeside(name string) (*Env, error) { return newEnv(name) }

func newEnv(name string) (*Env, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return nil, fmt.Errorf("finding the repository: no caller information")
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(here)))
	env := &Env{
		Root:   root,
		Cache:  filepath.Join(root, ".cache", "acceptance"),
		Secret: NewSecrets(),
	}
	env.Logs, env.Work = filepath.Join(env.Cache, name, "logs"), filepath.Join(env.Cache, name, "work")
	for _, dir := range []string{env.Logs, env.Work} {
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("removing what the last run left: %w", err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("making a folder for this run: %w", err)
		}
	}
	go env.clock.watch()
	return env, nil
}

// logFile returns a new path below Logs.
func (e *Env) logFile(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '_'
		}
		return r
	}, name)
	return filepath.Join(e.Logs, fmt.Sprintf("%03d-%s.log", e.serial.Add(1), clean))
}

// ShortDir makes a folder with a path short enough to hold a unix socket
// (t.TempDir of a test with a long name is not) and removes it with the test.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cardea-")
	if err != nil {
		t.Fatalf("making a temporary folder: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// FreePort returns a loopback TCP port at which nobody listens. No port is named twice, all
// are below those that the system gives away by itself, and the UDP port of the same number
// is held for a while as a mark for other processes, so that nothing takes one before the
// server that it was named for.
func FreePort() (int, error) {
	const first, count = 20000, 12000
	for range count {
		port := first + (os.Getpid()*61+int(portsGiven.Add(1)))%count
		address := fmt.Sprintf("127.0.0.1:%d", port)
		mark, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			time.AfterFunc(time.Minute, func() { mark.Close() })
			return port, l.Close()
		}
		mark.Close()
	}
	return 0, errors.New("no port between 20000 and 31999 is free")
}

var portsGiven atomic.Uint32

// MustFreePort is FreePort for tests.
func MustFreePort(t testing.TB) int {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Eventually polls until ok says yes or the time is over, then fails with what.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	if !Poll(within, ok) {
		t.Fatalf("not within %v: %s", within, what)
	}
}

// Poll asks ok every 20 ms and reports whether it said yes in time.
func Poll(within time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(within)
	for {
		last := time.Now().After(deadline) // one more look: it may be this process that stood still
		if ok() {
			return true
		}
		if last {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}
