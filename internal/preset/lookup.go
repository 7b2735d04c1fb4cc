package preset

import (
	"embed"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/strict"
)

//go:embed presets/*.yaml
var files embed.FS

const (
	folder    = "presets/"
	extension = ".yaml"
)

// Generic is the name of the preset that suits any application.
const Generic = "generic"

// policyViolation is RFC 6455 section 7.4.1.
const policyViolation = 1008

// Names lists the presets, in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(strings.TrimSuffix(folder, "/"))
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

// Lookup gives the preset of a name. Each call gives a copy of its own.
func Lookup(name string) (Preset, bool) {
	if !slices.Contains(Names(), name) {
		return Preset{}, false
	}
	data, err := files.ReadFile(folder + name + extension)
	if err != nil {
		return Preset{}, false
	}
	p, faults := parse(name, data)
	return p, len(faults) == 0
}

// parse reads one preset's file and demands that it is whole.
func parse(name string, data []byte) (Preset, []strict.Fault) {
	node, faults := strict.Parse(data)
	if len(faults) > 0 {
		return Preset{}, faults
	}
	blank := Preset{Name: name, WebSocket: WebSocket{Code: policyViolation}, Refusal: Refusal{Status: http.StatusUnauthorized}}
	return Decode(blank, node, "")
}

// Decode reads an operator's overrides on top of base: fields that are absent stay as
// they are, lists and maps that are present replace the old ones whole. path begins
// the path of every fault. The preset is good where there are no faults; base is never
// changed.
func Decode(base Preset, node *yaml.Node, path string) (Preset, []strict.Fault) {
	p := base
	positions, faults := strict.Decode(node, path, &p)
	if len(faults) > 0 {
		return p, faults
	}
	faults = p.Validate()
	for i, f := range faults {
		full := f.Path
		if path != "" {
			full = strings.TrimSuffix(path+"."+f.Path, ".")
		}
		at := positions.At(full)
		faults[i].Path, faults[i].Line, faults[i].Column = full, at.Line, at.Column
	}
	strict.Sort(faults)
	return p, faults
}
