package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/config"
)

// answerer answers questions in turn, and notes them.
type answerer struct {
	answers []string
	asked   []string
	agree   bool
}

func (a *answerer) next(question string) (string, error) {
	a.asked = append(a.asked, question)
	if len(a.answers) == 0 {
		return "", io.EOF
	}
	answer := a.answers[0]
	a.answers = a.answers[1:]
	return answer, nil
}

func (a *answerer) Ask(question, fallback string) (string, error) {
	answer, err := a.next(question)
	if answer == "" {
		answer = fallback
	}
	return answer, err
}
func (a *answerer) Secret(question string) (string, error) { return a.next(question) }
func (a *answerer) Agree(question string) (bool, error) {
	_, err := a.next(question)
	return a.agree, err
}

// issuers serves metadata at paths.
func issuers(t *testing.T, paths ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, p := range paths {
			if r.URL.Path == p+"/.well-known/openid-configuration" {
				at := "http://" + r.Host + p
				_, _ = fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/t","jwks_uri":"%[1]s/k","end_session_endpoint":"%[1]s/e"}`, at)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func initOptions(t *testing.T, o InitOptions) (InitOptions, *strings.Builder) {
	t.Helper()
	var out strings.Builder
	o.Folder, o.Out, o.Now, o.ReadFile = filepath.Join(t.TempDir(), "conf"), &out, time.Now, os.ReadFile
	o.Env = func(name string) (string, bool) { return "correct-horse", name == "SECRET" }
	return o, &out
}

func TestANameThatTheIssuerLacksIsAskedFor(t *testing.T) {
	s := issuers(t, "/realms/master", "/realms/acme")
	ask := &answerer{answers: []string{"acme", "http://127.0.0.1:1", "http://localhost:4999", "cardea", "pasted-secret"}}
	o, out := initOptions(t, InitOptions{Issuer: s.URL, Ask: ask})
	cfg, report, err := Init(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if p := cfg.Providers[0]; p.Issuer != s.URL+"/realms/acme" || p.Kind != "keycloak" || p.ClientSecret.Reveal() != "pasted-secret" {
		t.Errorf("%+v", p)
	}
	if len(ask.asked) != 5 || !strings.Contains(ask.asked[0], "Keycloak") || !strings.Contains(ask.asked[0], "/realms/*") {
		t.Errorf("asked %q", ask.asked)
	}
	if !report.Failed() || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "is Keycloak, told by its marks") || strings.Contains(out.String(), "pasted-secret") {
		t.Errorf("failed %v\n%s", report.Failed(), out)
	}
	again, warnings, err := config.Load(cfg.File, o.Env, os.ReadFile)
	if err != nil || len(warnings) > 0 || again.Providers[0].ClientSecret.Reveal() != "pasted-secret" {
		t.Errorf("what was written: %v, %v", warnings, err)
	}
	info, err := os.Stat(filepath.Join(o.Folder, secretName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file: %v, %v", info.Mode(), err)
	}

	o.Ask = nil
	if _, _, err := Init(t.Context(), o); !errors.Is(err, ErrExists) {
		t.Errorf("a file that is there: %v", err)
	}
	refuses := &answerer{answers: []string{""}}
	o.Ask = refuses
	if _, _, err := Init(t.Context(), o); !errors.Is(err, ErrExists) || len(refuses.asked) != 1 {
		t.Errorf("a file that is there, and no: %v", err)
	}
}

func TestAnIssuerWithoutItsNameIsNamedWhereNobodyCanBeAsked(t *testing.T) {
	s := issuers(t, "/auth/realms/master")
	o, _ := initOptions(t, InitOptions{Issuer: s.URL, App: "http://127.0.0.1:1"})
	_, _, err := Init(t.Context(), o)
	wrong, ok := errors.AsType[*SetupError](err)
	if !ok || wrong.Flag != "--issuer" || !strings.Contains(err.Error(), s.URL+"/auth/realms/NAME") {
		t.Error(err)
	}
	if _, err := os.Stat(o.Folder); err == nil {
		t.Error("something was written")
	}
}

func TestANameThatTheProviderDoesNotHaveIsAskedForAgain(t *testing.T) {
	s := issuers(t, "/realms/master", "/realms/acme")
	ask := &answerer{answers: []string{"acme", "http://127.0.0.1:1", "http://localhost:4999", "", "pasted-secret"}}
	o, out := initOptions(t, InitOptions{Issuer: s.URL + "/realms/Acme", Ask: ask})
	cfg, _, err := Init(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(ask.asked[0], `has nothing of the name "Acme"`) || !strings.Contains(ask.asked[0], "case-sensitive") {
		t.Errorf("asked %q", ask.asked[0])
	}
	if p := cfg.Providers[0]; p.Issuer != s.URL+"/realms/acme" || p.ClientID != "cardea" {
		t.Errorf("%+v", p)
	}
}

func TestEverythingThatIsMissingIsNamedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		given InitOptions
		want  []string
	}{
		{"nothing given", InitOptions{}, []string{"--issuer", "--app", "--client-id", "CARDEA_CLIENT_SECRET"}},
		{"no secret in one kind", InitOptions{Kind: "apple"}, []string{"--app", "--client-id", "--client-key-file", "--client-key-id", "--client-key-issuer"}},
		{"a public client", InitOptions{Kind: "github", Public: true}, []string{"--app", "--client-id"}},
		{"an issuer to a kind", InitOptions{Kind: "okta", ClientID: "x", SecretEnv: "SECRET"}, []string{"--issuer", "--app"}},
		{"a client id", InitOptions{Kind: "github", App: "http://127.0.0.1:1", SecretEnv: "SECRET"}, []string{"--client-id"}},
	} {
		o, _ := initOptions(t, c.given)
		_, _, err := Init(t.Context(), o)
		m, ok := errors.AsType[*MissingFlagError](err)
		if !ok || len(m.All) != len(c.want) {
			t.Errorf("%s: want %v: %v", c.name, c.want, err)
			continue
		}
		for i, flag := range c.want {
			if !strings.Contains(m.All[i].Flag, flag) || !strings.Contains(err.Error(), m.All[i].Flag) {
				t.Errorf("%s: want %s in place %d: %v", c.name, flag, i, err)
			}
		}
	}
}

// A first configuration is written all the same, and what is wrong with it is told.
func TestWhatHindersAStartIsTold(t *testing.T) {
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/config" {
			_, _ = w.Write([]byte(`{"requireLogin":null,"passwordAuth":false,"headerAuth":false}`))
		}
	}))
	t.Cleanup(bare.Close)
	taken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(taken.Close)
	o, out := initOptions(t, InitOptions{
		Issuer: issuers(t, "").URL, App: bare.URL, ClientID: "cardea", Public: true, Starting: true,
		PublicURL: "http://localhost:" + strings.TrimPrefix(taken.URL, "http://127.0.0.1:"),
	})
	_, report, err := Init(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var ids []string
	for _, f := range report.Errors() {
		ids = append(ids, f.ID)
	}
	if !slices.Contains(ids, "listening-taken") || !slices.Contains(ids, "app-takes") || !report.Hopeless() {
		t.Errorf("%v\n%s", ids, out)
	}
	for _, want := range []string{"\n         @cl.header_auth_callback\n         def who(headers):\n             name = ", "Then restart Chainlit.", "--public-url http://localhost:PORT", "Restart the app after that"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
}

func TestAClientThatSignsHasAKeyInPlaceOfASecret(t *testing.T) {
	s := issuers(t, "")
	key := filepath.Join(t.TempDir(), "key.p8")
	if err := os.WriteFile(key, privateKeyPEM(t), 0o600); err != nil {
		t.Fatal(err)
	}
	base := InitOptions{Kind: "apple", Issuer: s.URL, App: "http://127.0.0.1:1", ClientID: "com.example.web"}
	all := []string{"--client-key-file FILE", "--client-key-id ID", "--client-key-issuer NAME"}
	give := []func(){func() { base.KeyFile = key }, func() { base.KeyID = "K1" }, func() { base.KeyName = "T1" }}
	for n := range all {
		o, _ := initOptions(t, base)
		_, _, err := Init(t.Context(), o)
		m, ok := errors.AsType[*MissingFlagError](err)
		if !ok || len(m.All) != len(all)-n {
			t.Fatalf("want %v: %v", all[n:], err)
		}
		for i, flag := range all[n:] {
			if m.All[i].Flag != flag {
				t.Errorf("want %s: %v", flag, err)
			}
		}
		give[n]()
	}
	o, _ := initOptions(t, base)
	cfg, _, err := Init(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if p := cfg.Providers[0]; p.ClientKey.IsZero() || p.ClientKeyID != "K1" || p.ClientKeyIssuer != "T1" || !p.ClientSecret.IsZero() {
		t.Errorf("%+v", p)
	}
}

func TestAnAppOnASocketIsRecognised(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "app.sock")
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/config" {
			_, _ = w.Write([]byte(`{"requireLogin":true}`))
		}
	})}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { server.Close() })
	o, out := initOptions(t, InitOptions{Issuer: issuers(t, "").URL, App: "unix:" + socket, ClientID: "cardea", Public: true})
	cfg, _, err := Init(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if a := cfg.Apps[0]; a.Preset != "chainlit" || a.Upstream.Socket != socket {
		t.Errorf("%+v", a)
	}
}

func TestWhatIsNamedByTheConfigurationIsFoundFromItsFolder(t *testing.T) {
	folder := t.TempDir()
	i := &initial{InitOptions: InitOptions{Folder: folder}}
	if got := i.named(filepath.Join(folder, "below", "secret")); got != filepath.Join("below", "secret") {
		t.Errorf("below: %s", got)
	}
	if got := i.named(filepath.Join(folder, "..", "secret")); !filepath.IsAbs(got) {
		t.Errorf("beside: %s", got)
	}
}

func privateKeyPEM(t *testing.T) []byte {
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
