package record_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/record"
)

var update = flag.Bool("update", false, "write docs/providers anew")

const folder = "../../docs/providers"

// The pages of docs/providers are what the records say, in sentences.
func TestTheProviderPagesAreKeptInStepWithTheRecords(t *testing.T) {
	want := map[string]string{"README.md": overview(t)}
	for _, kind := range record.Kinds() {
		want[kind+".md"] = page(lookup(t, kind))
	}
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if want[e.Name()] == "" {
			t.Errorf("%s/%s belongs to no record", folder, e.Name())
		}
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(text, string(got)); diff != "" {
			t.Errorf("%s is not what the record says; run: go test ./internal/record -run Pages -update\n%s", name, diff)
		}
	}
}

func TestTheLeastConfigurationOfEveryPageIsFreeOfFaults(t *testing.T) {
	const rest = "public_url: https://auth.example.com\ntrusted_proxies: [127.0.0.1/32]\n" +
		"apps:\n  - {id: chat, url: https://chat.example.com, upstream: http://127.0.0.1:8000}\n"
	key := signingKey(t)
	for _, kind := range record.Kinds() {
		env := func(string) (string, bool) { return "a secret", true }
		read := func(name string) ([]byte, error) {
			if strings.HasSuffix(name, ".p8") {
				return key, nil
			}
			return []byte(rest + least(lookup(t, kind))), nil
		}
		_, warnings, err := config.Load("cardea.yaml", env, read)
		if err != nil {
			t.Errorf("%s: %v\n%s", kind, err, least(lookup(t, kind)))
		}
		if len(warnings) > 0 {
			t.Errorf("%s: %v", kind, warnings)
		}
	}
}

func TestEveryAddressAndStepOfARecordIsOnItsPage(t *testing.T) {
	for _, kind := range record.Kinds() {
		r := lookup(t, kind)
		text := page(r)
		said := slices.Concat(r.Notes, r.Sources, r.Register.Steps)
		for _, fix := range r.Fixes {
			said = append(said, fix)
		}
		for _, s := range append(said, r.CheckedOn, r.Register.RedirectURI, r.Register.Console, r.Register.Create) {
			if !strings.Contains(text, escape(s)) {
				t.Errorf("%s.md lacks %q", kind, s)
			}
		}
		if !strings.Contains(text, r.SignOut.ManualURL) {
			t.Errorf("%s.md lacks %s", kind, r.SignOut.ManualURL)
		}
	}
}

// signingKey is a key as providers hand it out: PKCS #8, PEM.
func signingKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func lookup(t *testing.T, kind string) record.Record {
	t.Helper()
	r, ok := record.Lookup(kind)
	if !ok {
		t.Fatalf("no record %q", kind)
	}
	return r
}

// issuers are examples for kinds whose issuer differs from one operator to the next.
func issuers() map[string]string {
	return map[string]string{
		"auth0":             "https://acme.eu.auth0.com/      # with the slash",
		"authelia":          "https://auth.acme.example",
		"authentik":         "https://authentik.acme.example/application/o/cardea/   # with the slash",
		"casdoor":           "https://door.acme.example",
		"cognito":           "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123",
		"descope":           "https://api.descope.com/P2abcdefghijklmnopqrstuvwxyz",
		"dex":               "https://dex.acme.example",
		"entra":             "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0   # the tenant's id",
		"github-enterprise": "https://github.acme.example/login/oauth",
		"hydra":             "https://hydra.acme.example/",
		"kanidm":            "https://idm.acme.example/oauth2/openid/cardea",
		"keycloak":          "https://id.acme.example/realms/acme",
		"keycloak-17":       "https://id.acme.example/auth/realms/acme",
		"logto":             "https://acme.logto.app/oidc",
		"oauth2":            "https://git.acme.example",
		"oidc":              "https://id.acme.example",
		"okta":              "https://acme.okta.com/oauth2/default",
		"pocket-id":         "https://id.acme.example",
		"wecom":             "https://work.weixin.qq.com/ww1234567890abcdef   # the CorpID at the end",
		"zitadel":           "https://acme.zitadel.cloud",
	}
}

// more is what beyond the common lines a kind cannot do without.
func more() map[string]string {
	return map[string]string{
		"oauth2": `    record:
      endpoints:
        authorization: "{issuer}/login/oauth/authorize"
        token: "{issuer}/login/oauth/access_token"
        userinfo: "{origin}/api/v1/user"
      claims:
        subject_key: [id]
        username: login
        name: full_name
`,
		"wecom": `    record:
      client:
        authorize_params: {login_type: CorpApp, agentid: "1000002"}   # the app's AgentId
`,
	}
}

// least is the providers' part of a configuration, with nothing in it that may be left out.
func least(r record.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "providers:\n  - id: main\n    kind: %s\n", r.Kind)
	if issuer := issuers()[r.Kind]; issuer != "" {
		fmt.Fprintf(&b, "    issuer: %s\n", issuer)
	}
	switch r.Client.Auth {
	case record.AuthSignedSecret:
		b.WriteString("    client_id: com.example.signin            # the Services ID\n")
		b.WriteString("    client_key_file: /etc/cardea/AuthKey.p8\n    client_key_id: ABC1234567\n    client_key_issuer: DEF7654321            # the team's id\n")
	default:
		b.WriteString("    client_id: " + clientID(r.Kind) + "\n    client_secret_env: CARDEA_CLIENT_SECRET\n")
	}
	b.WriteString(more()[r.Kind])
	return b.String()
}

func clientID(kind string) string {
	if kind == "wecom" {
		return "ww1234567890abcdef             # the CorpID"
	}
	return "cardea"
}

func page(r record.Record) string {
	var b strings.Builder
	section := func(title string, paragraphs ...string) {
		text := strings.Join(slices.DeleteFunc(paragraphs, func(s string) bool { return s == "" }), "\n\n")
		if text != "" {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", title, text)
		}
	}
	fmt.Fprintf(&b, "<!-- Made of internal/record/records/%s.yaml by: go test ./internal/record -run Pages -update -->\n", r.Kind)
	fmt.Fprintf(&b, "# %s\n\n%s\n", heading(r), introduction(r))
	section("The least configuration", "```yaml\n"+least(r)+"```", "Every field of the record can be overridden by `providers[].record`: see [Provider records](../configuration.md#provider-records).")
	section("What to register", registration(r)...)
	section("What signing out does", signingOut(r)...)
	section("What stays open", list(staysOpen(r)))
	section("Asking for a fresh sign-in", freshSignIn(r)...)
	section("Refresh tokens", refreshTokens(r)...)
	section("Taking tokens back", revocation(r)...)
	section("Sign-out from the provider", notices(r)...)
	section("What is known of people", people(r)...)
	section("When the doctor complains", fixes(r))
	section("To know", list(r.Notes))
	section("Sources", "Checked on "+r.CheckedOn+".\n\n"+list(r.Sources))
	return b.String()
}

func heading(r record.Record) string {
	if r.Title == "" {
		return map[string]string{"oidc": "Any OpenID provider", "oauth2": "Any OAuth 2 server"}[r.Kind]
	}
	if r.Kind == "keycloak-17" {
		return "Keycloak 17 and older"
	}
	return r.Title
}

func list(items []string) string {
	var b strings.Builder
	for _, item := range items {
		fmt.Fprintf(&b, "- %s\n", escape(item))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// escape shows names and addresses in what a record says as such, and keeps the rest from
// being read as markup.
func escape(s string) string {
	var b strings.Builder
	rest := s
	for rest != "" {
		at := names.FindStringIndex(rest)
		if at == nil {
			break
		}
		word := strings.TrimRight(rest[at[0]:at[1]], ".:")
		b.WriteString(plain.Replace(rest[:at[0]]) + "`" + word + "`")
		rest = rest[at[0]+len(word):]
	}
	return b.String() + plain.Replace(rest)
}

var (
	names = regexp.MustCompile(`\{[^{}]*\}[^\s,;"')]*|[\w./:@$?=&#-]*_[\w./:@$?=&#{}-]*`)
	plain = strings.NewReplacer("<", "&lt;", "*", `\*`)
)
