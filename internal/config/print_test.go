package config

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"
)

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func TestPrintedConfigurationLoadsAgainToTheSame(t *testing.T) {
	doc := least + `    access: {groups: [staff], claims: {a.b: [c]}}
    headers: {set: authentik, X-Team: "claim:team"}
    paths: [{prefix: /pub, public: true}, {exact: /hook, bearer: true}]
    cors: {origins: ["*"]}
trusted_proxies: [10.0.0.0/8]
audit: {keep: 400d}
limits: {outbox_retry: 1d12h}
`
	doc = strings.Replace(doc, "    client_secret_env", "    scopes: [openid]\n    email_verified: never\n    record: {fresh_login: {max_age: 2s}, notes: []}\n    client_secret_env", 1)
	first, _ := mustLoad(t, doc)
	printed, err := Print(first)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := mustLoad(t, string(printed))
	ignore := []cmp.Option{
		cmpopts.IgnoreFields(Provider{}, "Override", "EmailVerified", "Scopes"),
		cmpopts.IgnoreFields(App{}, "Override"),
		cmpopts.IgnoreFields(Config{}, "Digest"), // of the text
		cmp.Comparer(func(a, b Secret) bool { return a.Reveal() == b.Reveal() }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(first, second, ignore...); diff != "" {
		t.Errorf("(-first +second):\n%s\n%s", diff, printed)
	}
}

func TestPrintMasksSecretsAndSaysWhereTheyComeFrom(t *testing.T) {
	w := world{env: map[string]string{"ROOT": "root-of-all"}}
	cfg, _, err := w.load(least + "keys: {root_env: ROOT}\n")
	if err != nil {
		t.Fatal(err)
	}
	printed, err := Print(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{hidden, "root-of-all"} {
		if strings.Contains(string(printed), secret) {
			t.Errorf("a secret is printed:\n%s", printed)
		}
	}
	for _, line := range []string{"client_secret_env: CARDEA_CLIENT_SECRET # ********", "root_env: ROOT # ********"} {
		if !strings.Contains(string(printed), line) {
			t.Errorf("%q is not in:\n%s", line, printed)
		}
	}
}

func TestSecretNeverShowsItself(t *testing.T) {
	s := NewSecret(hidden)
	type named struct{ S Secret }
	holder := named{s}
	private := struct{ s Secret }{s}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "holder", holder, "pointer", &s)
	j, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	x, err := xml.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Dump(holder)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{log.String(), string(j), string(x), string(y), s.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, &holder), fmt.Sprintf(verb, private))
	}
	for _, out := range shown {
		if strings.Contains(out, hidden) || strings.Contains(out, fmt.Sprintf("%x", hidden)) {
			t.Errorf("shown: %s", out)
		}
	}
	if s.Reveal() != hidden || s.IsZero() || !NewSecret("").IsZero() {
		t.Error("Reveal or IsZero is wrong")
	}
}
