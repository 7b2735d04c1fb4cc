package record

import (
	"embed"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/strict"
)

//go:embed records/*.yaml
var files embed.FS

const (
	folder    = "records/"
	extension = ".yaml"
)

// Kinds lists the kinds that have a record, in alphabetical order.
func Kinds() []string {
	entries, err := files.ReadDir(strings.TrimSuffix(folder, "/"))
	if err != nil {
		return nil
	}
	var kinds []string
	for _, e := range entries {
		if kind, ok := strings.CutSuffix(e.Name(), extension); ok {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// Lookup gives the record of a kind. Each call gives a copy of its own.
func Lookup(kind string) (Record, bool) {
	if !slices.Contains(Kinds(), kind) {
		return Record{}, false
	}
	data, err := files.ReadFile(folder + kind + extension)
	if err != nil {
		return Record{}, false
	}
	r, faults := parse(kind, data)
	return r, len(faults) == 0
}

// parse reads one record's file and demands that it is whole.
func parse(kind string, data []byte) (Record, []strict.Fault) {
	node, faults := strict.Parse(data)
	if len(faults) > 0 {
		return Record{}, faults
	}
	return Decode(Record{Kind: kind}, node, "")
}

// Decode reads an operator's overrides on top of base: fields that are absent
// stay as they are, lists and maps that are present replace the old ones whole.
// path begins the path of every fault. The record is good where there are no
// faults; base is never changed.
func Decode(base Record, node *yaml.Node, path string) (Record, []strict.Fault) {
	r := base
	positions, faults := strict.Decode(node, path, &r)
	if len(faults) > 0 {
		return r, faults
	}
	faults = r.Validate()
	for i, f := range faults {
		full := f.Path
		if path != "" {
			full = strings.TrimSuffix(path+"."+f.Path, ".")
		}
		at := positions.At(full)
		faults[i].Path, faults[i].Line, faults[i].Column = full, at.Line, at.Column
	}
	strict.Sort(faults)
	return r, faults
}
