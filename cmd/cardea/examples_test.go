package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/preset"
)

// examples are the folders that show one application each.
func examples(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("../../examples/*/run")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 5 {
		t.Fatalf("only %v found", found)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

func TestTheExamplesHaveNoFaultAndNoWarning(t *testing.T) {
	used := map[string]bool{}
	for _, dir := range examples(t) {
		env := func(name string) (string, bool) { return "a secret", name == "CARDEA_CLIENT_SECRET" }
		cfg, warnings, err := config.Load(filepath.Join(dir, "cardea.yaml"), env, os.ReadFile)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		for _, w := range warnings {
			t.Errorf("%s: warning: %s", dir, w)
		}
		for _, app := range cfg.Apps {
			used[app.Preset] = true
		}
	}
	for _, name := range preset.Names() {
		if name != preset.Generic && !used[name] {
			t.Errorf("no example shows the preset %s", name)
		}
	}
}

// The scripts put other ports into a copy, and find them by how they are written.
func TestTheExamplesUseTheAddressesThatTheirScriptsExpect(t *testing.T) {
	for _, dir := range examples(t) {
		text, err := os.ReadFile(filepath.Join(dir, "cardea.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{
			"public_url: http://localhost:4180\n", "listen: 127.0.0.1:4180\n", "  listen: 127.0.0.1:4181\n",
			"    issuer: http://127.0.0.1:8090\n", "    url: http://localhost:4180\n", "    upstream: http://127.0.0.1:",
			"data_dir: ./data/gateway\n",
		} {
			if !strings.Contains("\n"+string(text), "\n"+line) {
				t.Errorf("%s/cardea.yaml has no line %q", dir, line)
			}
		}
	}
}

func TestEveryExampleIsRunnableAndListed(t *testing.T) {
	lists := map[string]string{}
	for _, name := range []string{"../../README.md", "../../README.zh.md", "../../examples/README.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lists[name] = string(text)
	}
	for _, dir := range examples(t) {
		name := filepath.Base(dir)
		info, err := os.Stat(filepath.Join(dir, "run"))
		if err != nil || info.Mode()&0o111 != 0o111 {
			t.Errorf("%s/run cannot be run: %v", dir, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil {
			t.Error(err)
		}
		for list, text := range lists {
			if !strings.Contains(text, "`make example-"+name+"`") {
				t.Errorf("%s does not list make example-%s", list, name)
			}
		}
	}
}

func TestEveryCommandIsInTheReadmes(t *testing.T) {
	for _, name := range []string{"../../README.md", "../../README.zh.md"} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, cmd := range rootCommand(process{}).Commands() {
			if !strings.Contains(string(page), "| `cardea "+cmd.Name()) && !strings.Contains(string(page), ", `cardea "+cmd.Name()) &&
				!strings.Contains(string(page), "、`cardea "+cmd.Name()) {
				t.Errorf("%s does not name cardea %s", name, cmd.Name())
			}
		}
	}
}
