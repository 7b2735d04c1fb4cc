package devprovider_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
)

func TestARestartWithAStateFileKeepsEverybodySignedIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "provider.json")
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	opts := devprovider.Options{
		Issuer: "http://" + address, SigningAlg: devprovider.ES256, StateFile: file, RefreshRotation: true,
		Clients: []devprovider.Client{{ID: clientID, Secret: clientSecret, RedirectURIs: []string{redirectURI}}},
	}
	s, err := devprovider.Start(t.Context(), opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := alice(t, s)
	got := signIn(t, s, v)
	_, _, keys := do(t, request(t, s, "/jwks", nil, nil), nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	again, err := devprovider.Start(t.Context(), opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, _, now := do(t, request(t, again, "/jwks", nil, nil), nil); string(now) != string(keys) {
		t.Error("the keys changed")
	}
	if q := visit(t, v, authURL(again, "prompt", "none")); q.Get("code") == "" {
		t.Errorf("the sign-in and its consent are gone: %v", q)
	}
	if !again.TokenLives(got.access) {
		t.Error("the access token is gone")
	}
	if status, answer := refresh(t, again, got.refresh); status != http.StatusOK {
		t.Errorf("refresh: %v", answer)
	}
	if status, _ := refresh(t, again, got.refresh); status != http.StatusBadRequest {
		t.Errorf("the used refresh token: %d", status)
	}
}

func TestTheStateFileIsPrivateAndHoldsNoTokens(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "provider.json")
	s := start(t, func(o *devprovider.Options) { o.StateFile = file })
	v := alice(t, s)
	got := signIn(t, s, v)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, mode %v", err, info.Mode())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := request(t, s, "/", nil, nil)
	secrets := []string{got.access, got.refresh, got.id}
	for _, c := range v.Client.Jar.Cookies(page.URL) {
		secrets = append(secrets, c.Value)
	}
	for _, secret := range secrets {
		if strings.Contains(string(data), secret) {
			t.Error("a token or cookie is in the state file")
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files left behind: %v, %v", entries, err)
	}
}

func TestADamagedStateFileStopsTheStart(t *testing.T) {
	for name, content := range map[string]string{
		"cut": `{"keys":[`, "empty": "", "null tables": `{"sessions":null}`,
		"bad key": `{"keys":[{"kid":"x","alg":"ES256","pkcs8":"AAAA"}]}`,
	} {
		file := filepath.Join(t.TempDir(), "provider.json")
		if err := os.WriteFile(file, []byte(content), fs.FileMode(0o600)); err != nil {
			t.Fatal(err)
		}
		_, err := devprovider.New(devprovider.Options{Issuer: "http://localhost:9000", SigningAlg: devprovider.ES256, StateFile: file})
		if err == nil {
			t.Errorf("%s: started", name)
		}
	}
}
