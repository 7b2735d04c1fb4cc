package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// folder is examples/conformance on other ports, for a suite at another address.
func folder(t *testing.T, s *standIn) options {
	t.Helper()
	dir := t.TempDir()
	gateway, ops, upstream := harness.MustFreePort(t), harness.MustFreePort(t), harness.MustFreePort(t)
	replace := strings.NewReplacer(
		"https://localhost:8443/", s.server.URL+"/", ":4443", fmt.Sprint(":", gateway), ":4444", fmt.Sprint(":", ops), ":4445", fmt.Sprint(":", upstream),
	)
	for _, name := range []string{"cardea.yaml", "suite.json"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "examples", "conformance", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(replace.Replace(string(data))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tls := filepath.Join(dir, "data", "tls")
	if err := os.MkdirAll(tls, 0o700); err != nil {
		t.Fatal(err)
	}
	ca := harness.NewCA(t)
	cert := ca.Certificate(t, "localhost")
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	files := map[string][]byte{"gateway.pem": append(leaf, root...), "gateway.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(tls, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return options{
		suite: s.server.URL, folder: dir, binary: binary(t), work: harness.ShortDir(t), patience: time.Minute,
		ops: fmt.Sprint("http://127.0.0.1:", ops), upstream: fmt.Sprint("127.0.0.1:", upstream),
	}
}

// binary builds cardea, unless CARDEA_BINARY names a build.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("CARDEA_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "cardea")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/cardea")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func TestTheDriverTakesAPersonThroughEveryKindOfModule(t *testing.T) {
	s := newStandIn(t, map[string][]string{
		"oidcc-client-basic-certification-test-plan":          {"oidcc-client-test", "oidcc-client-test-nonce-invalid"},
		"oidcc-client-formpost-basic-certification-test-plan": {"oidcc-client-test"},
		"oidcc-client-config-certification-test-plan": {
			"oidcc-client-test-discovery-openid-config", "oidcc-client-test-discovery-jwks-uri-keys",
		},
		"oidcc-client-refreshtoken-test-plan":              {"oidcc-client-test-refresh-token", "oidcc-client-test-refresh-token-invalid-issuer"},
		"oidcc-client-test-3rd-party-init-login-test-plan": {"oidcc-client-test-3rd-party-init-login"},
		"oidcc-client-back-channel-logout-rp-basic": {
			"oidcc-client-test-rp-backchannel-rpinitlogout", "oidcc-client-test-rp-backchannel-rpinitlogout-no-event",
		},
		"oidcc-client-front-channel-logout-rp-basic": {"oidcc-client-test-rp-frontchannel-rpinitlogout"},
	})
	o := folder(t, s)
	count := 0
	for name, modules := range s.plans {
		o.plans = append(o.plans, name)
		count += len(modules)
	}
	var out bytes.Buffer
	bad, err := run(t.Context(), o, "", &out)
	if err != nil || bad != 0 || !strings.Contains(out.String(), fmt.Sprint(count, " modules, 0 not as they must be")) {
		t.Errorf("%d bad, %v\n%s", bad, err, &out)
	}
}

// The suite counts a relying party that takes what it must refuse as failed only where it
// sees it; a stand-in that sees nothing is told by where the person ends.
func TestTheDriverSeesWhatTheSuiteDoesNot(t *testing.T) {
	s := newStandIn(t, map[string][]string{
		"oidcc-client-basic-certification-test-plan": {"oidcc-client-test-nonce-invalid", "oidcc-client-test"},
	})
	s.honest = true
	o := folder(t, s)
	o.plans, o.modules = list{"oidcc-client-basic-certification-test-plan"}, "invalid"
	var out bytes.Buffer
	bad, err := run(t.Context(), o, "", &out)
	if err != nil || bad != 1 || !strings.Contains(out.String(), "the person ends in the app, expected is refused") {
		t.Errorf("%d bad, %v\n%s", bad, err, &out)
	}
}

func TestAVerdictThatIsNotTheExpectedOneIsExplained(t *testing.T) {
	s := newStandIn(t, map[string][]string{"oidcc-client-basic-certification-test-plan": {"oidcc-client-test"}})
	s.fails = true
	o := folder(t, s)
	o.plans = list{"oidcc-client-basic-certification-test-plan"}
	var out bytes.Buffer
	bad, err := run(t.Context(), o, "", &out)
	if err != nil || bad != 1 || !strings.Contains(out.String(), "the suite says FAILED, expected is PASSED") ||
		!strings.Contains(out.String(), "FAILURE x: why it failed") || strings.Contains(out.String(), "fine") {
		t.Errorf("%d bad, %v\n%s", bad, err, &out)
	}
}
