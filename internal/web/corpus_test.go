package web

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// corpus calls f for every target of the redirect corpus.
func corpus(t *testing.T, f func(target string, ok bool)) {
	t.Helper()
	text, err := os.ReadFile("../httpx/testdata/targets.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		verdict, quoted, found := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !found || verdict == "#" {
			continue
		}
		var target string
		if err := json.Unmarshal([]byte(quoted), &target); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		n++
		f(target, verdict == "ok")
	}
	if n < 300 {
		t.Fatalf("only %d targets read", n)
	}
}
