package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/demo"
)

func demoCommand(p process) *cobra.Command {
	o := demo.Options{Out: p.out, ReadFile: p.readFile, Program: program()}
	var show bool
	var level string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a gateway, a provider and a sample app, to try things out",
		Long: `Runs a gateway, an OpenID provider for development and a sample app in one process,
says what to open and what to try, and stops with Ctrl-C. Nothing has to be set up.

Everything listens on this machine only. The provider shows its passwords on the login
page, so that nothing here is fit for real use.

What people did is kept in the data folder: after a restart they are still signed in.`,
		Example: `  cardea demo
  cardea demo --token-life 10s
  cardea demo --port 5180 --data /tmp/other-demo`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(config.LevelInfo.Values(), level) {
				return usageError{fmt.Errorf("--log: %q is not a level; write one of: %s", level, strings.Join(config.LevelInfo.Values(), ", "))}
			}
			o.Logger = logger(p.err, config.Log{Level: config.LogLevel(level), Format: config.FormatText})
			if show {
				return helpFor(cmd, demo.PrintConfiguration(o, p.out))
			}
			return helpFor(cmd, demo.Run(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Port, "port", demo.DefaultPort, "the gateway's port; the next one is the operators'")
	f.IntVar(&o.ProviderPort, "provider-port", 0, "the development provider's port (default: --port plus 10)")
	f.StringVar(&o.Data, "data", demo.DefaultData, "the folder that everything is kept in")
	f.DurationVar(&o.TokenLife, "token-life", demo.DefaultTokenLife, "how long access tokens live, at least 5s")
	f.BoolVar(&o.Fresh, "fresh", false, "forget what an earlier demo kept")
	f.BoolVar(&show, "print-config", false, "print the gateway's configuration and stop")
	f.StringVar(&level, "log", string(config.LevelInfo), "the least level that is logged: debug, info, warn or error")
	return cmd
}

// helpFor tells a wrong flag from what went wrong while running.
func helpFor(cmd *cobra.Command, err error) error {
	if errors.Is(err, demo.ErrOptions) {
		return usageError{fmt.Errorf("%w\nRun \"%s --help\" for what it takes", err, cmd.CommandPath())}
	}
	return err
}

// program is how people call this program again.
func program() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/cardea"
	}
	return os.Args[0]
}
