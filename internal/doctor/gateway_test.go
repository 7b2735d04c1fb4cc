package doctor

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/freeport"
	"github.com/cardea-auth/cardea/internal/httpx"
)

func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func running(w http.ResponseWriter, _ *http.Request) {
	httpx.WriteProblem(w, httpx.Problem{Type: "session-required", Title: "Nobody is signed in", Status: 401}, 0)
}

// standing is a gateway as a test wants it: where something answers, and where nothing does.
type standing struct{ gateway, lost, other, mute, nothing string }

func newStanding(t *testing.T) standing {
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	nothing, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0") // answers nobody, and breaks off
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	go func() {
		for {
			c, err := mute.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return standing{
		mute:    mute.Addr().String(),
		gateway: serve(running), other: serve(http.NotFound), nothing: nothing,
		lost: serve(func(w http.ResponseWriter, _ *http.Request) {
			httpx.WriteProblem(w, httpx.Problem{Type: "not-found", Title: "There is no such page", Status: 404}, 0)
		}),
	}
}

// gatewayCases are of the gateway's own settings. An empty id is a gateway that is well.
var gatewayCases = []struct {
	name, check, id string
	level           Level
	gateway         func(s standing) Gateway
}{
	{"https with its own certificate", "proxies", "", OK, func(standing) Gateway { return Gateway{PublicURL: "https://auth.localhost:1", TLS: true} }},
	{"https by a proxy", "proxies", "", OK, func(standing) Gateway { return Gateway{PublicURL: "https://auth.localhost:1", TrustedProxies: true} }},
	{"https-by-nobody", "proxies", "proxies", Error, func(standing) Gateway { return Gateway{PublicURL: "https://auth.localhost:1"} }},
	{"https", "public-url", "", OK, func(standing) Gateway { return Gateway{PublicURL: "https://auth.localhost:1"} }},
	{"http on loopback", "public-url", "", OK, func(standing) Gateway { return Gateway{PublicURL: "http://localhost:1"} }},
	{"http-beyond", "public-url", "public-url", Warning, func(standing) Gateway { return Gateway{PublicURL: "http://0.0.0.0:1", InsecureHTTP: true} }},
	{"small-headers", "header-size", "header-size", Warning, func(standing) Gateway { return Gateway{PublicURL: "http://localhost:1", HeaderBytes: 8192} }},
	{"headers", "header-size", "", OK, func(standing) Gateway { return Gateway{PublicURL: "http://localhost:1", HeaderBytes: 65536} }},
	{"running", "listening", "", OK, func(s standing) Gateway { return Gateway{PublicURL: "http://" + s.gateway, Address: s.gateway} }},
	{"elsewhere-told", "listening", "listening-unreached", Error, func(s standing) Gateway { return Gateway{PublicURL: "http://" + s.nothing, Address: s.gateway} }},
	{"running on every interface", "listening", "listening-unreached", Error, func(s standing) Gateway {
		return Gateway{PublicURL: "http://" + s.nothing, Address: strings.Replace(s.gateway, "127.0.0.1", "", 1)}
	}},
	{"port-taken", "listening", "listening-taken", Error, func(s standing) Gateway { return Gateway{PublicURL: "http://" + s.other, Address: s.other} }},
	{"port-taken-by-no-server", "listening", "listening-taken", Error, func(s standing) Gateway { return Gateway{PublicURL: "http://" + s.mute, Address: s.mute} }},
	{"start-beside-a-gateway", "listening", "listening-taken", Error, func(s standing) Gateway {
		return Gateway{PublicURL: "http://" + s.gateway, Address: s.gateway, Starting: true}
	}},
	{"ops-port-taken", "listening", "listening-ops", Error, func(s standing) Gateway {
		return Gateway{PublicURL: "http://" + s.nothing, Address: s.nothing, OpsNetwork: "tcp", OpsAddress: s.mute}
	}},
	{"running with its operators' port", "listening", "", OK, func(s standing) Gateway {
		return Gateway{PublicURL: "http://" + s.gateway, Address: s.gateway, OpsNetwork: "tcp", OpsAddress: s.mute}
	}},
	{"something-else-in-front", "listening", "listening-stranger", Warning, func(s standing) Gateway { return Gateway{PublicURL: "http://" + s.other, Address: s.nothing} }},
	{"not-running", "listening", "listening-stopped", Note, func(s standing) Gateway { return Gateway{PublicURL: "http://" + s.nothing, Address: s.nothing} }},
	{"proxy-keeps-quiet", "proxy-headers", "proxy-headers", Error, func(s standing) Gateway { return Gateway{PublicURL: "http://" + s.lost, Address: s.gateway} }},
	{"two-names", "loopback-names", "loopback-names", Note, func(standing) Gateway { return Gateway{PublicURL: "http://localhost:1"} }},
}

func TestTheGatewaysOwnSettingsAreExamined(t *testing.T) {
	s := newStanding(t)
	examine := func(gw Gateway, apps ...App) *Report {
		gw.Network = "tcp"
		if gw.Address == "" {
			gw.Address = s.nothing
		}
		report, err := Examine(t.Context(), Options{PublicURL: gw.PublicURL, Gateway: &gw, Apps: apps})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	well := examine(Gateway{PublicURL: "http://" + s.gateway, Address: s.gateway, HeaderBytes: 65536})
	for _, c := range gatewayCases {
		t.Run(c.name, func(t *testing.T) {
			var apps []App
			if c.id == "loopback-names" {
				apps = []App{{ID: "chat", URL: "http://127.0.0.1:1", Scheme: "http", Address: s.other, Path: "/"}}
			}
			report := examine(c.gateway(s), apps...)
			if c.id == "" {
				if f := finding(t, report, c.check); f.Level != OK {
					t.Errorf("%+v", f)
				}
				return
			}
			f := named(t, report, c.id)
			if f.Level != c.level || f.Check != c.check || len(f.Fix) == 0 || f.Meaning == "" || len(f.Evidence) == 0 {
				t.Errorf("level, check, meaning, evidence or fix: %+v", f)
			}
			golden(t, "gateway-"+strings.ReplaceAll(c.name, " ", "-"), stable(f))
			if found(well, c.id) {
				t.Errorf("it is found of a gateway that is well:\n%s", text(t, well))
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

func TestInBriefANoteIsALineAndWhatIsWrongIsWhole(t *testing.T) {
	g := Group{Kind: KindApp, ID: "chat", At: "http://localhost:4180"}
	for _, l := range []Level{Note, Warning, Error} {
		g.add(Finding{ID: "app-takes", Level: l, Found: "found " + string(l), Meaning: "meaning " + string(l), Fix: []string{"fix " + string(l) + "\n  copied " + string(l)}})
	}
	report := newReport([]Group{g})
	var brief strings.Builder
	if err := report.WriteBrief(&brief, false); err != nil {
		t.Fatal(err)
	}
	whole := text(t, report)
	for _, c := range []struct {
		what         string
		brief, whole bool
	}{
		{"found note", true, true},
		{"meaning note", false, true},
		{"fix note", false, true},
		{"meaning warning", true, true},
		{"meaning error", true, true},
		{"\n                       copied error\n", true, true},
	} {
		if strings.Contains(brief.String(), c.what) != c.brief || strings.Contains(whole, c.what) != c.whole {
			t.Errorf("%q:\n%s\n%s", c.what, brief.String(), whole)
		}
	}
	if all := report.Errors(); len(all) != 1 || all[0].Found != "found error" || report.Hopeless() {
		t.Errorf("%+v", all)
	}
}
