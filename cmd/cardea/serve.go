package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/app"
	"github.com/cardea-auth/cardea/internal/audit"
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
	return cfg, nil
}

func logger(out io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // the configuration takes only words that slog knows
	o := &slog.HandlerOptions{Level: level}
	if c.Format == config.FormatJSON {
		return slog.New(audit.Redact(slog.NewJSONHandler(out, o)))
	}
	return slog.New(audit.Redact(slog.NewTextHandler(out, o)))
}

func serveCommand(p process) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Runs the gateway until it is told to stop by SIGTERM or Ctrl-C. Requests under way
may then finish for limits.shutdown.

The log goes to standard error. Passwords, tokens, codes and cookies are never in it.`,
		Example: "  cardea serve --config /etc/cardea/cardea.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(p, path)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), p, cfg)
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// serve runs a gateway until ctx ends.
func serve(ctx context.Context, p process, cfg *config.Config) error {
	log := logger(p.err, cfg.Log)
	gateway, err := app.New(ctx, app.Options{
		Config: cfg, Logger: log, Version: versionText(),
		Ready: func() { log.Info("ready", "public_url", cfg.PublicURL.String(), "version", versionText()) },
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
