package config

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/record"
)

func inPEM(kind string, der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return inPEM("PRIVATE KEY", der, err)
}

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func TestPrivateKeysAreReadFromTheUsualForms(t *testing.T) {
	ec := newEC(elliptic.P256())
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	sec1, err := x509.MarshalECPrivateKey(ec)
	parameters := inPEM("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}, nil)
	for name, tc := range map[string]struct {
		text string
		want crypto.Signer
	}{
		"PKCS #8, RSA":            {pkcs8(rsaKey), rsaKey},
		"PKCS #8, P-256":          {pkcs8(ec), ec},
		"PKCS #8, Ed25519":        {pkcs8(edwards), edwards},
		"SEC 1":                   {inPEM("EC PRIVATE KEY", sec1, err), ec},
		"SEC 1, with parameters":  {parameters + inPEM("EC PRIVATE KEY", sec1, err), ec},
		"PKCS #1":                 {inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), rsaKey},
		"text around it, CR LF":   {"the key:\r\n" + strings.ReplaceAll(pkcs8(ec), "\n", "\r\n") + "\r\nend", ec},
		"the first of two":        {pkcs8(ec) + pkcs8(rsaKey), ec},
		"after its certificate":   {inPEM("CERTIFICATE", []byte("x"), nil) + pkcs8(ec), ec},
		"P-521":                   {pkcs8(newEC(elliptic.P521())), nil},
		"as a file with one line": {strings.TrimRight(pkcs8(ec), "\n"), ec},
	} {
		got, err := ParsePrivateKey(tc.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same, _ := got.Public().(interface{ Equal(crypto.PublicKey) bool })
		if tc.want != nil && !same.Equal(tc.want.Public()) {
			t.Errorf("%s: another key", name)
		}
	}
}

func TestWhatIsNoUsableKeyIsRefusedWithoutBeingQuoted(t *testing.T) {
	exchange, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(newEC(elliptic.P256()).Public())
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":         {"", "no private key"},
		"no PEM":          {"c2VjcmV0LWJ5dGVz", "no private key"},
		"a public key":    {inPEM("PUBLIC KEY", public, err), "no private key"},
		"encrypted":       {inPEM("ENCRYPTED PRIVATE KEY", []byte("secret-bytes"), nil), "encrypted"},
		"encrypted, old":  {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n", "encrypted"},
		"junk":            {inPEM("PRIVATE KEY", []byte("secret-bytes"), nil), "cannot be read"},
		"another kind":    {inPEM("OPENSSH PRIVATE KEY", []byte("secret-bytes"), nil), "cannot be read"},
		"not for signing": {pkcs8(exchange), "cannot sign"},
		"a weak curve":    {pkcs8(newEC(elliptic.P224())), "curve"},
		"cut":             {pkcs8(newEC(elliptic.P256()))[:60], "no private key"},
	} {
		_, err := ParsePrivateKey(tc.text)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret-bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// keyed is the least configuration with other fields of the provider, and a key at hand.
func keyed(t *testing.T, fields string) (*Config, error) {
	t.Helper()
	w := world{env: map[string]string{"KEY": pkcs8(newEC(elliptic.P256()))}, files: map[string]string{"/etc/cardea/key.pem": pkcs8(newEC(elliptic.P384()))}}
	cfg, _, err := w.load(strings.Replace(least, secretLine, fields, 1))
	return cfg, err
}

const (
	byKey   = "record: {client: {auth: private_key_jwt, assertion: {issuer: '{client_id}', audience: '{token_endpoint}', life: 1m}}}"
	byOwner = "record: {client: {auth: signed_secret, assertion: {issuer: '{key_issuer}', audience: '{issuer}', life: 5m}}}"
	byBasic = "record: {client: {auth: client_secret_basic}}"
	byAny   = "record: {client: {auth: discovery}}"
)

func TestAClientKeyStandsInPlaceOfTheSecret(t *testing.T) {
	for name, fields := range map[string]string{
		"from a file":             "client_key_file: key.pem\n    client_key_id: k1\n    " + byKey,
		"from the environment":    "client_key_env: KEY\n    " + byKey,
		"with its owner":          "client_key_env: KEY\n    client_key_id: k1\n    client_key_issuer: TEAM\n    " + byOwner,
		"as discovery offers":     "client_key_env: KEY\n    " + byAny,
		"as discovery offers, or": secretLine + "\n    client_key_env: KEY\n    " + byAny,
	} {
		cfg, err := keyed(t, fields)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := cfg.Providers[0]
		if _, err := ParsePrivateKey(p.ClientKey.Reveal()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		printed, err := Print(cfg)
		if err != nil || strings.Contains(string(printed), "PRIVATE KEY") || strings.Contains(fmt.Sprintf("%+v %#v", p, p), "PRIVATE KEY") {
			t.Errorf("%s: the key is shown (%v)", name, err)
		}
	}
}

func TestFaultsOfClientKeys(t *testing.T) {
	for name, tc := range map[string]struct{ fields, path, message string }{
		"both":                   {"client_key_file: key.pem\n    client_key_env: KEY\n    " + byKey, "client_key_env", "stands beside"},
		"missing":                {byKey, "client_key_file", "there is no client key"},
		"missing, a secret":      {secretLine + "\n    " + byKey, "client_key_file", "there is no client key"},
		"of no use":              {secretLine + "\n    client_key_env: KEY\n    " + byBasic, "client_key_env", "is not used"},
		"no file":                {"client_key_file: nowhere\n    " + byKey, "client_key_file", "does not exist"},
		"no key":                 {"client_key_env: CARDEA_CLIENT_SECRET\n    " + byKey, "client_key_env", "no private key"},
		"id of no key":           {secretLine + "\n    client_key_id: k1", "client_key_id", "no client key"},
		"id with a blank":        {"client_key_env: KEY\n    client_key_id: 'k 1'\n    " + byKey, "client_key_id", "blanks"},
		"owner that nobody asks": {"client_key_env: KEY\n    client_key_issuer: TEAM\n    " + byKey, "client_key_issuer", "is not used"},
		"owner that is missing":  {"client_key_env: KEY\n    " + byOwner, "client_key_issuer", "is missing"},
		"written out":            {"client_key: abc\n    " + byKey, "client_key", "does not stand in the configuration"},
		"upstream":               {secretLine + "\n    sign_out_upstream: true\n    record: {sign_out: {upstream: never}}", "sign_out_upstream", "knows no request"},
	} {
		_, err := keyed(t, tc.fields)
		if err == nil || !strings.Contains(err.Error(), "providers[0]."+tc.path+": ") || !strings.Contains(err.Error(), tc.message) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhoAsksForGroups(t *testing.T) {
	app := func(id, more string) string {
		return "  - {id: " + id + ", url: http://localhost:4180/" + id + ", upstream: http://127.0.0.1:8000" + more + "}\n"
	}
	for name, tc := range map[string]struct {
		extra       string
		main, other bool
	}{
		"nobody":                 {app("a", ""), false, false},
		"an admission rule":      {app("a", "") + "access: {groups: [x]}\n", true, true},
		"an app of all":          {app("a", ", access: {groups: [x]}"), true, true},
		"an app of one":          {app("a", ", providers: [other], access: {groups: [x]}"), false, true},
		"a path":                 {app("a", ", providers: [main], paths: [{prefix: /a/x, access: {groups: [x]}}]"), true, false},
		"a header":               {app("a", ", providers: [main], headers: {X-Teams: groups}"), true, false},
		"a ready set of headers": {app("a", ", headers: {set: authelia}"), true, true},
		"other rules":            {app("a", ", access: {emails: [a@b.example]}, headers: {X-Name: name}"), false, false},
	} {
		doc := strings.Replace(least, "apps:", "  - {id: other, kind: oidc, issuer: http://localhost:8080/realms/other, client_id: b, "+secretLine+"}\napps:\n"+tc.extra+"unused:", 1)
		doc, _, _ = strings.Cut(doc, "unused:")
		cfg, _, err := world{}.load(doc)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if main, other := cfg.WantsGroups("main"), cfg.WantsGroups("other"); main != tc.main || other != tc.other {
			t.Errorf("%s: main %v, other %v", name, main, other)
		}
	}
}

func TestAHeaderOfGroupsNeedsASourceOfThem(t *testing.T) {
	none := secretLine + "\n    record: {claims: {groups: {source: none}}}"
	doc := strings.Replace(least, secretLine, none, 1) + "    headers: {X-Teams: groups}\n"
	_, _, err := world{}.load(doc)
	if err == nil || !strings.Contains(err.Error(), "apps[0].headers.X-Teams: ") || !strings.Contains(err.Error(), "main has no source") {
		t.Error(err)
	}
	doc = strings.Replace(least, secretLine, none, 1) + "    headers: {set: authelia}\n"
	if _, _, err := (world{}).load(doc); err != nil {
		t.Errorf("a ready set of headers: %v", err)
	}
	if keyMay(record.AuthBasic) || !keyMay(record.AuthDiscovery) || keyMust(record.AuthDiscovery) || !keyMust(record.AuthSignedSecret) {
		t.Error("which authentication takes a key is wrong")
	}
}
