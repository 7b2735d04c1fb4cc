package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/config"
)

func healthCommand(p process) *cobra.Command {
	var path, ops string
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running gateway whether it is ready",
		Long: `Asks /readyz on the operators' listener. Exit code 0: ready. 1: not ready, or
nothing answers. Suits a container's health check.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := opsAddress(p, path, ops)
			if err != nil {
				return err
			}
			text, err := ready(cmd.Context(), at)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.out, text)
			return err
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().StringVar(&ops, "ops", "", "the operators' address, such as 127.0.0.1:4181 (default: what the configuration says)")
	return cmd
}

func opsAddress(p process, path, ops string) (config.Listen, error) {
	var at config.Listen
	if ops != "" {
		if err := at.UnmarshalText([]byte(ops)); err != nil {
			return at, usageError{fmt.Errorf("--ops: %w", err)}
		}
		return at, nil
	}
	cfg, err := withoutSecrets(p, path)
	if err != nil {
		return at, err
	}
	return cfg.Ops.Listen, nil
}

func ready(ctx context.Context, at config.Listen) (string, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, at.Network, at.Address)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://ops/readyz", nil)
	if err != nil {
		return "", fmt.Errorf("making a request: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("%w: nothing answers at %s", errNotReady, at)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%w: %s", errNotReady, resp.Status)
	}
	return "ready", nil
}

func versionCommand(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.out, "cardea "+versionText())
			return err
		},
	}
}

// versionText is the module's version as the build recorded it.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && text == "(devel)" {
			text = "devel " + s.Value[:min(12, len(s.Value))]
		}
	}
	return text + " (" + info.GoVersion + ")"
}
