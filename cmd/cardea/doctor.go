package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/app"
	"github.com/cardea-auth/cardea/internal/config"
)

func doctorCommand(p process) *cobra.Command {
	var path, only string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find what will go wrong before a person meets it",
		Long: `Asks the providers and apps of a configuration what a sign-in and a sign-out would ask
them, and says for each finding what it means for people, what was seen, what to change,
and where. The gateway may be running or not.

It changes nothing: no cookie is sent, no redirect followed, nobody signed in or out. A
provider's log shows a few refused requests: each address is tried against one that is
surely not registered, and one code is redeemed that nobody was given. No secret, token or
code is printed.

Exit code 0: no error (there may be warnings). 1: at least one error. 2: the configuration
is wrong, and nothing was asked.`,
		Example: `  cardea doctor --config cardea.yaml
  cardea doctor --config cardea.yaml --provider main
  cardea doctor --config cardea.yaml --json | jq '.groups[].findings[] | select(.level == "error")'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(p, path)
			if err != nil {
				return err
			}
			if err := knownProvider(cfg, only); err != nil {
				return err
			}
			report, err := app.Doctor(cmd.Context(), cfg, only)
			if err != nil {
				return err
			}
			write := report.WriteJSON
			if !asJSON {
				write = func(w io.Writer) error { return report.WriteText(w, colourful(p)) }
			}
			if err := write(p.out); err != nil {
				return err
			}
			if report.Failed() {
				return errQuiet
			}
			return nil
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().StringVar(&only, "provider", "", "examine this provider alone")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func knownProvider(cfg *config.Config, id string) error {
	var ids []string
	for _, p := range cfg.Providers {
		ids = append(ids, p.ID)
	}
	if id == "" || slices.Contains(ids, id) {
		return nil
	}
	return usageError{fmt.Errorf("--provider: there is no provider %q in %s; there is: %s", id, cfg.File, strings.Join(ids, ", "))}
}

// colourful tells whether the output is a terminal of somebody who wants colours
// (no-color.org).
func colourful(p process) bool {
	if no, set := p.env("NO_COLOR"); set && no != "" {
		return false
	}
	if term, _ := p.env("TERM"); term == "dumb" {
		return false
	}
	f, ok := p.out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
