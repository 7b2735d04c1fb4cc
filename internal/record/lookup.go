package record

import (
	"embed"

	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/strict"
)

//go:embed records/*.yaml
var files embed.FS

func shelf() strict.Shelf[Record] {
	return strict.Shelf[Record]{Files: files, Folder: "records", Blank: func(kind string) Record { return Record{Kind: kind} }}
}

// Kinds lists the kinds that have a record, in alphabetical order.
func Kinds() []string { return shelf().Names() }

// Lookup gives the record of a kind. Each call gives a copy of its own.
func Lookup(kind string) (Record, bool) { return shelf().Lookup(kind) }

// Decode reads an operator's overrides on top of base, as strict.Override does.
func Decode(base Record, node *yaml.Node, path string) (Record, []strict.Fault) {
	return strict.Override(base, node, path)
}
