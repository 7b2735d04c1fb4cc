package config

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema gives the configuration's JSON schema (draft 2020-12), for editors and
// for checks before a file reaches this program. It is generated from the
// struct tree and its comments; the tests fail when the two differ, and
// `go test ./internal/config -run Schema -update` writes it anew.
func Schema() ([]byte, error) {
	return slices.Clone(schema), nil
}
