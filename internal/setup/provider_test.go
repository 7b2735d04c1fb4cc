package setup

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAProviderIsFoundByWhatPeoplePaste(t *testing.T) {
	const (
		kc  = "https://id.example.com"
		loc = "http://127.0.0.1:8080"
	)
	for _, c := range []struct {
		name, given  string
		set          func(t *testing.T, w *web)
		issuer, kind string
	}{
		{"its issuer", kc + "/realms/acme", func(t *testing.T, w *web) { w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil) }, kc + "/realms/acme", "keycloak"},
		{"a slash at the end", kc + "/realms/acme/", func(t *testing.T, w *web) { w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil) }, kc + "/realms/acme", "keycloak"},
		{"a slash left out", kc + "/application/o/app", func(t *testing.T, w *web) { w.provider(t, kc, "/application/o/app", kc+"/application/o/app/", nil) }, kc + "/application/o/app/", "authentik"},
		{"the metadata's address", kc + "/realms/acme/.well-known/openid-configuration", func(t *testing.T, w *web) { w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil) }, kc + "/realms/acme", "keycloak"},
		{"other metadata's address", kc + "/x/.well-known/oauth-authorization-server", func(t *testing.T, w *web) { w.provider(t, kc, "/x", kc+"/x", nil) }, kc + "/x", "oidc"},
		{"an endpoint's address", kc + "/realms/acme/protocol/openid-connect/auth?client_id=x", func(t *testing.T, w *web) { w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil) }, kc + "/realms/acme", "keycloak"},
		{"/auth left out", kc + "/realms/acme", func(t *testing.T, w *web) { w.provider(t, kc, "/auth/realms/acme", kc+"/auth/realms/acme", nil) }, kc + "/auth/realms/acme", "keycloak"},
		{"/auth put in", kc + "/auth/realms/acme", func(t *testing.T, w *web) { w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil) }, kc + "/realms/acme", "keycloak"},
		{"the realm's name alone", kc + "/acme", func(t *testing.T, w *web) { w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil) }, kc + "/realms/acme", "keycloak"},
		{"the console's address", kc + "/admin/master/console/#/acme", func(t *testing.T, w *web) {
			w.provider(t, kc, "/realms/master", kc+"/realms/master", nil)
			w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil)
		}, kc + "/realms/acme", "keycloak"},
		{"a page of the console", loc + "/auth/admin/acme/console/?x=1#/realms/acme/clients/1", func(t *testing.T, w *web) {
			w.provider(t, loc, "/auth/realms/acme", loc+"/auth/realms/acme", nil)
		}, loc + "/auth/realms/acme", "keycloak"},
		{"no scheme", "id.example.com/realms/acme", func(t *testing.T, w *web) { w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil) }, kc + "/realms/acme", "keycloak"},
		{"no scheme, on this machine", "127.0.0.1:8080/realms/acme", func(t *testing.T, w *web) { w.provider(t, loc, "/realms/acme", loc+"/realms/acme", nil) }, loc + "/realms/acme", "keycloak"},
		{"http for https", "http://id.example.com/realms/acme", func(t *testing.T, w *web) { w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil) }, kc + "/realms/acme", "keycloak"},
		{"https for http", "https://127.0.0.1:8080/realms/acme", func(t *testing.T, w *web) { w.provider(t, loc, "/realms/acme", loc+"/realms/acme", nil) }, loc + "/realms/acme", "keycloak"},
		{"http that leads to https", "http://id.example.com/realms/acme", func(t *testing.T, w *web) {
			w.provider(t, kc, "/realms/acme", kc+"/realms/acme", nil)
			w.moved("http://id.example.com", "/realms/acme"+discovery, kc+"/realms/acme"+discovery)
		}, kc + "/realms/acme", "keycloak"},
		{"another name of this machine", "http://localhost:8080/realms/acme", func(t *testing.T, w *web) {
			w.provider(t, "http://localhost:8080", "/realms/acme", loc+"/realms/acme", nil)
			w.provider(t, loc, "/realms/acme", loc+"/realms/acme", nil)
		}, loc + "/realms/acme", "keycloak"},
		{"a template", "https://login.microsoftonline.com/common/v2.0", func(t *testing.T, w *web) {
			w.provider(t, "https://login.microsoftonline.com", "/common/v2.0", "https://login.microsoftonline.com/{tenantid}/v2.0", nil)
		}, "https://login.microsoftonline.com/common/v2.0", "entra"},
		{"the origin, where the path is always the same", "https://logto.example.com", func(t *testing.T, w *web) {
			w.provider(t, "https://logto.example.com", "/oidc", "https://logto.example.com/oidc", map[string]any{"claims_supported": []string{"custom_data"}})
		}, "https://logto.example.com/oidc", "logto"},
		{"marks in its metadata", "https://zitadel.example.com", func(t *testing.T, w *web) {
			w.provider(t, "https://zitadel.example.com", "", "https://zitadel.example.com", map[string]any{"end_session_endpoint": "https://zitadel.example.com/oidc/v1/end_session"})
		}, "https://zitadel.example.com", "zitadel"},
		{"nobody known", "https://op.example.com", func(t *testing.T, w *web) { w.provider(t, "https://op.example.com", "", "https://op.example.com", nil) }, "https://op.example.com", "oidc"},
		{"a provider without metadata", "github.com", func(*testing.T, *web) {}, "https://github.com", "github"},
		{"blanks and brackets", " <https://op.example.com> ", func(t *testing.T, w *web) { w.provider(t, "https://op.example.com", "", "https://op.example.com", nil) }, "https://op.example.com", "oidc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb()
			c.set(t, w)
			p, err := w.search().Provider(t.Context(), c.given, "")
			if err != nil {
				t.Fatal(err)
			}
			if p.Issuer != c.issuer || p.Kind != c.kind || p.Record.Kind != c.kind || p.Backchannel != "" {
				t.Errorf("%+v", p)
			}
			if p.Recognised == (c.kind == general) {
				t.Errorf("recognised: %v", p.Recognised)
			}
			said := strings.Contains(strings.Join(p.Notes, " "), "you wrote")
			if differs := c.given != c.issuer && c.kind != "github"; said != differs {
				t.Errorf("a correction is told: %v, want %v: %v", said, differs, p.Notes)
			}
			if len(w.asked) > mostRequests {
				t.Errorf("%d requests", len(w.asked))
			}
		})
	}
}

func TestAnIssuerWithoutItsNameIsToldHowToWriteIt(t *testing.T) {
	const at = "https://id.example.com"
	for path, want := range map[string]string{"/realms/master": at + "/realms/*", "/auth/realms/master": at + "/auth/realms/*"} {
		w := newWeb()
		w.provider(t, at, path, at+path, nil)
		_, err := w.search().Provider(t.Context(), at, "")
		missing, ok := errors.AsType[*MissingName](err)
		if !ok {
			t.Fatalf("%s: %v", path, err)
		}
		if missing.Pattern != want || missing.With("acme") != strings.Replace(want, "*", "acme", 1) || !strings.Contains(missing.Error(), "Keycloak") {
			t.Errorf("%s: %+v: %v", path, missing, missing)
		}
	}
}

func TestANameThatTheProviderDoesNotHaveIsNotCalledMissing(t *testing.T) {
	const at = "https://id.example.com"
	for given, unknown := range map[string]string{
		"/realms/acmee": "acmee", "/realms/Acme": "Acme", "/acmee": "acmee", "/realms/acmee/protocol/openid-connect/auth": "acmee", "/auth/realms/acmee": "acmee",
		"/admin/master/console/#/acmee": "acmee", "/auth/admin/master/console/#/realms/acmee/clients": "acmee",
		"": "", "/": "", "/auth": "", "/realms/": "", "/admin/acme/console/": "",
	} {
		w := newWeb()
		w.provider(t, at, "/realms/master", at+"/realms/master", nil)
		w.provider(t, at, "/realms/acme", at+"/realms/acme", nil)
		_, err := w.search().Provider(t.Context(), at+given, "")
		e, ok := errors.AsType[*MissingName](err)
		if !ok {
			t.Errorf("%s: %v", given, err)
			continue
		}
		if e.Unknown != unknown || e.Pattern != at+"/realms/*" {
			t.Errorf("%s: %+v", given, e)
		}
		lacks, sensitive := strings.Contains(err.Error(), "lacks a name"), strings.Contains(err.Error(), "case-sensitive")
		if lacks != (unknown == "") || sensitive != (unknown != "") {
			t.Errorf("%s: %v", given, err)
		}
	}
}

func TestAKindWithTheSameMarksIsNamedAsAQuestion(t *testing.T) {
	w := newWeb()
	w.provider(t, "https://id.example.com", "/realms/acme", "https://id.example.com/realms/acme", nil)
	p, err := w.search().Provider(t.Context(), "https://id.example.com/realms/acme", "")
	if err != nil || !strings.Contains(strings.Join(p.Notes, " "), "(Keycloak 17 or older? Then --kind keycloak-17.)") {
		t.Errorf("%v, %v", p.Notes, err)
	}
}

func TestAProviderThatIsReachedUnderAnotherNameIsCalledThere(t *testing.T) {
	w := newWeb()
	w.provider(t, "http://keycloak:8080", "/realms/acme", "https://id.example.com/realms/acme", nil)
	p, err := w.search().Provider(t.Context(), "http://keycloak:8080/realms/acme", "")
	if err != nil {
		t.Fatal(err)
	}
	if p.Issuer != "https://id.example.com/realms/acme" || p.Backchannel != "http://keycloak:8080" {
		t.Errorf("%+v", p)
	}
}

func TestTheKindThatIsSaidIsTaken(t *testing.T) {
	w := newWeb()
	w.provider(t, "https://id.example.com", "/realms/acme", "https://id.example.com/realms/acme", nil)
	p, err := w.search().Provider(t.Context(), "https://id.example.com/realms/acme", "oidc")
	if err != nil {
		t.Fatal(err)
	}
	if p.Kind != "oidc" || p.Recognised || !strings.Contains(strings.Join(p.Notes, " "), "keycloak") {
		t.Errorf("%+v", p)
	}
	p, err = w.search().Provider(t.Context(), "", "github")
	if err != nil || p.Issuer != "https://github.com" || p.Recognised {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = w.search().Provider(t.Context(), "https://github.acme.example/login/oauth", "github-enterprise")
	if err != nil || p.Issuer != "https://github.acme.example/login/oauth" {
		t.Errorf("%+v, %v", p, err)
	}
}

// Its address is known then, and what is wrong is told by the doctor.
func TestAProviderOfASaidKindThatDoesNotAnswerIsTaken(t *testing.T) {
	p, err := newWeb().search().Provider(t.Context(), "", "google")
	if err != nil || p.Issuer != "https://accounts.google.com" || p.Kind != "google" || len(p.Notes) == 0 {
		t.Errorf("%+v, %v", p, err)
	}
	w := newWeb()
	w.say("https://id.example.com", "/", Answer{Status: 200})
	if _, err := w.search().Provider(t.Context(), "https://id.example.com", "keycloak"); !errors.Is(err, ErrNothing) {
		t.Errorf("a server without metadata is taken: %v", err)
	}
}

func TestWhatIsNoProviderIsRefusedWithWhatWasTried(t *testing.T) {
	w := newWeb()
	w.say("https://www.example.com", "/", Answer{Status: 200, Body: []byte("<html>")})
	w.say("https://liar.example.com", discovery, Answer{Status: 200, Body: []byte(`{"issuer":"https://liar.example.com"}`)})
	w.moved("https://loop.example.com", discovery, "https://loop.example.com"+discovery)
	w.moved("https://down.example.com", discovery, "http://down.example.com"+discovery)
	for given, want := range map[string]error{
		"": ErrAddress, "http://": ErrAddress, "ftp://id.example.com": ErrAddress, "https://user:pass@id.example.com": ErrAddress, "https://*.example.com": ErrAddress,
		"https://www.example.com/a/b/c": ErrNothing, "https://nobody.example.com": ErrNothing, "https://liar.example.com": ErrNothing,
		"https://loop.example.com": ErrNothing, "https://down.example.com": ErrNothing,
	} {
		w.asked = nil
		_, err := w.search().Provider(t.Context(), given, "")
		if !errors.Is(err, want) {
			t.Errorf("%q: %v", given, err)
		}
		if len(w.asked) > mostRequests {
			t.Errorf("%q: %d requests", given, len(w.asked))
		}
	}
	if _, err := w.search().Provider(t.Context(), "", "githup"); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), `"github"`) {
		t.Error(err)
	}
	if _, err := w.search().Provider(t.Context(), "", "keycloak"); !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
}

func TestCandidatesAreFewAndNeverTheSameTwice(t *testing.T) {
	trail := &trail{}
	for _, p := range []string{"", "/", "/acme", "/realms/acme", "/a/b/c/d/e/f/g", "/realms/acme/protocol/openid-connect/auth"} {
		seen := map[string]bool{strings.TrimRight(p, "/"): true}
		all := trail.candidates(p)
		for _, c := range all {
			if seen[c] || strings.HasSuffix(c, "/") || strings.ContainsAny(c, "*?") {
				t.Errorf("%s: %q", p, c)
			}
			seen[c] = true
		}
		if len(all) > 16 {
			t.Errorf("%s: %d", p, len(all))
		}
	}
}

func FuzzProvider(f *testing.F) {
	f.Add("https://id.example.com/realms/acme", `{"issuer":"https://x.example.com","authorization_endpoint":"/a"}`, "https://y.example.com"+discovery)
	f.Add("id.example.com", `{"issuer":"a{b}"}`, "")
	f.Fuzz(func(t *testing.T, given, body, location string) {
		n := 0
		s := Search{Recognise: func(*url.URL, map[string]any) []string { return nil }, Get: getter(func(string) (Answer, error) {
			if n++; n%3 == 0 {
				return Answer{Status: 302, Header: http.Header{"Location": {location}}}, nil
			}
			return Answer{Status: 200, Header: http.Header{}, Body: []byte(body)}, nil
		})}
		p, err := s.Provider(t.Context(), given, "")
		if n > mostRequests {
			t.Errorf("%d requests", n)
		}
		if err == nil && (p.Issuer == "" || p.Kind == "") {
			t.Errorf("%+v", p)
		}
		if diff := cmp.Diff(p.Kind, p.Record.Kind); err == nil && diff != "" {
			t.Error(diff)
		}
	})
}
