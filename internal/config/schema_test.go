package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/strict"
)

var update = flag.Bool("update", false, "write schema.json anew")

const modulePath = "github.com/cardea-auth/cardea/internal/config"

func TestSchemaIsKeptInStepWithTheStructs(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("schema.json is not what the structs say; run: go test ./internal/config -run Schema -update\n%s", diff)
	}
}

func generate(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, Mapper: mapType}
	if err := r.AddGoComments(modulePath, ".", jsonschema.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"../record", "../preset"} {
		if err := r.AddGoComments(modulePath, folder, jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	root := r.Reflect(&Config{})
	for name, def := range r.Reflect(&record.Record{}).Definitions {
		root.Definitions[name] = def
	}
	// Presets have words of the configuration's own, Logout and Path among them.
	r.Namer = func(t reflect.Type) string {
		if t.Name() == "" || strings.HasPrefix(t.Name(), "Preset") {
			return t.Name()
		}
		return "Preset" + t.Name()
	}
	for name, def := range r.Reflect(&preset.Preset{}).Definitions {
		root.Definitions[name] = def
	}
	own, ok := root.Definitions["App"].Properties.Get("record")
	if !ok {
		t.Fatal("an app has no record in the schema")
	}
	own.Ref = "#/$defs/Preset"
	root.Title = "Cardea configuration"
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// mapType says how types look in YAML that reflection cannot see through.
func mapType(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string, examples ...any) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: pattern, Examples: examples}
	}
	if enum, ok := reflect.Zero(t).Interface().(strict.Enum); ok {
		s := &jsonschema.Schema{Type: "string"}
		for _, v := range enum.Values() {
			s.Enum = append(s.Enum, v)
		}
		return s
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return text(`^([0-9]+d|([0-9]+d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`, "15m", "8h", "30d")
	case reflect.TypeFor[netip.Prefix]():
		return text("", "10.0.0.0/8")
	case reflect.TypeFor[Origin]():
		return text("^https?://", "https://auth.example.com")
	case reflect.TypeFor[AppURL]():
		return text("^https?://", "https://chat.example.com", "https://*.apps.example.com")
	case reflect.TypeFor[Upstream]():
		return text("^(https?://|h2c://|unix:)", "http://127.0.0.1:8000", "unix:/run/app.sock")
	case reflect.TypeFor[Listen]():
		return text("", "127.0.0.1:4180", "unix:/run/cardea.sock")
	case reflect.TypeFor[HeaderSource]():
		return text("^(account|handle|subject|email|name|groups|id_token|access_token|claim:.+)$")
	case reflect.TypeFor[CORSOrigin]():
		return text(`^(\*|https?://.*)$`)
	case reflect.TypeFor[yaml.Node]():
		return &jsonschema.Schema{Ref: "#/$defs/Record"}
	case reflect.TypeFor[Headers]():
		properties := jsonschema.NewProperties()
		properties.Set("set", mapType(reflect.TypeFor[HeaderSet]()))
		return &jsonschema.Schema{Type: "object", Properties: properties, AdditionalProperties: mapType(reflect.TypeFor[HeaderSource]())}
	}
	return nil
}

// An editor that follows the schema marks no duration that is taken, and marks what is not.
func TestSchemaAndReaderAgreeAboutDurations(t *testing.T) {
	pattern := regexp.MustCompile(mapType(reflect.TypeFor[time.Duration]()).Pattern)
	for text, want := range map[string]bool{
		"90s": true, "1h30m": true, "1.5h": true, "400d": true, "1d12h": true, "7d0.5h": true,
		"": false, "d": false, "1.5d": false, "-1d": false, "1d1d": false, "12h1d": false, "1d-1h": false, "1d0": false, "3w": false, "-3s": false,
	} {
		_, err := strict.Duration(text)
		read, marked := err == nil, !pattern.MatchString(text)
		if read != want || marked == want {
			t.Errorf("%q: the reader takes it: %v, the schema: %v, want %v", text, read, !marked, want)
		}
	}
}

// The schema and the reader are made from the same tags; this holds what each
// of them knows against the other, key by key.
func TestSchemaKnowsEveryKeyThatTheReaderKnowsAndNoOther(t *testing.T) {
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Description string `json:"description"`
			} `json:"properties"`
			AdditionalProperties any `json:"additionalProperties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"Config": &Config{}, "Provider": &Provider{}, "App": &App{}, "Access": &Access{}, "Path": &Path{},
		"Session": &Session{}, "CORS": &CORS{}, "Limits": &Limits{}, "Audit": &Audit{}, "Record": &record.Record{}, "SignOut": &record.SignOut{},
		"Preset": &preset.Preset{}, "PresetCall": &preset.Call{}, "PresetPath": &preset.Path{}, "PresetLogout": &preset.Logout{}, "PresetCookies": &preset.Cookies{},
	} {
		def, ok := doc.Defs[name]
		if !ok {
			t.Errorf("%s is not in the schema", name)
			continue
		}
		if def.AdditionalProperties != false {
			t.Errorf("%s takes unknown keys", name)
		}
		for key, p := range def.Properties {
			node, faults := strict.Parse([]byte(key + ": ~\n"))
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			_, faults = strict.Decode(node, "", v)
			if len(faults) != 1 || faults[0].Message != "has no value" {
				t.Errorf("%s.%s: the reader says %v", name, key, faults)
			}
			if p.Description == "" {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
		if n := countKeys(reflect.TypeOf(v).Elem()); n != len(def.Properties) {
			t.Errorf("%s: the schema knows %d keys, the reader %d", name, len(def.Properties), n)
		}
	}
}

func countKeys(t reflect.Type) int {
	n := 0
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Tag.Get("yaml") != "-" {
			n++
		}
	}
	return n
}

func TestSchemaIsACopyOfItsOwn(t *testing.T) {
	a, _ := Schema()
	clear(a)
	if b, _ := Schema(); bytes.Equal(a, b) {
		t.Error("a caller can change the schema for others")
	}
}
