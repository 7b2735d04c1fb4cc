package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/config"
)

// node is as much of a JSON schema as is needed to find its keys.
type node struct {
	Ref        string          `json:"$ref"`
	Defs       map[string]node `json:"$defs"`
	Properties map[string]node `json:"properties"`
	Items      *node           `json:"items"`
}

// keys lists every key with its path: apps[].session.idle.
func (n node) keys(defs map[string]node, at string) []string {
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		return defs[name].keys(defs, at)
	}
	if n.Items != nil {
		return n.Items.keys(defs, at+"[]")
	}
	var all []string
	for name, member := range n.Properties {
		path := strings.TrimPrefix(at+"."+name, ".")
		all = append(all, path)
		all = append(all, member.keys(defs, path)...)
	}
	return all
}

func TestEveryKeyIsInTheDocumentation(t *testing.T) {
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema node
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := schema.keys(schema.Defs, "")
	if !slices.Contains(keys, "apps[].session.idle") || !slices.Contains(keys, "providers[].record.sign_out.server_call") {
		t.Fatalf("the schema was misread: %v", keys)
	}
	slices.Sort(keys)
	for _, key := range keys {
		// Rules and records are described once, for all places that take them.
		name := key
		for _, place := range []string{"apps[].paths[].", "apps[]."} {
			if rest, ok := strings.CutPrefix(key, place+"access."); ok {
				name = "access." + rest
			}
		}
		name = strings.TrimPrefix(name, "providers[].record.")
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("docs/configuration.md has no row for %s", key)
		}
	}
}

func TestTheExamplesOfTheDocumentationAreFreeOfFaults(t *testing.T) {
	for _, name := range []string{
		"../../README.md", "../../README.zh.md", "../../docs/configuration.md", "../../docs/operating.md", "../../examples/README.md",
	} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range strings.Split(string(page), "```yaml\n")[1:] {
			example, _, _ := strings.Cut(part, "```")
			if !strings.Contains(example, "public_url:") {
				example = least(example)
			}
			env := func(string) (string, bool) { return "a secret", true }
			read := func(file string) ([]byte, error) {
				if filepath.Base(file) != "cardea.yaml" {
					return []byte("a-secret-of-more-than-32-characters"), nil
				}
				return []byte(example), nil
			}
			_, _, err := config.Load("cardea.yaml", env, read)
			if err != nil {
				t.Errorf("%s, example %d: %v\n%s", name, i+1, err, example)
			}
		}
	}
}

// least completes an example that shows a part, by what it leaves out.
func least(part string) string {
	whole := "public_url: https://auth.example.com\ntrusted_proxies: [127.0.0.1/32]\n" + part
	if strings.Contains(part, "trusted_proxies:") {
		whole = "public_url: https://auth.example.com\n" + part
	}
	if !strings.Contains(part, "providers:\n") {
		whole += "\nproviders:\n  - {id: main, kind: oidc, issuer: https://id.example.com, client_id: cardea, client_secret_env: S}\n"
	}
	if !strings.Contains(part, "apps:\n") {
		whole += "\napps:\n  - {id: chat, url: https://chat.example.com, upstream: http://127.0.0.1:8000}\n"
	}
	return whole
}

func TestLinksOfTheDocumentationLeadSomewhere(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/adr/*.md", "../../docs/providers/*.md", "../../examples/*.md", "../../examples/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	if len(pages) < 10 {
		t.Fatalf("only %d pages found", len(pages))
	}
	link := regexp.MustCompile(`\]\(([^)]+)\)`)
	for _, name := range pages {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(page), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") {
				continue
			}
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			text, err := os.ReadFile(target)
			if info, serr := os.Stat(target); serr != nil || (err != nil && !info.IsDir()) {
				t.Errorf("%s links to %s, which is not there", name, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(string(text)), anchor) {
				t.Errorf("%s links to %s, which has no such heading", name, m[1])
			}
		}
	}
}

// anchors are the names that headings get where the pages are shown.
func anchors(page string) []string {
	var all []string
	for line := range strings.Lines(page) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		heading = strings.ToLower(strings.TrimSpace(heading))
		all = append(all, strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, ""), " ", "-"))
	}
	return all
}
