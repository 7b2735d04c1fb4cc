package acceptance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// What most tests share. It is started once, because Keycloak takes a while.
var (
	env      *harness.Env
	keycloak *harness.Keycloak
	chat     *harness.Chainlit
	chromium *harness.Chromium
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	unlock, err := oneRunAtATime()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer unlock()
	started := time.Now()
	if env, err = harness.NewEnv(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer stopAll()
	if err := startAll(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("Keycloak, Chainlit and Chromium are up after %v; logs in %s\n", time.Since(started).Round(time.Second), env.Logs)
	return m.Run()
}

// oneRunAtATime waits for another run on this machine to end: both would use the same
// folders, and Keycloak's database is one of them.
func oneRunAtATime() (unlock func(), err error) {
	path := filepath.Join("..", ".cache", "acceptance", "run.lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		fmt.Println("waiting for another run of the acceptance tests to end")
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
			return nil, fmt.Errorf("waiting for another run: %w", err)
		}
	}
	return func() { _ = lock.Close() }, nil
}

// startAll starts everything side by side and returns the first failure.
func startAll(ctx context.Context) error {
	starts := []func() error{
		func() (err error) { keycloak, err = env.StartKeycloak(ctx); return err },
		func() (err error) { chat, err = env.ChainlitHeader(ctx); return err },
		func() (err error) { chromium, err = env.StartChromium(ctx); return err },
	}
	results := make(chan error, len(starts))
	for _, start := range starts {
		go func() { results <- start() }()
	}
	var first error
	for range starts {
		if err := <-results; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// stops holds what ends the things that were started on demand.
var stops struct {
	sync.Mutex
	all []func()
}

// onDemand is for what some tests share and others do without: the first test that
// asks starts it, the end of the run stops it.
//
//	var hub = onDemand(func(ctx context.Context) (*harness.JupyterHub, error) { … }, (*harness.JupyterHub).Stop)
//
// and in a test: hub(t).URL. A start that failed fails every test that asks.
func onDemand[T any](start func(context.Context) (T, error), stop func(T)) func(testing.TB) T {
	once := sync.OnceValues(func() (T, error) {
		value, err := start(context.Background())
		if err == nil {
			stops.Lock()
			defer stops.Unlock()
			stops.all = append(stops.all, func() { stop(value) })
		}
		return value, err
	})
	return func(t testing.TB) T {
		t.Helper()
		value, err := once()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func stopAll() {
	stops.Lock()
	defer stops.Unlock()
	var stopping sync.WaitGroup
	for _, stop := range stops.all {
		stopping.Go(stop)
	}
	stopping.Wait()
	if chromium != nil {
		chromium.Close()
	}
	if chat != nil {
		chat.Stop()
	}
	if keycloak != nil {
		keycloak.Kill()
	}
}
