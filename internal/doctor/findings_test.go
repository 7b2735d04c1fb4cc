package doctor

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

// metadata makes a server that serves one discovery document at one path, and 404 beside.
func metadata(path, issuerPath string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != path+wellKnown {
			http.NotFound(w, req)
			return
		}
		_, _ = fmt.Fprintf(w, `{"issuer":"http://%s%s"}`, req.Host, issuerPath)
	}
}

func discovery(change func(map[string]any)) func(*rig) {
	return func(r *rig) { r.options.Faults.Discovery = change }
}

// page makes an endpoint answer whatever it is asked.
func page(e devprovider.Endpoint, status int, body string) func(*rig) {
	return func(r *rig) {
		r.options.Faults.Before = func(at devprovider.Endpoint, _ *http.Request) *devprovider.Answer {
			if at == e {
				return devprovider.NewAnswer(status, "text/html", body)
			}
			return nil
		}
	}
}

func dated(skew time.Duration) func(*rig) {
	return func(r *rig) {
		now := time.Now().Truncate(time.Second)
		r.now = func() time.Time { return now }
		r.options.Faults.After = func(_ devprovider.Endpoint, _ *http.Request, a *devprovider.Answer) {
			a.Header.Set("Date", now.Add(skew).UTC().Format(http.TimeFormat))
		}
	}
}

// cases break one thing each.
var cases = []struct {
	name, check string
	level       Level
	found       string // a part of the line
	provoke     func(*rig)
}{
	{"nothing-listens", "reachable", Error, "nothing listens", func(r *rig) { s := r.stands(http.NotFound, ""); s.Close() }},
	{"path-without-auth", "reachable", Error, "no discovery document", func(r *rig) {
		r.stands(metadata("/auth/realms/acme", "/auth/realms/acme"), "/realms/acme")
	}},
	{"path-with-auth", "reachable", Error, "no discovery document", func(r *rig) {
		r.stands(metadata("/realms/acme", "/realms/acme"), "/auth/realms/acme")
	}},
	{"realm-misspelled", "reachable", Error, "no discovery document", func(r *rig) {
		r.stands(metadata("/realms/master", "/realms/master"), "/realms/Acme")
	}},
	{"realm-left-out", "reachable", Error, "no discovery document", func(r *rig) {
		r.stands(metadata("/realms/master", "/realms/master"), "")
	}},
	{"provider-fails", "reachable", Error, "error of its own", page(devprovider.Discovery, 503, "starting")},
	{"redirected", "reachable", Error, "redirected", func(r *rig) {
		r.stands(func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "https://id.example.com"+req.URL.Path+"?x=y", http.StatusMovedPermanently)
		}, "")
	}},
	{"a-page-in-its-place", "reachable", Error, "no OpenID provider", page(devprovider.Discovery, 200, "<html>Welcome</html>")},
	{"https-spoken-http-configured", "reachable", Error, "speaks https", func(r *rig) {
		s := httptest.NewTLSServer(http.NotFoundHandler())
		r.t.Cleanup(s.Close)
		r.issuer = strings.Replace(s.URL, "https://", "http://", 1)
	}},
	{"http-spoken-https-configured", "tls", Error, "plain http is spoken", func(r *rig) {
		s := r.stands(http.NotFound, "")
		r.issuer = strings.Replace(s.URL, "http://", "https://", 1)
	}},
	{"certificate-not-trusted", "tls", Error, "not trusted", func(r *rig) {
		s := httptest.NewTLSServer(http.NotFoundHandler())
		r.t.Cleanup(s.Close)
		r.issuer = s.URL
	}},
	{"issuer-slash", "issuer", Error, "trailing slash", discovery(func(d map[string]any) { d["issuer"] = d["issuer"].(string) + "/" })},
	{"issuer-scheme", "issuer", Error, "one is http", discovery(func(d map[string]any) {
		d["issuer"] = strings.Replace(d["issuer"].(string), "http:", "https:", 1)
	})},
	{"issuer-loopback-name", "issuer", Error, "two names", discovery(func(d map[string]any) {
		d["issuer"] = strings.Replace(d["issuer"].(string), "127.0.0.1", "localhost", 1)
	})},
	{"issuer-host", "issuer", Error, "differ in the host", discovery(func(d map[string]any) { d["issuer"] = "https://id.example.com" })},
	{"issuer-follows-backchannel", "issuer", Error, "backchannel_url", func(r *rig) {
		s := r.stands(nil, "")
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q}`, s.URL)
		})
		r.issuer, r.backchannel = "https://id.example.com", s.URL
	}},
	{"issuer-on-loopback", "loopback", Error, "gateway is not", func(r *rig) { r.public = "https://auth.example.com" }},
	{"loopback-shared", "loopback", Note, "share the host name", func(r *rig) { r.public = "http://127.0.0.1:4180" }},
	{"clock-off", "clock", Warning, "45s apart", dated(45 * time.Second)},
	{"clock-far-off", "clock", Error, "5m0s apart", dated(-5 * time.Minute)},
	{"endpoint-missing", "endpoints", Error, "token_endpoint", discovery(func(d map[string]any) { delete(d, "token_endpoint") })},
	{"endpoints-in-the-clear", "endpoints", Error, "plain http", func(r *rig) {
		var s *httptest.Server
		s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":"%s/a","token_endpoint":"http://id.example.com/t?x=y","jwks_uri":"%s/k"}`, s.URL, s.URL, s.URL)
		}))
		r.t.Cleanup(s.Close)
		r.issuer, r.roots = s.URL, pemOf(s)
	}},
	{"scope-openid-missing", "scopes", Error, "openid", func(r *rig) { r.scopes = []string{"profile"} }},
	{"scope-not-offered", "scopes", Warning, "not offered: roles", func(r *rig) { r.scopes = []string{"openid", "roles"} }},
	{"offline-access-not-offered", "refresh", Note, "offline_access", func(r *rig) {
		r.kind = "oidc"
		discovery(func(d map[string]any) { d["scopes_supported"] = []string{"openid", "profile", "email"} })(r)
	}},
	{"offline-access-not-needed", "refresh", Warning, "offline_access", func(r *rig) { r.scopes = []string{"openid", "offline_access"} }},
	{"pkce-not-offered", "pkce", Warning, "not offered", discovery(func(d map[string]any) { d["code_challenge_methods_supported"] = []string{"plain"} })},
	{"pkce-unsaid", "pkce", Note, "does not say", discovery(func(d map[string]any) { delete(d, "code_challenge_methods_supported") })},
	{"pkce-off", "pkce", Note, "PKCE is off", func(r *rig) { r.change = func(rec *record.Record) { rec.Client.PKCE = record.PKCEOff } }},
	{"client-auth-not-offered", "client-auth", Error, "does not take client_secret_basic", discovery(func(d map[string]any) {
		d["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
	})},
	{"symmetric-signatures", "algorithms", Error, "no way that is accepted", discovery(func(d map[string]any) {
		d["id_token_signing_alg_values_supported"] = []string{"HS256"}
	})},
	{"keys-none", "keys", Error, "no usable key", func(r *rig) {
		r.options.Faults.Keys = func([]json.RawMessage) []json.RawMessage { return nil }
	}},
	{"keys-weak", "keys", Warning, "weak", func(r *rig) {
		r.options.Faults.Keys = func(k []json.RawMessage) []json.RawMessage {
			return append(k, json.RawMessage(`{"kty":"RSA","n":"`+strings.Repeat("_", 171)+`","e":"AQAB"}`), json.RawMessage(`{"kty":"oct","k":"c2VjcmV0"}`))
		}
	}},
	{"keys-unfetched", "keys", Error, "no key set", page(devprovider.Keys, 500, "")},
	{"redirect-uri-not-registered", "redirect-uri", Error, "refuses the redirect URI", func(r *rig) {
		r.client.RedirectURIs = []string{"http://localhost:4180/elsewhere"}
	}},
	{"client-unknown", "redirect-uri", Error, "does not know the client", func(r *rig) { r.client.ID = "another" }},
	{"redirect-uri-untold", "redirect-uri", Note, "cannot be told", page(devprovider.Authorize, 200, "<p>One page for all</p>")},
	{"authorize-fails", "redirect-uri", Warning, "no answer that says anything", page(devprovider.Authorize, 500, "")},
	{"scope-refused", "redirect-uri", Error, "refuses the request: invalid_scope", func(r *rig) {
		r.options.Faults.Before = func(e devprovider.Endpoint, req *http.Request) *devprovider.Answer {
			back := req.URL.Query().Get("redirect_uri")
			if e != devprovider.Authorize || back == elsewhere {
				return nil
			}
			a := devprovider.NewAnswer(302, "text/html", "")
			a.Header.Set("Location", back+"?error=invalid_scope&state="+req.URL.Query().Get("state"))
			return a
		}
	}},
	{"post-logout-not-registered", "post-logout-uri", Error, "refuses the post-logout", func(r *rig) { r.client.PostLogoutRedirectURIs = nil }},
	{"post-logout-untold", "post-logout-uri", Note, "cannot be told", page(devprovider.EndSession, 200, "<p>Sign out?</p>")},
	{"post-logout-wants-hint", "post-logout-uri", Warning, "or it wants a hint", page(devprovider.EndSession, 400, "<p>Missing parameters</p>")},
	{"end-session-fails", "post-logout-uri", Warning, "no answer that says anything", page(devprovider.EndSession, 502, "")},
	{"hint-required", "post-logout-uri", Note, "without a hint", func(r *rig) {
		r.change = func(rec *record.Record) { rec.SignOut.Hint = record.HintRequired }
	}},
	{"end-session-missing", "sign-out", Warning, "no end_session_endpoint", discovery(func(d map[string]any) { delete(d, "end_session_endpoint") })},
	{"no-sign-out-at-all", "sign-out", Note, "no call that ends", func(r *rig) {
		r.change = func(rec *record.Record) { rec.SignOut.Kind = record.SignOutNone }
	}},
	{"revocation-missing", "revocation", Warning, "no revocation_endpoint", discovery(func(d map[string]any) { delete(d, "revocation_endpoint") })},
	{"revocation-none", "revocation", Note, "cannot take tokens back", func(r *rig) {
		r.change = func(rec *record.Record) { rec.Revocation.Kind = record.RevocationNone }
	}},
	{"notices", "notices", Note, "cannot be told from here", func(*rig) {}},
	{"notices-unsaid", "notices", Note, "does not say", func(r *rig) {
		r.kind = "oidc"
		discovery(func(d map[string]any) { delete(d, "backchannel_logout_supported") })(r)
	}},
	{"secret-wrong", "credentials", Error, "refuses the client id and secret", func(r *rig) { r.secret = "another-secret" }},
	{"secret-left-out", "credentials", Error, "there is no secret", func(r *rig) { r.secret = "" }},
	{"token-fails", "credentials", Warning, "no answer that says anything", page(devprovider.Token, 200, "<p>Welcome</p>")},
	{"app-down", "app-reachable", Error, "nothing listens", func(r *rig) {
		r.apps = func(a App) App { a.Address = "127.0.0.1:1"; return a }
	}},
	{"app-fails", "app-reachable", Warning, "answers with an error", func(r *rig) {
		r.app = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	}},
	{"app-open", "app-alone", Note, "shows its first page", func(r *rig) { r.app = func(http.ResponseWriter, *http.Request) {} }},
	{"app-exposed", "app-exposed", Warning, "not loopback", func(r *rig) {
		r.apps = func(a App) App { a.Address = strings.Replace(a.Address, "127.0.0.1", "0.0.0.0", 1); return a }
	}},
	{"app-setup", "app-setup", Note, "Chat itself", func(r *rig) {
		r.apps = func(a App) App { a.Title, a.Setup = "Chat", []string{"Set CHAT_AUTH to header."}; return a }
	}},
}

func TestEveryMisconfigurationIsFoundAndSaidWithItsFix(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c.provoke(r)
			f := finding(t, r.examine(), c.check)
			if f.Level != c.level || !strings.Contains(f.Found, c.found) {
				t.Errorf("%s: %s, want %s: …%s…", f.Level, f.Found, c.level, c.found)
			}
			if f.Meaning == "" && c.check != "post-logout-uri" && c.check != "app-setup" {
				t.Error("it is not said what this means for people")
			}
			if f.Level == Error && (len(f.Fix) == 0 || len(f.Evidence) == 0 && c.check != "endpoints") {
				t.Errorf("an error without fix or evidence: %+v", f)
			}
			golden(t, c.name, stable(r, f))
		})
	}
}

// stable takes out what differs from run to run.
func stable(r *rig, f Finding) string {
	var b strings.Builder
	f.write(&b, false)
	s := strings.Join(strings.Fields(b.String()), " ")
	s = strings.NewReplacer(" seen: ", "\nseen: ", " fix: ", "\nfix: ", " more: ", "\nmore: ").Replace(s)
	s = regexp.MustCompile(`(127\.0\.0\.1|0\.0\.0\.0|localhost):\d{5}`).ReplaceAllString(s, "$1:PORT")
	s = regexp.MustCompile(`dated [A-Z][a-z]{2}, [^\n]* GMT`).ReplaceAllString(s, "dated DATE")
	s = regexp.MustCompile(`dial tcp: lookup [^\n]*`).ReplaceAllString(s, "dial tcp: lookup FAILED")
	return s + "\n"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "findings", name+".txt")
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
