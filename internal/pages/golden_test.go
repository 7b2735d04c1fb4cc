package pages

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

var styleElement = regexp.MustCompile(`(?s)<(style|script)>.*?</(?:style|script)>`)

func TestPagesAreAsTheGoldenFilesShow(t *testing.T) {
	p := newPages(t, Options{})
	written := map[string]bool{}
	for _, f := range fixtures() {
		for _, lang := range []string{"en", "zh"} {
			t.Run(f.name+"."+lang, func(t *testing.T) {
				w := f.get(p, lang)
				body := styleElement.ReplaceAllString(w.Body.String(), "<$1></$1>")
				got := fmt.Sprintf("<!-- %d -->\n%s", w.Code, body)
				file := filepath.Join("testdata", f.name+"."+lang+".golden.html")
				written[file] = true
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("(-golden +got; -update writes them anew)\n%s", diff)
				}
			})
		}
	}
	files, err := filepath.Glob("testdata/*.golden.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !written[file] && flag.Lookup("test.run").Value.String() == "" {
			t.Errorf("%s belongs to no page", file)
		}
	}
}

func TestPlainHTTPIsWarnedOfOnEveryPage(t *testing.T) {
	safe, insecure := newPages(t, Options{}), newPages(t, Options{Insecure: true})
	for _, f := range fixtures() {
		for lang, warning := range map[string]string{"en": "runs without https", "zh": "未启用 https"} {
			if !strings.Contains(f.get(insecure, lang).Body.String(), warning) {
				t.Errorf("%s %s: no warning", f.name, lang)
			}
			if strings.Contains(f.get(safe, lang).Body.String(), warning) {
				t.Errorf("%s %s: a warning without reason", f.name, lang)
			}
		}
	}
}

func TestPagesFetchNothingAndRunNothing(t *testing.T) {
	p := newPages(t, Options{Insecure: true})
	for _, f := range fixtures() {
		body := f.get(p, "en").Body.String()
		if strings.HasPrefix(f.name, "account") {
			continue // the one page with a script and a picture; see account_test.go
		}
		for _, bad := range []string{"<script", "<img", "<iframe", "@import", "url(", " style=", "<link rel=\"stylesheet"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s contains %s", f.name, bad)
			}
		}
		if len(body) > 16<<10 {
			t.Errorf("%s has %d bytes", f.name, len(body))
		}
	}
}
