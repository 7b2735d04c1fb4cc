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
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with a configuration",
		Long: `Reads the configuration as "cardea serve" does and lists every fault at once, each
with its line and what to write instead. Nothing is started or changed.

Exit code 0: no fault (there may be warnings). 2: at least one fault.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := load(p, path)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s: no fault; %d provider(s), %d app(s)\n", cfg.File, len(cfg.Providers), len(cfg.Apps))
			return nil
		},
	}
	configFlag(cmd, &path)
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
