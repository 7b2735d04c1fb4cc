package setup

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/record"
)

// ProviderID is the id of the one provider in a first configuration. It is part of what is
// registered.
const ProviderID = "main"

// Credentials are what the provider gave, as the configuration names it.
type Credentials struct {
	ClientID string
	// SecretFile or SecretEnv say where the secret is; both are empty for a public client
	// and for one that proves itself by a key.
	SecretFile, SecretEnv string
	// KeyFile, KeyID and KeyIssuer are for clients that sign.
	KeyFile, KeyID, KeyIssuer string
}

// Plan is everything that a first configuration says.
type Plan struct {
	Place    Place
	Provider Provider
	App      App
	// AppURL is where people will find the app; empty: the gateway's own origin, with the
	// app's path.
	AppURL      string
	Credentials Credentials
	// CAFile has certificates to trust at the provider; empty: the system's alone.
	CAFile string
}

// CallbackURL is the redirect URI to register.
func (p Plan) CallbackURL() string { return p.Place.PublicURL + "/.cardea/callback/" + ProviderID }

// Address is where people will find the app.
func (p Plan) Address() string {
	if p.AppURL != "" {
		return p.AppURL
	}
	return p.Place.PublicURL + p.App.Base
}

// Check says what of the plan cannot be, before anything is written.
func (p Plan) Check() error {
	for name, address := range map[string]string{"app": p.App.Upstream, "provider": p.Provider.Issuer} {
		u, err := url.Parse(address)
		if err == nil && origin(u) == p.Place.PublicURL {
			return refuse("%s is the %s's own address; the gateway needs another, such as --public-url http://localhost:4180", p.Place.PublicURL, name)
		}
	}
	if p.AppURL == "" {
		return nil
	}
	u, _, err := tidy(p.AppURL, "https")
	if err != nil {
		return err
	}
	if strings.HasPrefix(p.Place.PublicURL, "http:") && u.Scheme == "https" {
		return refuse("--app-url: %q is https while the gateway's own address is plain http", p.AppURL)
	}
	return nil
}

// File is the configuration's text. now is told in its first line.
func (p Plan) File(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Written by "cardea init" on %s. It is yours now: change what you like.
# "cardea config check" says whether it is right, "cardea doctor" whether it will work,
# and docs/configuration.md explains every key.

# Where people reach the gateway. What is registered at the provider begins with it.
public_url: %s
listen: %s
`, now.Format(time.DateOnly), scalar(p.Place.PublicURL), scalar(p.Place.Listen))
	if p.Place.Ops != "127.0.0.1:4181" {
		fmt.Fprintf(&b, "ops:\n  listen: %s       # /livez, /readyz and /metrics, for operators\n", scalar(p.Place.Ops))
	}
	if p.Place.Proxied {
		b.WriteString(`# The proxy that ends TLS in front of the gateway: only its X-Forwarded headers are
# believed. To serve https here instead, write tls: {cert_file: …, key_file: …}.
trusted_proxies: [127.0.0.1/32, "::1/128"]
`)
	}
	b.WriteString(`
# Sessions, accounts and the key that seals them; made at the first start. Keep it private.
data_dir: ./data

`)
	p.writeProvider(&b)
	b.WriteByte('\n')
	p.writeApp(&b)
	return b.String()
}

func (p Plan) writeProvider(b *strings.Builder) {
	f, c := p.Provider, p.Credentials
	b.WriteString("# Where people sign in.\nproviders:\n")
	line(b, "  - id: "+ProviderID, "stands in the registered addresses: keep it")
	line(b, "    kind: "+scalar(f.Kind), f.kindRemark())
	if f.Issuer != f.Record.Issuer.Default || f.Record.Issuer.Default == "" {
		line(b, "    issuer: "+scalar(f.Issuer), "")
	}
	if f.Backchannel != "" {
		line(b, "    backchannel_url: "+scalar(f.Backchannel), "where this server reaches it")
	}
	line(b, "    client_id: "+scalar(c.ClientID), "")
	optional := func(key, value, remark string) {
		if value != "" {
			line(b, "    "+key+": "+scalar(value), remark)
		}
	}
	optional("client_secret_file", c.SecretFile, "the secret, and nothing else")
	optional("client_secret_env", c.SecretEnv, "the environment variable with the secret")
	optional("client_key_file", c.KeyFile, "the private key, PEM")
	optional("client_key_id", c.KeyID, "")
	optional("client_key_issuer", c.KeyIssuer, "")
	optional("ca_file", p.CAFile, "certificates to trust at the provider")
	if c.SecretFile+c.SecretEnv+c.KeyFile == "" && f.Record.Client.Auth != record.AuthNone {
		b.WriteString("    record:\n      client: {auth: none}        # a public client: PKCE alone\n")
	}
}

func (p Provider) kindRemark() string {
	switch {
	case p.Kind == general:
		return "any OpenID provider"
	case p.Record.Title != "" && !strings.EqualFold(p.Record.Title, p.Kind):
		return p.Record.Title
	}
	return ""
}

func (p Plan) writeApp(b *strings.Builder) {
	a := p.App
	b.WriteString("# What is protected.\napps:\n")
	line(b, "  - id: "+p.AppID(), "")
	line(b, "    url: "+scalar(p.Address()), "where people find it")
	line(b, "    upstream: "+scalar(a.Upstream), "where it listens; only the gateway should reach it")
	remark := "what is known of " + a.Title()
	if a.Preset.Name == preset.Generic {
		remark = "nothing is known of it, so nothing is assumed"
	}
	line(b, "    preset: "+scalar(a.Preset.Name), remark)
	b.WriteString(`    # Absent: everybody who can sign in at the provider may use it.
    # access:
    #   domains: [example.com]
    #   groups: [staff]
`)
}

// AppID is the app's id in the configuration.
func (p Plan) AppID() string {
	if p.App.Preset.Name == "" || p.App.Preset.Name == preset.Generic {
		return "app"
	}
	return p.App.Preset.Name
}

// line writes a line, with a remark beside it where there is room.
func line(b *strings.Builder, text, remark string) {
	const column, width = 39, 96
	switch {
	case remark == "":
	case len(text)+2+2+len(remark) > width:
		indent := text[:len(text)-len(strings.TrimLeft(text, " -"))]
		fmt.Fprintf(b, "%s# %s\n", strings.ReplaceAll(indent, "-", " "), remark)
	default:
		text = fmt.Sprintf("%-*s  # %s", column, text, remark)
	}
	b.WriteString(text + "\n")
}

// plain are values that YAML reads as the text that they are.
var plain = regexp.MustCompile(`^[A-Za-z_./~][A-Za-z0-9_./:@~+=-]*$`)

// scalar writes a value for YAML: as it is where that is unmistakable, else quoted.
func scalar(s string) string {
	special := map[string]bool{"true": true, "false": true, "null": true, "yes": true, "no": true, "on": true, "off": true, "~": true, ".inf": true, ".nan": true, "y": true, "n": true}
	if plain.MatchString(s) && !special[strings.ToLower(s)] && !strings.HasSuffix(s, ":") {
		return s
	}
	if address.MatchString(s) {
		return s
	}
	return strconv.Quote(strings.ToValidUTF8(s, "\ufffd"))
}

// address is host:port with digits, which is neither a number nor a time to YAML 1.2.
var address = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,3}){3}:[0-9]+$`)
