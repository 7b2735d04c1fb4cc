package config

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/record"
)

// Provider is one OpenID provider that people sign in at.
type Provider struct {
	// Names the provider here and in its callback address: a-z, 0-9 and dashes. Keep it: sessions and registrations refer to it.
	ID string `yaml:"id" jsonschema:"required,pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?$,maxLength=63"`
	// The provider record to use; `oidc` suits any other OpenID provider with discovery.
	Kind string `yaml:"kind" jsonschema:"required"`
	// The issuer, exactly as the provider states it, trailing slash included.
	Issuer string `yaml:"issuer,omitempty"`
	// What people read on the choice page. Default: the record's title, else the id.
	Name string `yaml:"name,omitempty"`
	// E-mail domains whose people sign in at this provider: a link with `domain_hint=example.com`, or with an address there as `login_hint`, skips the choice page.
	Domains []string `yaml:"domains,omitempty"`
	// The client id that the provider gave.
	ClientID string `yaml:"client_id" jsonschema:"required"`
	// The file with the client secret.
	ClientSecretFile string `yaml:"client_secret_file,omitempty"`
	// The environment variable with the client secret.
	ClientSecretEnv string `yaml:"client_secret_env,omitempty"`
	// The file with the client's private key, PEM (PKCS #8, SEC 1 or PKCS #1), where the record authenticates by a signature: private_key_jwt, signed_secret, or discovery if the provider offers it.
	ClientKeyFile string `yaml:"client_key_file,omitempty"`
	// The environment variable with the client's private key, PEM.
	ClientKeyEnv string `yaml:"client_key_env,omitempty"`
	// The key's name at the provider, the `kid` of what it signs.
	ClientKeyID string `yaml:"client_key_id,omitempty"`
	// The name of the key's owner at the provider, where the record's assertion is issued by that, such as a team's id.
	ClientKeyIssuer string `yaml:"client_key_issuer,omitempty"`
	// The scopes to ask for, in place of the record's.
	Scopes []string `yaml:"scopes,omitempty"`
	// How far the provider's e-mail addresses are believed, in place of the record's word: as its email_verified claim says, always, or never.
	EmailVerified record.EmailVerified `yaml:"email_verified,omitempty"`
	// Links identities by themselves: somebody's first sign-in here goes to the account that has an identity of another provider marked so with the same verified e-mail. Whoever runs the provider, or gets hold of an address there, gets that account.
	LinkVerifiedEmail bool `yaml:"link_verified_email,omitempty"`
	// Overrides of single fields of the provider record.
	Override *yaml.Node `yaml:"record,omitempty"`
	// Origin at which the server reaches the provider, where that is another than browsers use. Discovery, token, keys and userinfo addresses on the issuer's origin are called there.
	BackchannelURL *Origin `yaml:"backchannel_url,omitempty" hint:"an origin such as http://idp:8080"`
	// Certificates to trust for this provider, PEM, in addition to the system's.
	CAFile string `yaml:"ca_file,omitempty"`
	// How old a sign-in at the provider may be when somebody signs in here. Absent: any age.
	MaxAge time.Duration `yaml:"max_age,omitempty"`

	// Signs people out of the provider behind this one too, where the record knows how to ask for that.
	SignOutUpstream bool `yaml:"sign_out_upstream,omitempty"`

	// ClientSecret is the secret as read from its file or the environment.
	ClientSecret Secret `yaml:"-"`
	// ClientKey is the private key as read from its file or the environment, PEM that
	// ParsePrivateKey takes.
	ClientKey Secret `yaml:"-"`
	// CA holds CAFile's certificates, PEM, checked to be readable; nil without one.
	CA []byte `yaml:"-"`
	// Record is the provider record with Override, Scopes and EmailVerified
	// applied: what everything else asks.
	Record record.Record `yaml:"-"`
}

// RefusedKey implements strict.Refuser: a secret is never written out.
func (*Provider) RefusedKey(key string) (message, fix string, refused bool) {
	switch strings.ToLower(strings.ReplaceAll(key, "-", "_")) {
	case "client_secret", "secret", "clientsecret", "password":
		return "a secret does not stand in the configuration",
			"write client_secret_file: PATH or client_secret_env: NAME, and change the secret if others could read this file", true
	case "client_key", "private_key", "clientkey", "key":
		return "a private key does not stand in the configuration",
			"write client_key_file: PATH or client_key_env: NAME, and change the key if others could read this file", true
	}
	return "", "", false
}

// SecretFrom says where the client secret comes from.
func (p *Provider) SecretFrom() string {
	switch {
	case p.ClientSecretFile != "":
		return fmt.Sprintf("file %s", p.ClientSecretFile)
	case p.ClientSecretEnv != "":
		return fmt.Sprintf("environment %s", p.ClientSecretEnv)
	default:
		return "nowhere"
	}
}
