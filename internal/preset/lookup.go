package preset

import (
	"embed"
	"net/http"

	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/strict"
)

//go:embed presets/*.yaml
var files embed.FS

// Generic is the name of the preset that suits any application.
const Generic = "generic"

// policyViolation is RFC 6455 section 7.4.1.
const policyViolation = 1008

func shelf() strict.Shelf[Preset] {
	return strict.Shelf[Preset]{Files: files, Folder: "presets", Blank: func(name string) Preset {
		return Preset{Name: name, WebSocket: WebSocket{Code: policyViolation}, Refusal: Refusal{Status: http.StatusUnauthorized}}
	}}
}

// Names lists the presets, in alphabetical order.
func Names() []string { return shelf().Names() }

// Lookup gives the preset of a name. Each call gives a copy of its own.
func Lookup(name string) (Preset, bool) { return shelf().Lookup(name) }

// Decode reads an operator's overrides on top of base, as strict.Override does.
func Decode(base Preset, node *yaml.Node, path string) (Preset, []strict.Fault) {
	return strict.Override(base, node, path)
}
