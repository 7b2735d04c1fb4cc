package acceptance

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// What all tests share. It is started once, because Keycloak takes a while.
var (
	env      *harness.Env
	keycloak *harness.Keycloak
	chat     *harness.Chainlit
	chromium *harness.Chromium
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	started := time.Now()
	var err error
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

func stopAll() {
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
