package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/config"
)

func configCommand(p process) *cobra.Command {
	return group(&cobra.Command{
		Use:   "config",
		Short: "Check, print and describe the configuration",
		Long: `The configuration is one YAML file. The least that works:

    public_url: http://localhost:4180
    listen: 127.0.0.1:4180
    data_dir: ./data
    providers:
      - id: main
        kind: keycloak              # "oidc" for any other OpenID provider
        issuer: http://localhost:8080/realms/acme
        client_id: cardea
        client_secret_env: CARDEA_CLIENT_SECRET
    apps:
      - id: chat
        url: http://localhost:4180
        upstream: http://127.0.0.1:8000

At the provider, register {public_url}/.cardea/callback/main as redirect URI and
{public_url}/.cardea/signed-out as post-logout redirect URI.

"cardea config schema" describes every key; editors that know JSON Schema complete
and check while you type.`,
	}, configCheck(p), configPrint(p), configSchema(p))
}

func configCheck(p process) *cobra.Command {
	r := &reach{p: p}
	var running bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with a configuration, or what it would change",
		Long: `Reads the configuration as "cardea serve" does and lists every fault at once, each
with its line and what to write instead. Nothing is started or changed.

With --against-running the gateway that runs is asked what a reload (SIGHUP) would bring
about: what would change, which keys need a restart, how many sessions would end and why.
It reads the secrets and certificates that the configuration names itself. Where the
configuration moves the admin socket, name the one that is used now by --admin.

Exit code 0: no fault (there may be warnings), and a reload would be taken. 1: the gateway
cannot be reached. 2: at least one fault, or a key that needs a restart.`,
		Example: `  cardea config check --config /etc/cardea/cardea.yaml
  cardea config check --against-running --config cardea.new.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if running {
				return checkAgainst(cmd.Context(), r)
			}
			for _, flag := range []string{"admin", "admin-token-file", "admin-ca-file", "json"} {
				if cmd.Flags().Changed(flag) {
					return usageError{fmt.Errorf("--%s has a meaning with --against-running only", flag)}
				}
			}
			cfg, err := load(p, r.config)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s: no fault; %d provider(s), %d app(s)\n", cfg.File, len(cfg.Providers), len(cfg.Apps))
			return nil
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&running, "against-running", false, "ask the running gateway what a reload would change and end")
	return cmd
}

func configPrint(p process) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Print the configuration as it takes effect, defaults included",
		Long:  "Prints every key with the value that takes effect. Secrets are masked; a comment says where each comes from.",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := load(p, path)
			if err != nil {
				return err
			}
			text, err := config.Print(cfg)
			if err != nil {
				return fmt.Errorf("printing the configuration: %w", err)
			}
			_, err = p.out.Write(text)
			return err
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func configSchema(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of the configuration",
		Long: `Prints the JSON schema of the configuration. Keep it beside your configuration and
name it in the first line, and an editor with a YAML language server uses it:

    # yaml-language-server: $schema=cardea.schema.json`,
		Example: "  cardea config schema > cardea.schema.json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := config.Schema()
			if err != nil {
				return fmt.Errorf("making the schema: %w", err)
			}
			_, err = p.out.Write(text)
			return err
		},
	}
}
