package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// DefaultProviderListen is where a provider of its own listens unless told otherwise.
const DefaultProviderListen = "127.0.0.1:8090"

// ProviderClient is a relying party of a provider of its own.
type ProviderClient struct {
	// ID is the client_id. Required, and unlike that of every other client.
	ID string
	// Secret is the client_secret. Without one the client is public and must use PKCE.
	Secret string
	// RedirectURIs and PostLogoutURIs are taken as they are written. At least one of the
	// former is required.
	RedirectURIs, PostLogoutURIs []string
	// BackChannelURI gets logout tokens, with the session's id. It is on this machine; ""
	// gets none.
	BackChannelURI string
}

// ProviderOptions are the settings of a development provider in a process of its own.
// Out, Logger and at least one client are required.
type ProviderOptions struct {
	// Listen is host:port. The host must be a loopback address, localhost or a name below
	// it; port 0 takes a free one. The issuer is http:// and this. Default
	// DefaultProviderListen.
	Listen  string
	Clients []ProviderClient
	// TokenLife is how long access and ID tokens live. Default DefaultTokenLife.
	TokenLife time.Duration
	// StateFile keeps keys, sign-ins and tokens over restarts. Default: nothing is kept.
	StateFile string

	Out    io.Writer
	Logger *slog.Logger
	// Ready, if set, is called with the issuer once the provider answers.
	Ready func(issuer string)
}

func (o *ProviderOptions) complete() error {
	if o.Out == nil || o.Logger == nil {
		return errors.New("demo: Out and Logger are required")
	}
	if o.Listen == "" {
		o.Listen = DefaultProviderListen
	}
	if o.TokenLife == 0 {
		o.TokenLife = DefaultTokenLife
	}
	if o.TokenLife < leastTokenLife {
		return fmt.Errorf("%w: --token-life %s is shorter than %s", ErrOptions, o.TokenLife, leastTokenLife)
	}
	if err := loopback(o.Listen); err != nil {
		return err
	}
	if len(o.Clients) == 0 {
		return fmt.Errorf("%w: a client is needed", ErrOptions)
	}
	known := map[string]bool{}
	for _, c := range o.Clients {
		switch {
		case c.ID == "":
			return fmt.Errorf("%w: --client-id is empty", ErrOptions)
		case known[c.ID]:
			return fmt.Errorf("%w: --client-id %s is there twice", ErrOptions, c.ID)
		case len(c.RedirectURIs) == 0:
			return fmt.Errorf("%w: the client %s has no --redirect-uri; for Cardea it is {public_url}/.cardea/callback/{provider id}", ErrOptions, c.ID)
		}
		known[c.ID] = true
	}
	return nil
}

// loopback refuses addresses that other machines could reach: the passwords are printed
// on the login page, and nothing limits how often one may be tried.
func loopback(listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%w: --listen %q is not host:port, such as %s", ErrOptions, listen, DefaultProviderListen)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%w: --listen %q: %q is not a port", ErrOptions, listen, port)
	} else if !devprovider.LoopbackHost(host) {
		return fmt.Errorf("%w: --listen %s would let other machines in, and this provider shows its passwords on its login page; write 127.0.0.1:%d", ErrOptions, listen, n)
	}
	return nil
}

func (o *ProviderOptions) provider() devprovider.Options {
	p := devprovider.Options{
		Issuer: "http://" + o.Listen, AccessTokenLife: o.TokenLife, IDTokenLife: o.TokenLife,
		RefreshRotation: true, StateFile: o.StateFile, Logger: o.Logger,
		Faults: devprovider.Faults{TokenResponse: func(grantType string, _ map[string]any) {
			o.Logger.Info("tokens given", "for", strings.ReplaceAll(grantType, "_", " "))
		}},
	}
	for _, c := range o.Clients {
		p.Clients = append(p.Clients, devprovider.Client{
			ID: c.ID, Secret: c.Secret, RedirectURIs: c.RedirectURIs, PostLogoutRedirectURIs: c.PostLogoutURIs,
			BackChannelLogoutURI: c.BackChannelURI, BackChannelLogoutSessionRequired: true,
		})
	}
	return p
}

// RunProvider serves a development provider until ctx ends. What cannot be served is an
// error wrapping ErrOptions.
func RunProvider(ctx context.Context, o ProviderOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	settings := o.provider()
	// What was asked for is looked at before the port and the state file are: ES256 keys are
	// made quickly.
	check := devprovider.Options{Issuer: settings.Issuer, Clients: settings.Clients, SigningAlg: devprovider.ES256}
	if _, err := devprovider.New(check); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	provider, err := devprovider.Start(ctx, settings, nil)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken by another program; choose another port with --listen", o.Listen)
	}
	if err != nil {
		return err
	}
	fmt.Fprint(o.Out, o.providerGuide(provider.Issuer()))
	if o.Ready != nil {
		o.Ready(provider.Issuer())
	}
	<-ctx.Done()
	return provider.Close()
}

// providerGuide is what people read once the provider answers.
func (o *ProviderOptions) providerGuide(issuer string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
A development provider is ready. It is for trying things on this machine: everybody can
read its passwords.

  Issuer           %s
  Sign in          %s
`, issuer, people())
	for _, c := range o.Clients {
		kind := "public, PKCE only"
		if c.Secret != "" {
			kind = "with a secret"
		}
		fmt.Fprintf(&b, "  Client           %s (%s)\n", c.ID, kind)
		for _, uri := range c.RedirectURIs {
			fmt.Fprintf(&b, "    redirect to    %s\n", uri)
		}
		for _, uri := range c.PostLogoutURIs {
			fmt.Fprintf(&b, "    after logout   %s\n", uri)
		}
		if c.BackChannelURI != "" {
			fmt.Fprintf(&b, "    logout tokens  %s\n", c.BackChannelURI)
		}
	}
	b.WriteString("\nCtrl-C stops it.\n\n")
	return b.String()
}

// people are the names and passwords that one can sign in with.
func people() string {
	var all []string
	for _, p := range devprovider.DefaultPeople() {
		all = append(all, p.Username+" / "+p.Password)
	}
	return strings.Join(all, "   or   ")
}
