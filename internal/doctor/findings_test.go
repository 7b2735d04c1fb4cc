package doctor

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
	"github.com/cardea-auth/cardea/internal/preset"
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

// nowhere is a provider's address at which nobody listens.
func nowhere(r *rig) {
	address, err := freeport.Address()
	if err != nil {
		r.t.Fatal(err)
	}
	r.issuer = "http://" + address
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

// broken is a misconfiguration and what is found of it.
type broken struct {
	name, id string
	level    Level
	found    string     // a part of the line
	base     func(*rig) // of the rig, broken and mended alike; may be nil
	provoke  func(*rig)
	mend     func(*rig) // in place of provoke; nil: the rig as it is
}

// known is a base whose record is changed.
func known(kind string, change func(*record.Record)) func(*rig) {
	return func(r *rig) { r.kind, r.change = kind, change }
}

func scopesSupported(scopes ...string) func(*rig) {
	return discovery(func(d map[string]any) { d["scopes_supported"] = scopes })
}

// certified stands a server with a certificate of its own in the provider's place.
func certified(change func(*x509.Certificate)) func(*rig) {
	return func(r *rig) {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(r.t, change)}, MinVersion: tls.VersionTLS12}
		s.StartTLS()
		r.t.Cleanup(s.Close)
		r.issuer = s.URL
		r.roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.TLS.Certificates[0].Certificate[0]})
	}
}

// plain makes the provider one whose record states all endpoints.
func plain(r *rig) {
	r.kind = "oidc"
	r.change = func(rec *record.Record) {
		rec.Endpoints = record.Endpoints{
			Source: record.EndpointsStatic, Authorization: "{issuer}/authorize", Token: "{issuer}/token",
			UserInfo: "{issuer}/userinfo", Keys: "{issuer}/jwks",
		}
		rec.Client.Auth = record.AuthBasic
	}
}

// beside answers authorization requests whose address the provider does not take.
func beside(also func(*http.Request) bool) func(*rig) {
	return func(r *rig) {
		r.options.Faults.Before = func(e devprovider.Endpoint, req *http.Request) *devprovider.Answer {
			if e != devprovider.Authorize || !also(req) {
				return nil
			}
			a := devprovider.NewAnswer(302, "text/html", "")
			a.Header.Set("Location", "/interaction/of-its-own")
			return a
		}
	}
}

// cases break one thing each.
var cases = slices.Concat(reachCases, offerCases, tryCases, outCases, appCases)

var reachCases = []broken{
	{name: "nothing-listens", id: "reachable", level: Error, found: "nothing listens", provoke: nowhere},
	{name: "path-without-auth", id: "reachable-path", level: Error, found: "no discovery document", provoke: func(r *rig) {
		r.stands(metadata("/auth/realms/acme", "/auth/realms/acme"), "/realms/acme")
	}},
	{name: "path-with-auth", id: "reachable-path", level: Error, found: "no discovery document", provoke: func(r *rig) {
		r.stands(metadata("/realms/acme", "/realms/acme"), "/auth/realms/acme")
	}},
	{name: "realm-misspelled", id: "reachable-path", level: Error, found: "no discovery document", provoke: func(r *rig) {
		r.stands(metadata("/realms/master", "/realms/master"), "/realms/Acme")
	}},
	{name: "realm-left-out", id: "reachable-path", level: Error, found: "no discovery document", provoke: func(r *rig) {
		r.stands(metadata("/realms/master", "/realms/master"), "")
	}},
	{name: "path-of-another-kind", id: "reachable-path", level: Error, found: "no discovery document", base: known("oidc", nil), provoke: func(r *rig) {
		r.stands(metadata("/application/o/acme", "/application/o/acme/"), "/acme")
	}},
	{name: "provider-fails", id: "reachable-failing", level: Error, found: "error of its own", provoke: page(devprovider.Discovery, 503, "starting")},
	{name: "redirected", id: "reachable-redirected", level: Error, found: "redirected", provoke: func(r *rig) {
		r.stands(func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "https://id.example.com"+req.URL.Path+"?x=y", http.StatusMovedPermanently)
		}, "")
	}},
	{name: "a-page-in-its-place", id: "reachable-page", level: Error, found: "no OpenID provider", provoke: page(devprovider.Discovery, 200, "<html>Welcome</html>")},
	{name: "https-spoken-http-configured", id: "reachable-https", level: Error, found: "speaks https", provoke: func(r *rig) {
		s := httptest.NewTLSServer(http.NotFoundHandler())
		r.t.Cleanup(s.Close)
		r.issuer = strings.Replace(s.URL, "https://", "http://", 1)
	}},
	{name: "endpoint-not-there", id: "reachable-endpoint", level: Error, found: "no authorization endpoint", base: plain, provoke: func(r *rig) {
		r.stands(http.NotFound, "")
	}},
	{name: "endpoint-fails", id: "reachable-failing", level: Error, found: "error of its own", base: plain, provoke: page(devprovider.Authorize, 502, "")},
	{name: "endpoint-unreachable", id: "reachable", level: Error, found: "nothing listens", base: plain, provoke: nowhere},
	{name: "http-spoken-https-configured", id: "tls-plain", level: Error, found: "plain http is spoken", provoke: func(r *rig) {
		s := r.stands(http.NotFound, "")
		r.issuer = strings.Replace(s.URL, "http://", "https://", 1)
	}},
	{name: "certificate-not-trusted", id: "tls-untrusted", level: Error, found: "not trusted", provoke: func(r *rig) {
		s := httptest.NewTLSServer(http.NotFoundHandler())
		r.t.Cleanup(s.Close)
		r.issuer = s.URL
	}},
	{name: "certificate-expired", id: "tls-expired", level: Error, found: "expired", provoke: certified(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })},
	{name: "certificate-of-another-name", id: "tls-names", level: Error, found: "other names", provoke: certified(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"id.example.com"} })},
	{name: "certificate-of-a-client", id: "tls-invalid", level: Error, found: "not valid", provoke: certified(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })},
	{name: "issuer-slash", id: "issuer-slash", level: Error, found: "trailing slash", provoke: discovery(func(d map[string]any) { d["issuer"] = d["issuer"].(string) + "/" })},
	{name: "issuer-scheme", id: "issuer-scheme", level: Error, found: "one is http", provoke: discovery(func(d map[string]any) {
		d["issuer"] = strings.Replace(d["issuer"].(string), "http:", "https:", 1)
	})},
	{name: "issuer-loopback-name", id: "issuer-host", level: Error, found: "two names", provoke: discovery(func(d map[string]any) {
		d["issuer"] = strings.Replace(d["issuer"].(string), "127.0.0.1", "localhost", 1)
	})},
	{name: "issuer-host", id: "issuer-host", level: Error, found: "differ in the host", provoke: discovery(func(d map[string]any) { d["issuer"] = "https://id.example.com" })},
	{name: "issuer-port", id: "issuer-port", level: Error, found: "differ in the port", provoke: discovery(func(d map[string]any) { d["issuer"] = "http://127.0.0.1:65123" })},
	{name: "issuer-path", id: "issuer-path", level: Error, found: "differ in the path", provoke: discovery(func(d map[string]any) { d["issuer"] = d["issuer"].(string) + "/other" })},
	{name: "issuer-no-url", id: "issuer", level: Error, found: "not a URL", provoke: discovery(func(d map[string]any) { d["issuer"] = "acme" })},
	{name: "issuer-follows-backchannel", id: "issuer-backchannel", level: Error, found: "backchannel_url", provoke: func(r *rig) {
		s := r.stands(nil, "")
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q}`, s.URL)
		})
		r.issuer, r.backchannel = "https://id.example.com", s.URL
	}},
	{name: "issuer-on-loopback", id: "loopback-issuer", level: Error, found: "gateway is not", provoke: func(r *rig) { r.public = "https://auth.example.com" }},
	{name: "loopback-shared", id: "loopback-shared", level: Note, found: "share the host name", provoke: func(r *rig) { r.public = "http://127.0.0.1:4180" }},
	{name: "clock-off", id: "clock", level: Warning, found: "45s apart", provoke: dated(45 * time.Second)},
	{name: "clock-far-off", id: "clock", level: Error, found: "5m0s apart", provoke: dated(-5 * time.Minute)},
	{name: "clock-unsaid", id: "clock-unsaid", level: Note, found: "cannot be told", provoke: func(r *rig) {
		r.options.Faults.After = func(_ devprovider.Endpoint, _ *http.Request, a *devprovider.Answer) { a.Header["Date"] = nil }
	}},
	{name: "kind-other", id: "kind", level: Warning, found: "and this is Keycloak", base: func(r *rig) {
		r.kind, r.recognise = "oidc", func(*url.URL, map[string]any) []string { return []string{"keycloak"} }
	}, provoke: func(*rig) {}, mend: func(r *rig) { r.kind = "keycloak" }},
}

var offerCases = []broken{
	{name: "endpoint-missing", id: "endpoints", level: Error, found: "token_endpoint", provoke: discovery(func(d map[string]any) { delete(d, "token_endpoint") })},
	{name: "endpoints-in-the-clear", id: "endpoints-plain", level: Error, found: "plain http", provoke: func(r *rig) {
		var s *httptest.Server
		s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":"%s/a","token_endpoint":"http://id.example.com/t?x=y","jwks_uri":"%s/k"}`, s.URL, s.URL, s.URL)
		}))
		r.t.Cleanup(s.Close)
		r.issuer, r.roots = s.URL, pemOf(s)
	}},
	{name: "scope-openid-missing", id: "scopes-openid", level: Error, found: "openid", provoke: func(r *rig) { r.scopes = []string{"profile"} }},
	{name: "scope-not-offered", id: "scopes", level: Warning, found: "not offered: roles", provoke: func(r *rig) { r.scopes = []string{"openid", "roles"} }},
	{name: "groups-without-source", id: "groups", level: Error, found: "no source", base: func(r *rig) { r.groups = true }, provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.Claims.Groups = record.Groups{Source: record.FromNone} }
	}},
	{name: "groups-scope-not-offered", id: "groups-scope", level: Warning, found: "not offered: roles", base: func(r *rig) { r.groups = true }, provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.Claims.Groups.Scope = "roles" }
	}},
	{name: "groups-claim-unsaid", id: "groups-unsaid", level: Note, found: "claim roles", base: func(r *rig) { r.groups = true }, provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.Claims.Groups.Claim = "roles" }
	}},
	{name: "offline-access-not-offered", id: "refresh", level: Note, found: "offline_access", base: known("oidc", nil), provoke: scopesSupported("openid", "profile", "email")},
	{name: "offline-access-not-needed", id: "refresh-offline", level: Warning, found: "offline_access", provoke: func(r *rig) { r.scopes = []string{"openid", "offline_access"} }},
	{name: "offline-access-unseen", id: "refresh-unseen", level: Note, found: "shows only at a sign-in", provoke: func(r *rig) { r.kind = "oidc" }},
	{name: "pkce-not-offered", id: "pkce", level: Warning, found: "not offered", provoke: discovery(func(d map[string]any) { d["code_challenge_methods_supported"] = []string{"plain"} })},
	{name: "pkce-unsaid", id: "pkce-unsaid", level: Note, found: "does not say", provoke: discovery(func(d map[string]any) { delete(d, "code_challenge_methods_supported") })},
	{name: "pkce-off", id: "pkce-off", level: Note, found: "PKCE is off", provoke: func(r *rig) { r.change = func(rec *record.Record) { rec.Client.PKCE = record.PKCEOff } }},
	{name: "pkce-optional", id: "pkce-optional", level: Note, found: "without PKCE", provoke: func(*rig) {}, mend: func(r *rig) { r.options.RequirePKCE = true }},
	{name: "pkce-plain", id: "pkce-plain", level: Note, found: "by plain", base: func(r *rig) { r.options.RequirePKCE = true },
		provoke: beside(func(req *http.Request) bool {
			q := req.URL.Query()
			return q.Get("code_challenge") != "" && q.Get("redirect_uri") == public+"/.cardea/callback/main"
		})},
	{name: "client-auth-not-offered", id: "client-auth", level: Error, found: "does not take client_secret_basic", provoke: discovery(func(d map[string]any) {
		d["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
	})},
	{name: "client-auth-unsaid", id: "client-auth-unsaid", level: Note, found: "does not say", base: func(r *rig) {
		r.change = func(rec *record.Record) { rec.Client.Auth = record.AuthPost }
	}, provoke: discovery(func(d map[string]any) { delete(d, "token_endpoint_auth_methods_supported") })},
	{name: "symmetric-signatures", id: "algorithms", level: Error, found: "no way that is accepted", provoke: discovery(func(d map[string]any) {
		d["id_token_signing_alg_values_supported"] = []string{"HS256"}
	})},
	{name: "keys-none", id: "keys", level: Error, found: "no usable key", provoke: func(r *rig) {
		r.options.Faults.Keys = func([]json.RawMessage) []json.RawMessage { return nil }
	}},
	{name: "keys-weak", id: "keys-weak", level: Warning, found: "weak", provoke: func(r *rig) {
		r.options.Faults.Keys = func(k []json.RawMessage) []json.RawMessage {
			return append(k, json.RawMessage(`{"kty":"RSA","n":"`+strings.Repeat("_", 171)+`","e":"AQAB"}`), json.RawMessage(`{"kty":"oct","k":"c2VjcmV0"}`))
		}
	}},
	{name: "keys-unfetched", id: "keys-unreachable", level: Error, found: "no key set", provoke: page(devprovider.Keys, 500, "")},
}

var tryCases = []broken{
	{name: "redirect-uri-not-registered", id: "redirect-uri", level: Error, found: "refuses the redirect URI", provoke: func(r *rig) {
		r.client.RedirectURIs = []string{"http://localhost:4180/elsewhere"}
	}},
	{name: "client-unknown", id: "redirect-uri", level: Error, found: "does not know the client", provoke: func(r *rig) { r.client.ID = "another" }},
	{name: "redirect-uri-untold", id: "redirect-uri-untold", level: Note, found: "cannot be told", provoke: page(devprovider.Authorize, 200, "<p>One page for all</p>")},
	{name: "authorize-fails", id: "redirect-uri-unclear", level: Warning, found: "no answer that says anything", provoke: page(devprovider.Authorize, 500, "")},
	{name: "scope-refused", id: "redirect-uri-request", level: Error, found: "refuses the request: invalid_scope", provoke: func(r *rig) {
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
	{name: "redirect-uri-wildcard", id: "redirect-uri-wildcard", level: Warning, found: "not the gateway's callback", provoke: beside(func(req *http.Request) bool {
		return strings.HasPrefix(req.URL.Query().Get("redirect_uri"), public)
	})},
	{name: "secret-wrong", id: "credentials", level: Error, found: "refuses the client id and secret", provoke: func(r *rig) { r.secret = "another-secret" }},
	{name: "secret-left-out", id: "credentials", level: Error, found: "there is no secret", provoke: func(r *rig) { r.secret = "" }},
	{name: "secret-sent-otherwise", id: "credentials-method", level: Error, found: "client_secret_post", provoke: func(r *rig) { r.client.AuthMethod = "client_secret_post" }},
	{name: "token-fails", id: "credentials-unclear", level: Warning, found: "no answer that says anything", provoke: page(devprovider.Token, 200, "<p>Welcome</p>")},
	{name: "error-of-nobody", id: "credentials-untold", level: Note, found: "does not say whether", provoke: page(devprovider.Token, 400, `{"error":"invalid_request"}`)},
	{name: "error-in-200", id: "credentials", level: Error, found: "refuses the client id", base: func(r *rig) {
		r.change = func(rec *record.Record) { rec.Client.ErrorIn200, rec.Client.ErrorParam = record.Yes, "error" }
	}, provoke: page(devprovider.Token, 200, `{"error":"incorrect_client_credentials"}`), mend: page(devprovider.Token, 200, `{"error":"bad_verification_code"}`)},
}

var outCases = []broken{
	{name: "fresh-login-impossible", id: "fresh-login", level: Note, found: "nothing makes", provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.FreshLogin = record.FreshLogin{By: record.FreshByImpossible} }
	}},
	{name: "fresh-login-setting", id: "fresh-login-advice", level: Note, found: "settings", provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.FreshLogin.Advice = "switch the setting on" }
	}},
	{name: "post-logout-not-registered", id: "post-logout-uri", level: Error, found: "refuses the post-logout", provoke: func(r *rig) { r.client.PostLogoutRedirectURIs = nil }},
	{name: "post-logout-untold", id: "post-logout-uri-untold", level: Note, found: "cannot be told", provoke: page(devprovider.EndSession, 200, "<p>Sign out?</p>")},
	{name: "post-logout-wants-hint", id: "post-logout-uri-hint", level: Warning, found: "or it wants a hint", provoke: page(devprovider.EndSession, 400, "<p>Missing parameters</p>")},
	{name: "post-logout-other-name", id: "post-logout-uri-params", level: Error, found: "asks for logout_uri", provoke: page(devprovider.EndSession, 400, "<p>Required parameter 'logout_uri' is not present</p>")},
	{name: "end-session-fails", id: "post-logout-uri-unclear", level: Warning, found: "no answer that says anything", provoke: page(devprovider.EndSession, 502, "")},
	{name: "hint-required", id: "post-logout-uri-untold", level: Note, found: "without a hint", provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.SignOut.Hint = record.HintRequired }
	}},
	{name: "end-session-missing", id: "sign-out", level: Warning, found: "no end_session_endpoint", provoke: discovery(func(d map[string]any) { delete(d, "end_session_endpoint") })},
	{name: "no-sign-out-at-all", id: "sign-out-none", level: Note, found: "no call that ends", provoke: func(r *rig) {
		discovery(func(d map[string]any) { delete(d, "end_session_endpoint") })(r)
		r.change = func(rec *record.Record) { rec.SignOut.Kind = record.SignOutNone }
	}},
	{name: "sign-out-not-used", id: "sign-out-unused", level: Note, found: "does not use it", provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.SignOut.Kind = record.SignOutNone }
	}},
	{name: "sign-out-leaves-the-session", id: "sign-out-stays", level: Warning, found: "outlives", provoke: func(r *rig) {
		r.change = func(rec *record.Record) {
			rec.SignOut.EndsSSOByDefault, rec.SignOut.EndsSSOAdvice = record.No, "bind a logout stage"
		}
	}},
	{name: "sign-out-may-leave-it", id: "sign-out-stays", level: Note, found: "cannot be told", provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.SignOut.EndsSSOByDefault = record.Unknown }
	}},
	{name: "revocation-missing", id: "revocation", level: Warning, found: "no revocation_endpoint", provoke: discovery(func(d map[string]any) { delete(d, "revocation_endpoint") })},
	{name: "revocation-none", id: "revocation-none", level: Note, found: "cannot take tokens back", provoke: func(r *rig) {
		r.change = func(rec *record.Record) { rec.Revocation.Kind = record.RevocationNone }
	}},
	{name: "notices", id: "notices", level: Note, found: "cannot be told from here", provoke: func(*rig) {}, mend: silentProvider},
	{name: "notices-by-browser", id: "notices", level: Note, found: "cannot be told from here", provoke: discovery(func(d map[string]any) { d["backchannel_logout_supported"] = false }), mend: silentProvider},
	{name: "notices-unsaid", id: "notices-unsaid", level: Note, found: "does not say", provoke: silentProvider},
	{name: "notices-both", id: "notices-both", level: Note, found: "two ways", provoke: func(*rig) {}, mend: discovery(func(d map[string]any) { d["frontchannel_logout_supported"] = false })},
	{name: "notices-of-people", id: "notices-session", level: Note, found: "not the session", provoke: discovery(func(d map[string]any) { d["backchannel_logout_session_supported"] = false })},
	{name: "notices-cannot-arrive", id: "notices-loopback", level: Warning, found: "id.example.com", base: func(r *rig) {
		// It is called on this machine, and stands for one that is elsewhere.
		r.start()
		inner := r.provider
		r.issuer = "https://id.example.com"
		r.options.Faults.Discovery = nil
		s := r.stands(func(w http.ResponseWriter, req *http.Request) {
			req.Host = strings.TrimPrefix(inner.Issuer(), "http://")
			inner.ServeHTTP(&renamed{ResponseWriter: w, from: inner.Issuer(), to: "https://id.example.com"}, req)
		}, "")
		r.issuer, r.backchannel = "https://id.example.com", s.URL
	}, provoke: func(*rig) {}, mend: func(r *rig) { r.public = "https://auth.example.com" }},
}

// silentProvider tells nobody of sessions that end.
func silentProvider(r *rig) {
	discovery(func(d map[string]any) {
		d["backchannel_logout_supported"], d["frontchannel_logout_supported"] = false, false
	})(r)
}

// chat is an app that says at /me whom it takes.
func chat(me string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/me" {
			_, _ = w.Write([]byte(me))
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}
}

var appCases = []broken{
	{name: "app-down", id: "app-reachable", level: Error, found: "nothing listens", provoke: func(r *rig) {
		r.apps = func(a App) App { a.Address = "127.0.0.1:1"; return a }
	}},
	{name: "app-address", id: "app-address", level: Error, found: "no address", provoke: func(r *rig) {
		r.apps = func(a App) App { a.Address = "127.0.0.1:1 x"; return a }
	}},
	{name: "app-fails", id: "app-failing", level: Warning, found: "answers with an error", provoke: func(r *rig) {
		r.app = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	}},
	{name: "app-is-the-gateway", id: "app-loop", level: Error, found: "no app", provoke: func(r *rig) {
		r.app = func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/.cardea/sign-in?return=%2F", http.StatusSeeOther)
		}
	}},
	{name: "app-open", id: "app-alone", level: Note, found: "shows its first page", provoke: func(r *rig) { r.app = func(http.ResponseWriter, *http.Request) {} }},
	{name: "app-exposed", id: "app-exposed", level: Warning, found: "not loopback", provoke: func(r *rig) {
		r.apps = func(a App) App { a.Address = strings.Replace(a.Address, "127.0.0.1", "0.0.0.0", 1); return a }
	}},
	{name: "app-cookie-too-large", id: "app-cookies", level: Warning, found: "too large", provoke: func(r *rig) {
		r.app = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "avatar="+strings.Repeat("x", 5000)+"; Path=/")
			w.WriteHeader(http.StatusUnauthorized)
		}
	}},
	{name: "app-of-another-preset", id: "app-preset", level: Warning, found: "and this is Streamlit", base: func(r *rig) {
		r.app = func(w http.ResponseWriter, req *http.Request) {
			switch req.URL.Path {
			case "/_stcore/health":
				_, _ = w.Write([]byte("ok"))
			case "/_stcore/host-config":
				_, _ = w.Write([]byte(`{"allowedOrigins":[]}`))
			default:
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
	}, provoke: func(r *rig) { r.apps = func(a App) App { a.Preset = "generic"; return a } },
		mend: func(r *rig) { r.apps = func(a App) App { a.Preset = "streamlit"; return a } }},
	{name: "app-takes-nobody", id: "app-takes", level: Error, found: "Chat takes nobody from the gateway: CHAT_AUTH is missing", base: func(r *rig) {
		r.apps = func(a App) App {
			a.Title, a.Setup = "Chat", []string{"Put this into the app:\ndef who(headers):\n    return headers"}
			a.Takes = preset.Takes{Marks: []preset.Mark{{Path: "/me", Status: 200, Body: `"header":true`}}, Lacks: "CHAT_AUTH is missing"}
			return a
		}
	}, provoke: func(r *rig) { r.app = chat(`{"header":false}`) }, mend: func(r *rig) { r.app = chat(`{"header":true}`) }},
	{name: "app-setup", id: "app-setup", level: Note, found: "Chat itself", provoke: func(r *rig) {
		r.apps = func(a App) App { a.Title, a.Setup = "Chat", []string{"Set CHAT_AUTH to header."}; return a }
	}},
}

func (c broken) rig(t *testing.T, set func(*rig)) *rig {
	t.Helper()
	r := newRig(t)
	for _, f := range []func(*rig){c.base, set} {
		if f != nil {
			f(r)
		}
	}
	return r
}

func TestEveryMisconfigurationIsFoundSaidWithItsFixAndGoneWhenFixed(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := c.rig(t, c.provoke)
			f := named(t, r.examine(), c.id)
			if f.Level != c.level || !strings.Contains(f.Found, c.found) {
				t.Errorf("%s: %s, want %s: …%s…", f.Level, f.Found, c.level, c.found)
			}
			if f.Check != checkOf(c.id) || f.Meaning == "" {
				t.Errorf("%+v: its check, or what it means for people, is missing", f)
			}
			if f.Level == Error && (len(f.Fix) == 0 || len(f.Evidence) == 0 && c.id != "endpoints") {
				t.Errorf("an error without fix or evidence: %+v", f)
			}
			golden(t, c.name, stable(f))
			if report := c.rig(t, c.mend).examine(); found(report, c.id) {
				t.Errorf("it is still found when it is fixed:\n%s", text(t, report))
			}
		})
	}
}

func TestEveryFindingIsProvoked(t *testing.T) {
	provoked := map[string]bool{}
	for _, c := range cases {
		provoked[c.id] = true
	}
	for _, c := range gatewayCases {
		if c.id != "" {
			provoked[c.id] = true
		}
	}
	for _, c := range checks() {
		for _, id := range c.ids {
			if !provoked[id] {
				t.Errorf("nothing provokes %s", id)
			}
			delete(provoked, id)
		}
	}
	for id := range provoked {
		t.Errorf("%q is no finding", id)
	}
}

// renamed gives a provider another address in what it says.
type renamed struct {
	http.ResponseWriter
	from, to string
}

func (r *renamed) Write(b []byte) (int, error) {
	r.Header().Del("Content-Length")
	if _, err := r.ResponseWriter.Write(bytes.ReplaceAll(b, []byte(r.from), []byte(r.to))); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (r *renamed) WriteHeader(status int) {
	r.Header().Del("Content-Length")
	r.ResponseWriter.WriteHeader(status)
}

// stable takes out what differs from run to run.
func stable(f Finding) string {
	var b strings.Builder
	f.write(&b, false, false)
	s := strings.Join(strings.Fields(b.String()), " ")
	s = strings.NewReplacer(" seen: ", "\nseen: ", " fix: ", "\nfix: ", " more: ", "\nmore: ").Replace(s)
	s = regexp.MustCompile(`(127\.0\.0\.1|0\.0\.0\.0|localhost|listen ):\d{5}`).ReplaceAllString(s, "$1:PORT")
	s = regexp.MustCompile(`current time \S+ is after \S+`).ReplaceAllString(s, "current time NOW is after THEN")
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
