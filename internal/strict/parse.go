package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// MaxBytes bounds a document. The largest sensible configuration is far below.
const MaxBytes = 1 << 20

// Parse reads exactly one YAML document that holds a mapping, and returns that
// mapping.
func Parse(data []byte) (*yaml.Node, []Fault) {
	if len(data) > MaxBytes {
		return nil, []Fault{{
			Message: fmt.Sprintf("the file has %d bytes", len(data)),
			Fix:     fmt.Sprintf("keep it below %d bytes", MaxBytes),
		}}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, []Fault{{Message: err.Error()}}
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return nil, []Fault{{Line: 1, Column: 1, Message: "the file is empty", Fix: "write the configuration as YAML"}}
	case err != nil:
		return nil, []Fault{syntaxFault(err)}
	case len(doc.Content) != 1:
		return nil, []Fault{{Line: 1, Column: 1, Message: "the file is empty", Fix: "write the configuration as YAML"}}
	}
	var second yaml.Node
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, []Fault{{
			Line: second.Line, Column: second.Column,
			Message: "a second document begins here",
			Fix:     "remove the `---` line, or put the second document into a file of its own",
		}}
	case !errors.Is(err, io.EOF):
		return nil, []Fault{syntaxFault(err)}
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, []Fault{{
			Line: root.Line, Column: root.Column,
			Message: "the file holds " + describe(root) + " where keys and values are wanted",
			Fix:     "write `key: value` lines",
		}}
	}
	return root, nil
}

// syntaxFault turns the parser's error into a fault with the place it names.
func syntaxFault(err error) Fault {
	const fix = "check indentation (spaces, no tabs), quotes and brackets"
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return Fault{Message: "this is not YAML: " + err.Error(), Fix: fix}
	}
	f := Fault{Line: load.Mark.Line, Column: load.Mark.Column, Message: "this is not YAML: " + load.Message, Fix: fix}
	if load.ContextMark.Line > 0 && load.ContextMark.Line != f.Line {
		f.Message += fmt.Sprintf(" (%s that began at line %d, column %d)",
			load.ContextMsg, load.ContextMark.Line, load.ContextMark.Column)
	}
	return f
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "nothing"
		}
		return "a single value"
	default:
		return "something else"
	}
}
