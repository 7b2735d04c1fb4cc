package devprovider_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestOnlyLoopbackHostsAreLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:80": true, "idp.localhost:9000": true, "127.0.0.1": true, "127.9.9.9:1": true,
		"[::1]:80": true, "::1": true, "[::ffff:127.0.0.1]:80": true,
		"example.com": false, "localhost.example.com": false, "notlocalhost": false, "0.0.0.0": false, "[::]:80": false,
		"192.168.1.2:80": false, "127.0.0.1.example.com": false, "": false, "127.1": false, "[fe80::1%lo]:80": false,
	} {
		if got := devprovider.LoopbackHost(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestAnotherMachinesIssuerIsRefused(t *testing.T) {
	for issuer, loopback := range map[string]bool{
		"http://idp.example.com/": false, "http://0.0.0.0:9000": false, "http://10.0.0.1:9000": false,
		"http://localhost@evil.example/": true, "": true, "ftp://localhost/": true,
		"http://localhost/?x": true, "http://localhost/#x": true,
	} {
		_, err := devprovider.New(devprovider.Options{Issuer: issuer, SigningAlg: devprovider.ES256})
		if err == nil || !loopback && !errors.Is(err, devprovider.ErrNotLoopback) {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	_, err := devprovider.New(devprovider.Options{
		Issuer: "http://localhost:9000", AlternateHosts: []string{"idp.example.com"}, SigningAlg: devprovider.ES256,
	})
	if !errors.Is(err, devprovider.ErrNotLoopback) {
		t.Errorf("alternate host: %v", err)
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	good := func() devprovider.Options {
		return devprovider.Options{Issuer: "http://localhost:9000", SigningAlg: devprovider.ES256}
	}
	for name, change := range map[string]func(*devprovider.Options){
		"algorithm":            func(o *devprovider.Options) { o.SigningAlg = "HS256" },
		"client without an ID": func(o *devprovider.Options) { o.Clients = []devprovider.Client{{}} },
		"relative redirect URI": func(o *devprovider.Options) {
			o.Clients = []devprovider.Client{{ID: "x", RedirectURIs: []string{"/cb"}}}
		},
		"script redirect URI": func(o *devprovider.Options) {
			o.Clients = []devprovider.Client{{ID: "x", RedirectURIs: []string{"javascript://x/%0aalert(1)"}}}
		},
		"unknown auth method": func(o *devprovider.Options) {
			o.Clients = []devprovider.Client{{ID: "x", Secret: "s", AuthMethod: "mtls"}}
		},
		"method without secret": func(o *devprovider.Options) {
			o.Clients = []devprovider.Client{{ID: "x", AuthMethod: "client_secret_post"}}
		},
		"two people of one name": func(o *devprovider.Options) {
			o.People = append(devprovider.DefaultPeople(), devprovider.DefaultPeople()...)
		},
		"person without a name":  func(o *devprovider.Options) { o.People = []devprovider.Person{{Password: "x"}} },
		"state file is a folder": func(o *devprovider.Options) { o.StateFile = t.TempDir() },
	} {
		opts := good()
		change(&opts)
		if _, err := devprovider.New(opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := devprovider.New(good()); err != nil {
		t.Errorf("good settings: %v", err)
	}
}

// elsewhere is a listener that pretends to be reachable from other machines.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }

func TestServeRefusesAListenerThatOthersCanReach(t *testing.T) {
	p, err := devprovider.New(devprovider.Options{Issuer: "http://localhost:9000", SigningAlg: devprovider.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Serve(t.Context(), elsewhere{ln}); !errors.Is(err, devprovider.ErrNotLoopback) {
		t.Errorf("served: %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is still open: %v", err)
	}
}

func TestRequestsForElsewhereAreRefused(t *testing.T) {
	p, err := devprovider.New(devprovider.Options{
		Issuer: "http://idp.localhost:9000/realms/x", AlternateHosts: []string{"127.0.0.1:9000"}, SigningAlg: devprovider.ES256,
	})
	if err != nil {
		t.Fatal(err)
	}
	const path = "/realms/x/.well-known/openid-configuration"
	for name, tc := range map[string]struct {
		host, path string
		local      net.Addr
		status     int
	}{
		"its own host":        {host: "idp.localhost:9000", path: path, status: 200},
		"alternate host":      {host: "127.0.0.1:9000", path: path, status: 200},
		"home":                {host: "idp.localhost:9000", path: "/realms/x/", status: 200},
		"home, no slash":      {host: "idp.localhost:9000", path: "/realms/x", status: 302},
		"outside its path":    {host: "idp.localhost:9000", path: "/.well-known/openid-configuration", status: 404},
		"rebound name":        {host: "evil.example:9000", path: path, status: 421},
		"other port":          {host: "idp.localhost:9001", path: path, status: 421},
		"no host":             {host: "", path: path, status: 421},
		"loopback address":    {host: "idp.localhost:9000", path: path, local: &net.TCPAddr{IP: net.IPv6loopback, Port: 9000}, status: 200},
		"reached from abroad": {host: "idp.localhost:9000", path: path, local: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9000}, status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "http://x"+tc.path, nil)
			r.Host = tc.host
			if tc.local != nil {
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, tc.local))
			}
			if w := recordRequest(p, r); w.Code != tc.status {
				t.Errorf("%d, want %d", w.Code, tc.status)
			}
		})
	}
}

func TestTheProviderSpeaksTLSUnderAPrivateCA(t *testing.T) {
	// httptest carries a certificate for 127.0.0.1 and its own CA.
	borrowed := httptest.NewTLSServer(http.NotFoundHandler())
	defer borrowed.Close()
	s, err := devprovider.Start(t.Context(), devprovider.Options{SigningAlg: devprovider.ES256},
		&tls.Config{Certificates: borrowed.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.HasPrefix(s.Issuer(), "https://127.0.0.1:") {
		t.Errorf("issuer %s", s.Issuer())
	}
	if _, err := oidc.NewProvider(oidc.ClientContext(t.Context(), borrowed.Client()), s.Issuer()); err != nil {
		t.Errorf("with the CA: %v", err)
	}
	empty := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}}
	if _, err := oidc.NewProvider(oidc.ClientContext(t.Context(), empty), s.Issuer()); err == nil {
		t.Error("without the CA: trusted")
	}
	if _, err := devprovider.Start(t.Context(), devprovider.Options{Issuer: "http://127.0.0.1:0"}, &tls.Config{}); err == nil {
		t.Error("an http issuer was served over TLS")
	}
}
