package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/app"
)

func restoreCommand(p process) *cobra.Command {
	var path string
	var replace, asJSON bool
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Put a backup in place of the database of a gateway that does not run",
		Long: `Takes a file of "cardea backup", or a copy that an upgrade made beside the database
(cardea.db.schema-...). Run it as the user that runs the gateway, or as root.

Before anything is changed it is checked that no gateway uses the folder, that the file is
whole, of Cardea, and of no newer version, and that the gateway's root key is the one it
was made with. A backup made with --with-key brings its root key along where the gateway
has none. The change itself is one step: whatever happens, the database is either the old
one or the restored one.

A database that exists is refused; with --replace it is kept aside under a dated name.

Nobody is signed in afterwards: sessions, tokens and apps' cookies are dropped, so that
nobody who signed out since the backup is signed in again. People sign in anew, with their
password, and find their account and handle. What happened after the backup was made is
not known any more: accounts that were made or disabled since.

Exit code 0: restored. 1: refused or failed, and nothing was changed. 2: wrong usage or
configuration.`,
		Example: `  cardea restore --config /etc/cardea/cardea.yaml /backup/cardea-backup-20261122T030000Z.tar
  cardea restore --config /etc/cardea/cardea.yaml --replace /backup/cardea.tar
  cardea restore --replace /var/lib/cardea/cardea.db.schema-3.20261122T030000Z`,
		Args: oneArg("backup"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := withoutSecrets(p, path)
			if err != nil {
				return err
			}
			report, err := app.Restore(cmd.Context(), app.RestoreOptions{
				Config: cfg, From: args[0], Replace: replace, Now: time.Now(), Progress: progress(p),
			})
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(p.out)
				enc.SetIndent("", "  ")
				return enc.Encode(report)
			}
			return restoreText(p.out, report)
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&replace, "replace", false, "keep the database that exists aside and put the backup in its place")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func restoreText(out io.Writer, r app.RestoreReport) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "restored\t%s\n", r.Database)
	made := ""
	if r.Manifest != nil {
		made = ", made at " + r.Manifest.MadeAt.Format(time.RFC3339) + " by cardea " + r.Manifest.Cardea
	}
	fmt.Fprintf(w, "from\t%s%s\n", r.File, made)
	fmt.Fprintf(w, "holds\t%s\n", holds(r.Counts))
	if r.FromSchema != r.Schema {
		fmt.Fprintf(w, "migrated\tfrom schema %d to %d\n", r.FromSchema, r.Schema)
	}
	if r.RootKey != "" {
		fmt.Fprintf(w, "root key\tput at %s\n", r.RootKey)
	}
	if r.KeptAside != "" {
		fmt.Fprintf(w, "kept aside\t%s (the database that was there; it holds everybody's sessions: remove it when it is not needed)\n", r.KeptAside)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	_, err := fmt.Fprint(out, "\nNobody is signed in. People sign in anew and find their account and handle.\n"+
		"Accounts that were made or disabled after the backup are not known.\n")
	return err
}
