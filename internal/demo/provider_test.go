package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
)

func providerOptions() ProviderOptions {
	return ProviderOptions{
		Listen: "127.0.0.1:0", Out: &text{}, Logger: slog.New(slog.DiscardHandler),
		Clients: []ProviderClient{
			{
				ID: "cardea", Secret: "a secret", RedirectURIs: []string{"http://localhost:4180/.cardea/callback/dev"},
				PostLogoutURIs: []string{"http://localhost:4180/.cardea/signed-out"},
			},
			{ID: "files", RedirectURIs: []string{"http://localhost:4180/files"}},
		},
	}
}

// startProvider runs a provider and returns its issuer.
func startProvider(t *testing.T, o ProviderOptions) (issuer string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan string, 1), make(chan error, 1)
	o.Ready = func(issuer string) { ready <- issuer }
	go func() { done <- RunProvider(ctx, o) }()
	select {
	case issuer = <-ready:
	case err := <-done:
		t.Fatalf("the provider did not start: %v", err)
	}
	return issuer, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the provider ended with %v", err)
		}
	}
}

// authorize is the address that a client sends a browser to. The challenge is the one of
// RFC 7636, appendix B.
func authorize(issuer, client, redirect string) string {
	return issuer + "/authorize?" + url.Values{
		"client_id": {client}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid profile"},
		"state": {"of the test"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()
}

func TestAProviderOfItsOwnSignsPeopleInForEveryClient(t *testing.T) {
	o := providerOptions()
	issuer, stop := startProvider(t, o)
	defer stop()
	resp, err := http.Get(issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var found struct{ Issuer string }
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil || found.Issuer != issuer {
		t.Errorf("discovery names %q: %v", found.Issuer, err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	visitor := devprovider.NewVisitor(issuer, jar, nil, "bob", "builder")
	for _, c := range o.Clients {
		back, err := visitor.Visit(t.Context(), authorize(issuer, c.ID, c.RedirectURIs[0]))
		if err != nil || !strings.HasPrefix(back.String(), c.RedirectURIs[0]) || back.Query().Get("code") == "" {
			t.Errorf("%s: came back to %v: %v", c.ID, back, err)
		}
	}
	guide := o.Out.(*text).String()
	for _, want := range []string{issuer, "bob / builder", "cardea (with a secret)", "files (public", "/.cardea/signed-out"} {
		if !strings.Contains(guide, want) {
			t.Errorf("the guide does not say %q:\n%s", want, guide)
		}
	}
	if strings.Contains(guide, "a secret\n") || strings.Contains(guide, "(a secret") {
		t.Errorf("the guide tells the client's secret:\n%s", guide)
	}
}

func TestAProviderWithAStateFileKnowsItsPeopleAfterARestart(t *testing.T) {
	o := providerOptions()
	o.Listen, o.StateFile = freeAddress(t), filepath.Join(t.TempDir(), "provider.json")
	issuer, stop := startProvider(t, o)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	visitor := devprovider.NewVisitor(issuer, jar, nil, "alice", "wonderland")
	at := authorize(issuer, "cardea", o.Clients[0].RedirectURIs[0])
	if _, err := visitor.Visit(t.Context(), at); err != nil || len(visitor.Asked) == 0 {
		t.Fatalf("asked %v: %v", visitor.Asked, err)
	}
	stop()
	_, stop = startProvider(t, o)
	defer stop()
	visitor.Asked = nil
	if _, err := visitor.Visit(t.Context(), at); err != nil || len(visitor.Asked) != 0 {
		t.Errorf("after a restart asked %v: %v", visitor.Asked, err)
	}
}

func TestAProvidersTakenAddressIsNamedWithItsFlag(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	o := providerOptions()
	o.Listen = ln.Addr().String()
	if err := RunProvider(t.Context(), o); err == nil || errors.Is(err, ErrOptions) ||
		!strings.Contains(err.Error(), o.Listen) || !strings.HasSuffix(err.Error(), "--listen") {
		t.Errorf("%v", err)
	}
}

func TestAProviderThatOtherMachinesCouldReachIsRefused(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "localhost.example.com:0"} {
		o := providerOptions()
		o.Listen = listen
		if err := RunProvider(t.Context(), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "passwords") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	for _, listen := range []string{"127.0.0.1:0", "localhost:0", "provider.localhost:0"} {
		o := providerOptions()
		o.Listen = listen
		_, stop := startProvider(t, o)
		stop()
	}
}

func TestProviderOptionsThatCannotBeAreRefused(t *testing.T) {
	for want, change := range map[string]func(*ProviderOptions){
		"--listen \"8090\" is not ho":   func(o *ProviderOptions) { o.Listen = "8090" },
		"\"http\" is not a port":        func(o *ProviderOptions) { o.Listen = "127.0.0.1:http" },
		"--token-life 1s is shorter":    func(o *ProviderOptions) { o.TokenLife = leastTokenLife / 5 },
		"a client is needed":            func(o *ProviderOptions) { o.Clients = nil },
		"--client-id is empty":          func(o *ProviderOptions) { o.Clients[0].ID = "" },
		"--client-id cardea is there t": func(o *ProviderOptions) { o.Clients[1].ID = "cardea" },
		"files has no --redirect-uri":   func(o *ProviderOptions) { o.Clients[1].RedirectURIs = nil },
		"\"/files\" is not an absolut":  func(o *ProviderOptions) { o.Clients[1].RedirectURIs = []string{"/files"} },
	} {
		o := providerOptions()
		o.Out = io.Discard
		change(&o)
		if err := RunProvider(t.Context(), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
