package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/app"
	"github.com/cardea-auth/cardea/internal/config"
)

const defaultConfig = "cardea.yaml"

func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", defaultConfig, "the configuration file")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// load reads a configuration and prints its warnings; faults are a usage error that
// lists all of them.
func load(p process, path string) (*config.Config, error) {
	cfg, warnings, err := config.Load(path, p.env, p.readFile)
	for _, w := range warnings {
		fmt.Fprintln(p.err, "warning: "+w.String())
	}
	if err != nil {
		return nil, usageError{err}
	}
	if trouble := auditFileTrouble(cfg.Audit); trouble != "" {
		fmt.Fprintln(p.err, "warning: "+trouble)
	}
	return cfg, nil
}

func serveCommand(p process) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Runs the gateway until it is told to stop by SIGTERM or Ctrl-C. Requests under way
may then finish for limits.shutdown.

SIGHUP makes it read its configuration anew, with the secrets and certificates that it
names: all of it counts from then on, or, where anything is wrong with it or needs a
restart, nothing does and the log says why. Requests and sockets under way go on; the
sessions of what was removed end. "cardea config check --against-running" tells before
what would change.

The log goes to standard error. Passwords, tokens, codes and cookies are never in it.`,
		Example: "  cardea serve --config /etc/cardea/cardea.yaml\n  kill -HUP $(pidof cardea)",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangups := hangUps()
			cfg, err := load(p, path)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), p, cfg, hangups)
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// hangUps are the requests to read the configuration anew. From here on SIGHUP does not
// end the process: one that comes before the gateway runs is answered when it does, and
// several that come during a reload are one more. It is never given back: one that comes when
// the gateway has stopped must not make the end look like a crash.
func hangUps() chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// serve runs a gateway until ctx ends.
func serve(ctx context.Context, p process, cfg *config.Config, reload <-chan os.Signal) error {
	l := &logs{}
	l.set(cfg.Log)
	log := l.logger(p.err)
	gateway, err := app.New(ctx, app.Options{
		Config: cfg, Logger: log, Version: versionText(),
		Ready:  func() { log.Info("ready", "public_url", cfg.PublicURL.String(), "version", versionText()) },
		Source: &app.Source{File: cfg.File, Env: p.env, ReadFile: p.readFile}, Reload: reload,
		Changed: func(c *config.Config) { l.set(c.Log) },
	})
	if err != nil {
		return err
	}
	if err := gateway.Run(ctx); err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

var errNotReady = errors.New("the gateway is not ready")
