package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func (o *Options) configFile() string { return filepath.Join(o.Data, "cardea.yaml") }
func (o *Options) stateFile() string  { return filepath.Join(o.Data, "provider.json") }
func (o *Options) gatewayDir() string { return filepath.Join(o.Data, "gateway") }

// prepareData makes the data folder, and empties it when a fresh start was asked for.
func (o *Options) prepareData(ctx context.Context) error {
	if o.Fresh {
		if err := o.forget(ctx); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	return nil
}

// forget removes what an earlier demo kept, and only in a folder that one kept it in:
// the flag may name any folder by mistake.
func (o *Options) forget(ctx context.Context) error {
	text, err := os.ReadFile(o.configFile())
	if errors.Is(err, fs.ErrNotExist) {
		return o.nothingOfADemo()
	}
	if err != nil {
		return fmt.Errorf("looking into the data folder: %w", err)
	}
	if !strings.HasPrefix(string(text), firstLine) {
		return fmt.Errorf("%w: --fresh: %s was not made by the demo, so nothing in it was removed", ErrOptions, o.Data)
	}
	d := net.Dialer{Timeout: time.Second}
	if conn, err := d.DialContext(ctx, "unix", filepath.Join(o.gatewayDir(), "admin.sock")); err == nil {
		conn.Close()
		return fmt.Errorf("--fresh: a demo is running with %s; stop it first", o.Data)
	}
	for _, path := range []string{o.gatewayDir(), o.stateFile(), o.configFile()} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("emptying the data folder: %w", err)
		}
	}
	return nil
}

// nothingOfADemo refuses a folder that has something in it, none of which is a demo's.
func (o *Options) nothingOfADemo() error {
	entries, err := os.ReadDir(o.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking into the data folder: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%w: --fresh: %s was not made by the demo, so nothing in it was removed", ErrOptions, o.Data)
	}
	return nil
}
