package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/devprovider"
)

// Whoever may ask for a plan chooses the files that this process reads for it.
func TestAPlanCanNeitherStopTheGatewayNorShowFilesByNamingThem(t *testing.T) {
	const content = "TOP-SECRET-LINE-1\nroot:$6$salt$hash:1:2:3\n"
	s := newSeveral(t, devprovider.Options{})
	secret, pipe, link, large := filepath.Join(s.dir, "shadow"), filepath.Join(s.dir, "pipe"), filepath.Join(s.dir, "link"), filepath.Join(s.dir, "large")
	if err := os.WriteFile(secret, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil {
		t.Fatal(err)
	}
	plan := func(text string) admin.ConfigPlan {
		t.Helper()
		type answer struct {
			plan admin.ConfigPlan
			err  error
		}
		done := make(chan answer, 1)
		go func() {
			p, err := s.gateway.app.PlanConfig(t.Context(), s.dir, []byte(text))
			done <- answer{p, err}
		}()
		select {
		case a := <-done:
			if a.err != nil {
				t.Fatal(a.err)
			}
			return a.plan
		case <-time.After(patience):
			t.Fatal("the plan does not come to an end")
		}
		return admin.ConfigPlan{}
	}
	for _, file := range []string{pipe, link, large, "/dev/zero", s.dir} {
		p := plan(strings.Replace(s.file(), "{id: two,", fmt.Sprintf("{id: two, ca_file: %q,", file), 1))
		if told, _ := json.Marshal(p.Faults); !strings.Contains(string(told), "cannot be read") {
			t.Errorf("%s: %s", file, told)
		}
	}
	for _, key := range []string{"ca_file: %s", "client_key_file: %s", "client_secret_file: %s"} {
		p := plan(strings.Replace(s.file(), "client_id:", fmt.Sprintf(key, secret)+", client_id:", 1))
		told, err := json.Marshal(p)
		if err != nil || len(p.Faults)+len(p.Changes) == 0 {
			t.Errorf("%s: %s, %v", key, told, err)
		}
		for line := range strings.Lines(content) {
			if strings.Contains(string(told), strings.TrimSpace(line)) {
				t.Errorf("%s: %s", key, told)
			}
		}
	}
	p := plan("tls: {cert_file: " + secret + ", key_file: " + secret + "}\n" + s.file())
	if told, _ := json.Marshal(p); len(p.Faults) == 0 || strings.Contains(string(told), "SECRET") {
		t.Errorf("tls: %s", told)
	}
}
