package acceptance

import (
	"encoding/json"
	"strings"
	"testing"
)

// levels are what the doctor says of the provider, by check.
func (w *world) levels(t *testing.T) (map[string]string, string) {
	t.Helper()
	out, err := w.Command("doctor", "--json")
	var report struct {
		Groups []struct {
			Kind     string `json:"kind"`
			Findings []struct{ Check, Level string }
		}
	}
	if jerr := json.Unmarshal([]byte(out), &report); jerr != nil {
		t.Fatalf("no report: %v, %v", jerr, err)
	}
	levels := map[string]string{}
	for _, g := range report.Groups {
		for _, f := range g.Findings {
			if g.Kind == "provider" {
				levels[f.Check] = f.Level
			}
		}
	}
	return levels, out
}

// TestDoctor_KnowsWhatKeycloakWillRefuse: a client as it should be, and clients of which
// one thing each is wrong. No secret is printed.
func TestDoctor_KnowsWhatKeycloakWillRefuse(t *testing.T) {
	for name, tc := range map[string]struct {
		edit   func(*plan)
		secret string
		wrong  string // the check that finds it
	}{
		"as it should be":             {},
		"redirect URI not registered": {edit: func(p *plan) { p.client.RedirectURIs = []string{"http://localhost:1/elsewhere"} }, wrong: "redirect-uri"},
		"post-logout URI not registered": {edit: func(p *plan) {
			p.client.PostLogout = []string{"http://localhost:1/elsewhere"}
		}, wrong: "post-logout-uri"},
		"another secret": {secret: "surely-not-the-secret-of-this-client", wrong: "credentials"},
		"realm under /auth": {edit: func(p *plan) {
			p.config.Providers[0].Issuer = strings.Replace(p.config.Providers[0].Issuer, "/realms/", "/auth/realms/", 1)
		}, wrong: "reachable"},
	} {
		t.Run(name, func(t *testing.T) {
			edit := tc.edit
			if edit == nil {
				edit = func(*plan) {}
			}
			w := prepareWorld(t, edit)
			real := w.Secret
			if tc.secret != "" {
				w.Secret = tc.secret
			}
			levels, out := w.levels(t)
			for check, level := range levels {
				if (level == "error") != (check == tc.wrong) {
					t.Errorf("%s: %s", check, level)
				}
			}
			if tc.wrong != "" && levels[tc.wrong] != "error" {
				t.Errorf("%s is %q\n%s", tc.wrong, levels[tc.wrong], out)
			}
			if tc.wrong == "" && (levels["redirect-uri"] != "ok" || levels["post-logout-uri"] != "ok" || levels["credentials"] != "ok" || levels["reachable"] != "ok") {
				t.Errorf("%v", levels)
			}
			if strings.Contains(out, real) || tc.secret != "" && strings.Contains(out, tc.secret) {
				t.Error("a secret is printed")
			}
		})
	}
}
