package app

import (
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/record"
)

// asOverride writes a record as an operator would in providers[].record, every field of it.
func asOverride(r record.Record) (string, error) {
	text, err := yaml.Marshal(yamlValue(reflect.ValueOf(r)))
	return string(text), err
}

// yamlValue turns a record into maps and lists that YAML writes as the configuration reads
// them. What is empty and has no empty form there is left out.
func yamlValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			field := v.Field(i)
			if name == "-" || field.Kind() == reflect.String && field.String() == "" && strings.Contains(options, "omitempty") {
				continue
			}
			out[name] = yamlValue(field)
		}
		return out
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, yamlValue(v.Index(i)))
		}
		return list
	case reflect.Map:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[key.String()] = yamlValue(v.MapIndex(key))
		}
		return out
	case reflect.String:
		return v.String()
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return d.String()
	}
	return v.Interface()
}
