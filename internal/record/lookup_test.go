package record

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryEmbeddedRecordIsWhole(t *testing.T) {
	kinds := Kinds()
	if diff := cmp.Diff([]string{"keycloak", "oidc"}, kinds); diff != "" {
		t.Fatalf("kinds (-want +got):\n%s", diff)
	}
	for _, kind := range kinds {
		r, faults := shelf().Read(kind)
		for _, f := range faults {
			t.Errorf("%s:%s", kind, f)
		}
		if r.Kind != kind {
			t.Errorf("kind %q, want %q", r.Kind, kind)
		}
	}
}
