package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/admin"
)

func TestWhyPutsEveryCommandOnALineOfItsOwn(t *testing.T) {
	const command = "cardea accounts unlink a-handle-of-thirty-two-characters 5vY0tqLWnEBHXyqu9LxA2Q --yes a-handle-of-thirty-two-characters"
	var out bytes.Buffer
	if err := whyText(&out, admin.Incident{ID: "i", Means: "m", Fix: "f", Commands: []string{"cardea accounts show ann", command}}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "\n  f\n\n  cardea accounts show ann\n  "+command+"\n") {
		t.Errorf("%s", &out)
	}
}
