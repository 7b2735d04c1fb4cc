package provider

import (
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/record"
)

func TestDiscoveryCannotSendThisServerInside(t *testing.T) {
	for name, tc := range map[string]struct {
		issuer, back, endpoint string
		insecure, stated       bool
		refused                string
	}{
		"its own host":                     {"https://id.example", "", "https://id.example/token", false, false, ""},
		"another public host":              {"https://id.example", "", "https://api.example/token", false, false, ""},
		"loopback by http":                 {"https://id.example", "", "http://127.0.0.1/token", false, false, "plain http"},
		"loopback by https":                {"https://id.example", "", "https://127.0.0.1/token", false, false, "inside a network"},
		"private":                          {"https://id.example", "", "https://10.0.0.1/token", false, false, "inside a network"},
		"metadata of a cloud":              {"https://id.example", "", "https://169.254.169.254/token", false, false, "inside a network"},
		"a name of one label":              {"https://id.example", "", "https://vault/token", false, false, "inside a network"},
		"private, though http is allowed":  {"http://id.example", "", "http://192.168.0.1/token", true, false, "inside a network"},
		"stated in the record":             {"https://id.example", "", "https://10.0.0.1/token", false, true, ""},
		"stated, but plain http":           {"https://id.example", "", "http://10.0.0.1/token", false, true, "plain http"},
		"the operator's back channel":      {"https://id.example", "http://keycloak:8080", "http://keycloak:8080/token", false, false, ""},
		"beside the back channel":          {"https://id.example", "http://keycloak:8080", "https://keycloak:8443/token", false, false, "inside a network"},
		"an issuer that is inside":         {"https://10.0.0.1", "", "https://10.0.0.2/token", false, false, ""},
		"an issuer of one label":           {"http://keycloak:8080", "", "http://10.0.0.2/token", true, false, ""},
		"inside, to a cloud's metadata":    {"http://keycloak:8080", "", "http://169.254.169.254/token", true, false, "inside a network"},
		"loopback to loopback":             {"http://127.0.0.1:9000", "", "http://localhost:9001/token", false, false, ""},
		"loopback to a cloud's metadata":   {"http://127.0.0.1:9000", "", "https://169.254.169.254/token", false, false, "inside a network"},
		"its own host on another port":     {"https://id.internal", "", "https://id.internal:8443/token", false, false, ""},
		"a cloud's metadata as the issuer": {"https://169.254.1.1", "", "https://169.254.1.1:444/token", false, false, ""},
	} {
		to, err := newAddresses(tc.issuer, tc.back, tc.insecure)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = to.endpoint(tc.endpoint, tc.stated)
		if (err != nil) != (tc.refused != "") || err != nil && !strings.Contains(err.Error(), tc.refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryEndpointOfADocumentIsHeldAgainstTheAddressRules(t *testing.T) {
	for _, member := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint", "revocation_endpoint"} {
		f := newFake(t)
		f.set(func() { f.discovery[member] = "https://169.254.169.254/latest" })
		p := f.provider("oidc", nil)
		if _, err := p.AuthorizationURL(t.Context(), request()); err == nil || !strings.Contains(err.Error(), member) {
			t.Errorf("%s: %v", member, err)
		}
		p = f.provider("oidc", func(r *record.Record) {
			e := &r.Endpoints
			e.Authorization, e.Token, e.Keys = "{origin}/authorize", "{origin}/token", "{origin}/keys"
			e.UserInfo, e.EndSession, e.Revocation = "{origin}/userinfo", "{origin}/logout", "{origin}/revoke"
		})
		if _, err := p.AuthorizationURL(t.Context(), request()); err != nil {
			t.Errorf("%s: what the record states does not win: %v", member, err)
		}
	}
}
