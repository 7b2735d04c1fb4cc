package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// followsHost makes the provider derive its issuer from the Host header, as Keycloak
// without a fixed hostname does.
func (f *fake) followsHost(scheme string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.set(func() {
			proto := scheme
			if p := r.Header.Get("X-Forwarded-Proto"); p != "" {
				proto = p
			}
			base := proto + "://" + r.Host
			for name, path := range map[string]string{"issuer": "/realms/acme", "authorization_endpoint": "/authorize", "token_endpoint": "/token",
				"jwks_uri": "/keys", "userinfo_endpoint": "/userinfo", "end_session_endpoint": "/logout", "revocation_endpoint": "/revoke"} {
				f.discovery[name] = base + path
			}
		})
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/realms/acme")
		f.ServeHTTP(w, r)
	})
}

func TestServerReachesTheProviderAtAnotherAddressThanBrowsers(t *testing.T) {
	const public = "https://sso.example:8443"
	f := unstarted(t)
	f.srv = httptest.NewServer(f.followsHost("http"))
	t.Cleanup(f.srv.Close)
	f.serveAs(public + "/realms/acme")
	now := time.Now()
	f.grant(f.idClaims(now))
	clock := newClock()
	o := f.options("keycloak", nil)
	o.BackchannelURL, o.Now = f.srv.URL, clock.Now
	o.Record.Claims.UserInfo.Use = "always"
	p := build(t, o)

	browser, err := p.AuthorizationURL(t.Context(), request())
	if err != nil || !strings.HasPrefix(browser, public+"/authorize?") {
		t.Errorf("authorization: %v %v", browser, err)
	}
	auth, err := p.Exchange(t.Context(), now, ask(now))
	if err != nil {
		t.Fatal(err)
	}
	out, ok, err := p.EndSessionByBrowser(t.Context(), oidc.EndSessionRequest{IDToken: auth.Tokens.IDToken})
	if err != nil || !ok || !strings.HasPrefix(out.URL, public+"/logout?") {
		t.Errorf("end session: %+v %v %v", out, ok, err)
	}
	if done, err := p.EndSessionByServer(t.Context(), oidc.EndSessionRequest{RefreshToken: "refresh-1"}); !done || err != nil {
		t.Errorf("end session by server: %v %v", done, err)
	}
	if err := p.Revoke(t.Context(), auth.Tokens); err != nil {
		t.Errorf("revoke: %v", err)
	}
	clock.reaches(t, p)
	for _, path := range []string{wellKnown, "/keys", "/token", "/userinfo", "/logout", "/revoke"} {
		if f.count(path) == 0 {
			t.Errorf("%s was not called at the back-channel address", path)
		}
		if host := f.hosts[path]; host != "sso.example:8443" {
			t.Errorf("%s: Host %q", path, host)
		}
	}
}

func TestBackchannelAddressThatTheProviderNamesIsNotShownToBrowsers(t *testing.T) {
	f := newFake(t)
	back := f.issuer
	f.issuer = "https://sso.example"
	f.discovery["issuer"] = f.issuer // a fixed hostname; all else follows the address called
	o := f.options("oidc", nil)
	o.BackchannelURL = back
	p := build(t, o)
	for range 2 {
		browser, err := p.AuthorizationURL(t.Context(), request())
		if err != nil || !strings.HasPrefix(browser, "https://sso.example/authorize?") {
			t.Errorf("authorization: %v %v", browser, err)
		}
	}
	out, _, err := p.EndSessionByBrowser(t.Context(), oidc.EndSessionRequest{})
	if err != nil || !strings.HasPrefix(out.URL, "https://sso.example/logout?") {
		t.Errorf("end session: %v %v", out, err)
	}
}

func TestEndpointsOnOtherHostsStayThere(t *testing.T) {
	a, err := newAddresses("https://idp.example/pool", "http://10.0.0.5:8080", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ in, target, host string }{
		{"https://idp.example/token?x=1", "http://10.0.0.5:8080/token?x=1", "idp.example"},
		{"https://IDP.example:443/token", "http://10.0.0.5:8080/token", "idp.example"},
		{"http://10.0.0.5:8080/token", "http://10.0.0.5:8080/token", "idp.example"},
		{"https://login.other.example/token", "https://login.other.example/token", ""},
		{"https://idp.example:8443/token", "https://idp.example:8443/token", ""},
		{"http://idp.example/token", "http://idp.example/token", ""},
	} {
		if target, host := a.server(tc.in); target != tc.target || host != tc.host {
			t.Errorf("%s: %s with Host %q", tc.in, target, host)
		}
	}
	if got := a.browser("https://login.other.example/x"); got != "https://login.other.example/x" {
		t.Errorf("browser: %s", got)
	}
}

func TestAddressesThatCannotBeMeantAreRefused(t *testing.T) {
	for _, tc := range []struct {
		issuer, back string
		insecure, ok bool
	}{
		{"https://idp.example", "", false, true},
		{"https://idp.example/realms/a", "https://10.0.0.5/realms/a/", false, true},
		{"http://127.0.0.1:8080", "", false, true},
		{"http://idp.localhost", "", false, true},
		{"http://[::1]:8080", "", false, true},
		{"http://idp.example", "", false, false},
		{"http://idp.example", "", true, true},
		{"http://localhost.evil.example", "", false, false},
		{"idp.example", "", false, false},
		{"ftp://idp.example", "", true, false},
		{"https://user:pw@idp.example", "", false, false},
		{"https://idp.example/?tenant=1", "", false, false},
		{"https://idp.example#x", "", false, false},
		{"https://idp.example", "10.0.0.5:80", false, false},
		{"https://idp.example", "http://10.0.0.5/other", false, false},
		{"https://idp.example", "http://10.0.0.5/?x=1", false, false},
		{"https://:443", "", false, false},
	} {
		if _, err := newAddresses(tc.issuer, tc.back, tc.insecure); (err == nil) != tc.ok {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

// authority makes a CA and a certificate of it for one host.
func authority(t *testing.T, host string) (caPEM []byte, cert tls.Certificate) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	caKey, leafKey := key(), key()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if ip := net.ParseIP(host); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: leafKey}
}

func TestPrivateCAIsTrustedForItsProviderAlone(t *testing.T) {
	roots, cert := authority(t, "127.0.0.1")
	f := unstarted(t)
	f.srv = httptest.NewUnstartedServer(f)
	f.srv.EnableHTTP2 = true
	f.srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	f.srv.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are meant
	f.srv.StartTLS()
	t.Cleanup(f.srv.Close)
	f.serveAs(f.srv.URL)
	proto := make(chan string, 8)
	f.handle("/token", func(w http.ResponseWriter, r *http.Request) { proto <- r.Proto; w.WriteHeader(http.StatusBadRequest) })

	o := f.options("oidc", nil)
	if _, err := build(t, o).AuthorizationURL(t.Context(), request()); err == nil || !strings.Contains(err.Error(), "certificate not trusted") {
		t.Errorf("without the CA file: %v", err)
	}
	o.RootCAs = roots
	p := build(t, o)
	if _, err := p.AuthorizationURL(t.Context(), request()); err != nil {
		t.Errorf("with the CA file: %v", err)
	}
	now := time.Now()
	if _, err := p.Exchange(t.Context(), now, ask(now)); oidc.CodeOf(err) != codeStatus {
		t.Errorf("token request: %v", err)
	}
	select {
	case got := <-proto:
		if got != "HTTP/2.0" {
			t.Errorf("spoke %s", got)
		}
	default:
		t.Error("the token endpoint was not asked")
	}
	o.RootCAs = []byte("no certificate")
	if _, err := New(o); err == nil {
		t.Error("a CA file without a certificate was taken")
	}
}

func TestCertificateIsCheckedAgainstTheBackchannelHost(t *testing.T) {
	for name, tc := range map[string]struct {
		certFor string
		good    bool
	}{"for the back-channel host": {"127.0.0.1", true}, "for the public host only": {"sso.example", false}} {
		t.Run(name, func(t *testing.T) {
			roots, cert := authority(t, tc.certFor)
			f := unstarted(t)
			f.srv = httptest.NewUnstartedServer(f.followsHost("https"))
			f.srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			f.srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			f.srv.StartTLS()
			t.Cleanup(f.srv.Close)
			f.serveAs("https://sso.example/realms/acme")
			o := f.options("keycloak", nil)
			o.BackchannelURL, o.RootCAs = f.srv.URL, roots
			_, err := build(t, o).AuthorizationURL(t.Context(), request())
			if (err == nil) != tc.good {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestErrorsQuoteNoAddressWithAQuery(t *testing.T) {
	err := plain(&url.Error{Op: "Post", URL: "https://idp.example/?secret=1", Err: &opaqueError{text: "timed out"}})
	if strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}
