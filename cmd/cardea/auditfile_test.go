package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/config"
)

func TestAnAuditFileThatCannotBeWrittenIsToldBeforeTheStart(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"":                                       "",
		filepath.Join(dir, "audit.jsonl"):        "",
		plain:                                    "",
		filepath.Join(dir, "log", "audit.jsonl"): "mkdir -p " + filepath.Join(dir, "log"),
		filepath.Join(dir, "my log", "a.jsonl"):  `mkdir -p "` + filepath.Join(dir, "my log") + `"`,
		filepath.Join(plain, "audit.jsonl"):      "is no folder",
		dir:                                      "is no plain file",
	} {
		if got := auditFileTrouble(config.Audit{File: file}); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q", file, got)
		}
	}
	if os.Getuid() == 0 {
		return // root may write everywhere
	}
	if err := os.Chmod(plain, 0o400); err != nil {
		t.Fatal(err)
	}
	if got := auditFileTrouble(config.Audit{File: plain}); !strings.Contains(got, "cannot be written by this user") {
		t.Error(got)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if got := auditFileTrouble(config.Audit{File: filepath.Join(dir, "new")}); !strings.Contains(got, "the folder "+dir+" cannot be written by this user") {
		t.Error(got)
	}
}
