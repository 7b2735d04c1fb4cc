package config

import (
	"strings"
	"testing"
)

func TestLinkingByEmailIsOffUnlessItIsSwitchedOn(t *testing.T) {
	cfg, _ := mustLoad(t, least)
	if cfg.Providers[0].LinkVerifiedEmail {
		t.Error("on by default")
	}
}

func TestLinkingByEmailIsWarnedOfWhereItDoesNothingOrRestsOnAnOverride(t *testing.T) {
	const second = `
  - id: second
    kind: keycloak
    issuer: https://kc.example.com/realms/x
    client_id: cardea
    client_secret_env: CARDEA_CLIENT_SECRET
    link_verified_email: true`
	on := secretLine + "\n    link_verified_email: true"
	for name, tc := range map[string]struct{ lines, path, want string }{
		"alone":            {on, "providers[0].link_verified_email", "does nothing yet"},
		"two":              {on + second, "", ""},
		"always":           {on + "\n    email_verified: always" + second, "providers[0].link_verified_email", "email_verified: always"},
		"always by record": {on + "\n    record: {claims: {email: {verified: always}}}" + second, "providers[0].link_verified_email", "email_verified: always"},
		"switched off":     {secretLine + "\n    link_verified_email: false", "", ""},
	} {
		_, warnings := mustLoad(t, strings.Replace(least, secretLine, tc.lines, 1))
		if tc.want == "" && len(warnings) == 0 {
			continue
		}
		if len(warnings) != 1 || tc.want == "" || warnings[0].Path != tc.path || !strings.Contains(warnings[0].Message, tc.want) || warnings[0].Line == 0 {
			t.Errorf("%s: %v", name, warnings)
		}
	}
}
