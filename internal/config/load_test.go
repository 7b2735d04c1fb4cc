package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/record"
)

const least = `public_url: http://localhost:4180
listen: 127.0.0.1:4180
data_dir: ./data                  # cardea.db (SQLite) and the keys live here, mode 0700
providers:
  - id: main
    kind: keycloak                # a provider record; "oidc" for any other OpenID provider
    issuer: http://localhost:8080/realms/acme
    client_id: cardea
    client_secret_env: CARDEA_CLIENT_SECRET
apps:
  - id: chat
    url: http://localhost:4180
    upstream: http://127.0.0.1:8000
`

const hidden = "s3cret-that-nobody-may-see"

// world is a machine's files and environment.
type world struct {
	files map[string]string
	env   map[string]string
}

func (w world) load(doc string) (*Config, []Warning, error) {
	return Load("/etc/cardea/cardea.yaml",
		func(name string) (string, bool) {
			if name == "CARDEA_CLIENT_SECRET" {
				return hidden, true
			}
			v, ok := w.env[name]
			return v, ok
		},
		func(path string) ([]byte, error) {
			if path == "/etc/cardea/cardea.yaml" {
				return []byte(doc), nil
			}
			if data, ok := w.files[path]; ok {
				return []byte(data), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		})
}

func mustLoad(t *testing.T, doc string) (*Config, []Warning) {
	t.Helper()
	cfg, warnings, err := world{}.load(doc)
	if err != nil {
		t.Fatalf("unexpected faults:\n%v", err)
	}
	return cfg, warnings
}

// ExampleLoad is the least configuration that works.
func ExampleLoad() {
	readFile := func(string) ([]byte, error) { return []byte(least), nil }
	env := func(string) (string, bool) { return "from the environment", true }
	cfg, _, err := Load("/etc/cardea/cardea.yaml", env, readFile)
	if err != nil {
		fmt.Println(err)
		return
	}
	app, provider := cfg.Apps[0], cfg.Providers[0]
	fmt.Println(app.URL, "->", app.Upstream, "idle", app.Session.Idle)
	fmt.Println(provider.Name, provider.Issuer, provider.ClientSecret)
	fmt.Println(cfg.Store.SQLite.Path, cfg.Admin.Listen, cfg.Ops.Listen)
	// Output:
	// http://localhost:4180 -> http://127.0.0.1:8000 idle 72h0m0s
	// Keycloak http://localhost:8080/realms/acme ********
	// /etc/cardea/data/cardea.db unix:/etc/cardea/data/admin.sock 127.0.0.1:4181
}

func TestLeastConfigurationLoadsWithoutWarning(t *testing.T) {
	cfg, warnings := mustLoad(t, least)
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	if got := cfg.Providers[0].ClientSecret.Reveal(); got != hidden {
		t.Errorf("secret %q", got)
	}
	want := App{
		ID: "chat", Name: "chat", URL: AppURL{Origin: Origin{"http", "localhost:4180"}, Path: "/"},
		Upstream: Upstream{Scheme: "http", Host: "127.0.0.1:8000"}, SignOut: SignOutProvider,
		Session: Session{Idle: 72 * time.Hour, Absolute: 336 * time.Hour, Cookie: CookiePersistent},
		Preset:  "generic", Vault: VaultOn, PageScript: new(bool),
	}
	want.Record, _ = preset.Lookup("generic")
	want.Resolved = want.Record
	if diff := cmp.Diff(want, cfg.Apps[0], cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("app (-want +got):\n%s", diff)
	}
}

// full states every key but tls, whose files have a test of their own.
const full = `public_url: https://Auth.Example.com:443/
listen: ":4180"
data_dir: /var/lib/cardea
providers:
  - id: main
    kind: oidc
    issuer: https://id.example.com/realms/acme/
    name: Acme
    client_id: cardea
    client_secret_file: secret
    scopes: [openid, email]
    domains: [Example.com, example.org]
    email_verified: always
    record:
      claims: {groups: {claim: realm_access.roles}}
    backchannel_url: http://keycloak:8080
    max_age: 12h
  - id: second
    kind: keycloak
    issuer: https://kc.example.com/realms/x
    client_id: cardea
    client_secret_env: CARDEA_CLIENT_SECRET
apps:
  - id: hub
    name: Hub
    url: https://*.apps.example.com/hub/
    upstream: unix:./hub.sock
    strip_prefix: true
    providers: [main]
    access:
      emails: [Alice@Example.com, bob@x.example.org]
      domains: [Example.COM, "*.example.org"]
      groups: [staff, "ops, night"]
      claims: {realm_access.roles: [admin], "https://example.com/role": [x]}
    paths:
      - {prefix: /hub/static/, public: true}
      - {exact: /hub/api/, bearer: true, bare_token: true}
      - {prefix: /hub/admin, access: {groups: [admins]}, max_age: 5m}
    session: {idle: 30m, absolute: 12h, cookie: browser}
    sign_out: ask
    headers: {set: authelia, X-Forwarded-User: email, Remote-Role: "claim:realm_access.roles"}
    cors: {origins: [https://Other.example.com:443], methods: [PUT], headers: [X-Requested-With], credentials: true, max_age: 10m}
    max_age: 24h
    identity: true
    preset: jupyterhub
    record: {versions: "6.0", needs: {prefix: any}}
    vault: observe
    page_script: false
    logout: [{method: GET, path: /hub/hub/logout}]
access: {domains: [example.com]}
ops: {listen: "127.0.0.1:9000"}
admin: {listen: "unix:/run/cardea.sock"}
store: {sqlite: {path: db/cardea.db}}
trusted_proxies: [10.0.0.0/8, "fd00::/8"]
keys: {root_env: ROOT}
insecure_http: false
avatars: {fetch: false, max_bytes: 65536}
log: {level: debug, format: json}
audit: {keep: 30d, file: trail/audit.jsonl}
limits: {header_bytes: 32768, refresh_failing: 1h, outbox_retry: 24h, store_wait: 1s, store_cut_off: 1m, upstream_connect: 2s, shutdown: 5s}
`

func TestEveryKeyIsTaken(t *testing.T) {
	w := world{files: map[string]string{"/etc/cardea/secret": "abc\n"}, env: map[string]string{"ROOT": "root-key"}}
	cfg, warnings, err := w.load(full)
	if err != nil {
		t.Fatal(err)
	}
	a, p := cfg.Apps[0], cfg.Providers[0]
	got := map[string]any{
		"public_url": cfg.PublicURL.String(), "url": a.URL.String(), "wild": a.URL.Wildcard(), "path": a.URL.Path,
		"socket": a.Upstream.Socket, "prefix": a.Paths[0].Prefix, "exact": a.Paths[1].Exact,
		"emails": a.Access.Emails, "domains": a.Access.Domains, "cors": a.CORS.Origins,
		"groups claim": p.Record.Claims.Groups.Claim, "believed": p.Record.Claims.Email.Verified,
		"scopes": p.Record.Scopes, "homes": p.Domains, "secret": p.ClientSecret.Reveal(), "root": cfg.Keys.Root.Reveal(),
		"db": cfg.Store.SQLite.Path, "root file": cfg.Keys.RootFile, "issuer": p.Issuer,
		"pictures": cfg.Avatars,
		"trail":    cfg.Audit.File, "kept": cfg.Audit.Keep,
		"proxies": fmt.Sprint(cfg.TrustedProxies), "set": a.Headers.Set, "user": a.Headers.Names["X-Forwarded-User"],
		"other record untouched": cfg.Providers[1].Record.Claims.Groups.Claim, "title": cfg.Providers[1].Name,
		"preset": a.Resolved.Title, "its versions": a.Resolved.Versions, "vault": a.Vault, "script": a.Script(), "bare": a.Paths[1].BareToken,
		"its replay": a.Resolved.Replay[0].Path, "its logout": fmt.Sprint(a.Logout),
	}
	want := map[string]any{
		"public_url": "https://auth.example.com", "url": "https://*.apps.example.com/hub", "wild": true, "path": "/hub",
		"socket": "/etc/cardea/hub.sock", "prefix": "/hub/static", "exact": "/hub/api/",
		"emails": []string{"alice@example.com", "bob@x.example.org"}, "domains": []string{"example.com", "*.example.org"},
		"cors":         []CORSOrigin{"https://other.example.com"},
		"groups claim": record.ClaimPath("realm_access.roles"), "believed": record.EmailAlways,
		"scopes": []string{"openid", "email"}, "homes": []string{"example.com", "example.org"}, "secret": "abc", "root": "root-key",
		"db": "/etc/cardea/db/cardea.db", "root file": "", "issuer": "https://id.example.com/realms/acme/",
		"pictures": Avatars{MaxBytes: 65536},
		"trail":    "/etc/cardea/trail/audit.jsonl", "kept": 720 * time.Hour,
		"proxies": "[10.0.0.0/8 fd00::/8]", "set": HeadersAuthelia, "user": HeaderEmail,
		"other record untouched": record.ClaimPath("groups"), "title": "Keycloak",
		"preset": "JupyterHub", "its versions": "6.0", "vault": VaultObserve, "script": false, "bare": true,
		"its replay": "/hub/hub/logout", "its logout": "[{GET /hub/hub/logout}]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var warned []string
	for _, w := range warnings {
		warned = append(warned, w.Path)
	}
	if diff := cmp.Diff([]string{"providers[0].backchannel_url", "apps[0].vault", "apps[0].page_script"}, warned); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	claim, ok := a.Headers.Names["Remote-Role"].Claim()
	if !ok || claim != "realm_access.roles" {
		t.Errorf("claim %q, %v", claim, ok)
	}
}

func TestEveryFaultIsToldInOneGo(t *testing.T) {
	_, _, err := world{}.load(`public_ulr: http://localhost
listen: 4180
providers:
  - id: main
    kind: keycloack
    client_id: cardea
    client_secret: ` + hidden + `
apps:
  - id: chat
    url: http://localhost:4180
    upstream: http://127.0.0.1:8000
    session: {idle: 30}
    providers: [mian]
`)
	var faults *Faults
	if !errors.As(err, &faults) {
		t.Fatalf("error %T", err)
	}
	want := `/etc/cardea/cardea.yaml:1:1: public_url: is missing; write public_url: https://auth.example.com, where people's browsers reach the gateway
/etc/cardea/cardea.yaml:1:1: public_ulr: unknown key "public_ulr"; write "public_url"
/etc/cardea/cardea.yaml:2:9: listen: "4180" is not host:port; write it as 127.0.0.1:4180, :4180 for every interface, or unix:/path
/etc/cardea/cardea.yaml:5:11: providers[0].kind: there is no provider record "keycloack"; write "keycloak", or oidc for any other OpenID provider
/etc/cardea/cardea.yaml:7:5: providers[0].client_secret: a secret does not stand in the configuration; write client_secret_file: PATH or client_secret_env: NAME, and change the secret if others could read this file
/etc/cardea/cardea.yaml:12:21: apps[0].session.idle: a time without a unit; write 30s, 30m or 30h
/etc/cardea/cardea.yaml:13:17: apps[0].providers[0]: there is no provider "mian"; write "main"`
	got := strings.Split(err.Error(), "\n")
	if diff := cmp.Diff(sorted(strings.Split(want, "\n")), sorted(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), hidden) {
		t.Error("the faults repeat the secret")
	}
}

func TestWarningsNameWhatIsWeak(t *testing.T) {
	tests := []struct{ name, change, to, path, message string }{
		{"plain http", "public_url: http://localhost:4180", "public_url: http://auth.lan\ninsecure_http: true", "insecure_http", "can be read"},
		{"https without a trusted proxy", "public_url: http://localhost:4180", "public_url: https://auth.lan", "public_url", "trusted_proxies"},
		{"everybody trusted", "listen: 127.0.0.1:4180", "trusted_proxies: [0.0.0.0/0]", "trusted_proxies[0]", "everybody"},
		{"metrics for all", "listen: 127.0.0.1:4180", "ops: {listen: \":9000\"}", "ops.listen", "elsewhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings := mustLoad(t, strings.Replace(least, tt.change, tt.to, 1))
			if len(warnings) != 1 || warnings[0].Path != tt.path || !strings.Contains(warnings[0].Message, tt.message) {
				t.Errorf("warnings %v, want %s: …%s…", warnings, tt.path, tt.message)
			}
		})
	}
}

func TestMissingConfigurationIsAFault(t *testing.T) {
	_, _, err := Load("nowhere.yaml", os.LookupEnv, func(string) ([]byte, error) { return nil, fs.ErrPermission })
	if err == nil || !strings.Contains(err.Error(), "nowhere.yaml: the file may not be read by this user") {
		t.Errorf("error %v", err)
	}
}

func TestAnAdminAddressIsReachedByWhatItListensOnUnlessItSaysOtherwise(t *testing.T) {
	w := world{files: map[string]string{"/etc/cardea/token": hiddenToken + "\n"}}
	for text, want := range map[string]string{
		`{listen: "127.0.0.1:9443", token_file: token}`:                                   "http://127.0.0.1:9443",
		`{listen: "LOCALHOST:9443", token_file: token}`:                                   "http://localhost:9443",
		`{listen: "127.0.0.1:9443", token_file: token, url: "https://Gate.internal:443"}`: "https://gate.internal",
		`{listen: "127.0.0.1:0", token_file: token, url: "https://gate.internal:9443"}`:   "https://gate.internal:9443",
		`{listen: "[::1]:9443", token_file: token}`:                                       "http://[::1]:9443",
	} {
		cfg, warnings, err := w.load(least + "admin: " + text + "\n")
		if err != nil || len(warnings) != 0 {
			t.Errorf("%s: %v %v", text, err, warnings)
			continue
		}
		if cfg.Admin.URL.String() != want || cfg.Admin.Token.Reveal() != hiddenToken {
			t.Errorf("%s: reached at %s, want %s", text, cfg.Admin.URL, want)
		}
		printed, err := Print(cfg)
		if err != nil || strings.Contains(string(printed), hiddenToken) {
			t.Errorf("printed: %v\n%s", err, printed)
		}
	}
}
