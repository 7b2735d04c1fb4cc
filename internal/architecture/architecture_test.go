package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cardea-auth/cardea"

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string

	TestImports, XTestImports []string
	GoFiles                   []string
}

type tier struct {
	name string
	pkgs []string
}

type plan struct {
	tiers  []tier
	fences map[string][]string // module to packages
}

func TestImportsFollowTheTableOfTiers(t *testing.T) {
	p := readPlan(t)
	for _, pk := range list(t) {
		name := short(pk.ImportPath)
		if outside(name) {
			continue
		}
		row, ok := p.row(name)
		if !ok {
			t.Errorf("%s stands in no tier of docs/architecture.md", name)
			continue
		}
		for _, imported := range pk.Imports {
			if rest, ours := strings.CutPrefix(imported, module+"/"); ours {
				if !p.allows(row, name, short(module+"/"+rest)) {
					t.Errorf("%s (%s) imports %s", name, p.tiers[row].name, rest)
				}
				continue
			}
			p.checkFence(t, name, imported)
		}
	}
}

func TestEveryFolderSaysWhatItOwns(t *testing.T) {
	for _, pk := range list(t) {
		if _, err := os.Stat(filepath.Join(pk.Dir, "doc.go")); err != nil {
			t.Errorf("%s has no doc.go", short(pk.ImportPath))
		}
	}
}

func TestNoFileIsTooLongToRead(t *testing.T) {
	const most = 600 // lines
	seen := 0
	for _, tree := range []string{"acceptance", "bench", "cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join("../..", tree), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			seen++
			if n := bytes.Count(text, []byte("\n")); n > most {
				t.Errorf("%s has %d lines, more than %d: it holds more than one topic", path, n, most)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if seen < 100 {
		t.Errorf("%d files read: the repository has more", seen)
	}
}

func TestEveryPackageOfTheTableExists(t *testing.T) {
	var have []string
	for _, pk := range list(t) {
		have = append(have, short(pk.ImportPath))
	}
	for _, row := range readPlan(t).tiers {
		for _, name := range row.pkgs {
			if !slices.Contains(have, name) {
				t.Errorf("docs/architecture.md names %s, which does not exist", name)
			}
		}
	}
}

func TestEveryFencedModuleIsUsed(t *testing.T) {
	used, fences := map[string]bool{}, readPlan(t).fences
	for _, pk := range list(t) {
		for _, imported := range slices.Concat(pk.Imports, pk.TestImports, pk.XTestImports) {
			for mod := range fences {
				if imported == mod || strings.HasPrefix(imported, mod+"/") {
					used[mod] = true
				}
			}
		}
	}
	for mod := range fences {
		if !used[mod] {
			t.Errorf("docs/architecture.md fences %s, which nothing imports", mod)
		}
	}
}

// short is a package's name in the table: its path below internal/.
func short(path string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	return strings.TrimPrefix(rest, "internal/")
}

func outside(name string) bool {
	return name == "architecture" || name == "bench" || strings.HasPrefix(name, "bench/")
}

func (p plan) row(name string) (int, bool) {
	for i, row := range p.tiers {
		for _, member := range row.pkgs {
			if name == member || strings.HasPrefix(name, member+"/") {
				return i, true
			}
		}
	}
	return 0, false
}

// allows applies the third column: lower tiers, exceptions and named additions.
func (p plan) allows(row int, from, to string) bool {
	target, ok := p.row(to)
	if !ok {
		return false
	}
	if owner := p.member(row, from); owner == p.member(target, to) {
		return true // a package and its own subfolders
	}
	level, below := p.level(row), p.level(target)
	switch {
	case level == 0:
		if to == "strict" {
			return from == "config" || from == "record" || from == "preset"
		}
		return from == "config" && (to == "record" || to == "preset" || to == "httpx")
	case to == "config":
		return level >= 5
	case level == 4:
		return below <= 2 || to == "pages"
	case level == 7:
		return to == "app" || to == "demo" || to == "admin" || to == "audit" || to == "device" || to == "strict"
	}
	return below < level && (level >= 5 || below <= 2)
}

func (p plan) member(row int, name string) string {
	for _, m := range p.tiers[row].pkgs {
		if name == m || strings.HasPrefix(name, m+"/") {
			return m
		}
	}
	return ""
}

func (p plan) level(row int) int { return int(p.tiers[row].name[0] - '0') }

func (p plan) checkFence(t *testing.T, name, imported string) {
	t.Helper()
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return // the standard library
	}
	for mod, allowed := range p.fences {
		if imported != mod && !strings.HasPrefix(imported, mod+"/") {
			continue
		}
		for _, a := range allowed {
			if name == a || strings.HasPrefix(name, a+"/") {
				return
			}
		}
		t.Errorf("%s imports %s, which is fenced to %v", name, imported, allowed)
		return
	}
	t.Errorf("%s imports %s, which no fence of docs/architecture.md allows", name, imported)
}

func readPlan(t *testing.T) plan {
	t.Helper()
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	p := plan{fences: map[string][]string{}}
	quoted := regexp.MustCompile("`([^`]+)`")
	table := ""
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 4 {
			table = ""
			continue
		}
		head := strings.TrimSpace(cells[1])
		var names []string
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			names = append(names, m[1])
		}
		switch {
		case head == "tier" || head == "module":
			table = head
		case strings.HasPrefix(head, "---"):
		case table == "tier":
			p.tiers = append(p.tiers, tier{name: head, pkgs: names})
		case table == "module":
			p.fences[strings.Trim(head, "`")] = names
		}
	}
	if len(p.tiers) < 8 || len(p.fences) < 10 {
		t.Fatalf("docs/architecture.md: %d tiers and %d fences read", len(p.tiers), len(p.fences))
	}
	return p
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,TestImports,XTestImports,GoFiles", module+"/...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
}
