package config

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/strict"
)

// Change is one key whose value two configurations do not share.
type Change struct {
	// Key is its path: apps[chat].upstream. Members of lists are named by their ids.
	Key string
	// Old and New are the values in words, bounded, and never a secret. Old is "" where there
	// was none, and where no value is told: New then is a word (added, removed, set, changed).
	// So are the fields of an overridden record told.
	Old, New string
	// Restart: a running gateway cannot take it over (NeedsRestart).
	Restart bool
}

// String gives the change on one line.
func (c Change) String() string {
	switch {
	case c.Old == "":
		return c.Key + ": " + c.New
	case c.New == wordRemoved:
		return c.Key + ": no longer " + c.Old
	}
	return c.Key + ": " + c.Old + " becomes " + c.New
}

// Words of a change that are no values.
const (
	wordAdded   = "added"
	wordRemoved = "removed"
	wordSet     = "set"
	wordChanged = "changed"
	wordContent = "what it names has another content"
)

// Diff returns what is another in after than in before, in the order of the keys: what the
// files say once defaults are filled in, and what the files and variables that they name
// hold. Both are results of Load.
func Diff(before, after *Config) []Change {
	d := &differ{}
	d.fields("", reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	return d.list
}

type differ struct{ list []Change }

func (d *differ) add(key, from, to string) {
	d.list = append(d.list, Change{Key: key, Old: from, New: cmp.Or(to, wordRemoved), Restart: NeedsRestart(key)})
}

// fields compares two structs key by key.
func (d *differ) fields(path string, a, b reflect.Value) {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		x, y := a.Field(i), b.Field(i)
		switch {
		case name == "-":
			d.content(path, f.Name, a, b)
		case options == "inline":
			d.maps(path, x, y)
		default:
			d.values(strict.Key(path, name), x, y)
		}
	}
}

func (d *differ) values(path string, a, b reflect.Value) {
	switch {
	case a.Type() == reflect.TypeFor[*yaml.Node]():
		d.nodes(path, plain(a), plain(b))
	case leaf(a.Type()):
		if from, to := words(a), words(b); !same(a, b) {
			d.add(path, from, to)
		}
	case a.Kind() == reflect.Pointer:
		d.pointers(path, a, b)
	case a.Kind() == reflect.Struct:
		d.fields(path, a, b)
	case a.Kind() == reflect.Map:
		d.maps(path, a, b)
	case a.Kind() == reflect.Slice && a.Type().Elem().Kind() == reflect.Struct && !leaf(a.Type().Elem()):
		d.lists(path, a, b)
	case !same(a, b):
		d.add(path, words(a), words(b))
	}
}

func (d *differ) pointers(path string, a, b reflect.Value) {
	switch {
	case a.IsNil() && b.IsNil():
	case a.IsNil():
		d.add(path, "", wordSet)
	case b.IsNil():
		d.add(path, "", wordRemoved)
	default:
		d.values(path, a.Elem(), b.Elem())
	}
}

// lists compares members by their names. Their order counts: of providers it is that of
// the choice page.
func (d *differ) lists(path string, a, b reflect.Value) {
	was, is := members(a), members(b)
	var stay, order []string
	for _, m := range was {
		i := slices.IndexFunc(is, func(x member) bool { return x.name == m.name })
		if i < 0 {
			d.add(path+"["+m.name+"]", "", wordRemoved)
			continue
		}
		stay = append(stay, m.name)
		d.values(path+"["+m.name+"]", m.value, is[i].value)
	}
	for _, m := range is {
		if slices.Contains(stay, m.name) {
			order = append(order, m.name)
		} else {
			d.add(path+"["+m.name+"]", "", wordAdded)
		}
	}
	if !slices.Equal(stay, order) {
		d.add(path, strings.Join(stay, ", "), strings.Join(order, ", "))
	}
}

type member struct {
	name  string
	value reflect.Value
}

func members(list reflect.Value) []member {
	out := make([]member, list.Len())
	for i := range out {
		v := list.Index(i)
		out[i] = member{fmt.Sprint(i), v}
		switch m := v.Interface().(type) {
		case Provider:
			out[i].name = m.ID
		case App:
			out[i].name = m.ID
		case Path:
			out[i].name = m.Prefix + m.Exact
			if m.Exact != "" {
				out[i].name = "exactly " + m.Exact
			}
		case Logout:
			out[i].name = m.Method + " " + m.Path
		}
	}
	return out
}

func (d *differ) maps(path string, a, b reflect.Value) {
	names := map[string]bool{}
	for _, m := range []reflect.Value{a, b} {
		for _, k := range m.MapKeys() {
			names[k.String()] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		k := reflect.ValueOf(name).Convert(a.Type().Key())
		x, y := a.MapIndex(k), b.MapIndex(k)
		switch {
		case !x.IsValid():
			d.add(strict.Key(path, name), "", words(y))
		case !y.IsValid():
			d.add(strict.Key(path, name), words(x), "")
		default:
			d.values(strict.Key(path, name), x, y)
		}
	}
}

// nodes compares what stands in an overridden record. Its values are not told.
func (d *differ) nodes(path string, a, b any) {
	x, isX := a.(map[string]any)
	y, isY := b.(map[string]any)
	if !isX || !isY {
		switch {
		case reflect.DeepEqual(a, b):
		case a == nil:
			d.add(path, "", wordSet)
		case b == nil:
			d.add(path, "", wordRemoved)
		default:
			d.add(path, "", wordChanged)
		}
		return
	}
	names := map[string]bool{}
	for name := range x {
		names[name] = true
	}
	for name := range y {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d.nodes(strict.Key(path, name), x[name], y[name])
	}
}

// plain is what a node says, without where and how it is written.
func plain(v reflect.Value) any {
	n, _ := v.Interface().(*yaml.Node)
	if n == nil {
		return nil
	}
	var out any
	if err := n.Decode(&out); err != nil {
		return err.Error()
	}
	return out
}

// contents are the values that keys name rather than state: by type and field, the keys.
var contents = map[string][]string{
	"Admin.Token": {"token_file", "token_env"}, "Keys.Root": {"root_env"}, "TLS.Pair": {"cert_file"},
	"Provider.ClientSecret": {"client_secret_file", "client_secret_env"}, "Provider.ClientKey": {"client_key_file", "client_key_env"},
	"Provider.CA": {"ca_file"}, "App.CA": {"ca_file"},
}

// derived are fields that follow from keys and name nothing of their own.
var derived = []string{"Config.File", "Config.Digest", "Provider.Record", "App.Record", "App.Resolved"}

// content compares what a key names, where the key itself is the same.
func (d *differ) content(path, field string, a, b reflect.Value) {
	for _, key := range contents[a.Type().Name()+"."+field] {
		from, to := stated(a, key), stated(b, key)
		if from == to && to != "" && !same(a.FieldByName(field), b.FieldByName(field)) {
			d.add(strict.Key(path, key), "", wordContent)
		}
	}
}

func stated(v reflect.Value, key string) string {
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); name == key {
			return v.Field(i).String()
		}
	}
	return ""
}

// leaf reports whether a value is written as one word.
func leaf(t reflect.Type) bool {
	marshaler := reflect.TypeFor[encoding.TextMarshaler]()
	return t.Implements(marshaler) || t.Kind() == reflect.Pointer && t.Elem().Kind() != reflect.Struct
}

// same compares values; secrets by what they are, not by what they show.
func same(a, b reflect.Value) bool {
	if x, ok := a.Interface().(Secret); ok {
		y, _ := b.Interface().(Secret)
		return x.Reveal() == y.Reveal()
	}
	if x, ok := a.Interface().(Pair); ok {
		y, _ := b.Interface().(Pair)
		return x.Equal(y)
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// maxWords bounds what is told of a value.
const maxWords = 160

func words(v reflect.Value) string {
	text := said(v)
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "..."
	}
	return text
}

func said(v reflect.Value) string {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return ""
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return short(x)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return ""
		}
		return string(text)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return said(v.Elem())
	case reflect.Slice:
		list := make([]string, v.Len())
		for i := range list {
			list[i] = said(v.Index(i))
		}
		return strings.Join(list, ", ")
	case reflect.Struct:
		return wordSet
	}
	return fmt.Sprint(v.Interface())
}
