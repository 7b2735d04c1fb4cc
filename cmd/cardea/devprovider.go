package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/demo"
)

func devProviderCommand(p process) *cobra.Command {
	o := demo.ProviderOptions{Out: p.out}
	clients := clientFlags{env: p.env}
	var level string
	cmd := &cobra.Command{
		Use:   "dev-provider",
		Short: "Run an OpenID provider for development, to try an app with",
		Long: `Runs the OpenID provider of "cardea demo" by itself, for those who want to try the gateway
with an app of their own and have no provider at hand. It knows alice and bob, and stops
with Ctrl-C.

It is for trying things, and for nothing else: its passwords stand on the login page, and
nothing limits how often one may be tried. So it listens on this machine only: --listen
takes loopback addresses, localhost and names below it, and refuses every other.

The issuer is http:// and what --listen says. Cookies ignore ports: give the provider
another host name than the gateway has, 127.0.0.1 beside localhost for one.

A client is what signs people in here; Cardea is one. The flags that describe a client
belong to the --client-id before them, so that there can be several. Its addresses must be
the very ones that it sends: for Cardea {public_url}/.cardea/callback/{provider id} and
{public_url}/.cardea/signed-out. Without --client-secret-env a client is public and must
use PKCE.`,
		Example: `  export CARDEA_CLIENT_SECRET=anything
  cardea dev-provider --client-id cardea --client-secret-env CARDEA_CLIENT_SECRET \
    --redirect-uri http://localhost:4180/.cardea/callback/dev \
    --post-logout-uri http://localhost:4180/.cardea/signed-out`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(config.LevelInfo.Values(), level) {
				return usageError{fmt.Errorf("--log: %q is not a level; write one of: %s", level, strings.Join(config.LevelInfo.Values(), ", "))}
			}
			o.Logger = logger(p.err, config.Log{Level: config.LogLevel(level), Format: config.FormatText})
			if len(clients.list) == 0 {
				clients.of() // so that the answer says what it lacks
			}
			o.Clients = clients.list
			return helpFor(cmd, demo.RunProvider(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.SortFlags = false // a client's flags stand together
	f.StringVar(&o.Listen, "listen", demo.DefaultProviderListen, "host:port on this machine; the issuer is http:// and this")
	f.Var(flag{"NAME", clients.id}, "client-id", "begins a client (default \""+defaultClient+"\")")
	f.Var(flag{"VARIABLE", clients.secret}, "client-secret-env", "the environment variable with the client's secret")
	f.Var(flag{"URL", clients.redirect}, "redirect-uri", "where the client may be answered; may be repeated")
	f.Var(flag{"URL", clients.postLogout}, "post-logout-uri", "where the client may send people after a logout; may be repeated")
	f.Var(flag{"URL", clients.backChannel}, "backchannel-uri", "where the client gets logout tokens; on this machine")
	f.DurationVar(&o.TokenLife, "token-life", demo.DefaultTokenLife, "how long access and ID tokens live, at least 5s")
	f.StringVar(&o.StateFile, "state", "", "a file that keeps keys, sign-ins and tokens over restarts")
	f.StringVar(&level, "log", string(config.LevelInfo), "the least level that is logged: debug, info, warn or error")
	return cmd
}

const defaultClient = "cardea"

// clientFlags gathers clients from flags in the order in which they were written.
type clientFlags struct {
	env  func(string) (string, bool)
	list []demo.ProviderClient
}

// of is the client that a flag belongs to: the last one, or the default one where no
// --client-id came before.
func (c *clientFlags) of() *demo.ProviderClient {
	if len(c.list) == 0 {
		c.list = append(c.list, demo.ProviderClient{ID: defaultClient})
	}
	return &c.list[len(c.list)-1]
}

func (c *clientFlags) id(value string) error {
	c.list = append(c.list, demo.ProviderClient{ID: value})
	return nil
}

func (c *clientFlags) secret(name string) error {
	secret, ok := c.env(name)
	if !ok || secret == "" {
		return fmt.Errorf("the environment has no %s", name)
	}
	c.of().Secret = secret
	return nil
}

func (c *clientFlags) redirect(uri string) error {
	c.of().RedirectURIs = append(c.of().RedirectURIs, uri)
	return nil
}

func (c *clientFlags) postLogout(uri string) error {
	c.of().PostLogoutURIs = append(c.of().PostLogoutURIs, uri)
	return nil
}

func (c *clientFlags) backChannel(uri string) error {
	c.of().BackChannelURI = uri
	return nil
}

// flag is one whose every occurrence is told to set.
type flag struct {
	kind string // the word for its value in the help
	set  func(string) error
}

func (f flag) Set(value string) error { return f.set(value) }
func (f flag) Type() string           { return f.kind }
func (flag) String() string           { return "" }
