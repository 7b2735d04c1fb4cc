package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// lab is where rows are measured: a temporary folder and the processes under way. One
// goroutine uses it at a time.
type lab struct {
	o        options
	dir      string
	log      io.Writer
	running  []*child
	provider *devprovider.Server
	binary   string
	folders  int
}

func newLab(o options, log io.Writer) (*lab, error) {
	dir, err := os.MkdirTemp("", "cardea-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	return &lab{o: o, dir: dir, log: log, binary: o.cardea}, nil
}

func (l *lab) close() {
	l.stopAll()
	if err := os.RemoveAll(l.dir); err != nil {
		l.say("removing %s: %v", l.dir, err)
	}
}

// stopAll ends what a row started.
func (l *lab) stopAll() {
	for _, c := range l.running {
		c.stop()
	}
	l.running = nil
	if l.provider != nil {
		if err := l.provider.Close(); err != nil {
			l.say("closing the provider: %v", err)
		}
		l.provider = nil
	}
}

func (l *lab) say(format string, args ...any) { fmt.Fprintf(l.log, "bench: "+format+"\n", args...) }

// pick returns the number for a full or for a quick run.
func (l *lab) pick(full, quick int) int {
	if l.o.quick {
		return quick
	}
	return full
}

func (l *lab) folder(name string) (string, error) {
	l.folders++
	dir := filepath.Join(l.dir, fmt.Sprintf("%s-%d", name, l.folders))
	return dir, os.Mkdir(dir, 0o700)
}

// start runs this binary again as a server.
func (l *lab) start(ctx context.Context, s spec) (*child, error) {
	c, err := startChild(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("starting the %s server: %w", s.Role, err)
	}
	l.running = append(l.running, c)
	return c, nil
}

// startProvider serves a development provider for a gateway at an origin.
func (l *lab) startProvider(ctx context.Context, origin string) (*devprovider.Server, error) {
	p, err := devprovider.Start(context.WithoutCancel(ctx), devprovider.Options{
		SkipConsent: true, RefreshRotation: true,
		Clients: []devprovider.Client{{
			ID: clientID, Secret: clientSecret, RedirectURIs: []string{origin + "/.cardea/callback/main"},
			PostLogoutRedirectURIs: []string{origin + "/.cardea/signed-out"},
		}},
	}, nil)
	if err != nil {
		return nil, err
	}
	l.provider = p
	return p, nil
}

// cardea returns the built binary.
func (l *lab) cardea(ctx context.Context) (string, error) {
	if l.binary != "" {
		return l.binary, nil
	}
	path := filepath.Join(l.dir, "cardea")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "github.com/cardea-auth/cardea/cmd/cardea")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building cardea: %w: %s", err, strings.TrimSpace(string(out)))
	}
	l.binary = path
	return path, nil
}

// profilePath is where a server's profile goes; "" where none is asked for.
func (l *lab) profilePath(name string) (string, error) {
	if l.o.profile == "" {
		return "", nil
	}
	if err := os.MkdirAll(l.o.profile, 0o755); err != nil {
		return "", err
	}
	return filepath.Abs(filepath.Join(l.o.profile, name+".pprof"))
}

// sleep waits, or returns why it was cut short.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return errors.New("interrupted")
	}
}
