package acceptance

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// onHostName puts the world at a plain-http host name that is not loopback's.
func onHostName(insecure bool) func(*plan) {
	return func(p *plan) {
		public := fmt.Sprintf("http://cardea.test:%d", p.port)
		p.config.PublicURL, p.config.Apps[0].URL = public, public
		p.config.InsecureHTTP = insecure
		p.client.RedirectURIs = []string{public + "/.cardea/callback/main"}
		p.client.PostLogout = []string{public + "/.cardea/signed-out"}
	}
}

// TestConfig_PlainHTTPOnAHostName_OnlyWithInsecureHTTP: without the setting the start
// is refused and names it; with it, it works, and start and pages warn.
func TestConfig_PlainHTTPOnAHostName_OnlyWithInsecureHTTP(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		w := prepareWorld(t, onHostName(false))
		if err := w.TryStart(); err == nil {
			t.Fatal("it started")
		}
		if !strings.Contains(w.Log(), "insecure_http") {
			t.Errorf("the refusal does not name the setting:\n%s", w.LogTail())
		}
		_, err := w.Command("config", "check")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("config check: %v, want exit code 2", err)
		}
	})
	t.Run("insecure_http", func(t *testing.T) {
		w := newWorld(t, onHostName(true))
		if !strings.Contains(w.Log(), "insecure_http") {
			t.Errorf("no warning at the start:\n%s", w.LogTail())
		}
		alice := w.signedIn(t, "alice")
		page := alice.SignOut(t, w.URL)
		w.demandSignedOutPage(t, page)
		if !strings.Contains(page.Text(), "without https") {
			t.Errorf("no warning on the page: %s", page.Text())
		}
	})
}

// TestCORS_PreflightReachesTheAppWithoutASession: an allowed preflight goes to the
// application, another one does not, and the 401 can be read by the allowed origin.
func TestCORS_PreflightReachesTheAppWithoutASession(t *testing.T) {
	const allowed, other = "http://partner.localhost:9", "http://stranger.localhost:9"
	w := newWorld(t, firstApp(func(a *harness.App) {
		a.CORS = map[string]any{"origins": []string{allowed}, "methods": []string{"PUT"}, "credentials": true}
	}))
	p := env.NewPerson(t, "alice", nil)

	good := preflight(t, p, w.URL+"/cors", allowed)
	if good.Status/100 != 2 || good.Header.Get("Access-Control-Allow-Origin") != allowed {
		t.Errorf("the allowed preflight: %s %v", good, good.Header)
	}
	if n := len(w.app.Arrivals("/cors")); n != 1 {
		t.Errorf("%d preflights reached the application, want 1", n)
	}
	if bad := preflight(t, p, w.URL+"/cors", other); bad.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin's preflight is allowed: %s", bad)
	}
	if n := len(w.app.Arrivals("/cors")); n != 1 {
		t.Error("another origin's preflight reached the application")
	}

	refused := crossOrigin(t, p, w.URL+"/cors", allowed)
	demandProblem(t, refused)
	if refused.Header.Get("Access-Control-Allow-Origin") != allowed {
		t.Error("the allowed origin cannot read the 401")
	}
	if page := crossOrigin(t, p, w.URL+"/cors", other); page.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another origin can read the 401")
	}
}
