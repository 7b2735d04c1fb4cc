package strict

import (
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

const extension = ".yaml"

// Checked is a value that says what is wrong with itself. Faults have paths and no
// positions.
type Checked interface {
	Validate() []Fault
}

// Shelf is a folder of YAML files, each of which is one value and is named for it. It is
// not changed once it has been used.
type Shelf[T Checked] struct {
	Files  fs.FS
	Folder string
	Blank  func(name string) T // what a file is read on top of
}

// Names lists what there is, in alphabetical order.
func (s Shelf[T]) Names() []string {
	entries, err := fs.ReadDir(s.Files, s.Folder)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), extension); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Lookup gives the value of a name. Each call gives a copy of its own.
func (s Shelf[T]) Lookup(name string) (T, bool) {
	var none T
	if !slices.Contains(s.Names(), name) {
		return none, false
	}
	value, faults := s.Read(name)
	return value, len(faults) == 0
}

// Read reads one file and demands that it is whole.
func (s Shelf[T]) Read(name string) (T, []Fault) {
	blank := s.Blank(name)
	data, err := fs.ReadFile(s.Files, s.Folder+"/"+name+extension)
	if err != nil {
		return blank, []Fault{{Message: err.Error()}}
	}
	node, faults := Parse(data)
	if len(faults) > 0 {
		return blank, faults
	}
	return Override(blank, node, "")
}

// Override reads what a mapping states on top of base: fields that are absent stay as
// they are, lists and maps that are present replace the old ones whole. path begins the
// path of every fault. The value is good where there are no faults; base is never changed.
func Override[T Checked](base T, node *yaml.Node, path string) (T, []Fault) {
	value := base
	positions, faults := Decode(node, path, &value)
	if len(faults) > 0 {
		return value, faults
	}
	faults = value.Validate()
	for i, f := range faults {
		full := f.Path
		if path != "" {
			full = strings.TrimSuffix(path+"."+f.Path, ".")
		}
		at := positions.At(full)
		faults[i].Path, faults[i].Line, faults[i].Column = full, at.Line, at.Column
	}
	Sort(faults)
	return value, faults
}
