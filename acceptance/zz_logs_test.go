package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestZZ_NoSecretOfThisRunIsInAnyLogOfCardea searches every log that every Cardea of
// this run has written for every token, code, state, verifier, password, client secret
// and cookie value that the harness saw pass. It stands in the last file, so that it
// runs last.
func TestZZ_NoSecretOfThisRunIsInAnyLogOfCardea(t *testing.T) {
	w := newWorld(t)
	w.demandSignedOutPage(t, w.signedIn(t, "alice").SignOut(t, w.URL))
	w.Stop(t)

	kinds := env.Secret.Kinds()
	for _, kind := range []string{"access_token", "refresh_token", "id_token", "code", "state", "nonce", "code_verifier", "client_secret", "cookie"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s was collected, so that its absence proves nothing (collected: %v)", kind, kinds)
		}
	}
	logs, err := filepath.Glob(filepath.Join(env.Logs, "*-cardea.log"))
	if err != nil {
		t.Fatal(err)
	}
	bytes := int64(0)
	for _, log := range logs {
		if info, err := os.Stat(log); err == nil {
			bytes += info.Size()
		}
		found, err := env.Secret.FindIn(log)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range found {
			t.Errorf("%s holds a %s", filepath.Base(log), line)
		}
	}
	if len(logs) == 0 || bytes == 0 {
		t.Fatal("Cardea wrote no log")
	}
	t.Logf("searched %d logs of %d kB for %d values (%s)", len(logs), bytes/1024, env.Secret.Count(), strings.Join(sortedKeys(kinds), ", "))
}
