package doctor

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/httpx"
)

func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func running(w http.ResponseWriter, _ *http.Request) {
	httpx.WriteProblem(w, httpx.Problem{Type: "session-required", Title: "Nobody is signed in", Status: 401}, 0)
}

func TestTheGatewaysOwnSettingsAreExamined(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	gateway, other, nothing := serve(running), serve(http.NotFound), strings.TrimPrefix(closed.URL, "http://")
	for _, c := range []struct {
		name, check string
		level       Level
		gateway     Gateway
	}{
		{"https with its own certificate", "proxies", OK, Gateway{PublicURL: "https://auth.localhost:1", TLS: true}},
		{"https by a proxy", "proxies", OK, Gateway{PublicURL: "https://auth.localhost:1", TrustedProxies: true}},
		{"https by nobody", "proxies", Error, Gateway{PublicURL: "https://auth.localhost:1"}},
		{"https", "public-url", OK, Gateway{PublicURL: "https://auth.localhost:1"}},
		{"http on loopback", "public-url", OK, Gateway{PublicURL: "http://localhost:1"}},
		{"http beyond", "public-url", Warning, Gateway{PublicURL: "http://0.0.0.0:1", InsecureHTTP: true}},
		{"small headers", "header-size", Warning, Gateway{PublicURL: "http://localhost:1", HeaderBytes: 8192}},
		{"headers", "header-size", OK, Gateway{PublicURL: "http://localhost:1", HeaderBytes: 65536}},
		{"running", "listening", OK, Gateway{PublicURL: "http://" + gateway, Address: gateway}},
		{"running, elsewhere told", "listening", Error, Gateway{PublicURL: "http://" + nothing, Address: gateway}},
		{"running on every interface", "listening", Error, Gateway{PublicURL: "http://" + nothing, Address: strings.Replace(gateway, "127.0.0.1", "", 1)}},
		{"port taken", "listening", Error, Gateway{PublicURL: "http://" + other, Address: other}},
		{"something else in front", "listening", Warning, Gateway{PublicURL: "http://" + other, Address: nothing}},
		{"not running", "listening", Note, Gateway{PublicURL: "http://" + nothing, Address: nothing}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.gateway.Network = "tcp"
			if c.gateway.Address == "" {
				c.gateway.Address = nothing
			}
			report, err := Examine(t.Context(), Options{PublicURL: c.gateway.PublicURL, Gateway: &c.gateway})
			if err != nil {
				t.Fatal(err)
			}
			f := finding(t, report, c.check)
			if f.Level != c.level {
				t.Errorf("%+v", f)
			}
			if f.Level != OK && (len(f.Fix) == 0 || f.Meaning == "" || len(f.Evidence) == 0) {
				t.Errorf("meaning, evidence or fix is missing: %+v", f)
			}
		})
	}
}

func TestAppsUnderAnotherNameOfThisMachineAreNoted(t *testing.T) {
	u, err := url.Parse("http://localhost:1")
	if err != nil {
		t.Fatal(err)
	}
	for app, want := range map[string]Level{"http://localhost:2": OK, "http://127.0.0.1:1": Note, "https://chat.example.com": OK} {
		var g Group
		Options{PublicURL: u.String(), Apps: []App{{ID: "chat", URL: app}}}.names(&g, u)
		if len(g.Findings) != 1 || g.Findings[0].Level != want {
			t.Errorf("%s: %+v", app, g.Findings)
		}
	}
}

func TestAnAppOnAUnixSocketIsReached(t *testing.T) {
	socket := t.TempDir() + "/s"
	l, err := httpx.ListenUnix(t.Context(), socket, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "chat.example.com" || r.URL.Path != "/chat/" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	a := App{ID: "chat", URL: "http://chat.example.com/chat", Scheme: "unix", Address: socket, Host: "chat.example.com", Path: "/chat/"}
	report, err := Examine(t.Context(), Options{PublicURL: public, Apps: []App{a}})
	if err != nil {
		t.Fatal(err)
	}
	for check, want := range map[string]Level{"app-reachable": OK, "app-alone": Note, "app-exposed": OK} {
		if f := finding(t, report, check); f.Level != want {
			t.Errorf("%+v", f)
		}
	}
}

func TestNamesThatAreNotKnownAreToldFromPortsThatAreClosed(t *testing.T) {
	at := &url.URL{Scheme: "https", Host: "id.example.com"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{dnsError(), "no address is known for the name id.example.com"},
		{refusedError(), "nothing listens at id.example.com"},
		{timeoutError(), "does not answer"},
		{expiredError(), "expired"},
		{wrongHostError(), "for other names"},
		{http.ErrSchemeMismatch, "plain http is spoken"},
		{errBudget, "breaks the exchange off"},
	} {
		if f := diagnose(c.err, at); !strings.Contains(f.Found, c.want) || len(f.Fix) == 0 {
			t.Errorf("%v: %+v", c.err, f)
		}
		if strings.Contains(why(c.err), "?") {
			t.Errorf("the query is shown: %s", why(c.err))
		}
	}
}
