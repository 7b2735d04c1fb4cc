package strict

import (
	"reflect"
	"strings"
)

// fields is how one struct type is read.
type fields struct {
	byKey      map[string]field
	keys       []string
	inline     int
	inlineHint string
}

type field struct {
	index int
	hint  string
}

func fieldsOf(t reflect.Type) fields {
	out := fields{byKey: map[string]field{}, inline: -1}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case key == "-":
		case strings.Contains(options, "inline"):
			out.inline, out.inlineHint = i, f.Tag.Get("hint")
		default:
			if key == "" {
				key = strings.ToLower(f.Name)
			}
			out.byKey[key] = field{index: i, hint: f.Tag.Get("hint")}
			out.keys = append(out.keys, key)
		}
	}
	return out
}
