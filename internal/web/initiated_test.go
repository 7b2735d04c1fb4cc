package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func withIssuer(o *Options) {
	for i := range o.Providers {
		issuer := "https://" + o.Providers[i].Host
		o.Providers[i].IsIssuer = func(iss string) bool { return iss == issuer }
	}
}

func TestAThirdPartyMayAskForASignIn_AndDecidesNothingElse(t *testing.T) {
	const at = "https://gate.example/.cardea/sign-in?"
	for name, tc := range map[string]struct{ query, want string }{
		"provider":                {"iss=https%3A%2F%2Ftwo.example", "https://gate.example/.cardea/sign-in?provider=second"},
		"hint":                    {"iss=https%3A%2F%2Fidp.example&login_hint=ada", "https://gate.example/.cardea/sign-in?login_hint=ada&provider=main"},
		"an app's page":           {"iss=https%3A%2F%2Fidp.example&target_link_uri=https%3A%2F%2Fapp.example%2Fdeep%3Fx%3D1", "https://app.example/.cardea/sign-in?provider=main&return=%2Fdeep%3Fx%3D1"},
		"another site's page":     {"iss=https%3A%2F%2Fidp.example&target_link_uri=https%3A%2F%2Fevil.example%2F", "https://gate.example/.cardea/sign-in?provider=main"},
		"with a password":         {"iss=https%3A%2F%2Fidp.example&target_link_uri=https%3A%2F%2Fu%3Ap%40app.example%2F", "https://gate.example/.cardea/sign-in?provider=main"},
		"a page of the gateway's": {"iss=https%3A%2F%2Fidp.example&target_link_uri=https%3A%2F%2Fapp.example%2F.cardea%2Fsign-out", "https://app.example/.cardea/sign-in?provider=main&return=%2F"},
		"a long hint":             {"iss=https%3A%2F%2Fidp.example&login_hint=" + strings.Repeat("x", 300), "https://gate.example/.cardea/sign-in?provider=main"},
	} {
		f := newFace(t, withIssuer)
		if got := location(t, f.ask("GET", at+tc.query, navigation()...)).String(); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	f := newFace(t, withIssuer)
	if w := f.ask("GET", at+"iss=https%3A%2F%2Fevil.example", navigation()...); w.Code != http.StatusBadRequest {
		t.Errorf("an unknown issuer: %d", w.Code)
	}
	if w := f.ask("GET", at+"iss=https%3A%2F%2Fidp.example", script()...); w.Code != http.StatusUnauthorized || len(f.signIn.started) != 0 {
		t.Errorf("a script: %d", w.Code)
	}
}

func TestAThirdPartyMayPost(t *testing.T) {
	f := newFace(t, withIssuer)
	const at = "https://gate.example/.cardea/sign-in"
	w := f.form(at, "https://idp.example", url.Values{"iss": {"https://idp.example"}, "login_hint": {"ada"}, "evil": {"x"}})
	if got := location(t, w).String(); got != "/.cardea/sign-in?iss=https%3A%2F%2Fidp.example&login_hint=ada" {
		t.Errorf("%s", got)
	}
	for name, values := range map[string]url.Values{"nothing": {}, "no iss": {"login_hint": {"ada"}}} {
		if w := f.form(at, "https://idp.example", values); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestTheProviderHearsWhomToExpect(t *testing.T) {
	f := newFace(t, withIssuer)
	location(t, f.ask("GET", "https://gate.example/.cardea/sign-in?provider=main&login_hint=ada", navigation()...))
	if got := f.signIn.started; len(got) != 1 || got[0].LoginHint != "ada" {
		t.Errorf("%+v", got)
	}
}
