package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/config"
)

// reach is how a command finds the running gateway.
type reach struct {
	p      process
	config string
	admin  string
	token  string // a file
	ca     string // a file
	json   bool
	wide   bool // tables do not fit the terminal
}

func (r *reach) flags(cmd *cobra.Command) {
	configFlag(cmd, &r.config)
	r.adminFlags(cmd)
	cmd.Flags().BoolVar(&r.json, "json", false, "print JSON")
}

func (r *reach) adminFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.admin, "admin", "", "the gateway's admin address, such as unix:/var/lib/cardea/admin.sock or https://gate.internal:9443 (default: what the configuration says)")
	cmd.Flags().StringVar(&r.token, "admin-token-file", "", "the file with the credential, for an address that is no socket (default: what the configuration says)")
	cmd.Flags().StringVar(&r.ca, "admin-ca-file", "", "trust these PEM certificates too, for https (default: admin.tls.cert_file)")
}

func (r *reach) client() (*admin.Client, error) {
	if r.admin != "" {
		return r.named()
	}
	cfg, err := withoutSecrets(r.p, r.config)
	if err != nil {
		return nil, usageError{fmt.Errorf("%w\n(or name the gateway's socket by --admin unix:PATH)", err)}
	}
	a := cfg.Admin
	if a.Listen.Network == "unix" {
		return admin.NewClient(admin.Endpoint{Network: "unix", Address: a.Listen.Address}), nil
	}
	token, err := r.configuredToken(a)
	if err != nil {
		return nil, err
	}
	ca := r.ca
	if ca == "" && a.TLS != nil {
		ca = a.TLS.CertFile
	}
	return r.over(*a.URL, token, ca)
}

// named is the client for --admin.
func (r *reach) named() (*admin.Client, error) {
	if strings.Contains(r.admin, "://") {
		o, err := config.ParseOrigin(r.admin)
		if err != nil {
			return nil, usageError{fmt.Errorf("--admin: %w", err)}
		}
		token, err := r.tokenOf("--admin-token-file", r.token)
		if err != nil {
			return nil, err
		}
		return r.over(o, token, r.ca)
	}
	var at config.Listen
	if err := at.UnmarshalText([]byte(r.admin)); err != nil {
		return nil, usageError{fmt.Errorf("--admin: %w", err)}
	}
	if at.Network == "unix" {
		return admin.NewClient(admin.Endpoint{Network: at.Network, Address: at.Address}), nil
	}
	token, err := r.tokenOf("--admin-token-file", r.token)
	if err != nil {
		return nil, err
	}
	return r.over(config.Origin{Scheme: "http", Host: strings.ToLower(at.Address)}, token, r.ca)
}

// configuredToken reads the credential where the configuration says it is.
func (r *reach) configuredToken(a config.Admin) (string, error) {
	switch {
	case r.token != "":
		return r.tokenOf("--admin-token-file", r.token)
	case a.TokenFile != "":
		return r.tokenOf("admin.token_file", a.TokenFile)
	}
	if _, ok := r.p.env(a.TokenEnv); !ok {
		return "", usageError{fmt.Errorf("admin.token_env: the environment variable %s is not set, and the gateway asks for the credential in it\nSet it, or name a file by --admin-token-file", a.TokenEnv)}
	}
	return a.Token.Reveal(), nil
}

func (r *reach) tokenOf(what, file string) (string, error) {
	if file == "" {
		return "", usageError{errors.New("an address that is no socket asks for a credential: name its file by --admin-token-file")}
	}
	data, err := r.p.readFile(file)
	if err != nil {
		return "", usageError{fmt.Errorf("%s: %w", what, err)}
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// over is the client for an origin. The token goes to no other machine in the open.
func (r *reach) over(at config.Origin, token, ca string) (*admin.Client, error) {
	if at.Scheme == "http" && !at.Loopback() {
		return nil, usageError{fmt.Errorf("%s: the credential could be read on the way: name the gateway by https://", at)}
	}
	e := admin.Endpoint{Network: "tcp", Address: at.Host, Host: at.Host, Token: token}
	if _, _, err := net.SplitHostPort(at.Host); err != nil {
		e.Address = net.JoinHostPort(at.Hostname(), map[string]string{"http": "80", "https": "443"}[at.Scheme])
	}
	if at.Scheme != "https" {
		return admin.NewClient(e), nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if ca != "" {
		data, err := r.p.readFile(ca)
		if err != nil {
			return nil, usageError{fmt.Errorf("--admin-ca-file: %w", err)}
		}
		if !pool.AppendCertsFromPEM(data) {
			return nil, usageError{fmt.Errorf("--admin-ca-file: %s holds no PEM certificate", ca)}
		}
	}
	e.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return admin.NewClient(e), nil
}

// print prints JSON that a terminal shows as it is: what is not visible is escaped, which
// changes nothing for programs.
func (r *reach) print(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	var out strings.Builder
	for _, c := range b.String() {
		if c > '~' && !unicode.IsGraphic(c) {
			for _, unit := range utf16Of(c) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
			continue
		}
		out.WriteRune(c)
	}
	_, err := r.p.out.Write([]byte(out.String()))
	return err
}

// completions asks the gateway for words that a person is about to type. It is quiet
// where nobody answers: completing is no place for errors.
func (r *reach) completions(ask func(context.Context, *admin.Client) ([]cobra.Completion, error)) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := r.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	words, err := ask(ctx, c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completer is what cobra asks for the words of an argument or a flag.
type completer = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// first completes the first argument and no other.
func first(c completer) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c(cmd, args, typed)
	}
}

func (r *reach) handles(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return r.completions(func(ctx context.Context, c *admin.Client) ([]cobra.Completion, error) {
		page, err := c.Accounts(ctx, admin.AccountQuery{Handle: typed})
		var words []cobra.Completion
		for _, a := range page.Accounts {
			words = append(words, cobra.CompletionWithDesc(a.Handle, safe(cmp.Or(a.Name, a.Email), 60)))
		}
		return words, err
	})
}

func (r *reach) sessionIDs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return r.completions(func(ctx context.Context, c *admin.Client) ([]cobra.Completion, error) {
		page, err := c.Sessions(ctx, admin.SessionQuery{})
		var words []cobra.Completion
		for _, s := range page.Sessions {
			words = append(words, cobra.CompletionWithDesc(s.ID, safe(s.Handle+" "+s.Address, 60)))
		}
		return words, err
	})
}

func (r *reach) deliveryIDs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return r.completions(func(ctx context.Context, c *admin.Client) ([]cobra.Completion, error) {
		page, err := c.Outbox(ctx, admin.DeliveryQuery{})
		var words []cobra.Completion
		for _, d := range page.Deliveries {
			words = append(words, cobra.CompletionWithDesc(d.ID, d.Kind+" "+d.State))
		}
		return words, err
	})
}

func (r *reach) providerIDs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return r.completions(func(ctx context.Context, c *admin.Client) ([]cobra.Completion, error) {
		list, err := c.Providers(ctx, false)
		var words []cobra.Completion
		for _, p := range list.Providers {
			words = append(words, cobra.CompletionWithDesc(p.ID, safe(p.Name, 60)))
		}
		return words, err
	})
}

// appIDs are in the configuration: nobody needs to be asked.
func (r *reach) appIDs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	cfg, err := withoutSecrets(r.p, r.config)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []cobra.Completion
	for _, a := range cfg.Apps {
		words = append(words, cobra.CompletionWithDesc(a.ID, a.URL.String()))
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// complete says how the value of a flag is completed.
func complete(cmd *cobra.Command, flag string, c completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, c); err != nil {
		panic(err) // the flag does not exist: a mistake in this program
	}
}

func fixed(list ...string) completer {
	return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
}
