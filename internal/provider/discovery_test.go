package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

func request() oidc.AuthorizationRequest {
	return oidc.AuthorizationRequest{State: "state-12345678", Nonce: "nonce-1", CodeChallenge: oidc.S256("verifier-1")}
}

func TestProviderDownAtTheStartDoesNotStopTheStart(t *testing.T) {
	f := unstarted(t)
	down := true
	f.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(f.srv.Close)
	f.serveAs(f.srv.URL)
	c := newClock()
	log := &logBuffer{}
	o := f.options("oidc", nil)
	o.Now, o.Logger = c.Now, log.logger()
	p := build(t, o)
	for range 20 {
		_, err := p.AuthorizationURL(t.Context(), request())
		u, ok := errors.AsType[*oidc.UnreachableError](err)
		if !ok || u.Sent {
			t.Fatalf("got %v", err)
		}
	}
	if n := strings.Count(log.String(), "alarm=true"); n != 1 {
		t.Errorf("the alarm came %d times:\n%s", n, log)
	}
	down = false
	if _, err := p.AuthorizationURL(t.Context(), request()); err == nil {
		t.Error("a failing discovery was asked again at once")
	}
	c.advance(metadataRetry)
	if _, err := p.AuthorizationURL(t.Context(), request()); err != nil {
		t.Errorf("after the provider came up: %v", err)
	}
	if !strings.Contains(log.String(), "provider's discovery is back") {
		t.Error("nothing says that discovery is back")
	}
}

func TestFailingDiscoveryIsNotHammered(t *testing.T) {
	f := newFake(t)
	f.reply(wellKnown, http.StatusInternalServerError, "")
	c := newClock()
	o := f.options("oidc", nil)
	o.Now = c.Now
	p := build(t, o)
	for range 6 {
		for range 30 {
			if _, err := p.AuthorizationURL(t.Context(), request()); err == nil {
				t.Fatal("no error")
			}
		}
		c.advance(metadataRetry / 2)
	}
	if n := f.count(wellKnown); n != 3 {
		t.Errorf("%d fetches in three retry intervals", n)
	}
}

func TestDiscoveryIsKeptAndServesThroughAnOutage(t *testing.T) {
	f := newFake(t)
	c := newClock()
	o := f.options("oidc", nil)
	o.Now = c.Now
	p := build(t, o)
	authorize := func() error { _, err := p.AuthorizationURL(t.Context(), request()); return err }
	for range 50 {
		if err := authorize(); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.count(wellKnown); n != 1 {
		t.Errorf("%d fetches within the lifetime", n)
	}
	f.reply(wellKnown, http.StatusBadGateway, "")
	c.advance(metadataTTL * 5)
	if err := authorize(); err != nil {
		t.Errorf("during an outage: %v", err)
	}
	c.advance(metadataStale)
	if err := authorize(); err == nil {
		t.Error("a document older than its bound is used")
	}
}

func TestDiscoveryThatLiesIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(map[string]any)
		say    string
	}{
		"issuer of another":                  {func(d map[string]any) { d["issuer"] = "https://evil.example" }, "https://evil.example"},
		"issuer with a slash more":           {func(d map[string]any) { d["issuer"] = d["issuer"].(string) + "/" }, "trailing slash"},
		"issuer absent":                      {func(d map[string]any) { delete(d, "issuer") }, "names no issuer"},
		"issuer a list":                      {func(d map[string]any) { d["issuer"] = []string{"x"} }, "names no issuer"},
		"no token endpoint":                  {func(d map[string]any) { delete(d, "token_endpoint") }, "token_endpoint"},
		"no keys":                            {func(d map[string]any) { delete(d, "jwks_uri") }, "jwks_uri"},
		"no authorization endpoint":          {func(d map[string]any) { d["authorization_endpoint"] = 3 }, "authorization_endpoint"},
		"token endpoint a file":              {func(d map[string]any) { d["token_endpoint"] = "file:///etc/passwd" }, "token_endpoint"},
		"token endpoint relative":            {func(d map[string]any) { d["token_endpoint"] = "/token" }, "token_endpoint"},
		"token endpoint with a user":         {func(d map[string]any) { d["token_endpoint"] = "https://a:b@idp.example/" }, "token_endpoint"},
		"plain http beyond loopback":         {func(d map[string]any) { d["token_endpoint"] = "http://idp.example/token" }, "plain http"},
		"authorization a script":             {func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" }, "authorization_endpoint"},
		"only symmetric signatures":          {func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []string{"HS256", "none"} }, "HS256"},
		"control characters in what it says": {func(d map[string]any) { d["issuer"] = "https://x\n\x1b[31mFAKE LOG" }, "https://x??[31mFAKE LOG"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			tc.change(f.discovery)
			_, err := f.provider("oidc", nil).AuthorizationURL(t.Context(), request())
			u, ok := errors.AsType[*oidc.UnreachableError](err)
			if !ok || u.Sent || !strings.Contains(strings.ReplaceAll(err.Error(), `\`, ""), tc.say) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(name, "issuer of") && !strings.Contains(err.Error(), f.issuer) {
				t.Errorf("the error does not name the configured issuer: %v", err)
			}
		})
	}
}

func TestDiscoveryWithJunkInOptionalMembersWorks(t *testing.T) {
	f := newFake(t)
	f.discovery["scopes_supported"] = "openid"
	f.discovery["token_endpoint_auth_methods_supported"] = 3
	f.discovery["authorization_response_iss_parameter_supported"] = "yes"
	f.discovery["id_token_signing_alg_values_supported"] = map[string]any{}
	delete(f.discovery, "end_session_endpoint")
	now := time.Now()
	f.grant(f.idClaims(now))
	p := f.provider("oidc", thin)
	if _, err := p.Exchange(t.Context(), now, ask(now)); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := p.EndSessionByBrowser(t.Context(), oidc.EndSessionRequest{}); ok || err != nil {
		t.Errorf("end session: %v %v", ok, err)
	}
}

func TestHostileDiscoveryAnswersEnd(t *testing.T) {
	f := newFake(t)
	elsewhere := newFake(t)
	release := make(chan struct{})
	defer close(release)
	for name, h := range map[string]http.HandlerFunc{
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"pad":"%s"}`, f.issuer, strings.Repeat("x", maxMetadata))
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(strings.Repeat(" ", 4096))); err != nil {
					return
				}
			}
		},
		"silent":             func(_ http.ResponseWriter, r *http.Request) { hang(r, release) },
		"redirect to itself": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"redirect elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.issuer+wellKnown, http.StatusFound)
		},
		"redirect to nowhere": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) },
		"not JSON":            func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>secret page</html>")) },
		"a list":              func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("[]")) },
		"nothing":             func(http.ResponseWriter, *http.Request) {},
		"cut":                 func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"404":                 func(w http.ResponseWriter, r *http.Request) { http.Error(w, "secret page", http.StatusNotFound) },
	} {
		t.Run(name, func(t *testing.T) {
			f.handle(wellKnown, h)
			before := f.count(wellKnown)
			o := f.options("oidc", nil)
			o.Timeout = 300 * time.Millisecond
			began := time.Now()
			_, err := build(t, o).AuthorizationURL(t.Context(), request())
			if _, ok := errors.AsType[*oidc.UnreachableError](err); !ok || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
			if n := f.count(wellKnown) - before; n > 1+maxHops {
				t.Errorf("%d requests", n)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	if n := elsewhere.count(wellKnown); n != 0 {
		t.Error("a redirect to another origin was followed")
	}
}

func hang(r *http.Request, release <-chan struct{}) {
	select {
	case <-release:
	case <-r.Context().Done():
	}
}

func TestDiscoveryRedirectWithinTheOriginIsFollowed(t *testing.T) {
	f := newFake(t)
	f.handle(wellKnown, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/moved", http.StatusMovedPermanently)
	})
	f.handle("/moved", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(f.discovery) })
	if _, err := f.provider("oidc", nil).AuthorizationURL(t.Context(), request()); err != nil {
		t.Error(err)
	}
}

func TestOnlyOneDiscoveryForManyAtOnce(t *testing.T) {
	f := newFake(t)
	open := make(chan struct{})
	f.handle(wellKnown, func(w http.ResponseWriter, _ *http.Request) {
		<-open
		json.NewEncoder(w).Encode(f.discovery)
	})
	p := f.provider("oidc", nil)
	errs := make(chan error)
	for range 40 {
		go func() { _, err := p.AuthorizationURL(t.Context(), request()); errs <- err }()
	}
	time.Sleep(30 * time.Millisecond)
	close(open)
	for range 40 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := f.count(wellKnown); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestIssuersMatchAsTheRecordSays(t *testing.T) {
	f := newFake(t)
	const tid = "11111111-2222-3333-4444-555555555555"
	set := func(r *record.Record) {
		thin(r)
		r.Issuer.Match, r.Issuer.Also = record.IssuerSet, []string{"idp.bare.example"}
	}
	template := func(r *record.Record) {
		thin(r)
		r.Issuer.Match = record.IssuerTemplateTID
	}
	for name, tc := range map[string]struct {
		record    func(*record.Record)
		discovery string
		iss       string
		tid       any
		good      bool
		kept      string
	}{
		"exact":                     {thin, f.issuer, f.issuer, nil, true, f.issuer},
		"set, the other name":       {set, f.issuer, "idp.bare.example", nil, true, f.issuer},
		"set, a stranger":           {set, f.issuer, "idp.evil.example", nil, false, ""},
		"template, its tenant":      {template, f.issuer + "/{tenantid}/v2", f.issuer + "/" + tid + "/v2", tid, true, f.issuer + "/" + tid + "/v2"},
		"template, other tenant":    {template, f.issuer + "/{tenantid}/v2", f.issuer + "/" + tid + "/v2", "other", false, ""},
		"template, path in the tid": {template, f.issuer + "/{tenantid}/v2", f.issuer + "/a/b/v2", "a/b", false, ""},
		"template, the template":    {template, f.issuer + "/{tenantid}/v2", f.issuer + "/{tenantid}/v2", "{tenantid}", false, ""},
		"template, on another host": {template, "https://evil.example/{tenantid}", "https://evil.example/x", "x", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			f.set(func() { f.discovery["issuer"] = tc.discovery })
			f.grant(without(f.idClaims(now), map[string]any{"iss": tc.iss, "tid": tc.tid}))
			got, err := f.provider("oidc", tc.record).Exchange(t.Context(), now, ask(now))
			if (err == nil) != tc.good || got.Identity.Issuer != tc.kept {
				t.Errorf("got %q, %v", got.Identity.Issuer, err)
			}
		})
	}
}

func TestIssOfTheResponseIsCompared(t *testing.T) {
	f := newFake(t)
	now := time.Now()
	f.grant(f.idClaims(now))
	for name, tc := range map[string]struct {
		promised bool
		param    record.IssParam
		value    string
		iss      string
		good     bool
	}{
		"absent and not promised":          {false, record.IssParamOptional, "", "", true},
		"absent though promised":           {true, record.IssParamOptional, "", "", false},
		"absent though the record demands": {false, record.IssParamRequired, "", "", false},
		"right":                            {true, record.IssParamOptional, "", f.issuer, true},
		"right, though never promised":     {false, record.IssParamNone, "", f.issuer, true},
		"another (mix-up)":                 {false, record.IssParamNone, "", "https://evil.example", false},
		"a slash more":                     {true, record.IssParamOptional, "", f.issuer + "/", false},
		"value of the record":              {false, record.IssParamOptional, "https://github.example/login", "https://github.example/login", true},
		"issuer where the record differs":  {false, record.IssParamOptional, "https://github.example/login", f.issuer, false},
	} {
		t.Run(name, func(t *testing.T) {
			f.set(func() { f.discovery["authorization_response_iss_parameter_supported"] = tc.promised })
			p := f.provider("oidc", func(r *record.Record) {
				thin(r)
				r.Issuer.Param, r.Issuer.ParamValue = tc.param, tc.value
			})
			before := f.count("/token")
			a := ask(now)
			a.Iss = tc.iss
			_, err := p.Exchange(t.Context(), now, a)
			if (err == nil) != tc.good || err != nil && !errors.Is(err, oidc.ErrRefused) {
				t.Errorf("got %v", err)
			}
			if !tc.good && f.count("/token") != before {
				t.Error("the code went to the token endpoint all the same")
			}
		})
	}
}

func hangHandler(release <-chan struct{}) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { hang(r, release) }
}
