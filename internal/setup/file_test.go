package setup

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

var today = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func plan(t *testing.T, public, kind, issuer, app string) Plan {
	t.Helper()
	place, err := At(public)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := record.Lookup(kind)
	if !ok {
		t.Fatalf("no record %q", kind)
	}
	s, ok := preset.Lookup(app)
	if !ok {
		t.Fatalf("no preset %q", app)
	}
	return Plan{
		Place: place, Provider: Provider{Issuer: issuer, Kind: kind, Record: r},
		App:         App{Upstream: "http://127.0.0.1:8000", Preset: s, Answers: true},
		Credentials: Credentials{ClientID: "cardea", SecretFile: "client-secret"},
	}
}

// load reads a file as "cardea config check" does.
func load(t *testing.T, text string) (*config.Config, []config.Warning) {
	t.Helper()
	read := func(path string) ([]byte, error) {
		switch filepath.Base(path) {
		case "cardea.yaml":
			return []byte(text), nil
		case "client-secret":
			return []byte("correct-horse\n"), nil
		}
		return os.ReadFile(path)
	}
	cfg, warnings, err := config.Load("cardea.yaml", func(name string) (string, bool) { return "correct-horse", name == "SECRET" }, read)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return cfg, warnings
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestTheFileIsFreeOfFaultsAndPleasantToRead(t *testing.T) {
	local := plan(t, "http://localhost:4180", "keycloak", "http://127.0.0.1:8080/realms/acme", "chainlit")
	served := plan(t, "https://auth.example.com", "github", "https://github.com", "jupyterhub")
	served.App.Base, served.Credentials = "/lab", Credentials{ClientID: "Iv1.0", SecretEnv: "SECRET"}
	odd := plan(t, "http://127.0.0.1:5180", "oidc", "https://id.example.com/~x", "generic")
	odd.Provider.Backchannel, odd.Credentials = "http://id:8080", Credentials{ClientID: "#a 'b': {c}"}
	odd.App.Upstream, odd.AppURL = "unix:/run/app.sock", "http://127.0.0.1:5180/app"
	odd.Credentials.ClientID = "#a'b:{c}"
	for name, p := range map[string]Plan{"local": local, "served": served, "odd": odd} {
		t.Run(name, func(t *testing.T) {
			text := p.File(today)
			golden(t, name+".yaml", text)
			cfg, warnings := load(t, text)
			for _, w := range warnings {
				if name != "odd" || !strings.Contains(w.String(), "plain http") {
					t.Errorf("warning: %s", w)
				}
			}
			if got := cfg.Providers[0]; got.ClientID != p.Credentials.ClientID || got.Issuer != p.Provider.Issuer || got.Kind != p.Provider.Kind {
				t.Errorf("provider %+v", got)
			}
			if got := cfg.Apps[0]; got.URL.String() != p.Address() || got.Preset != p.App.Preset.Name {
				t.Errorf("app %s %s", got.URL, got.Preset)
			}
			for line := range strings.Lines(text) {
				if len(line) > 98 || strings.TrimRight(line, " \n")+"\n" != line {
					t.Errorf("too long, or blank at its end: %q", line)
				}
			}
		})
	}
}

func TestTheFileSuitsEveryKindAndEveryPreset(t *testing.T) {
	for _, kind := range record.Kinds() {
		r, _ := record.Lookup(kind)
		issuer := r.Issuer.Default
		if issuer == "" {
			issuer = "https://id.example.com/x"
		}
		p := plan(t, "https://auth.example.com", kind, issuer, "generic")
		if r.Client.Auth == record.AuthPrivateKeyJWT || r.Client.Auth == record.AuthSignedSecret {
			p.Credentials = Credentials{ClientID: "cardea", KeyFile: keyFile(t), KeyID: "K1", KeyIssuer: "T1"}
		}
		load(t, p.File(today))
		if text := said(p); unfilled.MatchString(text) || !strings.Contains(text, p.CallbackURL()) {
			t.Errorf("%s: a word that nothing fills, or no callback:\n%s", kind, text)
		}
	}
	for _, name := range preset.Names() {
		p := plan(t, "http://localhost:4180", "oidc", "https://id.example.com", name)
		if _, warnings := load(t, p.File(today)); len(warnings) > 0 {
			t.Errorf("%s: %v", name, warnings)
		}
	}
}

var unfilled = regexp.MustCompile(`\{[a-z_]+\}`)

func said(p Plan) string {
	var b strings.Builder
	p.Registration().Write(&b)
	return b.String()
}

func TestAPublicClientSaysSo(t *testing.T) {
	p := plan(t, "http://localhost:4180", "oidc", "https://id.example.com", "generic")
	p.Credentials = Credentials{ClientID: "cardea"}
	cfg, _ := load(t, p.File(today))
	if cfg.Providers[0].Record.Client.Auth != record.AuthNone || !cfg.Providers[0].ClientSecret.IsZero() {
		t.Errorf("%+v", cfg.Providers[0].Record.Client)
	}
}

func TestWhatToRegisterIsSaidInTheProvidersOwnWords(t *testing.T) {
	local := plan(t, "http://localhost:4180", "keycloak", "http://127.0.0.1:8080/realms/acme", "chainlit")
	local.Credentials = Credentials{}
	golden(t, "register-keycloak.txt", said(local))
	golden(t, "register-github.txt", said(plan(t, "https://auth.example.com", "github", "https://github.com", "generic")))
	remote := plan(t, "http://localhost:4180", "okta", "https://acme.okta.com", "generic")
	golden(t, "register-okta.txt", said(remote))
	far := plan(t, "http://localhost:4180", "keycloak", "https://id.example.com/realms/acme", "generic")
	if text := said(far); !strings.Contains(text, "leave it out until") {
		t.Errorf("an address that the provider cannot reach is told without a word:\n%s", text)
	}
}

func TestThePlaceOfTheGateway(t *testing.T) {
	for given, want := range map[string]Place{
		"http://localhost:4180":      {"http://localhost:4180", "127.0.0.1:4180", "127.0.0.1:4181", false},
		"localhost:5180":             {"http://localhost:5180", "127.0.0.1:5180", "127.0.0.1:5181", false},
		"http://[::1]:4180/":         {"http://[::1]:4180", "[::1]:4180", "[::1]:4181", false},
		"http://127.0.0.2:65535":     {"http://127.0.0.2:65535", "127.0.0.2:65535", "127.0.0.2:4181", false},
		"https://Auth.Example.com":   {"https://auth.example.com", "127.0.0.1:4180", "127.0.0.1:4181", true},
		"auth.example.com":           {"https://auth.example.com", "127.0.0.1:4180", "127.0.0.1:4181", true},
		"https://auth.localhost:444": {"https://auth.localhost:444", "127.0.0.1:4180", "127.0.0.1:4181", true},
	} {
		if got, err := At(given); err != nil || got != want {
			t.Errorf("%s: %+v, %v", given, got, err)
		}
	}
	for _, given := range []string{"", "http://auth.example.com", "https://example.com/auth", "ws://x"} {
		if _, err := At(given); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", given, err)
		}
	}
}

func TestAPlanThatCannotBeIsRefused(t *testing.T) {
	p := plan(t, "http://localhost:8000", "oidc", "https://id.example.com", "generic")
	p.App.Upstream = "http://localhost:8000"
	if err := p.Check(); !errors.Is(err, ErrAddress) {
		t.Errorf("the app's own address: %v", err)
	}
	p = plan(t, "http://localhost:8080", "oidc", "http://localhost:8080/realms/acme", "generic")
	if err := p.Check(); !errors.Is(err, ErrAddress) {
		t.Errorf("the provider's own address: %v", err)
	}
	p = plan(t, "http://localhost:4180", "oidc", "https://id.example.com", "generic")
	p.AppURL = "https://chat.example.com"
	if err := p.Check(); !errors.Is(err, ErrAddress) {
		t.Errorf("https behind http: %v", err)
	}
	if err := plan(t, "http://localhost:4180", "oidc", "https://id.example.com", "generic").Check(); err != nil {
		t.Error(err)
	}
}

// Whatever stands in a flag arrives as it is, or is refused: it never becomes another key.
func FuzzScalar(f *testing.F) {
	for _, s := range []string{"a", "#x", "a: b", "yes", "1", "1.2.3.4:5", "{a}", "a\nb", "\"", "'", "- a", "~", "0x1", "1e3", "a:", "http://[::1]:1/x", "é\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := Plan{
			Place: Place{PublicURL: "http://localhost:4180", Listen: "127.0.0.1:4180", Ops: "127.0.0.1:4181"}, Provider: Provider{Issuer: "https://id.example.com", Kind: "oidc"},
			App: App{Upstream: "http://127.0.0.1:8000", Preset: preset.Preset{Name: "generic"}}, Credentials: Credentials{ClientID: s, SecretEnv: "SECRET"},
		}
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "\ufffd")
		}
		text := p.File(today)
		cfg, _, err := config.Load("cardea.yaml", func(string) (string, bool) { return "x", true }, func(string) ([]byte, error) { return []byte(text), nil })
		if err == nil && cfg.Providers[0].ClientID != s {
			t.Errorf("%q became %q", s, cfg.Providers[0].ClientID)
		}
	})
}
