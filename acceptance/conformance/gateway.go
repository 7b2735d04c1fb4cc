package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// gateways starts cardea anew for each module.
type gateways struct {
	binary string
	config string // the configuration that is copied
	tls    string // the folder with the certificates that it names
	ops    string // the address of its operators' listener
	secret string
	ready  time.Duration
}

// gateway is one running cardea.
type gateway struct {
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; read after done is closed
}

// start runs cardea in a folder that holds nothing yet, and waits until it is ready.
// unasked is for the one module that ends when the keys are fetched: userinfo is not asked.
func (g *gateways) start(ctx context.Context, folder string, unasked bool) (*gateway, error) {
	err := g.furnish(folder)
	if err == nil && unasked {
		err = replace(filepath.Join(folder, "cardea.yaml"), "use: always", "use: never")
	}
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", folder, err)
	}
	out := &gateway{log: filepath.Join(folder, "cardea.log"), done: make(chan struct{})}
	log, err := os.Create(out.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	out.cmd = exec.Command(g.binary, "serve", "--config", filepath.Join(folder, "cardea.yaml"))
	out.cmd.Env = append(os.Environ(), "CARDEA_CLIENT_SECRET="+g.secret)
	out.cmd.Stdout, out.cmd.Stderr = log, log
	if err := out.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting cardea: %w", err)
	}
	go func() {
		out.err = out.cmd.Wait()
		close(out.done)
	}()
	if err := out.await(ctx, g.ops+"/readyz", g.ready); err != nil {
		return nil, errors.Join(err, out.stop())
	}
	return out, nil
}

// furnish copies the configuration and the certificates.
func (g *gateways) furnish(folder string) error {
	to := filepath.Join(folder, "data", "tls")
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	files := map[string]string{g.config: filepath.Join(folder, "cardea.yaml")}
	for _, name := range []string{"gateway.pem", "gateway.key", "suite.pem"} {
		files[filepath.Join(g.tls, name)] = filepath.Join(to, name)
	}
	for from, to := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func replace(file, old, with string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if strings.Count(string(data), old) != 1 {
		return fmt.Errorf("%s does not say %q once", file, old)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(data), old, with, 1)), 0o600)
}

func (g *gateway) await(ctx context.Context, address string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-g.done:
			return fmt.Errorf("cardea ended before it was ready (%s): %w", g.log, errors.Join(g.err))
		case <-ctx.Done():
			return fmt.Errorf("cardea is not ready (%s): %w", g.log, ctx.Err())
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// stop ends cardea as an operator does, and demands that it ends well.
func (g *gateway) stop() error {
	select {
	case <-g.done:
		return g.err
	default:
	}
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping cardea: %w", err)
	}
	select {
	case <-g.done:
		return g.err
	case <-time.After(time.Minute):
		_ = g.cmd.Process.Kill()
		<-g.done
		return errors.New("cardea did not end when it was told to")
	}
}
