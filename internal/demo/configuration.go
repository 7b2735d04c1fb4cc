package demo

import (
	"fmt"
	"io"
	"strings"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// firstLine begins every configuration that the demo wrote, and so marks its folder.
const firstLine = "# Written by cardea demo at every start; changes are lost."

const configuration = firstLine + `
public_url: http://localhost:%[1]d
listen: 127.0.0.1:%[1]d
ops:
  listen: 127.0.0.1:%[2]d
data_dir: gateway
providers:
  - id: dev
    kind: oidc
    name: Development provider
    issuer: %[3]s
    client_id: %[4]s
    client_secret_env: %[5]s       # made anew at every start
    record:
      sign_out:
        server_call: hint          # so that "sessions end" reaches the provider too
apps:
  - id: sample
    name: Sample app
    url: http://localhost:%[1]d
    upstream: http://%[6]s
    page_script: true              # open tabs leave by themselves when the session ends
limits:
  shutdown: 1s
`

func (o *Options) configuration(upstream string) string {
	return fmt.Sprintf(configuration, o.Port, o.Port+1, o.issuer(), clientID, secretEnv, upstream)
}

// PrintConfiguration writes the configuration that Run would use. The sample app's port
// is chosen at the start.
func PrintConfiguration(o Options, out io.Writer) error {
	if err := o.complete(); err != nil {
		return err
	}
	_, err := io.WriteString(out, o.configuration("127.0.0.1:8000"))
	return err
}

func (o *Options) origin() string { return fmt.Sprintf("http://localhost:%d", o.Port) }

// issuer is on another host than the gateway, as providers are: cookies ignore ports.
func (o *Options) issuer() string { return fmt.Sprintf("http://127.0.0.1:%d", o.ProviderPort) }

// provider are the development provider's settings: single-use refresh tokens, and the
// return addresses that an operator would register.
func (o *Options) provider(secret string) devprovider.Options {
	logger := o.Logger.With("part", "provider")
	return devprovider.Options{
		Issuer: o.issuer(), AlternateHosts: []string{fmt.Sprintf("localhost:%d", o.ProviderPort)},
		Clients: []devprovider.Client{{
			ID: clientID, Secret: secret, Name: "Cardea demo",
			RedirectURIs:           []string{o.origin() + "/.cardea/callback/dev"},
			PostLogoutRedirectURIs: []string{o.origin() + "/.cardea/signed-out"},
			BackChannelLogoutURI:   o.origin() + "/.cardea/backchannel-logout", BackChannelLogoutSessionRequired: true,
		}},
		AccessTokenLife: o.TokenLife, IDTokenLife: o.TokenLife, RefreshRotation: true, RequirePKCE: true,
		StateFile: o.stateFile(), Logger: logger,
		Faults: devprovider.Faults{TokenResponse: func(grantType string, _ map[string]any) {
			logger.Info("tokens given", "for", strings.ReplaceAll(grantType, "_", " "))
		}},
	}
}
