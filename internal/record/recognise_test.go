package record

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is an issuer as an operator writes it, with as much of its metadata as tells it.
type example struct{ kind, issuer, metadata string }

// examples has one of every kind that has marks, and some that look alike.
func examples() []example {
	return []example{
		{"apple", "https://appleid.apple.com", ""},
		{"auth0", "https://acme.eu.auth0.com/", ""},
		{"authelia", "https://auth.example.com", `{"authorization_endpoint": "https://auth.example.com/api/oidc/authorization"}`},
		{"authelia", "https://example.com/authelia", `{"authorization_endpoint": "https://example.com/authelia/api/oidc/authorization"}`},
		{"authentik", "https://id.example.com/application/o/cardea/", ""},
		{"authentik", "https://id.example.com/application/o/cardea", ""},
		{"bitbucket", "https://bitbucket.org", ""},
		{"casdoor", "https://door.example.com", `{"end_session_endpoint": "https://door.example.com/api/logout", "token_endpoint": "https://door.example.com/api/login/oauth/access_token"}`},
		{"cognito", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123", ""},
		{"descope", "https://api.descope.com/P2abc", ""},
		{"dex", "https://dex.example.com/dex", `{"jwks_uri": "https://dex.example.com/dex/keys", "device_authorization_endpoint": "https://dex.example.com/dex/device/code"}`},
		{"dingtalk", "https://login.dingtalk.com", ""},
		{"discord", "https://discord.com", ""},
		{"entra", "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", ""},
		{"entra", "https://login.microsoftonline.com/common/v2.0", `{"jwks_uri": "https://login.microsoftonline.com/common/discovery/v2.0/keys"}`},
		{"feishu", "https://accounts.feishu.cn", ""},
		{"gitee", "https://gitee.com", ""},
		{"github", "https://github.com", ""},
		{"github", "https://GitHub.com/", ""},
		{"github", "https://github.com/login/oauth", ""},
		{"github-enterprise", "https://github.example.com/login/oauth", ""},
		{"gitlab", "https://gitlab.com", `{"claims_supported": ["iss", "sub", "https://gitlab.org/claims/groups/owner"]}`},
		{"google", "https://accounts.google.com", `{"device_authorization_endpoint": "https://oauth2.googleapis.com/device/code", "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs"}`},
		{"hydra", "https://hydra.example.com/", `{"end_session_endpoint": "https://hydra.example.com/oauth2/sessions/logout"}`},
		{"kanidm", "https://idm.example.com/oauth2/openid/cardea", ""},
		{"keycloak", "https://id.example.com/realms/acme", ""},
		{"keycloak", "http://localhost:8080/realms/acme", `{"end_session_endpoint": "http://localhost:8080/realms/acme/protocol/openid-connect/logout"}`},
		{"keycloak", "https://id.example.com/auth/realms/acme", ""},
		{"lark", "https://accounts.larksuite.com", ""},
		{"logto", "https://acme.logto.app/oidc", `{"claims_supported": ["sub", "custom_data"], "end_session_endpoint": "https://acme.logto.app/oidc/session/end"}`},
		{"okta", "https://acme.okta.com/oauth2/default", ""},
		{"pocket-id", "https://id.example.com", `{"end_session_endpoint": "https://id.example.com/api/oidc/end-session"}`},
		{"slack", "https://slack.com", ""},
		{"wecom", "https://work.weixin.qq.com/ww1234", ""},
		{"zitadel", "https://acme.zitadel.cloud", `{"end_session_endpoint": "https://acme.zitadel.cloud/oidc/v1/end_session"}`},
	}
}

func metadataOf(t *testing.T, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestAProviderIsRecognisedByItsIssuerAndMetadata(t *testing.T) {
	seen, known := map[string]bool{}, marks()
	for _, e := range examples() {
		seen[e.kind] = true
		u, err := url.Parse(e.issuer)
		if err != nil {
			t.Fatal(err)
		}
		got := recognised(known, u, metadataOf(t, e.metadata))
		if len(got) == 0 || got[0] != e.kind {
			t.Errorf("%s: recognised as %v, want %s first", e.issuer, got, e.kind)
		}
	}
	for kind, m := range known {
		marked := len(m.Hosts)+len(m.Paths)+len(m.Members) > 0
		if kind != "keycloak-17" && marked != seen[kind] {
			t.Errorf("%s: marks %v, an example %v", kind, marked, seen[kind])
		}
	}
}

func TestNoTwoRecordsRecogniseAnIssuerWithEqualStrength(t *testing.T) {
	known := marks()
	for _, e := range examples() {
		u, err := url.Parse(e.issuer)
		if err != nil {
			t.Fatal(err)
		}
		by := map[likeness][]string{}
		for kind, m := range known {
			if l, holds := m.likens(u, metadataOf(t, e.metadata)); holds {
				by[l] = append(by[l], kind)
			}
		}
		for l, kinds := range by {
			if len(kinds) > 1 {
				t.Errorf("%s: %v are equally like it (%+v)", e.issuer, kinds, l)
			}
		}
	}
}

func TestAProviderWithoutMarksIsNotRecognised(t *testing.T) {
	known := marks()
	for _, e := range []example{
		{issuer: "https://id.example.com"},
		{issuer: "https://id.example.com", metadata: `{"end_session_endpoint": "https://id.example.com/logout", "jwks_uri": null}`},
		{issuer: "https://notgithub.com"},
		{issuer: "https://github.com.example.net"},
		{issuer: "https://auth0.com/"},
		{issuer: "https://evil.example/realms/a/b/c"},
		{issuer: "https://s3.amazonaws.com/bucket"},
		{issuer: "https://login.microsoftonline.com/tenant/v1.0"},
		{issuer: "mailto:x"},
	} {
		u, err := url.Parse(e.issuer)
		if err != nil {
			t.Fatal(err)
		}
		if got := recognised(known, u, metadataOf(t, e.metadata)); got != nil {
			t.Errorf("%s is taken for %v", e.issuer, got)
		}
	}
	if got := Recognised(nil, nil); got != nil {
		t.Errorf("no issuer is taken for %v", got)
	}
}

func TestMarksInMetadataThatWereNotLookedAtAreNotThere(t *testing.T) {
	u := &url.URL{Scheme: "https", Host: "acme.zitadel.cloud"}
	if got := Recognised(u, nil); slices.Contains(got, "zitadel") {
		t.Errorf("recognised as %v without its metadata", got)
	}
}

func TestOlderKeycloaksAreTheSecondGuess(t *testing.T) {
	u := &url.URL{Scheme: "https", Host: "id.example.com", Path: "/auth/realms/acme"}
	if diff := cmp.Diff([]string{"keycloak", "keycloak-17"}, Recognised(u, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
