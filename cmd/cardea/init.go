package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/app"
	"github.com/cardea-auth/cardea/internal/config"
)

func initCommand(p process) *cobra.Command {
	o := app.InitOptions{In: p.in, Out: p.out, Env: p.env, ReadFile: p.readFile, Now: time.Now}
	var yes, stay bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a first configuration for a provider and an app, and start",
		Long: `Finds out which provider and which app stand at two addresses, and goes with you to the
first sign-in:

  1. it asks the provider for its metadata and the app for a few harmless pages, and tells
     by their marks what they are (common slips in an address are corrected);
  2. it says what to register at that provider, in the words of its own console;
  3. it writes cardea.yaml, commented, and keeps the client secret in a file of its own;
  4. it says what to set in the app's own configuration;
  5. it runs "cardea doctor", and then serves.

On a terminal it asks for what is missing, and before it starts. Otherwise it names the
flags. The secret is taken
from --client-secret-file or --client-secret-env, from the environment variable
CARDEA_CLIENT_SECRET where that is set, or from a paste that is not shown. A file that is
there already is replaced only where you say so.

Exit code 0: done, or served until told to stop. 1: it failed, or the doctor found an error.
2: something that it needs is missing or wrong; nothing was written.`,
		Example: `  cardea init
  cardea init --issuer http://localhost:8080/realms/acme --app http://127.0.0.1:8000
  cardea init --kind github --app http://127.0.0.1:8501 --client-id Iv1.0 --client-secret-file secret
  pass show cardea | cardea init --issuer https://id.example.com --app 127.0.0.1:8000 \
    --public-url https://chat.example.com --client-id cardea --client-secret-file - --no-start`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf(cmd, "client-secret-file", "client-secret-env", "public-client", "client-key-file"); err != nil {
				return err
			}
			o.Colour = colourful(p)
			if t := person(p); t != nil && !yes {
				o.Ask = t
			}
			o.Starting = !stay
			cfg, report, err := app.Init(cmd.Context(), o)
			if err != nil {
				return wrongInit(cmd, err)
			}
			return begin(cmd, p, cfg, o.Ask, stay, report)
		},
	}
	initFlags(cmd, &o, &yes, &stay)
	return cmd
}

func initFlags(cmd *cobra.Command, o *app.InitOptions, yes, stay *bool) {
	f := cmd.Flags()
	f.SortFlags = false // in the order in which one needs them
	f.StringVar(&o.Issuer, "issuer", "", "the provider's address; what you copied from its console will mostly do")
	f.StringVar(&o.Kind, "kind", "", "the kind of provider, such as github; default: recognised by its marks")
	f.StringVar(&o.App, "app", "", "where the app listens, such as http://127.0.0.1:8000")
	f.StringVar(&o.Preset, "preset", "", "what is known of the app; default: recognised by its marks")
	f.StringVar(&o.PublicURL, "public-url", "", "where people will reach the gateway (default http://localhost:4180)")
	f.StringVar(&o.AppURL, "app-url", "", "where people will find the app (default: the gateway's own address)")
	f.StringVar(&o.ClientID, "client-id", "", "the client id, chosen or given at the provider")
	f.StringVar(&o.SecretFile, "client-secret-file", "", "the file with the client secret; - reads it from standard input")
	f.StringVar(&o.SecretEnv, "client-secret-env", "", "the environment variable with the client secret")
	f.BoolVar(&o.Public, "public-client", false, "the client has no secret")
	f.StringVar(&o.KeyFile, "client-key-file", "", "the private key of a client that signs, PEM")
	f.StringVar(&o.KeyID, "client-key-id", "", "the id of that key at the provider")
	f.StringVar(&o.KeyName, "client-key-issuer", "", "the name of that key's owner at the provider")
	f.StringVar(&o.CAFile, "ca-file", "", "certificates to trust at the provider, PEM")
	f.StringVar(&o.Folder, "out", ".", "the folder that cardea.yaml is written to")
	f.BoolVar(&o.Replace, "force", false, "replace a configuration that is there")
	f.BoolVar(yes, "yes", false, "ask nothing; take the defaults")
	f.BoolVar(stay, "no-start", false, "do not serve")
	for _, name := range []string{"client-secret-file", "client-key-file", "ca-file"} {
		_ = cmd.MarkFlagFilename(name)
	}
	_ = cmd.MarkFlagDirname("out")
	_ = cmd.RegisterFlagCompletionFunc("kind", words(app.Kinds))
	_ = cmd.RegisterFlagCompletionFunc("preset", words(app.Presets))
}

// oneOf refuses flags that say the same in two ways.
func oneOf(cmd *cobra.Command, names ...string) error {
	var given []string
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) < 2 {
		return nil
	}
	return usageError{fmt.Errorf("give one of %s\nRun \"%s --help\" for what it takes", strings.Join(given, ", "), cmd.CommandPath())}
}

func words(list func() []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return list(), cobra.ShellCompDirectiveNoFileComp
	}
}

// begin serves what was written, unless that is not wanted or has no sense yet.
func begin(cmd *cobra.Command, p process, cfg *config.Config, ask app.Asker, stay bool, report *app.Report) error {
	file := cfg.File
	if here, err := filepath.Abs("."); err == nil {
		if short, err := filepath.Rel(here, file); err == nil && filepath.IsLocal(short) {
			file = short
		}
	}
	with := ""
	if env := cfg.Providers[0].ClientSecretEnv; env != "" {
		with = " (with " + env + " in the environment)"
	}
	hopeless := report.Hopeless()
	stillWrong(p.out, report, file, !stay && !hopeless)
	if !stay && !hopeless && ask != nil {
		_, err := ask.Ask("Enter starts it, Ctrl-C leaves it at that", "")
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		stay = err != nil
	}
	switch {
	case hopeless:
		fmt.Fprintf(p.out, "\nWith these errors nobody can sign in, so nothing is started. Put them right, then%s:\n\n", with)
	case stay:
		fmt.Fprintf(p.out, "\nWhen that is done%s:\n\n", with)
	default:
		fmt.Fprintf(p.out, "\nStarting. Open %s and sign in; Ctrl-C stops it, and \"cardea serve --config %s\"%s starts it again.\n\n", cfg.Apps[0].URL.String(), file, with)
		return serve(cmd.Context(), p, cfg, nil) // closing the terminal ends it
	}
	fmt.Fprintf(p.out, "   cardea doctor --config %[1]s\n   cardea serve --config %[1]s\n", file)
	if report.Failed() {
		return errQuiet
	}
	return nil
}

// stillWrong repeats the errors, by what they mean for people.
func stillWrong(out io.Writer, report *app.Report, file string, starts bool) {
	wrong := report.Errors()
	if len(wrong) == 0 {
		return
	}
	fmt.Fprint(out, "\nStill wrong (see above):\n\n")
	for _, f := range wrong {
		fmt.Fprintf(out, "   %s: %s\n", f.ID, f.Meaning)
	}
	if starts {
		fmt.Fprintf(out, "\nFix it, then run \"cardea doctor --config %s\" in a second terminal. Cardea needs no restart\nunless %[1]s is changed; the app does when its own settings or its code are.\n", file)
	}
}

// wrongInit tells what the caller has to give otherwise from what went wrong.
func wrongInit(cmd *cobra.Command, err error) error {
	_, missing := errors.AsType[*app.MissingFlagError](err)
	_, faults := errors.AsType[*config.Faults](err)
	_, wrong := errors.AsType[*app.SetupError](err)
	if missing || faults || wrong || errors.Is(err, app.ErrExists) {
		return usageError{fmt.Errorf("%w\nRun \"%s --help\" for what it takes", err, cmd.CommandPath())}
	}
	return err
}
