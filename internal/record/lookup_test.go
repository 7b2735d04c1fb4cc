package record

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryEmbeddedRecordIsWhole(t *testing.T) {
	kinds := Kinds()
	want := []string{
		"apple", "auth0", "authelia", "authentik", "bitbucket", "casdoor", "cognito", "descope", "dex", "dingtalk",
		"discord", "entra", "feishu", "gitee", "github", "github-enterprise", "gitlab", "google", "hydra", "kanidm",
		"keycloak", "keycloak-17", "lark", "logto", "oauth2", "oidc", "okta", "pocket-id", "slack", "wecom", "zitadel",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Fatalf("kinds (-want +got):\n%s", diff)
	}
	for _, kind := range kinds {
		r, faults := shelf().Read(kind)
		for _, f := range faults {
			t.Errorf("%s:%s", kind, f)
		}
		if r.Kind != kind {
			t.Errorf("kind %q, want %q", r.Kind, kind)
		}
	}
}
