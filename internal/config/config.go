package config

import (
	"net/netip"
	"time"
)

// Config is the whole configuration. Durations are written as Go writes them,
// with days of 24 hours before the rest (90s, 8h, 400d, 1d12h); paths are relative to the configuration file's folder;
// secrets stand in files or in the environment, never here.
type Config struct {
	// Origin of the gateway itself, such as https://auth.example.com. Providers send people back to {public_url}/.cardea/callback/{provider} and {public_url}/.cardea/signed-out. Must be https, unless it is a loopback name or insecure_http is set.
	PublicURL Origin `yaml:"public_url" jsonschema:"required" hint:"an origin such as https://auth.example.com"`
	// Address to serve people on: host:port, or unix:/path. Default 127.0.0.1:4180.
	Listen Listen `yaml:"listen" hint:"an address such as 127.0.0.1:4180"`
	// Folder for the database and the root key; made at the first start with mode 0700. Default ./data.
	DataDir string `yaml:"data_dir"`
	// Where people sign in. At least one.
	Providers []Provider `yaml:"providers" jsonschema:"required,minItems=1"`
	// What is protected. At least one.
	Apps []App `yaml:"apps" jsonschema:"required,minItems=1"`
	// Who may sign in at all, in addition to what apps ask. Absent: everyone whom a provider lets in.
	Access *Access `yaml:"access,omitempty"`
	// Where operators look: /livez, /readyz and /metrics.
	Ops Ops `yaml:"ops"`
	// Where the commands reach the running gateway.
	Admin Admin `yaml:"admin"`
	// Where sessions, accounts and everything durable are kept.
	Store Store `yaml:"store"`
	// Address ranges of the proxies in front, such as 10.0.0.0/8. Only of them X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed. Absent: nobody's.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies,omitempty" hint:"an address range such as 10.0.0.0/8"`
	// Certificate to serve https with. Absent: plain http, for loopback or behind a proxy that ends TLS.
	TLS *TLS `yaml:"tls,omitempty"`
	// The root key that everything secret is sealed under.
	Keys Keys `yaml:"keys"`
	// Allows plain http on names that are not loopback. Everything, cookies included, can then be read and changed on the way.
	InsecureHTTP bool `yaml:"insecure_http"`
	// What becomes of people's pictures.
	Avatars Avatars `yaml:"avatars"`
	// What is logged, and how.
	Log Log `yaml:"log"`
	// The audit trail: how long it is kept, and where it is written to beside the store.
	Audit Audit `yaml:"audit"`
	// Bounds that rarely need a change.
	Limits Limits `yaml:"limits"`

	// File is the absolute path that the configuration was read from.
	File string `yaml:"-"`
	// Digest is the SHA-256 of that file's text, in hexadecimal.
	Digest string `yaml:"-"`
}

// Ops is the operators' listener.
type Ops struct {
	// Address: host:port, or unix:/path. Default 127.0.0.1:4181.
	Listen Listen `yaml:"listen" hint:"an address such as 127.0.0.1:4181"`
}

// Admin is the listener of the administration API.
type Admin struct {
	// Address: unix:/path, which only the gateway's own user opens, or host:port, which asks for a credential. Default unix:{data_dir}/admin.sock.
	Listen Listen `yaml:"listen" hint:"a socket such as unix:/run/cardea/admin.sock"`
	// Origin at which programs reach a host:port, such as https://gate.internal:9443. The credential is good for requests to it only. Must be https beyond loopback. Default: what listen says.
	URL *Origin `yaml:"url,omitempty" hint:"an origin such as https://gate.internal:9443"`
	// The file with the credential for a host:port, 32 random characters or more.
	TokenFile string `yaml:"token_file,omitempty"`
	// The environment variable with the credential for a host:port.
	TokenEnv string `yaml:"token_env,omitempty"`
	// Certificate to serve a host:port with; needed beyond loopback.
	TLS *TLS `yaml:"tls,omitempty"`

	// Token is the credential from the file or the environment; empty for a unix socket.
	Token Secret `yaml:"-"`
}

// Store says where durable things are kept.
type Store struct {
	// An embedded SQLite database.
	SQLite SQLite `yaml:"sqlite"`
}

// SQLite is the embedded database.
type SQLite struct {
	// The database's file, on a local disk. Default {data_dir}/cardea.db.
	Path string `yaml:"path"`
}

// TLS is the certificate that https is served with.
type TLS struct {
	// The certificate chain, PEM.
	CertFile string `yaml:"cert_file" jsonschema:"required"`
	// The private key, PEM.
	KeyFile string `yaml:"key_file" jsonschema:"required"`

	// Pair is what the two files held.
	Pair Pair `yaml:"-"`
}

// Keys says where the root key is.
type Keys struct {
	// The file with the root key; made at the first start where it is missing. Default {data_dir}/root.key.
	RootFile string `yaml:"root_file,omitempty"`
	// The environment variable with the root key, in place of a file.
	RootEnv string `yaml:"root_env,omitempty"`
	// Root is the key from the environment; empty where a file holds it.
	Root Secret `yaml:"-"`
}

// Avatars says what becomes of people's pictures.
type Avatars struct {
	// Fetches, in the background, the pictures that providers name. Default true.
	Fetch bool `yaml:"fetch"`
	// Largest picture taken, from a provider or from a person, in bytes, from 16384 to 16777216. Default 2097152.
	MaxBytes int `yaml:"max_bytes"`
}

// Log says what is logged, and how.
type Log struct {
	// The least level that is logged. Default info.
	Level LogLevel `yaml:"level"`
	// Lines as `text` or as `json`. Default text.
	Format LogFormat `yaml:"format"`
}

// Audit says how long the audit trail is kept, and where it is written to beside the store.
type Audit struct {
	// How long events are kept, at least 1d. Default 400d.
	Keep time.Duration `yaml:"keep"`
	// File that every event is appended to as one line of JSON; what is not in it yet is kept however old it is. Absent: none.
	File string `yaml:"file,omitempty"`
}

// Limits are bounds that rarely need a change.
type Limits struct {
	// Largest request header taken, in bytes, from 8192 to 1048576. Default 65536: apps with many cookies exceed 20 kB.
	HeaderBytes int `yaml:"header_bytes"`
	// How long a session lives on while its tokens cannot be refreshed because the provider is down. Default 24h.
	RefreshFailing time.Duration `yaml:"refresh_failing"`
	// How long a provider is tried to be told of a sign-out. Default 72h.
	OutboxRetry time.Duration `yaml:"outbox_retry"`
	// How long a request waits for the store before people see 503, from 100ms to 10s. Default 900ms.
	StoreWait time.Duration `yaml:"store_wait"`
	// How long live connections stay open while the store cannot be reached. Default 10m.
	StoreCutOff time.Duration `yaml:"store_cut_off"`
	// How long an app may take to accept a connection. Default 10s.
	UpstreamConnect time.Duration `yaml:"upstream_connect"`
	// How long requests may take to finish when the gateway stops. Default 15s.
	Shutdown time.Duration `yaml:"shutdown"`
}

// SetDefaults sets every default that does not depend on another key.
func (c *Config) SetDefaults() {
	c.Listen = Listen{Network: "tcp", Address: "127.0.0.1:4180"}
	c.DataDir = "data"
	c.Ops.Listen = Listen{Network: "tcp", Address: "127.0.0.1:4181"}
	c.Avatars = Avatars{Fetch: true, MaxBytes: 2 << 20}
	c.Log = Log{Level: LevelInfo, Format: FormatText}
	c.Audit.Keep = 9600 * time.Hour
	c.Limits = Limits{
		HeaderBytes:     64 << 10,
		RefreshFailing:  24 * time.Hour,
		OutboxRetry:     72 * time.Hour,
		StoreWait:       900 * time.Millisecond,
		StoreCutOff:     10 * time.Minute,
		UpstreamConnect: 10 * time.Second,
		Shutdown:        15 * time.Second,
	}
}
