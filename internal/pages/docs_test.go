package pages

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The pictures are made by "make screenshots", which keeps those of the pages named here.
func TestTheDocumentationShowsPicturesThatAreThereAndSmall(t *testing.T) {
	text, err := os.ReadFile("../../docs/pages.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples, shown []string
	for _, e := range Examples() {
		examples = append(examples, e.Name)
	}
	total := int64(0)
	for _, m := range regexp.MustCompile(`\]\(images/([a-z-]+)\.png\)`).FindAllSubmatch(text, -1) {
		name := string(m[1])
		shown = append(shown, name)
		info, err := os.Stat("../../docs/images/" + name + ".png")
		if err != nil {
			t.Error(err)
			continue
		}
		if total += info.Size(); info.Size() > 60<<10 {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
		if !slices.Contains(examples, name) {
			t.Errorf("%s is no page's", name)
		}
	}
	if len(shown) < 12 || total > 800<<10 {
		t.Errorf("%d pictures of %d bytes in all", len(shown), total)
	}
	files, err := filepath.Glob("../../docs/images/*.png")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".png"); !slices.Contains(shown, name) {
			t.Errorf("docs/images/%s.png is shown nowhere", name)
		}
	}
}
