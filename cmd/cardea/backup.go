package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/app"
	"github.com/cardea-auth/cardea/internal/config"
)

func backupCommand(p process) *cobra.Command {
	r := &reach{p: p}
	var out string
	var withKey bool
	cmd := &cobra.Command{
		Use:   "backup --out FILE|FOLDER",
		Short: "Write a backup of accounts, handles and ends, while the gateway runs",
		Long: `Writes one file with everything that a gateway must not lose: accounts with their
handles, identities and pictures, data keys, who has been signed out, what providers must
still be told, what was refused, and the audit trail. Sessions, tokens and apps' cookies are not in it: after
"cardea restore" people sign in anew and find their account and handle.

A running gateway makes the backup itself, over its admin socket, and lets people's
requests go first. Where none runs its folder is locked meanwhile; the database is not
changed. The file has mode 0600 and appears whole or not at all. A folder gives it a
dated name; a backup that has the name is replaced, any other file is not.

The root key is NOT in it, and without the root key it cannot be restored: keep a copy of
the file that keys.root_file names (or of the variable of keys.root_env), in another place
than the backups. With --with-key it is in it: whoever reads such a file can read and
restore everything in it.

Names, handles, e-mail addresses and pictures can be read in every backup, and in its audit
trail from which addresses and with which browsers people signed in. Keep it as you keep
people's addresses.

Exit code 0: written, read again and found whole. 1: not written. 2: wrong usage or
configuration.`,
		Example: `  cardea backup --config /etc/cardea/cardea.yaml --out /backup/
  cardea backup --config /etc/cardea/cardea.yaml --out /backup/cardea.tar --json
  cardea backup --admin unix:/var/lib/cardea/admin.sock --out /backup/`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError{errors.New("--out FILE or --out FOLDER is needed: where the backup goes")}
			}
			o := app.BackupOptions{Out: out, WithKey: withKey, Version: versionText(), Now: time.Now(), Progress: progress(p)}
			var err error
			if o.Gateway, err = r.client(); err != nil {
				return err
			}
			if o.Config, err = withoutSecrets(p, r.config); err != nil && r.admin == "" {
				return err
			}
			report, err := app.Backup(cmd.Context(), o)
			if err != nil {
				return err
			}
			if r.json {
				return r.print(report)
			}
			return backupText(p.out, report, o.Config)
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "the file, or the folder in which it gets a dated name")
	cmd.Flags().BoolVar(&withKey, "with-key", false, "put the root key into the backup: who reads the file can read everything in it")
	return cmd
}

func backupText(out io.Writer, r app.BackupReport, cfg *config.Config) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	how := "by the running gateway"
	if !r.Running {
		how = "of a gateway that does not run"
	}
	fmt.Fprintf(w, "backup\t%s (%d bytes), made %s\n", r.File, r.Size, how)
	fmt.Fprintf(w, "made by\tcardea %s, schema %d, at %s\n", r.Manifest.Cardea, r.Manifest.Schema, r.Manifest.MadeAt.Format(time.RFC3339))
	fmt.Fprintf(w, "holds\t%s\n", holds(r.Manifest.Counts))
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	text := "\nThe root key is IN this file: whoever reads it can read everything in it.\n"
	if !r.Manifest.RootKey {
		text = "\nThe root key is NOT in it, and without the root key it cannot be restored.\n" + keepKey(cfg)
	}
	text += "\nWhoever reads this file learns people's names, e-mail addresses and pictures, and from which\naddresses and with which browsers they signed in.\n"
	_, err := fmt.Fprint(out, text)
	return err
}

// keepKey says how to keep the root key.
func keepKey(cfg *config.Config) string {
	switch {
	case cfg == nil:
		return "Keep a copy of what keys.root_file or keys.root_env names, in another place than the backups.\n"
	case cfg.Keys.RootEnv != "":
		return "Keep a copy of the variable " + cfg.Keys.RootEnv + ", in another place than the backups.\n"
	}
	return "Keep a copy of it, in another place than the backups, once: it does not change.\n  cp -p " + cfg.Keys.RootFile + " ...\n"
}

func holds(counts map[string]int64) string {
	return fmt.Sprintf("%d account(s) with %d identities, %d handle(s) and %d picture(s), %d end(s), %d deliveries, %d incident(s), %d audit event(s); no sessions",
		counts["accounts"], counts["identities"], counts["handles"], counts["pictures"], counts["ends"], counts["outbox"], counts["incidents"], counts["audit"])
}

// progress tells somebody who waits how far a long work is.
func progress(p process) func(done, of int64) {
	last := time.Now()
	return func(done, of int64) {
		if time.Since(last) < 2*time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(p.err, "%d of %d rows\n", done, of)
	}
}

// withoutSecrets loads a configuration for work on the gateway's store or by its admin
// API: the operator's shell need not hold its secrets.
func withoutSecrets(p process, path string) (*config.Config, error) {
	const stand = "not needed here, and long enough to stand for any secret"
	own, err := filepath.Abs(path)
	if err != nil {
		return nil, usageError{err}
	}
	env := func(name string) (string, bool) {
		if v, _ := p.env(name); v != "" {
			return v, true
		}
		return stand, true
	}
	read := func(name string) ([]byte, error) {
		data, err := p.readFile(name)
		if name != own && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrPermission)) {
			return []byte(stand), nil
		}
		return data, err
	}
	cfg, _, err := config.Load(path, env, read)
	if err != nil {
		return nil, usageError{err}
	}
	if v, _ := p.env(cfg.Keys.RootEnv); v == "" {
		cfg.Keys.Root = config.Secret{}
	}
	return cfg, nil
}
