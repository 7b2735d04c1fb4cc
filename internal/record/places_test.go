package record

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlacesPutANameWhereOneIsLeftOpen(t *testing.T) {
	g := Recognise{Paths: []string{"/realms/*", "/application/o/*/", "/oidc", "/*/realms/*", "/realm?/*", "/*_*", "/pre-*", "/"}}
	for name, want := range map[string][]string{
		"acme": {"/realms/acme", "/application/o/acme", "/oidc", ""},
		"":     {"/oidc", ""},
	} {
		if diff := cmp.Diff(want, g.Places(name)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

func TestAPathThatEveryInstallationHasIsOneOfTheKinds(t *testing.T) {
	_, faults := override(t, base(t, "oidc"), "recognise: {paths: [/realms/*], always: [/realms/master]}")
	if len(faults) > 0 {
		t.Error(faults)
	}
	_, faults = override(t, base(t, "oidc"), "recognise: {paths: [/realms/*], always: [/master]}")
	if len(faults) != 1 || faults[0].Path != "record.recognise.always[0]" {
		t.Error(faults)
	}
}
