package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// startup is how long anything may take until it is ready: everything starts side by side.
const startup = 5 * time.Minute

// Process is a child in a process group of its own, its output in a file.
type Process struct {
	Log  string // stdout and stderr
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; read after done is closed
}

// command says what to run.
type command struct {
	Path string
	Args []string
	Dir  string
	Env  []string // added to the environment of the tests
	Log  string
}

// start runs the command. The reaper kills it should the tests die first.
func start(c command) (*Process, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", c.Path, err)
	}
	defer log.Close()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Path, err)
	}
	p := &Process{Log: c.Log, cmd: cmd, done: make(chan struct{})}
	noteGroup('+', cmd.Process.Pid)
	go func() {
		p.err = cmd.Wait()
		noteGroup('-', cmd.Process.Pid)
		close(p.done)
	}()
	return p, nil
}

// Alive reports whether the process has not ended yet.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Terminate sends TERM to the group and waits; after grace it kills and says so.
func (p *Process) Terminate(grace time.Duration) error {
	if !p.Alive() {
		return p.err
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
		return p.err
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("%s did not end within %v of TERM", p.cmd.Path, grace)
	}
}

// Kill sends KILL to the group and waits.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// awaitHTTP waits until url answers want. It gives up when the process ends.
func (p *Process) awaitHTTP(ctx context.Context, url string, want int) error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == want {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer %d: %w\n%s", url, want, ctx.Err(), Tail(p.Log, 40))
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready: %w\n%s", p.cmd.Path, errors.Join(p.err), Tail(p.Log, 40))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
