package config

import "testing"

// Without a client id nobody could tell for whom an ID token was meant.
func TestGHSA_wcvh_g65p_v576_NoStartWithoutAnAudience(t *testing.T) {
	const line = "client_id: cardea"
	const path, fix = "providers[0].client_id", "write the client id that the provider gave"
	for _, tt := range []faultCase{
		{"missing", idLine + issuerLine + "\n    " + line, mark + idLine + issuerLine, path, "is missing", fix},
		{"empty", line, "client_id: " + mark + "''", path, "is missing", fix},
		{"nothing", line, "client_id:" + mark, path, "has no value", "write one"},
		{"a list", line, "client_id: " + mark + "[cardea, other]", path, "is a list", "one value"},
	} {
		t.Run(tt.name, tt.run)
	}
}
