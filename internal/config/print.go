package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Print writes the effective configuration as YAML: every default filled in,
// every path absolute, each provider's and each app's whole record. Secrets are masked, and
// the keys beside them say where they come from. Loaded again, what it writes
// gives the same configuration.
func Print(cfg *Config) ([]byte, error) {
	shown := *cfg
	shown.Providers = make([]Provider, len(cfg.Providers))
	for i, p := range cfg.Providers {
		var node yaml.Node
		if err := node.Encode(p.Record); err != nil {
			return nil, fmt.Errorf("printing the record of provider %s: %w", p.ID, err)
		}
		p.Override, p.EmailVerified, p.Scopes = &node, "", nil
		shown.Providers[i] = p
	}
	shown.Apps = make([]App, len(cfg.Apps))
	for i, a := range cfg.Apps {
		var node yaml.Node
		if err := node.Encode(a.Record); err != nil {
			return nil, fmt.Errorf("printing the record of app %s: %w", a.ID, err)
		}
		a.Override = &node
		shown.Apps[i] = a
	}
	var root yaml.Node
	if err := root.Encode(&shown); err != nil {
		return nil, fmt.Errorf("printing the configuration: %w", err)
	}
	mask(&root)
	out, err := yaml.Dump(&root, yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("printing the configuration: %w", err)
	}
	return out, nil
}

// mask marks every key that a secret was read by.
func mask(n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch key.Value {
			case "client_secret_file", "client_key_file", "token_file":
				value.LineComment = "# " + masked + " (read from this file)"
			case "client_secret_env", "client_key_env", "root_env", "token_env":
				value.LineComment = "# " + masked + " (read from this environment variable)"
			}
		}
	}
	for _, c := range n.Content {
		mask(c)
	}
}
